//! A Spark Connect server that the tests run, as an administrator would.

use crate::drivers::{SPARK_VERSION, spark};
use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The one token that the server knows.
pub const SPARK_TOKEN: &str = "hunter2-spark-token";

/// Ends the server when the test's process ends, however it does: dvt's own script.
const KEEPER: &str = include_str!("../../dvt-spark/src/server.sh");

/// A server with a catalog in memory. Dropped, it is stopped.
pub struct SparkConnect {
    keeper: Child,
    pub port: u16,
    log: PathBuf,
}

/// A server on two threads of this machine, or `None` where there is no Spark. `wants_token`: who comes without
/// [`SPARK_TOKEN`] is refused.
///
/// # Panics
/// When the server does not listen within five minutes.
#[must_use]
#[expect(clippy::unwrap_used, reason = "a fixture of tests")]
pub fn spark_connect(wants_token: bool) -> Option<SparkConnect> {
    let home = spark()?.join(SPARK_VERSION);
    let port = crate::closed_port();
    let folder = std::env::temp_dir().join(format!("dvt-spark-connect-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let log = std::env::temp_dir().join(format!("dvt-spark-connect-{}-{port}.log", std::process::id()));
    let output = File::create(&log).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", KEEPER, "dvt-spark-test"]).arg(&folder).arg(home.join("bin/spark-submit"));
    command.args(["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", "local[2]"]);
    for setting in [
        "spark.driver.memory=1g",
        "spark.ui.enabled=false",
        "spark.driver.host=127.0.0.1",
        "spark.driver.bindAddress=127.0.0.1",
        "spark.sql.catalogImplementation=in-memory",
        "spark.sql.shuffle.partitions=2",
        "spark.connect.grpc.binding.address=127.0.0.1",
        &format!("spark.connect.grpc.binding.port={port}"),
        &format!("spark.sql.warehouse.dir={}/warehouse", folder.display()),
        &format!("spark.local.dir={}", folder.display()),
        &format!("spark.driver.extraJavaOptions=-Djava.io.tmpdir={}", folder.display()),
    ] {
        command.args(["--conf", setting]);
    }
    if wants_token {
        command.env("SPARK_CONNECT_AUTHENTICATE_TOKEN", SPARK_TOKEN);
    }
    command.current_dir(&folder).stdin(Stdio::piped()).stdout(output.try_clone().unwrap()).stderr(output);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut server = SparkConnect { keeper: command.spawn().unwrap(), port, log };
    let end = Instant::now() + Duration::from_secs(300);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let ended = server.keeper.try_wait().unwrap();
        assert!(ended.is_none() && Instant::now() < end, "no server: {ended:?}\n{}", server.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(server)
}

impl SparkConnect {
    /// What the server has written so far.
    #[must_use]
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for SparkConnect {
    fn drop(&mut self) {
        // The end of its input is the end of the server.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}
