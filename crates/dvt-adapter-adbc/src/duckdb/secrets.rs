//! Entries of the profile's `secrets`, as `CREATE SECRET`.
//!
//! Source: DuckDB docs, "Secrets Manager"; dbt-duckdb's README for the keys.

use super::profile::{is_word, literal};
use dvt_sql::DUCKDB;
use serde_json::{Map, Value};

/// The statement that makes the secret; it holds what is secret in it.
pub(super) fn create_secret(index: usize, secret: &Map<String, Value>) -> Result<String, String> {
    let text = |key: &str| match secret.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(_) => Err(format!("`secrets.{key}` has to be text")),
    };
    let kind = text("type")?.ok_or("an entry of `secrets` has no `type`")?;
    if !is_word(kind) {
        return Err(format!("`secrets.type` is `{kind}`, which is no type of a secret"));
    }
    let name = text("name")?.map_or_else(|| format!("__dvt_secret_{}", index + 1), str::to_owned);
    let persistent = match secret.get("persistent") {
        None | Some(Value::Null | Value::Bool(false)) => "",
        Some(Value::Bool(true)) => "PERSISTENT ",
        Some(_) => return Err("`secrets.persistent` has to be true or false".to_owned()),
    };
    let mut options = vec![format!("TYPE {kind}")];
    for (key, value) in secret {
        if matches!(key.as_str(), "type" | "name" | "persistent") || value.is_null() {
            continue;
        }
        if !is_word(key) {
            return Err(format!("`secrets.{key}` is no option of a secret"));
        }
        let value = match value {
            Value::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(name, value)| {
                        let value = literal(&format!("secrets.{key}.{name}"), value)?;
                        Ok(format!("{}: {value}", DUCKDB.string_literal(name)))
                    })
                    .collect::<Result<Vec<_>, String>>()?;
                format!("MAP {{{}}}", entries.join(", "))
            }
            Value::String(word) if key == "provider" && is_word(word) => word.clone(),
            value => literal(&format!("secrets.{key}"), value)?,
        };
        options.push(format!("{} {value}", key.to_uppercase()));
    }
    Ok(format!("CREATE OR REPLACE {persistent}SECRET {} ({})", DUCKDB.quote_identifier(&name), options.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::create_secret;
    use serde_json::{Value, json};

    #[test]
    fn secrets_become_statements() {
        let check = |secret: Value, expected: &str| {
            let Value::Object(secret) = secret else { panic!("not a map") };
            assert_eq!(create_secret(0, &secret).unwrap_or_else(|error| error), expected);
        };
        check(
            json!({"type": "s3", "region": "eu", "key_id": "k'", "use_ssl": false, "scope": ["s3://a", "s3://b"]}),
            "CREATE OR REPLACE SECRET \"__dvt_secret_1\" (TYPE s3, REGION 'eu', KEY_ID 'k''', USE_SSL false, \
             SCOPE ['s3://a', 's3://b'])",
        );
        check(
            json!({"type": "s3", "name": "mine", "persistent": true, "provider": "credential_chain"}),
            "CREATE OR REPLACE PERSISTENT SECRET \"mine\" (TYPE s3, PROVIDER credential_chain)",
        );
        check(json!({"region": "eu"}), "an entry of `secrets` has no `type`");
        check(json!({"type": "s3) --"}), "`secrets.type` is `s3) --`, which is no type of a secret");
    }
}
