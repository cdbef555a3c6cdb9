//! The queries of TPC-H on Spark, on one machine's threads and on a standalone cluster of a master and two workers: the rows
//! have to be those of one PostgreSQL that has all tables. (`tpch.rs` holds the embedded engine to the same rows.)
//!
//! `DVT_SPARK_TPCH=all` runs all 22 on threads and on the cluster, extracted by dvt and by executors; `DVT_TPCH_SCALE` is the scale
//! factor in thousandths. The suite runs a few of them in `spark_jdbc`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::tpch::Tpch;
use dvt_test_support::SPARK_VERSION;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A master and two workers on this machine, which end with this value.
pub(crate) struct Cluster {
    pub(crate) url: String,
    pub(crate) workers: Vec<Child>,
    master: Child,
}

impl Cluster {
    pub(crate) fn start(home: &Path, folder: &Path) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let url = format!("spark://127.0.0.1:{port}");
        let begin = |class: &str, name: &str, arguments: &[&str]| {
            let work = folder.join(name);
            std::fs::create_dir_all(&work).unwrap();
            let log = std::fs::File::create(work.join("log.txt")).unwrap();
            // The script becomes the JVM: what is killed is the server itself.
            Command::new(home.join("bin/spark-class"))
                .arg(format!("org.apache.spark.deploy.{class}"))
                .args(["--host", "127.0.0.1", "--webui-port", "0"])
                .args(arguments)
                .env("SPARK_HOME", home)
                .env("SPARK_LOCAL_DIRS", &work)
                .env("SPARK_WORKER_DIR", &work)
                .env("SPARK_DAEMON_MEMORY", "256m")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        let master = begin("master.Master", "master", &["--port", &port.to_string()]);
        let end = Instant::now() + Duration::from_secs(120);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < end, "the master does not listen");
            std::thread::sleep(Duration::from_millis(200));
        }
        let mut workers = Vec::new();
        for name in ["worker1", "worker2"] {
            workers.push(begin("worker.Worker", name, &["--cores", "1", "--memory", "1g", &url]));
        }
        Self { url, workers, master }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A worker that is asked to end takes its executors with it.
        for process in self.workers.iter().chain([&self.master]) {
            let _ = Command::new("kill").arg(process.id().to_string()).status();
        }
        for process in self.workers.iter_mut().chain([&mut self.master]) {
            let _ = process.wait();
        }
    }
}

/// The distribution's folder, and the folder of drivers that it is in.
pub(crate) fn distribution() -> Option<(PathBuf, String)> {
    let folder = dvt_test_support::spark()?;
    Some((folder.join(SPARK_VERSION), folder.parent().unwrap().display().to_string()))
}

pub(crate) fn computes(master: &str, more: &str) -> String {
    format!(
        "shop:\n  target: big\n  computes:\n    own: {{type: datafusion}}\n    big:\n      type: spark\n      version: \"{SPARK_VERSION}\"\n      \
         master: {master}\n{more}      config:\n        spark.driver.memory: 1g\n        spark.driver.host: 127.0.0.1\n        \
         spark.driver.bindAddress: 127.0.0.1\n        spark.executor.memory: 512m\n        spark.sql.shuffle.partitions: 2\n"
    )
}

fn judge(master: &str, more: &str, numbers: &[usize], scale: usize) {
    let Some((_, drivers)) = distribution() else { return };
    if !dvt_test_support::has_jdbc_drivers() {
        return;
    }
    let Some(tpch) = Tpch::new(scale) else { return };
    let Tpch { project, .. } = &tpch;
    project.write("computes.yml", &computes(master, more));
    tpch.write_models(0, numbers);
    let began = Instant::now();
    let outcome = project.dvt_env(&[("DVT_DRIVERS_DIR", &drivers)], "run --threads 2");
    let seconds = began.elapsed().as_secs_f64();
    let problems = tpch.problems(0, numbers);
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n\n"), outcome.stderr);
    #[expect(clippy::print_stderr, reason = "a measurement")]
    {
        eprintln!("{} queries of scale {scale}/1000 on {master}: {seconds:.1} s", numbers.len());
    }
}

fn wants_all() -> bool {
    std::env::var("DVT_SPARK_TPCH").as_deref() == Ok("all")
}

fn scale() -> usize {
    std::env::var("DVT_TPCH_SCALE").ok().map_or(2, |text| text.parse().expect("a number"))
}

const JDBC: &str = "      jdbc_extraction: {num_partitions: 2}\n      jdbc_load: {num_partitions: 2}\n";

#[test]
fn tpch_on_spark_has_the_rows_of_one_database() {
    if wants_all() {
        judge("local[2]", "", &(1..=22).collect::<Vec<_>>(), scale());
        judge("local[2]", JDBC, &(1..=22).collect::<Vec<_>>(), scale());
    }
}

#[test]
fn tpch_on_a_cluster_has_the_rows_of_one_database() {
    let Some((home, _)) = distribution().filter(|_| wants_all()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&home, folder.path());
    judge(&cluster.url, "", &(1..=22).collect::<Vec<_>>(), scale());
    judge(&cluster.url, JDBC, &(1..=22).collect::<Vec<_>>(), scale());
}
