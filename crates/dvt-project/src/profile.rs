//! `profiles.yml`: the connections.

use dvt_diagnostics::{Diagnostic, Secret, SourceFile, Span, did_you_mean};
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The chosen profile. All its outputs are connections; `target` names the default one.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    /// The default target, after `--target`, `DVT_TARGET` and the file's own `target:`.
    pub target: String,
    /// Somebody chose the target with `--target` or `DVT_TARGET`: without that it might be another.
    pub is_target_chosen: bool,
    pub outputs: IndexMap<String, Output>,
    /// The folder where `profiles.yml` was found.
    pub directory: PathBuf,
    pub file: Arc<SourceFile>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Output {
    pub name: String,
    /// `postgres`, `mysql`, …: `type:` as written.
    pub adapter_type: String,
    /// The other keys, rendered; or why they could not be. An output that nobody uses may be broken: a production
    /// output whose variables are set only there must not stop a developer's run.
    pub settings: Result<ConnectionSettings, Box<Diagnostic>>,
    /// The output's name in the file.
    pub span: Span,
}

/// The keys of one output. Secret values do not print: read the map with [`ConnectionSettings::expose`].
#[derive(Clone, Default, PartialEq)]
pub struct ConnectionSettings {
    values: Map<String, Value>,
}

impl ConnectionSettings {
    #[must_use]
    pub fn new(values: Map<String, Value>) -> Self {
        Self { values }
    }

    /// All keys with their values, passwords among them: for the adapter alone.
    #[must_use]
    pub fn expose(&self) -> &Map<String, Value> {
        &self.values
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The values that must appear in no output.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for (key, value) in &self.values {
            collect_secrets(is_secret_key(key), key, value, &mut secrets);
        }
        secrets
    }

    /// dbt's `threads`: `None` when the output says nothing.
    #[must_use]
    pub fn threads(&self) -> Option<usize> {
        self.values.get("threads").and_then(Value::as_u64).and_then(|threads| usize::try_from(threads).ok())
    }
}

fn collect_secrets(is_secret: bool, key: &str, value: &Value, secrets: &mut Vec<Secret>) {
    match value {
        Value::String(text) if is_secret || is_secret_key(key) => secrets.push(Secret::new(text.clone())),
        Value::Number(number) if is_secret || is_secret_key(key) => secrets.push(Secret::new(number.to_string())),
        Value::Object(map) => {
            for (key, value) in map {
                collect_secrets(is_secret || is_secret_key(key), key, value, secrets);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect_secrets(is_secret, key, item, secrets);
            }
        }
        _ => {}
    }
}

/// Whether a profile key holds something that must not be shown.
#[must_use]
pub(crate) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    matches!(key.as_str(), "pass" | "password" | "token" | "keyfile_json" | "api_key" | "private_key")
        || ["password", "passphrase", "secret", "_token", "access_key", "account_key", "sas_token", "credential"]
            .iter()
            .any(|part| key.contains(part))
            && !key.ends_with("_id")
            && !key.ends_with("_path")
            && !key.ends_with("_endpoint")
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in &self.values {
            let holds_secret = {
                let mut secrets = Vec::new();
                collect_secrets(is_secret_key(key), key, value, &mut secrets);
                !secrets.is_empty()
            };
            if holds_secret {
                map.entry(key, &"***");
            } else {
                map.entry(key, value);
            }
        }
        map.finish()
    }
}

impl Profile {
    /// The output of that name, ready to connect.
    ///
    /// # Errors
    /// What is wrong with the output's values, or that the name is unknown, with the known ones.
    pub fn output(&self, name: &str) -> Result<(&Output, &ConnectionSettings), Diagnostic> {
        let output = self.outputs.get(name).ok_or_else(|| self.unknown_output(name))?;
        match &output.settings {
            Ok(settings) => Ok((output, settings)),
            Err(diagnostic) => Err((**diagnostic).clone()),
        }
    }

    /// The diagnostic for a connection name that no output has; the caller adds the place that names it.
    #[must_use]
    pub fn unknown_output(&self, name: &str) -> Diagnostic {
        let known: Vec<&str> = self.outputs.keys().map(String::as_str).collect();
        let mut diagnostic = Diagnostic::error(
            "unknown-connection",
            format!("connection `{name}` is not an output of profile `{}`", self.name),
        )
        .note(format!("its outputs are {}", crate::wording::list(&known)));
        if let Some(near) = did_you_mean(name, known) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        diagnostic
    }

    /// The known secret values of all outputs, for the filter that every output text passes.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.outputs
            .values()
            .filter_map(|output| output.settings.as_ref().ok())
            .flat_map(ConnectionSettings::secrets)
            .collect()
    }
}
