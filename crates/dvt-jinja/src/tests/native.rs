//! Values of YAML files.

use super::support::{Recorder, context, library};
use crate::{Phase, RenderError, ValueMode, Vars, render_value};
use dvt_diagnostics::{SourceFile, Span};
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn value(text: &str, mode: ValueMode) -> Result<Json, RenderError> {
    let mut context = context(Phase::Parse);
    context.node = None;
    context.allow_secrets = true;
    context.vars =
        Arc::new(Vars { layers: vec![json!({"list": [1, 2], "port": "5432"}).as_object().cloned().unwrap()] });
    let file = SourceFile::new("profiles.yml", format!("a: \"{text}\"\n"));
    let place = Span::new(&file, 3..5 + text.len());
    render_value(&library(&[]), &context, Arc::new(Recorder::default()), text, Some(&place), mode)
        .map(|(value, _)| value)
}

#[test]
fn values_keep_their_types_where_dbt_keeps_them() {
    for (text, expected) in [
        ("plain", json!("plain")),
        ("{{ 1 }}", json!(1)),
        ("{{ true }}", json!(true)),
        ("{{ var('list') }}", json!([1, 2])),
        ("{{ '5' }}", json!("5")),
        ("x{{ 1 }}", json!("x1")),
        ("{{ var('port') | as_number }}", json!(5432)),
        ("{{ 'true' | as_bool }}", json!(true)),
        ("{{ '[1, 2]' | as_native }}", json!([1, 2])),
        ("{{ '1' | as_text }}", json!("1")),
        ("{{ env_var('SHOP_REGION') }}", json!("eu")),
        ("{% if true %}yes{% endif %}", json!("yes")),
    ] {
        assert_eq!(value(text, ValueMode::Native).unwrap(), expected, "{text}");
    }
    assert_eq!(value("{{ 1 }}", ValueMode::Text).unwrap(), json!("1"));
}

#[test]
fn wrong_values_are_reported_at_their_place() {
    let error = value("{{ 'x' | as_number }}", ValueMode::Native).unwrap_err();
    assert_eq!(error.message, "Could not convert value 'x' into type 'number'");
    let span = error.span.unwrap();
    assert_eq!((span.file.path.as_str(), &span.file.text[span.range]), ("profiles.yml", "\"{{ 'x' | as_number }}\""));
    assert!(value("{{ var('nope') }}", ValueMode::Native).unwrap_err().message.contains("Required var 'nope'"));
    assert!(value("{{ oops", ValueMode::Native).is_err());
}
