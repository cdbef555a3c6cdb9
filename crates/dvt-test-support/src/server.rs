//! A server that tests can reach, and how one is started.

use crate::Certificates;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where a server listens and who may do everything there.
#[derive(Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub certificates: Option<Certificates>,
    pub socket_folder: Option<String>,
    /// Held for the life of the process: the watchdog stops the server when nobody holds it.
    #[expect(dead_code, reason = "it is held, not read")]
    pub(crate) in_use: Option<File>,
}

/// A server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("`{program}` is not installed")]
    NotInstalled { program: String },
    #[error("`{program}` failed: {output}")]
    Program { program: String, output: String },
    #[error("{path}: {cause}")]
    File { path: String, cause: io::Error },
    #[error("the server did not answer within {seconds} seconds; its log ends with: {log}")]
    NotReady { seconds: u64, log: String },
    #[error("`{url}` is not scheme://user:password@host:port/database")]
    Url { url: String },
}

impl StartError {
    pub(crate) fn file(path: &Path, cause: io::Error) -> Self {
        Self::File { path: path.display().to_string(), cause }
    }
}

impl Server {
    pub(crate) fn from_url(url: &str) -> Result<Self, StartError> {
        let parse = || {
            let (_, rest) = url.split_once("://")?;
            let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
            let (login, address) = authority.rsplit_once('@')?;
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let (host, port) = address.rsplit_once(':')?;
            Some(Self {
                host: host.to_owned(),
                port: port.parse().ok()?,
                user: user.to_owned(),
                password: password.to_owned(),
                certificates: None,
                socket_folder: None,
                in_use: None,
            })
        };
        parse().ok_or_else(|| StartError::Url { url: "the URL in the environment".to_owned() })
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// A command that runs as `user` when this process is root (servers refuse to run as root), else as the caller.
pub(crate) fn command_as(user: &str, program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", user, "--regid", user, "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

pub(crate) fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Runs a program to its end; its standard output, or an error with what it printed.
pub(crate) fn run_program(command: &mut Command) -> Result<String, StartError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StartError::NotInstalled { program });
        }
        Err(error) => {
            return Err(StartError::Program { program, output: error.to_string() });
        }
    };
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).into_owned())
    } else {
        let output = format!("{}{}", String::from_utf8_lossy(&stderr), String::from_utf8_lossy(&stdout));
        Err(StartError::Program { program, output: output.trim().to_owned() })
    }
}

/// Asks until the server answers; gives up when it has died or after a minute.
pub(crate) fn wait_until_ready(
    log: &Path,
    mut is_alive: impl FnMut() -> bool,
    mut ask: impl FnMut() -> Result<String, StartError>,
) -> Result<(), StartError> {
    let seconds = 60;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while ask().is_err() {
        if !is_alive() || Instant::now() > deadline {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            return Err(StartError::NotReady { seconds, log: lines[lines.len().saturating_sub(8)..].join(" | ") });
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
