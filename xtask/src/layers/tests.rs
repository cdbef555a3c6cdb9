//! Each rule broken once, and the workspace itself, which keeps them all.

use super::*;

const RULES: &str = r#"
[crates.top]
purpose = "Top."
may_use = ["middle"]
tests_may_use = ["support"]

[crates.middle]
purpose = "Middle."
may_use = ["bottom"]
knows = ["clap"]

[crates.bottom]
purpose = "Bottom."
sync = true

[crates.support]
purpose = "Support."
"#;

/// Checks the four crates above with these dependencies; a name that ends in `?` is a dev-dependency.
fn check_with(dependencies: &[(&str, &[&str])]) -> Vec<String> {
    let rules: Rules = toml::from_str(RULES).unwrap();
    let packages: Vec<Package> = rules
        .crates
        .iter()
        .map(|(name, room)| Package {
            name: name.clone(),
            description: room.purpose.clone(),
            dependencies: dependencies
                .iter()
                .filter(|(owner, _)| owner == name)
                .flat_map(|(_, used)| used.iter())
                .map(|used| Dependency { name: used.trim_end_matches('?').to_owned(), for_tests: used.ends_with('?') })
                .collect(),
        })
        .collect();
    check(&rules, &packages)
}

#[test]
fn allowed_edges_pass_directly_and_by_a_chain() {
    assert_eq!(
        check_with(&[("top", &["middle", "bottom", "support?", "serde"]), ("middle", &["bottom", "clap"])]),
        Vec::<String>::new()
    );
}

#[test]
fn an_edge_that_points_left_fails() {
    let problems = check_with(&[("bottom", &["top"])]);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("`bottom` uses `top`, and no chain of arrows leads there"), "{problems:?}");
}

#[test]
fn a_test_only_room_may_not_be_shipped() {
    let problems = check_with(&[("top", &["support"])]);
    assert!(problems[0].starts_with("`top` uses `support`"), "{problems:?}");
}

#[test]
fn a_library_known_to_one_room_fails_in_another() {
    let problems = check_with(&[("top", &["clap"])]);
    assert_eq!(problems, ["`top` depends on `clap`, which is known only to `middle`: go through its API"]);
}

#[test]
fn tests_may_use_any_library() {
    assert_eq!(check_with(&[("top", &["clap?"]), ("bottom", &["tokio?"])]), Vec::<String>::new());
}

#[test]
fn a_sync_room_has_no_runtime() {
    let problems = check_with(&[("bottom", &["tokio"])]);
    assert_eq!(problems, ["`bottom` is sync and does no I/O, but depends on `tokio`"]);
}

#[test]
fn a_crate_without_a_table_and_a_table_without_a_crate_fail() {
    let rules: Rules = toml::from_str("[crates.gone]\npurpose = \"Gone.\"").unwrap();
    let package = Package { name: "new".to_owned(), description: String::new(), dependencies: Vec::new() };
    assert_eq!(
        check(&rules, &[package]),
        [
            "`gone` is listed, but the workspace has no such crate: remove its table",
            "`new` has no table: say its purpose and what it may use"
        ]
    );
}

#[test]
fn a_ring_of_arrows_fails() {
    let rules: Rules =
        toml::from_str("[crates.a]\npurpose = \"\"\nmay_use = [\"b\"]\n[crates.b]\npurpose = \"\"\nmay_use = [\"a\"]")
            .unwrap();
    let packages =
        ["a", "b"].map(|name| Package { name: name.to_owned(), description: String::new(), dependencies: Vec::new() });
    assert_eq!(check(&rules, &packages).len(), 2);
}

#[test]
fn a_purpose_that_differs_from_the_manifest_fails() {
    let rules: Rules = toml::from_str("[crates.a]\npurpose = \"Does this.\"").unwrap();
    let package = Package { name: "a".to_owned(), description: "Does that.".to_owned(), dependencies: Vec::new() };
    assert!(check(&rules, &[package])[0].contains("one sentence, twice the same"));
}

#[test]
fn metadata_tells_dev_dependencies_apart() {
    let json = br#"{"packages":[{"name":"a","description":"A.","dependencies":[
        {"name":"b","kind":null},{"name":"c","kind":"dev"},{"name":"d","kind":"build"}]}]}"#;
    let dependency = |name: &str, for_tests| Dependency { name: name.to_owned(), for_tests };
    assert_eq!(
        packages_from_metadata(json).unwrap()[0].dependencies,
        [dependency("b", false), dependency("c", true), dependency("d", false)]
    );
}

#[test]
fn the_workspace_keeps_its_own_rules() {
    check_workspace(&crate::workspace_root().unwrap()).unwrap();
}
