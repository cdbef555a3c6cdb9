//! Whole projects.

use crate::project::{Case, check_goldens};
use dvt_manifest::{Graph, selection};

#[test]
fn projects_become_manifests() {
    check_goldens("ok_");
}

#[test]
fn mistakes_are_told_together_and_at_their_place() {
    check_goldens("err_project_");
}

/// The ids that dbt gave these tests of its own demonstration project.
#[test]
fn generic_tests_have_the_names_and_hashes_of_dbt() {
    let case = Case::new(
        "=== dbt_project.yml\nname: jaffle_shop\nprofile: shop\n=== profiles.yml\nshop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s}}}\n\
         === models/customers.sql\nselect 1\n=== models/orders.sql\nselect 1\n\
         === models/schema.yml\nversion: 2\nmodels:\n  - name: customers\n    columns:\n      - name: customer_id\n        tests: [unique, not_null]\n  - name: orders\n    columns:\n      - name: order_id\n        tests: [unique, not_null]\n      - name: customer_id\n        tests:\n          - relationships:\n              to: ref('customers')\n              field: customer_id\n      - name: status\n        tests:\n          - accepted_values:\n              values: ['placed', 'shipped', 'completed', 'return_pending', 'returned']\n",
    );
    let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    for id in [
        "test.jaffle_shop.unique_customers_customer_id.c5af1ff4b1",
        "test.jaffle_shop.not_null_customers_customer_id.5c9bf9911d",
        "test.jaffle_shop.unique_orders_order_id.fed79b3a6e",
        "test.jaffle_shop.not_null_orders_order_id.cf6c17daed",
        "test.jaffle_shop.relationships_orders_customer_id__customer_id__ref_customers_.c6ec7f58f2",
        "test.jaffle_shop.accepted_values_orders_status__placed__shipped__completed__return_pending__returned.be6b5b5ec3",
    ] {
        assert!(project.manifest.nodes.contains_key(id), "{id} is not among {:#?}", project.manifest.nodes.keys());
    }
    let accepted = project.manifest.nodes.values().find(|node| node.name.starts_with("accepted_values")).unwrap();
    assert_eq!(accepted.alias, "accepted_values_orders_1ce6ab157c285f7cd2ac656013faf758");
    let relationships = project.manifest.nodes.values().find(|node| node.name.starts_with("relationships")).unwrap();
    assert_eq!(relationships.depends_on.nodes, ["model.jaffle_shop.customers", "model.jaffle_shop.orders"]);
    assert_eq!(relationships.raw_code, "{{ test_relationships(**_dbt_generic_test_kwargs) }}");
}

#[test]
fn selection_and_order_work_on_a_parsed_project() {
    let case = Case::new(
        "=== dbt_project.yml\nname: shop\nprofile: shop\n=== profiles.yml\nshop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s}}}\n\
         === models/a.sql\nselect 1\n=== models/b.sql\nselect * from {{ ref('a') }}\n=== models/marts/c.sql\nselect * from {{ ref('b') }}\n",
    );
    let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    let graph = Graph::new(&project.manifest);
    let request = selection::SelectionRequest {
        select: vec!["+c".to_owned()],
        exclude: vec!["b".to_owned()],
        ..Default::default()
    };
    let selected = selection::select(&project.manifest, &graph, &request).unwrap();
    let schedule = graph.schedule(&selected.ids);
    assert_eq!(schedule.order, ["model.shop.a", "model.shop.c"]);
    assert_eq!(schedule.waits_for["model.shop.c"], ["model.shop.a"], "also where what lies between is not selected");
}

/// dbt's artifact names sources with the project's `quoting`; what reads them goes by the source's own alone.
#[test]
fn the_quoting_of_a_project_is_not_that_of_its_sources() {
    let case = Case::new(
        "=== dbt_project.yml\nname: shop\nprofile: shop\nquoting: {database: false, schema: false, identifier: false}\n\
         === profiles.yml\nshop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s}}}\n\
         === models/sources.yml\nsources:\n  - name: raw\n    quoting: {schema: false}\n    tables: [{name: Orders}]\n\
         === models/a.sql\nselect * from {{ source('raw', 'Orders') }}\n",
    );
    let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    let source = &project.manifest.sources["source.shop.raw.Orders"];
    assert_eq!(source.relation_name.as_deref(), Some("d.raw.Orders"));
    assert_eq!(source.relation().render(), "\"d\".raw.\"Orders\"");
    assert_eq!(project.manifest.nodes["model.shop.a"].relation().render(), "d.s.a");
}

/// Descriptions are read later, where they stand; the same word elsewhere is a key like any other.
#[test]
fn a_column_called_description_is_configured_like_any_other() {
    let case = Case::new(
        "=== dbt_project.yml\nname: shop\nprofile: shop\n\
         === profiles.yml\nshop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s}}}\n\
         === seeds/s.csv\ndescription,tests\na,b\n\
         === seeds/s.yml\nseeds:\n  - name: s\n    description: \"{{ doc('own') }}\"\n    config:\n      column_types:\n        \
         description: \"{{ 'text' if target.type == 'postgres' else 'string' }}\"\n        tests: \"{{ 1 }}\"\n\
         === seeds/d.md\n{% docs own %}Its own.{% enddocs %}\n",
    );
    let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    let seed = &project.manifest.nodes["seed.shop.s"];
    let config = serde_json::to_value(&seed.config).unwrap();
    assert_eq!(config["column_types"]["description"], "text", "{config}");
    assert_eq!(seed.description, "Its own.");
}

/// A project cut off anywhere gives a manifest or diagnostics, never a panic.
#[test]
fn a_project_cut_anywhere_is_read_or_refused() {
    let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    for name in ["ok_models", "ok_config_merge", "ok_versions_snapshots"] {
        let text = std::fs::read_to_string(goldens.join(format!("{name}.project"))).unwrap();
        let mut refused = 0;
        for cut in (0..text.len()).step_by(41).filter(|&cut| text.is_char_boundary(cut)) {
            let last = text[..cut].rfind("=== ").map_or("", |start| &text[start..cut]);
            if last.contains('\n') {
                refused += usize::from(Case::new(&text[..cut]).load().is_err());
            }
        }
        assert!(refused > 3, "the cuts of {name} break something");
    }
}
