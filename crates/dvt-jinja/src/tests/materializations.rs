//! The built-in materializations against a bridge that writes down what it is asked.

use super::support::{Recorder, context, library, relation};
use crate::{ColumnKind, Phase, Table, Value, run_materialization};
use dvt_manifest::RelationKind;
use serde_json::json;
use std::sync::Arc;

fn materialize(name: &str, bridge: Recorder, landing: bool, config: serde_json::Value) -> String {
    let mut context = context(Phase::Run);
    context.config = config.as_object().cloned().unwrap();
    context.variables.insert("sql".to_owned(), Value::from("select 1 as id"));
    context.variables.insert("compiled_code".to_owned(), Value::from("select 1 as id"));
    context.variables.insert("database".to_owned(), Value::from("db"));
    context.variables.insert("schema".to_owned(), Value::from("shop"));
    let hook = |sql: &str, transaction: bool| json!({"sql": sql, "transaction": transaction, "index": 0});
    let hooks = Value::from(json!([hook("pre out", false), hook("pre in {{ this.name }}", true)]));
    context.variables.insert("pre_hooks".to_owned(), hooks);
    context
        .variables
        .insert("post_hooks".to_owned(), Value::from(json!([hook("post in", true), hook("post out", false)])));
    if landing {
        let landing = relation("dvt_landing__1__2").with_kind(RelationKind::Table);
        context.variables.insert("landing".to_owned(), Value::relation(landing));
    }
    if name == "seed" {
        context.node = Some(Arc::new(json!({
            "unique_id": "seed.shop.orders", "name": "orders", "alias": "orders", "resource_type": "seed", "config": config,
        })));
    }
    let bridge = Arc::new(bridge);
    match run_materialization(&library(&[]), &context, bridge.clone(), name) {
        Ok(done) => {
            assert_eq!(done.relations[0].identifier.as_deref(), Some("orders"));
            bridge.push(format!("main {}", done.main.map(|main| main.response.message).unwrap_or_default()));
        }
        Err(error) => panic!("{}\n{}", bridge.log(), super::support::show(&error)),
    }
    bridge.log()
}

#[test]
fn a_new_table_takes_its_name_by_rename() {
    assert_eq!(
        materialize("table", Recorder::default(), false, json!({})),
        "commit\n\
         execute: pre out\n\
         in transaction: pre in orders\n\
         in transaction: create table \"db\".\"shop\".\"orders__dbt_tmp\" as ( select 1 as id );\n\
         in transaction: alter table \"db\".\"shop\".\"orders__dbt_tmp\" rename to \"orders\"\n\
         in transaction: post in\n\
         commit\n\
         commit\n\
         execute: post out\n\
         main SELECT 2"
    );
}

#[test]
fn an_existing_table_stays_until_the_new_one_is_there() {
    let bridge =
        Recorder::with_relations(&[("orders", RelationKind::View), ("orders__dbt_backup", RelationKind::Table)]);
    assert_eq!(
        materialize("table", bridge, false, json!({"grants": {"select": ["reader"]}, "sql_header": "set x = 1;"})),
        "execute: drop table if exists \"db\".\"shop\".\"orders__dbt_backup\" cascade\n\
         commit\n\
         execute: pre out\n\
         in transaction: pre in orders\n\
         in transaction: set x = 1; create table \"db\".\"shop\".\"orders__dbt_tmp\" as ( select 1 as id );\n\
         in transaction: alter view \"db\".\"shop\".\"orders\" rename to \"orders__dbt_backup\"\n\
         in transaction: alter table \"db\".\"shop\".\"orders__dbt_tmp\" rename to \"orders\"\n\
         in transaction: post in\n\
         execute: show grants on \"db\".\"shop\".\"orders\"\n\
         in transaction: grant select on \"db\".\"shop\".\"orders\" to reader;\n\
         commit\n\
         execute: drop view if exists \"db\".\"shop\".\"orders__dbt_backup\" cascade\n\
         commit\n\
         execute: post out\n\
         main SELECT 2"
    );
}

#[test]
fn a_view_swaps_too() {
    assert_eq!(
        materialize("view", Recorder::with_relations(&[("orders", RelationKind::View)]), false, json!({})),
        "commit\n\
         execute: pre out\n\
         in transaction: pre in orders\n\
         in transaction: create view \"db\".\"shop\".\"orders__dbt_tmp\" as ( select 1 as id );\n\
         in transaction: alter view \"db\".\"shop\".\"orders\" rename to \"orders__dbt_backup\"\n\
         in transaction: alter view \"db\".\"shop\".\"orders__dbt_tmp\" rename to \"orders\"\n\
         in transaction: post in\n\
         commit\n\
         execute: drop view if exists \"db\".\"shop\".\"orders__dbt_backup\" cascade\n\
         commit\n\
         execute: post out\n\
         main SELECT 2"
    );
}

fn columns(names: &[&str]) -> Table {
    let rows = names.iter().map(|name| vec![Value::from(*name), Value::from("integer")]).collect();
    Table::new(&[("column_name", ColumnKind::Text), ("data_type", ColumnKind::Text)], rows)
}

#[test]
fn a_new_federated_table_adopts_the_landing_relation() {
    let log = materialize("table", Recorder::default(), true, json!({}));
    assert!(log.contains("alter table \"db\".\"shop\".\"dvt_landing__1__2\" rename to \"orders__dbt_tmp\"\nin transaction: alter table \"db\".\"shop\".\"orders__dbt_tmp\" rename to \"orders\""), "{log}");
    assert!(!log.contains("create table"), "{log}");
}

#[test]
fn an_equal_federated_table_keeps_its_identity() {
    let bridge = || Recorder {
        answers: vec![("columns", columns(&["id"]))],
        ..Recorder::with_relations(&[("orders", RelationKind::Table)])
    };
    let log = materialize("table", bridge(), true, json!({}));
    assert!(log.contains("in transaction: delete from \"db\".\"shop\".\"orders\"\nin transaction: insert into \"db\".\"shop\".\"orders\" (\"id\") select \"id\" from \"db\".\"shop\".\"dvt_landing__1__2\""), "{log}");
    assert!(!log.contains("rename"), "{log}");
    // A full refresh makes the table anew.
    let log = materialize("table", bridge(), true, json!({"full_refresh": true}));
    assert!(log.contains("rename to \"orders__dbt_backup\"") && !log.contains("delete from"), "{log}");
}

#[test]
fn a_federated_table_with_other_columns_is_swapped() {
    let bridge = Recorder {
        answers: vec![("'dvt_landing__1__2'", columns(&["id", "new"])), ("columns", columns(&["id"]))],
        ..Recorder::with_relations(&[("orders", RelationKind::Table)])
    };
    let log = materialize("table", bridge, true, json!({}));
    assert!(log.contains("rename to \"orders__dbt_backup\"") && !log.contains("delete from"), "{log}");
}

fn seed() -> Table {
    Table::new(
        &[("id", ColumnKind::Integer), ("Name", ColumnKind::Text)],
        vec![vec![Value::Int(1), Value::from("a")], vec![Value::Int(3_000_000_000), Value::None]],
    )
}

#[test]
fn a_seed_is_created_and_loaded_in_bulk() {
    let bridge = Recorder { seed: seed(), ..Recorder::default() };
    let log = materialize("seed", bridge, false, json!({}));
    assert!(log.contains("in transaction: create table \"db\".\"shop\".\"orders\" ( \"id\" bigint, \"Name\" text )\nload \"db\".\"shop\".\"orders\" (id bigint, Name text)"), "{log}");
    assert!(log.ends_with("main INSERT 2"), "{log}");
}

#[test]
fn a_seed_table_keeps_its_identity_unless_refreshed() {
    let bridge = || Recorder { seed: seed(), ..Recorder::with_relations(&[("orders", RelationKind::Table)]) };
    let log = materialize("seed", bridge(), false, json!({}));
    assert!(log.contains("truncate table \"db\".\"shop\".\"orders\"\nload"), "{log}");
    let log = materialize("seed", bridge(), false, json!({"full_refresh": true}));
    assert!(
        log.contains("drop table if exists \"db\".\"shop\".\"orders\" cascade\nin transaction: create table"),
        "{log}"
    );
    assert!(log.ends_with("main CREATE 2"), "{log}");
}

#[test]
fn generic_tests_render_their_queries() {
    let library = library(&[]);
    let render = |template: &str| {
        let text = super::support::run(&library, template).unwrap();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(render("{{ test_unique(model=ref('a'), column_name='id') }}").contains("having count(*) > 1"));
    assert!(render("{{ test_not_null(ref('a'), 'id') }}").contains("where id is null"));
    assert!(
        render("{{ test_accepted_values(ref('a'), 'id', ['x', 'y']) }}").contains("value_field not in ( 'x', 'y' )")
    );
    assert!(
        render("{{ test_relationships(ref('a'), 'id', ref('b'), 'b_id') }}")
            .contains("left join parent on child.from_field = parent.to_field")
    );
    assert!(
        render("{{ get_test_sql('select 1', 'count(*)', '!= 0', '!= 0', 5) }}")
            .contains("count(*) != 0 as should_warn")
    );
}

#[test]
fn an_unknown_materialization_names_the_nearest() {
    let error =
        run_materialization(&library(&[]), &context(Phase::Run), Arc::new(Recorder::default()), "tabel").unwrap_err();
    assert!(error.message.starts_with("No materialization 'tabel' was found for adapter postgres!"));
    assert_eq!(error.help, ["did you mean `table`?"]);
}
