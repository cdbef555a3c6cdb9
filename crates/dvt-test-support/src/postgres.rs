//! A private PostgreSQL: SCRAM passwords, TLS on, no fsync.
//!
//! Users: `dvt` (superuser, with or without TLS, TCP or Unix socket), `dvt_tls_only` (refused without TLS),
//! `dvt_plain_only` (refused with TLS), `dvt_certificate` (client certificate instead of a password), all with the same
//! password.

use crate::server::{Server, StartError, command_as, run_program, wait_until_ready};
use crate::shared::{Installed, Launch, PASSWORD, USER, as_server, spawn_watched};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ACCESS: &str = "\
local     all  all                           scram-sha-256
hostssl   all  dvt_certificate 127.0.0.1/32  cert
hostssl   all  dvt_tls_only    127.0.0.1/32  scram-sha-256
hostnossl all  dvt_plain_only  127.0.0.1/32  scram-sha-256
host      all  dvt_tls_only    127.0.0.1/32  reject
host      all  dvt_plain_only  127.0.0.1/32  reject
host      all  dvt_certificate 127.0.0.1/32  reject
host      all  all             127.0.0.1/32  scram-sha-256
";

/// The newest PostgreSQL under Debian's folder, or the one on the PATH.
pub(crate) fn installed() -> Result<Installed, StartError> {
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut candidates: Vec<PathBuf> = debian.filter(|folder| folder.join("initdb").is_file()).collect();
    candidates.sort();
    candidates.reverse();
    candidates.extend(on_path.filter(|folder| folder.join("initdb").is_file()));
    let programs =
        candidates.into_iter().next().ok_or_else(|| StartError::NotInstalled { program: "initdb".to_owned() })?;
    Ok(Installed { programs, system_user: "postgres" })
}

pub(crate) fn start(installed: &Installed, launch: &Launch<'_>) -> Result<(), StartError> {
    let data = launch.folder.join("data");
    let password_file = launch.folder.join("password");
    fs::write(&password_file, PASSWORD).map_err(|cause| StartError::file(&password_file, cause))?;
    run_program(
        command_as(launch.user, &installed.programs.join("initdb"))
            .args([
                "--username",
                USER,
                "--auth",
                "scram-sha-256",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
                "--no-sync",
            ])
            .arg("--pgdata")
            .arg(&data)
            .arg("--pwfile")
            .arg(&password_file)
            .current_dir("/"),
    )?;
    let access = data.join("pg_hba.conf");
    fs::write(&access, ACCESS).map_err(|cause| StartError::file(&access, cause))?;

    let mut server = as_server(launch.user, &installed.programs.join("postgres"));
    server.push("-D".to_owned());
    server.push(data.display().to_string());
    let socket_folder = launch.folder.join("socket");
    let settings = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", launch.port.to_string()),
        ("unix_socket_directories", socket_folder.display().to_string()),
        ("fsync", "off".to_owned()),
        ("synchronous_commit", "off".to_owned()),
        ("full_page_writes", "off".to_owned()),
        ("max_connections", "200".to_owned()),
        ("max_wal_size", "4GB".to_owned()),
        ("shared_buffers", "256MB".to_owned()),
        ("ssl", "on".to_owned()),
        ("ssl_ca_file", launch.certificates.authority.display().to_string()),
        ("ssl_cert_file", launch.certificates.server_certificate.display().to_string()),
        ("ssl_key_file", launch.certificates.server_key.display().to_string()),
    ];
    for (name, value) in settings {
        server.push("-c".to_owned());
        server.push(format!("{name}={value}"));
    }
    let watchdog = spawn_watched(launch, &server, "QUIT")?;

    let reached = Server {
        host: "127.0.0.1".to_owned(),
        port: launch.port,
        user: USER.to_owned(),
        password: PASSWORD.to_owned(),
        certificates: None,
        socket_folder: None,
        in_use: None,
    };
    let is_alive = || Path::new(&format!("/proc/{watchdog}/stat")).exists();
    wait_until_ready(launch.log, is_alive, || run(&reached, "postgres", "select 1"))?;
    let users = ["dvt_tls_only", "dvt_plain_only", "dvt_certificate"]
        .map(|user| format!("create role {user} login superuser password '{PASSWORD}';"));
    run(&reached, "postgres", &users.concat()).map(drop)
}

/// Runs statements with `psql`.
pub(crate) fn run(server: &Server, database: &str, statements: &str) -> Result<String, StartError> {
    let port = server.port.to_string();
    run_program(
        Command::new("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator", "\t"])
            .args(["--set", "ON_ERROR_STOP=1", "--host", &server.host, "--port", &port])
            .args(["--username", &server.user, "--dbname", database, "--command", statements])
            .env("PGPASSWORD", &server.password)
            .env("PGCONNECT_TIMEOUT", "10"),
    )
}
