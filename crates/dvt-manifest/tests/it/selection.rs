//! dbt's selection grammar, on one small graph.

use crate::sample::manifest;
use dvt_diagnostics::render_line;
use dvt_manifest::selection::{IndirectSelection, SelectionRequest, fnmatch, select};
use dvt_manifest::{Graph, Manifest, ResourceType, version_text};
use serde_json::json;

/// raw.orders, raw.users -> stg_orders, stg_users -> orders -> report; tests on stg_orders, orders, and both.
fn shop() -> Manifest {
    manifest(
        "source raw.orders
         source raw.users
         model staging/stg_orders: raw.orders | nightly, materialized=view
         model staging/stg_users: raw.users | materialized=view
         model marts/orders: stg_orders, stg_users | nightly, materialized=table
         model marts/finance/report: orders | finance, materialized=table
         seed countries
         test unique_stg_orders: stg_orders
         test unique_orders: orders
         test both: orders, report",
    )
}

fn names(manifest: &Manifest, request: &SelectionRequest) -> String {
    let selected = select(manifest, &Graph::new(manifest), request).unwrap();
    let names: Vec<&str> = selected
        .ids
        .iter()
        .map(|id| id.strip_prefix("source.shop.").unwrap_or_else(|| id.rsplit('.').next().unwrap()))
        .collect();
    names.join(" ")
}

/// Models, seeds and sources that a `--select` means.
fn check(select: &str, expected: &str) {
    let request = SelectionRequest {
        select: vec![select.to_owned()],
        resource_types: Some(vec![ResourceType::Model, ResourceType::Seed, ResourceType::Source]),
        ..SelectionRequest::default()
    };
    assert_eq!(names(&shop(), &request), expected, "{select}");
}

#[test]
fn methods_match_what_they_say() {
    check("orders", "orders");
    check("shop.marts.orders", "orders");
    check("marts", "orders report");
    check("marts.*", "orders report");
    check("marts.finance", "report");
    check("stg_*", "stg_orders stg_users");
    check("*", "orders report stg_orders stg_users countries");
    check("tag:nightly", "orders stg_orders");
    check("tag:n*", "orders stg_orders");
    check("source:raw", "raw.orders raw.users");
    check("source:raw.orders", "raw.orders");
    check("source:shop.raw.u*", "raw.users");
    check("path:models/marts", "orders report");
    check("path:models/staging/stg_*.sql", "stg_orders stg_users");
    check("models/marts/finance/", "report");
    check("file:orders.sql", "orders");
    check("orders.sql", "orders");
    check("package:shop,resource_type:seed", "countries");
    check("package:this,tag:finance", "report");
    check("config.materialized:view", "stg_orders stg_users");
    check("resource_type:source", "raw.orders raw.users");
}

#[test]
fn graph_operators_reach_parents_and_children() {
    check("+orders", "orders stg_orders stg_users raw.orders raw.users");
    check("1+orders", "orders stg_orders stg_users");
    check("stg_users+", "orders report stg_users");
    check("stg_users+1", "orders stg_users");
    check("1+orders+1", "orders report stg_orders stg_users");
    check("@stg_users", "orders report stg_orders stg_users raw.orders raw.users");
    check("@report", "orders report stg_orders stg_users raw.orders raw.users");
    check("source:raw.users+1", "stg_users raw.users");
}

#[test]
fn blanks_unite_and_commas_intersect() {
    check("report countries", "report countries");
    check("tag:nightly,config.materialized:table", "orders");
    check("+report,stg_*", "stg_orders stg_users");
    check("tag:nightly,path:models/staging countries", "stg_orders countries");
}

#[test]
fn exclude_takes_away() {
    let request = SelectionRequest {
        select: vec!["+report".to_owned()],
        exclude: vec!["staging".to_owned(), "source:*".to_owned()],
        ..SelectionRequest::default()
    };
    assert_eq!(names(&shop(), &request), "orders report both unique_orders");
    let everything_but = SelectionRequest { exclude: vec!["orders+".to_owned()], ..SelectionRequest::default() };
    assert_eq!(
        names(&shop(), &everything_but),
        "stg_orders stg_users countries raw.orders raw.users unique_stg_orders"
    );
}

#[test]
fn tests_come_along_as_the_mode_says() {
    let of = |indirect, select: &str| {
        let request = SelectionRequest {
            select: vec![select.to_owned()],
            indirect,
            resource_types: Some(vec![ResourceType::Test]),
            ..SelectionRequest::default()
        };
        names(&shop(), &request)
    };
    assert_eq!(of(IndirectSelection::Eager, "orders"), "both unique_orders");
    assert_eq!(of(IndirectSelection::Cautious, "orders"), "unique_orders");
    assert_eq!(of(IndirectSelection::Cautious, "orders report"), "both unique_orders");
    assert_eq!(of(IndirectSelection::Buildable, "report"), "both");
    assert_eq!(of(IndirectSelection::Cautious, "report"), "");
    assert_eq!(of(IndirectSelection::Empty, "orders"), "");
    assert_eq!(of(IndirectSelection::Eager, "test_type:singular"), "both");
    assert_eq!(of(IndirectSelection::Eager, "test_type:generic"), "unique_orders unique_stg_orders");
    assert_eq!(of(IndirectSelection::Eager, "test_name:unique,orders"), "unique_orders");
}

#[test]
fn versions_are_selected_by_name_and_by_age() {
    let mut manifest = manifest("model base");
    for version in 1..=3 {
        let mut node = crate::sample::node(ResourceType::Model, "orders");
        node.version = Some(json!(version));
        node.latest_version = Some(json!(2));
        node.fqn.push(format!("v{version}"));
        node.unique_id = format!("model.shop.orders.v{}", version_text(&json!(version)));
        manifest.nodes.insert(node.unique_id.clone(), node);
    }
    let of =
        |select: &str| names(&manifest, &SelectionRequest { select: vec![select.to_owned()], ..Default::default() });
    assert_eq!(of("orders"), "v1 v2 v3");
    assert_eq!(of("orders.v2"), "v2");
    assert_eq!(of("orders_v3"), "v3");
    assert_eq!(of("version:latest"), "v2");
    assert_eq!(of("version:old"), "v1");
    assert_eq!(of("version:prerelease"), "v3");
    assert_eq!(of("version:none"), "base");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let error = |words: &str| {
        let request = SelectionRequest { select: vec![words.to_owned()], ..SelectionRequest::default() };
        let manifest = shop();
        let error = select(&manifest, &Graph::new(&manifest), &request).unwrap_err();
        format!("{error}; {}", error.hint().unwrap_or_default())
    };
    assert_eq!(error("tags:nightly"), "'tags' is not a valid method name; did you mean `tag:`?");
    assert!(error("state:modified").contains("no comparison manifest"));
    assert!(error("result:error").contains("No comparison run_results"));
    assert!(error("source_status:fresher").contains("No previous state comparison"));
    assert!(error("@orders+").contains("take one of the two away"));
    assert!(error("test_type:odd").contains("expected \"generic\", \"singular\", \"unit\", or \"data\""));
    assert!(error("source:a.b.c.d").contains("Invalid source selector value"));
    assert!(error("exposure:a.b.c").contains("Exposures must be of the form ${exposure_name} or"));
    assert!(error("config:view").contains("without saying what for"));
    assert!(error("selector:none").contains("did not match any selector"));
    assert!(error("a\nb").contains("Invalid selector spec"));
}

#[test]
fn a_criterion_that_matches_nothing_warns_as_dbt_does() {
    let warnings = |select: &str| {
        let request = SelectionRequest { select: vec![select.to_owned()], ..SelectionRequest::default() };
        let manifest = shop();
        let selected = select_of(&manifest, &request);
        selected.warnings.iter().map(render_line).collect::<Vec<_>>()
    };
    assert_eq!(
        warnings("nowhere orders"),
        ["warning[nothing-selected]: The selection criterion 'nowhere' does not match any enabled nodes"]
    );
    assert_eq!(
        warnings("tag:nightly,resource_type:seed"),
        [
            "warning[nothing-selected]: The selection criterion 'tag:nightly,resource_type:seed' does not match any enabled nodes"
        ]
    );
    assert!(warnings("orders").is_empty());
}

fn select_of(manifest: &Manifest, request: &SelectionRequest) -> dvt_manifest::selection::Selected {
    select(manifest, &Graph::new(manifest), request).unwrap()
}

#[test]
fn fnmatch_is_pythons() {
    for (name, pattern, expected) in [
        ("stg_orders", "stg_*", true),
        ("stg_orders", "*orders", true),
        ("stg_orders", "s?g_*r*s", true),
        ("stg_orders", "orders", false),
        ("a1", "a[0-9]", true),
        ("ab", "a[!0-9]", true),
        ("a]", "a[]]", true),
        ("a[", "a[", true),
        ("", "*", true),
        ("aaa", "*a*a*a*a", false),
        ("a.b", "*.*", true),
    ] {
        assert_eq!(fnmatch(name, pattern), expected, "{name} {pattern}");
    }
}
