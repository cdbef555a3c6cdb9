//! `logs/dvt.log`: what dvt did, for us. Rotated by size, redacted line by line, never holding row values.

use crate::cli::{LogFormat, LogLevel};
use crate::printer::SharedRedactor;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Older files that are kept: `dvt.log.1` is the youngest.
const KEPT: usize = 5;

#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) folder: PathBuf,
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
    pub(crate) max_bytes: u64,
    /// `--debug`: the same lines on stderr.
    pub(crate) on_screen: bool,
}

/// Starts logging for the rest of the process.
///
/// # Errors
/// When the log file cannot be opened; the run goes on without one.
pub(crate) fn start(settings: &LogSettings, redactor: &SharedRedactor) -> io::Result<()> {
    let file = if settings.level == LogLevel::None {
        None
    } else {
        Some(RotatingFile::open(&settings.folder.join("dvt.log"), settings.max_bytes)?)
    };
    let screen = settings.on_screen.then(|| {
        let writer = Redacting::new(redactor, io::stderr());
        // The printer has written its own lines already.
        let filter = our_targets(LevelFilter::DEBUG).with_target("screen", LevelFilter::OFF);
        tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_target(false).with_filter(filter)
    });
    let filter = our_targets(level_filter(settings.level));
    let (text, json) = match (file, settings.format) {
        (None, _) => (None, None),
        (Some(file), LogFormat::Json) => {
            let layer = tracing_subscriber::fmt::layer().json().with_writer(Redacting::new(redactor, file));
            (None, Some(layer.with_filter(filter)))
        }
        (Some(file), LogFormat::Default | LogFormat::Text | LogFormat::Debug) => {
            let layer = tracing_subscriber::fmt::layer().with_writer(Redacting::new(redactor, file)).with_ansi(false);
            (Some(layer.with_filter(filter)), None)
        }
    };
    // A second start in one process (a test) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(text).with(json).with(screen).try_init();
    Ok(())
}

/// Our own crates at `level`; libraries only when they complain.
fn our_targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("dvt", level).with_target("screen", level)
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::None => LevelFilter::OFF,
    }
}

/// Passes text on with the known secrets replaced. The formatter hands over one whole event per write.
struct Redacting<W> {
    redactor: SharedRedactor,
    inner: Arc<Mutex<W>>,
}

impl<W> Redacting<W> {
    fn new(redactor: &SharedRedactor, inner: W) -> Self {
        Self { redactor: Arc::clone(redactor), inner: Arc::new(Mutex::new(inner)) }
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Redacting<W> {
    type Writer = RedactingWriter<W>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter { redactor: Arc::clone(&self.redactor), inner: Arc::clone(&self.inner) }
    }
}

struct RedactingWriter<W> {
    redactor: SharedRedactor,
    inner: Arc<Mutex<W>>,
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = self.redactor.read().unwrap_or_else(PoisonError::into_inner).redact(&text);
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// A file that starts anew once it has `max_bytes`.
struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl RotatingFile {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: usize| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT).rev() {
            // One that is not there yet is no problem.
            let _ = std::fs::rename(numbered(number), numbered(number + 1));
        }
        std::fs::rename(&self.path, numbered(1))?;
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes + bytes.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_five_older_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/dvt.log");
        let mut file = RotatingFile::open(&path, 10).unwrap();
        for number in 0..8 {
            writeln!(file, "line {number}").unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(folder.path().join("logs").join(name));
        assert_eq!(read("dvt.log").unwrap(), "line 7\n");
        assert_eq!(read("dvt.log.1").unwrap(), "line 6\n");
        assert_eq!(read("dvt.log.5").unwrap(), "line 2\n");
        assert!(read("dvt.log.6").is_err());
    }
}
