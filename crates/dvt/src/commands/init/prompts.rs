//! Questions to the user on the terminal, and the `profile_template.yml` that says which.

use crate::app::App;
use dvt_diagnostics::Diagnostic;
use serde_json::{Map, Value};
use std::io::{self, BufRead, Write};
use std::process::{Command, Stdio};

/// Asks on stderr, so that stdout stays clean, and reads the answers from stdin.
pub(super) struct Prompts<'a> {
    answers: Box<dyn BufRead + 'a>,
    /// Answers are typed: what is hidden may be hidden.
    is_terminal: bool,
}

fn ended() -> Diagnostic {
    Diagnostic::error("no-answer", "Aborted!")
        .note("the input ended before all questions were answered")
        .help("answer on a terminal, or use --skip-profile-setup and write profiles.yml yourself")
}

impl<'a> Prompts<'a> {
    pub(super) fn of_stdin() -> Self {
        let stdin = io::stdin();
        let is_terminal = io::IsTerminal::is_terminal(&stdin);
        Self { answers: Box::new(stdin.lock()), is_terminal }
    }

    #[cfg(test)]
    pub(super) fn of_text(text: &'a str) -> Self {
        Self { answers: Box::new(text.as_bytes()), is_terminal: false }
    }

    fn ask(&mut self, question: &str) -> Result<String, Diagnostic> {
        let mut screen = io::stderr();
        // A screen that is gone shows nothing; the answer may still come.
        let _ = write!(screen, "{question}").and_then(|()| screen.flush());
        let mut answer = String::new();
        match self.answers.read_line(&mut answer) {
            Ok(0) | Err(_) => Err(ended()),
            Ok(_) => Ok(answer.trim_end_matches(['\n', '\r']).to_owned()),
        }
    }

    /// One answer; an empty one means the default, and without a default the question comes again.
    pub(super) fn text(&mut self, text: &str, default: Option<&str>, is_hidden: bool) -> Result<String, Diagnostic> {
        let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
        loop {
            let hides = is_hidden && self.is_terminal;
            let echo = |on: bool| {
                let word = if on { "echo" } else { "-echo" };
                let _ = Command::new("stty").arg(word).stdin(Stdio::inherit()).stderr(Stdio::null()).status();
            };
            if hides {
                echo(false);
            }
            let answer = self.ask(&format!("{text}{shown}: "));
            if hides {
                echo(true);
                let _ = writeln!(io::stderr());
            }
            let answer = answer?;
            match default {
                _ if !answer.is_empty() => return Ok(answer),
                Some(default) => return Ok(default.to_owned()),
                None => {}
            }
        }
    }

    pub(super) fn yes(&mut self, question: &str) -> Result<bool, Diagnostic> {
        loop {
            match self.ask(&format!("{question} [y/N]: "))?.trim().to_lowercase().as_str() {
                "y" | "yes" => return Ok(true),
                "" | "n" | "no" => return Ok(false),
                _ => {
                    let _ = writeln!(io::stderr(), "Error: invalid input");
                }
            }
        }
    }

    /// A number from 1 to `count`, as an index.
    pub(super) fn choice(&mut self, question: &str, count: usize) -> Result<usize, Diagnostic> {
        loop {
            let answer = self.text(question, None, false)?;
            match answer.trim().parse::<usize>() {
                Ok(number) if (1..=count).contains(&number) => return Ok(number - 1),
                _ => {
                    let _ = writeln!(io::stderr(), "Error: '{answer}' is not a number from 1 to {count}.");
                }
            }
        }
    }

    /// The output that a `profile_template.yml` describes: what is `fixed`, and the answers to its `prompts`. Returns the
    /// output's name and its keys.
    pub(super) fn output(&mut self, template: &Map<String, Value>) -> Result<(String, Map<String, Value>), Diagnostic> {
        let section = |name: &str| template.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut output = section("fixed");
        self.fill(&section("prompts"), &mut output)?;
        let name = output.remove("target").and_then(|name| name.as_str().map(str::to_owned));
        Ok((name.unwrap_or_else(|| "dev".to_owned()), output))
    }

    fn fill(&mut self, prompts: &Map<String, Value>, output: &mut Map<String, Value>) -> Result<(), Diagnostic> {
        for (key, prompt) in prompts {
            if let Some(what) = key.strip_prefix("_choose_") {
                let options = prompt.as_object().cloned().unwrap_or_default();
                let names: Vec<&String> = options.keys().collect();
                let listed: Vec<String> =
                    names.iter().enumerate().map(|(index, name)| format!("[{}] {name}", index + 1)).collect();
                let question =
                    format!("{}\nDesired {} option (enter a number)", listed.join("\n"), what.replace('_', " "));
                let chosen = self.choice(&question, names.len())?;
                let inner = options.get(names[chosen]).and_then(Value::as_object).cloned().unwrap_or_default();
                self.fill(&inner, output)?;
            } else if let Some(name) = key.strip_prefix("_fixed_") {
                output.insert(name.to_owned(), prompt.clone());
            } else {
                let value = self.value(key, prompt)?;
                output.insert(key.clone(), value);
            }
        }
        Ok(())
    }

    fn value(&mut self, key: &str, prompt: &Value) -> Result<Value, Diagnostic> {
        let hint = prompt.get("hint").and_then(Value::as_str);
        let default =
            prompt.get("default").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let is_hidden = prompt.get("hide_input") == Some(&Value::Bool(true));
        let kind = prompt.get("type").and_then(Value::as_str);
        let question = hint.map_or_else(|| key.to_owned(), |hint| format!("{key} ({hint})"));
        loop {
            let answer = self.text(&question, default.as_deref(), is_hidden)?;
            let value = match kind {
                Some("int") => answer.trim().parse::<i64>().ok().map(Value::from),
                Some("float") => answer.trim().parse::<f64>().ok().map(Value::from),
                Some("bool") => crate::environment::truth(&answer).map(Value::from),
                _ => Some(Value::from(answer.clone())),
            };
            match value {
                Some(value) => return Ok(value),
                None => {
                    let noun = kind.unwrap_or_default();
                    let _ = writeln!(io::stderr(), "Error: '{answer}' is not a valid {noun}.");
                }
            }
        }
    }
}

/// What each type of connection asks for, in the form of dbt's `profile_template.yml`.
pub(super) fn built_in_templates() -> Vec<(&'static str, Value)> {
    let server = |kind: &str, port: u64, database: Option<&str>| {
        let mut prompts = serde_json::json!({
            "host": {"hint": "hostname for the instance"},
            "port": {"default": port, "type": "int"},
            "user": {"hint": "dev username"},
            "pass": {"hint": "dev password", "hide_input": true},
        });
        if let Some(database) = database {
            prompts[database] = serde_json::json!({"hint": "default database that dvt will build objects in"});
        }
        prompts["schema"] = serde_json::json!({"hint": "default schema that dvt will build objects in"});
        prompts["threads"] = serde_json::json!({"hint": "1 or more", "type": "int", "default": 1});
        serde_json::json!({"fixed": {"type": kind}, "prompts": prompts})
    };
    let threads = serde_json::json!({"hint": "1 or more", "type": "int", "default": 4});
    // Keys are asked for nowhere: a bucket's come from the environment, a profile of the service's own tools, or a role.
    let bucket = |kind: &str, own: &[(&str, &str)]| {
        let mut prompts = serde_json::Map::new();
        for (key, hint) in own {
            prompts.insert((*key).to_owned(), serde_json::json!({"hint": hint}));
        }
        prompts
            .insert("prefix".to_owned(), serde_json::json!({"hint": "below which the tables lie", "default": "lake"}));
        prompts.insert("threads".to_owned(), threads.clone());
        serde_json::json!({"fixed": {"type": kind}, "prompts": prompts})
    };
    vec![
        ("postgres", server("postgres", 5432, Some("dbname"))),
        ("redshift", server("redshift", 5439, Some("dbname"))),
        (
            "bigquery",
            serde_json::json!({"fixed": {"type": "bigquery"}, "prompts": {
                "_choose_authentication_method": {
                    "oauth": {"_fixed_method": "oauth"},
                    "service_account": {
                        "_fixed_method": "service-account",
                        "keyfile": {"hint": "/path/to/bigquery/keyfile.json"},
                    },
                },
                "project": {"hint": "the GCP project's id"},
                "dataset": {"hint": "the dataset that dvt will build objects in"},
                "location": {"hint": "of the dataset, US or EU or a region", "default": "US"},
                "threads": threads,
            }}),
        ),
        ("mysql", server("mysql", 3306, None)),
        (
            "sqlite",
            serde_json::json!({"fixed": {"type": "sqlite"}, "prompts": {
                "path": {"hint": "the database's file"},
                "threads": {"hint": "1 or more", "type": "int", "default": 1},
            }}),
        ),
        (
            "filesystem",
            serde_json::json!({"fixed": {"type": "filesystem"}, "prompts": {
                "path": {"hint": "the folder of its tables"},
                "threads": {"hint": "1 or more", "type": "int", "default": 4},
            }}),
        ),
        (
            "databricks",
            serde_json::json!({"fixed": {"type": "databricks"}, "prompts": {
                "host": {"hint": "the workspace, adb-1234567890.5.azuredatabricks.net"},
                "http_path": {"hint": "of the SQL warehouse, /sql/1.0/warehouses/abc123"},
                "token": {"hint": "personal access token", "hide_input": true},
                "catalog": {"hint": "default catalog that dvt will build objects in"},
                "schema": {"hint": "default schema that dvt will build objects in"},
                "threads": {"hint": "1 or more", "type": "int", "default": 4},
            }}),
        ),
        (
            "spark",
            serde_json::json!({"fixed": {"type": "spark", "method": "connect"}, "prompts": {
                "host": {"hint": "where a Spark Connect server listens"},
                "port": {"hint": "15002, as servers have it", "type": "int", "default": 15002},
                "token": {"hint": "if the server wants one", "hide_input": true, "default": ""},
                "schema": {"hint": "default schema that dvt will build objects in"},
                "threads": {"hint": "1 or more", "type": "int", "default": 4},
            }}),
        ),
        (
            "duckdb",
            serde_json::json!({"fixed": {"type": "duckdb"}, "prompts": {
                "path": {"hint": "the database's file", "default": "dev.duckdb"},
                "threads": threads,
            }}),
        ),
        (
            "snowflake",
            serde_json::json!({"fixed": {"type": "snowflake"}, "prompts": {
                "account": {"hint": "organisation-account, as in https://<this>.snowflakecomputing.com"},
                "user": {"hint": "dev username"},
                "_choose_authentication": {
                    "password": {"password": {"hint": "dev password", "hide_input": true}},
                    "keypair": {"private_key_path": {"hint": "path/to/private.key"}},
                },
                "role": {"hint": "dev role"},
                "warehouse": {"hint": "warehouse name"},
                "database": {"hint": "default database that dvt will build objects in"},
                "schema": {"hint": "default schema that dvt will build objects in"},
                "threads": threads,
            }}),
        ),
        ("s3", bucket("s3", &[("bucket", "the bucket's name"), ("region", "such as eu-west-1")])),
        ("gcs", bucket("gcs", &[("bucket", "the bucket's name")])),
        ("azure", bucket("azure", &[("account", "the storage account"), ("container", "the container's name")])),
    ]
}

/// Which of the built-in types the user wants.
pub(super) fn chosen_template(prompts: &mut Prompts<'_>) -> Result<Value, Diagnostic> {
    let templates = built_in_templates();
    let listed: Vec<String> =
        templates.iter().enumerate().map(|(index, (name, _))| format!("[{}] {name}", index + 1)).collect();
    let question = format!("Which database would you like to use?\n{}\n\nEnter a number", listed.join("\n"));
    let chosen = prompts.choice(&question, templates.len())?;
    Ok(templates[chosen].1.clone())
}

/// A valid name for the project: the given one, else what the user answers.
pub(super) fn project_name(app: &App, given: Option<&str>, is_valid: fn(&str) -> bool) -> Result<String, Diagnostic> {
    let mut name = given.map(str::to_owned);
    let mut prompts: Option<Prompts<'_>> = None;
    loop {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            if is_valid(&name) {
                return Ok(name);
            }
            if !io::IsTerminal::is_terminal(&io::stdin()) {
                return Err(Diagnostic::error("invalid-project-name", format!("{name} is not a valid project name."))
                    .note("a name has letters, digits and underscores, and starts with no digit"));
            }
            let text = format!("{name} is not a valid project name.");
            app.printer.event(crate::printer::events::NOTE, &text, Value::Null);
        }
        let prompts = prompts.get_or_insert_with(Prompts::of_stdin);
        name = Some(prompts.text("Enter a name for your project (letters, digits, underscore)", None, false)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_template_is_filled_from_answers_defaults_and_choices() {
        let template = json!({
            "fixed": {"type": "postgres", "threads": 4},
            "prompts": {
                "target": {"hint": "its name", "type": "string"},
                "port": {"type": "int", "default": 5432},
                "_choose_authentication_method": {
                    "password": {"pass": {"hide_input": true}},
                    "token": {"_fixed_method": "token", "token": {}},
                },
                "ssl": {"type": "bool"},
            },
        });
        let mut prompts = Prompts::of_text("prod\nx\n\n3\n2\nabc\nmaybe\nyes\n");
        let (name, output) = prompts.output(template.as_object().unwrap()).unwrap();
        assert_eq!(name, "prod");
        let expected = json!({
            "type": "postgres", "threads": 4, "port": 5432, "method": "token", "token": "abc", "ssl": true,
        });
        assert_eq!(Value::Object(output), expected);
        assert!(prompts.text("more", None, false).is_err());
    }

    #[test]
    fn every_built_in_type_has_a_template_that_names_it() {
        for (name, template) in built_in_templates() {
            assert_eq!(template["fixed"]["type"], name);
        }
    }
}
