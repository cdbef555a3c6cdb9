//! What the `config(...)` of a piece of code says, as it is written there.

use dvt_diagnostics::SourceFile;
use dvt_jinja::Template;
use serde_json::{Map, Value};

/// The arguments of the code's first `config(...)` call in the form of `unrendered_config`; `None` without a call, or
/// where the code is no template.
#[must_use]
pub fn written_config(code: &str) -> Option<Map<String, Value>> {
    if !code.contains("config(") {
        return None;
    }
    let file = SourceFile::new("", code);
    let written = Template::parse(&file).ok()?.written_config()?;
    Some(written.into_iter().map(|(key, value)| (key, Value::String(value))).collect())
}
