//! The macro mechanism: return, callers, packages, overrides, dispatch, recursion.

use super::support::{check_in, library, library_with, run, value_of};
use crate::{DispatchConfig, ErrorKind, Value};

#[test]
fn a_macro_returns_a_value_through_other_macros() {
    let library = library(&[(
        "shop",
        "macros/m.sql",
        "{% macro numbers() %}text{{ return([1, 2]) }}never{% endmacro %}
         {% macro outer() %}{% for i in [1] %}{% if true %}{{ return(numbers() + [3]) }}{% endif %}{% endfor %}{% endmacro %}
         {% macro text(a, b='x') %}<{{ a }}{{ b }}>{% endmacro %}",
    )]);
    check_in(&library, "{{ outer() | length }} {{ outer()[2] }}", "3 3");
    check_in(&library, "{% set n = numbers() %}{% do n.append(9) %}{{ n }}", "[1, 2, 9]");
    check_in(&library, "{{ text(1) }}{{ text(b=2, a=1) }}{{ text(*[1], **{'b': 3}) }}", "<1x><12><13>");
    assert_eq!(value_of(&library, "numbers", vec![]).unwrap(), Value::list(vec![Value::Int(1), Value::Int(2)]));
}

#[test]
fn a_macro_does_not_see_the_callers_variables() {
    let library = library(&[("shop", "macros/m.sql", "{% macro m() %}[{{ x }}]{% endmacro %}")]);
    check_in(&library, "{% set x = 1 %}{{ m() }}", "[]");
}

#[test]
fn wrong_arguments_are_errors() {
    let library = library(&[("shop", "macros/m.sql", "{% macro m(alpha, beta=1) %}{% endmacro %}")]);
    for (template, expected) in [
        ("{{ m(1, 2, 3) }}", "macro 'dbt_macro__m' takes not more than 2 argument(s)"),
        ("{{ m(alpah=1) }}", "macro 'dbt_macro__m' takes no keyword argument 'alpah'"),
        ("{{ m(1, alpha=2) }}", "multiple values for argument 'alpha'"),
        ("{% call m() %}x{% endcall %}", "does not use `caller()`"),
    ] {
        let error = run(&library, template).unwrap_err();
        assert!(error.message.contains(expected), "{template}: {}", error.message);
    }
    assert_eq!(run(&library, "{{ m(alpah=1) }}").unwrap_err().help, ["did you mean `alpha`?"]);
}

#[test]
fn callers_varargs_and_kwargs_are_bound() {
    let library = library(&[(
        "shop",
        "macros/m.sql",
        "{% macro wrap(tag) %}<{{ tag }}>{{ caller(2) }}</{{ tag }}>{% endmacro %}
         {% macro any(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}",
    )]);
    check_in(&library, "{% set y = 5 %}{% call(x) wrap('b') %}{{ x }}{{ y }}{% endcall %}", "<b>25</b>");
    check_in(&library, "{{ any(1, 2, k=3) }}", "1(2,){'k': 3}");
}

#[test]
fn macros_call_each_other_across_packages() {
    let library = library(&[
        ("shop", "macros/m.sql", "{% macro mine() %}{{ tools.helper('a') }}{% endmacro %}"),
        (
            "tools",
            "macros/t.sql",
            "{% macro helper(x) %}{{ return(tools.inner(x)) }}{% endmacro %}{% macro inner(x) %}{{ return(x ~ '!') }}{% endmacro %}",
        ),
    ]);
    check_in(&library, "{{ mine() }} {{ tools.helper('b') }}", "a! b!");
    let error = run(&library, "{{ tools.heper() }}").unwrap_err();
    assert_eq!(error.kind, ErrorKind::UnknownMacro);
    assert_eq!(error.help, ["did you mean `tools.helper`?"]);
    // A bare name means the node's own package, the root project, or a built-in: not another package.
    assert_eq!(run(&library, "{{ helper('a') }}").unwrap_err().kind, ErrorKind::UnknownMacro);
}

#[test]
fn the_project_overrides_builtins() {
    let own = "{% macro generate_schema_name(custom_schema_name, node) %}{{ return('mine') }}{% endmacro %}";
    let library = library(&[("shop", "macros/o.sql", own)]);
    check_in(
        &library,
        "{{ generate_schema_name('x', none) }} {{ dbt.generate_schema_name('x', none) }}",
        "mine shop_x",
    );
}

#[test]
fn a_project_can_override_ref() {
    let own = "{% macro ref(name) %}{{ return(builtins.ref(name ~ '_view')) }}{% endmacro %}";
    check_in(&library(&[("shop", "macros/o.sql", own)]), "{{ ref('a') }}", "\"db\".\"shop\".\"a_view\"");
}

#[test]
fn dispatch_tries_packages_then_prefixes() {
    let files = [
        (
            "tools",
            "macros/t.sql",
            "{% macro star() %}{{ return(adapter.dispatch('star', 'tools')()) }}{% endmacro %}{% macro default__star() %}default{% endmacro %}{% macro postgres__star() %}tools pg{% endmacro %}",
        ),
        ("patch", "macros/p.sql", "{% macro default__star() %}patch default{% endmacro %}"),
    ];
    check_in(&library(&files), "{{ tools.star() }}", "tools pg");
    let mut dispatch = DispatchConfig::default();
    dispatch.search_order.insert("tools".to_owned(), vec!["patch".to_owned(), "tools".to_owned()]);
    check_in(&library_with(&files, dispatch), "{{ tools.star() }}", "patch default");
    let overridden = [files[0], ("shop", "macros/s.sql", "{% macro postgres__star() %}shop pg{% endmacro %}")];
    check_in(&library(&overridden), "{{ tools.star() }}", "shop pg");
}

#[test]
fn dispatch_finds_adapter_packages_behind_dbt() {
    let files = [("dbt_postgres", "macros/p.sql", "{% macro postgres__current_timestamp() %}now(){% endmacro %}")];
    check_in(&library(&files), "{{ dbt.current_timestamp() }} {{ current_timestamp() }}", "now() now()");
}

#[test]
fn a_failed_dispatch_says_where_it_looked() {
    let error = run(&library(&[]), "{{ adapter.dispatch('nope', 'dbt')() }}").unwrap_err();
    assert_eq!(
        error.message,
        "In dispatch: No macro named 'nope' found within namespace: 'dbt'\n    Searched for: 'shop.postgres__nope', \
         'shop.default__nope', 'dbt.postgres__nope', 'dbt.default__nope'"
    );
    let error = run(&library(&[]), "{{ adapter.dispatch('a.b')() }}").unwrap_err();
    assert!(error.message.contains("\".\" is not a valid macro name component"), "{}", error.message);
}

#[test]
fn endless_recursion_is_an_error() {
    let library = library(&[(
        "shop",
        "macros/m.sql",
        "{% macro a(n) %}{{ b(n) }}{% endmacro %}{% macro b(n) %}{{ a(n) }}{% endmacro %}",
    )]);
    let error = run(&library, "{{ a(1) }}").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Recursion);
    assert!(error.message.contains("macro.shop.a -> macro.shop.b"), "{}", error.message);
}

#[test]
fn deep_recursion_with_an_end_works() {
    let library = library(&[(
        "shop",
        "macros/m.sql",
        "{% macro sum(n) %}{{ return(0 if n == 0 else n + sum(n - 1)) }}{% endmacro %}",
    )]);
    check_in(&library, "{{ sum(390) }}", "76245");
}

#[test]
fn macros_declared_in_a_model_see_its_variables() {
    check_in(&library(&[]), "{% set x = 2 %}{% macro m(a) %}{{ a * x }}{% endmacro %}{{ m(3) }}", "6");
}

#[test]
fn the_context_is_a_dict_of_all_names() {
    let library = library(&[("shop", "macros/m.sql", "{% macro chosen() %}{{ return(7) }}{% endmacro %}")]);
    check_in(
        &library,
        "{{ context['chosen']() }} {{ context.get('nope', 'd') }} {{ context.get('chosen')() }}",
        "7 d 7",
    );
}

/// As in dbt: a macro's bare name is the same value each time, a package gives another one each time.
#[test]
fn macros_are_compared_as_pythons_objects() {
    let library = library(&[("shop", "m.sql", "{% macro f() %}{% endmacro %}{% macro g() %}{% endmacro %}")]);
    check_in(&library, "{{ f == f }} {{ f in [f] }} {{ f is sameas f }} {{ f == g }}", "True True True False");
    check_in(&library, "{{ shop.f == shop.f }} {{ f == shop.f }} {{ shop.f in [shop.f, f] }}", "False False False");
    check_in(&library, "{% set one = shop.f %}{{ one == one }} {{ one in [one] }}", "True True");
}
