//! The last run of a project, when its process died before it could write its results: what `retry` starts from.

use super::Entry;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// A run that began and never said that it ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InterruptedRun {
    pub invocation_id: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// The command line's flags, as in the `args` of `run_results.json`.
    pub args: Map<String, Value>,
    /// The nodes it was to run, in order.
    pub selected: Vec<String>,
    /// How those that ended did end, in dbt's words.
    pub statuses: BTreeMap<String, String>,
}

/// The newest run that wrote its artifacts to this folder, if it was interrupted; `None` if it ended or still goes on.
#[must_use]
pub fn interrupted_run(target_path: &Path) -> Option<InterruptedRun> {
    let folder = super::journal_folder(target_path);
    let journals = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let read =
        journals.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl")).filter_map(|path| {
            let text = std::fs::read(&path).ok()?;
            let (run, has_ended) = read(&text)?;
            Some((run.started_at.clone(), run, has_ended, path))
        });
    let (_, run, has_ended, path) = read.max_by(|left, right| left.0.cmp(&right.0))?;
    if has_ended {
        return None;
    }
    // A lock that can be had is one that nobody holds: the process is gone.
    File::open(path).ok()?.try_lock_shared().is_ok().then_some(run)
}

/// What a journal says, and whether its run ended. A line that a dying process left unfinished is passed over.
fn read(text: &[u8]) -> Option<(InterruptedRun, bool)> {
    let mut run: Option<InterruptedRun> = None;
    let mut has_ended = false;
    for line in text.split(|byte| *byte == b'\n') {
        match (serde_json::from_slice(line), &mut run) {
            (Ok(Entry::RunStarted { invocation_id, at, args, selected, .. }), _) => {
                run = Some(InterruptedRun { invocation_id, started_at: at, args, selected, statuses: BTreeMap::new() });
            }
            (Ok(Entry::NodeFinished { unique_id, status, .. }), Some(run)) => {
                run.statuses.insert(unique_id, status);
            }
            (Ok(Entry::Committed { unique_id }), Some(run)) => {
                run.statuses.insert(unique_id, "success".to_owned());
            }
            (Ok(Entry::RunFinished { .. }), _) => has_ended = true,
            _ => {}
        }
    }
    run.map(|run| (run, has_ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_never_ended_is_known_with_what_it_had_done() {
        let started = r#"{"event":"run_started","invocation_id":"i","command":"build","at":"2026-01-01T00:00:00Z","args":{"which":"build"},"selected":["model.p.a","model.p.b"]}"#;
        let finished =
            r#"{"event":"node_finished","unique_id":"model.p.a","status":"success","message":null,"at":"x"}"#;
        let (run, has_ended) = read(format!("{started}\n{finished}\n{{\"event\":\"node_fin").as_bytes()).unwrap();
        assert!(!has_ended);
        assert_eq!(run.selected, ["model.p.a", "model.p.b"]);
        assert_eq!(run.statuses.get("model.p.a").map(String::as_str), Some("success"));
        assert_eq!(run.args["which"], "build");
        let committed = r#"{"event":"committed","unique_id":"model.p.b"}"#;
        let failed = r#"{"event":"node_finished","unique_id":"model.p.b","status":"error","message":null,"at":"x"}"#;
        for (lines, status) in [(committed.to_owned(), "success"), (format!("{committed}\n{failed}"), "error")] {
            let (run, _) = read(format!("{started}\n{lines}\n").as_bytes()).unwrap();
            assert_eq!(run.statuses["model.p.b"], status);
        }
        let ended = format!("{started}\n{}\n", r#"{"event":"run_finished","at":"x"}"#);
        assert!(read(ended.as_bytes()).unwrap().1);
        let older = r#"{"event":"run_started","invocation_id":"i","command":"run","at":"x"}"#;
        assert_eq!(read(older.as_bytes()).unwrap().0.selected, Vec::<String>::new());
    }
}
