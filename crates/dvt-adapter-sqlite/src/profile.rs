//! The keys of a `sqlite` profile output, turned into settings.
//!
//! In: the rendered output map. Out: [`Settings`], or an error that names the key. The keys are those of dbt-sqlite, and
//! `path` as the short form for one file. Source: dbt docs, "SQLite setup".

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::did_you_mean;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Where the schemas of one connection lie.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    /// The schema that models go to.
    pub(crate) schema: String,
    /// The schema `main` first, then the attached ones by name.
    pub(crate) files: Vec<SchemaFile>,
    /// Where files of further schemas lie and are made.
    pub(crate) schema_directory: Option<PathBuf>,
    pub(crate) target_values: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaFile {
    pub(crate) schema: String,
    pub(crate) path: PathBuf,
}

const KNOWN_KEYS: &[&str] =
    &["type", "threads", "path", "database", "schema", "schemas_and_paths", "schema_directory", "extensions"];

/// What dvt brings itself of the sqlean extensions that dbt-sqlite's own macros ask for.
const BUILT_IN_EXTENSIONS: &[&str] = &["crypto", "math", "text"];

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
        let error = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for key in output.keys() {
            if !KNOWN_KEYS.contains(&key.as_str()) {
                let error = error(format!("profile key `{key}` is not known for type sqlite"));
                return Err(match did_you_mean(key, KNOWN_KEYS.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean `{near}`?")),
                    None => error.with_hint(format!("the known keys are: {}", KNOWN_KEYS.join(", "))),
                });
            }
        }
        let text = |key: &str| match output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(error(format!("profile key `{key}` has to be text"))),
        };
        check_extensions(output.get("extensions")).map_err(error)?;

        let mut files = Vec::new();
        match output.get("schemas_and_paths") {
            None | Some(Value::Null) => {}
            Some(Value::Object(paths)) => {
                for (schema, path) in paths {
                    let Value::String(path) = path else {
                        return Err(error(format!("`schemas_and_paths.{schema}` has to be a path")));
                    };
                    files.push(SchemaFile { schema: schema.clone(), path: project_directory.join(path) });
                }
            }
            Some(_) => {
                return Err(error("profile key `schemas_and_paths` has to map schema names to paths".to_owned()));
            }
        }
        if let Some(path) = text("path")? {
            if files.iter().any(|file| file.schema == "main") {
                return Err(error("`path` and `schemas_and_paths.main` both name the file of schema main".to_owned()));
            }
            files.push(SchemaFile { schema: "main".to_owned(), path: project_directory.join(path) });
        }
        // `main` is what SQLite opens, the others are attached to it.
        files.sort_by_key(|file| (file.schema != "main", file.schema.clone()));
        if files.first().is_none_or(|file| file.schema != "main") {
            return Err(error("the file of schema main is not named".to_owned())
                .with_hint("set `path`, or `schemas_and_paths` with an entry `main`"));
        }
        let schema = text("schema")?.unwrap_or_else(|| "main".to_owned());
        let schema_directory = text("schema_directory")?.map(|path| project_directory.join(path));
        if !files.iter().any(|file| file.schema == schema) {
            let Some(directory) = &schema_directory else {
                return Err(error(format!("`schema` is `{schema}`, and no file is named for it"))
                    .with_hint("add it to `schemas_and_paths`, or set `schema_directory`"));
            };
            files.push(SchemaFile { path: directory.join(format!("{schema}.db")), schema: schema.clone() });
        }
        let threads = match output.get("threads") {
            None | Some(Value::Null) => 1,
            Some(Value::Number(threads)) => threads.as_u64().unwrap_or(1),
            Some(Value::String(threads)) => threads
                .trim()
                .parse()
                .map_err(|_| error("profile key `threads` has to be a whole number".to_owned()))?,
            Some(_) => return Err(error("profile key `threads` has to be a whole number".to_owned())),
        };
        let mut target_values = output.clone();
        target_values.insert("type".to_owned(), Value::from("sqlite"));
        target_values.insert("schema".to_owned(), Value::from(schema.as_str()));
        target_values.insert("threads".to_owned(), Value::from(threads));
        target_values.entry("database").or_insert_with(|| Value::from("database"));
        Ok(Self { connection: connection.to_owned(), schema, files, schema_directory, target_values })
    }

    /// The file that models are written to; the only one that is made when it is missing.
    pub(crate) fn target_file(&self) -> &SchemaFile {
        self.files.iter().find(|file| file.schema == self.schema).unwrap_or(&self.files[0])
    }
}

/// Extensions are libraries in C that would run inside this process; those whose functions dvt has are taken as there.
fn check_extensions(extensions: Option<&Value>) -> Result<(), String> {
    let paths = match extensions {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(paths)) => paths,
        Some(_) => return Err("profile key `extensions` has to be a list of paths".to_owned()),
    };
    for path in paths {
        let path = path.as_str().unwrap_or_default();
        let name = Path::new(path).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if !BUILT_IN_EXTENSIONS.contains(&name) {
            return Err(format!(
                "extension `{path}` cannot be loaded: dvt has its own SQLite with the functions md5, split_part and the \
                 mathematical ones, and loads no libraries into it; remove it from `extensions`"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use serde_json::{Value, json};
    use std::path::{Path, PathBuf};

    fn read(output: Value) -> Result<Settings, String> {
        let Value::Object(output) = output else { panic!("not a map") };
        Settings::from_profile("lite", &output, Path::new("/project")).map_err(|error| {
            format!("{error}{}", error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default())
        })
    }

    #[test]
    fn one_path_is_enough() {
        let settings = read(json!({"type": "sqlite", "path": "data/a.db"})).unwrap();
        assert_eq!(settings.schema, "main");
        assert_eq!(settings.target_file().path, PathBuf::from("/project/data/a.db"));
        assert_eq!(settings.target_values["database"], json!("database"));
    }

    #[test]
    fn the_keys_of_dbt_are_read() {
        let settings = read(json!({
            "type": "sqlite", "threads": 1, "database": "database", "schema": "etl", "schema_directory": "/data",
            "schemas_and_paths": {"stage": "/data/stage.db", "main": "/data/main.db"},
            "extensions": ["/opt/sqlean/crypto.so"],
        }))
        .unwrap();
        let files: Vec<_> =
            settings.files.iter().map(|file| (file.schema.as_str(), file.path.to_str().unwrap())).collect();
        assert_eq!(files, [("main", "/data/main.db"), ("stage", "/data/stage.db"), ("etl", "/data/etl.db")]);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |output: Value| read(output).map(|_| ()).unwrap_err();
        assert_eq!(
            error(json!({"path": "a.db", "shema": "main"})),
            "connection `lite`: profile key `shema` is not known for type sqlite; did you mean `schema`?"
        );
        assert!(error(json!({"schema": "main"})).contains("set `path`"));
        assert!(error(json!({"path": "a.db", "schema": "other"})).contains("`schema_directory`"));
        assert!(error(json!({"path": "a.db", "extensions": ["spatialite.so"]})).contains("spatialite"));
        assert!(error(json!({"path": "a.db", "schemas_and_paths": {"main": "b.db"}})).contains("both name"));
    }
}
