//! Sources whose rows are in files that the engine reads as tables: dbt-duckdb's `external_location`.

use dvt_jinja::{fill_fields, fill_percent};
use dvt_manifest::Source;
use serde_json::{Map, Value};

/// What stands for the source in SQL: its `external_location`, of `meta` or of `config`, with the source's own names and
/// meta values filled in as its `formatter` says. `None` for a source that is a table.
pub(super) fn external_location(source: &Source) -> Result<Option<String>, String> {
    let mut said = source.meta.clone();
    said.extend(
        source.config.0.iter().filter(|(key, _)| is_ours(key)).map(|(key, value)| (key.clone(), value.clone())),
    );
    let Some(template) = said.get("external_location") else { return Ok(None) };
    let template = template.as_str().ok_or("it is no text")?.to_owned();
    let mut fields = Map::new();
    fields.insert("name".to_owned(), source.name.as_str().into());
    fields.insert("identifier".to_owned(), source.identifier.as_str().into());
    fields.insert("schema".to_owned(), source.schema.as_str().into());
    fields.insert("database".to_owned(), source.database.clone().into());
    fields.insert("tags".to_owned(), source.tags.clone().into());
    fields.extend(said.clone());
    let location = match said.get("formatter").map_or(Some("newstyle"), Value::as_str) {
        Some("newstyle") => fill_fields(&template, &fields)?,
        Some("oldstyle") => fill_percent(&template, &fields)?,
        Some("template") => substituted(&template, &fields)?,
        _ => return Err("its formatter must be one of 'newstyle', 'oldstyle', or 'template'".to_owned()),
    };
    let is_sql = location.contains('(') || location.starts_with('\'');
    Ok(Some(if is_sql { location } else { format!("'{location}'") }))
}

/// The keys of a source's config that are no names of dbt's own.
fn is_ours(key: &str) -> bool {
    !matches!(key, "enabled" | "meta" | "tags" | "freshness" | "event_time" | "loaded_at_field" | "loaded_at_query")
}

/// Python's `string.Template.substitute`: `$name` and `${name}` are filled in, `$$` is a dollar.
fn substituted(template: &str, fields: &Map<String, Value>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let is_braced = after.starts_with('{');
        let name_start = &after[usize::from(is_braced)..];
        let length = name_start.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name_start.len());
        let (name, after) = name_start.split_at(length);
        rest = match (is_braced, after.strip_prefix('}')) {
            (true, Some(after)) => after,
            (true, None) => return Err(format!("`${{{name}` has no closing brace")),
            (false, _) => after,
        };
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("a `$` that names nothing is written `$$`".to_owned());
        }
        match fields.get(name) {
            Some(Value::String(text)) => out.push_str(text),
            Some(Value::Null) => out.push_str("None"),
            Some(value) => out.push_str(&value.to_string()),
            None => return Err(format!("`{name}` is neither a name of the source nor in its meta")),
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::substituted;
    use serde_json::json;

    #[test]
    fn dollars_are_filled_in_as_python_does() {
        let fields = json!({"name": "orders", "year": 2026, "nothing": null});
        let fields = fields.as_object().unwrap();
        let check = |template: &str, expected: Result<&str, &str>| {
            let filled = substituted(template, fields);
            assert_eq!(filled.as_deref().map_err(String::as_str), expected, "{template}");
        };
        check("raw/$name.parquet", Ok("raw/orders.parquet"));
        check("raw/${name}_$year/$$x", Ok("raw/orders_2026/$x"));
        check("$nothing", Ok("None"));
        check("é$name", Ok("éorders"));
        check("$other", Err("`other` is neither a name of the source nor in its meta"));
        check("${name", Err("`${name` has no closing brace"));
        check("a$", Err("a `$` that names nothing is written `$$`"));
        check("$1", Err("a `$` that names nothing is written `$$`"));
    }
}
