//! Spark, its workers, the connection to it and dvt itself are killed in the middle of work: the rows are right in the end, or an
//! error says what happened, and nothing is left running.
//!
//! The suite interrupts a starting server and asks one that nobody runs. `DVT_SPARK_KILLS=n` does the others n times.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::pitfalls::two_files;
use crate::project::Project;
use crate::spark::{of_this_project, processes_with, wait_until};
use crate::spark_cluster::{Cluster, computes, distribution};
use dvt_test_support::Proxy;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn rounds() -> usize {
    std::env::var("DVT_SPARK_KILLS").ok().map_or(0, |text| text.parse().expect("a number"))
}

/// `slow` takes some seconds and has one row; `rows` comes after it.
fn slow_project(computes_yml: &str) -> Project {
    let crossed =
        (1..4).map(|n| format!("cross join {{{{ source('l', 'a') }}}} as a{n}")).collect::<Vec<_>>().join(" ");
    two_files()
        .file("computes.yml", computes_yml)
        .file(
            "models/slow.sql",
            &format!(
                "select count(*) as n, sum(a1.id) as total from {{{{ source('l', 'a') }}}} as a0 {crossed} \
                 join {{{{ source('r', 'b') }}}} as b on b.id = a0.id where a1.v || a2.v <> a3.v || b.v"
            ),
        )
        .file(
            "models/rows.sql",
            "-- depends_on: {{ ref('slow') }}\nselect a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        )
}

/// A run with its screen in a file.
struct Running {
    dvt: Child,
    screen: PathBuf,
}

impl Running {
    fn start(project: &Project, words: &[&str]) -> Self {
        let screen = project.path("screen.txt");
        let output = std::fs::File::create(&screen).unwrap();
        let dvt = project
            .command(&project.path("."), words)
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self { dvt, screen }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.screen).unwrap_or_default()
    }

    fn wait(&mut self, seconds: u64) -> i32 {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(status) = self.dvt.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < end, "not at its end within {seconds} s\n{}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// The server has the query, and is at it.
    fn wait_for_query(&mut self, project: &Project) {
        let logs = project.path("target/.dvt/spark");
        wait_until("a server", 300, || {
            assert!(self.dvt.try_wait().unwrap().is_none(), "{}", self.said());
            let texts = std::fs::read_dir(&logs).into_iter().flatten().flatten();
            texts
                .map(|log| std::fs::read_to_string(log.path()).unwrap_or_default())
                .any(|log| log.contains("Starting task"))
        });
        std::thread::sleep(Duration::from_millis(1500));
    }
}

fn servers(project: &Project) -> Vec<u32> {
    of_this_project(project, processes_with("SparkConnectServer"))
}

fn signal(id: u32, name: &str) {
    let _ = Command::new("kill").arg(name).arg(id.to_string()).status();
}

fn results(project: &Project) -> [Vec<String>; 2] {
    [project.rows("target.db", "select * from slow"), project.rows("target.db", "select * from rows")]
}

/// What the embedded engine makes of them; then they are gone.
fn wanted(project: &Project) -> [Vec<String>; 2] {
    project.dvt("run --compute own").exits(0);
    let wanted = results(project);
    assert_eq!(wanted[1].len(), 100);
    forget(project);
    wanted
}

fn forget(project: &Project) {
    project.sqlite("target.db", "drop table if exists slow; drop table if exists rows");
    let _ = std::fs::remove_dir_all(project.path("target/.dvt/spark"));
}

#[test]
fn a_server_is_interrupted_while_it_starts_and_one_that_is_nowhere_is_not_waited_for() {
    let Some((_, drivers)) = distribution() else { return };
    let project = slow_project(&computes("local[2]", "")).variable("DVT_DRIVERS_DIR", &drivers);
    let mut run = Running::start(&project, &["run"]);
    wait_until("a server", 60, || !of_this_project(&project, processes_with("dvt-spark")).is_empty());
    signal(run.dvt.id(), "-INT");
    let began = Instant::now();
    assert_ne!(run.wait(20), 0, "{}", run.said());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    wait_until("the end of the server", 20, || of_this_project(&project, processes_with("dvt-spark")).is_empty());
    assert!(project.rows("target.db", "select name from sqlite_master where name like '%landing%'").is_empty());

    // Addresses of documentation: packets to them go nowhere.
    let nowhere = "shop:\n  target: far\n  computes:\n    far: {type: spark, remote: 'sc://192.0.2.1:15002'}\n    own: {type: datafusion}\n";
    project.write("computes.yml", nowhere);
    let began = Instant::now();
    project.dvt("debug --debug-compute far").exits(1).says("192.0.2.1");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    // Not once for each model and attempt: what nobody answered is not asked again at once.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let there = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    let quiet = nowhere.replace("192.0.2.1:15002", &there).replace("type: spark,", "type: spark, connect_timeout: 2,");
    project.write("computes.yml", &quiet);
    let began = Instant::now();
    project.dvt("run --compute far --threads 1").exits(1).says("nothing has answered within 2 s");
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[test]
fn killed_servers_are_started_again_and_killed_runs_can_be_repeated() {
    let Some((_, drivers)) = distribution().filter(|_| rounds() > 0) else { return };
    let project = slow_project(&computes("local[2]", "")).variable("DVT_DRIVERS_DIR", &drivers);
    let wanted = wanted(&project);
    for round in 0..rounds() {
        // The server: the run goes on with another one.
        let mut run = Running::start(&project, &["run", "--threads", "1"]);
        run.wait_for_query(&project);
        for id in servers(&project) {
            signal(id, "-KILL");
        }
        let code = run.wait(400);
        assert_eq!(code, 0, "round {round}: {}", run.said());
        assert_eq!(results(&project), wanted, "round {round}");
        assert!(servers(&project).is_empty(), "round {round}");
        forget(&project);

        // dvt: nothing is left, and the next run is whole.
        let mut run = Running::start(&project, &["run", "--threads", "1"]);
        run.wait_for_query(&project);
        run.dvt.kill().unwrap();
        run.dvt.wait().unwrap();
        wait_until("the end of the server", 30, || servers(&project).is_empty());
        project.dvt("run").exits(0);
        assert_eq!(results(&project), wanted, "round {round}");
        forget(&project);

        // Ctrl-C in mid-query.
        let mut run = Running::start(&project, &["run", "--threads", "1"]);
        run.wait_for_query(&project);
        signal(run.dvt.id(), "-INT");
        assert_ne!(run.wait(60), 0, "round {round}: {}", run.said());
        wait_until("the end of the server", 30, || servers(&project).is_empty());
        assert!(project.rows("target.db", "select name from sqlite_master where name like '%landing%'").is_empty());
        forget(&project);
    }
}

#[test]
fn a_connection_that_breaks_in_mid_query_is_taken_up_again() {
    if rounds() == 0 {
        return;
    }
    let Some(server) = dvt_test_support::spark_connect(false) else { return };
    let proxy = Proxy::start("127.0.0.1", server.port);
    let project = slow_project(&format!(
        "shop:\n  target: far\n  computes:\n    own: {{type: datafusion}}\n    far: {{type: spark, remote: 'sc://127.0.0.1:{}'}}\n",
        proxy.port
    ));
    let wanted = wanted(&project);
    for round in 0..rounds() {
        let mut run = Running::start(&project, &["run", "--threads", "1"]);
        let mut broken = 0;
        let began = Instant::now();
        while run.dvt.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(700 + 150 * (round as u64 % 7)));
            if broken < 4 {
                broken += usize::from(proxy.break_all() > 0);
            }
        }
        assert_eq!(run.wait(200), 0, "round {round}, {broken} times broken: {}", run.said());
        assert!(broken > 0, "round {round}: nothing was broken");
        assert_eq!(results(&project), wanted, "round {round}");
        forget(&project);
    }
}

#[test]
fn a_worker_that_is_lost_in_mid_query_costs_no_row() {
    let Some((home, drivers)) = distribution().filter(|_| rounds() > 0) else { return };
    for round in 0..rounds() {
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Cluster::start(&home, folder.path());
        let project = slow_project(&computes(&cluster.url, "")).variable("DVT_DRIVERS_DIR", &drivers);
        let wanted = wanted(&project);
        let mut run = Running::start(&project, &["run", "--threads", "1"]);
        run.wait_for_query(&project);
        // The worker and what it has started, at once.
        let work = folder.path().join("worker1").display().to_string();
        for id in processes_with("CoarseGrainedExecutorBackend") {
            let place = std::fs::read_link(format!("/proc/{id}/cwd")).unwrap_or_default();
            if place.display().to_string().starts_with(&work) {
                signal(id, "-KILL");
            }
        }
        cluster.workers[0].kill().unwrap();
        assert_eq!(run.wait(400), 0, "round {round}: {}", run.said());
        assert_eq!(results(&project), wanted, "round {round}");
        assert!(servers(&project).is_empty(), "round {round}");
    }
}
