//! Redshift on every route, against a PostgreSQL that plays it (`dvt-test-support`), and the statements that only Redshift runs.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::TestDatabase;

fn red() -> Option<(Project, &'static TestDatabase)> {
    let database = dvt_test_support::redshift()?;
    database.sql(
        "do $$ begin create role dvt_redshift_reader login; exception when duplicate_object or unique_violation then null; end $$",
    );
    // It goes when the test's process does.
    let database: &'static TestDatabase = Box::leak(Box::new(database));
    let outputs = format!(
        "    red: {{type: redshift, host: {}, port: {}, user: {}, password: '{}', dbname: {}, schema: marts, sslmode: disable, \
         threads: 2}}\n    lite: {{type: sqlite, path: target.db}}\n",
        database.host, database.port, database.user, database.password, database.database
    );
    let project = Project::new().profile("red", &outputs);
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
    Some((project, database))
}

fn rows(database: &TestDatabase, query: &str) -> Vec<String> {
    database.sql(query).lines().map(str::to_owned).collect()
}

#[test]
fn each_route_works_with_redshift() {
    let Some((project, database)) = red() else { return };
    let project = project
        .file(
            "models/t.sql",
            "{{ config(grants={'select': ['dvt_redshift_reader']}) }}
             select id, customer, amount, cast(day as timestamp) as at, note from {{ ref('orders') }}",
        )
        .file("models/v.sql", "{{ config(materialized='view') }} select count(*) as n from {{ ref('t') }}")
        .file(
            "models/fed.sql",
            "select o.id, n.name, o.amount, o.at, o.note from {{ ref('t') }} as o
             join {{ source('l', 'names') }} as n on n.customer = o.customer",
        )
        .file("models/to_lite.sql", "{{ config(target='lite') }} select id, name, amount, at, note from {{ ref('fed') }}")
        .file(
            "models/t.yml",
            "models: [{name: t, description: \"a \\\\ and it's\", config: {persist_docs: {relation: true, columns: true}}, \
             columns: [{name: id, description: a key, data_tests: [unique, not_null]}]}]\n\
             sources: [{name: r, schema: marts, config: {freshness: {warn_after: {count: 1, period: hour}}}, tables: [{name: t}]}]\n",
        );
    // Twice: the second run replaces tables that are there.
    for _ in 0..2 {
        project.dvt("build").exits(0).says("Completed successfully");
        let routes = ["t", "v", "fed", "to_lite"].map(|model| project.route(model));
        assert_eq!(routes, ["pushdown", "pushdown", "federate", "transfer"]);
        assert_eq!(
            project.rows("target.db", "select id, name, amount, at, note from to_lite order by 1"),
            [
                r#"{"id":1,"name":"Ann","amount":1.5,"at":"2024-01-01 00:00:00","note":"it's"}"#,
                r#"{"id":2,"name":"Bob","amount":2.25,"at":"2024-01-02 00:00:00","note":"back\\slash"}"#,
                r#"{"id":3,"name":"Ann","amount":null,"at":"2024-02-01 00:00:00","note":null}"#
            ]
        );
        let response = &project.result("model.shop.t")["adapter_response"];
        assert_eq!(response["_message"], "SUCCESS", "{response}");
    }
    let comments = "select obj_description('marts.t'::regclass), col_description('marts.t'::regclass, 1)";
    assert_eq!(rows(database, comments), ["a \\ and it's\ta key"]);
    assert_eq!(rows(database, "select has_table_privilege('dvt_redshift_reader', 'marts.t', 'select')"), ["t"]);
    let types =
        "select column_name || ' ' || data_type from information_schema.columns where table_name = 'orders' order by 1";
    assert_eq!(
        rows(database, types),
        ["amount double precision", "customer character varying", "day date", "id integer", "note character varying"]
    );
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    let table = &catalog["nodes"]["model.shop.t"];
    assert_eq!(table["columns"]["customer"]["type"], "character varying(65535)", "{table}");
    assert_eq!(table["metadata"]["type"], "BASE TABLE", "{table}");
    // The history of queries says when rows were added.
    database.sql("insert into redshift_catalog.sys_query_detail values ('marts.t'::regclass, 'insert', now() at time zone 'utc')");
    project.dvt("source freshness --select source:r").exits(0).says("PASS");
    // Nothing of dvt's own is left.
    let left = "select table_name from information_schema.tables where table_schema = 'marts' order by 1";
    assert_eq!(rows(database, left), ["fed", "orders", "t", "v"]);
}

#[test]
fn incremental_models_and_snapshots_work_on_redshift() {
    let Some((project, database)) = red() else { return };
    let incremental = |config: &str, sql: &str| {
        format!("{{{{ config(materialized='incremental', {config}) }}}}\n{sql} from {{{{ ref('orders') }}}}")
    };
    let x = "select id, customer, {{ var('x', 1) }} as x";
    let project = project
        .file(
            "models/merged.sql",
            &(incremental(
                "incremental_strategy='merge', unique_key='id', on_schema_change='append_new_columns', \
                 incremental_predicates=['DBT_INTERNAL_DEST.id > 0']",
                &format!("{x}{{% if var('x', 1) == 2 %}}, 'n'::varchar(9) as fresh{{% endif %}}"),
            ) + "{% if is_incremental() %} where id > 2 {% endif %}"),
        )
        .file("models/replaced.sql", &incremental("unique_key=['id', 'customer']", x))
        .file("models/appended.sql", "{{ config(materialized='incremental') }} select 1 as one")
        .file(
            "models/batches.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='month', \
             begin='2024-01-01', lookback=0) }} select id, day, {{ var('x', 1) }} as x from {{ ref('orders') }}",
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
    let check = |query: &str, expected: &str| assert_eq!(rows(database, query), [expected], "{query}");
    check("select count(*), sum(x), count(fresh) from marts.merged", "3\t4\t1");
    check("select count(*), sum(x) from marts.replaced", "3\t6");
    check("select count(*) from marts.appended", "2");
    check("select count(*), sum(x) from marts.batches", "3\t6");
    check("select count(*), sum(x) from marts.federated", "3\t6");
    // One is gone, and its end stands; two have a second version.
    check("select count(*), count(*) filter (where dbt_valid_to is null) from marts.s", "5\t2");
    let left =
        "select count(*) from information_schema.tables where table_schema = 'marts' and table_name like '%dbt%'";
    check(left, "0");
    project.write(
        "models/bad.sql",
        "{{ config(materialized='incremental', incremental_strategy='insert_overwrite') }} select 1 as a",
    );
    project.dvt("run --select bad").exits(1).says("insert_overwrite");
}

/// No server is asked: what these macros write runs on Redshift alone.
#[test]
fn statements_of_redshift_are_written_as_its_guide_has_them() {
    let outputs = "    red: {type: redshift, host: nowhere.invalid, user: u, password: p, dbname: d, schema: s}\n";
    let shown = |config: &str, sql: &str| {
        let project =
            Project::new().profile("red", outputs).file("models/m.sql", &format!("{{{{ config({config}) }}}}\n{sql}"));
        project.dvt("compile --no-introspect --no-populate-cache").exits(0);
        let manifest = project.json("target/manifest.json");
        let code = manifest["nodes"]["model.shop.m"]["compiled_code"].as_str().unwrap().to_owned();
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let table = "{{ get_create_table_as_sql(false, this, 'select 1 as id') }}";
    assert_eq!(
        shown("dist='Customer_ID', sort=['a', 'b'], sort_type='interleaved', backup=false", table),
        "create table \"d\".\"s\".\"m\" backup no diststyle key distkey (customer_id) interleaved sortkey(a,b) as ( select 1 as id );"
    );
    assert_eq!(
        shown("dist='even', sort='a'", table),
        "create table \"d\".\"s\".\"m\" diststyle even compound sortkey(a) as ( select 1 as id );"
    );
    assert_eq!(shown("dist='auto'", table), "create table \"d\".\"s\".\"m\" as ( select 1 as id );");
    assert_eq!(
        shown(
            "dist='all'",
            "{{ get_create_table_as_sql(true, make_temp_relation(this).incorporate(path={'identifier': 'x'}), 'select 1') }}"
        ),
        "create temporary table \"x\" as ( select 1 );"
    );
    assert_eq!(
        shown("bind=false", "{{ get_create_view_as_sql(this, 'select 1 as id') }}"),
        "create view \"d\".\"s\".\"m\" as ( select 1 as id ) with no schema binding;"
    );
    assert_eq!(
        shown(
            "dist='k', sort='s', auto_refresh=true, materialized='table'",
            "{{ get_create_materialized_view_as_sql(this, 'select 1 as id') }}"
        ),
        "create materialized view \"d\".\"s\".\"m\" backup yes diststyle key distkey (k) sortkey (s) auto refresh yes as ( select 1 as id )"
    );
    let utils = "{{ dbt.dateadd('day', 1, 'x') }} | {{ dbt.datediff('x', 'y', 'week') }} | {{ dbt.last_day('x', 'month') }}
        | {{ dbt.listagg('x', \"'|'\", 'order by y', 2) }} | {{ dbt.listagg('x', \"','\") }} | {{ dbt.any_value('x') }}
        | {{ dbt.bool_or('x') }} | {{ dbt.split_part('x', \"'-'\", -1) }} | {{ dbt.length('x') }} | {{ dbt.current_timestamp() }}
        | {{ dbt.array_append(dbt.array_construct(['1', '2']), '3') }} | {{ dbt.cast_bool_to_text('x') }}";
    assert_eq!(
        shown("materialized='table'", utils),
        "dateadd(day, 1, x) | datediff(week, x, y) | cast(dateadd(day, -1, dateadd(month, 1, date_trunc('month', x))) as date) \
         | regexp_substr(listagg(x, '|') within group (order by y), '^([^\\\\|]*\\\\|){0,1}[^\\\\|]*') | listagg(x, ',') | min(x) \
         | bool_or(x) | split_part( x, '-', length(x) - length(replace(x, '-', '')) + 2 + -1 ) | len(x) | getdate() \
         | array_concat(array(1, 2), array(3)) | case when x is true then 'true' when x is false then 'false' end::text"
    );
}

#[test]
fn debug_says_what_was_never_tried_and_logins_that_are_missing() {
    let Some((project, _database)) = red() else { return };
    project.dvt("debug --connection red").exits(0).says("never tried against a real one");
    let project = Project::new().profile(
        "red",
        "    red: {type: redshift, method: iam, host: h, user: u, cluster_id: c, dbname: d, schema: s}\n",
    );
    project.dvt("debug").exits(1).says("`method: iam`").says("get-cluster-credentials");
}
