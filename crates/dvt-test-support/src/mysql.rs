//! A private MariaDB: TLS on, LOAD DATA LOCAL allowed, no flush at commit.
//!
//! Users: `dvt` (everything, with or without TLS) and `dvt_tls_only` (refused without TLS), with the same password.

use crate::server::{Server, StartError, command_as, run_program, wait_until_ready};
use crate::shared::{Installed, Launch, PASSWORD, USER, as_server, spawn_watched};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn installed() -> Result<Installed, StartError> {
    ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"]
        .into_iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("mariadbd").is_file())
        .map(|programs| Installed { programs, system_user: "mysql" })
        .ok_or_else(|| StartError::NotInstalled { program: "mariadbd".to_owned() })
}

pub(crate) fn start(installed: &Installed, launch: &Launch<'_>) -> Result<(), StartError> {
    let data = launch.folder.join("data");
    let socket = launch.folder.join("socket/mysql.sock");
    run_program(
        command_as(launch.user, Path::new("mariadb-install-db"))
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", data.display()))
            .current_dir("/"),
    )?;
    // A server deletes what it takes for leftovers in its temporary folder when it starts: each needs its own.
    let temporary = launch.folder.join("socket/tmp");
    run_program(command_as(launch.user, Path::new("mkdir")).arg(&temporary).current_dir("/"))?;
    let mut server = as_server(launch.user, &installed.programs.join("mariadbd"));
    let tls = launch.certificates;
    server.extend([
        "--no-defaults".to_owned(),
        format!("--datadir={}", data.display()),
        format!("--tmpdir={}", temporary.display()),
        format!("--socket={}", socket.display()),
        format!("--pid-file={}", launch.folder.join("socket/mysql.pid").display()),
        format!("--port={}", launch.port),
        "--bind-address=127.0.0.1".to_owned(),
        "--local-infile=1".to_owned(),
        "--skip-name-resolve".to_owned(),
        "--skip-log-bin".to_owned(),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
        "--innodb-buffer-pool-size=256M".to_owned(),
        "--innodb-doublewrite=0".to_owned(),
        "--max-connections=200".to_owned(),
        "--character-set-server=utf8mb4".to_owned(),
        format!("--ssl-ca={}", tls.authority.display()),
        format!("--ssl-cert={}", tls.server_certificate.display()),
        format!("--ssl-key={}", tls.server_key.display()),
    ]);
    let watchdog = spawn_watched(launch, &server, "TERM")?;

    let is_alive = || Path::new(&format!("/proc/{watchdog}/stat")).exists();
    let as_root = |statements: &str| {
        run_program(
            Command::new("mariadb")
                .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"])
                .arg(format!("--socket={}", socket.display()))
                .arg("--execute")
                .arg(statements),
        )
    };
    wait_until_ready(launch.log, is_alive, || as_root("select 1"))?;
    as_root(&format!(
        "create user '{USER}'@'%' identified by '{PASSWORD}'; grant all on *.* to '{USER}'@'%' with grant option; \
         create user 'dvt_tls_only'@'%' identified by '{PASSWORD}' require ssl; grant all on *.* to 'dvt_tls_only'@'%';"
    ))
    .map(drop)
}

/// Runs statements with the `mariadb` client.
pub(crate) fn run(server: &Server, database: &str, statements: &str) -> Result<String, StartError> {
    run_program(
        Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
            .args(["--protocol=tcp", "--host", &server.host, "--user", &server.user])
            .arg(format!("--port={}", server.port))
            .arg(format!("--database={database}"))
            .arg("--execute")
            .arg(statements)
            .env("MYSQL_PWD", &server.password),
    )
}
