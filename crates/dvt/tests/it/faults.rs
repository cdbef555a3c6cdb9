//! What goes wrong while a result is loaded: kills, lost answers, full disks. Zero rows lost, doubled or half visible.

use crate::pitfalls::two_files;
use crate::project::{Project, output, postgres_rows};
use dvt_test_support::{Cut, Proxy, TestDatabase};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn times(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Two SQLite files and a target behind a proxy, which hears what is said because nothing is encrypted.
fn behind_a_proxy(target: &TestDatabase, schema: &str, unencrypted: &str) -> (Project, Proxy) {
    let proxy = Proxy::start(&target.host, target.port);
    let outputs = format!(
        "    far: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        output(target, schema)
            .replace(&format!("port: {},", target.port), &format!("port: {}, {unencrypted},", proxy.port))
    );
    (two_files().profile("far", &outputs), proxy)
}

const APPEND: &str = "{{ config(materialized='incremental', incremental_strategy='append') }}
    select a.id, {{ var('turn') }} as turn from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id";

/// The connection breaks at each commit in turn, before it reaches the server and after the server has done it. A run that says
/// it is done has added its rows once; one that fails has added none. Gives the number of cuts, and of answers lost.
fn break_at_every_commit(target: &TestDatabase, schema: &str, unencrypted: &str, word: &str) -> (u64, u64) {
    let (project, proxy) = behind_a_proxy(target, schema, unencrypted);
    project.write("models/m.sql", APPEND);
    let run = |turn: u64| project.dvt_with(&["run", "--vars", &format!("{{turn: {turn}}}")]);
    run(0).exits(0);
    let shown = if schema.is_empty() { target.database.as_str() } else { schema };
    let (mut turn, mut cuts, mut answers_lost) = (0, 0, 0);
    let mut expected = vec![[0, 100, 100]];
    for cut in [Cut::AnswerLost, Cut::Before] {
        for passes in 0.. {
            turn += 1;
            proxy.cut(word, passes, cut);
            let outcome = run(turn);
            if outcome.code == 0 {
                expected.push([turn, 100, 100]);
            }
            let seen = target
                .sql(&format!("select turn, count(*), count(distinct id) from {shown}.m group by turn order by turn"));
            let numbers: Vec<u64> =
                seen.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            assert_eq!(
                numbers,
                expected.concat(),
                "{cut:?} at commit {passes}\n{}\n{}",
                outcome.stdout,
                outcome.stderr
            );
            let has_cut = proxy.has_cut();
            assert!(has_cut || outcome.code == 0, "{}", outcome.stdout);
            if !has_cut {
                break;
            }
            cuts += 1;
            if cut == Cut::AnswerLost {
                // What the server has done is done: no commit of the run was taken for a failure.
                assert_eq!(outcome.code, 0, "commit {passes}\n{}\n{}", outcome.stdout, outcome.stderr);
                answers_lost += 1;
            }
        }
    }
    run(turn + 1).exits(0);
    let left = target.sql(&format!(
        "select count(*) from information_schema.tables where table_schema = '{shown}' and table_name <> 'm'"
    ));
    assert_eq!(left.trim(), "0");
    (cuts, answers_lost)
}

#[test]
fn an_answer_to_a_commit_that_is_lost_on_postgres_loads_nothing_twice() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let (cuts, answers_lost) = break_at_every_commit(&target, "public", "sslmode: disable", "commit");
    // One ends the load, one the append.
    assert!(cuts >= 4 && answers_lost >= 2, "{cuts} {answers_lost}");
}

#[test]
fn an_answer_to_a_commit_that_is_lost_on_mysql_loads_nothing_twice() {
    let Some(target) = dvt_test_support::mysql() else { return };
    let (cuts, answers_lost) = break_at_every_commit(&target, "", "ssl_disabled: true", "COMMIT");
    assert!(cuts >= 2 && answers_lost >= 1, "{cuts} {answers_lost}");
}

/// Kills loads at odd moments while a reader looks on. `DVT_LOAD_KILLS` says how often (200 for the full test).
#[test]
fn a_load_that_is_killed_is_never_half_visible() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let kills = times("DVT_LOAD_KILLS", 6);
    let outputs = format!(
        "    pg: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        output(&target, "public")
    );
    let project = two_files().profile("pg", &outputs);
    let rows = 20_000;
    project.sqlite(
        "left.db",
        &format!("drop table a; create table a (id integer, v varchar(20)); with recursive k(i) as (select 1 union all select i + 1 from k where i < {rows}) insert into a select i, 'a' || i from k"),
    );
    let query = "select a.id, {{ var('round') }} as round from {{ source('l', 'a') }} as a cross join (select max(id) as id from {{ source('r', 'b') }}) as b";
    project.write("models/whole.sql", query);
    project.write(
        "models/merged.sql",
        &format!("{{{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}}} {query}"),
    );
    project.dvt_with(&["run", "--vars", "{round: 0}"]).exits(0);
    let stop = AtomicBool::new(false);
    let folder = project.path(".");
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !stop.load(Ordering::Relaxed) {
                for table in ["whole", "merged"] {
                    let seen = target.sql(&format!(
                        "select count(*), count(distinct id), count(distinct round) from public.{table}"
                    ));
                    assert_eq!(seen.trim().replace('\t', "|"), format!("{rows}|{rows}|1"), "{table}");
                    looks += 1;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            looks
        });
        for kill in 1..=kills {
            let vars = format!("{{round: {kill}}}");
            let mut run = project
                .command(&folder, &["run", "--vars", &vars])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("dvt starts");
            std::thread::sleep(Duration::from_millis(60 + kill * 131 % 900));
            let _ = run.kill();
            let _ = run.wait();
        }
        stop.store(true, Ordering::Relaxed);
        let looks = reader.join().expect("every look saw whole tables");
        assert!(looks > 0);
    });
    project.dvt_with(&["run", "--vars", "{round: -1}"]).exits(0);
    for table in ["whole", "merged"] {
        let seen = postgres_rows(
            &target,
            &format!(
                "select count(*) as n, count(distinct id) as ids, max(round) as last, min(round) as first from public.{table}"
            ),
        );
        assert_eq!(seen, [format!(r#"{{"n": {rows}, "ids": {rows}, "last": -1, "first": -1}}"#)], "{table}");
    }
    let left = target
        .sql("select count(*) from pg_class where relname like 'dvt\\_landing%' or relname like '%\\_\\_dbt\\_%'");
    assert_eq!(left.trim(), "0");
}

/// No file may grow beyond a limit, as on a disk that is full: each limit meets another file first (the log, a staged table,
/// the target, an artifact). The command ends with an error that names a file or a connection, what was there stays whole,
/// and the next run is as if nothing had been.
#[test]
fn a_disk_that_is_full_leaves_what_was_there() {
    let rows = 60_000;
    let project = two_files().file(
        "buckets.yml",
        "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: staging, staging: always}\n",
    );
    project.sqlite(
        "left.db",
        &format!("drop table a; create table a (id integer, v varchar(40)); with recursive k(i) as (select 1 union all select i + 1 from k where i < {rows}) insert into a select i, hex(randomblob(16)) from k"),
    );
    project.write(
        "models/m.sql",
        "select a.id, a.v, {{ var('round') }} as round from {{ source('l', 'a') }} as a cross join (select max(id) as id from {{ source('r', 'b') }}) as b",
    );
    project.dvt_with(&["run", "--vars", "{round: 0}"]).exits(0);
    let artifact = project.text("target/run_results.json");
    let look = "select count(*) as n, count(distinct id) as ids, min(round) as first, max(round) as last from m";
    let whole = |round: i64| vec![format!(r#"{{"n":{rows},"ids":{rows},"first":{round},"last":{round}}}"#)];
    let mut failures = 0;
    // In blocks of 512 bytes or of a kilobyte, as the shell counts.
    for blocks in [1, 4, 16, 64, 256, 1_000, 2_000, 4_000] {
        project.sqlite("left.db", "update a set v = v where id = 1");
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec {} run --vars '{{round: {blocks}}}'",
            env!("CARGO_BIN_EXE_dvt")
        );
        let mut command = project.command(&project.path("."), &[]);
        let outcome = std::process::Command::new("/bin/sh")
            .args(["-c", &script])
            .current_dir(project.path("."))
            .env_clear()
            .envs(command.env_remove("NOTHING").get_envs().filter_map(|(name, value)| Some((name, value?))))
            .output()
            .expect("a shell starts");
        let screen =
            format!("{}{}", String::from_utf8_lossy(&outcome.stdout), String::from_utf8_lossy(&outcome.stderr));
        assert!(!screen.contains("panicked") && outcome.status.code().is_some(), "{blocks}: {screen}");
        let is_done = outcome.status.success();
        failures += u64::from(!is_done);
        let now = project.rows("target.db", look);
        if is_done {
            assert_eq!(now, whole(blocks), "{blocks}: {screen}");
        } else {
            // All of one run: the last that was done, or this one, where only its report found no room.
            assert!(now.len() == 1 && now[0].contains(&format!(r#""n":{rows},"ids":{rows},"#)), "{blocks}: {now:?}");
            assert!(
                screen.contains("too large") || screen.contains("full") || screen.contains("disk"),
                "{blocks}: {screen}"
            );
        }
        // An artifact is the old one or a whole new one.
        let results = project.text("target/run_results.json");
        assert!(results == artifact || serde_json::from_str::<serde_json::Value>(&results).is_ok(), "{blocks}");
        assert!(project.json("target/manifest.json").is_object());
    }
    assert!(failures >= 3, "{failures}");
    project.dvt_with(&["run", "--vars", "{round: -1}"]).exits(0);
    assert_eq!(project.rows("target.db", look), whole(-1));
    let left = project.rows(
        "target.db",
        "select count(*) as n from sqlite_master where name like 'dvt_landing%' or name like '%__dbt_%'",
    );
    assert_eq!(left, [r#"{"n":0}"#]);
}
