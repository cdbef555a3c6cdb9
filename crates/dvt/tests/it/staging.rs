//! Staging: when it happens, what is used again, what goes on after a kill, and `clean`.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::pitfalls::two_files;
use crate::project::Project;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

const JOIN: &str =
    "select a.id, a.v, b.v as w from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id";

fn bucket(staging: &str) -> Project {
    two_files().file(
        "buckets.yml",
        &format!(
            "shop:\n  target: b\n  buckets:\n    b: {{type: filesystem, path: staging, staging: {staging}}}\n    c: {{type: filesystem, path: other, staging: {staging}}}\n"
        ),
    )
}

/// How each input of a model came, and the rows that were read for it.
fn deliveries(project: &Project, model: &str) -> Vec<(String, u64)> {
    let result = project.result(&format!("model.shop.{model}"));
    let inputs = result["adapter_response"]["inputs"].as_array().expect("a federated model has inputs").clone();
    inputs
        .iter()
        .map(|input| (input["delivery"].as_str().unwrap().to_owned(), input["rows_extracted"].as_u64().unwrap()))
        .collect()
}

fn said(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(delivery, rows)| ((*delivery).to_owned(), *rows)).collect()
}

fn tables(project: &Project, folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![project.path(folder).join("sources")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_name() == "_delta_log" {
                true => found.push(entry.path().parent().unwrap().to_owned()),
                false if entry.path().is_dir() => open.push(entry.path()),
                false => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let project = bucket("always").file("models/m.sql", JOIN);
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("staged", 100), ("staged", 100)]));
    let first = project.rows("target.db", "select * from m");
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("reused", 0), ("reused", 0)]));
    assert_eq!(project.rows("target.db", "select * from m"), first);
    assert_eq!(project.result("model.shop.m")["adapter_response"]["rows_extracted"], 0);

    // One row more on one side: that side alone is read.
    project.sqlite("left.db", "update a set v = 'new' where id = 7");
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("staged", 100), ("reused", 0)]));
    assert_eq!(project.rows("target.db", "select v from m where id = 7"), [r#"{"v":"new"}"#]);
    assert_eq!(tables(&project, "staging").len(), 2, "what is superseded is gone");
}

#[test]
fn the_bucket_and_the_mode_are_those_of_the_command_line_the_model_and_the_file() {
    let project = bucket("always")
        .file("models/plain.sql", JOIN)
        .file("models/own.sql", &format!("{{{{ config(bucket='c', staging='never') }}}}{JOIN}"))
        .file("models/other.sql", &format!("{{{{ config(bucket='c') }}}}{JOIN}"));
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "plain"), said(&[("staged", 100), ("staged", 100)]));
    assert_eq!(deliveries(&project, "own"), said(&[("streamed", 100), ("streamed", 100)]));
    assert_eq!(deliveries(&project, "other"), said(&[("staged", 100), ("staged", 100)]));
    assert_eq!((tables(&project, "staging").len(), tables(&project, "other").len()), (2, 2));
    project.dvt("run --bucket c --select plain").exits(0);
    assert_eq!(deliveries(&project, "plain"), said(&[("reused", 0), ("reused", 0)]));
    project.dvt("run --bucket nowhere --select plain").exits(2).says("`nowhere`");
}

#[test]
fn in_auto_what_models_share_is_read_once_and_the_rest_is_streamed() {
    let project = bucket("auto")
        .file("models/one.sql", JOIN)
        .file("models/two.sql", JOIN)
        .file("models/lonely.sql", "select c.id, a.v from {{ source('l', 'c') }} as c join (select id, v from {{ source('r', 'b') }} where id < 3) as a on a.id = c.id");
    project.sqlite("left.db", "create table c (id integer); insert into c values (1), (2)");
    project.write(
        "models/sources.yml",
        "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}, {name: c}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
",
    );
    project.dvt("run --threads 1").exits(0);
    assert_eq!(deliveries(&project, "lonely").first(), Some(&("streamed".to_owned(), 2)));
    let mut both = deliveries(&project, "one");
    both.extend(deliveries(&project, "two"));
    let read: u64 = both.iter().map(|(_, rows)| rows).sum();
    assert_eq!(read, 200, "{both:?}");
    assert!(both.iter().any(|(delivery, _)| delivery == "shared"), "{both:?}");
    // Alone, a model has nobody to share with.
    project.sqlite("left.db", "update a set v = v");
    project.sqlite("right.db", "update b set v = v");
    project.dvt("run --select one").exits(0);
    assert_eq!(deliveries(&project, "one"), said(&[("streamed", 100), ("streamed", 100)]));
}

#[test]
fn what_this_run_has_changed_is_read_anew() {
    // `first` is built on the left connection, where `second` reads it and what it was made from.
    let project = bucket("always")
        .file("models/first.sql", "{{ config(target='left') }}select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id where a.id <= {{ var('most', 3) }}")
        .file("models/second.sql", "select f.id, b.v from {{ ref('first') }} as f join {{ source('r', 'b') }} as b on b.id = f.id");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from second"), [r#"{"n":3}"#]);
    project.dvt_with(&["run", "--vars", "{most: 5}"]).exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from second"), [r#"{"n":5}"#]);
}

#[test]
fn the_users_loaded_at_counts_where_the_user_asks_for_staging() {
    let Some(server) = dvt_test_support::mysql() else { return };
    let outputs = format!(
        "    lite: {{type: sqlite, path: target.db}}\n    left: {}\n    right: {{type: sqlite, path: right.db}}\n",
        crate::project::output(&server, "")
    );
    let project = bucket("always").profile("lite", &outputs).file(
        "models/sources.yml",
        &format!(
            "sources:\n  - name: l\n    connection: left\n    schema: {}\n    tables:\n      - name: a\n        loaded_at_field: loaded\n  - name: r\n    connection: right\n    schema: main\n    tables: [{{name: b}}]\n",
            server.database
        ),
    );
    project.write("models/m.sql", JOIN);
    server.sql("create table a (id integer, v varchar(20), loaded datetime(6)); insert into a values (1, 'one', '2026-01-01 00:00:00')");
    project.dvt("run").exits(0);
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("reused", 0), ("reused", 0)]));
    server.sql("insert into a values (2, 'two', '2026-01-01 00:00:00')");
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m")[0], ("staged".to_owned(), 2));
    server.sql("update a set v = 'three', loaded = '2026-01-02 00:00:00' where id = 2");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select v from m where id = 2"), [r#"{"v":"three"}"#]);
    // Without the user's word nothing proves that a table there is what it was.
    let plain = project.text("models/sources.yml").replace("loaded_at_field: loaded", "description: plain");
    project.write("models/sources.yml", &plain);
    project.dvt("run").exits(0);
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m")[0], ("staged".to_owned(), 2));
}

#[test]
fn a_postgres_table_is_read_again_after_any_change_and_only_then() {
    let Some(server) = dvt_test_support::postgres() else { return };
    let outputs = format!(
        "    lite: {{type: sqlite, path: target.db}}\n    left: {}\n    right: {{type: sqlite, path: right.db}}\n",
        crate::project::output(&server, "public")
    );
    let project = bucket("always").profile("lite", &outputs).file(
        "models/sources.yml",
        "sources:
  - {name: l, connection: left, schema: public, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
",
    );
    project.write("models/m.sql", JOIN);
    server.sql("create table a (id integer, v text); insert into a values (1, 'one'), (2, 'two')");
    project.dvt("run").exits(0);
    for (change, rows) in [
        ("update a set v = 'uno' where id = 1", r#"{"id":1,"v":"uno"}"#),
        ("delete from a where id = 2; insert into a values (1, 'eins')", r#"{"id":1,"v":"eins"}"#),
        ("truncate a; insert into a values (3, 'drei')", r#"{"id":3,"v":"drei"}"#),
        ("alter table a alter column v type varchar(10) using 'x'", r#"{"id":3,"v":"x"}"#),
    ] {
        server.sql(change);
        project.dvt("run").exits(0);
        assert!(project.rows("target.db", "select distinct id, v from m").contains(&rows.to_owned()), "{change}");
        assert_eq!(deliveries(&project, "m")[0].0, "staged", "{change}");
    }
}

/// Kills runs of a large extract that is read in parts; the last run reads only the parts that are missing.
#[test]
fn an_extract_goes_on_behind_the_last_part_after_a_kill() {
    let project = bucket("always").variable("DVT_ROWS_IN_PART", "2000").file(
        "models/m.sql",
        "select count(*) as n, sum(a.id) as s, count(distinct a.id) as d from {{ source('l', 'a') }} as a cross join (select max(id) as id from {{ source('r', 'b') }}) as b",
    );
    let rows = 200_000;
    project.sqlite(
        "left.db",
        &format!("drop table a; create table a (id integer, v varchar(20)); with recursive k(i) as (select 1 union all select i + 1 from k where i < {rows}) insert into a select i, 'a' || i from k"),
    );
    let folder = project.path(".");
    for kill in 0..4_u64 {
        let mut run =
            project.command(&folder, &["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dvt starts");
        std::thread::sleep(Duration::from_millis(150 + kill * 70));
        let _ = run.kill();
        let _ = run.wait();
    }
    project.dvt("run").exits(0);
    let expected = json!({"n": rows, "s": rows * (rows + 1) / 2, "d": rows}).to_string();
    let got: Vec<Value> =
        project.rows("target.db", "select * from m").iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(got, [serde_json::from_str::<Value>(&expected).unwrap()]);
    let (delivery, read) = deliveries(&project, "m")[0].clone();
    match delivery.as_str() {
        "resumed" => assert!(read < rows, "{read}"),
        "reused" => assert_eq!(read, 0),
        // Every kill came before the first part.
        other => assert_eq!((other, read), ("staged", rows)),
    }
    let journals: Vec<_> = std::fs::read_dir(project.path("target/.dvt/journal")).unwrap().flatten().collect();
    let parts = journals.iter().filter(|entry| std::fs::read_to_string(entry.path()).unwrap().contains("part_staged"));
    assert!(parts.count() > 0);
}

#[test]
fn clean_takes_old_tables_of_the_named_bucket_and_optimize_leaves_the_rows() {
    let project = bucket("always").variable("DVT_ROWS_IN_PART", "10").file("models/m.sql", JOIN);
    project.dvt("run").exits(0);
    project.dvt("run --bucket c").exits(0);
    let files = |folder: &str| -> usize {
        let is_data = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
        tables(&project, folder)
            .iter()
            .map(|table| std::fs::read_dir(table).unwrap().flatten().filter(|entry| is_data(&entry.path())).count())
            .sum()
    };
    assert!(files("staging") >= 20, "one file for each part: {}", files("staging"));
    project.dvt("clean --optimize").exits(0).says("2 staged tables compacted");
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("reused", 0), ("reused", 0)]));
    assert_eq!(project.rows("target.db", "select count(*) as n from m"), [r#"{"n":100}"#]);
    project.write("staging/mine.txt", "not dvt's");
    project.dvt("clean --older-than 1d").exits(0).says("0 staged tables removed, 2 kept");
    project.dvt("clean --older-than 0s").exits(0).says("2 staged tables removed, 0 kept");
    assert_eq!((tables(&project, "staging").len(), tables(&project, "other").len()), (0, 2));
    project.dvt("clean --older-than 0s --bucket c").exits(0).says("2 staged tables removed");
    assert!(tables(&project, "other").is_empty() && project.path("staging/mine.txt").exists());
    project.dvt("run").exits(0);
    assert_eq!(deliveries(&project, "m"), said(&[("staged", 100), ("staged", 100)]));
}

#[test]
fn a_bucket_that_is_a_whole_file_system_is_refused() {
    for path in ["/", "///"] {
        let project = two_files()
            .file(
                "buckets.yml",
                &format!("shop:\n  target: b\n  buckets:\n    b: {{type: filesystem, path: '{path}'}}\n"),
            )
            .file("models/m.sql", JOIN);
        project.dvt("clean --older-than 0s").exits(2).says("root of the file system");
        project.dvt("run").exits(1).says("root of the file system");
    }
    let project =
        two_files().file("buckets.yml", "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: ''}\n");
    project.dvt("clean --older-than 0s").exits(2).says("empty `path`");
}

/// Several processes on one bucket, with kills and cleaning in between: no wrong rows, no run that fails.
/// `DVT_BUCKET_RUNS` says how many rounds (default 3).
#[test]
fn processes_share_a_bucket_whoever_is_killed() {
    let rounds: u64 = std::env::var("DVT_BUCKET_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let mut outputs = String::from(
        "    lite: {type: sqlite, path: target.db}\n    left: {type: sqlite, path: left.db}\n    right: {type: sqlite, path: right.db}\n",
    );
    for place in ["t0", "t1", "t2", "t3"] {
        outputs += &format!("    {place}: {{type: sqlite, path: {place}.db}}\n");
    }
    let project = bucket("always")
        .profile("lite", &outputs)
        .file("models/m.sql", &format!("{{{{ config(target=var('place', 'lite')) }}}}{JOIN}"));
    let folder = project.path(".");
    for round in 0..rounds {
        project.sqlite("left.db", &format!("update a set v = 'r{round}' || id"));
        let mut running = Vec::new();
        for place in ["t0", "t1", "t2", "t3"] {
            let vars = format!("{{place: {place}}}");
            let words = ["run", "--vars", &vars, "--target-path", place, "--log-path", place];
            let run = project
                .command(&folder, &words)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("dvt starts");
            running.push((place, run));
        }
        let victim = usize::try_from(round % 4).unwrap();
        std::thread::sleep(Duration::from_millis(60 + round * 37 % 200));
        let _ = running[victim].1.kill();
        project.dvt("clean --older-than 0s").exits(0);
        for (index, (place, mut run)) in running.into_iter().enumerate() {
            let ended = run.wait().expect("the process ends");
            assert!(ended.success() || index == victim, "round {round}: {place} failed");
            if ended.success() {
                let rows = project
                    .rows(&format!("{place}.db"), &format!("select count(*) as n from m where v = 'r{round}' || id"));
                assert_eq!(rows, [r#"{"n":100}"#], "round {round}: {place}");
            }
        }
    }
    project.dvt_with(&["run", "--vars", "{place: t0}"]).exits(0);
    project.dvt("clean --older-than 0s").exits(0);
    assert!(tables(&project, "staging").is_empty());
}
