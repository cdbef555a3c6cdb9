//! The user's own package clients: finding them, and letting them fetch one archive into a folder.
//!
//! They run with the user's environment and settings, so that mirrors, proxies and credentials are the user's; what they
//! keep for themselves (caches, logs, temporary files) goes into dvt's folder. Nothing is installed by them: `pip` only
//! downloads, `npm` only packs, and neither runs a script of what it fetches (a source archive of Python is the exception:
//! `pip` asks it for its name before it keeps it).

use crate::error::files;
use crate::{Ecosystem, Package, Places, SyncError};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A client and the words that make it download for us.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    program: PathBuf,
    /// For people: `uv`, `pip3`, `npm`.
    pub(crate) name: &'static str,
    words: &'static [&'static str],
}

/// Candidates in order: program and its first words.
const PYTHON_CLIENTS: [(&str, &[&str]); 4] =
    [("uv", &["tool", "run", "--quiet", "pip"]), ("pip3", &[]), ("pip", &[]), ("python3", &["-m", "pip"])];

/// The first client of the ecosystem that answers. A shim that leads nowhere does not count.
pub(crate) fn find(ecosystem: Ecosystem, environment: &BTreeMap<String, String>) -> Result<Client, SyncError> {
    let candidates: &[(&'static str, &'static [&'static str])] = match ecosystem {
        Ecosystem::Npm => &[("npm", &[])],
        Ecosystem::Wheel | Ecosystem::SourceArchive => &PYTHON_CLIENTS,
    };
    for (name, words) in candidates {
        let Some(program) = on_path(name, environment) else { continue };
        let mut check = Command::new(&program);
        // `uv` would fetch pip only to say its version.
        if *name != "uv" {
            check.args(*words);
        }
        check.arg("--version").env_clear().envs(environment);
        let answer = check.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if answer.is_ok_and(|status| status.success()) {
            return Ok(Client { program, name, words });
        }
    }
    Err(SyncError::NoClient {
        clients: match ecosystem {
            Ecosystem::Npm => &["npm"],
            Ecosystem::Wheel | Ecosystem::SourceArchive => &["uv", "pip"],
        },
    })
}

/// The program of that name in the folders of `PATH`.
pub(crate) fn on_path(name: &str, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folders = environment.get("PATH")?;
    std::env::split_paths(folders).map(|folder| folder.join(name)).find(|program| is_program(program))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// What a fetch needs beside its package.
pub(crate) struct Fetch<'a> {
    pub(crate) places: &'a Places,
    pub(crate) environment: &'a BTreeMap<String, String>,
    pub(crate) patience: Duration,
    pub(crate) cancel: &'a AtomicBool,
}

impl Client {
    /// Lets the client put the package's archive into `folder`, which is empty, and gives its path.
    pub(crate) fn fetch(&self, package: &Package, folder: &Path, fetch: &Fetch<'_>) -> Result<PathBuf, SyncError> {
        let requirement = package.requirement();
        let mut command = Command::new(&self.program);
        command.args(self.words).env_clear().envs(fetch.environment);
        // Paths of our own: `npm`'s logs and cache, `uv`'s tools and Pythons, temporary files.
        let own = fetch.places.home.join("cache");
        for (variable, below) in [
            ("TMPDIR", "sync-work/tmp"),
            ("UV_CACHE_DIR", "uv"),
            ("UV_TOOL_DIR", "uv-tools"),
            ("UV_PYTHON_INSTALL_DIR", "uv-python"),
            ("PIP_CACHE_DIR", "pip"),
            ("npm_config_cache", "npm"),
        ] {
            let path = own.join(below);
            std::fs::create_dir_all(&path).map_err(files("create", &path))?;
            command.env(variable, path);
        }
        match package.ecosystem {
            Ecosystem::Npm => {
                command.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(folder);
                command.arg(&requirement);
                command.env("npm_config_update_notifier", "false").env("npm_config_fund", "false");
                // `npm pack` looks for a package.json in the current folder and above.
                command.current_dir(folder);
            }
            Ecosystem::Wheel | Ecosystem::SourceArchive => {
                let hash = package.integrity.as_deref().and_then(|integrity| integrity.strip_prefix("sha256-"));
                let line = match hash {
                    Some(hash) => format!("{requirement} --hash=sha256:{hash}\n"),
                    None => format!("{requirement}\n"),
                };
                let file = folder.with_extension("txt");
                std::fs::write(&file, line).map_err(files("write", &file))?;
                command.args(["download", "--disable-pip-version-check", "--no-input", "--quiet", "--no-deps"]);
                command.arg(match package.ecosystem {
                    Ecosystem::SourceArchive => "--no-binary=:all:",
                    _ => "--only-binary=:all:",
                });
                if hash.is_some() {
                    command.arg("--require-hashes");
                }
                command.arg("--dest").arg(folder).arg("--requirement").arg(&file);
                command.current_dir(folder);
            }
        }
        tracing::debug!(client = self.name, package = requirement, "fetch");
        self.run(command, &requirement, fetch)?;
        let archive = only_file(folder)?;
        archive.ok_or_else(|| SyncError::NothingFetched { client: self.name.to_owned(), package: requirement })
    }

    fn run(&self, mut command: Command, requirement: &str, fetch: &Fetch<'_>) -> Result<(), SyncError> {
        let failed = |words: String| SyncError::ClientFailed {
            client: self.name.to_owned(),
            package: requirement.to_owned(),
            words,
        };
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let words = child.stderr.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                // What cannot be read is not told.
                let _ = pipe.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let ended = wait(&mut child, fetch);
        match ended {
            Ended::Well => Ok(()),
            Ended::TimedOut => Err(SyncError::TimedOut {
                client: self.name.to_owned(),
                package: requirement.to_owned(),
                seconds: fetch.patience.as_secs(),
            }),
            Ended::Badly(how) => {
                let words = words.and_then(|reader| reader.join().ok()).unwrap_or_default();
                let told = last_words(&words);
                Err(failed(if told.is_empty() { how } else { told }))
            }
        }
    }
}

enum Ended {
    Well,
    Badly(String),
    TimedOut,
}

fn wait(child: &mut Child, fetch: &Fetch<'_>) -> Ended {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ended::Well,
            Ok(Some(status)) => return Ended::Badly(status.to_string()),
            Ok(None) => {}
            Err(error) => return Ended::Badly(error.to_string()),
        }
        let is_cancelled = fetch.cancel.load(Ordering::Relaxed);
        if is_cancelled || started.elapsed() > fetch.patience {
            let _ = child.kill();
            let _ = child.wait();
            return if is_cancelled { Ended::Badly("interrupted".to_owned()) } else { Ended::TimedOut };
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The one archive that the client left; requirement files lie elsewhere.
fn only_file(folder: &Path) -> Result<Option<PathBuf>, SyncError> {
    let mut found = None;
    for entry in std::fs::read_dir(folder).map_err(files("read", folder))? {
        let path = entry.map_err(files("read", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_archive = [".whl", ".tgz", ".tar.gz"].iter().any(|ending| name.ends_with(ending));
        if path.is_file() && is_archive {
            found = Some(path);
        }
    }
    Ok(found)
}

/// The last lines that say something, in one, without what an address may hold before its `@`.
fn last_words(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("[notice]") && !line.starts_with("npm warn"))
        .collect();
    let kept = &lines[lines.len().saturating_sub(4)..];
    let mut text = without_credentials(&kept.join("; "));
    if text.len() > 600 {
        let cut = (0..=600).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// `scheme://user:password@host` becomes `scheme://***@host`.
fn without_credentials(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | ',')).unwrap_or(after.len());
        let authority = &after[..end];
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                clean.push_str("***@");
                clean.push_str(host);
            }
            None => clean.push_str(authority),
        }
        rest = &after[end..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::{last_words, without_credentials};

    #[test]
    fn credentials_in_addresses_are_not_told() {
        let check = |text: &str, expected: &str| assert_eq!(without_credentials(text), expected);
        check("at https://me:pa@ss@index.example/simple now", "at https://***@index.example/simple now");
        check("see https://index.example/a@b", "see https://index.example/a@b");
        check("http://t0ken@h:8080", "http://***@h:8080");
        check("nothing", "nothing");
    }

    #[test]
    fn the_last_lines_say_what_went_wrong() {
        let output = "Looking\n\nERROR: Could not find a version\nERROR: No matching distribution\n[notice] new pip\n";
        assert_eq!(last_words(output), "Looking; ERROR: Could not find a version; ERROR: No matching distribution");
    }
}
