//! What public dbt projects do that a project of one's own seldom does.

use crate::project::Project;
use serde_json::{Value, json};

fn manifest(project: &Project) -> Value {
    project.json("target/manifest.json")
}

#[test]
fn a_project_for_a_database_without_a_client_is_read_and_compiled_but_not_run() {
    let project = Project::new()
        .profile(
            "warehouse",
            "    warehouse: {type: trino, method: none, host: h, port: 8080, catalog: acme, schema: dev, threads: 2}\n",
        )
        .file(
            "models/orders.sql",
            "select 1 as id, '{{ target.catalog }}' as place, {{ dbt.safe_cast('1', dbt.type_string()) }} as word",
        )
        .file("models/report.sql", "select * from {{ ref('orders') }}");
    project.dvt("ls --resource-type model").exits(0).says("shop.report");
    project.dvt("compile --no-introspect --no-populate-cache").exits(0);
    let nodes = &manifest(&project)["nodes"];
    assert_eq!(nodes["model.shop.report"]["compiled_code"], "select * from \"acme\".\"dev\".\"orders\"");
    assert_eq!(
        nodes["model.shop.orders"]["compiled_code"],
        "select 1 as id, 'acme' as place, try_cast(1 as varchar) as word"
    );
    assert_eq!(manifest(&project)["metadata"]["adapter_type"], "trino");
    let refused = project.dvt("run");
    assert_ne!(refused.code, 0);
    refused.says("dvt has no client for trino");
}

#[test]
fn templates_may_do_what_jinja_and_dbt_let_them() {
    let project = Project::new()
        .file(
            "macros/lookup.sql",
            "{% macro answer() %}{{ return(42) }}{% endmacro %}\n\
             {% macro default__piece() %}piece{% endmacro %}\n\
             {% macro piece() %}{{ return(adapter.dispatch('piece', 'nowhere')()) }}{% endmacro %}\n",
        )
        // Blanks that do not break a line.
        .file("models/blanks.sql", "{% set a =\u{a0}1\u{a0}%}select {{\u{a0}a }} as a, '{{ 'x\u{a0}y' }}' as b")
        .file(
            "models/packages.sql",
            "select {{ context.get(project_name, {}).get('answer')() }} as a, \
             '{{ context.get(project_name, {}).get('nothing', 'none') }}' as b, '{{ piece() }}' as c",
        )
        .file("models/signs.sql", "select {{ +1 }} as a, {{ [2, +3][+1] + 1 }} as b, '{{ '+' ~ (1 + +2) }}' as c")
        .file(
            "models/filters.sql",
            "{% if false | as_bool %}wrong{% else %}select {{ '1' | as_number }} as a{% endif %}",
        );
    project.dvt("compile").exits(0);
    let nodes = &manifest(&project)["nodes"];
    let code = |name: &str| nodes[format!("model.shop.{name}")]["compiled_code"].clone();
    assert_eq!(code("blanks"), "select 1 as a, 'x\u{a0}y' as b");
    assert_eq!(code("packages"), "select 42 as a, 'none' as b, 'piece' as c");
    assert_eq!(code("signs"), "select 1 as a, 4 as b, '+3' as c");
    assert_eq!(code("filters"), "select 1 as a");
}

#[test]
fn a_model_takes_back_a_config_that_only_a_package_reads() {
    let project = Project::new()
        .file(
            "dbt_project.yml",
            "name: shop\nversion: \"1.0\"\nprofile: shop\nmodels:\n  +required_docs: true\n  +group: null\n  +schema: one\n",
        )
        .file("models/kept.sql", "select 1 as id")
        .file("models/taken.sql", "{{ config(required_docs=none, schema=none) }} select 1 as id");
    project.dvt("parse").exits(0);
    let nodes = &manifest(&project)["nodes"];
    assert_eq!(nodes["model.shop.kept"]["config"]["required_docs"], true);
    assert_eq!(nodes["model.shop.taken"]["config"]["required_docs"], Value::Null);
    // What dbt knows itself stays as dbt_project.yml said it.
    assert_eq!(nodes["model.shop.taken"]["config"]["schema"], "one");
}

#[test]
fn compile_renders_hooks_and_leaves_ephemeral_models_out_when_asked() {
    let project = Project::new()
        .file(
            "dbt_project.yml",
            "name: shop\nversion: \"1.0\"\nprofile: shop\non-run-start: \"select {{ 1 + 1 }} as two\"\n",
        )
        .file("models/part.sql", "{{ config(materialized='ephemeral') }} select 1 as id")
        .file("models/whole.sql", "select * from {{ ref('part') }}");
    project.dvt("compile").exits(0);
    assert_eq!(manifest(&project)["nodes"]["operation.shop.shop-on-run-start-0"]["compiled_code"], "select 2 as two");
    project.dvt("compile --no-inject-ephemeral-ctes --select whole").exits(0);
    assert_eq!(manifest(&project)["nodes"]["model.shop.whole"]["compiled_code"], "select * from __dbt__cte__part");
}

#[test]
fn templates_may_end_in_j2_where_the_project_allows_it() {
    let files = |flag: &str| {
        Project::new()
            .file(
                "dbt_project.yml",
                &format!(
                    "name: shop\nversion: \"1.0\"\nprofile: shop\nflags: {{allow_jinja_file_extensions: {flag}}}\n"
                ),
            )
            .file("models/a.sql", "select 1 as id")
            .file("models/b.sql.j2", "select {{ two() }} as id")
            .file("models/notes.md.jinja", "{% docs told %}words{% enddocs %}")
            .file("macros/two.sql.jinja2", "{% macro two() %}2{% endmacro %}")
    };
    let project = files("true");
    project.dvt("compile").exits(0);
    let read = manifest(&project);
    assert_eq!(read["nodes"]["model.shop.b"]["compiled_code"], "select 2 as id");
    assert_eq!(read["docs"]["doc.shop.told"]["block_contents"], "words");
    let project = files("false");
    project.dvt("parse").exits(0);
    let read = manifest(&project);
    assert!(read["nodes"].get("model.shop.b").is_none() && read["docs"].get("doc.shop.told").is_none());
}

#[test]
fn catalogs_are_checked_and_refused_where_nothing_is_written_into_them() {
    let project = Project::new().file("models/a.sql", "select 1 as id");
    let says = |text: &str, words: &str| {
        project.write("catalogs.yml", text);
        project.dvt("parse").exits(2).says(words);
    };
    let two = "[{name: w1, catalog_type: x}, {name: w2, catalog_type: x}]";
    says(
        &format!("catalogs: [{{name: c, write_integrations: {two}}}]\n"),
        "must specify an 'active_write_integration'",
    );
    says(
        &format!("catalogs: [{{name: c, active_write_integration: w3, write_integrations: {two}}}]\n"),
        "from its set of defined 'write_integrations': ['w1', 'w2']. Got: 'w3'",
    );
    says(
        "catalogs: [{name: c, write_integrations: [{name: w1, catalog_type: x}]}]\n",
        "Catalog type is not supported.",
    );
    project.write("dbt_project.yml", "name: shop\nversion: \"1.0\"\nprofile: shop\nflags: {use_catalogs_v2: true}\n");
    says("catalogs: [{name: c, type: t, table_format: parquet, config: {}}]\n", "Invalid table_format 'parquet'");
    says(
        "catalogs: [{name: c, type: t, table_format: iceberg}]\n",
        "Missing required keys in catalog entry: ['config']",
    );
    let one = "{name: c, type: t, table_format: iceberg, config: {}}";
    says(&format!("catalogs: [{one}, {one}]\n"), "Duplicate catalog name 'c'");
    says(&format!("catalogs: [{one}]\n"), "does not support catalogs.yml v2 yet");
}

#[test]
fn osi_documents_become_semantic_models_and_metrics() {
    let document = json!({
        "version": "0.1.1",
        "semantic_model": [{
            "name": "sales",
            "datasets": [{
                "name": "orders", "source": "main.fct_orders", "primary_key": ["order_id"],
                "fields": [
                    {"name": "order_id", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "order_id"}]}},
                    {"name": "customer", "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "customer_id"}]}},
                    {"name": "placed", "datatype": "Date", "dimension": {"is_time": true},
                     "expression": {"dialects": [{"dialect": "ANSI_SQL", "expression": "ordered_on"}]}},
                ],
            }],
            "relationships": [{"name": "r", "from": "orders", "to": "c", "from_columns": ["customer"], "to_columns": ["id"]}],
            "metrics": [{"name": "mean", "expression": {"dialects": [
                {"dialect": "ANSI_SQL", "expression": "(SUM(orders.amount)) / (COUNT(DISTINCT orders.order_id))"},
            ]}}],
        }],
    });
    let project = Project::new()
        .file(
            "models/fct_orders.sql",
            "select 1 as order_id, 2 as customer_id, '2024-01-01' as ordered_on, 3 as amount",
        )
        .file("models/spine.sql", "select '2024-01-01' as day")
        .file(
            "models/spine.yml",
            "models:\n  - name: spine\n    time_spine: {standard_granularity_column: day}\n    columns:\n      - \
             {name: day, granularity: day}\n",
        )
        .file("osi/sales.json", &document.to_string());
    project.dvt("parse").exits(0);
    let read = manifest(&project);
    let model = &read["semantic_models"]["semantic_model.shop.orders"];
    assert_eq!(model["depends_on"]["nodes"], json!(["model.shop.fct_orders"]));
    assert_eq!(model["path"], "osi/sales.json");
    let kinds = |key: &str| -> Vec<String> {
        let items = model[key].as_array().unwrap();
        items.iter().map(|item| format!("{} {} {}", item["name"], item["type"], item["expr"])).collect()
    };
    assert_eq!(kinds("entities"), ["\"order_id\" \"primary\" null", "\"customer\" \"foreign\" \"customer_id\""]);
    assert_eq!(kinds("dimensions"), ["\"placed\" \"time\" \"ordered_on\""]);
    let metrics = &read["metrics"];
    assert_eq!(metrics["metric.shop.mean"]["type"], "ratio");
    let part = &metrics["metric.shop.mean_denominator"]["type_params"];
    assert_eq!(part["metric_aggregation_params"]["agg"], "count_distinct");
    assert_eq!(part["metric_aggregation_params"]["semantic_model"], "orders");
    assert_eq!(part["expr"], "order_id");

    project.write("osi/sales.json", &document.to_string().replace("fct_orders", "fct_gone"));
    project.dvt("parse").exits(2).says("does not match any dbt model in this project");
}
