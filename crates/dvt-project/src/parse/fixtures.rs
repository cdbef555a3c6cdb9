//! Fixture files: rows of unit tests that live below `tests/fixtures`, as CSV or SQL.

use super::session::shown_in;
use crate::cache::Files;
use crate::files::Ignore;
use dvt_diagnostics::Diagnostic;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The fixture files of all packages.
#[derive(Debug, Default)]
pub(crate) struct Fixtures {
    /// By package and file stem.
    files: HashMap<(usize, String), Fixture>,
}

/// One fixture file.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) original_path: String,
    /// A list of dictionaries from CSV, a text from SQL.
    pub(crate) rows: Value,
}

impl Fixtures {
    pub(crate) fn read(
        files: &Files,
        packages: &[crate::Package],
        ignores: &[Ignore],
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut fixtures = Self::default();
        for (index, (package, ignore)) in packages.iter().zip(ignores).enumerate() {
            let folders: Vec<String> =
                package.project.test_paths.iter().map(|path| format!("{path}/fixtures")).collect();
            let found =
                files.find(index, &package.root, &folders, &["csv", "sql"], ignore).unwrap_or_else(|diagnostics| {
                    problems.extend(diagnostics);
                    Vec::new()
                });
            for file in found {
                let shown = shown_in(&package.root, &packages[0].root, &file.original_path);
                let text = match files.text(&file.absolute, &shown) {
                    Ok(Some(text)) => text,
                    Ok(None) => continue,
                    Err(diagnostic) => {
                        problems.push(diagnostic);
                        continue;
                    }
                };
                let (stem, extension) = split_name(&file.relative_path);
                let rows = if extension.eq_ignore_ascii_case("sql") {
                    Value::String(text.text.clone())
                } else {
                    match csv_rows(&text.text) {
                        Ok(rows) => Value::Array(rows),
                        Err(what) => {
                            problems.push(Diagnostic::error("fixture-csv", format!("fixture {shown}: {what}")));
                            continue;
                        }
                    }
                };
                let fixture = Fixture { original_path: file.original_path.clone(), rows };
                if let Some(first) = fixtures.files.insert((index, stem.to_owned()), fixture) {
                    problems.push(
                        Diagnostic::error("duplicate-name", format!("dbt found two fixtures with the name \"{stem}\""))
                            .note(format!("they are {} and {}", first.original_path, file.original_path))
                            .help("rename one of the files: a unit test names a fixture by its file's name"),
                    );
                }
            }
        }
        fixtures
    }

    pub(crate) fn get(&self, package: usize, name: &str) -> Option<&Fixture> {
        self.files.get(&(package, name.to_owned()))
    }

    /// The names of one package's fixtures, for suggestions.
    pub(crate) fn names(&self, package: usize) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.files.keys().filter(|(of, _)| *of == package).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

fn split_name(path: &str) -> (&str, &str) {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').unwrap_or((file, ""))
}

/// The rows of CSV text with a header, every value a text, as Python's `csv.DictReader` reads them: a row that is too
/// short ends in nulls.
///
/// # Errors
/// A row has more values than the header has names, or the text is no CSV.
pub(crate) fn csv_rows(text: &str) -> Result<Vec<Value>, String> {
    csv_rows_with(text, b',')
}

/// The same with another delimiter.
pub(crate) fn csv_rows_with(text: &str, delimiter: u8) -> Result<Vec<Value>, String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(true).flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() > header.len() {
            let line = record.position().map_or(0, csv::Position::line);
            return Err(format!("line {line} has {} values, but the header has {} names", record.len(), header.len()));
        }
        let mut row = Map::new();
        for (index, name) in header.iter().enumerate() {
            row.insert(name.clone(), record.get(index).map_or(Value::Null, Value::from));
        }
        rows.push(Value::Object(row));
    }
    Ok(rows)
}

/// Empty values as nulls: what an empty field of CSV means in a unit test.
pub(crate) fn empty_as_null(rows: &mut Value) {
    let Value::Array(rows) = rows else { return };
    for value in rows.iter_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if value.as_str() == Some("") {
            *value = Value::Null;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::csv_rows;
    use serde_json::json;

    #[test]
    fn csv_is_read_as_python_reads_it() {
        assert_eq!(
            csv_rows("id,name\n1,\"a, \"\"b\"\"\"\n\n2\n").unwrap(),
            [json!({"id": "1", "name": "a, \"b\""}), json!({"id": "2", "name": null})]
        );
        assert!(csv_rows("id\n1,2\n").unwrap_err().contains("line 2 has 2 values"));
        assert_eq!(csv_rows("id,name\n").unwrap(), Vec::<serde_json::Value>::new());
    }
}
