//! The artifacts hold the keys that dbt's own have, with values of their types: what tools read from outside. The shapes are
//! in `artifacts/shapes.txt`; `tests/accepted_by.py`, run by hand, asks dbt's classes and OpenLineage themselves.

use crate::project::Project;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Keys that COMPATIBILITY.md names as dvt's own.
const OWN_KEYS: [&str; 1] = ["connection"];

struct Shape {
    /// The types that a key may have, and whether it may be missing.
    keys: BTreeMap<&'static str, (&'static str, bool)>,
    is_open: bool,
}

/// The shapes by the kind of object.
fn shapes() -> BTreeMap<&'static str, Shape> {
    let lines = include_str!("artifacts/shapes.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (kind, keys) = line.split_once(": ").expect("a kind and its keys");
            let keys = keys.split(' ').map(|key| {
                let (name, types) = key.split_once('=').expect("a key and its types");
                (name.trim_start_matches('~'), (types, name.starts_with('~')))
            });
            (kind.trim_end_matches('+'), Shape { keys: keys.collect(), is_open: kind.ends_with('+') })
        })
        .collect()
}

#[derive(Default)]
struct Check {
    wrong: Vec<String>,
    kinds: BTreeSet<String>,
}

impl Check {
    fn object(&mut self, kind: &str, place: &str, value: &Value) {
        let shapes = shapes();
        let shape = shapes.get(kind).unwrap_or_else(|| panic!("no shape of {kind}"));
        self.kinds.insert(kind.to_owned());
        let empty = Map::new();
        let object = value.as_object().unwrap_or_else(|| {
            self.wrong.push(format!("{place} is no object"));
            &empty
        });
        for (key, (types, may_miss)) in &shape.keys {
            match object.get(*key) {
                None if *may_miss => {}
                None => self.wrong.push(format!("{place} has no `{key}`")),
                Some(value) if types.contains(letter(value)) => {}
                Some(value) => self.wrong.push(format!("{place}.{key} is {value}")),
            }
        }
        for key in object.keys() {
            if !shape.is_open && !shape.keys.contains_key(key.as_str()) && !OWN_KEYS.contains(&key.as_str()) {
                self.wrong.push(format!("{place} has a key of its own, `{key}`"));
            }
        }
    }

    fn objects(&mut self, kind: &str, place: &str, values: &Value) {
        for (key, value) in values.as_object().into_iter().flatten() {
            self.object(kind, &format!("{place}[{key}]"), value);
        }
    }

    fn list(&mut self, kind: &str, place: &str, values: &Value) {
        for (index, value) in values.as_array().into_iter().flatten().enumerate() {
            self.object(kind, &format!("{place}[{index}]"), value);
        }
    }

    fn manifest(&mut self, manifest: &Value) {
        self.object("manifest", "manifest", manifest);
        self.object("manifest.metadata", "metadata", &manifest["metadata"]);
        for (id, node) in manifest["nodes"].as_object().into_iter().flatten() {
            let kind = node["resource_type"].as_str().unwrap_or_default();
            if kind == "operation" {
                continue;
            }
            self.object(&format!("manifest.{kind}"), id, node);
            self.object("manifest.model.checksum", &format!("{id}.checksum"), &node["checksum"]);
            self.objects("manifest.column", &format!("{id}.columns"), &node["columns"]);
            if kind == "model" {
                for part in ["depends_on", "contract", "docs"] {
                    self.object(&format!("manifest.model.{part}"), &format!("{id}.{part}"), &node[part]);
                }
            }
        }
        for (section, kind) in [
            ("sources", "source"),
            ("macros", "macro"),
            ("docs", "doc"),
            ("exposures", "exposure"),
            ("metrics", "metric"),
            ("groups", "group"),
            ("saved_queries", "saved_query"),
            ("semantic_models", "semantic_model"),
            ("unit_tests", "unit_test"),
            ("functions", "function"),
        ] {
            self.objects(&format!("manifest.{kind}"), section, &manifest[section]);
        }
    }

    fn run_results(&mut self, results: &Value) {
        self.object("run_results", "run_results", results);
        self.object("run_results.metadata", "metadata", &results["metadata"]);
        self.list("run_results.result", "results", &results["results"]);
        for result in results["results"].as_array().into_iter().flatten() {
            self.list("run_results.timing", "timing", &result["timing"]);
        }
    }
}

fn letter(value: &Value) -> char {
    match value {
        Value::Null => 'z',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::String(_) => 's',
        Value::Array(_) => 'a',
        Value::Object(_) => 'o',
    }
}

/// A project with one thing of each kind.
fn everything() -> Project {
    let project = Project::new()
        .file("seeds/countries.csv", "id,name\n1,Chile\n2,Peru\n")
        .file("models/orders.sql", "select 1 as id, 2 as amount, '2026-01-01' as ordered_on")
        .file("models/days.sql", "select '2026-01-01' as day")
        .file("models/hidden.sql", "{{ config(materialized='ephemeral') }} select id from {{ source('l', 'raw') }}")
        .file("models/shown.sql", "{{ config(materialized='incremental') }} select id from {{ ref('hidden') }}")
        .file("analyses/look.sql", "select * from {{ ref('orders') }}")
        .file("tests/no_orders_of_nobody.sql", "select * from {{ ref('orders') }} where id is null")
        .file("macros/m.sql", "{% macro cents(x) %}{{ x }} * 100{% endmacro %}")
        .file("models/d.md", "{% docs orders %}What was bought.{% enddocs %}")
        .file(
            "snapshots/s.sql",
            "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols='all') }}
             select * from {{ ref('countries') }}{% endsnapshot %}",
        )
        .file(
            "models/s.yml",
            "groups: [{name: sales, owner: {name: me}}]
sources:
  - {name: l, schema: main, loaded_at_field: at, freshness: {warn_after: {count: 1, period: day}}, tables: [{name: raw}]}
models:
  - name: orders
    description: \"{{ doc('orders') }}\"
    config: {group: sales, meta: {owner: me}}
    columns: [{name: id, data_tests: [unique, not_null], constraints: [{type: not_null}]}]
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
unit_tests:
  - {name: one, model: shown, given: [{input: ref('hidden'), format: sql, rows: select 1 as id}], expect: {rows: [{id: 1}]}}
exposures: [{name: board, type: dashboard, owner: {name: me}, depends_on: [ref('orders')]}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_on}
    entities: [{name: order_id, type: primary, expr: id}]
    dimensions: [{name: ordered_on, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics: [{name: revenue, label: Revenue, type: simple, type_params: {measure: amount}}]
saved_queries: [{name: all_of_it, query_params: {metrics: [revenue]}, exports: [{name: all_of_it, config: {export_as: table}}]}]
",
        );
    project
        .sqlite("target.db", "create table raw (id integer, at timestamp); insert into raw values (1, '2020-01-01')");
    project
}

#[test]
fn artifacts_have_dbts_keys_and_types() {
    let project = everything();
    let mut check = Check::default();
    project.dvt("build").exits(0);
    check.manifest(&project.json("target/manifest.json"));
    check.run_results(&project.json("target/run_results.json"));
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    check.object("catalog", "catalog", &catalog);
    for (id, table) in ["nodes", "sources"].iter().flat_map(|key| catalog[key].as_object().into_iter().flatten()) {
        check.object("catalog.table", id, table);
        check.object("catalog.metadata", id, &table["metadata"]);
        check.objects("catalog.column", id, &table["columns"]);
        check.objects("catalog.stat", id, &table["stats"]);
    }
    project.dvt("source freshness").exits(0);
    let sources = project.json("target/sources.json");
    check.object("sources", "sources", &sources);
    check.list("sources.result", "results", &sources["results"]);
    assert_eq!(check.wrong, Vec::<String>::new());
    // A kind that is not there was not looked at.
    let missing: Vec<&str> = shapes().into_keys().filter(|kind| !check.kinds.contains(*kind)).collect();
    assert_eq!(missing, ["manifest.function", "sources.error"]);
}
