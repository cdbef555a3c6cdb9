//! Generic tests in properties files: from an item under `data_tests` to dbt's name, id and code.
//!
//! Source: dbt docs, "Data test configurations"; the names and hashes are those that dbt's manifests show.

use super::properties::first_line;
use super::python_text::{python_repr, python_str};
use crate::yaml::{Yaml, YamlValue};
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a test tests.
#[derive(Clone, Debug)]
pub(crate) enum TestedThing {
    /// A model, seed or snapshot by name, with a version.
    Node {
        name: String,
        version: Option<Value>,
    },
    SourceTable {
        source: String,
        table: String,
    },
}

/// A generic test as it was written.
#[derive(Clone, Debug)]
pub(crate) struct GenericTest {
    /// `None` for a test of the whole relation.
    pub(crate) column_name: Option<String>,
    pub(crate) namespace: Option<String>,
    /// `unique`, `relationships`, ….
    pub(crate) name: String,
    /// With `column_name` and `model`, in dbt's order.
    pub(crate) kwargs: Map<String, Value>,
    /// Config with the places that say it.
    pub(crate) config: Vec<(String, Value, Span)>,
    pub(crate) description: String,
    /// The node's name: dbt's full name.
    pub(crate) node_name: String,
    /// The file name under `target/compiled`, and the alias: at most 63 characters.
    pub(crate) short_name: String,
    /// Where it stands in the properties file.
    pub(crate) span: Span,
    /// The name as it is written, with its namespace.
    pub(crate) written_name: String,
    /// Config that stands beside `config:`, with its places.
    pub(crate) loose_config: Vec<(String, Span)>,
    /// Arguments stand beside `arguments:`.
    pub(crate) has_loose_arguments: bool,
    /// There is an `arguments:` that is taken for an argument.
    pub(crate) has_arguments_key: bool,
}

/// What the project's flags say about tests.
#[derive(Clone, Copy)]
pub(crate) struct TestRules {
    /// `arguments:` holds the arguments (`require_generic_test_arguments_property`).
    pub(crate) takes_arguments: bool,
}

fn twice(place: Span, other: Span) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(
            "test-definition",
            format!(
                "Invalid generic test configuration given in {}: Test cannot have the same key at the top-level and in \
                 config",
                place.file.path
            ),
        )
        .label(place, "said here")
        .label(other, "and here")
        .help("keep it below `config:`"),
    )
}

/// Keys of a test that are config, also outside of `config:`.
const CONFIG_KEYS: &[&str] = &[
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "sql_header",
    "meta",
    "database",
    "schema",
    "alias",
];

impl GenericTest {
    /// Reads one item of `data_tests`: a name, or a dictionary with the name as its key, or with `test_name`.
    pub(crate) fn read(
        file: &Arc<SourceFile>,
        item: &Yaml,
        tested: &TestedThing,
        column: Option<(&str, bool)>,
        rules: TestRules,
    ) -> Result<Self, Box<Diagnostic>> {
        let place = first_line(file, item);
        let wrong = |message: String, place: Span| {
            Box::new(
                Diagnostic::error(
                    "test-definition",
                    format!("Invalid generic test configuration given in {}: {message}", file.path),
                )
                .label(place, "this test")
                .help("write `- unique`, or `- accepted_values:` with its arguments below it"),
            )
        };
        let (full, mut arguments, name_span) = match &item.value {
            YamlValue::Text(name) => (name.clone(), Yaml::null(), item.span(file)),
            YamlValue::Map(map) => match (map.get("test_name"), map.iter().next()) {
                (Some(name), _) => {
                    let Some(text) = name.value.as_text() else {
                        return Err(wrong("test name must be a str".to_owned(), place));
                    };
                    let mut rest = map.clone();
                    rest.shift_remove("test_name");
                    let rest = Yaml { value: YamlValue::Map(rest), range: item.range.clone() };
                    (text.to_owned(), rest, name.value.span(file))
                }
                (None, Some((name, entry))) if map.len() == 1 => {
                    (name.clone(), entry.value.clone(), Span::new(file, entry.key_range.clone()))
                }
                _ => {
                    let keys: Vec<&str> = map.keys().map(String::as_str).collect();
                    return Err(wrong(
                        format!(
                            "test definition dictionary must have exactly one key, got {} instead ({} keys)",
                            crate::wording::list(&keys),
                            keys.len()
                        ),
                        place,
                    )
                    .into_indentation_help());
                }
            },
            _ => return Err(wrong(format!("test must be dict or str, got {}", item.kind()), place)),
        };
        if arguments.is_null() {
            arguments = Yaml { value: YamlValue::Map(indexmap::IndexMap::new()), range: item.range.clone() };
        }
        let Some(map) = arguments.as_map() else {
            return Err(wrong(
                format!("test arguments must be a dict, got {} (of test `{full}`)", arguments.kind()),
                place,
            ));
        };
        let (namespace, name) = match full.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
            None => (None, full.clone()),
        };
        let mut kwargs = Map::new();
        let mut arguments = Map::new();
        let mut config: Vec<(String, Value, Span)> = Vec::new();
        let mut custom_name = None;
        let mut description = String::new();
        let mut loose = Vec::new();
        // What stands below `arguments:` counts like what stands beside it, and comes last.
        let below = match map.get("arguments").filter(|_| rules.takes_arguments).map(|entry| &entry.value.value) {
            Some(YamlValue::Map(below)) => Some(below),
            _ => None,
        };
        let beside = map.iter().filter(|(key, _)| !rules.takes_arguments || *key != "arguments");
        let all = beside.map(|item| (item, false)).chain(below.into_iter().flatten().map(|item| (item, true)));
        for ((key, entry), is_below) in all {
            let key_span = Span::new(file, entry.key_range.clone());
            match (key.as_str(), &entry.value.value) {
                ("name", _) => custom_name = entry.value.scalar_text(),
                ("description", _) => description = entry.value.scalar_text().unwrap_or_default(),
                ("config", YamlValue::Map(values)) => {
                    for (key, entry) in values.iter().filter(|(_, entry)| !entry.value.is_null()) {
                        let place = Span::new(file, entry.key_range.clone());
                        if let Some((_, _, other)) = config.iter().find(|(known, _, _)| known == key) {
                            return Err(twice(place, other.clone()));
                        }
                        config.push((key.clone(), entry.value.to_json(), place));
                    }
                }
                ("config", YamlValue::Null) => {}
                ("config", _) => {
                    return Err(wrong(format!("'config' must be a dict, got {}", entry.value.kind()), key_span));
                }
                (key, _) if CONFIG_KEYS.contains(&key) => {
                    if let Some((_, _, other)) = config.iter().find(|(known, _, _)| known == key) {
                        return Err(twice(key_span, other.clone()));
                    }
                    if !entry.value.is_null() {
                        config.push((key.to_owned(), entry.value.to_json(), key_span.clone()));
                    }
                    if rules.takes_arguments && !is_below {
                        loose.push((key.to_owned(), key_span));
                    }
                }
                _ if is_below => {
                    arguments.insert(key.clone(), entry.value.to_json());
                }
                _ => {
                    kwargs.insert(key.clone(), entry.value.to_json());
                }
            }
        }
        let has_loose_arguments =
            rules.takes_arguments && below.is_none_or(indexmap::IndexMap::is_empty) && !kwargs.is_empty();
        let has_arguments_key = !rules.takes_arguments && kwargs.contains_key("arguments");
        let mut quoted_name = None;
        if let Some((column_name, is_quoted)) = column {
            let column_name = if is_quoted { format!("\"{column_name}\"") } else { column_name.to_owned() };
            quoted_name = Some(column_name.clone());
            kwargs.insert("column_name".to_owned(), Value::String(column_name));
        }
        kwargs.extend(arguments);
        if kwargs.contains_key("model") {
            return Err(wrong("Test arguments include \"model\", which is a reserved argument".to_owned(), place));
        }
        kwargs.insert("model".to_owned(), Value::String(tested.model_text()));
        let (short_name, node_name) = match custom_name {
            Some(name) => (name.clone(), name),
            None => {
                let mut test_type = match tested {
                    TestedThing::Node { .. } => name.clone(),
                    TestedThing::SourceTable { .. } => format!("source_{name}"),
                };
                if let Some(namespace) = &namespace {
                    test_type = format!("{namespace}_{test_type}");
                }
                synthesize_names(&test_type, &tested.short_text(), &kwargs)
            }
        };
        // dbt's order, which its `raw_code` shows.
        config
            .sort_by_key(|(key, _, _)| CONFIG_KEYS.iter().position(|known| known == key).unwrap_or(CONFIG_KEYS.len()));
        if short_name != node_name && !config.iter().any(|(key, _, _)| key == "alias") {
            config.push(("alias".to_owned(), Value::String(short_name.clone()), name_span.clone()));
        }
        Ok(Self {
            column_name: quoted_name,
            namespace,
            name,
            kwargs,
            config,
            description,
            node_name,
            short_name,
            span: name_span,
            written_name: full,
            loose_config: loose,
            has_loose_arguments,
            has_arguments_key,
        })
    }

    /// The last part of the unique id: ten hexadecimal digits of the name and what dbt calls the test's metadata.
    pub(crate) fn hash(&self) -> String {
        let metadata = json!({
            "kwargs": hashable(&Value::Object(self.kwargs.clone())),
            "name": self.name,
            "namespace": self.namespace.clone().unwrap_or_else(|| "None".to_owned()),
        });
        let digest = md5_hex(&format!("{}{}", self.node_name, python_repr(&metadata)));
        digest[digest.len() - 10..].to_owned()
    }

    /// The macro, as it is called: `test_unique`, `dbt_utils.test_at_least_one`.
    pub(crate) fn macro_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}.test_{}", self.name),
            None => format!("test_{}", self.name),
        }
    }

    /// dbt's `raw_code`.
    pub(crate) fn raw_code(&self) -> String {
        let config: Vec<String> = self
            .config
            .iter()
            .map(|(key, value, _)| match value {
                Value::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
                other => format!("{key}={}", python_str(other)),
            })
            .collect();
        let call = format!("{{{{ {}(**_dbt_generic_test_kwargs) }}}}", self.macro_name());
        if config.is_empty() { call } else { format!("{call}{{{{ config({}) }}}}", config.join(",")) }
    }

    /// What is rendered: the same call with the arguments written out as Jinja, so that `ref('x')` and `"{{ … }}"` are
    /// evaluated where dbt evaluates them.
    pub(crate) fn template(&self) -> String {
        let mut prelude = String::new();
        let arguments: Vec<String> =
            self.kwargs.iter().map(|(name, value)| format!("{name}={}", expression(value, &mut prelude))).collect();
        format!("{prelude}{{{{ {}({}) }}}}", self.macro_name(), arguments.join(", "))
    }
}

impl TestedThing {
    fn model_text(&self) -> String {
        let target = match self {
            Self::Node { name, version: None } => format!("ref('{name}')"),
            Self::Node { name, version: Some(version) } => {
                format!("ref('{name}', version='{}')", dvt_manifest::version_text(version))
            }
            Self::SourceTable { source, table } => format!("source('{source}', '{table}')"),
        };
        format!("{{{{ get_where_subquery({target}) }}}}")
    }

    fn short_text(&self) -> String {
        match self {
            Self::Node { name, version: None } => name.clone(),
            Self::Node { name, version: Some(version) } => format!("{name}_v{}", dvt_manifest::version_text(version)),
            Self::SourceTable { source, table } => format!("{source}_{table}"),
        }
    }
}

/// A value as a Jinja expression. A text that mixes Jinja with other text is captured first, in the prelude.
fn expression(value: &Value, prelude: &mut String) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text_expression(text, prelude),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| expression(item, prelude)).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", literal(key), expression(value, prelude))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn text_expression(text: &str, prelude: &mut String) -> String {
    let trimmed = text.trim();
    let is_call = ["env_var", "ref", "var", "source", "doc"].iter().any(|name| {
        trimmed.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('(') && rest.ends_with(')'))
    });
    if is_call {
        return trimmed.to_owned();
    }
    if let Some(inner) = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))
        && !inner.contains("{{")
        && !inner.contains("}}")
        && !inner.contains("{%")
        && text == trimmed
    {
        let inner = inner.strip_prefix('-').unwrap_or(inner);
        return format!("({})", inner.strip_suffix('-').unwrap_or(inner).trim());
    }
    if text.contains("{{") || text.contains("{%") || text.contains("{#") {
        let name = format!("dvt_argument_{}", prelude.matches("{% endset %}").count());
        prelude.push_str(&format!("{{% set {name} %}}{text}{{% endset %}}"));
        return name;
    }
    literal(text)
}

/// A text as a Jinja string literal.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// Keys sorted, and every scalar as the text Python's `str` gives.
fn hashable(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|key| (key.clone(), hashable(&map[key]))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(hashable).collect()),
        scalar => Value::String(python_str(scalar)),
    }
}

/// dbt's short and full name. A full name of 64 characters or more is cut to 30 of its start and a hash.
fn synthesize_names(test_type: &str, tested: &str, kwargs: &Map<String, Value>) -> (String, String) {
    let mut names: Vec<&String> = kwargs.keys().filter(|name| *name != "model").collect();
    names.sort();
    let mut parts = Vec::new();
    for name in names {
        match &kwargs[name] {
            Value::Object(map) => parts.extend(map.values().map(python_str)),
            Value::Array(items) => parts.extend(items.iter().map(python_str)),
            scalar => parts.push(python_str(scalar)),
        }
    }
    let clean: Vec<String> = parts.iter().map(|part| clean_argument(part)).collect();
    let identifier = format!("{test_type}_{tested}");
    let full = format!("{identifier}_{}", clean.join("__"));
    if full.chars().count() >= 64 {
        let start: String = identifier.chars().take(30).collect();
        (format!("{start}_{}", md5_hex(&full)), full)
    } else {
        (full.clone(), full)
    }
}

/// Each run of characters that are no ASCII letters, digits or underscores becomes one underscore.
fn clean_argument(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut in_run = false;
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            clean.push(character);
            in_run = false;
        } else if !in_run {
            clean.push('_');
            in_run = true;
        }
    }
    clean
}

pub(crate) fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

trait IndentationHelp {
    fn into_indentation_help(self) -> Self;
}

impl IndentationHelp for Box<Diagnostic> {
    /// The usual cause of several names: arguments that are not indented below the test's name.
    fn into_indentation_help(mut self) -> Self {
        self.help = vec!["indent the arguments below the test's name".to_owned()];
        self
    }
}
