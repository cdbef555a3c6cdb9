//! dbt's context: refs, sources, config, vars, env vars, results, objects; at parse time and at run time.

use super::support::{Recorder, check, check_error, context, invocation, library, parse, relation, run, run_with};
use crate::{Bridge, ColumnKind, ErrorKind, Invocation, Phase, Table, Value, Vars};
use dvt_manifest::RelationKind;
use serde_json::json;
use std::sync::Arc;

#[test]
fn parsing_writes_down_what_was_asked() {
    let template = "{{ config(materialized='table', pre_hook='x', tags=['a']) }}\nselect * from {{ ref('a') }} join {{ ref('p', 'b', v=2) }}\njoin {{ source('s', 't') }} where {{ var('nope') }} {{ env_var('SHOP_REGION') }}";
    let rendered = parse(&library(&[]), template).unwrap();
    let asked = rendered.asked;
    assert_eq!(
        asked.configs[0].values,
        *json!({"materialized": "table", "pre-hook": "x", "tags": ["a"]}).as_object().unwrap()
    );
    let names: Vec<_> = asked
        .refs
        .iter()
        .map(|asked| (asked.request.package.clone(), asked.request.name.clone(), asked.request.version.clone()))
        .collect();
    assert_eq!(names, [(None, "a".to_owned(), None), (Some("p".to_owned()), "b".to_owned(), Some("2".to_owned()))]);
    assert_eq!((asked.sources[0].source_name.as_str(), asked.sources[0].table_name.as_str()), ("s", "t"));
    assert_eq!((asked.vars[0].name.as_str(), asked.env_vars[0].name.as_str()), ("nope", "SHOP_REGION"));
    let text = |span: &dvt_diagnostics::Span| span.file.text[span.range.clone()].to_owned();
    assert_eq!(text(&asked.refs[0].span), "ref('a')");
    assert_eq!(text(&asked.sources[0].span), "source('s', 't')");
    assert_eq!(text(&asked.configs[0].span), "config(materialized='table', pre_hook='x', tags=['a'])");
}

#[test]
fn a_ref_in_a_macro_is_asked_at_the_macros_call() {
    let library = library(&[("shop", "macros/m.sql", "{% macro m() %}{{ ref('inside') }}{% endmacro %}")]);
    let asked = parse(&library, "select {{ m() }}").unwrap().asked;
    let span = &asked.refs[0].span;
    assert_eq!(&span.file.text[span.range.clone()], "m()");
    assert_eq!(asked.macros[0].name, "macro.shop.m");
}

#[test]
fn parsing_forgives_what_is_not_there_yet() {
    let library = library(&[]);
    let template = "{% set t = run_query('select 1') %}{% if execute %}{{ t.columns[0].values() }}{% endif %}{{ nope() }}{{ other_package.macro(1) }}{{ nope.a.b() }}{% for c in adapter.get_columns_in_relation(ref('a')) %}{{ c }}{% endfor %}{{ config.get('x') }}{{ config.require('y') }}";
    assert_eq!(parse(&library, template).unwrap().text, "");
}

#[test]
fn running_resolves_names() {
    check(
        "{{ ref('a') }} {{ ref('eph') }} {{ ref('a', v=2) }}",
        "\"db\".\"shop\".\"a\" __dbt__cte__eph \"db\".\"shop\".\"a_v2\"",
    );
    check(
        "{{ source('raw', 't') }} {{ this }} {{ this.schema }} {{ this.name }}",
        "\"db\".\"raw\".\"t\" \"db\".\"shop\".\"orders\" shop orders",
    );
    check_error("{{ ref() }}", "ref() takes at most two arguments (0 given)");
    check_error("{{ ref(1) }}", "ref() takes names as strings, not int");
    check_error("{{ ref('a', foo=1) }}", "unexpected keyword argument 'foo'");
    check_error("{{ source('a') }}", "source() takes exactly two strings");
}

#[test]
fn errors_of_the_bridge_come_back_typed() {
    let error = run(&library(&[]), "{{ ref('missing') }}").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Bridge);
    let inner = error.into_bridge_error().unwrap();
    assert_eq!(inner.downcast_ref::<super::support::DatabaseError>().unwrap().0, "missing");
}

#[test]
fn empty_runs_limit_their_inputs() {
    let mut context = context(Phase::Run);
    let mut invocation: Invocation = (*invocation()).clone();
    invocation.flags.insert("EMPTY".to_owned(), json!(true));
    context.invocation = Arc::new(invocation);
    let text = run_with(&library(&[]), &context, Arc::new(Recorder::default()), "{{ ref('a') }}").unwrap().text;
    assert_eq!(text, "(select * from \"db\".\"shop\".\"a\" where false limit 0) _dbt_limit_subq_a");
}

#[test]
fn config_answers_from_the_nodes_config() {
    let mut context = context(Phase::Run);
    context.config =
        json!({"materialized": "table", "meta": {"owner": "me"}, "persist_docs": {"relation": true}, "nothing": null})
            .as_object()
            .cloned()
            .unwrap();
    let bridge: Arc<dyn Bridge> = Arc::new(Recorder::default());
    let text =
        |template: &str| run_with(&library(&[]), &context, Arc::clone(&bridge), template).map(|rendered| rendered.text);
    assert_eq!(
        text("{{ config.get('materialized') }} {{ config.get('x', 'd') }} {{ config.get('nothing', default=1) }}")
            .unwrap(),
        "table d 1"
    );
    assert_eq!(
        text("{{ config.meta_get('owner') }} {{ config.persist_relation_docs() }} {{ config.persist_column_docs() }}")
            .unwrap(),
        "me True False"
    );
    assert_eq!(text("{{ config.get('materialized', validator=validation.any['table', 'view']) }}").unwrap(), "table");
    let error = text("{{ config.require('materialised') }}").unwrap_err();
    assert_eq!(error.message, "Model 'model.shop.orders' does not define a required config parameter 'materialised'.");
    assert_eq!(error.help, ["did you mean `materialized`?"]);
    assert!(
        text("{{ config.get('materialized', validator=validation.any['view']) }}")
            .unwrap_err()
            .message
            .contains("to be one of view")
    );
    assert!(text("{{ config({'a': 1}, b=2) }}").unwrap_err().message.contains("Invalid inline model config"));
}

#[test]
fn vars_are_looked_up_in_layers() {
    let mut context = context(Phase::Run);
    let layer = |json: serde_json::Value| json.as_object().cloned().unwrap();
    context.vars =
        Arc::new(Vars { layers: vec![layer(json!({"a": "cli"})), layer(json!({"a": "project", "b": [1]}))] });
    let text = |template: &str| {
        run_with(&library(&[]), &context, Arc::new(Recorder::default()), template).map(|rendered| rendered.text)
    };
    assert_eq!(
        text("{{ var('a') }} {{ var('b')[0] }} {{ var('c', 'd') }} {{ var.has_var('a') }}").unwrap(),
        "cli 1 d True"
    );
    let error = text("{{ var('bb') }}").unwrap_err();
    assert!(error.message.starts_with("Required var 'bb' not found in config:\nVars supplied to orders = {"));
    assert_eq!(error.help, ["did you mean `b`?"]);
}

#[test]
fn env_vars_come_from_the_map() {
    check("{{ env_var('SHOP_REGION') }} {{ env_var('SHOP_NOPE', 'd') }}", "eu d");
    check_error("{{ env_var('SHOP_NOPE') }}", "Env var required but not provided: 'SHOP_NOPE'");
    check_error(
        "{{ env_var('DBT_ENV_SECRET_X', 'a') }}",
        "Secret env vars are allowed only in profiles.yml or packages.yml",
    );
    check_error("{{ env_var(1) }}", "must be a string, not int");
}

#[test]
fn relations_have_dbts_methods() {
    check(
        "{{ this.include(database=false) }} {{ this.quote(identifier=false) }} {{ this.without_identifier() }}",
        "\"shop\".\"orders\" \"db\".\"shop\".orders \"db\".\"shop\"",
    );
    check(
        "{{ this.incorporate(path={'identifier': 'x'}, type='view').is_view }} {{ this.replace_path(schema='s') }}",
        "True \"db\".\"s\".\"orders\"",
    );
    check(
        "{{ this.information_schema('tables') }} {{ api.Relation.create(schema='s', identifier='i', type='table').type }}",
        "\"db\".INFORMATION_SCHEMA.tables table",
    );
    check(
        "{{ this == ref('orders') }} {{ this != ref('b') }} {{ [this] | length }} {{ tojson({'r': this.identifier}) }}",
        "True True 1 {\"r\": \"orders\"}",
    );
    check_error("{{ this.incorporate(type='chair') }}", "argument 'type' must be a relation type");
}

#[test]
fn columns_know_their_types() {
    check(
        "{{ api.Column('a', 'character varying', 10).data_type }} {{ api.Column.create('b', 'integer').dtype }}",
        "character varying(10) integer",
    );
    check(
        "{{ api.Column('n', 'numeric', none, 10, 2).data_type }} {{ api.Column('x', 'text').is_string() }} {{ api.Column('q', 'int').quoted }}",
        "numeric(10,2) True \"q\"",
    );
    check(
        "{{ api.Column('a', 'varchar', 5).can_expand_to(api.Column('a', 'varchar', 9)) }} {{ api.Column.translate_type('string') }}",
        "True TEXT",
    );
    check_error("{{ api.Column('a', 'int').string_size() }}", "Called string_size() on non-string field!");
}

fn two_rows() -> Table {
    let row = |id: i64, name: &str| vec![Value::from(id), Value::from(name)];
    Table::new(&[("id", ColumnKind::Integer), ("name", ColumnKind::Text)], vec![row(1, "a"), row(2, "b")])
}

#[test]
fn queries_give_tables() {
    let bridge = Arc::new(Recorder { answers: vec![("select", two_rows())], ..Recorder::default() });
    let text = |template: &str| {
        run_with(&library(&[]), &context(Phase::Run), bridge.clone(), template).map(|rendered| rendered.text)
    };
    assert_eq!(text("{% set t = run_query('select 1') %}{{ t.columns[0].values() }} {{ t.columns['name'].values() }} {{ t.rows[1]['name'] }} {{ t.rows | length }} {{ t | length }}").unwrap(), "(1, 2) ('a', 'b') b 2 2");
    assert_eq!(
        text(
            "{% set t = run_query('select 1') %}{% for r in t %}{{ r[0] }}{{ r.name }}{% endfor %}{{ t.column_names }}"
        )
        .unwrap(),
        "1a2b('id', 'name')"
    );
    assert_eq!(text("{% for id, name in run_query('select 1') %}{{ id }}{{ name }};{% endfor %}").unwrap(), "1a;2b;");
    assert_eq!(text("{% do run_query('select 1').print_table() %}").unwrap(), "");
    assert!(bridge.log().ends_with("print | id | name | | -- | ---- | | 1 | a | | 2 | b |"), "{}", bridge.log());
    assert_eq!(
        text("{% set r, t = adapter.execute('select 1', fetch=true) %}{{ r }} {{ t.rows | length }}").unwrap(),
        "SELECT 2 2"
    );
    assert_eq!(text("{% call statement('x', fetch_result=true) %}select 1{% endcall %}{% set r = load_result('x') %}{{ r.response }} {{ r['data'][0][1] }} {{ r.table.rows | length }}").unwrap(), "SELECT 2 a 2");
    let error =
        text("{% call statement('x') %}select 1{% endcall %}{{ load_result('x').response }}{{ load_result('x') }}")
            .unwrap_err();
    assert_eq!(error.message, "The 'statement' result named 'x' has already been loaded into a variable");
    assert_eq!(text("{{ load_result('never') }}").unwrap(), "None");
}

#[test]
fn adapter_methods_call_macros_and_keep_the_cache() {
    let text = |value: &str| Value::from(value);
    let listed = Table::new(
        &[
            ("database", ColumnKind::Text),
            ("name", ColumnKind::Text),
            ("schema", ColumnKind::Text),
            ("type", ColumnKind::Text),
        ],
        vec![
            vec![text("db"), text("t"), text("unread"), text("table")],
            vec![text("db"), text("v"), text("unread"), text("view")],
        ],
    );
    let columns =
        Table::new(&[("n", ColumnKind::Text), ("t", ColumnKind::Text)], vec![vec![text("id"), text("integer")]]);
    let bridge =
        Arc::new(Recorder { answers: vec![(".tables", listed), (".columns", columns)], ..Recorder::default() });
    let run = |template: &str| {
        run_with(&library(&[]), &context(Phase::Run), bridge.clone(), template).map(|rendered| rendered.text)
    };
    assert_eq!(run("{{ adapter.get_relation('db', 'unread', 'v').type }}").unwrap(), "view");
    assert!(
        bridge.log().ends_with("cache unread: \"db\".\"unread\".\"t\" Some(Table), \"db\".\"unread\".\"v\" Some(View)"),
        "{}",
        bridge.log()
    );
    assert_eq!(
        run("{{ adapter.get_columns_in_relation(this)[0].name }} {{ adapter.quote('a\"b') }} {{ adapter.type() }}")
            .unwrap(),
        "id \"a\"\"b\" postgres"
    );
    assert_eq!(run("{% do adapter.drop_relation(this.incorporate(type='table')) %}").unwrap(), "");
    assert!(
        bridge.log().ends_with("execute: drop table if exists \"db\".\"shop\".\"orders\" cascade"),
        "{}",
        bridge.log()
    );
    assert!(run("{% do adapter.drop_relation(this) %}").unwrap_err().message.contains("but its type is null"));
    let error = run("{% do adapter.get_relations('x') %}").unwrap_err();
    assert_eq!(error.help, ["did you mean `adapter.get_relation`?"]);
    run("{% do adapter.create_schema(this) %}").unwrap();
    assert!(bridge.log().ends_with("create schema if not exists \"db\".\"shop\"\ncommit"), "{}", bridge.log());
}

#[test]
fn is_incremental_needs_a_table_and_no_full_refresh() {
    let mut context = context(Phase::Run);
    context.node = Some(Arc::new(json!({"unique_id": "model.shop.orders", "config": {"materialized": "incremental"}})));
    let bridge: Arc<dyn Bridge> = Arc::new(Recorder::with_relations(&[("orders", RelationKind::Table)]));
    let template = "{% if is_incremental() %}yes{% else %}no{% endif %}";
    assert_eq!(run_with(&library(&[]), &context, Arc::clone(&bridge), template).unwrap().text, "yes");
    context.config.insert("full_refresh".to_owned(), json!(true));
    assert_eq!(run_with(&library(&[]), &context, bridge, template).unwrap().text, "no");
    assert_eq!(parse(&library(&[]), template).unwrap().text, "no");
}

#[test]
fn exceptions_raise_and_warn() {
    check_error("{{ exceptions.raise_compiler_error('broken') }}", "broken");
    let bridge = Arc::new(Recorder::default());
    run_with(
        &library(&[]),
        &context(Phase::Run),
        bridge.clone(),
        "{{ exceptions.warn('careful') }}{{ log('hi', info=true) }}{{ print('out') }}",
    )
    .unwrap();
    assert_eq!(bridge.log(), "warn careful\nLog { message: \"hi\", info: true }\nprint out");
    check_error("{{ exceptions.warn() }}", "missing required argument: 'msg'");
    check_error("{{ log() }}", "log() missing required argument: 'msg'");
}

#[test]
fn facts_of_the_invocation_are_there() {
    check(
        "{{ dbt_version }} {{ invocation_id }} {{ project_name }} {{ target.name }} {{ target['type'] }} {{ execute }}",
        "1.12.6 6f0c shop dev postgres True",
    );
    check(
        "{{ run_started_at.strftime('%Y-%m-%d') }} {{ flags.FULL_REFRESH }} {{ model.name }} {{ node['alias'] }}",
        "2026-11-23 None orders orders",
    );
    check("{{ graph.nodes.values() | map(attribute='name') | list }} {{ doc('known') }}", "['orders'] the text");
    check_error("{{ doc('unknown') }}", "depends on doc 'unknown' which was not found");
}

#[test]
fn the_source_map_leads_back_to_the_template() {
    let template = "  select a,\n  {{ ref('a') }} as b,\n{% for x in [1, 2] %}c{{ x }}, {% endfor %}d";
    let rendered = run_with(&library(&[]), &context(Phase::Run), Arc::new(Recorder::default()), template).unwrap();
    let found = |text: &str| {
        let offset = rendered.text.rfind(text).unwrap();
        let span = rendered.source_map.template_range(offset..offset + text.len());
        template[span.range].to_owned()
    };
    assert_eq!(found("select a"), "select a");
    assert_eq!(found("\"shop\""), "ref('a')");
    assert_eq!(found("as b"), "as b");
    assert_eq!(found("2"), "x");
    assert_eq!(found("d"), "d");
}

#[test]
fn macros_can_be_replaced_by_values() {
    let mut context = context(Phase::Run);
    context.macro_overrides.insert("is_incremental".to_owned(), Value::Bool(true));
    let text = run_with(&library(&[]), &context, Arc::new(Recorder::default()), "{{ is_incremental() }}").unwrap().text;
    assert_eq!(text, "True");
    let _ = relation("unused");
}
