//! Spark as a connection: every route, dbt's materializations on tables of files, and what is wrong told with a next step.
//!
//! Each statement takes Spark some tenths of a second: the suite runs each route once, and `DVT_SPARK_CONNECTION=all` everything.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::{SPARK_TOKEN, SparkConnect};

fn lake() -> Option<(Project, SparkConnect)> {
    let server = dvt_test_support::spark_connect(true)?;
    let outputs = format!(
        "    lake: {{type: spark, method: connect, host: 127.0.0.1, port: {}, schema: marts, token: {SPARK_TOKEN}, threads: 2}}\n    lite: \
         {{type: sqlite, path: target.db}}\n",
        server.port
    );
    let project = Project::new().profile("lake", &outputs);
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
fn each_route_and_materialization_works_with_spark() {
    let Some((project, server)) = lake() else { return };
    let wants_all = std::env::var("DVT_SPARK_CONNECTION").as_deref() == Ok("all");
    // Twice: the second run replaces tables that are there.
    routes(&project, if wants_all { 2 } else { 1 });
    says(
        &project,
        "{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id') }} select nope from {{ ref('v') }}",
        "when file_format is set to 'delta'",
    );
    says(&project, "select 1 as n,\n nope from {{ ref('v') }}", "nope");
    let project = if wants_all { documented(project) } else { project };
    drop(server);
    project.dvt("debug --connection lake").exits(1).says("Spark Connect server").never_says("hunter2");
}

fn documented(project: Project) -> Project {
    catalog(&project);
    let project = increments(project);
    mistakes(&project);
    project
}

fn routes(project: &Project, times: usize) {
    for (path, text) in [
        (
            "models/T.sql",
            "{{ config(materialized='table', event_time='at', tblproperties={'made_by': \"it's\"}, partition_by='customer', alias='Orders_T') }}
             select id, amount, cast(day as timestamp_ntz) as at, array(id, null) as ids, customer from {{ ref('orders') }}",
        ),
        ("models/v.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('T') }}"),
        (
            "models/fed.sql",
            "select o.id, n.name, o.amount, o.at, o.ids from {{ ref('T') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        ),
        ("models/to_lite.sql", "{{ config(target='lite') }} select id, name, amount, at, ids from {{ ref('fed') }}"),
        (
            "models/t.yml",
            "models: [{name: T, description: 'orders; it''s', config: {persist_docs: {relation: true, columns: true}}, \
             columns: [{name: id, description: 'a `key`', data_tests: [unique, not_null]}]}, \
             {name: v, description: a view, config: {persist_docs: {relation: true, columns: true}}, columns: [{name: n, description: rows}]}]\n",
        ),
    ] {
        project.write(path, text);
    }
    for _ in 0..times {
        project.dvt("build").exits(0).says("Completed successfully").never_says("hunter2");
        let routes = ["T", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        assert_eq!(
            project.rows("target.db", "select id, name, amount, at, ids from to_lite order by 1"),
            [
                r#"{"id":1,"name":"Ann","amount":1.5,"at":"2024-01-01 00:00:00","ids":"[1,null]"}"#,
                r#"{"id":2,"name":"Bob","amount":2.25,"at":"2024-01-02 00:00:00","ids":"[2,null]"}"#,
                r#"{"id":3,"name":"Ann","amount":null,"at":"2024-02-01 00:00:00","ids":"[3,null]"}"#
            ]
        );
    }
    // Nothing of dvt's own is left.
    assert_eq!(tables(project), ["fed", "orders", "orders_t", "v"]);
}

fn catalog(project: &Project) {
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    let node = &catalog["nodes"]["model.shop.T"];
    assert_eq!(node["metadata"]["comment"], "orders; it's", "{node}");
    assert_eq!(
        (&node["columns"]["id"]["type"], &node["columns"]["id"]["comment"]),
        (&"bigint".into(), &"a `key`".into())
    );
    assert_eq!(catalog["nodes"]["model.shop.v"]["metadata"]["type"], "view", "{}", catalog["nodes"]);
    assert_eq!(catalog["nodes"]["model.shop.fed"]["columns"]["ids"]["type"], "array<bigint>", "{}", catalog["nodes"]);
}

fn tables(project: &Project) -> Vec<String> {
    let listed: serde_json::Value = serde_json::from_str(&shown(project, "show tables in marts")).unwrap();
    let mut names: Vec<String> =
        listed.as_array().unwrap().iter().map(|row| row["tableName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn increments(project: Project) -> Project {
    let incremental = |config: &str, sql: &str| {
        format!("{{{{ config(materialized='incremental', {config}) }}}}\n{sql} from {{{{ ref('orders') }}}}")
    };
    let x = "select id, {{ var('x', 1) }} as x, customer";
    let project = project
        .file(
            "models/appended.sql",
            &(incremental(
                "on_schema_change='append_new_columns'",
                "select id, {{ var('x', 1) }} as x {% if var('x', 1) == 2 %}, 'n' as fresh{% endif %}",
            ) + "{% if is_incremental() %} where id > 2 {% endif %}"),
        )
        .file(
            "models/partitions.sql",
            &(incremental("incremental_strategy='insert_overwrite', partition_by=['customer']", x)
                + "{% if is_incremental() %} where id = 2 {% endif %}"),
        )
        .file("models/whole.sql", &incremental("incremental_strategy='insert_overwrite'", x))
        .file(
            "models/batches.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', begin='2024-01-01',
               batch_size='month', partition_by=['month'], lookback=0) }}
             select id, at, date_format(at, 'yyyy-MM') as month from {{ ref('T') }}",
        )
        .file(
            "models/federated.sql",
            "{{ config(materialized='incremental') }}
             select o.id, n.name, {{ var('x', 1) }} as x from {{ ref('orders') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer
             {% if is_incremental() %} where o.id >= (select max(id) from {{ this }}) {% endif %}",
        );
    let project = project.file(
        "models/u.yml",
        "unit_tests: [{name: u, model: whole, given: [{input: ref('orders'), rows: [{id: 7, customer: q}]}], \
         expect: {rows: [{id: 7, x: 1, customer: q}]}}]\n",
    );
    project.dvt("build --event-time-start 2024-01-01 --event-time-end 2024-03-01").exits(0);
    project
        .dvt_with(&["run", "--vars", "{x: 2}", "--event-time-start", "2024-02-01", "--event-time-end", "2024-03-01"])
        .exits(0);
    let sums =
        "select (select concat(count(*), ':', sum(x), ':', count(fresh)) from {{ ref('appended') }}) as appended,
        (select concat(count(*), ':', sum(x)) from {{ ref('partitions') }}) as partitions,
        (select concat(count(*), ':', sum(x)) from {{ ref('whole') }}) as whole,
        (select concat(count(*), ':', sum(id)) from {{ ref('batches') }}) as batches,
        (select concat(count(*), ':', sum(x)) from {{ ref('federated') }}) as federated";
    assert_eq!(
        shown(&project, sums),
        r#"[{"appended":"4:5:1","partitions":"3:4","whole":"3:6","batches":"3:6","federated":"4:5"}]"#
    );
    project.dvt("build --full-refresh --event-time-start 2024-01-01 --event-time-end 2024-03-01").exits(0);
    let left = tables(&project);
    assert!(left.iter().all(|name| !name.contains("dbt_") && !name.contains("dvt")), "{left:?}");
    project
}

fn says(project: &Project, text: &str, words: &str) {
    project.write("models/wrong.sql", text);
    project.dvt("run -s wrong").exits(1).says(words).never_says("hunter2");
    std::fs::remove_file(project.path("models/wrong.sql")).unwrap();
}

fn mistakes(project: &Project) {
    let says = |text: &str, words: &str| says(project, text, words);
    says("select 1 as one\nform x y", "models/wrong.sql");
    says("{{ config(file_format='delta', materialized='table') }} select 1 as id", "delta");
    // In a query across connections an operator of Spark's may have a meaning of its own.
    says(
        "select o.id / 2 as half, o.amount + 1 as more, n.name from {{ ref('orders') }} as o join {{ source('l', 'names') }} as n on n.customer = o.customer",
        "wrong.sql",
    );
    project.write(
        "snapshots/s.sql",
        "{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols=['id']) }} select 1 as id{% endsnapshot %}",
    );
    project.dvt("snapshot").exits(1).says("requires file_format be set to 'delta'");
    std::fs::remove_file(project.path("snapshots/s.sql")).unwrap();
    // A text that is no value of the type is an error, and never NULL.
    project.write("seeds/bad.csv", "id\n1\n123.45\n");
    project.write("seeds/bad.yml", "seeds: [{name: bad, config: {column_types: {id: 'decimal(3,1)'}}}]\n");
    project.dvt("seed -s bad").exits(1);
    project.dvt("debug --connection lake").exits(0).never_says("hunter2");
}
