//! YAML as PyYAML reads it.

use super::{Yaml, load_yaml};
use dvt_diagnostics::{Diagnostic, SourceFile, render_line};
use serde_json::{Value, json};

fn load(text: &str) -> (Result<Yaml, Diagnostic>, Vec<String>) {
    let file = SourceFile::new("a.yml", text);
    let mut warnings = Vec::new();
    let loaded = load_yaml(&file, &mut warnings);
    (loaded, warnings.iter().map(render_line).collect())
}

fn value(text: &str) -> Value {
    load(text).0.unwrap().to_json()
}

fn error(text: &str) -> String {
    render_line(&load(text).0.unwrap_err())
}

#[test]
fn scalars_mean_what_yaml_1_1_says() {
    for (text, expected) in [
        ("yes", json!(true)),
        ("Off", json!(false)),
        ("y", json!("y")),
        ("~", Value::Null),
        ("NULL", Value::Null),
        ("017", json!(15)),
        ("018", json!("018")),
        ("0o17", json!("0o17")),
        ("0x1F", json!(31)),
        ("0b101", json!(5)),
        ("1_000", json!(1000)),
        ("-12", json!(-12)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("99999999999999999999", json!("99999999999999999999")),
        ("1:30", json!(90)),
        ("1e3", json!("1e3")),
        ("1.5e+3", json!(1500.0)),
        ("1.", json!(1.0)),
        (".5", json!(0.5)),
        (".inf", json!(".inf")),
        ("1.2.3", json!("1.2.3")),
        ("2024-01-31", json!("2024-01-31")),
        ("'yes'", json!("yes")),
        ("\"1\"", json!("1")),
        ("!!str 1", json!("1")),
        ("!!int '7'", json!(7)),
    ] {
        assert_eq!(value(&format!("k: {text}\n")), json!({ "k": expected }), "{text}");
    }
}

#[test]
fn every_value_knows_its_bytes() {
    let text = "ü: 1\nmodels:\n  - name: café\n    tests: [a, b]\n";
    let (yaml, _) = load(text);
    let yaml = yaml.unwrap();
    let model = &yaml.get("models").unwrap().as_list().unwrap()[0];
    let name = model.get("name").unwrap();
    assert_eq!(&text[name.range.clone()], "café");
    let tests = model.get("tests").unwrap();
    assert_eq!(&text[tests.range.clone()], "[a, b]");
    let key = &model.as_map().unwrap()["tests"].key_range;
    assert_eq!(&text[key.clone()], "tests");
}

#[test]
fn anchors_and_merge_keys_fill_in_what_is_not_said() {
    assert_eq!(
        value("base: &b {x: 1, y: 2}\none:\n  <<: *b\n  y: 3\ntwo: {<<: [{x: 9}, *b]}\n"),
        json!({"base": {"x": 1, "y": 2}, "one": {"y": 3, "x": 1}, "two": {"x": 9, "y": 2}})
    );
}

#[test]
fn an_empty_file_is_nothing() {
    assert_eq!(value(""), Value::Null);
    assert_eq!(value("# only a comment\n"), Value::Null);
}

#[test]
fn a_duplicate_key_warns_and_the_last_counts() {
    let (yaml, warnings) = load("a: 1\na: 2\n");
    assert_eq!(yaml.unwrap().to_json(), json!({"a": 2}));
    assert_eq!(
        warnings,
        ["a.yml:2:1: warning[yaml-duplicate-key]: the key `a` stands twice in one dictionary; the last one counts"]
    );
}

#[test]
fn an_anchor_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
    }
    assert!(error(&text).contains("yaml-too-large"), "{}", error(&text));
}

#[test]
fn deep_nesting_is_refused() {
    let text = format!("a: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(error(&text).contains("yaml-too-deep"), "{}", error(&text));
}

#[test]
fn syntax_errors_point_at_the_line() {
    assert!(
        error("models:\n\t- name: a\n").starts_with("a.yml:2:1: error[yaml-syntax]"),
        "{}",
        error("models:\n\t- name: a\n")
    );
    let indentation = error("a:\n  b: 1\n c: 2\n");
    assert!(indentation.starts_with("a.yml:3:"), "{indentation}");
    let unclosed = error("a: [1, 2\nb: 3\n");
    assert!(unclosed.contains("yaml-syntax"), "{unclosed}");
    let jinja = load("a: {{ var('x') }}\n").0.unwrap_err();
    assert!(jinja.help.iter().any(|help| help.contains("quotes")), "{jinja:?}");
    assert!(error("a: 1\n---\nb: 2\n").contains("yaml-several-documents"));
    assert!(error("a: !python/object x\n").contains("yaml-tag"));
}
