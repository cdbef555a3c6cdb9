//! Servers that stand in for services of the cloud: `fakesnow` (Snowflake), `moto` (S3), and a Databricks and a BigQuery of our own, Python programs that
//! `.ci/install` puts into `~/.cache/dvt/emulators/py`. `DVT_TEST_EMULATORS` names another such folder.

use crate::server::free_port;
use std::env;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running emulator on loopback; it stops when this is dropped, or with the process.
#[derive(Debug)]
pub struct Emulator {
    pub port: u16,
    child: Child,
    /// Removed at the end.
    folder: Option<PathBuf>,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A Snowflake that keeps everything in memory, or `None` (and a line on stderr) when it is not installed.
///
/// # Panics
/// When it is required (`DVT_REQUIRE_DATABASES=1`) and absent, or does not start.
#[must_use]
pub fn fakesnow() -> Option<Emulator> {
    start("fakesnow", |port| {
        vec!["-s".to_owned(), "--host".to_owned(), "127.0.0.1".to_owned(), "--port".to_owned(), port]
    })
}

/// An S3 that keeps everything in memory, or `None` as [`fakesnow`].
///
/// # Panics
/// As [`fakesnow`].
#[must_use]
pub fn moto() -> Option<Emulator> {
    start("moto_server", |port| vec!["-H".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), port])
}

/// A Databricks workspace over DuckDB, of our own (`databricks/server.py`), or `None` as [`fakesnow`]. Its catalog `prod` has the
/// schema `default` and there the volume `files`; its warehouse is `w1`, its token [`DATABRICKS_TOKEN`].
///
/// # Panics
/// As [`fakesnow`].
#[must_use]
pub fn databricks() -> Option<Emulator> {
    let folder = env::temp_dir().join(format!("dvt-databricks-{}-{}", std::process::id(), free_port()));
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/src/databricks/server.py");
    let mut emulator = start("python", |port| vec![server.to_owned(), port, folder.display().to_string()])?;
    emulator.folder = Some(folder);
    Some(emulator)
}

/// The one token that the workspace of [`databricks`] knows.
pub const DATABRICKS_TOKEN: &str = "dapi-hunter2-token";

/// Client and secret of the one service principal that the workspace of [`databricks`] knows.
pub const DATABRICKS_PRINCIPAL: (&str, &str) = ("app-1", "dose-hunter2-secret");

/// A BigQuery over DuckDB, of our own (`bigquery/server.py`), or `None` as [`fakesnow`]. Its projects are `acme-prod`, which has the dataset
/// `dev`, and `acme-other`; its token is [`BIGQUERY_TOKEN`], or comes for the refresh token [`BIGQUERY_REFRESH`] with the secret `s3cret`.
///
/// # Panics
/// As [`fakesnow`].
#[must_use]
pub fn bigquery() -> Option<Emulator> {
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bigquery/server.py");
    start("python", |port| vec![server.to_owned(), port])
}

/// The access token that the service of [`bigquery`] knows.
pub const BIGQUERY_TOKEN: &str = "ya29-hunter2-token";

/// The refresh token that the service of [`bigquery`] knows.
pub const BIGQUERY_REFRESH: &str = "refresh-hunter2-token";

fn start(program: &str, arguments: impl FnOnce(String) -> Vec<String>) -> Option<Emulator> {
    let folder = match env::var_os("DVT_TEST_EMULATORS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME")?).join(".cache/dvt/emulators/py"),
    };
    let path = folder.join("bin").join(program);
    if !path.is_file() {
        let missing = format!("`{}` is not there: run .ci/install", path.display());
        assert!(env::var("DVT_REQUIRE_DATABASES").as_deref() != Ok("1"), "{missing}");
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: {missing}");
        }
        return None;
    }
    let port = free_port();
    // The kernel ends it with the test, however that ends.
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(&path)
        .args(arguments(port.to_string()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setpriv starts");
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "{program} does not answer");
        if let Ok(Some(status)) = child.try_wait() {
            panic!("{program} ended with {status}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Emulator { port, child, folder: None })
}

/// The folder of the drivers, if it also holds the one of this name; else as [`crate::drivers`].
///
/// # Panics
/// When the driver is required and absent.
#[must_use]
pub fn drivers_with(name: &str) -> Option<PathBuf> {
    let folder = crate::drivers()?;
    if folder.join(name).is_dir() {
        return Some(folder);
    }
    let missing = format!("the {name} driver is not in `{}`: run .ci/install", folder.display());
    assert!(env::var("DVT_REQUIRE_DATABASES").as_deref() != Ok("1"), "{missing}");
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("skipped: {missing}");
    }
    None
}
