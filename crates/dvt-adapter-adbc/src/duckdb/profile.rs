//! The keys of a `duckdb` profile output, turned into settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are dbt-duckdb's; those that
//! need Python inside the process are refused by name. Source: dbt-duckdb's README, "Configuring Your Profile".

use super::secrets::create_secret;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::{Secret, did_you_mean};
use dvt_sql::DUCKDB;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    /// `None`: in memory.
    pub(crate) file: Option<PathBuf>,
    /// The catalog that models go to.
    pub(crate) database: String,
    pub(crate) schema: String,
    /// What the database is opened with.
    pub(crate) options: BTreeMap<String, String>,
    /// Run once when this output first connects: extensions, secrets, attached databases. They may hold passwords.
    pub(crate) preparation: Vec<Secret>,
    /// Run on every connection.
    pub(crate) session_statements: Vec<String>,
    pub(crate) disable_transactions: bool,
    pub(crate) target_values: Map<String, Value>,
}

const KNOWN_KEYS: &[&str] = &[
    "type",
    "threads",
    "path",
    "database",
    "schema",
    "extensions",
    "settings",
    "secrets",
    "config_options",
    "attach",
    "external_root",
    "disable_transactions",
    "keep_open",
    "is_ducklake",
    // Refused below, unless empty.
    "filesystems",
    "plugins",
    "remote",
    "module_paths",
    "use_credential_provider",
    "retries",
];

/// Keys that cannot be honoured, with what to do instead.
const REFUSED: &[(&str, &str)] = &[
    ("filesystems", "they are Python objects; use `extensions` such as httpfs, and `secrets`"),
    ("plugins", "they are Python modules; attach the database by `attach`, or make it an output of its own"),
    ("remote", "a server in front of DuckDB is another process; give `path`"),
    ("module_paths", "dvt runs no Python"),
    ("use_credential_provider", "use `secrets` with `provider: credential_chain`"),
    ("retries", "remove it: dvt repeats what may succeed when repeated"),
    ("is_ducklake", "a lake as the target itself is not supported; attach it by `attach`"),
];

impl Settings {
    /// Reads a profile output. Relative paths start at `project_directory`.
    ///
    /// # Errors
    /// Class `Configuration`, naming the key.
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        let refuse = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for key in output.keys() {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = refuse(format!("profile key `{key}` is not known for type duckdb"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
        }
        for (key, instead) in REFUSED {
            if output.get(*key).is_some_and(|value| !is_empty(value)) {
                return Err(refuse(format!("profile key `{key}` of type duckdb is not supported")).with_hint(*instead));
            }
        }
        let reader = Reader { output, folder: project_directory };
        reader.settings(connection).map_err(refuse)
    }
}

/// Nothing is said by it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

struct Reader<'a> {
    output: &'a Map<String, Value>,
    folder: &'a Path,
}

impl Reader<'_> {
    fn settings(&self, connection: &str) -> Result<Settings, String> {
        let path = self.text("path")?.unwrap_or_else(|| ":memory:".to_owned());
        if path.starts_with("md:") || path.starts_with("motherduck:") {
            return Err("`path` leads to MotherDuck, which is not supported".to_owned());
        }
        let file = (path != ":memory:").then(|| self.folder.join(&path));
        let own_name = file.as_deref().map_or_else(|| "memory".to_owned(), catalog_name);
        let attached = self.attached()?;
        let database = self.text("database")?.unwrap_or_else(|| own_name.clone());
        if database != own_name && !attached.iter().any(|(alias, _)| *alias == database) {
            return Err(format!(
                "`database` is `{database}`, and the database at `path` is called `{own_name}`: remove the key, or name \
                 one that `attach` gives an alias"
            ));
        }
        let schema = self.text("schema")?.unwrap_or_else(|| "main".to_owned());

        let mut preparation = self.extensions()?;
        preparation.extend(self.secrets()?);
        preparation.extend(attached.into_iter().map(|(_, statement)| Secret::new(statement)));
        let mut session_statements = Vec::new();
        for (key, value) in self.map("settings")? {
            session_statements.push(format!("SET {key} = {}", literal(&format!("settings.{key}"), value)?));
        }
        // What is lost on the way otherwise comes as bytes with a name.
        session_statements.push("SET arrow_lossless_conversion = true".to_owned());
        if database != own_name {
            let parts = [database.as_str(), "main"];
            session_statements.push(format!("USE {}", DUCKDB.quote_path(parts)));
        }
        let mut options = BTreeMap::new();
        for (key, value) in self.map("config_options")? {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                _ => return Err(format!("`config_options.{key}` has to be text, a number or true/false")),
            };
            options.insert(key.clone(), text);
        }
        let threads = match self.output.get("threads") {
            None | Some(Value::Null) => 1,
            Some(Value::Number(threads)) => threads.as_u64().unwrap_or(1),
            Some(Value::String(threads)) => {
                threads.trim().parse().map_err(|_| "profile key `threads` has to be a whole number".to_owned())?
            }
            Some(_) => return Err("profile key `threads` has to be a whole number".to_owned()),
        };
        let mut target_values = self.output.clone();
        target_values.retain(|key, _| !matches!(key.as_str(), "secrets" | "config_options" | "attach"));
        for (key, value) in [
            ("type", Value::from("duckdb")),
            ("path", Value::from(path)),
            ("database", Value::from(database.as_str())),
            ("schema", Value::from(schema.as_str())),
            ("threads", Value::from(threads)),
        ] {
            target_values.insert(key.to_owned(), value);
        }
        target_values.entry("external_root").or_insert_with(|| Value::from("."));
        Ok(Settings {
            connection: connection.to_owned(),
            file,
            database,
            schema,
            options,
            preparation,
            session_statements,
            disable_transactions: self.flag("disable_transactions")?,
            target_values,
        })
    }

    fn extensions(&self) -> Result<Vec<Secret>, String> {
        let mut statements = Vec::new();
        for extension in self.list("extensions")? {
            let (name, repository) = match extension {
                Value::String(name) => (name.as_str(), None),
                Value::Object(entry) => {
                    let name = entry.get("name").and_then(Value::as_str);
                    let repository = entry.get("repo").or_else(|| entry.get("repository")).and_then(Value::as_str);
                    (name.ok_or("an entry of `extensions` has no `name`")?, repository)
                }
                _ => return Err("`extensions` has to be a list of names, or of `name` and `repo`".to_owned()),
            };
            let from = match repository {
                None => String::new(),
                // `community`, `core`, `core_nightly` are words, all else is an address.
                Some(word) if word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => format!(" FROM {word}"),
                Some(address) => format!(" FROM {}", DUCKDB.string_literal(address)),
            };
            let quoted = DUCKDB.quote_identifier(name);
            statements.push(Secret::new(format!("INSTALL {quoted}{from}")));
            statements.push(Secret::new(format!("LOAD {quoted}")));
        }
        Ok(statements)
    }

    fn secrets(&self) -> Result<Vec<Secret>, String> {
        self.list("secrets")?
            .iter()
            .enumerate()
            .map(|(index, secret)| match secret {
                Value::Object(secret) => create_secret(index, secret).map(Secret::new),
                _ => Err("`secrets` has to be a list of maps".to_owned()),
            })
            .collect()
    }

    /// Each attached database's name with the statement.
    fn attached(&self) -> Result<Vec<(String, String)>, String> {
        self.list("attach")?.iter().map(|entry| self.attach(entry)).collect()
    }

    fn attach(&self, entry: &Value) -> Result<(String, String), String> {
        let entry = match entry {
            Value::Object(entry) => entry.clone(),
            Value::String(path) => Map::from_iter([("path".to_owned(), Value::from(path.as_str()))]),
            _ => return Err("`attach` has to be a list of maps with `path`".to_owned()),
        };
        let known = ["path", "alias", "type", "read_only", "secret", "options", "is_ducklake"];
        if let Some(unknown) = entry.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("`attach.{unknown}` is not known; the keys are {}", known.join(", ")));
        }
        let text = |key: &str| match entry.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
            Some(_) => Err(format!("`attach.{key}` has to be text")),
        };
        let path = text("path")?.ok_or("an entry of `attach` has no `path`")?;
        let kind = text("type")?;
        // A file of the project; addresses and connection strings stay as they are.
        let is_file =
            !path.contains(':') && matches!(kind.map(str::to_lowercase).as_deref(), None | Some("duckdb" | "sqlite"));
        let place = if is_file { self.folder.join(path).display().to_string() } else { path.to_owned() };
        let alias = match text("alias")? {
            Some(alias) => alias.to_owned(),
            None => catalog_name(Path::new(path)),
        };
        let mut options = Vec::new();
        if let Some(kind) = kind {
            options.push(format!("TYPE {}", DUCKDB.quote_identifier(kind)));
        }
        match entry.get("read_only") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Bool(true)) => options.push("READ_ONLY".to_owned()),
            Some(_) => return Err("`attach.read_only` has to be true or false".to_owned()),
        }
        if let Some(secret) = text("secret")? {
            options.push(format!("SECRET {}", DUCKDB.quote_identifier(secret)));
        }
        match entry.get("options") {
            None | Some(Value::Null) => {}
            Some(Value::Object(more)) => {
                for (key, value) in more {
                    options.push(match value {
                        Value::Bool(true) | Value::Null => key.to_uppercase(),
                        value => {
                            format!("{} {}", key.to_uppercase(), literal(&format!("attach.options.{key}"), value)?)
                        }
                    });
                }
            }
            Some(_) => return Err("`attach.options` has to be a map".to_owned()),
        }
        let options = if options.is_empty() { String::new() } else { format!(" ({})", options.join(", ")) };
        let statement = format!(
            "ATTACH IF NOT EXISTS {} AS {}{options}",
            DUCKDB.string_literal(&place),
            DUCKDB.quote_identifier(&alias)
        );
        Ok((alias, statement))
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(format!("profile key `{key}` has to be text")),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("profile key `{key}` has to be true or false")),
        }
    }

    fn list(&self, key: &str) -> Result<&[Value], String> {
        match self.output.get(key) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(format!("profile key `{key}` has to be a list")),
        }
    }

    fn map(&self, key: &str) -> Result<Vec<(&String, &Value)>, String> {
        let entries: Vec<(&String, &Value)> = match self.output.get(key) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(entries)) => entries.iter().collect(),
            Some(_) => return Err(format!("profile key `{key}` has to be a map")),
        };
        match entries.iter().find(|(name, _)| !is_word(name)) {
            Some((name, _)) => Err(format!("`{key}.{name}` is no name of a setting")),
            None => Ok(entries),
        }
    }
}

/// A name that stands in SQL as it is.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value of the profile as SQL.
pub(super) fn literal(key: &str, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::String(text) => DUCKDB.string_literal(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Null => "NULL".to_owned(),
        Value::Array(items) => {
            let items = items.iter().map(|item| literal(key, item)).collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", items.join(", "))
        }
        Value::Object(_) => return Err(format!("`{key}` has to be text, a number or true/false")),
    })
}

/// What DuckDB calls the database in a file: its name up to the first point.
fn catalog_name(file: &Path) -> String {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    match stem {
        "" | "main" | "temp" | "system" => format!("{stem}_db"),
        stem => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests;
