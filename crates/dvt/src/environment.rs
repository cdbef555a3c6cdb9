//! The process environment, read once and handed down, so that a test can choose it: the shell's variables, what a `.env`
//! file adds, and dbt's two spellings of each setting kept alike.

mod dotenv;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A copy of the environment variables as they were when dvt started. Values that are no Unicode are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    /// The names in the order of the process.
    names: Vec<String>,
    /// Old names that were found, each with the name to use instead.
    renamed: Vec<(&'static str, String)>,
    /// The words after the program's name.
    words: Vec<String>,
}

/// The prefixes of a setting's variable, the strongest first.
const PREFIXES: [&str; 3] = ["DVT_", "DBT_ENGINE_", "DBT_"];

/// The prefix that dbt keeps for itself.
pub(crate) const RESERVED_PREFIX: &str = "DBT_ENGINE";

/// dbt's settings by the names of their variables, which have both prefixes.
const SETTINGS: [&str; 68] = [
    "ARTIFACT_STATE_PATH",
    "CACHE_SELECTED_ONLY",
    "CLEAN_PROJECT_FILES_ONLY",
    "DEBUG",
    "DEFER",
    "DEFER_STATE",
    "DEFER_TO_STATE",
    "DOWNLOAD_DIR",
    "EMPTY",
    "EVENT_TIME_END",
    "EVENT_TIME_START",
    "EXCLUDE_RESOURCE_TYPES",
    "EXPORT_SAVED_QUERIES",
    "FAIL_FAST",
    "FAVOR_STATE",
    "FAVOR_STATE_MODE",
    "FULL_REFRESH",
    "HOST",
    "INCLUDE_SAVED_QUERY",
    "INDIRECT_SELECTION",
    "INTROSPECT",
    "INVOCATION_ENV",
    "LOG_CACHE_EVENTS",
    "LOG_FILE_MAX_BYTES",
    "LOG_FORMAT",
    "LOG_FORMAT_FILE",
    "LOG_LEVEL",
    "LOG_LEVEL_FILE",
    "LOG_PATH",
    "MACRO_DEBUGGING",
    "NO_PRINT",
    "PACKAGE_HUB_URL",
    "PARTIAL_PARSE",
    "PARTIAL_PARSE_FILE_DIFF",
    "PARTIAL_PARSE_FILE_PATH",
    "POPULATE_CACHE",
    "PP_FILE_DIFF_TEST",
    "PP_TEST",
    "PRINT",
    "PRINTER_WIDTH",
    "PROFILE",
    "PROFILES_DIR",
    "PROJECT_DIR",
    "QUIET",
    "RECORDED_FILE_PATH",
    "RESOURCE_TYPES",
    "SAMPLE",
    "SEND_ANONYMOUS_USAGE_STATS",
    "SHOW_RESOURCE_REPORT",
    "SINGLE_THREADED",
    "STATE",
    "STATIC_PARSER",
    "STORE_FAILURES",
    "TARGET",
    "TARGET_PATH",
    "TEST_STATE_MODIFIED",
    "UPLOAD_TO_ARTIFACTS_INGEST_API",
    "USE_COLORS",
    "USE_COLORS_FILE",
    "USE_EXPERIMENTAL_PARSER",
    "USE_FAST_TEST_EDGES",
    "VERSION_CHECK",
    "WARN_ERROR",
    "WARN_ERROR_OPTIONS",
    "WRITE_JSON",
    // dvt's own.
    "BUCKET",
    "COMPUTE",
    "THREADS",
];

/// Settings whose variable has the prefix `DBT_ENGINE_` only, and what else dvt reads under it.
const ENGINE_ONLY: [&str; 8] = [
    "HINTS_ENABLED",
    "MAXIMUM_SEED_SIZE_MIB",
    "SNOWFLAKE_PROJECTS_OTEL",
    "SQLPARSE",
    "USE_V2_PARSER",
    "V2_PARSER",
    "VARS",
    "RECORDER_FILE_PATH",
];

/// Old names, the setting that each stands for, and whether its value means the opposite.
const RENAMED: [(&str, &str, bool); 4] = [
    ("DEFER_TO_STATE", "DEFER", false),
    ("FAVOR_STATE_MODE", "FAVOR_STATE", false),
    ("NO_PRINT", "PRINT", true),
    ("ARTIFACT_STATE_PATH", "STATE", false),
];

impl Environment {
    /// The variables of the process, and those of the nearest `.env` file from the current folder upwards; the shell's
    /// own win.
    pub(crate) fn of_process() -> Self {
        let given: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let names = given.iter().map(|(name, _)| name.clone()).collect();
        let mut variables: BTreeMap<String, String> = given.into_iter().collect();
        if let Ok(folder) = std::env::current_dir() {
            add_dotenv(&mut variables, &folder);
        }
        Self { words: std::env::args().skip(1).collect(), names, ..Self::of(variables) }
    }

    /// The command line in one text, as the flag `invocation_command` tells it.
    pub(crate) fn command_line(&self) -> String {
        std::iter::once("dvt").chain(self.words.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
    }

    fn of(mut variables: BTreeMap<String, String>) -> Self {
        let mut renamed = Vec::new();
        for (old, new, is_opposite) in RENAMED {
            let names = [format!("DBT_ENGINE_{old}"), format!("DBT_{old}")];
            let Some(value) = names.iter().find_map(|name| variables.get(name)).cloned() else { continue };
            let value = match (is_opposite, truth(&value)) {
                (true, Some(truth)) => (!truth).to_string(),
                _ => value,
            };
            variables.insert(format!("DBT_ENGINE_{new}"), value);
            renamed.push((old, format!("DBT_ENGINE_{new}")));
        }
        // What one of dbt's spellings says, the other says too: templates may read either.
        for name in SETTINGS {
            let (engine, plain) = (format!("DBT_ENGINE_{name}"), format!("DBT_{name}"));
            if let Some(value) = variables.get(&engine).cloned() {
                variables.insert(plain, value);
            } else if let Some(value) = variables.get(&plain).cloned() {
                variables.insert(engine, value);
            }
        }
        Self { variables, names: Vec::new(), renamed, words: Vec::new() }
    }

    #[cfg(test)]
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// What `env_var` sees.
    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The value of a setting: `DVT_X`, else `DBT_ENGINE_X`, else `DBT_X`, with the variable's name. An empty value counts
    /// as none. Where both of dbt's spellings say the same, one of them was filled in from the other, and the user knows
    /// the shorter.
    pub(crate) fn setting(&self, name: &str) -> Option<(String, &str)> {
        let said = |variable: &str| self.get(variable).filter(|value| !value.is_empty());
        PREFIXES.iter().find_map(|prefix| {
            let variable = format!("{prefix}{name}");
            let value = said(&variable)?;
            let short = format!("DBT_{name}");
            let is_twin = *prefix == "DBT_ENGINE_" && said(&short) == Some(value);
            Some((if is_twin { short } else { variable }, value))
        })
    }

    /// What a setting's variable says of a switch; `None` without one, or with a value that is neither.
    pub(crate) fn switch(&self, name: &str) -> Option<bool> {
        self.setting(name).and_then(|(_, value)| truth(value))
    }

    /// The variables that a user wants in each JSON line: `DBT_ENV_CUSTOM_ENV_RUN=7` becomes `RUN: 7`.
    pub(crate) fn custom(&self) -> serde_json::Map<String, serde_json::Value> {
        let custom = self.variables.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix("DBT_ENV_CUSTOM_ENV_").or_else(|| name.strip_prefix("DVT_ENV_CUSTOM_ENV_"))?;
            Some((name.to_owned(), serde_json::Value::from(value.clone())))
        });
        custom.collect()
    }

    /// Old names of settings that are set, each with the new name.
    pub(crate) fn renamed(&self) -> impl Iterator<Item = (String, &str)> {
        self.renamed.iter().map(|(old, new)| (format!("DBT_{old}"), new.as_str()))
    }

    /// Variables under dbt's reserved prefix that mean nothing.
    pub(crate) fn unknown_engine_variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str).filter(|name| {
            let Some(rest) = name.strip_prefix(RESERVED_PREFIX) else { return false };
            let setting = rest.strip_prefix('_').unwrap_or(rest);
            !SETTINGS.contains(&setting) && !ENGINE_ONLY.contains(&setting) && !setting.starts_with("ENV_SECRET")
        })
    }

    pub(crate) fn home(&self) -> Option<PathBuf> {
        self.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }

    /// Where driver libraries are looked for, most wanted first: `DVT_DRIVERS_DIR`, then where `dvt sync` puts them.
    pub(crate) fn driver_folders(&self) -> Vec<PathBuf> {
        let named = self.get("DVT_DRIVERS_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        named.into_iter().chain(self.home().map(|home| home.join(".dvt/drivers"))).collect()
    }

    /// Where Spark and Java are: what `dvt sync` installed, `SPARK_HOME`, `JAVA_HOME`.
    pub(crate) fn spark_places(&self) -> dvt_runner::SparkPlaces {
        let named = |variable: &str| self.get(variable).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let drivers = named("DVT_DRIVERS_DIR").map(|folder| folder.join("spark"));
        let synced = self.home().map(|home| home.join(".dvt/spark"));
        dvt_runner::SparkPlaces {
            distributions: drivers.into_iter().chain(synced).collect(),
            home: named("SPARK_HOME"),
            java_home: named("JAVA_HOME"),
            jars: named("DVT_DRIVERS_DIR")
                .map(|folder| folder.join("jdbc"))
                .into_iter()
                .chain(self.home().map(|home| home.join(".dvt/jdbc")))
                .chain([PathBuf::from("/usr/share/java")])
                .collect(),
        }
    }

    /// Values that appear in no output: dbt's rule for variables named `DBT_ENV_SECRET…`.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(|(name, _)| crate::settings::is_secret(name)).map(|(_, value)| value.as_str())
    }
}

/// What a variable says of a switch; `None` for a value that is neither.
pub(crate) fn truth(value: &str) -> Option<bool> {
    match value.trim().to_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Some(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

fn add_dotenv(variables: &mut BTreeMap<String, String>, folder: &Path) {
    let Some(file) = folder.ancestors().map(|folder| folder.join(".env")).find(|file| file.is_file()) else { return };
    // A file that cannot be read gives nothing, as with dbt.
    let Ok(text) = std::fs::read_to_string(file) else { return };
    for (name, value) in dotenv::read(&text, variables) {
        variables.entry(name).or_insert(value);
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
    fn both_of_dbts_spellings_say_the_same() {
        let environment = Environment::from_pairs(&[("DBT_QUIET", "1"), ("DBT_ENGINE_DEBUG", "a"), ("DBT_DEBUG", "b")]);
        assert_eq!(environment.get("DBT_ENGINE_QUIET"), Some("1"));
        assert_eq!(environment.get("DBT_DEBUG"), Some("a"));
    }

    #[test]
    fn old_names_still_work_and_are_known() {
        let environment = Environment::from_pairs(&[("DBT_NO_PRINT", "1"), ("DBT_ARTIFACT_STATE_PATH", "x")]);
        assert_eq!(environment.setting("PRINT").unwrap().1, "false");
        assert_eq!(environment.setting("STATE").unwrap().1, "x");
        let renamed: Vec<_> = environment.renamed().collect();
        assert_eq!(
            renamed,
            [
                ("DBT_NO_PRINT".to_owned(), "DBT_ENGINE_PRINT"),
                ("DBT_ARTIFACT_STATE_PATH".to_owned(), "DBT_ENGINE_STATE")
            ]
        );
    }

    #[test]
    fn unknown_variables_under_the_reserved_prefix_are_found() {
        let environment =
            Environment::from_pairs(&[("DBT_ENGINE_MINE", "1"), ("DBT_ENGINE_DEBUG", "1"), ("DBT_OTHER", "1")]);
        assert_eq!(environment.unknown_engine_variables().collect::<Vec<_>>(), ["DBT_ENGINE_MINE"]);
    }

    #[test]
    fn secret_variables_are_known_by_their_prefix() {
        let environment =
            Environment::from_pairs(&[("DBT_ENV_SECRET_X", "one"), ("DVT_ENV_SECRET_Y", "two"), ("Z", "no")]);
        assert_eq!(environment.secrets().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn the_nearest_dotenv_file_adds_what_the_shell_does_not_say() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(folder.path().join(".env"), "NAME=file\nSHELL_SAYS=file\n").unwrap();
        let mut variables = BTreeMap::from([("SHELL_SAYS".to_owned(), "shell".to_owned())]);
        add_dotenv(&mut variables, &inner);
        assert_eq!((variables["NAME"].as_str(), variables["SHELL_SAYS"].as_str()), ("file", "shell"));
    }
}
