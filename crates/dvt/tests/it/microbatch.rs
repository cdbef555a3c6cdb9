//! Microbatch models, `--sample` and `--empty`: which rows are read, batch by batch.

use crate::incremental::{ENGINES, PAIR, on, rows};
use crate::project::{Project, output};
use serde_json::json;

const EVENTS: &str = "{{ config(materialized='table', event_time='happened_at') }}
select 1 as id, '2024-01-01 08:00:00' as happened_at
union all select 2, '2024-01-02 09:00:00'
union all select 3, '2024-01-03 10:00:00'
";

fn batched(body: &str) -> Project {
    let config = "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='happened_at', \
                  batch_size='day', begin='2024-01-01') }}";
    Project::new().file("models/events.sql", EVENTS).file("models/daily.sql", &format!("{config}\n{body}"))
}

#[test]
fn a_microbatch_model_is_built_day_by_day() {
    let project = batched("select id, happened_at, '{{ model.batch.id }}' as batch from {{ ref('events') }}");
    project
        .dvt("run --event-time-start 2024-01-01 --event-time-end 2024-01-04")
        .exits(0)
        .says("Batch 1 of 3 START batch 2024-01-01 of")
        .says("Batch 3 of 3 OK created batch 2024-01-03 of");
    let rows = || project.rows("target.db", "select id, batch from daily order by id");
    assert_eq!(
        rows(),
        [r#"{"id":1,"batch":"20240101"}"#, r#"{"id":2,"batch":"20240102"}"#, r#"{"id":3,"batch":"20240103"}"#]
    );
    let second = project.text("target/compiled/shop/models/daily/daily_2024-01-02.sql");
    assert!(second.contains("where datetime(happened_at) >= '2024-01-02 00:00:00' and "), "{second}");
    assert!(project.path("target/run/shop/models/daily/daily_2024-01-03.sql").is_file());
    let batches = project.result("model.shop.daily")["batch_results"].clone();
    assert_eq!(batches["failed"], json!([]));
    assert_eq!(batches["successful"][0], json!(["2024-01-01T00:00:00+00:00", "2024-01-02T00:00:00+00:00"]));
    // One day again: its rows are replaced, the others stay.
    project.dvt("run --select daily --event-time-start 2024-01-02 --event-time-end 2024-01-03").exits(0);
    assert_eq!(
        rows(),
        [r#"{"id":1,"batch":"20240101"}"#, r#"{"id":2,"batch":"20240102"}"#, r#"{"id":3,"batch":"20240103"}"#]
    );
}

#[test]
fn a_batch_that_fails_leaves_the_others_and_is_tried_again() {
    let project = batched(
        "select id, happened_at from {{ ref('events') }}\n\
         {% if model.batch.id == '20240102' and var('broken', true) %} where no_such_column = 1 {% endif %}",
    );
    let days = "--event-time-start 2024-01-01 --event-time-end 2024-01-04";
    project.dvt(&format!("run {days}")).exits(1).says("PARTIAL SUCCESS (2/3)");
    assert_eq!(project.result("model.shop.daily")["status"], "partial success");
    assert_eq!(project.rows("target.db", "select id from daily order by id"), [r#"{"id":1}"#, r#"{"id":3}"#]);
    project.write("models/daily.sql", &project.text("models/daily.sql").replace("no_such_column", "id"));
    project.write("models/daily.sql", &project.text("models/daily.sql").replace("where id = 1", ""));
    project.dvt("retry").exits(0).says("Batch 1 of 1");
    assert_eq!(
        project.rows("target.db", "select id from daily order by id"),
        [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]
    );
    assert_eq!(project.result("model.shop.daily")["batch_results"]["successful"].as_array().map(Vec::len), Some(3));
}

#[test]
fn samples_and_empty_inputs_narrow_what_is_read() {
    let project = Project::new()
        .file("models/events.sql", EVENTS)
        .file("models/all_of_it.sql", "{{ config(materialized='table') }} select * from {{ ref('events') }}");
    let count = || project.rows("target.db", "select count(*) as n from all_of_it").concat();
    project.dvt("run").exits(0);
    assert_eq!(count(), r#"{"n":3}"#);
    project.dvt_with(&["run", "--select", "all_of_it", "--sample", "{start: 2024-01-02, end: 2024-01-03}"]).exits(0);
    assert_eq!(count(), r#"{"n":1}"#);
    project.dvt("run --select all_of_it --empty").exits(0);
    assert_eq!(count(), r#"{"n":0}"#);
    project.dvt_with(&["run", "--sample", "3 weeks"]).exits(2).says("Invalid grain size 'weeks'");
}

#[test]
fn microbatch_reads_of_other_connections_only_the_time_of_the_batch() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let Some(events) = dvt_test_support::postgres() else { return };
        events.sql(
            "create table events (id integer, at timestamp); insert into events select n, timestamp '2024-01-01' + n * interval '1 hour' from generate_series(0, 95) as n",
        );
        project
            .write("profiles.yml", &format!("{}    ev: {}\n", project.text("profiles.yml"), output(&events, "public")));
        let project = project
            .file(
                "models/sources.yml",
                &format!("{PAIR}  - {{name: e, connection: ev, schema: public, tables: [{{name: events, config: {{event_time: at}}}}]}}\n"),
            )
            .file(
                "models/daily.sql",
                "{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at', batch_size='day', \
                 begin='2024-01-01', lookback=1) }}
with e as (select * from {{ source('e', 'events') }})
select e.id, e.at, b.v from e join {{ source('r', 'b') }} as b on b.id = e.id % 3",
            );
        project.sqlite(
            "right.db",
            "create table b (id integer, v text); insert into b values (0, 'x'), (1, 'y'), (2, 'z')",
        );
        let days = "--event-time-start 2024-01-01 --event-time-end 2024-01-05";
        project.dvt(&format!("run {days}")).exits(0).says("Batch 4 of 4");
        let count = "select count(*) as n, count(distinct id) as ids from {{ ref('daily') }}";
        assert_eq!(rows(&project, count), "96 96", "{engine}");
        // A late row of the second day and a change of the first: one batch again brings that day, no other.
        events.sql(
            "insert into events values (200, '2024-01-02 23:59:59.999999'); update events set id = 300 where id = 0",
        );
        project.dvt("run --event-time-start 2024-01-02 --event-time-end 2024-01-03").exits(0);
        assert_eq!(rows(&project, count), "97 97", "{engine}");
        assert_eq!(rows(&project, "select count(*) as n from {{ ref('daily') }} where id = 300"), "0", "{engine}");
        let compiled = project.text("target/compiled/shop/models/daily/daily_2024-01-02.sql");
        assert!(compiled.contains("2024-01-02") && compiled.contains("2024-01-03"), "{compiled}");
    }
}

/// `--sample` on inputs of other connections, whose times are types there and texts on the target.
#[test]
fn a_sample_narrows_what_is_read_of_other_connections() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let Some(events) = dvt_test_support::postgres() else { return };
        events.sql(
            "create table events (id integer, at timestamptz, day date); insert into events select n, timestamptz '2024-01-01 00:00+00' + n * interval '1 hour', date '2024-01-01' + n / 24 from generate_series(0, 95) as n",
        );
        project
            .write("profiles.yml", &format!("{}    ev: {}\n", project.text("profiles.yml"), output(&events, "public")));
        let project = project
            .file(
                "models/sources.yml",
                "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a, config: {event_time: at}}, {name: words, config: {event_time: at}}]}
  - {name: e, connection: ev, schema: public, tables: [{name: events, config: {event_time: at}}]}
",
            )
            .file("models/m.sql", "with e as (select * from {{ source('e', 'events') }}), a as (select * from {{ source('l', 'a') }}) select e.id, a.v from e join a on a.at = e.day")
            .file("models/w.sql", "with w as (select * from {{ source('l', 'words') }}), e as (select * from {{ source('e', 'events') }}) select w.v from w join e on e.id = w.id");
        project.sqlite(
            "left.db",
            "create table a (at date, v text); insert into a values ('2024-01-01', 'x'), ('2024-01-02', 'y'), ('2024-01-03', 'z');
             create table words (id integer, at text, v text); insert into words values (25, '2024-01-02', 'midnight'), (30, '2024-01-02T06:00', 'morning')",
        );
        project.dvt_with(&["run", "--select", "m", "--sample", "{start: 2024-01-02, end: 2024-01-03}"]).exits(0);
        assert_eq!(
            rows(&project, "select count(*) as n, min(id) as low, max(id) as high from {{ ref('m') }}"),
            "24 24 47",
            "{engine}"
        );
        // SQLite reads a text as a time, also where connections are crossed.
        let outcome = project.dvt_with(&["run", "--select", "w", "--sample", "{start: 2024-01-02, end: 2024-01-03}"]);
        if engine == "lite" {
            outcome.exits(0);
            assert_eq!(rows(&project, "select count(*) as n from {{ ref('w') }}"), "2");
        }
    }
}
