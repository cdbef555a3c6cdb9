//! Unpacks a case, loads it, prints what came out.

use dvt_diagnostics::{Diagnostics, RenderStyle, Severity, render};
use dvt_manifest::Disabled;
use dvt_project::{
    AdapterSupport, ConnectionFacts, ConnectionSettings, Output, Project, ProjectSettings, load_config, load_project,
    parse_vars,
};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::Path;

/// An unpacked case: the folder lives as long as the value.
pub(crate) struct Case {
    folder: tempfile::TempDir,
    pub(crate) settings: ProjectSettings,
}

impl Case {
    pub(crate) fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = ProjectSettings {
            project_dir: folder.path().join("project"),
            home: Some(folder.path().join("home")),
            invocation_id: "invocation".to_owned(),
            ..ProjectSettings::default()
        };
        std::fs::create_dir_all(&settings.project_dir).unwrap();
        let mut parts = text.split("=== ");
        for line in parts.next().unwrap().lines().filter(|line| !line.is_empty()) {
            let (what, value) = line.split_once(' ').unwrap();
            match what {
                "env" => {
                    let (name, value) = value.split_once('=').unwrap();
                    settings.env.insert(name.to_owned(), value.to_owned());
                }
                "target" => settings.target = Some(value.to_owned()),
                "profile" => settings.profile = Some(value.to_owned()),
                "compute" => settings.compute = Some(value.to_owned()),
                "bucket" => settings.bucket = Some(value.to_owned()),
                "profiles-dir" => settings.profiles_dir = Some(folder.path().join(value)),
                "vars" => settings.vars = parse_vars(value).unwrap(),
                other => panic!("no setting {other}"),
            }
        }
        for part in parts {
            let (path, content) = part.split_once('\n').unwrap_or((part, ""));
            let path = match path.trim().strip_prefix("~/") {
                Some(path) => folder.path().join("home").join(path),
                None => folder.path().join("project").join(path.trim()),
            };
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        Self { folder, settings }
    }

    pub(crate) fn load(&self) -> Result<Project, Diagnostics> {
        self.load_with(&self.settings)
    }

    pub(crate) fn load_with(&self, settings: &ProjectSettings) -> Result<Project, Diagnostics> {
        let config = load_config(settings)?;
        load_project(settings, config, &AdapterSupport { macro_packages: macros(), describe: &describe })
    }

    /// Text without the temporary folder's name.
    pub(crate) fn tidy(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let real = self.folder.path().canonicalize().unwrap().display().to_string();
        text.replace(&real, "[ROOT]").replace(&folder, "[ROOT]")
    }

    pub(crate) fn render(&self, diagnostics: &Diagnostics) -> String {
        let texts: Vec<String> =
            diagnostics.0.iter().map(|diagnostic| render(diagnostic, RenderStyle::Plain)).collect();
        self.tidy(&texts.join("\n\n"))
    }

    /// The manifest as short text, or the diagnostics.
    pub(crate) fn outcome(&self) -> String {
        match self.load() {
            Ok(project) => {
                let mut text = summary(&project);
                for warning in &project.warnings {
                    assert_eq!(warning.severity, Severity::Warning);
                    let _ = write!(text, "\n{}\n", render(warning, RenderStyle::Plain));
                }
                self.tidy(&text)
            }
            Err(diagnostics) => format!("{}\n", self.render(&diagnostics)),
        }
    }
}

/// A stand-in for the adapters: `postgres` has databases, `mysql` and `sqlite` have none; other types are unknown.
fn describe(output: &Output, settings: &ConnectionSettings) -> Result<ConnectionFacts, String> {
    let dialect = dvt_sql::dialect_of(&output.adapter_type)
        .ok_or_else(|| format!("there is no adapter of type `{}`", output.adapter_type))?;
    let mut target = Map::new();
    for (key, value) in settings.expose() {
        if !matches!(key.as_str(), "password" | "pass") {
            target.insert(key.clone(), value.clone());
        }
    }
    if let Some(database) = target.get("dbname").cloned() {
        target.insert("database".to_owned(), database);
    }
    target.entry("schema").or_insert_with(|| Value::from("main"));
    Ok(ConnectionFacts { adapter_types: vec![output.adapter_type.clone()], target, dialect })
}

/// Macros of the case's adapter package: just what parsing calls, so that these tests do not hang on dvt's own package.
fn macros() -> Vec<(String, Vec<(String, String)>)> {
    let text = "
{% macro generate_schema_name(custom_schema_name=none, node=none) -%}
  {%- if custom_schema_name is none -%}{{ target.schema }}{%- else -%}{{ target.schema }}_{{ custom_schema_name | trim }}{%- endif -%}
{%- endmacro %}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- if custom_alias_name -%}{{ custom_alias_name | trim }}
  {%- elif node.version -%}{{ node.name ~ '_v' ~ (node.version | replace('.', '_')) }}
  {%- else -%}{{ node.name }}{%- endif -%}
{%- endmacro %}
{% macro generate_database_name(custom_database_name=none, node=none) -%}
  {%- if custom_database_name is none -%}{{ target.database }}{%- else -%}{{ custom_database_name }}{%- endif -%}
{%- endmacro %}
{% macro get_where_subquery(relation) -%}{% do return(relation) %}{%- endmacro %}
{% test unique(model, column_name) %}select {{ column_name }} from {{ model }}{% endtest %}
{% test not_null(model, column_name) %}select {{ column_name }} from {{ model }}{% endtest %}
{% test accepted_values(model, column_name, values, quote=true) %}select 1 from {{ model }}{% endtest %}
{% test relationships(model, column_name, to, field) %}select 1 from {{ model }}, {{ to }}{% endtest %}
";
    vec![("dbt_case".to_owned(), vec![("case.sql".to_owned(), text.to_owned())])]
}

/// One line per thing, with what the tests are about.
fn summary(project: &Project) -> String {
    let mut text = String::new();
    let manifest = &project.manifest;
    for node in manifest.nodes.values() {
        let _ = write!(text, "{} on {}", node.unique_id, node.connection);
        if let Some(relation) = &node.relation_name {
            let _ = write!(text, " as {relation}");
        }
        text.push('\n');
        let _ = writeln!(text, "  fqn {}", node.fqn.join("."));
        if node.resource_type != dvt_manifest::ResourceType::Test {
            let _ = writeln!(text, "  {}", node.config.materialized());
        }
        if !node.tags.is_empty() {
            let _ = writeln!(text, "  tags {}", node.tags.join(", "));
        }
        if !node.meta.is_empty() {
            let _ = writeln!(text, "  meta {}", Value::Object(node.meta.clone()));
        }
        if !node.description.is_empty() {
            let _ = writeln!(text, "  description {}", node.description.trim());
        }
        if !node.columns.is_empty() {
            let columns: Vec<&str> = node.columns.keys().map(String::as_str).collect();
            let _ = writeln!(text, "  columns {}", columns.join(", "));
        }
        for key in ["pre-hook", "post-hook"] {
            for (sql, _) in node.config.hooks(key) {
                let _ = writeln!(text, "  {key} {sql}");
            }
        }
        if !node.depends_on.nodes.is_empty() {
            let _ = writeln!(text, "  reads {}", node.depends_on.nodes.join(", "));
        }
        let macros: Vec<&str> =
            node.depends_on.macros.iter().map(String::as_str).filter(|name| !name.starts_with("macro.dbt")).collect();
        if !macros.is_empty() {
            let _ = writeln!(text, "  calls {}", macros.join(", "));
        }
    }
    for source in manifest.sources.values() {
        let relation = source.relation_name.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{} on {} as {relation}", source.unique_id, source.connection);
    }
    for exposure in manifest.exposures.values() {
        let _ = writeln!(text, "{} reads {}", exposure.unique_id, exposure.depends_on.nodes.join(", "));
    }
    for unit_test in manifest.unit_tests.values() {
        let _ = writeln!(text, "{} tests {}", unit_test.unique_id, unit_test.depends_on.nodes.join(", "));
    }
    for (id, entries) in &manifest.disabled {
        for entry in entries {
            let what = match entry {
                Disabled::Node(_) => "node",
                Disabled::Source(_) => "source",
                Disabled::Exposure(_) => "exposure",
                Disabled::Semantic(node) => node.resource_type.as_str(),
                Disabled::UnitTest(_) => "unit_test",
            };
            let _ = writeln!(text, "disabled {what} {id}");
        }
    }
    text
}

/// Runs every `goldens/*.project` whose name starts with the prefix.
pub(crate) fn check_goldens(prefix: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut count = 0;
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "project") || !name.starts_with(prefix) {
            continue;
        }
        count += 1;
        let case = Case::new(&std::fs::read_to_string(&path).unwrap());
        let outcome = case.outcome();
        let expected = snapbox::Data::read_from(&path.with_extension("out"), None);
        snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(outcome, expected.raw());
    }
    assert!(count > 0, "no case starts with {prefix}");
}
