//! The process environment, read once and handed down, so that a test can choose it.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A copy of the environment variables as they were when dvt started. Values that are no Unicode are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

/// The prefixes of a setting's variable, the strongest first.
const PREFIXES: [&str; 3] = ["DVT_", "DBT_ENGINE_", "DBT_"];

impl Environment {
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { variables }
    }

    #[cfg(test)]
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self { variables: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect() }
    }

    /// What `env_var` sees.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The value of a setting: `DVT_X`, else `DBT_ENGINE_X`, else `DBT_X`, with the variable's name. An empty value counts
    /// as none.
    pub(crate) fn setting(&self, name: &str) -> Option<(String, &str)> {
        PREFIXES.iter().find_map(|prefix| {
            let variable = format!("{prefix}{name}");
            let value = self.variables.get(&variable).filter(|value| !value.is_empty())?;
            Some((variable, value.as_str()))
        })
    }

    /// The variables that a user wants in each JSON line: `DBT_ENV_CUSTOM_ENV_RUN=7` becomes `RUN: 7`.
    pub(crate) fn custom(&self) -> serde_json::Map<String, serde_json::Value> {
        let custom = self.variables.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("DBT_ENV_CUSTOM_ENV_").or_else(|| name.strip_prefix("DVT_ENV_CUSTOM_ENV_"))?;
            Some((name.to_owned(), serde_json::Value::from(value.clone())))
        });
        custom.collect()
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    /// Values that appear in no output: dbt's rule for variables named `DBT_ENV_SECRET…`.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.variables
            .iter()
            .filter(|(name, _)| {
                ["DBT_ENV_SECRET", "DBT_ENGINE_ENV_SECRET", "DVT_ENV_SECRET"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
            })
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dvt_wins_over_dbt_and_empty_counts_as_none() {
        let environment = Environment::from_pairs(&[
            ("DBT_TARGET", "a"),
            ("DBT_ENGINE_TARGET", "b"),
            ("DVT_TARGET", "c"),
            ("DBT_PROFILE", "p"),
            ("DVT_PROFILE", ""),
        ]);
        assert_eq!(environment.setting("TARGET"), Some(("DVT_TARGET".to_owned(), "c")));
        assert_eq!(environment.setting("PROFILE"), Some(("DBT_PROFILE".to_owned(), "p")));
        assert_eq!(environment.setting("THREADS"), None);
    }

    #[test]
    fn secret_variables_are_known_by_their_prefix() {
        let environment =
            Environment::from_pairs(&[("DBT_ENV_SECRET_X", "one"), ("DVT_ENV_SECRET_Y", "two"), ("Z", "no")]);
        assert_eq!(environment.secrets().collect::<Vec<_>>(), ["one", "two"]);
    }
}
