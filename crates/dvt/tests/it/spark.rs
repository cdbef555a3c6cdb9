//! Models on Apache Spark, on a server that dvt starts: the rows are those of the embedded engine, and nothing is left running.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::pitfalls::two_files;
use crate::project::Project;
use dvt_test_support::SPARK_VERSION;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn computes(target: &str) -> String {
    format!(
        "shop:\n  target: {target}\n  computes:\n    own: {{type: datafusion, memory_limit: 64MiB}}\n    big:\n      type: spark\n      \
         version: \"{SPARK_VERSION}\"\n      master: local[2]\n      config: {{spark.driver.memory: 1g, spark.sql.shuffle.partitions: 2}}\n"
    )
}

fn on_spark(target: &str) -> Project {
    let joined = |columns: &str, rest: &str| {
        format!(
            "select {columns} from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.id = a.id {rest}"
        )
    };
    two_files()
        .file("computes.yml", &computes(target))
        .file("models/joined.sql", &joined("a.id, a.v || '-' || b.v as both_of_them", "where a.id % 3 = 0"))
        .file(
            "models/grouped.sql",
            &joined(
                "a.id % 7 as k, count(*) as n, sum(b.id) as total, min(a.v) as least, avg(b.id) as mean",
                "group by a.id % 7",
            ),
        )
        .file(
            "models/ranked.sql",
            &joined(
                "a.id, row_number() over (partition by a.id % 5 order by b.id desc) as place",
                "order by 1 limit 30",
            ),
        )
        .file("models/here.sql", &format!("{{{{ config(compute='own') }}}}\n{}", joined("a.id", "")))
}

const MODELS: [&str; 3] = ["joined", "grouped", "ranked"];

fn rows(project: &Project) -> Vec<Vec<String>> {
    MODELS.map(|model| project.rows("target.db", &format!("select * from {model}"))).into()
}

/// The processes of this machine whose command line holds the text.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(text) && id != std::process::id() {
            found.push(id);
        }
    }
    found
}

/// The environment of a process holds the project's home: it was started for this test.
pub(crate) fn of_this_project(project: &Project, ids: Vec<u32>) -> Vec<u32> {
    let home = project.root().join("home").display().to_string();
    ids.into_iter()
        .filter(|id| {
            let variables = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&variables).contains(&home)
        })
        .collect()
}

pub(crate) fn wait_until(what: &str, seconds: u64, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One server for all of it: models with the rows of the embedded engine, then a kill while a query is at work.
#[test]
fn models_on_spark_have_equal_rows_and_a_kill_leaves_nothing() {
    let Some(distributions) = dvt_test_support::spark() else { return };
    let drivers = distributions.parent().unwrap().display().to_string();
    let project = on_spark("big").variable("DVT_DRIVERS_DIR", &drivers);
    // What the embedded engine makes of them.
    project.dvt("run --compute own").exits(0);
    let own = rows(&project);
    for model in MODELS {
        project.sqlite("target.db", &format!("drop table {model}"));
    }

    let crossed =
        (0..6).map(|n| format!("{{{{ source('l', 'a') }}}} as a{n}")).collect::<Vec<_>>().join(" cross join ");
    project.write(
        "models/slow.sql",
        &format!(
            "-- depends_on: {{{{ ref('joined') }}}} {{{{ ref('grouped') }}}} {{{{ ref('ranked') }}}} {{{{ ref('here') }}}}\n\
             select count(*) as n from {crossed} join {{{{ source('r', 'b') }}}} as b on b.id = a0.id where a1.v <> a2.v || b.v"
        ),
    );
    let words = ["run", "--threads", "1"];
    let screen: PathBuf = project.path("screen.txt");
    let output = std::fs::File::create(&screen).unwrap();
    let mut dvt = project
        .command(&project.path("."), &words)
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(&screen).unwrap_or_default();
    wait_until("the slow model", 400, || {
        assert!(dvt.try_wait().unwrap().is_none(), "{}", said());
        said().contains("START sql table model main.slow")
    });
    assert_eq!(rows(&project), own, "{}", said());
    let servers = || of_this_project(&project, processes_with("SparkConnectServer"));
    assert!(!servers().is_empty(), "no server runs");
    std::thread::sleep(Duration::from_secs(2));
    dvt.kill().unwrap();
    dvt.wait().unwrap();
    wait_until("the end of the server", 30, || servers().is_empty());
}

#[test]
fn a_plan_tells_the_compute_and_the_spark_sql() {
    let project = on_spark("big");
    let outcome = project.dvt("plan --select joined");
    let outcome = outcome
        .exits(0)
        .says("compute   big (the default)")
        .says("spark sql")
        .says("compute `big` reads it from the bucket");
    outcome.says("JOIN");
    project.dvt("plan --select here").exits(0).says("compute   own (the model's config)").never_says("spark sql");
    // What is read is far below the limit.
    project.write("computes.yml", &computes("auto"));
    project.dvt("plan --select joined").exits(0).says("compute   own (the default, `auto`:").never_says("spark sql");
}

#[test]
fn what_keeps_spark_from_running_is_said_before_anything_is_read() {
    let project = on_spark("big");
    project.dvt("run --select joined").exits(1).says("wants Spark").says("dvt sync");
    let java = project.path("no-java").display().to_string();
    project.write(
        "computes.yml",
        &format!("shop:\n  target: big\n  computes:\n    big: {{type: spark, spark_home: {java}}}\n    own: {{type: datafusion}}\n"),
    );
    project.dvt("run --select joined").exits(1).says("holds no Spark");
    let port = dvt_test_support::closed_port();
    project.write(
        "computes.yml",
        &format!("shop:\n  target: big\n  computes:\n    big: {{type: spark, remote: 'sc://127.0.0.1:{port}'}}\n    own: {{type: datafusion}}\n"),
    );
    project.dvt("run --select joined").exits(1).says("cannot be reached").says("remote");
    project.write(
        "models/refused.sql",
        "select max(a.v) as m from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id group by unicode(b.v)",
    );
    project.dvt("run --select refused").exits(1).says("sqlite_unicode").says("compute: auto");
}
