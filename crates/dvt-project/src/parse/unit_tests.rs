//! Unit tests: from the entries under `unit_tests:` to definitions with their rows read, then to the models they test.
//!
//! Source: dbt docs, "Unit tests" and "Unit test properties"; checks and messages as dbt-core 1.12 has them.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::fixtures::{Fixtures, csv_rows, csv_rows_with, empty_as_null};
use super::lookup::{Found, Lookup};
use super::properties::PropertyEntry;
use super::python_text::python_repr;
use super::resolve::Failed;
use super::session::Session;
use crate::check::Reader;
use crate::dbt_words::DbtKind;
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::{Diagnostic, SourceFile, Span, did_you_mean};
use dvt_jinja::{Asked, Template, render_template};
use dvt_manifest::{
    DependsOn, Disabled, FixtureFormat, Manifest, Node, ResourceType, UnitTest, UnitTestInput, UnitTestOverrides,
    UnitTestRows, version_text,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::sync::Arc;

const KEYS: &[&str] = &["name", "model", "given", "expect", "description", "overrides", "config", "versions"];
const INPUT_KEYS: &[&str] = &["input", "rows", "format", "fixture"];
const EXPECT_KEYS: &[&str] = &["rows", "format", "fixture"];

/// Reads one entry. Its model and inputs are looked up by [`resolve`].
pub(crate) fn read(
    session: &Session<'_>,
    entry: &PropertyEntry,
    fixtures: &Fixtures,
    problems: &mut Vec<Diagnostic>,
) -> Option<UnitTest> {
    let package_name = session.package_name(entry.package).to_owned();
    let yaml = &entry.yaml;
    let before = problems.len();
    let mut reader = Reader { file: &entry.file, problems };
    refuse_unknown(&mut reader, entry, yaml, KEYS, "unit test");
    let model = required(&mut reader, entry, yaml, "model")?;
    let mut given = Vec::new();
    match yaml.get_set("given") {
        Some(_) => {
            for item in reader.list(yaml, "given").unwrap_or_default() {
                refuse_unknown(&mut reader, entry, item, INPUT_KEYS, "an input of a unit test");
                let Some(place) = item.get_set("input") else {
                    reader.problems.push(
                        invalid(entry, "'input' is a required property")
                            .label(super::properties::first_line(&entry.file, item), "this input"),
                    );
                    continue;
                };
                let Some(input) = place.scalar_text() else {
                    reader.wrong_type("input", "a text such as `ref('orders')`", place);
                    continue;
                };
                if let Some(rows) = read_rows(&mut reader, entry, item, fixtures, true) {
                    given.push(UnitTestInput { input, unique_id: None, rows, span: entry.span(place) });
                }
            }
        }
        None => {
            reader.problems.push(
                invalid(entry, "'given' is a required property")
                    .label(entry.name_span.clone(), "this unit test")
                    .help("write `given: []` if the model reads nothing"),
            );
        }
    }
    let expect = match yaml.get_set("expect") {
        Some(expect) => {
            refuse_unknown(&mut reader, entry, expect, EXPECT_KEYS, "`expect` of a unit test");
            read_rows(&mut reader, entry, expect, fixtures, false)
        }
        None => {
            let missing = invalid(entry, "'expect' is a required property");
            reader.problems.push(missing.label(entry.name_span.clone(), "this unit test"));
            None
        }
    };
    let overrides = read_overrides(&mut reader, entry, yaml);
    let versions = read_versions(&mut reader, entry, yaml);
    let mut fqn = vec![package_name.clone()];
    fqn.extend(entry.folders().map(str::to_owned));
    fqn.extend([model.clone(), entry.name.clone()]);
    let mut merged = Merged::default();
    session.trees[entry.package].layers(ResourceType::UnitTest, &fqn).iter().for_each(|layer| merged.add(layer));
    if reader.map(yaml, "config").is_some()
        && let Some(config) = yaml.get_set("config")
    {
        merged.add(&Layer::from_yaml(&entry.file, config));
    }
    if entry.package != 0 {
        session.trees[0].layers(ResourceType::UnitTest, &fqn).iter().for_each(|layer| merged.add(layer));
    }
    check_types(&mut merged, &format!("unit test `{}`", entry.name), problems);
    // dbt leaves the description of a unit test as it is written.
    let description = (Reader { file: &entry.file, problems }).text(yaml, "description").unwrap_or_default();
    let has_errors = problems[before..].iter().any(|problem| problem.severity == dvt_diagnostics::Severity::Error);
    let (false, Some(expect)) = (has_errors, expect) else { return None };
    Some(UnitTest {
        unique_id: format!("unit_test.{package_name}.{model}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        fqn,
        model,
        description,
        given,
        expect,
        overrides,
        versions,
        version: None,
        config: with_defaults(ResourceType::UnitTest, merged.values),
        depends_on: DependsOn::default(),
        checksum: None,
        schema: None,
        created_at: session.now,
        span: entry.name_span.clone(),
    })
}

fn invalid(entry: &PropertyEntry, cause: &str) -> Diagnostic {
    Diagnostic::error(
        "invalid-unit-test",
        format!("Invalid unit_tests config given in {} @ unit_tests: `{}` - {cause}", entry.original_path, entry.name),
    )
    .parsing_error()
}

fn refuse_unknown(reader: &mut Reader<'_>, entry: &PropertyEntry, yaml: &Yaml, known: &[&str], what: &str) {
    let Some(map) = yaml.as_map() else {
        reader.wrong_type(what, "a dictionary", yaml);
        return;
    };
    for (key, value) in map.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
        let mut diagnostic = invalid(entry, &format!("Additional properties are not allowed ('{key}' was unexpected)"))
            .label(Span::new(&entry.file, value.key_range.clone()), "not known here")
            .note(format!("the keys of {what} are {}", crate::wording::list(known)));
        if let Some(near) = did_you_mean(key, known.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        reader.problems.push(diagnostic);
    }
}

fn required(reader: &mut Reader<'_>, entry: &PropertyEntry, yaml: &Yaml, key: &str) -> Option<String> {
    let text = reader.text(yaml, key);
    if text.is_none() && yaml.get_set(key).is_none() {
        reader.problems.push(
            invalid(entry, &format!("'{key}' is a required property")).label(entry.name_span.clone(), "this unit test"),
        );
    }
    text
}

/// The rows of an input or of `expect`. Rows that neither stand here nor in a fixture are a seed's own, and are read
/// when seeds are known: they are null until then.
fn read_rows(
    reader: &mut Reader<'_>,
    entry: &PropertyEntry,
    yaml: &Yaml,
    fixtures: &Fixtures,
    is_input: bool,
) -> Option<UnitTestRows> {
    let what = if is_input { "input" } else { "expected" };
    let span = super::properties::first_line(&entry.file, yaml);
    let format = match yaml.get_set("format") {
        None => FixtureFormat::Dict,
        Some(place) => match place.as_text().and_then(FixtureFormat::of) {
            Some(format) => format,
            None => {
                let said = place.scalar_text().unwrap_or_else(|| place.kind().to_owned());
                let wrong = invalid(entry, &format!("'{said}' is not one of ['csv', 'dict', 'sql']"));
                reader.problems.push(wrong.label(entry.span(place), "expected csv, dict or sql"));
                return None;
            }
        },
    };
    let fixture = match yaml.get_set("fixture") {
        Some(place) => match place.as_text() {
            Some(name) => Some((name.to_owned(), entry.span(place))),
            None => {
                reader.wrong_type("fixture", "the name of a fixture file", place);
                return None;
            }
        },
        None => None,
    };
    let rows = yaml.get_set("rows");
    if let Some(problem) = wrong_rows(entry, format, rows, fixture.is_some(), is_input) {
        let place = rows.map_or_else(|| span.clone(), |rows| super::properties::first_line(&entry.file, rows));
        reader.problems.push(problem.label(place, format!("these {what} rows")));
        return None;
    }
    let mut value = match (format, &fixture) {
        (FixtureFormat::Dict, _) => rows.map_or(Value::Null, Yaml::to_json),
        (_, Some((name, place))) => {
            let Some(found) = fixtures.get(entry.package, name) else {
                let mut missing = Diagnostic::error(
                    "no-fixture",
                    format!("File not found for fixture '{name}' in unit tests in {}", entry.original_path),
                )
                .parsing_error()
                .label(place.clone(), "no fixture file of this name");
                missing = match did_you_mean(name, fixtures.names(entry.package)) {
                    Some(near) => missing.help(format!("did you mean `{near}`?")),
                    None => missing.help(format!("put it at tests/fixtures/{name}.{}", format.as_str())),
                };
                reader.problems.push(missing);
                return None;
            };
            if found.rows.is_string() != (format == FixtureFormat::Sql) {
                reader.problems.push(
                    Diagnostic::error(
                        "fixture-format",
                        format!(
                            "fixture `{name}` of unit test `{}` is {}, but `format` says {}",
                            entry.name,
                            found.original_path,
                            format.as_str()
                        ),
                    )
                    .label(place.clone(), "named here"),
                );
                return None;
            }
            found.rows.clone()
        }
        (FixtureFormat::Sql, None) => rows.map_or(Value::Null, Yaml::to_json),
        (FixtureFormat::Csv, None) => match csv_rows(rows.and_then(Yaml::as_text).unwrap_or_default()) {
            Ok(rows) => Value::Array(rows),
            Err(what) => {
                let place = rows.map_or(span, |rows| super::properties::first_line(&entry.file, rows));
                let message = format!("unit test `{}`: {what} of the CSV", entry.name);
                reader.problems.push(Diagnostic::error("fixture-csv", message).label(place, "in these rows"));
                return None;
            }
        },
    };
    if format == FixtureFormat::Csv {
        empty_as_null(&mut value);
    }
    promote_full_row(&mut value);
    Some(UnitTestRows { format, rows: value, fixture: fixture.map(|(name, _)| name), span })
}

/// dbt's complaint about rows that are not what their format says.
fn wrong_rows(
    entry: &PropertyEntry,
    format: FixtureFormat,
    rows: Option<&Yaml>,
    has_fixture: bool,
    is_input: bool,
) -> Option<Diagnostic> {
    let what = if is_input { "input" } else { "expected" };
    let mismatch = |more: &str| {
        Some(
            Diagnostic::error(
                "fixture-format",
                format!("Unit test {} has {what} rows{more} match format {}", entry.name, format.as_str()),
            )
            .parsing_error(),
        )
    };
    match format {
        FixtureFormat::Dict => match rows {
            None if is_input && !has_fixture => None,
            Some(rows) if rows.as_list().is_some_and(|items| items.iter().all(|item| item.as_map().is_some())) => None,
            _ if has_fixture => {
                mismatch(" which do not").map(|problem| problem.help("say `format: csv` or `format: sql`"))
            }
            _ => mismatch(" which do not"),
        },
        FixtureFormat::Csv | FixtureFormat::Sql => match rows {
            Some(rows) if rows.as_text().is_some() => None,
            _ if has_fixture => None,
            _ => mismatch(" or fixtures which do not").map(|problem| problem.note("Expected string.")),
        },
    }
}

/// dbt puts the first row without nulls first: some engines take a column's type from the first row.
fn promote_full_row(rows: &mut Value) {
    let Value::Array(rows) = rows else { return };
    let is_full = |row: &Value| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null()));
    if let Some(index) = rows.iter().position(is_full) {
        rows.swap(0, index);
    }
}

fn read_overrides(reader: &mut Reader<'_>, entry: &PropertyEntry, yaml: &Yaml) -> Option<UnitTestOverrides> {
    let overrides = yaml.get_set("overrides")?;
    refuse_unknown(reader, entry, overrides, &["macros", "vars", "env_vars"], "`overrides`");
    let mut map = |key: &str| reader.map(overrides, key).map(map_to_json).unwrap_or_default();
    Some(UnitTestOverrides { macros: map("macros"), vars: map("vars"), env_vars: map("env_vars") })
}

fn read_versions(reader: &mut Reader<'_>, entry: &PropertyEntry, yaml: &Yaml) -> Option<Value> {
    let versions = yaml.get_set("versions")?;
    refuse_unknown(reader, entry, versions, &["include", "exclude"], "`versions` of a unit test");
    let mut list = |key: &str| reader.list(versions, key).map(|items| items.iter().map(Yaml::to_json).collect());
    let (include, exclude): (Option<Vec<Value>>, Option<Vec<Value>>) = (list("include"), list("exclude"));
    let is_set = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
    if is_set(&include) && is_set(&exclude) {
        reader.problems.push(
            invalid(entry, "Unit tests can not both include and exclude versions.")
                .label(entry.span(versions), "both are set"),
        );
    }
    Some(serde_json::json!({"include": include, "exclude": exclude}))
}

/// Finds the model and the inputs of every unit test, and makes one test of each version of a versioned model. A test
/// of a model that is switched off is switched off with it.
pub(crate) fn resolve(
    session: &Session<'_>,
    manifest: &mut Manifest,
    lookup: &Lookup,
    failed: &Failed,
    problems: &mut Vec<Diagnostic>,
) {
    let pending = std::mem::take(&mut manifest.unit_tests);
    for (_, unit_test) in pending {
        for resolved in resolve_one(session, manifest, lookup, failed, unit_test, problems) {
            if resolved.config.enabled() {
                manifest.unit_tests.insert(resolved.unique_id.clone(), resolved);
            } else {
                let id = resolved.unique_id.clone();
                manifest.disabled.entry(id).or_default().push(Disabled::UnitTest(Box::new(resolved)));
            }
        }
    }
}

fn resolve_one(
    session: &Session<'_>,
    manifest: &Manifest,
    lookup: &Lookup,
    failed: &Failed,
    mut unit_test: UnitTest,
    problems: &mut Vec<Diagnostic>,
) -> Vec<UnitTest> {
    let before = problems.len();
    find_inputs(session, manifest, lookup, failed, &mut unit_test, problems);
    unit_test.checksum = Some(checksum(&unit_test));
    if problems.len() > before {
        return Vec::new();
    }
    if !unit_test.config.enabled() {
        return vec![unit_test];
    }
    let mut words = unit_test.model.split_whitespace();
    let (name, version) = (words.next().unwrap_or_default(), words.next().map(Value::from));
    let package = unit_test.package_name.clone();
    let model = match lookup.find_ref(&package, Some(&package), name, version.as_ref()) {
        Found::Id(id) => manifest.nodes.get(id).filter(|node| node.resource_type == ResourceType::Model),
        Found::Disabled => {
            unit_test.config.set("enabled", Value::Bool(false));
            return vec![unit_test];
        }
        Found::Nothing => None,
    };
    let Some(model) = model else {
        if !failed.nodes.contains(name) {
            let mut missing = Diagnostic::error(
                "unknown-model",
                format!(
                    "Unable to find model '{package}.{}' for unit test '{}' in {}",
                    unit_test.model, unit_test.name, unit_test.original_file_path
                ),
            )
            .parsing_error()
            .label(unit_test.span.clone(), "tests a model that is not there");
            if let Some(near) = did_you_mean(name, lookup.ref_names()) {
                missing = missing.help(format!("did you mean `{near}`?"));
            }
            problems.push(missing);
        }
        return Vec::new();
    };
    unit_test.depends_on.nodes = vec![model.unique_id.clone()];
    unit_test.schema = Some(model.schema.clone());
    if let Err(diagnostic) = check_incremental(&unit_test, model) {
        problems.push(*diagnostic);
        return Vec::new();
    }
    match versions_to_test(manifest, &unit_test, model) {
        Ok(models) => models.into_iter().map(|model| of_version(&unit_test, model)).collect(),
        Err(diagnostic) => {
            problems.push(*diagnostic);
            Vec::new()
        }
    }
}

/// The models that a test of this model covers: itself, or the chosen versions.
fn versions_to_test<'m>(
    manifest: &'m Manifest,
    unit_test: &UnitTest,
    model: &'m Node,
) -> Result<Vec<&'m Node>, Box<Diagnostic>> {
    let chosen = |key: &str| -> Vec<String> {
        let list = unit_test.versions.as_ref().and_then(|versions| versions.get(key)).and_then(Value::as_array);
        list.map(|list| list.iter().map(version_text).collect()).unwrap_or_default()
    };
    let (include, exclude) = (chosen("include"), chosen("exclude"));
    if model.version.is_none() {
        if include.is_empty() && exclude.is_empty() {
            return Ok(vec![model]);
        }
        return Err(Box::new(
            Diagnostic::error(
                "unit-test-versions",
                format!(
                    "Unit test '{}' should not have a versions include or exclude when referencing non-versioned \
                     model '{}'",
                    unit_test.name, model.name
                ),
            )
            .parsing_error()
            .label(unit_test.span.clone(), "this unit test")
            .help("take `versions` away"),
        ));
    }
    let tested: Vec<&Node> = manifest
        .nodes
        .values()
        .filter(|node| {
            node.resource_type == ResourceType::Model
                && node.package_name == model.package_name
                && node.name == model.name
        })
        .filter(|node| {
            let version = node.version.as_ref().map(version_text).unwrap_or_default();
            match (unit_test.versions.is_some(), exclude.is_empty(), include.is_empty()) {
                (false, ..) => true,
                (true, false, _) => !exclude.contains(&version),
                (true, true, _) => include.contains(&version),
            }
        })
        .collect();
    if tested.is_empty() {
        return Err(Box::new(
            Diagnostic::error(
                "unit-test-versions",
                format!("Unit test '{}' referenced a version of '{}' which was not found.", unit_test.name, model.name),
            )
            .parsing_error()
            .label(unit_test.span.clone(), "this unit test"),
        ));
    }
    Ok(tested)
}

fn of_version(unit_test: &UnitTest, model: &Node) -> UnitTest {
    let mut of_version = unit_test.clone();
    if let Some(version) = &model.version {
        of_version.unique_id = format!("{}_v{}", unit_test.unique_id, version_text(version));
        of_version.depends_on.nodes = vec![model.unique_id.clone()];
        of_version.version = Some(version.clone());
    }
    of_version
}

/// A model that asks `is_incremental()` must be told, and must be given what `this` holds when it is.
fn check_incremental(unit_test: &UnitTest, model: &Node) -> Result<(), Box<Diagnostic>> {
    if !model.depends_on.macros.iter().any(|id| id == "macro.dbt.is_incremental") {
        return Ok(());
    }
    let said = unit_test.overrides.as_ref().and_then(|overrides| overrides.macros.get("is_incremental"));
    match said {
        Some(Value::Bool(is_incremental)) => {
            let has_this = unit_test.given.iter().any(|given| given.input.trim() == "this");
            if !is_incremental || has_this {
                return Ok(());
            }
            Err(Box::new(
                Diagnostic::error(
                    "unit-test-this",
                    format!(
                        "Unit test '{}' for incremental model '{}' must have a 'this' input",
                        unit_test.name, model.name
                    ),
                )
                .parsing_error()
                .label(unit_test.span.clone(), "runs the model as incremental")
                .help("add `- input: this` with the rows that the model's table holds"),
            ))
        }
        _ => Err(Box::new(
            Diagnostic::error(
                "unit-test-incremental",
                format!(
                    "Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{}'",
                    unit_test.name, model.name
                ),
            )
            .parsing_error()
            .label(unit_test.span.clone(), "this unit test")
            .help("add `overrides: {macros: {is_incremental: false}}`, or true with an input `this`"),
        )),
    }
}

/// Finds what each input means. One that means nothing is told when the test runs, as in dbt; only a seed whose rows are
/// wanted must be there now.
fn find_inputs(
    session: &Session<'_>,
    manifest: &Manifest,
    lookup: &Lookup,
    failed: &Failed,
    unit_test: &mut UnitTest,
    problems: &mut Vec<Diagnostic>,
) {
    let package_name = unit_test.package_name.clone();
    let package = session.packages.iter().position(|package| package.name == package_name).unwrap_or(0);
    let test_name = unit_test.name.clone();
    let takes_custom = session.project_flag("support_custom_ref_kwargs", false);
    for given in &mut unit_test.given {
        let is_this = given.input.trim() == "this";
        let is_custom = !takes_custom && given.has_other_arguments();
        let asked = if is_this || is_custom { None } else { ask(session, package, &given.input) };
        if let Some(asked) = &asked {
            let found = match (asked.refs.first(), asked.sources.first()) {
                (Some(asked), _) => {
                    let request = &asked.request;
                    let version = request.version.as_deref().map(Value::from);
                    lookup.find_ref(&package_name, request.package.as_deref(), &request.name, version.as_ref())
                }
                (None, Some(asked)) => lookup.find_source(&package_name, &asked.source_name, &asked.table_name),
                (None, None) => Found::Nothing,
            };
            if let Found::Id(id) = found {
                given.unique_id = Some(id.clone());
            }
        }
        let wants_seed_rows =
            given.rows.format == FixtureFormat::Dict && given.rows.rows.is_null() && given.rows.fixture.is_none();
        if !wants_seed_rows {
            continue;
        }
        let seed = given.unique_id.as_ref().and_then(|id| manifest.nodes.get(id));
        match seed.filter(|node| node.resource_type == ResourceType::Seed) {
            Some(seed) => match seed_rows(session, seed) {
                Ok(rows) => {
                    given.rows.rows = rows;
                    promote_full_row(&mut given.rows.rows);
                }
                Err(what) => problems.push(
                    Diagnostic::error("unit-test-seed", format!("unit test `{test_name}`: {what}"))
                        .label(given.span.clone(), "this input"),
                ),
            },
            None => {
                let request = asked.as_ref().and_then(|asked| asked.refs.first()).map(|asked| &asked.request);
                let (of, name) = match request {
                    Some(request) => (request.package.as_deref().unwrap_or(&package_name), request.name.as_str()),
                    None => (package_name.as_str(), given.input.as_str()),
                };
                if failed.nodes.contains(name) {
                    continue;
                }
                let place = if of == package_name {
                    let paths = &session.packages[package].project.seed_paths;
                    format!(
                        "in directories: {}",
                        python_repr(&Value::from(paths.iter().map(String::as_str).collect::<Vec<_>>()))
                    )
                } else {
                    format!("in '{of}' package")
                };
                problems.push(
                    Diagnostic::error(
                        "unit-test-seed",
                        format!("Unable to find seed '{of}.{name}' for unit tests {place}"),
                    )
                    .parsing_error()
                    .label(given.span.clone(), "has no rows, so it must be a seed")
                    .help("give it `rows`, or `rows: []` for none"),
                );
            }
        }
    }
}

/// What an input's text calls; `None` when it cannot be rendered.
fn ask(session: &Session<'_>, package: usize, input: &str) -> Option<Asked> {
    let connection = session.connections.get(session.connections.default_name()).ok()?;
    let file = SourceFile::new("<input>", format!("{{{{ {input} }}}}"));
    let context = session.context(package, &connection);
    let template = Template::parse(&file).ok()?;
    let rendered = render_template(&session.library, &context, Arc::clone(&connection.bridge), &template).ok()?;
    Some(rendered.asked)
}

/// The rows of a seed's file, as texts; empty values are nulls, which is what a seed makes of them.
fn seed_rows(session: &Session<'_>, seed: &Node) -> Result<Value, String> {
    let root = session.packages.iter().find(|package| package.name == seed.package_name).map(|package| &package.root);
    let Some(root) = root else { return Ok(Value::Array(Vec::new())) };
    let path = &seed.original_file_path;
    let file = session.files.text(&root.join(path), path).map_err(|diagnostic| diagnostic.message)?;
    let text = file.as_ref().map(|file| file.text.as_str()).ok_or_else(|| format!("cannot read {path}"))?;
    let delimiter = seed.config.text("delimiter").and_then(|text| text.bytes().next()).unwrap_or(b',');
    let rows = csv_rows_with(text, delimiter).map_err(|what| format!("{}: {what}", seed.original_file_path))?;
    let mut rows = Value::Array(rows);
    empty_as_null(&mut rows);
    Ok(rows)
}

/// dbt's checksum of a unit test: everything but the description.
fn checksum(unit_test: &UnitTest) -> String {
    let rows = |rows: &UnitTestRows| {
        let format = match rows.format {
            FixtureFormat::Dict => "Dict: 'dict'",
            FixtureFormat::Csv => "CSV: 'csv'",
            FixtureFormat::Sql => "SQL: 'sql'",
        };
        let fixture = rows.fixture.as_deref().map_or(Value::Null, Value::from);
        format!("rows={}, format=<UnitTestFormat.{format}>, fixture={}", python_repr(&rows.rows), python_repr(&fixture))
    };
    let versions = unit_test.versions.as_ref().map_or_else(
        || "None".to_owned(),
        |versions| {
            let list = |key: &str| python_repr(versions.get(key).unwrap_or(&Value::Null));
            format!("UnitTestNodeVersions(include={}, exclude={})", list("include"), list("exclude"))
        },
    );
    let given: Vec<String> = unit_test
        .given
        .iter()
        .map(|given| {
            let input = python_repr(&Value::from(given.input.as_str()));
            format!("UnitTestInputFixture(input={input}, {})", rows(&given.rows))
        })
        .collect();
    let overrides = unit_test.overrides.as_ref().map_or_else(
        || "None".to_owned(),
        |overrides| {
            let map = |map: &Map<String, Value>| python_repr(&Value::Object(map.clone()));
            format!(
                "UnitTestOverrides(macros={}, vars={}, env_vars={})",
                map(&overrides.macros),
                map(&overrides.vars),
                map(&overrides.env_vars)
            )
        },
    );
    let mut data = format!(
        "{}-{versions}-[{}]-UnitTestOutputFixture({})-{overrides}",
        unit_test.model,
        given.join(", "),
        rows(&unit_test.expect),
    );
    for given in unit_test.given.iter().filter(|given| given.rows.fixture.is_some()) {
        data.push('-');
        data.push_str(&super::python_text::python_str(&given.rows.rows));
    }
    Sha256::digest(data.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
