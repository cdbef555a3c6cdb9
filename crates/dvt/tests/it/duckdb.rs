//! DuckDB on every route, beside SQLite.

use crate::project::Project;

/// A profile with DuckDB as its default target and SQLite beside it; `None` without the driver.
fn duck() -> Option<Project> {
    let drivers = dvt_test_support::drivers()?;
    let project = Project::new().variable("DVT_DRIVERS_DIR", &drivers.display().to_string()).profile(
        "duck",
        "    duck: {type: duckdb, path: shop.duckdb, threads: 2}\n    lite: {type: sqlite, path: target.db}\n",
    );
    project.sqlite(
        "target.db",
        "create table names (customer text, name text); insert into names values ('a', 'Ann'), ('b', 'Bob')",
    );
    Some(
        project
            .file(
                "models/names.yml",
                "sources: [{name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: names}]}]\n",
            )
            .file(
                "seeds/orders.csv",
                "id,customer,amount,day\n1,a,1.5,2024-01-01\n2,b,2.25,2024-01-02\n3,a,3,2024-02-01\n",
            ),
    )
}

#[test]
fn each_route_works_with_duckdb() {
    let Some(project) = duck() else { return };
    let project = project
        .file(
            "models/t.sql",
            "{{ config(indexes=[{'columns': ['id'], 'unique': true}]) }}
             select id, customer, amount, {{ dbt.dateadd('day', 1, 'day') }} as next from {{ ref('orders') }}",
        )
        .file(
            "models/fed.sql",
            "select o.id, n.name, o.id / 2 as half, o.id % 0 as rest from {{ ref('t') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file("models/to_lite.sql", "{{ config(target='lite') }} select * from {{ ref('fed') }}")
        .file("models/v.sql", "{{ config(materialized='view') }} select sum(id) as ids from {{ ref('t') }}")
        .file("models/t.yml", "models: [{name: t, columns: [{name: id, data_tests: [unique, not_null]}]}]\n");
    // Twice: the second run replaces tables that have an index, and rows of a table that a landing relation fits.
    for _ in 0..2 {
        project.dvt("build").exits(0).says("Completed successfully");
        let routes = ["t", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        assert_eq!(
            project.rows("target.db", "select id, name, half, rest from to_lite order by id"),
            [
                r#"{"id":1,"name":"Ann","half":0.5,"rest":null}"#,
                r#"{"id":2,"name":"Bob","half":1.0,"rest":null}"#,
                r#"{"id":3,"name":"Ann","half":1.5,"rest":null}"#
            ]
        );
    }
}

#[test]
fn incremental_models_and_snapshots_work_on_duckdb() {
    let Some(project) = duck() else { return };
    let project = project
        .file(
            "models/inc.sql",
            "{{ config(materialized='incremental', unique_key='id', incremental_strategy=var('strategy')) }}
             select id, customer, amount * {{ var('k', 1) }} as amount from {{ ref('orders') }} where id <= {{ var('upto', 2) }}",
        )
        .file("models/out.sql", "{{ config(target='lite') }} select id, amount from {{ ref('inc') }}")
        .file("models/history.sql", "{{ config(target='lite') }} select id, dbt_valid_to is null as is_now from {{ ref('snap') }}")
        .file(
            "snapshots/snap.yml",
            "snapshots: [{name: snap, relation: ref('inc'), config: {strategy: check, unique_key: id, check_cols: all}}]\n",
        );
    for (strategy, rows) in [
        ("append", vec!["1,1.5", "1,3.0", "2,2.25", "2,4.5", "3,6.0"]),
        ("delete+insert", vec!["1,3.0", "2,4.5", "3,6.0"]),
        ("merge", vec!["1,3.0", "2,4.5", "3,6.0"]),
    ] {
        project
            .dvt_with(&[
                "build",
                "--exclude",
                "snap+",
                "--full-refresh",
                "--vars",
                &format!("{{strategy: {strategy}}}"),
            ])
            .exits(0);
        let vars = format!("{{strategy: {strategy}, k: 2, upto: 3}}");
        project.dvt_with(&["build", "--exclude", "snap+", "--vars", &vars]).exits(0);
        let expected: Vec<String> = rows.iter().map(|row| format!("{{\"r\":\"{row}\"}}")).collect();
        assert_eq!(
            project.rows("target.db", "select id || ',' || amount as r from out order by id, amount"),
            expected,
            "{strategy}"
        );
    }
    for k in [1, 2] {
        project.dvt_with(&["build", "--full-refresh", "--vars", &format!("{{strategy: merge, k: {k}}}")]).exits(0);
    }
    assert_eq!(
        project.rows("target.db", "select id, is_now, count(*) as n from history group by 1, 2 order by 1, 2"),
        [
            r#"{"id":1,"is_now":0,"n":1}"#,
            r#"{"id":1,"is_now":1,"n":1}"#,
            r#"{"id":2,"is_now":0,"n":1}"#,
            r#"{"id":2,"is_now":1,"n":1}"#
        ]
    );
}

#[test]
fn merges_follow_their_configs() {
    let Some(project) = duck() else { return };
    let model = |config: &str| {
        format!(
            "{{{{ config(materialized='incremental', incremental_strategy='merge', unique_key='id', {config}) }}}}
             {{% if is_incremental() %}} select * from (values (1, 10, 'n'), (2, 20, 'n'), (4, 40, 'n')) as v(id, a, b)
             {{% else %}} select * from (values (1, 1, 'o'), (2, 2, 'o'), (3, 3, 'o')) as v(id, a, b) {{% endif %}}"
        )
    };
    let cases = [
        ("plain", "tags=[]", "1,10,n 2,20,n 3,3,o 4,40,n"),
        ("columns", "merge_update_columns=['a']", "1,10,o 2,20,o 3,3,o 4,40,n"),
        ("excluded", "merge_exclude_columns=['a', 'id']", "1,1,n 2,2,n 3,3,o 4,40,n"),
        (
            "conditions",
            "merge_update_condition='DBT_INTERNAL_SOURCE.a > 15', merge_insert_condition='DBT_INTERNAL_SOURCE.id < 4'",
            "1,1,o 2,20,n 3,3,o",
        ),
        (
            "expressions",
            "merge_update_set_expressions={'a': 'DBT_INTERNAL_DEST.a + DBT_INTERNAL_SOURCE.a'}, merge_on_using_columns=['id']",
            "1,11,n 2,22,n 3,3,o 4,40,n",
        ),
        (
            "clauses",
            "merge_clauses={'when_matched': [{'action': 'delete', 'condition': 'DBT_INTERNAL_SOURCE.id = 1'},
               {'action': 'update', 'mode': 'explicit', 'update': {'include': ['b'], 'set_expressions': {'a': '7'}}}],
               'when_not_matched': [{'action': 'delete', 'by': 'source'}, {'action': 'insert', 'mode': 'by_name'}]}",
            "2,7,n 4,40,n",
        ),
    ];
    let project = cases
        .iter()
        .fold(project, |project, (name, config, _)| project.file(&format!("models/{name}.sql"), &model(config)))
        .file("models/wrong.sql", &model("merge_clauses={'when_matched': [{'action': 'upsert'}]}"));
    for _ in 0..2 {
        project.dvt_with(&["run", "--exclude", "wrong"]).exits(0);
    }
    for (name, _, expected) in cases {
        let query =
            format!("select string_agg(id || ',' || a || ',' || b, ' ' order by id) as r from {{{{ ref('{name}') }}}}");
        let shown = project.dvt_with(&["show", "--output", "json", "--inline", &query]).exits(0);
        assert!(shown.stdout.contains(&format!("\"r\": \"{expected}\"")), "{name}: {}", shown.stdout);
    }
    project.dvt("run --select wrong").exits(0);
    project.dvt("run --select wrong").exits(1).says("one of update, delete, do_nothing, error, and not 'upsert'");
}

#[test]
fn a_missing_driver_is_told_with_the_way_out() {
    let project = Project::new()
        .profile("duck", "    duck: {type: duckdb, path: shop.duckdb}\n")
        .file("models/m.sql", "select 1 as a");
    project.dvt("run").exits(2).says("the duckdb driver").says("is not installed");
}

#[test]
fn sources_in_files_are_read_where_the_engine_reads_files() {
    let Some(project) = duck() else { return };
    let project = project
        .file("raw/orders.csv", "id,customer\n1,a\n2,b\n")
        .file("raw/more_orders.csv", "id,customer\n3,c\n")
        .file(
            "models/files.yml",
            "sources:
  - name: raw
    meta: {external_location: 'raw/{name}.csv'}
    tables:
      - name: orders
      - name: all_orders
        config: {external_location: \"read_csv('raw/*%(name)s.csv')\", formatter: oldstyle}
        meta: {name: orders}
",
        )
        .file("models/read.sql", "select * from {{ source('raw', 'orders') }} where id > 1")
        .file("models/read_all.sql", "select count(*) as n from {{ source('raw', 'all_orders') }} as o")
        .file(
            "models/to_lite.sql",
            "{{ config(target='lite', materialized='table') }} select r.id, a.n from {{ ref('read') }} r, {{ ref('read_all') }} a",
        )
        .file("models/elsewhere.sql", "{{ config(target='lite') }} select * from {{ source('raw', 'orders') }}");
    project.dvt("build --exclude elsewhere").exits(0);
    assert_eq!(project.rows("target.db", "select id, n from to_lite"), [r#"{"id":2,"n":3}"#]);
    assert_eq!(project.route("read"), "pushdown");
    let refused = project.dvt("run -s elsewhere").exits(1);
    refused.says("is a file that only `duck` reads").says("select * from {{ source('raw', 'orders') }}");
}

#[test]
fn external_models_are_files_that_a_view_reads() {
    let Some(project) = duck() else { return };
    let project = project
        .file("models/p.sql", "{{ config(materialized='external', location='out/p.parquet') }} select * from {{ ref('orders') }}")
        .file(
            "models/c.sql",
            "{{ config(materialized='external', location='out/c.csv', delimiter='|') }} select id, customer from {{ ref('orders') }}",
        )
        .file(
            "models/by_customer.sql",
            "{{ config(materialized='external', location='out/by', options={'partition_by': 'customer'}) }}
             select * from {{ ref('orders') }}",
        )
        .file(
            "models/named.sql",
            "{{ config(materialized='external', format='json', location='out/n.json') }}
             select o.id, n.name from {{ ref('orders') }} as o join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file(
            "models/to_lite.sql",
            "{{ config(target='lite', materialized='table') }} select (select count(*) from {{ ref('p') }}) as p,
             (select count(*) from {{ ref('c') }}) as c, (select count(*) from {{ ref('by_customer') }}) as b,
             (select count(*) from {{ ref('named') }}) as n",
        );
    std::fs::create_dir_all(project.path("out")).unwrap();
    for _ in 0..2 {
        project.dvt("build").exits(0);
        assert_eq!(project.rows("target.db", "select p, c, b, n from to_lite"), [r#"{"p":3,"c":3,"b":3,"n":3}"#]);
    }
    assert_eq!(project.route("named"), "federate");
    assert_eq!(project.text("out/c.csv"), "id|customer\n1|a\n2|b\n3|a\n");
    assert!(project.path("out/by/customer=a").is_dir());
    project
        .file("models/w.sql", "{{ config(materialized='external', format='xml') }} select 1 as one")
        .dvt("run -s w")
        .exits(1)
        .says("not as 'xml'");
}
