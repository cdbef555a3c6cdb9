//! Unit tests, docs blocks, functions and the semantic layer, from files to artifacts.

use crate::pitfalls::two_files;
use crate::project::Project;
use serde_json::{Value, json};

fn tested() -> Project {
    Project::new()
        .file("models/a.sql", "{{ config(materialized='table') }} select 1 as id, 10 as amount, 'x' as name")
        .file(
            "models/doubled.sql",
            "select id, amount * {{ var('factor', 2) }} as amount, name, '{{ env_var('ZONE', 'none') }}' as zone \
             from {{ ref('a') }}",
        )
        .file("tests/fixtures/rows.csv", "id,amount,name\n1,5,p\n2,,q\n")
}

#[test]
fn a_unit_test_runs_its_model_over_the_given_rows() {
    let project = tested().file(
        "models/u.yml",
        "unit_tests:
  - name: in_any_order
    model: doubled
    given:
      - input: ref('a')
        rows: [{id: 1, amount: 3}, {id: 2, name: q}]
    expect:
      rows: [{id: 2, amount: , name: q}, {id: 1, amount: 6, name: }]
  - name: replaced
    model: doubled
    overrides: {vars: {factor: 10}, env_vars: {ZONE: north}}
    given: [{input: ref('a'), format: csv, fixture: rows}]
    expect:
      format: csv
      rows: |
        id,amount,zone
        1,50,north
        2,,north
  - name: in_sql
    model: doubled
    given: [{input: ref('a'), format: sql, rows: \"select 7 as id, 1 as amount, 'z' as name\"}]
    expect: {format: sql, rows: \"select 7 as id, 2 as amount, 'z' as name, 'none' as zone\"}
",
    );
    project.dvt("run --select a").exits(0);
    project.dvt("test").exits(0).says("Done. PASS=3");
    let result = project.result("unit_test.shop.doubled.replaced");
    assert_eq!((&result["status"], &result["failures"]), (&json!("pass"), &json!(0)));
    let compiled = project.text("target/compiled/shop/models/u.yml/models/in_any_order.sql");
    assert!(compiled.contains("__dbt__cte__a as ("), "{compiled}");
    // The model itself was never built.
    assert!(project.rows("target.db", "select name from sqlite_master where name like 'doubled%'").is_empty());
}

#[test]
fn a_unit_test_that_fails_shows_the_difference_and_keeps_its_model_from_being_built() {
    let project = tested().file(
        "models/u.yml",
        "unit_tests:
  - name: wrong
    model: doubled
    given: [{input: ref('a'), rows: [{id: 1, amount: 3, name: n}, {id: 2, amount: 4, name: m}]}]
    expect: {rows: [{id: 1, amount: 7, name: n}, {id: 3, amount: 9, name: k}]}
",
    );
    project.dvt("build").exits(1).says("actual differs from expected").says("→  ,1 ,7→6   ,n");
    assert_eq!(project.result("unit_test.shop.doubled.wrong")["status"], "fail");
    assert_eq!(project.result("model.shop.doubled")["status"], "skipped");
    assert_eq!(project.result("model.shop.a")["status"], "success");
}

#[test]
fn a_unit_test_that_cannot_be_right_says_what_is_wrong_with_it() {
    let unit_test = |given: &str, more: &str| {
        tested().file(
            "models/u.yml",
            &format!(
                "unit_tests:\n  - name: t\n    model: doubled\n    given: [{given}]\n    expect: {{rows: []}}\n{more}"
            ),
        )
    };
    let run = |project: Project| {
        project.dvt("run --select a").exits(0);
        project.dvt("test").exits(1)
    };
    run(unit_test("{input: ref('a'), rows: [{nope: 1}]}", ""))
        .says("Invalid column name: 'nope' in unit test fixture for 'a'.")
        .says("Accepted columns for 'a' are: ['id', 'amount', 'name']");
    run(unit_test("{input: ref('nobody'), rows: []}", ""))
        .says("Unit test 't' had an input (ref('nobody')) which was not found in the manifest.");
    run(unit_test("", "")).says("depends on a node named 'a' which was not found").says("add `- input: ref('a')`");
    let parse = |project: Project| project.dvt("parse").exits(2);
    parse(unit_test("{input: ref('a'), format: xml, rows: []}", "")).says("'xml' is not one of ['csv', 'dict', 'sql']");
    parse(unit_test("{input: ref('a'), format: csv, rows: [{id: 1}]}", "")).says("which do not match format csv");
    parse(unit_test("{input: ref('a'), format: csv, fixture: row}", "")).says("File not found for fixture 'row'");
    parse(unit_test("{input: ref('a'), rows: []}", "    versions: {include: [1]}\n"))
        .says("should not have a versions include or exclude");
}

/// A model that reads several connections is tested on its own: the inputs are rows all the same.
#[test]
fn a_model_across_connections_is_tested_on_its_target() {
    let project = two_files()
        .file(
            "models/m.sql",
            "select a.id, a.v || b.v as v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        )
        .file(
            "models/u.yml",
            "unit_tests:
  - name: joins
    model: m
    given:
      - {input: \"source('l', 'a')\", rows: [{id: 1, v: x}, {id: 2, v: y}]}
      - {input: \"source('r', 'b')\", rows: [{id: 2, v: z}]}
    expect: {rows: [{id: 2, v: yz}]}
",
        );
    project.dvt("build").exits(0);
    assert_eq!(project.result("unit_test.shop.m.joins")["status"], "pass");
}

#[test]
fn docs_blocks_reach_every_description() {
    let project = Project::new()
        .file("models/m.sql", "select 1 as id")
        .file("models/d.md", "{% docs block %}\nSaid {% raw %}{{ once }}{% endraw %}.\n{% enddocs %}\n")
        .file(
            "models/s.yml",
            "models:
  - name: m
    description: \"{{ doc('block') }} {{ doc('shop', 'block') }}\"
    columns: [{name: id, description: \"{{ doc('bl' ~ 'ock') }}\"}]
exposures:
  - {name: e, type: dashboard, owner: {name: o}, depends_on: [ref('m')], description: \"{{ doc('block') }}\"}
",
        );
    project.dvt("parse").exits(0);
    let manifest = project.json("target/manifest.json");
    let model = &manifest["nodes"]["model.shop.m"];
    assert_eq!(model["description"], "Said {{ once }}. Said {{ once }}.");
    assert_eq!(model["doc_blocks"], json!(["doc.shop.block", "doc.shop.block"]));
    assert_eq!(model["columns"]["id"]["description"], "Said {{ once }}.");
    assert_eq!(model["columns"]["id"]["doc_blocks"], json!([]));
    assert_eq!(manifest["exposures"]["exposure.shop.e"]["description"], "Said {{ once }}.");
    assert!(manifest["docs"]["doc.dbt.__overview__"]["block_contents"].is_string());
    project.write("models/s.yml", "models:\n  - {name: m, description: \"{{ doc('blok') }}\"}\n");
    project.dvt("parse").exits(2).says("Documentation for 'model.shop.m' depends on doc 'blok' which was not found");
}

#[test]
fn the_semantic_layer_reaches_both_manifests() {
    let project = Project::new()
        .file("models/orders.sql", "select 1 as id, 2 as amount, '2026-01-01' as ordered_on")
        .file("models/days.sql", "select '2026-01-01' as day")
        .file(
            "models/s.yml",
            "models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_on}
    entities: [{name: order_id, type: primary, expr: id}]
    dimensions: [{name: ordered_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics:
  - {name: revenue, label: Revenue, type: simple, type_params: {measure: amount}, filter: \"{{ Dimension('order_id__ordered_on') }} > 1\"}
  - {name: twice, label: Twice, type: derived, type_params: {expr: revenue * 2, metrics: [revenue]}}
saved_queries:
  - name: by_day
    query_params: {metrics: [twice], group_by: [\"TimeDimension('metric_time', 'day')\"]}
    exports: [{name: by_day, config: {export_as: table}}]
",
        );
    project.dvt("parse").exits(0);
    let manifest = project.json("target/manifest.json");
    let metric = &manifest["metrics"]["metric.shop.twice"];
    assert_eq!(metric["depends_on"]["nodes"], json!(["metric.shop.revenue"]));
    assert_eq!(metric["type_params"]["input_measures"][0]["name"], "amount");
    assert_eq!(
        manifest["saved_queries"]["saved_query.shop.by_day"]["depends_on"]["nodes"],
        json!(["metric.shop.twice"])
    );
    assert_eq!(manifest["parent_map"]["metric.shop.revenue"], json!(["semantic_model.shop.orders"]));
    let semantic = project.json("target/semantic_manifest.json");
    let names =
        |key: &str| -> Vec<&Value> { semantic[key].as_array().unwrap().iter().map(|item| &item["name"]).collect() };
    assert_eq!(names("metrics"), ["revenue", "twice"]);
    assert_eq!(names("semantic_models"), ["orders"]);
    assert_eq!(semantic["project_configuration"]["time_spines"][0]["primary_column"]["time_granularity"], "day");
    let text = project.text("models/s.yml");
    project.write("models/s.yml", &text.replace("{measure: amount}", "{measure: amounts}"));
    project
        .dvt("parse")
        .exits(2)
        .says("A semantic model having a measure `amounts` does not exist but was referenced.");
}
