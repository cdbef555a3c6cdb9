//! What packages do with the context beyond reading it, and the texts of the utility macros that they build on.

use super::support::{Recorder, check, check_error, check_in, context, library, run_with};
use crate::{ColumnKind, Phase, Table, Value};
use std::sync::Arc;

#[test]
fn context_update_changes_what_macros_see() {
    let library = library(&[(
        "shop",
        "macros/m.sql",
        "{% macro told() %}{{ node.name }}{% endmacro %}
         {% macro trick() %}{% do context.update({'node': {'name': 'mock'}, 'own': 1}) %}{{ told() }}{% endmacro %}",
    )]);
    check_in(&library, "{{ told() }}{{ trick() }}{{ told() }}", "ordersmockmock");
    check_in(
        &library,
        "{{ trick() }}{{ node.name }} {{ context.node.name }} {{ own is defined }}",
        "mockorders mock False",
    );
    check_in(
        &library,
        "{% do context.update({'a': 1}, b=2) %}{{ context.get('a') + context['b'] }} {{ 'a' in context }}",
        "3 True",
    );
    check(
        "{{ context.setdefault('kept', []) }}{{ context.get('kept') }} {{ 'ref' in context.keys() | list }}",
        "[][] True",
    );
    check_error("{% do context.update(1) %}", "must be a dict");
}

#[test]
fn the_arguments_of_the_invocation_can_be_changed() {
    check("{% do invocation_args_dict.update({'vars': {}}) %}{{ invocation_args_dict.vars }}", "{}");
}

#[test]
fn resolvers_tell_the_projects_configuration() {
    check("{{ builtins.ref.config.project_name }} {{ builtins.source.config.vars.to_dict() }}", "shop {'a': 1}");
    check("{{ builtins.ref.config.dependencies['utils'].version }} {{ builtins.ref.model.name }}", "1.2.0 orders");
    check("{{ builtins.ref('a') }} {{ ref.config.nothing is defined }}", "\"db\".\"shop\".\"a\" False");
}

#[test]
fn types_of_agate_convert_values() {
    let table = Table::new(
        &[("n", ColumnKind::Number), ("i", ColumnKind::Integer), ("t", ColumnKind::Text), ("b", ColumnKind::Boolean)],
        vec![vec![Value::Float(1.5), Value::Int(2), Value::str("x"), Value::Bool(true)]],
    );
    let mut context = context(Phase::Run);
    context.variables.insert("table".to_owned(), table.into_value());
    let template = "{% for c in table.columns %}{% set v = c.values()[0] %}{{ c.data_type.jsonify(v) }} {{ c.data_type.csvify(v) }} {{ c.data_type.jsonify(none) }} {{ c.data_type.test('yes') }};{% endfor %}{{ table.columns.i.data_type.cast('7') + 1 }}";
    let text = run_with(&library(&[]), &context, Arc::new(Recorder::default()), template).unwrap().text;
    assert_eq!(text, "1.5 1.5 None False;2 2 None False;x x None True;True True None True;8");
}

#[test]
fn utility_macros_read_as_dbt_writes_them() {
    let squeezed = |template: &str, expected: &str| {
        check(&format!("{{% set text %}}{template}{{% endset %}}{{{{ text.split() | join(' ') }}}}"), expected);
    };
    squeezed(
        "{{ dbt.generate_series(3) }}",
        "with p as ( select 0 as generated_number union all select 1 ), unioned as ( select \
         p0.generated_number * power(2, 0) + p1.generated_number * power(2, 1) + 1 as generated_number \
         from p as p0 cross join p as p1 ) select * from unioned where generated_number <= 3 order by generated_number",
    );
    squeezed("{{ dbt.escape_single_quotes(none) }}{{ dbt.escape_single_quotes(\"it's\") }}", "Noneit''s");
    squeezed(
        "{{ dbt._split_part_negative('a', 'b', -1) }}",
        "split_part( a, b, length(a) - length(replace(a, b, '')) + 2 + -1 )",
    );
}

#[test]
fn behaviour_flags_of_the_project_change_macros() {
    check(
        "{{ dbt.equals('a', 'b') }} {{ adapter.behavior.enable_truthy_nulls_equals_macro.no_warn }}",
        "(a = b) False",
    );
    let mut context = context(Phase::Run);
    let invocation = Arc::make_mut(&mut context.invocation);
    invocation.flags.insert("ENABLE_TRUTHY_NULLS_EQUALS_MACRO".to_owned(), true.into());
    let text =
        run_with(&library(&[]), &context, Arc::new(Recorder::default()), "{{ dbt.equals('a', 'b') }}").unwrap().text;
    assert!(text.contains("a is null and b is null"), "{text}");
}

#[test]
fn methods_can_be_asked_for_and_taken_along() {
    check(
        "{{ api.Column.translate_type is defined }} {{ api.Column.translate is defined }} {{ api.Relation.create is defined }} \
         {{ adapter.get_relation is defined }} {{ this.include is defined }} {{ modules.re.compile is defined }}",
        "True False True True True True",
    );
    check("{% set translate = api.Column.translate_type %}{{ translate('string') }}", "TEXT");
    check("{% set now = modules.datetime.datetime.strptime %}{{ now('2024', '%Y').year }}", "2024");
}

#[test]
fn a_name_that_the_engine_would_cut_off_is_refused_wherever_a_relation_is_made() {
    let long = "x".repeat(64);
    for template in [
        format!("{{{{ api.Relation.create(identifier='{long}', type='table') }}}}"),
        format!("{{{{ this.incorporate(type='table', path={{'identifier': '{long}'}}) }}}}"),
        format!("{{{{ this.incorporate(type='table').replace_path(identifier='{long}') }}}}"),
    ] {
        check_error(&template, &format!("Relation name '{long}' is longer than 63 characters"));
    }
    check(&format!("{{{{ this.replace_path(identifier='{long}').identifier | length }}}}"), "64");
}

#[test]
fn results_answer_as_dbts_objects_do() {
    let result = serde_json::json!({
        "status": "success",
        "timing": [{"name": "compile", "started_at": "2024-01-02T03:04:05.678901Z", "completed_at": null}],
        "node": {"name": "m", "config": {"materialized": "table", "pre-hook": [], "meta": {"owner": "me"}}},
    });
    let mut context = context(Phase::Run);
    let results = Value::list(vec![Value::run_result(result.as_object().unwrap().clone())]);
    context.variables.insert("results".to_owned(), results);
    for (template, expected) in [
        (
            "{{ r.node.config.materialized }} {{ r.node.config.pre_hook }} {{ r.node.config['post-hook'] }}",
            "table [] None",
        ),
        (
            "{{ r.node.config.full_refresh is none }} {{ r.node.config.get('x', 1) }} {{ 'meta' in r.node.config }}",
            "True 1 True",
        ),
        ("{{ r.node.config.meta_get('owner') }} {{ r.node.nothing is defined }}", "me False"),
        (
            "{{ (r.timing | selectattr('name', 'eq', 'compile') | first).started_at.strftime('%H:%M:%S.%f') }}",
            "03:04:05.678901",
        ),
        ("{{ r.timing[0]['started_at'] }} {{ r.timing[0].completed_at is none }}", "2024-01-02 03:04:05.678901 True"),
        (
            "{{ r.to_dict().timing[0].started_at }} {{ r.node.to_dict(omit_none=true).name }}",
            "2024-01-02T03:04:05.678901Z m",
        ),
    ] {
        let template = format!("{{% set r = results[0] %}}{template}");
        let text = run_with(&library(&[]), &context, Arc::new(Recorder::default()), &template).unwrap().text;
        assert_eq!(text, expected, "{template}");
    }
}

#[test]
fn what_packages_put_into_graph_stays_for_the_invocation() {
    let context = context(Phase::Run);
    let render = |template: &str| {
        run_with(&library(&[]), &context, Arc::new(Recorder::default()), template)
            .map(|rendered| rendered.text)
            .unwrap()
    };
    assert_eq!(render("{% do graph.setdefault('mine', {'a': {}}) %}{% do graph.mine.a.update({'x': 1}) %}"), "");
    assert_eq!(render("{{ graph.get('mine') }} {{ 'mine' in graph }}"), "{'a': {'x': 1}} True");
}
