//! A dbt project in a folder that goes away, and the binary run in it.

use dvt_test_support::TestDatabase;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub(crate) struct Project {
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// Dropped with the project.
    databases: Vec<TestDatabase>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    /// A project named `shop` with no models. Its profile has the default target `lite` (SQLite, `target.db`), the SQLite
    /// databases `left` and `right`, and the folder of files `files`.
    pub(crate) fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            variables: Vec::new(),
            databases: Vec::new(),
        };
        project
            .write("dbt_project.yml", "name: shop\nversion: \"1.0\"\nprofile: shop\nmodels:\n  +materialized: table\n");
        project.profile(
            "lite",
            "    lite: {type: sqlite, path: target.db, threads: 2}
    left: {type: sqlite, path: left.db}
    right: {type: sqlite, path: right.db}
    files: {type: filesystem, path: files, format: csv}
",
        )
    }

    /// Replaces the profile's outputs; each line is indented by four blanks.
    pub(crate) fn profile(self, target: &str, outputs: &str) -> Self {
        self.write("profiles.yml", &format!("shop:\n  target: {target}\n  outputs:\n{outputs}"));
        self
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder).expect("folders can be made");
        std::fs::write(&path, text).expect("files can be written");
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps databases for as long as the project.
    pub(crate) fn on_databases(mut self, databases: impl IntoIterator<Item = TestDatabase>) -> Self {
        self.databases.extend(databases);
        self
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join("shop").join(path)
    }

    /// The folder above the project's; `home` lies in it.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Runs dvt in the project's folder with these words.
    pub(crate) fn dvt(&self, words: &str) -> Outcome {
        self.dvt_with(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn dvt_with(&self, arguments: &[&str]) -> Outcome {
        self.dvt_in(&self.path("."), arguments)
    }

    /// Runs dvt with these variables beside the project's own.
    pub(crate) fn dvt_env(&self, variables: &[(&str, &str)], words: &str) -> Outcome {
        let arguments: Vec<&str> = words.split_whitespace().collect();
        let mut command = self.command(&self.path("."), &arguments);
        Outcome::of(&command.envs(variables.iter().copied()).output().expect("dvt starts"))
    }

    pub(crate) fn dvt_in(&self, folder: &Path, arguments: &[&str]) -> Outcome {
        Outcome::of(&self.command(folder, arguments).output().expect("dvt starts"))
    }

    /// The binary, ready to start: no variables but the project's own, and an empty home.
    pub(crate) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let home = self.root().join("home");
        std::fs::create_dir_all(&home).expect("folders can be made");
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs statements in a SQLite file of the project.
    pub(crate) fn sqlite(&self, file: &str, statements: &str) {
        let path = self.path(file);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("folders can be made");
        let connection = Connection::open(path).expect("the SQLite file opens");
        if let Err(error) = connection.execute_batch(statements) {
            panic!("{error}\nin: {statements}");
        }
    }

    /// The rows of a query in a SQLite file, each as a JSON object, sorted as text.
    pub(crate) fn rows(&self, file: &str, query: &str) -> Vec<String> {
        let connection = Connection::open(self.path(file)).expect("the SQLite file opens");
        let mut statement = connection.prepare(query).unwrap_or_else(|error| panic!("{error}\nin: {query}"));
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = statement.query([]).expect("the query runs");
        let mut rows = Vec::new();
        while let Some(row) = found.next().expect("rows can be read") {
            let mut object = Map::new();
            for (index, name) in names.iter().enumerate() {
                object.insert(name.clone(), cell(row.get_ref(index).expect("the column is there")));
            }
            rows.push(Value::Object(object).to_string());
        }
        rows.sort();
        rows
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let text = std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A node's entry in `run_results.json`.
    pub(crate) fn result(&self, unique_id: &str) -> Value {
        let results = self.json("target/run_results.json");
        results["results"]
            .as_array()
            .and_then(|results| results.iter().find(|result| result["unique_id"] == unique_id))
            .unwrap_or_else(|| panic!("{unique_id} is not in run_results.json: {results}"))
            .clone()
    }

    /// The route that a model took; a node whose result has none was pushed down.
    pub(crate) fn route(&self, model: &str) -> String {
        let result = self.result(&format!("model.shop.{model}"));
        result["adapter_response"]["route"].as_str().unwrap_or("pushdown").to_owned()
    }
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => json!(format!("x{bytes:02x?}")),
    }
}

/// The rows of a query on a PostgreSQL, each as a JSON object, sorted as text.
pub(crate) fn postgres_rows(database: &TestDatabase, query: &str) -> Vec<String> {
    let output = database.sql(&format!("select to_jsonb(q)::text from ({query}) as q"));
    let mut rows: Vec<String> = output.lines().map(str::to_owned).collect();
    rows.sort();
    rows
}

/// The keys of a profile output for a test database, in YAML's flow form.
pub(crate) fn output(database: &TestDatabase, schema: &str) -> String {
    let TestDatabase { host, port, user, password, database: name, engine, .. } = database;
    match engine {
        dvt_test_support::Engine::Postgres => format!(
            "{{type: postgres, host: {host}, port: {port}, user: {user}, password: '{password}', dbname: {name}, \
             schema: {schema}, threads: 2}}"
        ),
        dvt_test_support::Engine::Mysql => format!(
            "{{type: mariadb, server: {host}, port: {port}, username: {user}, password: '{password}', schema: {name}}}"
        ),
    }
}

impl Outcome {
    fn of(output: &std::process::Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same outcome, if the exit code is this one; else the test fails and shows the screen.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "`{text}` is not on the screen\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "`{text}` is on the screen\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// The binary under test: this build's, or the one that `DVT_TEST_BINARY` names, for runs of many hours beside builds.
fn binary() -> String {
    std::env::var("DVT_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_dvt").to_owned())
}
