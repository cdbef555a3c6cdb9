//! Databricks on every route, against a workspace of our own that runs the SQL on DuckDB (`dvt-test-support`).
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::{DATABRICKS_TOKEN, Emulator};

fn brick(more: &str) -> Option<(Project, Emulator)> {
    let server = dvt_test_support::databricks()?;
    let outputs = format!(
        "    brick: {{type: databricks, host: 'http://127.0.0.1:{}', http_path: /sql/1.0/warehouses/w1, catalog: prod, schema: marts, \
         token: {DATABRICKS_TOKEN}, threads: 2{more}}}\n    lite: {{type: sqlite, path: target.db}}\n",
        server.port
    );
    let project = Project::new().profile("brick", &outputs);
    project.sqlite(
        "target.db",
        "create table names (customer text, name text); insert into names values ('a', 'Ann'), ('b', 'Bob')",
    );
    let project = project
        .file(
            "models/names.yml",
            "sources: [{name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: names}]}]\n",
        )
        .file("seeds/orders.csv", "id,customer,amount,day\n1,a,1.5,2024-01-01\n2,b,2.25,2024-01-02\n3,a,,2024-02-01\n");
    Some((project, server))
}

fn shown(project: &Project, query: &str) -> String {
    let arguments = ["show", "--output", "json", "--limit", "-1", "--quiet", "--inline", query];
    let shown: serde_json::Value = serde_json::from_str(project.dvt_with(&arguments).exits(0).stdout.trim()).unwrap();
    shown["show"].to_string()
}

#[test]
fn each_route_works_with_databricks() {
    let Some((project, _server)) = brick(", volume: prod.default.files") else { return };
    let project = project
        .file("models/t.sql", "{{ config(tblproperties={'owner': \"it's\"}, liquid_clustered_by='id', grants={'select': ['me@x']}) }}
             select id, customer, amount, cast(day as timestamp_ntz) as at from {{ ref('orders') }}")
        .file("models/v.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('t') }}")
        .file(
            "models/fed.sql",
            "select o.id, n.name, o.amount, o.at from {{ ref('t') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file("models/to_lite.sql", "{{ config(target='lite') }} select id, name, amount, at from {{ ref('fed') }}")
        .file(
            "models/t.yml",
            "models: [{name: t, description: 'orders; it''s', config: {persist_docs: {relation: true, columns: true}}, \
             columns: [{name: id, description: 'a `key`', data_tests: [unique, not_null]}]}, \
             {name: v, description: a view, config: {persist_docs: {relation: true, columns: true}}, columns: [{name: n, description: rows}]}]\n",
        );
    // Twice: the second run replaces tables that are there.
    for _ in 0..2 {
        project.dvt("build").exits(0).says("Completed successfully").never_says("hunter2");
        let routes = ["t", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        assert_eq!(
            project.rows("target.db", "select id, name, amount, at from to_lite order by 1"),
            [
                r#"{"id":1,"name":"Ann","amount":1.5,"at":"2024-01-01 00:00:00"}"#,
                r#"{"id":2,"name":"Bob","amount":2.25,"at":"2024-01-02 00:00:00"}"#,
                r#"{"id":3,"name":"Ann","amount":null,"at":"2024-02-01 00:00:00"}"#
            ]
        );
    }
    let comments =
        "select table_name, comment from prod.information_schema.tables where table_name in ('t', 'v') order by 1";
    assert!(shown(&project, comments).contains("orders; it's"), "{}", shown(&project, comments));
    let grants = "select grantee, privilege_type from prod.information_schema.table_privileges where table_name = 't'";
    assert_eq!(shown(&project, grants), r#"[{"grantee":"me@x","privilege_type":"SELECT"}]"#);
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    assert_eq!(catalog["nodes"]["model.shop.t"]["columns"]["id"]["type"], "bigint", "{}", catalog["nodes"]);
    // Nothing of dvt's own is left.
    let left = "select table_name from prod.information_schema.tables where table_schema = 'marts' order by 1";
    assert_eq!(
        shown(&project, left),
        r#"[{"table_name":"fed"},{"table_name":"orders"},{"table_name":"t"},{"table_name":"v"}]"#
    );
}

#[test]
fn incremental_models_and_snapshots_work_on_databricks() {
    let Some((project, _server)) = brick("") else { return };
    let incremental = |config: &str, sql: &str| {
        format!("{{{{ config(materialized='incremental', {config}) }}}}\n{sql} from {{{{ ref('orders') }}}}")
    };
    let x = "select id, customer, {{ var('x', 1) }} as x";
    let project = project
        .file(
            "models/merged.sql",
            &(incremental(
                "unique_key='id', on_schema_change='append_new_columns'",
                &format!("{x}{{% if var('x', 1) == 2 %}}, 'n' as fresh{{% endif %}}"),
            ) + "{% if is_incremental() %} where id > 2 {% endif %}"),
        )
        .file("models/replaced.sql", &incremental("incremental_strategy='delete+insert', unique_key='id'", x))
        .file(
            "models/appended.sql",
            "{{ config(materialized='incremental', incremental_strategy='append') }} select 1 as one",
        )
        .file(
            "models/partitions.sql",
            &(incremental("incremental_strategy='insert_overwrite', partition_by=['customer']", x)
                + "{% if is_incremental() %} where id = 1 {% endif %}"),
        )
        .file("models/whole.sql", &incremental("incremental_strategy='insert_overwrite'", x))
        .file(
            "models/ranged.sql",
            &(incremental("incremental_strategy='replace_where', incremental_predicates=['id >= 2']", x)
                + "{% if is_incremental() %} where id = 3 {% endif %}"),
        )
        .file(
            "models/federated.sql",
            "{{ config(materialized='incremental', unique_key='id') }}
             select o.id, n.name, {{ var('x', 1) }} as x from {{ ref('orders') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file(
            "snapshots/s.sql",
            "{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols=['x']) }}
             select id, {{ var('x', 1) }} as x from {{ ref('orders') }}{% endsnapshot %}",
        );
    project.dvt("build").exits(0);
    project.dvt_with(&["build", "--vars", "{x: 2}"]).exits(0);
    let sums = "select (select count(*) || ':' || sum(x) from {{ ref('merged') }}) as merged,
        (select count(fresh) from {{ ref('merged') }}) as fresh,
        (select count(*) || ':' || sum(x) from {{ ref('replaced') }}) as replaced,
        (select count(*) from {{ ref('appended') }}) as appended,
        (select count(*) || ':' || sum(x) from {{ ref('partitions') }}) as partitions,
        (select count(*) || ':' || sum(x) from {{ ref('whole') }}) as whole,
        (select count(*) || ':' || sum(x) from {{ ref('ranged') }}) as ranged,
        (select count(*) || ':' || sum(x) from {{ ref('federated') }}) as federated,
        (select count(*) from {{ ref('s') }}) as s,
        (select count(*) from {{ ref('s') }} where dbt_valid_to is null) as open_rows";
    assert_eq!(
        shown(&project, sums),
        r#"[{"merged":"3:4","fresh":1,"replaced":"3:6","appended":2,"partitions":"2:3","whole":"3:6","ranged":"2:3","federated":"3:6","s":6,"open_rows":3}]"#
    );
    project.dvt("build --full-refresh").exits(0);
}

#[test]
fn what_is_wrong_with_databricks_is_told_with_a_next_step_and_no_secret() {
    let Some((project, server)) = brick("") else { return };
    project.dvt("debug --connection brick").exits(0).never_says("hunter2");
    drop(server);
    project.dvt("debug --connection brick").exits(1).says("check `host`").never_says("hunter2");
}
