//! A Spark Connect server of dvt's own: started for a run on a free loopback port, asked until it answers, stopped always.

use crate::SparkSettings;
use crate::distribution::Distribution;
use crate::error::SparkFailure;
use crate::session::{CONNECT_TIMEOUT, Session};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::{Child, ChildStdin, Command};

/// Runs the server and ends it when dvt ends; see the script.
const WRAPPER: &str = include_str!("server.sh");

const CLASS: &str = "org.apache.spark.sql.connect.service.SparkConnectServer";

/// How long a server may take until it answers: a cluster may have to give it room first.
const START: Duration = Duration::from_secs(300);

/// Lines of the log that a failure shows.
const SHOWN_LINES: usize = 12;

/// Shuffle partitions where one machine does all: Spark's own 200 cost more than they bring there.
const LOCAL_SHUFFLE_PARTITIONS: &str = "32";

/// A running server. Dropped, it is stopped.
pub struct Server {
    process: tokio::sync::Mutex<Child>,
    /// The end of this is the server's end.
    lifeline: std::sync::Mutex<Option<ChildStdin>>,
    log: PathBuf,
    what: String,
}

impl Server {
    /// Starts the server that the settings describe and waits until it answers.
    ///
    /// # Errors
    /// [`SparkFailure::Distribution`] before anything is started; [`SparkFailure::Server`] with the end of its log.
    pub async fn start(settings: &SparkSettings) -> Result<(Arc<Self>, Session), SparkFailure> {
        let distribution = Distribution::find(settings).await?;
        let mut attempt = 1;
        loop {
            let started = Self::start_once(settings, &distribution).await;
            // Somebody may take the port between our choice and the server's.
            match started {
                Err(SparkFailure::Server { last_lines, .. })
                    if attempt < 3 && last_lines.iter().any(|line| line.contains("BindException")) =>
                {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn start_once(
        settings: &SparkSettings,
        distribution: &Distribution,
    ) -> Result<(Arc<Self>, Session), SparkFailure> {
        let compute = &settings.compute;
        let what = format!("the Spark {} server of compute `{compute}`", distribution.version);
        let failed = |message: String| SparkFailure::Server {
            message: format!("{what} cannot be started: {message}"),
            log: settings.logs.clone(),
            last_lines: Vec::new(),
        };
        let port = free_port().map_err(|error| failed(error.to_string()))?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let folder = std::env::temp_dir().join(format!("dvt-spark-{}", uuid::Uuid::new_v4().simple()));
        make_private(&folder).map_err(|error| failed(format!("{}: {error}", folder.display())))?;
        let log = settings.logs.join(format!("spark-{compute}-{port}.log"));
        let output = std::fs::create_dir_all(&settings.logs)
            .and_then(|()| File::create(&log))
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| failed(format!("its log {}: {error}", log.display())))?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WRAPPER, "dvt-spark"])
            .arg(&folder)
            .arg(distribution.home.join("bin/spark-submit"))
            .args(arguments(settings, port, &folder))
            .env("SPARK_HOME", &distribution.home)
            .env("SPARK_CONNECT_AUTHENTICATE_TOKEN", &token)
            .env_remove("SPARK_REMOTE")
            .env_remove("SPARK_CONNECT_MODE_ENABLED")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(output.0)
            .stderr(output.1)
            // Ctrl-C at the terminal is for dvt, which ends what runs and then the server.
            .process_group(0)
            .kill_on_drop(false);
        if let Some(java) = &distribution.java_home {
            command.env("JAVA_HOME", java);
        }
        let began = Instant::now();
        let mut process = command.spawn().map_err(|error| failed(error.to_string()))?;
        let lifeline = process.stdin.take();
        let server = Arc::new(Self {
            process: tokio::sync::Mutex::new(process),
            lifeline: std::sync::Mutex::new(lifeline),
            log,
            what: what.clone(),
        });
        // Spark 3.5 knows no token, and is not bothered by one.
        let url = format!("sc://127.0.0.1:{port}/;token={token}");
        let mut wait = Duration::from_millis(250);
        loop {
            tokio::time::sleep(wait).await;
            if let Some(ended) = server.ended(false).await {
                return Err(ended);
            }
            if is_listening(port).await
                && let Ok(Ok(session)) = tokio::time::timeout(
                    Duration::from_secs(30),
                    Session::open(&url, Some(Arc::clone(&server)), CONNECT_TIMEOUT),
                )
                .await
            {
                tracing::debug!(port, seconds = began.elapsed().as_secs_f64(), "{what} answers");
                return Ok((server, session));
            }
            if began.elapsed() > START {
                let last_lines = server.last_lines();
                server.stop().await;
                return Err(SparkFailure::Server {
                    message: format!("{what} does not answer within {} s", START.as_secs()),
                    log: server.log.clone(),
                    last_lines,
                });
            }
            wait = Duration::from_millis(100);
        }
    }

    /// Why the server is no longer there, if it is not. `is_suspected`: somebody has seen a connection break, which happens
    /// a moment before the process is gone.
    pub async fn ended(&self, is_suspected: bool) -> Option<SparkFailure> {
        let patience = if is_suspected { Duration::from_millis(1500) } else { Duration::ZERO };
        let mut process = self.process.lock().await;
        let status = match tokio::time::timeout(patience, process.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(_)) | Err(_) => process.try_wait().ok().flatten()?,
        };
        let how = match status.code() {
            Some(code) if code > 128 => format!("was killed by signal {}", code - 128),
            Some(code) => format!("ended with code {code}"),
            None => "was killed".to_owned(),
        };
        Some(SparkFailure::Server {
            message: format!("{} {how}", self.what),
            log: self.log.clone(),
            last_lines: self.last_lines(),
        })
    }

    /// Of the process that keeps it; the server is its child.
    pub async fn id(&self) -> Option<u32> {
        self.process.lock().await.id()
    }

    /// Stops the server and waits until it is gone.
    pub async fn stop(&self) {
        drop(self.lifeline.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let mut process = self.process.lock().await;
        if tokio::time::timeout(Duration::from_secs(10), process.wait()).await.is_err() {
            tracing::warn!("{} does not end", self.what);
        }
    }

    /// The end of the log: from the last thing that looks like a cause on.
    fn last_lines(&self) -> Vec<String> {
        let Ok(text) = std::fs::read(&self.log) else { return Vec::new() };
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("at ") && !line.trim_start().starts_with("... "))
            .collect();
        let is_cause = |line: &&str| {
            line.contains("Exception") || line.contains("Error") || line.contains("ERROR") || line.contains("Caused by")
        };
        let causes: Vec<&str> = lines.iter().copied().filter(is_cause).collect();
        let shown = if causes.is_empty() { &lines } else { &causes };
        let from = shown.len().saturating_sub(SHOWN_LINES);
        shown[from..].iter().map(|line| line.chars().take(300).collect()).collect()
    }
}

/// What spark-submit is told. The compute's own `config` comes last and wins, except for what makes the server ours.
fn arguments(settings: &SparkSettings, port: u16, folder: &std::path::Path) -> Vec<String> {
    let folder = folder.display();
    let mut given = vec![
        ("spark.sql.catalogImplementation".to_owned(), "in-memory".to_owned()),
        ("spark.sql.warehouse.dir".to_owned(), format!("{folder}/warehouse")),
        ("spark.local.dir".to_owned(), folder.to_string()),
        ("spark.ui.enabled".to_owned(), "false".to_owned()),
        ("spark.ui.showConsoleProgress".to_owned(), "false".to_owned()),
    ];
    let mut jars = None;
    let is_local = settings.master.starts_with("local");
    if is_local {
        given.push(("spark.sql.shuffle.partitions".to_owned(), LOCAL_SHUFFLE_PARTITIONS.to_owned()));
        given.push(("spark.driver.host".to_owned(), "127.0.0.1".to_owned()));
        given.push(("spark.driver.bindAddress".to_owned(), "127.0.0.1".to_owned()));
    }
    if !settings.drivers.is_empty() {
        // Beside those that the user names.
        let named = settings.config.iter().find(|(key, _)| key == "spark.jars").map(|(_, jars)| jars.clone());
        let own = settings.drivers.iter().map(|(_, jar)| jar.display().to_string());
        jars = Some(named.into_iter().chain(own).collect::<Vec<_>>().join(","));
    }
    for (key, value) in &settings.config {
        given.retain(|(known, _)| known != key);
        given.push((key.clone(), value.clone()));
    }
    if let Some(jars) = jars {
        given.retain(|(known, _)| known != "spark.jars");
        given.push(("spark.jars".to_owned(), jars));
    }
    let ours = [
        ("spark.connect.grpc.binding.address", "127.0.0.1".to_owned()),
        ("spark.connect.grpc.binding.port", port.to_string()),
    ];
    given.retain(|(known, _)| ours.iter().all(|(key, _)| key != known));
    // What the JVM would leave in the machine's own folder goes with the server's.
    let has_options = given.iter().any(|(key, _)| key == "spark.driver.extraJavaOptions");
    if !has_options {
        given.push(("spark.driver.extraJavaOptions".to_owned(), format!("-Djava.io.tmpdir={folder}")));
    }
    let mut arguments = vec!["--class".to_owned(), CLASS.to_owned(), "--name".to_owned(), "dvt".to_owned()];
    arguments.extend(["--master".to_owned(), settings.master.clone()]);
    let ours = ours.into_iter().map(|(key, value)| (key.to_owned(), value));
    for (key, value) in given.into_iter().chain(ours) {
        arguments.extend(["--conf".to_owned(), format!("{key}={value}")]);
    }
    arguments
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

async fn is_listening(port: u16) -> bool {
    tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
}

/// A folder that nobody else may look into.
fn make_private(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_may_set_all_but_where_the_server_listens() {
        let settings = SparkSettings {
            master: "spark://h:7077".to_owned(),
            config: vec![
                ("spark.ui.enabled".to_owned(), "true".to_owned()),
                ("spark.connect.grpc.binding.address".to_owned(), "0.0.0.0".to_owned()),
            ],
            ..SparkSettings::new("big")
        };
        let arguments = arguments(&settings, 4711, std::path::Path::new("/x")).join(" ");
        assert!(arguments.contains("--master spark://h:7077"), "{arguments}");
        assert!(
            arguments.contains("spark.ui.enabled=true") && !arguments.contains("spark.ui.enabled=false"),
            "{arguments}"
        );
        assert!(arguments.contains("binding.address=127.0.0.1") && !arguments.contains("0.0.0.0"), "{arguments}");
        assert!(!arguments.contains("spark.driver.host"), "{arguments}");
    }
}
