//! Order, cycles, neighbours.

use crate::sample::manifest;
use dvt_manifest::Graph;
use std::collections::BTreeSet;

fn ids(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("model.shop.{name}")).collect()
}

fn names(ids: &[String]) -> Vec<&str> {
    ids.iter().map(|id| id.rsplit('.').next().unwrap()).collect()
}

#[test]
fn nodes_run_by_level_then_by_name() {
    let manifest = manifest("model z\nmodel a: z\nmodel b\nmodel c: b, a\nmodel d: b");
    let graph = Graph::new(&manifest);
    let schedule = graph.schedule(&ids(&["a", "b", "c", "d", "z"]));
    assert_eq!(names(&schedule.order), ["b", "z", "a", "d", "c"]);
    assert_eq!(schedule.waits_for["model.shop.c"], ["model.shop.a", "model.shop.b"]);
}

#[test]
fn an_unselected_node_between_two_selected_ones_keeps_their_order() {
    let manifest = manifest("model z\nmodel y: z\nmodel x: y\nmodel a: x");
    let schedule = Graph::new(&manifest).schedule(&ids(&["a", "z"]));
    assert_eq!(names(&schedule.order), ["z", "a"]);
    assert_eq!(schedule.waits_for["model.shop.a"], ["model.shop.z"]);
}

#[test]
fn a_cycle_is_found_and_named_in_order() {
    let with_cycle = manifest("model a: c\nmodel b: a\nmodel c: b\nmodel d: a");
    let cycle = Graph::new(&with_cycle).find_cycle().unwrap();
    assert_eq!(names(&cycle), ["a", "c", "b"], "each depends on the next");
    let of_itself = manifest("model a: a");
    assert_eq!(Graph::new(&of_itself).find_cycle().unwrap().len(), 1);
    assert_eq!(Graph::new(&manifest("model a\nmodel b: a\nmodel c: a, b")).find_cycle(), None);
}

#[test]
fn a_chain_of_a_hundred_thousand_is_no_problem() {
    let mut manifest = dvt_manifest::Manifest::default();
    for index in 0..100_000 {
        let mut node = crate::sample::node(dvt_manifest::ResourceType::Model, &format!("m{index}"));
        if index > 0 {
            node.depends_on.nodes = vec![format!("model.shop.m{}", index - 1)];
        }
        manifest.nodes.insert(node.unique_id.clone(), node);
    }
    assert_eq!(Graph::new(&manifest).find_cycle(), None);
}

#[test]
fn in_a_build_a_node_waits_for_the_tests_of_what_it_reads() {
    let manifest = manifest("model a\nmodel b: a\nmodel c: b\nmodel other\ntest unique_a: a\ntest both: a, other");
    let graph = Graph::new(&manifest).with_test_edges(&manifest);
    let parents = |id: &str| graph.parents(id).cloned().collect::<Vec<_>>();
    assert_eq!(parents("model.shop.b"), ["model.shop.a", "test.shop.unique_a"]);
    assert_eq!(parents("model.shop.c"), ["model.shop.b"], "it waits through b");
    assert_eq!(graph.find_cycle(), None, "a test of something that is not upstream gates nothing");
}
