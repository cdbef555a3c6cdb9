//! One server for all test processes of a user: started by the first, stopped by a watchdog after the last.
//!
//! The folder `dvt-test-servers-<uid>/<name>` under the temporary directory holds `lock` (taken while somebody starts or
//! stops the server), `in-use` (held shared by every test process for its life; the kernel lets go when a process ends,
//! however it ends), `ready` (the port, written last) and a `run-…` folder per server. The watchdog is a shell that is
//! the server's parent: it looks each second whether `in-use` is free, and after 20 such looks it takes `lock`, looks once
//! more, and stops the server. The server asks the kernel for a signal should the watchdog itself be killed.

use crate::server::{StartError, is_root};
use crate::{Certificates, Server};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What an engine's module needs to start its server.
pub(crate) struct Launch<'a> {
    /// Fresh, writable by the server's user, removed when the server stops.
    pub(crate) folder: &'a Path,
    pub(crate) port: u16,
    pub(crate) user: &'a str,
    pub(crate) certificates: &'a Certificates,
    pub(crate) log: &'a Path,
    pub(crate) lock: &'a Path,
    pub(crate) in_use: &'a Path,
}

/// The engine's programs and the system user that its package made.
pub(crate) struct Installed {
    pub(crate) programs: PathBuf,
    pub(crate) system_user: &'static str,
}

pub(crate) const USER: &str = "dvt";
pub(crate) const PASSWORD: &str = "dvt-test-password";

/// The running server, or a new one.
pub(crate) fn share(
    name: &str,
    installed: Installed,
    start: fn(&Installed, &Launch<'_>) -> Result<(), StartError>,
) -> Result<Server, StartError> {
    let base = base_folder()?;
    let home = base.join(name);
    fs::create_dir_all(&home).map_err(|cause| StartError::file(&home, cause))?;
    open_to_all(&home)?;
    let lock_path = home.join("lock");
    let in_use_path = home.join("in-use");
    let lock = lock_file(&lock_path)?;
    lock.lock().map_err(|cause| StartError::file(&lock_path, cause))?;

    let ready_path = home.join("ready");
    let running = fs::read_to_string(&ready_path).ok().and_then(|text| parse_ready(&text));
    let (port, folder) = match running {
        Some(running) => running,
        None => {
            let _ = fs::remove_file(&ready_path);
            let launched = launch(&home, &lock_path, &in_use_path, &installed, start)?;
            let text = format!("{}\n{}\n{}\n", launched.0, launched.1.display(), launched.2);
            fs::write(&ready_path, text).map_err(|cause| StartError::file(&ready_path, cause))?;
            (launched.0, launched.1)
        }
    };
    let in_use = lock_file(&in_use_path)?;
    in_use.lock_shared().map_err(|cause| StartError::file(&in_use_path, cause))?;
    Ok(Server {
        host: "127.0.0.1".to_owned(),
        port,
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
        certificates: Some(Certificates::at(&folder.join("tls"))),
        socket_folder: Some(folder.join("socket").display().to_string()),
        in_use: Some(in_use),
    })
}

/// Port and folder of a server whose watchdog is still alive.
fn parse_ready(text: &str) -> Option<(u16, PathBuf)> {
    let mut lines = text.lines();
    let port = lines.next()?.parse().ok()?;
    let folder = PathBuf::from(lines.next()?);
    let watchdog: u32 = lines.next()?.parse().ok()?;
    let command_line = fs::read(format!("/proc/{watchdog}/cmdline")).ok()?;
    let is_ours = String::from_utf8_lossy(&command_line).contains(&*folder.to_string_lossy());
    is_ours.then_some((port, folder))
}

fn launch(
    home: &Path,
    lock: &Path,
    in_use: &Path,
    installed: &Installed,
    start: fn(&Installed, &Launch<'_>) -> Result<(), StartError>,
) -> Result<(u16, PathBuf, u32), StartError> {
    for leftover in fs::read_dir(home).map_err(|cause| StartError::file(home, cause))?.flatten() {
        if leftover.file_name().to_string_lossy().starts_with("run-") {
            let _ = fs::remove_dir_all(leftover.path());
        }
    }
    let folder = home.join(format!("run-{}", std::process::id()));
    fs::create_dir_all(folder.join("socket")).map_err(|cause| StartError::file(&folder, cause))?;
    let certificates = Certificates::generate(&folder.join("tls"))?;
    if is_root() {
        crate::server::run_program(Command::new("chown").args(["-R", installed.system_user]).arg(&folder))?;
    }
    let log = folder.join("server.log");
    let launch = Launch {
        port: crate::server::free_port(),
        user: installed.system_user,
        certificates: &certificates,
        log: &log,
        lock,
        in_use,
        folder: &folder,
    };
    start(installed, &launch)?;
    let pid_path = folder.join("watchdog.pid");
    let pid = fs::read_to_string(&pid_path).map_err(|cause| StartError::file(&pid_path, cause))?;
    Ok((launch.port, folder.clone(), pid.trim().parse().unwrap_or(0)))
}

/// Starts `server` (a program and its arguments, already as the right user) under a watchdog. `stop` is the signal that
/// ends the server quickly and cleanly.
pub(crate) fn spawn_watched(launch: &Launch<'_>, server: &[String], stop: &str) -> Result<u32, StartError> {
    const WATCHDOG: &str = r#"
folder=$1 lock=$2 in_use=$3 stop=$4; shift 4
"$@" & server=$!
idle=0
while kill -0 "$server" 2>/dev/null; do
  sleep 1
  if flock --nonblock --exclusive "$in_use" true; then idle=$((idle + 1)); else idle=0; fi
  if [ "$idle" -ge 20 ]; then
    exec 9>"$lock"
    flock --exclusive 9
    if flock --nonblock --exclusive "$in_use" true; then
      rm -f "$(dirname "$lock")/ready"
      kill "-$stop" "$server"
      wait "$server"
      rm -rf "$folder"
      exit 0
    fi
    exec 9>&-
    idle=0
  fi
done
"#;
    let log = File::create(launch.log).map_err(|cause| StartError::file(launch.log, cause))?;
    fs::set_permissions(launch.log, fs::Permissions::from_mode(0o666))
        .map_err(|cause| StartError::file(launch.log, cause))?;
    let errors = log.try_clone().map_err(|cause| StartError::file(launch.log, cause))?;
    let child = Command::new("setsid")
        .args(["sh", "-c", WATCHDOG, "dvt-test-server"])
        .args([launch.folder, launch.lock, launch.in_use])
        .arg(stop)
        .args(server)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| StartError::Program { program: "setsid".to_owned(), output: error.to_string() })?;
    let pid = child.id();
    let pid_path = launch.folder.join("watchdog.pid");
    fs::write(&pid_path, pid.to_string()).map_err(|cause| StartError::file(&pid_path, cause))?;
    Ok(pid)
}

/// The server's command line for [`spawn_watched`]: as `user` when root, and killed should the watchdog be killed.
pub(crate) fn as_server(user: &str, program: &Path) -> Vec<String> {
    let mut words: Vec<String> = ["setpriv", "--pdeathsig", "QUIT"].map(str::to_owned).into();
    if is_root() {
        words.extend(["--reuid", user, "--regid", user, "--clear-groups"].map(str::to_owned));
    }
    words.push("--".to_owned());
    words.push(program.display().to_string());
    words
}

fn base_folder() -> Result<PathBuf, StartError> {
    let uid = fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
    // Short, because a Unix socket's path may have 107 bytes only.
    let base = PathBuf::from(format!("/tmp/dvt-test-servers-{uid}"));
    fs::create_dir_all(&base).map_err(|cause| StartError::file(&base, cause))?;
    open_to_all(&base)?;
    Ok(base)
}

/// The server's user has to pass through the folders that the tests' user owns.
fn open_to_all(folder: &Path) -> Result<(), StartError> {
    let is_mine = fs::metadata(folder).map_err(|cause| StartError::file(folder, cause))?;
    if is_mine.permissions().mode() & 0o777 == 0o755 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(|cause| StartError::file(folder, cause))
}

fn lock_file(path: &Path) -> Result<File, StartError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|cause| StartError::file(path, cause))
}
