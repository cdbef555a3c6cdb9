//! Runs beside each other, and sources that commit late: no row is doubled, and none is lost behind a watermark.

use crate::incremental::{ENGINES, PAIR, extracted, on, rows};
use crate::project::{Project, output};
use std::fmt::Write;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A run with artifacts and logs of its own.
fn start(project: &Project, name: &str) -> Child {
    let words = ["run", "--target-path", name, "--log-path", name];
    let mut command = project.command(&project.path("."), &words);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dvt starts")
}

/// Runs of one model overlap while its source changes. `DVT_BESIDE_ROUNDS` says how often (default 2).
#[test]
fn runs_beside_each_other_double_no_row_and_lose_none() {
    let rounds: u64 = std::env::var("DVT_BESIDE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    for engine in ENGINES {
        let Some(mut project) = on(engine) else { continue };
        let models = [
            ("merged", "unique_key='id', incremental_strategy='merge'"),
            ("replaced", "unique_key='id', incremental_strategy='delete+insert'"),
            ("added", "incremental_strategy='append'"),
        ];
        for (name, config) in models {
            project = project.file(
                &format!("models/{name}.sql"),
                &format!(
                    "{{{{ config(materialized='incremental', {config}) }}}}
select a.id, a.version, b.v from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.k = a.id % 2
{{% if is_incremental() %}} where a.version > (select coalesce(max(t.version), 0) from {{{{ this }}}} as t) {{% endif %}}"
                ),
            );
        }
        let project = project.file("models/sources.yml", PAIR);
        project.sqlite("left.db", "create table a (id integer, version integer); insert into a values (1, 1)");
        project.sqlite("right.db", "create table b (k integer, v text); insert into b values (0, 'even'), (1, 'odd')");
        project.dvt("run").exits(0);
        let (mut version, mut log) = (1, vec![(1, 1)]);
        let mut change = |count: u64, from: u64| {
            let mut sql = String::from("begin;");
            for step in 0..count {
                version += 1;
                let id = if step % 3 == 0 { from } else { version };
                log.push((id, version));
                writeln!(sql, "delete from a where id = {id}; insert into a values ({id}, {version});")
                    .expect("memory");
            }
            project.sqlite("left.db", &format!("{sql} commit"));
            log.clone()
        };
        let mut log = Vec::new();
        for round in 0..rounds {
            change(5, 1);
            let first = start(&project, "one");
            std::thread::sleep(Duration::from_millis(40 + round * 61 % 300));
            log = change(4, 1);
            let second = start(&project, "two");
            for mut run in [first, second] {
                assert!(run.wait().expect("it ends").success(), "round {round} on {engine}");
            }
        }
        project.dvt("run").exits(0);
        let now = project.rows("left.db", "select id, version from a").len().to_string();
        let last = version_of(&log);
        for name in ["merged", "replaced"] {
            let query = format!(
                "select count(*) as n, count(distinct id) as ids, max(version) as last, sum(version) as s from {{{{ ref('{name}') }}}}"
            );
            let source = project.rows("left.db", "select sum(version) as s from a").concat();
            let sum = source.trim_start_matches("{\"s\":").trim_end_matches('}');
            assert_eq!(rows(&project, &query), format!("{now} {now} {last} {sum}"), "{name} on {engine}");
        }
        // What was appended is each version that a run could see, once.
        let query =
            "select count(*) as n, count(distinct version) as versions, max(version) as last from {{ ref('added') }}";
        let seen = rows(&project, query);
        let numbers: Vec<&str> = seen.split(' ').collect();
        assert!(numbers[0] == numbers[1] && numbers[2] == last.to_string(), "{seen} on {engine}");
    }
}

fn version_of(log: &[(u64, u64)]) -> u64 {
    log.last().map_or(1, |(_, version)| *version)
}

#[test]
fn pitfall_32_rows_of_a_transaction_that_is_still_open_are_not_lost_behind_the_watermark() {
    let (Some(source), Some(target)) = (dvt_test_support::postgres(), dvt_test_support::postgres()) else { return };
    source.sql(
        "create table a (id serial, name text, at timestamptz default clock_timestamp()); insert into a (name) values ('one'), ('two')",
    );
    let outputs = format!(
        "    pg: {}\n    src: {}\n    right: {{type: sqlite, path: right.db}}\n",
        output(&target, "public"),
        output(&source, "public")
    );
    let mut project = Project::new().profile("pg", &outputs).file(
        "models/sources.yml",
        "sources:
  - {name: s, connection: src, schema: public, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
",
    );
    for (name, column) in [("by_id", "id"), ("by_time", "at")] {
        project = project.file(
            &format!("models/{name}.sql"),
            &format!(
                "{{{{ config(materialized='incremental', unique_key='id') }}}}
select a.id, a.name, a.at from {{{{ source('s', 'a') }}}} as a cross join {{{{ source('r', 'b') }}}} as b
{{% if is_incremental() %}} where a.{column} > (select max(t.{column}) from {{{{ this }}}} as t) {{% endif %}}"
            ),
        );
    }
    project.sqlite("right.db", "create table b (k integer); insert into b values (1)");
    project.dvt("run").exits(0);
    let all = |model: &str| {
        target.sql(&format!("select string_agg(name, ' ' order by id) from public.{model}")).trim().to_owned()
    };
    assert_eq!((all("by_id"), all("by_time")), ("one two".to_owned(), "one two".to_owned()));
    std::thread::scope(|scope| {
        let slow =
            scope.spawn(|| source.sql("begin; insert into a (name) values ('slow'); select pg_sleep(5); commit"));
        let begun = Instant::now();
        while source
            .sql("select count(*) from pg_stat_activity where query like '%pg_sleep(5)%' and wait_event = 'PgSleep'")
            .trim()
            == "0"
        {
            assert!(begun.elapsed() < Duration::from_secs(30), "the transaction does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        // Begun later, with a greater number, and committed before.
        source.sql("insert into a (name) values ('fast')");
        project.dvt("run").exits(0);
        assert!(!slow.is_finished(), "the machine is too slow for this test");
        assert_eq!(
            (all("by_id"), all("by_time")),
            ("one two".to_owned(), "one two".to_owned()),
            "what may be overtaken waits"
        );
        slow.join().expect("it commits");
    });
    project.dvt("run").exits(0);
    assert_eq!((all("by_id"), all("by_time")), ("one two slow fast".to_owned(), "one two slow fast".to_owned()));
    assert_eq!(extracted(&project, "by_id", "a"), 2);
    // With nobody at work nothing waits, and nothing comes twice.
    source.sql("insert into a (name) values ('last')");
    project.dvt("run").exits(0);
    assert_eq!(
        (all("by_id"), all("by_time")),
        ("one two slow fast last".to_owned(), "one two slow fast last".to_owned())
    );
    assert_eq!(extracted(&project, "by_time", "a"), 1);
    // Who works in another database of the server overtakes nothing here.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| target.sql("begin; create table held (n integer); select pg_sleep(5); commit"));
        let begun = Instant::now();
        let waits =
            "select count(*) from pg_stat_activity where query like '%held%pg_sleep(5)%' and wait_event = 'PgSleep'";
        while source.sql(waits).trim() == "0" {
            assert!(begun.elapsed() < Duration::from_secs(30), "the transaction does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        source.sql("insert into a (name) values ('beside')");
        project.dvt("run --select by_id").exits(0);
        assert!(!other.is_finished(), "the machine is too slow for this test");
        assert_eq!(all("by_id"), "one two slow fast last beside");
        other.join().expect("it commits");
    });
}
