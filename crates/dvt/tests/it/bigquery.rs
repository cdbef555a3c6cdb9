//! BigQuery on every route, against a service of our own that runs the SQL on DuckDB (`dvt-test-support`), and the statements that
//! only BigQuery runs.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::{BIGQUERY_TOKEN, Emulator};

fn big(more: &str) -> Option<(Project, Emulator)> {
    let server = dvt_test_support::bigquery()?;
    let outputs = format!(
        "    big: {{type: bigquery, method: oauth-secrets, token: {BIGQUERY_TOKEN}, project: acme-prod, dataset: marts, \
         api_endpoint: 'http://127.0.0.1:{}', threads: 2{more}}}\n    lite: {{type: sqlite, path: target.db}}\n",
        server.port
    );
    let project = Project::new().profile("big", &outputs);
    project.sqlite(
        "target.db",
        "create table names (customer text, name text); insert into names values ('a', 'Ann'), ('b', 'Bob')",
    );
    let project = project
        .file(
            "models/names.yml",
            "sources: [{name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: names}]}]\n",
        )
        .file(
            "seeds/orders.csv",
            "id,customer,amount,day,note\n1,a,1.5,2024-01-01,it's\n2,b,2.25,2024-01-02,back\\slash\n3,a,,2024-02-01,\n",
        );
    Some((project, server))
}

fn shown(project: &Project, query: &str) -> String {
    let arguments = ["show", "--output", "json", "--limit", "-1", "--quiet", "--inline", query];
    let shown: serde_json::Value = serde_json::from_str(project.dvt_with(&arguments).exits(0).stdout.trim()).unwrap();
    shown["show"].to_string()
}

#[test]
fn each_route_works_with_bigquery() {
    let Some((project, _server)) = big("") else { return };
    let project = project
        .file(
            "models/t.sql",
            "{{ config(partition_by={'field': 'day'}, cluster_by='id', labels={'team': \"it's\"}) }}
             select id, customer, amount, day, cast(day as datetime) as seen, note from {{ ref('orders') }}",
        )
        .file("models/v.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('t') }}")
        .file(
            "models/fed.sql",
            "select o.id, n.name, o.amount, o.seen, o.note from {{ ref('t') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer where o.note is null or o.note <> 'x'",
        )
        .file("models/to_lite.sql", "{{ config(target='lite') }} select id, name, amount, seen, note from {{ ref('fed') }}")
        .file(
            "models/t.yml",
            "models: [{name: t, description: \"a \\\\ and it's\", config: {persist_docs: {relation: true, columns: true}}, \
             columns: [{name: id, description: a key, data_tests: [unique, not_null]}]}]\n",
        );
    // Twice: the second run replaces tables that are there.
    for _ in 0..2 {
        project.dvt("build").exits(0).says("Completed successfully").never_says("hunter2");
        let routes = ["t", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        assert_eq!(
            project.rows("target.db", "select id, name, amount, seen, note from to_lite order by 1"),
            [
                r#"{"id":1,"name":"Ann","amount":1.5,"seen":"2024-01-01 00:00:00","note":"it's"}"#,
                r#"{"id":2,"name":"Bob","amount":2.25,"seen":"2024-01-02 00:00:00","note":"back\\slash"}"#,
                r#"{"id":3,"name":"Ann","amount":null,"seen":"2024-02-01 00:00:00","note":null}"#
            ]
        );
        let response = &project.result("model.shop.t")["adapter_response"];
        assert!(response["_message"].as_str().unwrap().starts_with("CREATE TABLE ("), "{response}");
    }
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    let table = &catalog["nodes"]["model.shop.t"];
    assert_eq!(table["columns"]["amount"]["type"], "FLOAT64", "{table}");
    assert_eq!(table["columns"]["day"]["type"], "DATE", "{table}");
    assert_eq!(table["columns"]["id"]["comment"], "a key", "{table}");
    assert_eq!(table["metadata"]["comment"], "a \\ and it's", "{table}");
    // Nothing of dvt's own is left.
    assert_eq!(
        shown(&project, "select table_name as t from `acme-prod`.marts.INFORMATION_SCHEMA.TABLES order by 1"),
        r#"[{"t":"fed"},{"t":"orders"},{"t":"t"},{"t":"v"}]"#
    );
}

#[test]
fn incremental_models_and_snapshots_work_on_bigquery() {
    let Some((project, _server)) = big("") else { return };
    let incremental = |config: &str, sql: &str| {
        format!("{{{{ config(materialized='incremental', {config}) }}}}\n{sql} from {{{{ ref('orders') }}}}")
    };
    let x = "select id, customer, day, {{ var('x', 1) }} as x";
    let project = project
        .file(
            "models/merged.sql",
            &(incremental(
                "unique_key='id', on_schema_change='append_new_columns', incremental_predicates=['DBT_INTERNAL_DEST.id > 0']",
                &format!("{x}{{% if var('x', 1) == 2 %}}, 'n' as fresh{{% endif %}}"),
            ) + "{% if is_incremental() %} where id > 2 {% endif %}"),
        )
        .file(
            "models/replaced.sql",
            &(incremental("incremental_strategy='insert_overwrite', partition_by={'field': 'day', 'granularity': 'month'}", x)
                + "{% if is_incremental() %} where id < 3 {% endif %}"),
        )
        .file("models/appended.sql", "{{ config(materialized='incremental') }} select 1 as one")
        .file(
            "models/batches.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='month', \
             begin='2024-01-01', lookback=0, partition_by={'field': 'day', 'granularity': 'month'}) }}
             select id, day, {{ var('x', 1) }} as x from {{ ref('orders') }}",
        )
        .file(
            "models/federated.sql",
            "{{ config(materialized='incremental', unique_key='id') }}
             select o.id, n.name, {{ var('x', 1) }} as x from {{ ref('orders') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file("models/seeds.yml", "seeds: [{name: orders, config: {event_time: day}}]\n")
        .file(
            "snapshots/s.sql",
            "{% snapshot s %}{{ config(unique_key='id', strategy='check', check_cols=['x'], hard_deletes='invalidate') }}
             select id, {{ var('x', 1) }} as x from {{ ref('orders') }} where id < 4 - {{ var('x', 1) }} + 1{% endsnapshot %}",
        );
    let range = ["--event-time-start", "2024-01-01", "--event-time-end", "2024-03-01"];
    project.dvt_with(&[&["build"], &range[..]].concat()).exits(0);
    project.dvt_with(&[&["build", "--vars", "{x: 2}"], &range[..]].concat()).exits(0);
    let check = |query: &str, expected: &str| assert_eq!(shown(&project, query), expected, "{query}");
    check("select count(*) as n, sum(x) as x, count(fresh) as f from marts.merged", r#"[{"n":3,"x":4,"f":1}]"#);
    // January's rows gave way to the new ones; February's stayed.
    check("select count(*) as n, sum(x) as x from marts.replaced", r#"[{"n":3,"x":5}]"#);
    check("select count(*) as n from marts.appended", r#"[{"n":2}]"#);
    check("select count(*) as n, sum(x) as x from marts.batches", r#"[{"n":3,"x":6}]"#);
    check("select count(*) as n, sum(x) as x from marts.federated", r#"[{"n":3,"x":6}]"#);
    // One is gone, and its end stands; two have a second version.
    check("select count(*) as n, countif(dbt_valid_to is null) as c from marts.s", r#"[{"n":5,"c":2}]"#);
    check(
        "select count(*) as n from `acme-prod`.marts.INFORMATION_SCHEMA.TABLES where table_name like '%dbt%'",
        r#"[{"n":0}]"#,
    );
    project.write(
        "models/bad.sql",
        "{{ config(materialized='incremental', incremental_strategy='delete+insert') }} select 1 as a",
    );
    project.dvt("run --select bad").exits(1).says("delete+insert");
}

/// No service is asked: what these macros write runs on BigQuery alone.
#[test]
fn statements_of_bigquery_are_written_as_its_reference_has_them() {
    let outputs = "    big: {type: bigquery, method: oauth, project: d, dataset: s}\n";
    let shown = |config: &str, sql: &str| {
        let project =
            Project::new().profile("big", outputs).file("models/m.sql", &format!("{{{{ config({config}) }}}}\n{sql}"));
        project.dvt("compile --no-introspect --no-populate-cache").exits(0);
        let manifest = project.json("target/manifest.json");
        let code = manifest["nodes"]["model.shop.m"]["compiled_code"].as_str().unwrap().to_owned();
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let table = "{{ get_create_table_as_sql(false, this, 'select 1 as id') }}";
    let made = |between: &str| format!("create or replace table `d`.`s`.`m` {between} as ( select 1 as id );");
    assert_eq!(shown("materialized='table'", table), made("OPTIONS()"));
    assert_eq!(
        shown(
            "partition_by={'field': 'seen', 'data_type': 'timestamp', 'granularity': 'hour'}, cluster_by=['a', 'b'], \
             require_partition_filter=true, partition_expiration_days=7, kms_key_name='k'",
            table
        ),
        made(
            "partition by timestamp_trunc(seen, hour) cluster by a, b OPTIONS(kms_key_name='k', require_partition_filter=true, \
             partition_expiration_days=7)"
        )
    );
    assert_eq!(
        shown(
            "partition_by={'field': 'n', 'data_type': 'int64', 'range': {'start': 0, 'end': 100, 'interval': 10}}, \
             hours_to_expiration=12, labels={'a': \"it's\", 'b': 'c'}",
            table
        ),
        made(
            "partition by range_bucket(n, generate_array(0, 100, 10)) \
             OPTIONS(expiration_timestamp=timestamp_add(current_timestamp(), interval 12 hour), \
             labels=[('a', 'it\\'s'), ('b', 'c')])"
        )
    );
    assert_eq!(shown("partition_by={'field': 'day', 'data_type': 'date'}", table), made("partition by day OPTIONS()"));
    assert_eq!(
        shown("hours_to_expiration=1", "{{ get_create_view_as_sql(this, 'select 1 as id') }}"),
        "create or replace view `d`.`s`.`m` \
         OPTIONS(expiration_timestamp=timestamp_add(current_timestamp(), interval 1 hour)) as select 1 as id;"
    );
    assert_eq!(
        shown(
            "materialized='table'",
            "{{ get_grant_sql(this.incorporate(type='table'), 'roles/x', ['user:a', 'user:b']) }}"
        ),
        "grant `roles/x` on table `d`.`s`.`m` to \"user:a\", \"user:b\""
    );
    let utils = "{{ dbt.dateadd('day', 1, 'x') }} | {{ dbt.datediff('x', 'y', 'week') }} | {{ dbt.listagg('x', \"'|'\", 'order by y', 2) }}
        | {{ dbt.any_value('x') }} | {{ dbt.bool_or('x') }} | {{ dbt.split_part('x', \"'-'\", 1) }} | {{ dbt.current_timestamp() }}
        | {{ dbt.safe_cast('x', api.Column.translate_type('string')) }} | {{ dbt.type_float() }} | {{ dbt.except() }}";
    assert_eq!(
        shown("materialized='table'", utils),
        "datetime_add(cast(x as datetime), interval 1 day) | datetime_diff(cast(y as datetime), cast(x as datetime), week) \
         | string_agg(x, '|' order by y limit 2) | any_value(x) | logical_or(x) | split(x, '-')[safe_offset(0)] \
         | current_timestamp() | safe_cast(x as string) | FLOAT64 | except distinct"
    );
}

#[test]
fn debug_says_what_was_never_tried_and_logins_that_are_missing() {
    let Some((project, _server)) = big("") else { return };
    project.dvt("debug --connection big").exits(0).says("never tried against the real service").never_says("hunter2");
    let outputs =
        "    big: {type: bigquery, method: oauth, project: p, dataset: d, impersonate_service_account: a@b}\n";
    let project = Project::new().profile("big", outputs);
    project.dvt("debug").exits(1).says("impersonate_service_account").says("print-access-token");
}
