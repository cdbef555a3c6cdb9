//! Wrong answers that other tools give when they load (pitfalls 15, 28–30, 33, 35, 36): on every engine, across connections.

use crate::incremental::{ENGINES, PAIR, extracted, on, rows};
use crate::pitfalls::two_files;
use crate::project::{Project, output};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The same filters with pushdown and without, over every kind of source: what is said to be filtered is filtered.
#[test]
fn pitfall_15_a_filter_that_is_said_to_be_pushed_down_is_applied() {
    let mut outputs =
        String::from("    lite: {type: sqlite, path: target.db}\n    near: {type: sqlite, path: near.db}\n");
    let mut places = vec!["near"];
    for format in ["delta", "parquet", "csv", "json"] {
        outputs += &format!("    {format}: {{type: filesystem, path: {format}, format: {format}}}\n");
        places.push(format);
    }
    let servers = [dvt_test_support::postgres().map(|pg| ("pg", pg)), dvt_test_support::mysql().map(|my| ("my", my))];
    for (name, database) in servers.iter().flatten() {
        outputs += &format!("    {name}: {}\n", output(database, "public"));
        places.push(name);
    }
    type Filter = (&'static str, fn(i64) -> bool);
    let filters: [Filter; 6] = [
        ("t.n between 10 and 19", |n| (10..=19).contains(&n)),
        ("t.n % 7 = 0 or t.n = 1", |n| n % 7 == 0 || n == 1),
        ("t.word = 'w3'", |n| n % 5 == 3),
        ("t.word in ('w1', 'w4') and t.n > 90", |n| (n % 5 == 1 || n % 5 == 4) && n > 90),
        ("t.hole is null", |n| n % 3 == 0),
        ("t.hole is not null and t.n < 4", |n| n % 3 != 0 && n < 4),
    ];
    let mut project = Project::new().profile("lite", &outputs).file(
        "seeds/numbers.csv",
        &std::iter::once("n,word,hole".to_owned())
            .chain(
                (1..=100).map(|n| format!("{n},w{},{}", n % 5, if n % 3 == 0 { String::new() } else { n.to_string() })),
            )
            .collect::<Vec<_>>()
            .join("\n"),
    );
    for place in &places {
        project = project
            .file(
                &format!("models/t_{place}.sql"),
                &format!("{{{{ config(target='{place}', tags='given') }}}} select n, word, hole from {{{{ ref('numbers') }}}}"),
            )
            .file(
                &format!("models/q_{place}.sql"),
                &filters
                    .iter()
                    .enumerate()
                    .map(|(at, (filter, _))| {
                        format!(
                            "select {at} as filter, count(*) as n, sum(t.n) as s from {{{{ ref('t_{place}') }}}} as t \
                             join {{{{ ref('numbers') }}}} as k on k.n = t.n where {filter}"
                        )
                    })
                    .collect::<Vec<_>>()
                    .join("\nunion all\n"),
            );
    }
    project.dvt("seed").exits(0);
    project.dvt("run --select tag:given").exits(0);
    let expected: Vec<String> = filters
        .iter()
        .enumerate()
        .map(|(at, (_, keeps))| {
            let kept: Vec<i64> = (1..=100).filter(|n| keeps(*n)).collect();
            format!(r#"{{"filter":{at},"n":{},"s":{}}}"#, kept.len(), kept.iter().sum::<i64>())
        })
        .collect();
    for pushdown in ["on", "off"] {
        project.dvt_env(&[("DVT_TEST_PUSHDOWN", pushdown)], "run --exclude tag:given").exits(0);
        for place in &places {
            assert_eq!(project.route(&format!("q_{place}")), "federate");
            let found = project.rows("target.db", &format!("select filter, n, cast(s as integer) as s from q_{place}"));
            assert_eq!(found, expected, "{place}, pushdown {pushdown}");
        }
    }
}

/// Two rounds of rows on `left` and `right`: 1 and 2, then 2 changed and 3 new.
fn two_rounds(engine: &str, config: &str) -> Option<Project> {
    let project = on(engine)?.file("models/sources.yml", PAIR).file(
        "models/m.sql",
        &format!(
            "{{{{ config(materialized='incremental', {config}) }}}}
select a.id, b.name, a.amount from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.id = a.id
{{% if is_incremental() %}} where a.id > 1 {{% endif %}}"
        ),
    );
    project.sqlite("left.db", "create table a (id integer, amount integer); insert into a values (1, 10), (2, 20)");
    project.sqlite("right.db", "create table b (id integer, name text); insert into b values (1, 'a'), (2, 'b')");
    project.dvt("run").exits(0);
    project.sqlite("left.db", "update a set amount = 21 where id = 2; insert into a values (3, 30)");
    project.sqlite("right.db", "update b set name = 'bb' where id = 2; insert into b values (3, 'c')");
    project.dvt("run").exits(0);
    assert_eq!(project.route("m"), "federate");
    Some(project)
}

#[test]
fn pitfall_28_merge_is_real_on_every_engine_and_a_strategy_that_is_not_there_is_refused() {
    let all = "select id, name, amount from {{ ref('m') }} order by id, amount";
    for engine in ENGINES {
        let Some(project) = two_rounds(engine, "unique_key='id', incremental_strategy='merge'") else { continue };
        assert_eq!(rows(&project, all), "1 a 10|2 bb 21|3 c 30", "{engine}");
        project.dvt("run").exits(0);
        assert_eq!(rows(&project, all), "1 a 10|2 bb 21|3 c 30", "again on {engine}");
        let model = project.text("models/m.sql").replace("'merge'", "'upsert'");
        project.write("models/m.sql", &model);
        project.dvt("run").exits(1).says("upsert");
        assert_eq!(rows(&project, all), "1 a 10|2 bb 21|3 c 30", "after a refusal on {engine}");
    }
}

#[test]
fn pitfall_29_a_unique_key_without_a_strategy_replaces_rows() {
    let all = "select id, name, amount from {{ ref('m') }} order by id, amount";
    for engine in ENGINES {
        let Some(project) = two_rounds(engine, "unique_key='id'") else { continue };
        assert_eq!(rows(&project, all), "1 a 10|2 bb 21|3 c 30", "{engine}");
        let Some(project) = two_rounds(engine, "unique_key=['id', 'name']") else { continue };
        assert_eq!(rows(&project, all), "1 a 10|2 b 20|2 bb 21|3 c 30", "two keys on {engine}");
        let Some(project) = two_rounds(engine, "tags='no_key'") else { continue };
        assert_eq!(rows(&project, all), "1 a 10|2 b 20|2 bb 21|3 c 30", "without a key on {engine}");
    }
}

#[test]
fn pitfall_30_this_is_the_whole_model_after_a_merge_and_after_a_run_of_no_rows() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project.file("models/sources.yml", PAIR).file(
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
select a.id, b.v {% if is_incremental() %}, (select count(*) from {{ this }} as t) as known {% else %}, 0 as known {% endif %}
from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.k = a.id % 2
{% if is_incremental() %} where a.id > (select max(t.id) from {{ this }} as t) {% endif %}",
        );
        let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50)";
        project.sqlite("left.db", &format!("create table a (id integer); insert into a {numbers} select i from n"));
        project.sqlite("right.db", "create table b (k integer, v text); insert into b values (0, 'even'), (1, 'odd')");
        project.dvt("run").exits(0);
        let count = "select count(*) as n, count(distinct id) as ids, max(known) as known from {{ ref('m') }}";
        for (new, read, known) in [("(51)", 1, 50), ("", 0, 50), ("(52), (53)", 2, 51), ("", 0, 51), ("(54)", 1, 53)] {
            if !new.is_empty() {
                project.sqlite("left.db", &format!("insert into a values {new}"));
            }
            project.dvt("run").exits(0);
            assert_eq!(extracted(&project, "m", "a"), read, "rows read for {new:?} on {engine}");
            let found = rows(&project, count);
            assert!(found.ends_with(&format!(" {known}")), "{found} after {new:?} on {engine}");
        }
        assert_eq!(rows(&project, count), "54 54 53", "{engine}");
    }
}

#[test]
fn pitfall_33_new_dropped_and_retyped_source_columns_are_met_as_the_config_says() {
    for engine in ENGINES {
        let Some(mut project) = on(engine) else { continue };
        let modes = ["ignore", "append_new_columns", "sync_all_columns", "fail"];
        for mode in modes {
            project = project.file(
                &format!("models/{mode}.sql"),
                &format!(
                    "{{{{ config(materialized='incremental', unique_key='id', on_schema_change='{mode}') }}}}
select a.*, b.v from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.id = a.id"
                ),
            );
        }
        let project = project.file("models/sources.yml", PAIR);
        project.sqlite(
            "left.db",
            "create table a (id integer, kept varchar(5), gone integer); insert into a values (1, 'k', 5)",
        );
        project.sqlite("right.db", "create table b (id integer, v text); insert into b values (1, 'a'), (2, 'b')");
        project.dvt("run").exits(0);
        let before =
            |mode: &str| rows(&project, &format!("select id, kept, gone, v from {{{{ ref('{mode}') }}}} order by id"));
        assert_eq!(before("ignore"), "1 k 5 a", "{engine}");

        // A new column.
        project.sqlite("left.db", "alter table a add column added integer; insert into a values (2, 'l', 6, 7)");
        project.dvt("run").exits(1).says("The source and target schemas on this incremental model are out of sync!");
        let query = |mode: &str, columns: &str| {
            rows(&project, &format!("select {columns} from {{{{ ref('{mode}') }}}} order by id"))
        };
        assert_eq!(before("ignore"), "1 k 5 a|2 l 6 b", "{engine}");
        assert_eq!(query("append_new_columns", "id, gone, added"), "1 5 null|2 6 7", "{engine}");
        assert_eq!(query("sync_all_columns", "id, gone, added"), "1 5 null|2 6 7", "{engine}");
        assert_eq!(before("fail"), "1 k 5 a", "nothing of a run that stopped is there on {engine}");

        // A dropped one. Only with `ignore` does it matter: the table wants it.
        project.sqlite("left.db", "alter table a drop column gone");
        project.dvt("run --exclude fail ignore").exits(0);
        assert_eq!(query("append_new_columns", "id, gone, added"), "1 null null|2 null 7", "{engine}");
        assert_eq!(query("sync_all_columns", "id, added, v"), "1 null a|2 7 b", "{engine}");
        let wide = project.dvt_with(&["show", "--inline", "select gone from {{ ref('sync_all_columns') }}"]);
        assert_ne!(wide.code, 0, "the column is gone on {engine}: {}", wide.stdout);
        project.dvt("run --select ignore").exits(1).says("gone");
        assert_eq!(before("ignore"), "1 k 5 a|2 l 6 b", "{engine}");

        // Another type: a value that the old one cannot hold is an error, or the column changes with it.
        project.sqlite(
            "left.db",
            "create table c (id integer, kept varchar(5), added text); insert into c values (1, 'k', 'word'); drop table a; alter table c rename to a",
        );
        project.dvt("run --select sync_all_columns").exits(0);
        assert_eq!(query("sync_all_columns", "id, added"), "1 word|2 7", "{engine}");
    }
}

/// Starts a run whose model waits on the target between its load and its publication, and returns when it is there.
fn run_until_landed(project: &Project, target: &dvt_test_support::TestDatabase, wait: u32) -> Child {
    let vars = format!("{{wait: {wait}}}");
    let mut command = project.command(&project.path("."), &["run", "--vars", &vars]);
    let run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dvt starts");
    let begun = Instant::now();
    let sleeping = format!(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep({wait})%' and pid <> pg_backend_pid()"
    );
    while target.sql(&sleeping).trim() == "0" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the hook does not run");
        std::thread::sleep(Duration::from_millis(30));
    }
    run
}

#[test]
fn pitfall_35_what_a_killed_run_left_meets_no_later_merge_and_is_removed() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let outputs = format!(
        "    pg: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        output(&target, "public")
    );
    let project = two_files().profile("pg", &outputs).file(
        "models/m.sql",
        "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge',
           pre_hook=\"select pg_sleep({{ var('wait', 0) }})\") }}
select a.id, a.v, b.v as w from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.dvt("run").exits(0);
    let landings = || {
        target
            .sql("select count(*) from pg_class where relname like 'dvt\\_landing%' and relkind = 'r'")
            .trim()
            .to_owned()
    };
    assert_eq!(landings(), "0");
    let mut killed = run_until_landed(&project, &target, 31);
    assert_eq!(landings(), "1", "the rows wait in a relation of this run");
    killed.kill().expect("the process is there");
    let _ = killed.wait();
    assert_eq!(landings(), "1", "a run that is killed cleans nothing");
    // What it had read is old by now.
    project.sqlite("left.db", "delete from a where id > 50; update a set v = 'new' || id");
    target.sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(31)%' and pid <> pg_backend_pid()");
    project.dvt("run").exits(0);
    assert_eq!(landings(), "0", "the next run removes it");
    let state = "select count(*), count(distinct id), count(*) filter (where v like 'new%') from public.m";
    assert_eq!(target.sql(state).trim().replace('\t', "|"), "100|100|50");
    // One that lives keeps its own, whoever runs beside it.
    let mut living = run_until_landed(&project, &target, 4);
    project.write(
        "models/other.sql",
        "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.dvt("run --select other").exits(0);
    assert_eq!(landings(), "1", "it is the living run's");
    assert!(living.wait().expect("it ends").success());
    assert_eq!(target.sql(state).trim().replace('\t', "|"), "100|100|50");
    assert_eq!(landings(), "0");
}

#[test]
fn pitfall_36_clean_removes_whole_tables_by_their_last_commit_and_nothing_outside_of_its_bucket() {
    let project = two_files()
        .file(
            "buckets.yml",
            "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: staging, staging: always}\n",
        )
        .file(
            "models/m.sql",
            "select a.id, a.v, b.v as w from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        );
    project.dvt("run").exits(0);
    project.write("staging/sources/mine.txt", "not dvt's");
    project.write("beside.txt", "not dvt's");
    // Old files of tables that are in use are no reason to take them away one by one.
    let mut open = vec![project.path("staging")];
    let mut data = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("the bucket is there").flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "parquet") {
                let file = std::fs::File::options().write(true).open(entry.path()).expect("it is there");
                file.set_modified(std::time::SystemTime::now() - Duration::from_secs(30 * 86_400))
                    .expect("it can be set");
                data += 1;
            }
        }
    }
    assert!(data >= 2, "{data}");
    project.dvt("clean --older-than 7d").exits(0).says("0 staged tables removed, 2 kept");
    project.dvt("run").exits(0);
    let response = project.result("model.shop.m")["adapter_response"].clone();
    assert_eq!((response["rows_extracted"].as_u64(), response["rows_affected"].as_u64()), (Some(0), Some(100)));
    let buckets = project.text("buckets.yml");
    for (path, says) in [("/", "root of the file system"), ("''", "empty `path`")] {
        project.write("buckets.yml", &format!("{buckets}    other: {{type: filesystem, path: {path}}}\n"));
        project.dvt("clean --older-than 0s --bucket other").exits(2).says(says);
    }
    project.write("buckets.yml", &buckets);
    project.dvt("clean --older-than 0s").exits(0).says("2 staged tables removed");
    assert!(project.path("staging/sources/mine.txt").exists() && project.path("beside.txt").exists());
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from m"), [r#"{"n":100}"#]);
}
