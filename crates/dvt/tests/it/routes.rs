//! The three routes, what they leave behind, and how they are shown.

use crate::pitfalls::two_files;
use crate::project::Project;
use serde_json::json;

#[test]
fn each_node_takes_the_route_of_what_it_reads() {
    let project = two_files()
        .file(
            "models/federated.sql",
            "select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        )
        .file("models/transferred.sql", "select id, v || '!' as v from {{ source('l', 'a') }} where id <= 10")
        .file(
            "models/pushed.sql",
            "select count(*) as n from {{ ref('federated') }} as f join {{ ref('transferred') }} as t on t.id = f.id",
        );
    let outcome = project.dvt("run").exits(0);
    assert_eq!(
        ["federated", "transferred", "pushed"].map(|model| project.route(model)),
        ["federate", "transfer", "pushdown"]
    );
    assert_eq!(project.rows("target.db", "select * from pushed"), [r#"{"n":10}"#]);
    assert_eq!(project.rows("target.db", "select * from transferred where id = 10"), [r#"{"id":10,"v":"a10!"}"#]);
    outcome
        .says("1 of 3 START sql table model main.")
        .says("OK created sql table model main.federated")
        .says("federate: 200 rows read")
        .says("Completed successfully")
        .says("Done. PASS=3 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=3");
    let result = project.result("model.shop.federated");
    assert_eq!(result["adapter_response"]["rows_affected"], 100);
    assert_eq!(result["adapter_response"]["rows_extracted"], 200);
    assert!(result["adapter_response"]["bytes_extracted"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_leaves_dbts_artifacts() {
    let project = two_files().file(
        "models/marts/m.sql",
        "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.dvt("run").exits(0);
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/manifest/v12.json");
    let node = &manifest["nodes"]["model.shop.m"];
    assert_eq!(node["depends_on"]["nodes"], json!(["source.shop.l.a", "source.shop.r.b"]));
    assert_eq!(manifest["parent_map"]["model.shop.m"], json!(["source.shop.l.a", "source.shop.r.b"]));
    assert_eq!(manifest["child_map"]["source.shop.l.a"], json!(["model.shop.m"]));
    let results = project.json("target/run_results.json");
    assert_eq!(results["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/run-results/v6.json");
    assert_eq!(results["args"]["which"], "run");
    assert_eq!(results["results"][0]["status"], "success");
    assert_eq!(results["results"][0]["timing"][0]["name"], "compile");
    assert!(project.text("target/compiled/shop/models/marts/m.sql").contains("join"));
    assert!(project.path("target/run/shop/models/marts/m.sql").exists());
    assert!(project.text("logs/dbt.log").contains("m"));
}

#[test]
fn compiled_sql_names_the_connection() {
    let project = two_files()
        .file("models/m.sql", "select a.id, '{{ this }}' as me from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id");
    project.dvt("compile").exits(0);
    let compiled = project.text("target/compiled/shop/models/m.sql");
    for name in [r#""left"."main"."a""#, r#""right"."main"."b""#, r#""lite"."main"."m""#] {
        assert!(compiled.contains(name), "{compiled}");
    }
    assert!(project.rows("target.db", "select name from sqlite_master").is_empty());
}

#[test]
fn a_view_across_databases_becomes_a_table_with_a_warning() {
    let project = two_files().file(
        "models/m.sql",
        "{{ config(materialized='view') }} select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    let outcome = project.dvt("run").exits(0);
    assert_eq!(outcome.stderr.matches("warning[").count(), 1, "{}", outcome.stderr);
    project.dvt("run --warn-error").exits(1).says("is built as a table and not as a view").says("ERROR=1");
    assert_eq!(project.rows("target.db", "select type from sqlite_master where name = 'm'"), [r#"{"type":"table"}"#]);
    assert_eq!(project.rows("target.db", "select count(*) as n from m"), [r#"{"n":100}"#]);
}

#[test]
fn a_second_run_replaces_the_rows() {
    let project = two_files()
        .file("models/m.sql", "select a.id, a.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id where a.id < 3");
    project.dvt("run").exits(0);
    project.sqlite("left.db", "update a set v = 'changed' where id = 2; delete from a where id = 1");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from m"), [r#"{"id":2,"v":"changed"}"#]);
    // The model's columns changed: the table follows.
    let wider = project.file(
        "models/m.sql",
        "select a.id, a.v, b.v as other from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id where a.id < 3",
    );
    wider.dvt("run").exits(0);
    assert_eq!(wider.rows("target.db", "select * from m"), [r#"{"id":2,"v":"changed","other":"b2"}"#]);
    assert_eq!(
        wider.rows("target.db", "select name from sqlite_master where name like 'dvt_landing%'"),
        Vec::<String>::new()
    );
}

#[test]
fn a_lakehouse_is_a_target_like_any_other() {
    let project = two_files()
        .profile(
            "lake",
            "    lake: {type: filesystem, path: lake}
    left: {type: sqlite, path: left.db}
    right: {type: sqlite, path: right.db}
    files: {type: filesystem, path: files, format: csv}
",
        )
        .file("files/prices/one.csv", "id,price\n1,9.50\n2,10.00\n")
        .file(
            "models/more.yml",
            "sources:\n  - {name: f, connection: files, schema: main, tables: [{name: prices}]}\n",
        )
        .file(
            "models/priced.sql",
            "select a.id, b.v, cast(p.price as decimal(10, 2)) as price from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id \
             join {{ source('f', 'prices') }} as p on cast(p.id as integer) = a.id",
        )
        .file("models/dear.sql", "{{ config(materialized='view') }} select * from {{ ref('priced') }} where price > 9.75");
    project.dvt("run").exits(0);
    assert!(project.path("lake/priced/_delta_log").exists());
    project.dvt("run").exits(0);
    let shown = project.dvt_with(&["show", "--inline", "select * from {{ ref('dear') }}", "--output", "json"]).exits(0);
    let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
    assert_eq!(shown, json!({"show": [{"id": 2, "v": "b2", "price": 10.00}]}));
}

#[test]
fn show_joins_without_leaving_anything() {
    let project = two_files();
    let inline = "select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id order by a.id";
    let shown = project.dvt_with(&["show", "--inline", inline, "--limit", "2"]).exits(0);
    assert!(!shown.stderr.contains("error"), "{}", shown.stderr);
    let quiet = project.dvt_with(&["--quiet", "show", "--inline", inline, "--limit", "2"]).exits(0);
    assert!(quiet.stdout.ends_with("|  1 | b1 |\n|  2 | b2 |\n"), "{}", quiet.stdout);
    assert_eq!(quiet.stderr, "");
    assert_eq!(shown.stdout, "Previewing inline node:\n| id | v  |\n| -- | -- |\n|  1 | b1 |\n|  2 | b2 |\n");
    assert_eq!(project.rows("target.db", "select name from sqlite_master"), Vec::<String>::new());
}

#[test]
fn an_ephemeral_model_becomes_a_cte() {
    let project = Project::new()
        .file("models/inner.sql", "{{ config(materialized='ephemeral') }} select 1 as one")
        .file("models/outer.sql", "select * from {{ ref('inner') }}");
    project.dvt("run").exits(0).says("TOTAL=1");
    assert!(project.text("target/compiled/shop/models/outer.sql").contains("__dbt__cte__inner"));
    assert_eq!(project.rows("target.db", "select * from \"outer\""), [r#"{"one":1}"#]);
}

#[test]
fn macros_run_queries_return_values_and_can_be_overridden() {
    let project = Project::new()
        .file(
            "macros/m.sql",
            "{% macro columns() %}{% set found = run_query('select 3 as n') %}{{ return(found.columns[0].values()[0]) }}{% endmacro %}
{% macro wrap() %}[{{ caller() }}]{% endmacro %}
{% macro generate_alias_name(custom_alias_name=none, node=none) %}{{ return('my_' ~ node.name) }}{% endmacro %}",
        )
        .file(
            "models/m.sql",
            "{% if execute %}{% do log('logged ' ~ columns(), info=True) %}{% endif %}select {{ columns() if execute else 0 }} + 1 as n, '{% call wrap() %}x{% endcall %}' as w",
        );
    project.dvt("run").exits(0).says("logged 3");
    assert_eq!(project.rows("target.db", "select * from my_m"), [r#"{"n":4,"w":"[x]"}"#]);
}
