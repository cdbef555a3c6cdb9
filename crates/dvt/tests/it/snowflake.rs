//! Snowflake on every route, by its real driver and an emulator of its server.
//!
//! The emulator takes no files into a stage, so the output says `load: insert`; two tables that are made at once make it answer
//! HTTP 500, hence one thread.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::Emulator;

fn snow() -> Option<(Project, Emulator)> {
    let drivers = dvt_test_support::drivers_with("snowflake")?;
    let server = dvt_test_support::fakesnow()?;
    let outputs = format!(
        "    snow: {{type: snowflake, account: fakesnow, user: fake, password: hunter2-snow, database: db1, schema: marts, \
         warehouse: w, role: r, protocol: http, host: 127.0.0.1, port: {}, load: insert, connect_timeout: 3, threads: 1}}\n    lite: {{type: \
         sqlite, path: target.db}}\n",
        server.port
    );
    let project = Project::new().variable("DVT_DRIVERS_DIR", &drivers.display().to_string()).profile("snow", &outputs);
    project.sqlite(
        "target.db",
        "create table names (customer text, name text); insert into names values ('a', 'Ann'), ('b', 'Bob')",
    );
    project.write(
        "macros/setup.sql",
        "{% macro setup() %}{% do run_query('create database if not exists db1') %}{% endmacro %}",
    );
    project.dvt("run-operation setup").exits(0);
    let project = project
        .file(
            "models/names.yml",
            "sources: [{name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: names}]}]\n",
        )
        .file("seeds/orders.csv", "id,customer,amount,day\n1,a,1.5,2024-01-01\n2,b,2.25,2024-01-02\n3,a,,2024-02-01\n");
    Some((project, server))
}

#[test]
fn each_route_works_with_snowflake() {
    let Some((project, _server)) = snow() else { return };
    let project = project
        .file(
            "models/t.sql",
            "select id, customer, amount, case when amount is not null then to_timestamp_ntz(day) end as at
             from {{ ref('orders') }}",
        )
        .file("models/v.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('t') }}")
        .file(
            "models/fed.sql",
            "select o.id, n.name, o.amount, o.at from {{ ref('t') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file("models/to_lite.sql", "{{ config(target='lite') }} select * from {{ ref('fed') }}")
        .file("models/t.yml", "models: [{name: t, columns: [{name: id, data_tests: [unique, not_null]}]}]\n");
    // Twice: the second run replaces tables that are there.
    for _ in 0..2 {
        project.dvt("build").exits(0).says("Completed successfully").never_says("hunter2");
        let routes = ["t", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        // A NUMBER(38,0) holds more than an integer of SQLite: it arrives as its digits.
        assert_eq!(
            project.rows(
                "target.db",
                "select \"ID\" as id, \"NAME\" as name, \"AMOUNT\" as amount, \"AT\" as at from to_lite order by 1"
            ),
            [
                r#"{"id":"1","name":"Ann","amount":1.5,"at":"2024-01-01 00:00:00"}"#,
                r#"{"id":"2","name":"Bob","amount":2.25,"at":"2024-01-02 00:00:00"}"#,
                // A NULL timestamp is none, though this server delivers it as the epoch.
                r#"{"id":"3","name":"Ann","amount":null,"at":null}"#
            ]
        );
    }
}

#[test]
fn what_may_differ_in_a_federated_model_is_refused() {
    let Some((project, _server)) = snow() else { return };
    let model = |expression: &str| {
        format!(
            "select {expression} as x from {{{{ ref('orders') }}}} as o
             join {{{{ source('l', 'names') }}}} as n on n.customer = o.customer"
        )
    };
    let project = project
        .file("models/division.sql", &model("o.id / 3"))
        .file("models/rounds.sql", &model("cast(o.amount as integer)"))
        .file("models/plain.sql", &model("case when o.id > 1 then coalesce(n.name, 'nobody') end"));
    project.dvt("seed").exits(0);
    project
        .dvt("run")
        .exits(1)
        .says("the operator `/` in the dialect of snowflake")
        .says("a cast in the dialect of snowflake");
    assert_eq!(project.route("plain"), "federate");
}

#[test]
#[ignore = "the emulator answers HTTP 500 to a MERGE inside a transaction; never seen to pass"]
fn incremental_models_and_snapshots_work_on_snowflake() {
    let Some((project, _server)) = snow() else { return };
    let project = project
        .file(
            "models/i.sql",
            "{{ config(materialized='incremental', unique_key='id') }}
             select id, customer, {{ var('x', 1) }} as x from {{ ref('orders') }}
             {% if is_incremental() %} where id > 2 {% endif %}",
        )
        .file(
            "models/d.sql",
            "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id') }}
             select id, {{ var('x', 1) }} as x from {{ ref('orders') }}",
        )
        .file("models/a.sql", "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as one")
        .file(
            "snapshots/s.sql",
            "{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols=['x']) }}
             select id, {{ var('x', 1) }} as x from {{ ref('orders') }}{% endsnapshot %}",
        );
    project.dvt("build").exits(0);
    project.dvt_with(&["build", "--vars", "{x: 2}"]).exits(0);
    let shown = project.dvt_with(&[
        "show",
        "--output",
        "json",
        "--limit",
        "-1",
        "--inline",
        "select (select count(*) from {{ ref('i') }}) as i, (select sum(x) from {{ ref('i') }}) as ix, \
         (select count(*) from {{ ref('d') }}) as d, (select sum(x) from {{ ref('d') }}) as dx, \
         (select count(*) from {{ ref('a') }}) as a, (select count(*) from {{ ref('s') }}) as s, \
         (select count(*) from {{ ref('s') }} where dbt_valid_to is null) as open_rows",
    ]);
    let shown: serde_json::Value = serde_json::from_str(shown.exits(0).stdout.trim()).unwrap();
    let row = shown["show"][0].as_object().unwrap();
    let numbers: Vec<String> = row.values().map(|value| value.to_string().trim_matches('"').to_owned()).collect();
    assert_eq!(numbers, ["3", "4", "3", "6", "2", "6", "3"], "{row:?}");
}

#[test]
fn what_is_wrong_with_snowflake_is_told_with_a_next_step_and_no_secret() {
    let Some((project, server)) = snow() else { return };
    project.dvt("debug --connection snow").exits(0).never_says("hunter2");
    drop(server);
    project.dvt("debug --connection snow").exits(1).says("check `account`").never_says("hunter2");
}
