//! What the user sees: the place in the model first, then the way into the macros.

use super::support::{library, run, show};

const MACROS: &str = "{% macro outer(x) %}\n  {{ inner(x) }}\n{% endmacro %}\n\n{% macro inner(x) %}\n  {{ x.price * 'a' }}\n{% endmacro %}\n";

#[track_caller]
fn golden(name: &str, template: &str) {
    let library = library(&[("shop", "macros/money.sql", MACROS)]);
    let text = match run(&library, template) {
        Ok(text) => panic!("rendered to {text}"),
        Err(error) => show(&error),
    };
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(format!("err_{name}.txt"));
    let full = format!("{template}\n-----\n{text}\n");
    if std::env::var_os("SNAPSHOTS").is_some() {
        std::fs::write(&path, &full).unwrap();
    }
    assert_eq!(full, std::fs::read_to_string(&path).unwrap_or_default(), "golden {name}");
}

#[test]
fn errors_point_at_the_users_line() {
    golden("undefined_macro", "select\n  {{ outr(1) }}\nfrom t");
    golden("macro_in_macro", "select\n  {{ outer({'price': {}}) }}\nfrom t");
    golden("undefined_attribute", "{% set order = {} %}\nselect {{ order.customer.name }}");
    golden("syntax", "select\n{% if x %}\n  a");
    golden("unknown_tag", "{% iff x %}a{% endif %}");
    golden("raised", "{{ exceptions.raise_compiler_error('first line\\nsecond line') }}");
    golden("unknown_filter", "select {{ 'a' | uper }}");
    golden("builtin_macro", "{{ dates_in_range('20240102', '20240101') }}");
    golden("missing_var", "{{ var('start') }}");
    golden("import", "{% import 'x' as y %}");
}
