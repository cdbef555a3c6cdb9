//! A lake in a bucket of S3 as a connection: sources on files, seeds, models of every format, every route; by an emulator
//! on loopback.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::cloud::{keys, request, send};
use crate::project::Project;
use dvt_test_support::Emulator;

fn lake() -> Option<(Project, Emulator)> {
    let server = dvt_test_support::moto()?;
    assert_eq!(request(server.port, "PUT", "/stage").0, 200);
    let outputs = format!(
        "    s3: {{{}, format: parquet, threads: 2}}\n    lite: {{type: sqlite, path: target.db}}\n",
        keys(server.port, ", prefix: the/lake")
    );
    let project = Project::new().profile("s3", &outputs);
    project.sqlite(
        "target.db",
        "create table names (customer text, name text); insert into names values ('a', 'Ann'), ('b', 'Bob')",
    );
    let project = project.file(
        "models/sources.yml",
        "sources:
  - {name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: names}]}
  - {name: raw, schema: main, tables: [{name: events}, {name: logs, identifier: 'logs/*.json'}]}
",
    );
    send(server.port, "/stage/the/lake/events/day=2024-01-01/a.csv", "id,customer\n1,a\n");
    send(server.port, "/stage/the/lake/events/day=2024-01-02/b.csv", "id,customer\n2,b\n3,a\n");
    send(server.port, "/stage/the/lake/events/_columns.json", "{\"id\": \"bigint\", \"day\": \"date\"}");
    send(server.port, "/stage/the/lake/logs/1.json", "{\"id\": 1, \"n\": 1.5}\n");
    send(server.port, "/stage/the/lake/logs/2.json", "{\"id\": 3, \"n\": 2}\n");
    Some((project, server))
}

#[test]
fn models_seeds_and_sources_lie_in_a_bucket() {
    let Some((project, server)) = lake() else { return };
    let project = project
        .file("seeds/rates.csv", "customer,rate\na,2\nb,3\n")
        .file(
            "models/joined.sql",
            "select e.id, e.customer, e.day, l.n, r.rate from {{ source('raw', 'events') }} as e
             left join {{ source('raw', 'logs') }} as l on l.id = e.id join {{ ref('rates') }} as r on r.customer = e.customer",
        )
        .file(
            "models/fed.sql",
            "{{ config(format='delta') }} select j.id, n.name, j.day, j.rate from {{ ref('joined') }} as j
             join {{ source('l', 'names') }} as n on n.customer = j.customer",
        )
        .file("models/as_csv.sql", "{{ config(format='csv') }} select id, day from {{ ref('fed') }}")
        .file("models/as_json.sql", "{{ config(format='json', schema='other') }} select id, name from {{ ref('fed') }}")
        .file("models/seen.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('as_csv') }}")
        .file(
            "models/inc.sql",
            "{{ config(materialized='incremental', format='delta', unique_key='id') }}
             select id, {{ var('x', 1) }} as x from {{ ref('fed') }} {% if is_incremental() %} where id > 1 {% endif %}",
        )
        .file(
            "models/out.sql",
            "{{ config(target='lite') }} select f.id, f.name, f.day, c.day as again, j.name as json, i.x, v.n
             from {{ ref('fed') }} as f join {{ ref('as_csv') }} as c on c.id = f.id
             join {{ ref('as_json') }} as j on j.id = f.id join {{ ref('inc') }} as i on i.id = f.id
             cross join {{ ref('seen') }} as v",
        )
        .file(
            "snapshots/s.yml",
            "snapshots: [{name: snap, relation: ref('inc'), config: {strategy: check, unique_key: id, check_cols: all}}]\n",
        )
        .file("models/joined.yml", "models: [{name: joined, columns: [{name: id, data_tests: [unique, not_null]}]}]\n");
    // The second run replaces the rows of tables that are there.
    for (vars, xs) in [("{}", [1, 1, 1]), ("{x: 2}", [1, 2, 2])] {
        project.dvt_with(&["build", "--vars", vars]).exits(0).never_says("s3cr3t");
        let routes = ["joined", "fed", "as_csv", "seen", "out"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "federate", "pushdown", "pushdown", "transfer"]);
        let row = |id: i32, name: &str, day: &str, x: i32| {
            format!(r#"{{"id":{id},"name":"{name}","day":"{day}","again":"{day}","json":"{name}","x":{x},"n":3}}"#)
        };
        assert_eq!(
            project.rows("target.db", "select * from out order by id"),
            [
                row(1, "Ann", "2024-01-01", xs[0]),
                row(2, "Bob", "2024-01-02", xs[1]),
                row(3, "Ann", "2024-01-02", xs[2])
            ]
        );
    }
    let listed = request(server.port, "GET", "/stage?list-type=2&prefix=the/lake/").1;
    assert!(!listed.contains("dvt_landing") && !listed.contains("dbt_tmp"), "{listed}");
    for kept in ["the/lake/fed/_delta_log/", "the/lake/as_csv/part-", "the/lake/seen.view.sql", "the/lake/joined/part-"]
    {
        assert!(listed.contains(kept), "{kept}: {listed}");
    }
    let shown = project.dvt_with(&[
        "show",
        "--output",
        "json",
        "--inline",
        "select count(*) as n, count(dbt_valid_to) as ended from {{ ref('snap') }}",
    ]);
    let shown: serde_json::Value = serde_json::from_str(shown.exits(0).stdout.trim()).unwrap();
    assert_eq!(shown["show"][0], serde_json::json!({"n": 5, "ended": 2}));
}

#[test]
fn what_is_wrong_with_a_bucket_as_a_connection_is_told() {
    let Some((project, server)) = lake() else { return };
    project.dvt("debug --connection s3").exits(0).says("s3://stage/the/lake").never_says("s3cr3t");
    drop(server);
    project.dvt("debug --connection s3").exits(1).never_says("s3cr3t");
    let wrong = Project::new()
        .profile("s3", "    s3: {type: s3, bucket: b, regoin: x}\n")
        .file("models/m.sql", "select 1 as a");
    wrong.dvt("parse").exits(2).says("`regoin` is no key of type s3");
}
