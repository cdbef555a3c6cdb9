//! The live lines of a terminal: one per running node, below what has been printed.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::time::Duration;

/// Draws nothing when stdout is no terminal.
pub(crate) struct LiveLines {
    lines: Option<MultiProgress>,
    running: HashMap<String, ProgressBar>,
}

impl LiveLines {
    pub(crate) fn new(terminal: bool) -> Self {
        let lines = terminal.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout_with_hz(8)));
        Self { lines, running: HashMap::new() }
    }

    pub(crate) fn start(&mut self, unique_id: &str, text: String) {
        let Some(lines) = &self.lines else { return };
        let line = lines.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4}  {wide_msg}") {
            line.set_style(style);
        }
        line.set_message(text);
        line.enable_steady_tick(Duration::from_millis(125));
        self.running.insert(unique_id.to_owned(), line);
    }

    pub(crate) fn update(&mut self, unique_id: &str, text: String) {
        if let Some(line) = self.running.get(unique_id) {
            line.set_message(text);
        }
    }

    pub(crate) fn finish(&mut self, unique_id: &str) {
        if let Some(line) = self.running.remove(unique_id) {
            line.finish_and_clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        for (_, line) in self.running.drain() {
            line.finish_and_clear();
        }
    }

    /// Lets `write` print above the live lines.
    pub(crate) fn above(&self, write: impl FnOnce()) {
        match &self.lines {
            Some(lines) => lines.suspend(write),
            None => write(),
        }
    }
}
