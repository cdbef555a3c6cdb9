//! `state:`, `result:` and `source_status:`, on small manifests that were written and read again.

use crate::sample::manifest;
use dvt_diagnostics::render_line;
use dvt_manifest::selection::{SelectionRequest, Selectors, select};
use dvt_manifest::state::PreviousState;
use dvt_manifest::{Column, Graph, Manifest, Node, ResourceType};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn shop() -> Manifest {
    manifest(
        "source raw.orders
         model staging/orders: raw.orders
         model marts/report: orders
         seed countries
         test unique_orders: orders",
    )
}

/// The state that a run of this manifest leaves; `edit` changes the artifact's JSON.
fn state(manifest: &Manifest, edit: impl FnOnce(&mut Value)) -> Arc<PreviousState> {
    let folder = tempfile::tempdir().unwrap();
    let mut json = manifest.to_value();
    edit(&mut json);
    std::fs::write(folder.path().join("manifest.json"), json.to_string()).unwrap();
    Arc::new(PreviousState::read(folder.path(), Path::new("."), Path::new("target")).unwrap())
}

fn names(manifest: &Manifest, previous: &Arc<PreviousState>, word: &str) -> String {
    let request = SelectionRequest {
        select: vec![word.to_owned()],
        previous: Some(Arc::clone(previous)),
        ..SelectionRequest::default()
    };
    let selected = select(manifest, &Graph::new(manifest), &request).unwrap();
    let names: Vec<&str> = selected.ids.iter().map(|id| id.rsplit('.').next().unwrap()).collect();
    names.join(" ")
}

fn node<'m>(manifest: &'m mut Manifest, id: &str) -> &'m mut Node {
    manifest.nodes.get_mut(id).unwrap()
}

#[test]
fn an_unchanged_project_has_nothing_modified() {
    let previous = state(&shop(), |_| {});
    assert_eq!(names(&shop(), &previous, "state:modified"), "");
    assert_eq!(names(&shop(), &previous, "state:new"), "");
    assert_eq!(names(&shop(), &previous, "state:old"), "orders report countries orders unique_orders");
    assert_eq!(names(&shop(), &previous, "state:unmodified"), names(&shop(), &previous, "state:old"));
}

#[test]
fn each_part_of_a_node_is_compared_by_its_own_name() {
    let previous = state(&shop(), |_| {});
    let mut changed = shop();
    node(&mut changed, "model.shop.report").raw_code = "select 2".to_owned();
    node(&mut changed, "model.shop.orders").unrendered_config.insert("materialized".to_owned(), json!("table"));
    node(&mut changed, "seed.shop.countries").checksum.checksum = "other".to_owned();
    changed.sources["source.shop.raw.orders"].identifier = "orders_v2".to_owned();
    assert_eq!(names(&changed, &previous, "state:modified"), "orders report countries orders unique_orders");
    assert_eq!(names(&changed, &previous, "state:modified.body,resource_type:model"), "report");
    assert_eq!(names(&changed, &previous, "state:modified.body,resource_type:seed"), "countries");
    assert_eq!(names(&changed, &previous, "state:modified.configs,resource_type:model"), "orders unique_orders");
    assert_eq!(names(&changed, &previous, "state:modified.relation"), "orders");
    // Tags, group, alias and schema are no configuration of what a node is.
    let mut moved = shop();
    let orders = node(&mut moved, "model.shop.orders");
    orders.unrendered_config.insert("tags".to_owned(), json!(["nightly"]));
    orders.unrendered_config.insert("schema".to_owned(), json!("elsewhere"));
    assert_eq!(names(&moved, &previous, "state:modified.configs"), "");
    assert_eq!(names(&moved, &previous, "state:modified.relation"), "orders unique_orders");
}

#[test]
fn descriptions_count_where_they_are_persisted() {
    let described = |description: &str, persists: bool| {
        let mut manifest = shop();
        let orders = node(&mut manifest, "model.shop.orders");
        orders.description = description.to_owned();
        if persists {
            orders.config.set("persist_docs", json!({"relation": true}));
        }
        manifest
    };
    let check = |persists, expected: &str| {
        let previous = state(&described("before", persists), |_| {});
        let found = names(&described("now", persists), &previous, "state:modified.persisted_descriptions");
        assert_eq!(found, expected);
    };
    check(false, "");
    check(true, "orders unique_orders");
}

#[test]
fn a_contract_that_breaks_is_told() {
    let contracted = |columns: &[&str], checksum: &str| {
        let mut manifest = shop();
        let orders = node(&mut manifest, "model.shop.orders");
        orders.config.set("contract", json!({"enforced": true}));
        orders.contract_checksum = Some(checksum.to_owned());
        for name in columns {
            let column = Column { name: (*name).to_owned(), data_type: Some("int".to_owned()), ..Column::default() };
            orders.columns.insert((*name).to_owned(), column);
        }
        manifest
    };
    let previous = state(&contracted(&["id", "amount"], "one"), |_| {});
    let now = contracted(&["id"], "two");
    let request = SelectionRequest {
        select: vec!["state:modified".to_owned()],
        previous: Some(Arc::clone(&previous)),
        ..SelectionRequest::default()
    };
    let selected = select(&now, &Graph::new(&now), &request).unwrap();
    let warnings: Vec<String> = selected.warnings.iter().map(render_line).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("Breaking change to contracted, unversioned model orders"), "{warnings:?}");
    assert!(selected.warnings[0].message.contains("Columns were removed: \n    - amount"), "{warnings:?}");

    let mut versioned = now;
    node(&mut versioned, "model.shop.orders").version = Some(json!(1));
    let error = select(&versioned, &Graph::new(&versioned), &request).unwrap_err();
    assert!(error.to_string().contains("breaking change to an enforced contract"), "{error}");

    let mut removed = contracted(&["id", "amount"], "one");
    removed.nodes.shift_remove("model.shop.orders");
    let selected = select(&removed, &Graph::new(&removed), &request).unwrap();
    assert!(
        selected.warnings.iter().any(|warning| warning.message.contains("was deleted or renamed")),
        "{:?}",
        selected.warnings
    );
}

#[test]
fn results_and_freshness_of_an_earlier_run_select() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, json: Value| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, json.to_string()).unwrap();
    };
    let schema = |name: &str| json!({"dbt_schema_version": format!("https://schemas.getdbt.com/dbt/{name}.json")});
    write(
        "state/run_results.json",
        json!({"metadata": schema("run-results/v6"), "args": {}, "results": [
            {"unique_id": "model.shop.orders", "status": "error"}, {"unique_id": "model.shop.report", "status": "skipped"},
        ]}),
    );
    let loaded = |at: &str| {
        json!({"metadata": schema("sources/v3"), "results": [
            {"unique_id": "source.shop.raw.orders", "max_loaded_at": at, "status": "pass"},
        ]})
    };
    write("state/sources.json", loaded("2026-01-01T00:00:00Z"));
    write("target/sources.json", loaded("2026-01-01T00:00:00.5+00:00"));
    let read = || PreviousState::read(folder.path(), Path::new("state"), Path::new("target"));
    let previous = Arc::new(read().unwrap());
    assert_eq!(names(&shop(), &previous, "result:error,resource_type:model"), "orders unique_orders");
    assert_eq!(names(&shop(), &previous, "result:skipped"), "report");
    assert_eq!(names(&shop(), &previous, "source_status:fresher+1"), "orders orders unique_orders");

    write("state/run_results.json", json!({"metadata": schema("run-results/v99"), "results": []}));
    let error = read().unwrap_err().to_string();
    assert!(error.contains("Expected a schema version of") && error.contains("run-results/v99"), "{error}");
}

#[test]
fn deferral_tells_nodes_where_another_environment_has_them() {
    let previous = state(&shop(), |manifest| {
        manifest["nodes"]["model.shop.orders"]["schema"] = json!("prod");
        manifest["nodes"]["model.shop.report"]["connection"] = json!("gone");
    });
    let mut now = shop();
    now.defer_to(previous.manifest.as_ref().unwrap(), &|name| name == "dev");
    assert_eq!(now.nodes["model.shop.orders"].deferred_relation().unwrap().schema.as_deref(), Some("prod"));
    assert_eq!(now.nodes["model.shop.report"].deferred_relation().unwrap().connection, "dev");
    assert!(now.nodes["test.shop.unique_orders"].defer_relation.is_none());
    // As dbt has it: the artifact does not say what a run deferred to.
    let json = now.to_value();
    assert_eq!(json["nodes"]["model.shop.orders"]["schema"], "public");
    assert!(json["nodes"]["model.shop.orders"].get("defer_relation").is_none());
}

fn selectors(yaml: Value) -> Result<Selectors, String> {
    Selectors::from_value(&json!({"selectors": yaml})).map_err(|error| error.to_string())
}

#[test]
fn selectors_combine_exclude_and_call_each_other() {
    let selectors = Arc::new(
        selectors(json!([
            {"name": "marts", "definition": {"method": "path", "value": "models/marts", "parents": true, "parents_depth": 1}},
            {"name": "all_but_tests", "default": true, "definition": {"union": ["fqn:*", {"exclude": [{"resource_type": "test"}]}]}},
            {"name": "both", "definition": {"intersection": ["selector:marts", {"method": "fqn", "value": "*"}]}},
            {"name": "around", "definition": "selector:around"},
        ]))
        .unwrap(),
    );
    let manifest = shop();
    let find = |request: SelectionRequest| {
        let request = SelectionRequest { selectors: Arc::clone(&selectors), ..request };
        select(&manifest, &Graph::new(&manifest), &request).map(|selected| {
            let names: Vec<&str> = selected.ids.iter().map(|id| id.rsplit('.').next().unwrap()).collect();
            (names.join(" "), selected.default_selector)
        })
    };
    let named = |name: &str| SelectionRequest { selector: Some(name.to_owned()), ..SelectionRequest::default() };
    assert_eq!(find(named("marts")).unwrap().0, "orders report unique_orders");
    assert_eq!(find(named("both")).unwrap().0, "orders report unique_orders");
    let (names, default) = find(SelectionRequest::default()).unwrap();
    assert_eq!((names.as_str(), default.as_deref()), ("orders report countries", Some("all_but_tests")));
    assert!(
        find(named("around")).unwrap_err().to_string().contains("Circular dependency detected in selector: around")
    );
    assert!(find(named("nowhere")).unwrap_err().to_string().contains("Could not find selector named nowhere"));
    let typed = SelectionRequest {
        select: vec!["1+selector:marts".to_owned()],
        resource_types: Some(vec![ResourceType::Model]),
        ..SelectionRequest::default()
    };
    assert_eq!(find(typed).unwrap().0, "orders report");
}

#[test]
fn selectors_are_kept_in_their_long_form_and_wrong_ones_refused() {
    let kept = selectors(json!([
        {"name": "a", "description": "d", "definition": "2+tag:nightly+"},
        {"name": "b", "definition": {"union": [{"tag": "x"}, "@models/marts", {"exclude": ["y"]}]}},
    ]))
    .unwrap();
    assert_eq!(
        Value::Object(kept.to_json().clone()),
        json!({
            "a": {"name": "a", "description": "d", "definition": {
                "parents": true, "parents_depth": "2", "method": "tag", "value": "nightly", "children": true,
            }},
            "b": {"name": "b", "definition": {"union": [
                {"method": "tag", "value": "x"},
                {"childrens_parents": true, "method": "path", "value": "models/marts"},
                {"exclude": [{"method": "fqn", "value": "y"}]},
            ]}},
        })
    );
    let refused = |definition: Value| selectors(json!([{"name": "a", "definition": definition}])).unwrap_err();
    assert!(refused(json!(["a"])).contains("Could not parse selector file data"));
    assert!(
        refused(json!({"union": ["a"], "intersection": ["b"]})).contains("Only a single 'union' or 'intersection'")
    );
    assert!(refused(json!({"union": "a"})).contains("Expected a list"));
    assert!(refused(json!({"tags": "x"})).contains("'tags' is not a valid method name"));
    assert!(
        refused(json!({"union": ["a", {"exclude": ["b"]}, {"exclude": ["c"]}]})).contains("multiple exclude arguments")
    );
    let two = selectors(json!([
        {"name": "a", "default": true, "definition": "x"}, {"name": "b", "default": true, "definition": "y"},
    ]));
    assert!(two.unwrap_err().contains("multiple selectors with `default: true`:a and b"));
}
