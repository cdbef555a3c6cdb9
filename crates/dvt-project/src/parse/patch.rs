//! What a properties entry says about a node: description, columns, config, versions.

use super::config::Layer;
use super::properties::PropertyEntry;
use super::session::Session;
use crate::check::Reader;
use crate::render::ValueRenderer;
use crate::yaml::{Yaml, YamlValue, map_to_json};
use dvt_diagnostics::{Diagnostic, Span};
use dvt_jinja::ValueMode;
use dvt_manifest::{Column, Doc, Node, UniqueId};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Keys that may stand beside `config:` and mean config.
const CONFIG_BESIDE: &[&str] = &["meta", "docs", "group", "access", "contract"];

/// The config of an entry: what stands beside `config:`, then `config:`, then the version's.
pub(crate) fn config_layers(
    entry: &PropertyEntry,
    version: Option<&Yaml>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    for yaml in [Some(&entry.yaml), version].into_iter().flatten() {
        if let Some(map) = yaml.as_map() {
            // dbt reads no tags here, and says nothing about it.
            if let Some(tags) = map.get("tags") {
                problems.push(
                    Diagnostic::warning("tags-not-read", format!("the `tags` of `{}` are not read here", entry.name))
                        .label(Span::new(&entry.file, tags.key_range.clone()), "not below `config:`")
                        .help("move them below `config:`"),
                );
            }
            let beside = map
                .iter()
                .filter(|(key, entry)| CONFIG_BESIDE.contains(&key.as_str()) && !entry.value.is_null())
                .map(|(key, value)| {
                    (key.clone(), value.value.to_json(), Span::new(&entry.file, value.key_range.clone()))
                })
                .collect();
            layers.push(Layer { entries: beside });
        }
        let mut reader = Reader { file: &entry.file, problems };
        if reader.map(yaml, "config").is_some()
            && let Some(config) = yaml.get_set("config")
        {
            layers.push(Layer::from_yaml(&entry.file, config));
        }
    }
    layers
}

/// Renders descriptions, where `doc('name')` gives a docs block.
pub(crate) struct Descriptions<'a> {
    pub(crate) docs: &'a IndexMap<UniqueId, Doc>,
    /// One for each package.
    pub(crate) renderers: &'a [ValueRenderer],
}

impl Descriptions<'_> {
    /// The description under `description:`; empty when there is none.
    pub(crate) fn read(
        &self,
        session: &Session<'_>,
        entry: &PropertyEntry,
        yaml: &Yaml,
        problems: &mut Vec<Diagnostic>,
    ) -> String {
        let Some(place) = yaml.get_set("description") else { return String::new() };
        let Some(text) = place.scalar_text() else {
            Reader { file: &entry.file, problems }.wrong_type("description", "a text", place);
            return String::new();
        };
        self.render(session, entry.package, &text, &entry.span(place), problems)
    }

    pub(crate) fn render(
        &self,
        session: &Session<'_>,
        package: usize,
        text: &str,
        place: &Span,
        problems: &mut Vec<Diagnostic>,
    ) -> String {
        let mut rendered = String::with_capacity(text.len());
        let mut rest = text;
        // Docs blocks are put in by hand, since a block's text must not be rendered again.
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let inner = rest[start + 2..start + length].trim().trim_matches('-').trim();
            let whole = &rest[start..start + length + 2];
            rendered.push_str(&rest[..start]);
            rest = &rest[start + length + 2..];
            match doc_arguments(inner) {
                Some((doc_package, name)) => match self.find(session, package, doc_package, name) {
                    Some(doc) => rendered.push_str(&doc.block_contents),
                    None => problems.push(
                        Diagnostic::error("unknown-doc", format!("there is no docs block named `{name}`"))
                            .label(place.clone(), "asked for here")
                            .help(format!(
                                "write `{{% docs {name} %}} … {{% enddocs %}}` in a .md file of the project"
                            )),
                    ),
                },
                None => match self.renderers[package].text(whole, place, ValueMode::Text) {
                    Ok(Value::String(text)) => rendered.push_str(&text),
                    Ok(other) => rendered.push_str(&other.to_string()),
                    Err(diagnostic) => problems.push(diagnostic),
                },
            }
        }
        rendered.push_str(rest);
        rendered
    }

    fn find(&self, session: &Session<'_>, package: usize, doc_package: Option<&str>, name: &str) -> Option<&Doc> {
        let get = |package: &str| self.docs.get(&format!("doc.{package}.{name}"));
        match doc_package {
            Some(doc_package) => get(doc_package),
            None => get(session.package_name(package))
                .or_else(|| get(session.root_name()))
                .or_else(|| self.docs.values().find(|doc| doc.name == name)),
        }
    }
}

/// `doc('name')` or `doc('package', 'name')`.
fn doc_arguments(expression: &str) -> Option<(Option<&str>, &str)> {
    let inner = expression.strip_prefix("doc")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let texts: Option<Vec<&str>> = inner
        .split(',')
        .map(|argument| {
            let argument = argument.trim();
            let quote = argument.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            argument.strip_prefix(quote)?.strip_suffix(quote)
        })
        .collect();
    match texts?.as_slice() {
        [name] => Some((None, name)),
        [package, name] => Some((Some(package), name)),
        _ => None,
    }
}

/// Columns with their descriptions.
pub(crate) fn read_columns(
    session: &Session<'_>,
    entry: &PropertyEntry,
    yaml: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<String, Column> {
    const KNOWN: &[&str] = &[
        "name",
        "description",
        "data_type",
        "quote",
        "tags",
        "meta",
        "config",
        "constraints",
        "granularity",
        "tests",
        "data_tests",
        "docs",
        "include",
        "exclude",
        "dimension",
        "entity",
    ];
    let mut columns = IndexMap::new();
    let items: Vec<Yaml> =
        Reader { file: &entry.file, problems }.list(yaml, "columns").map(<[Yaml]>::to_vec).unwrap_or_default();
    for item in &items {
        if item.get("include").is_some() && item.get("name").is_none() {
            continue;
        }
        let mut reader = Reader { file: &entry.file, problems };
        let Some(name) = reader.text(item, "name") else {
            reader.problems.push(
                Diagnostic::error("no-name", format!("a column of `{}` has no `name`", entry.name))
                    .label(super::properties::first_line(&entry.file, item), "this column"),
            );
            continue;
        };
        let config = reader.map(item, "config").map(map_to_json).unwrap_or_default();
        let mut meta = reader.map(item, "meta").map(map_to_json).unwrap_or_default();
        if let Some(Value::Object(more)) = config.get("meta") {
            meta.extend(more.clone());
        }
        let mut tags = reader.texts(item, "tags").unwrap_or_default();
        for tag in config.get("tags").map(text_list).unwrap_or_default() {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let constraints =
            reader.list(item, "constraints").map(|items| items.iter().map(Yaml::to_json).collect()).unwrap_or_default();
        let data_type = reader.text(item, "data_type");
        let quote = reader.boolean(item, "quote");
        let granularity = reader.text(item, "granularity");
        let extra: Map<String, Value> = item
            .as_map()
            .map(|map| {
                map.iter()
                    .filter(|(key, _)| !KNOWN.contains(&key.as_str()))
                    .map(|(key, entry)| (key.clone(), entry.value.to_json()))
                    .collect()
            })
            .unwrap_or_default();
        let description = descriptions.read(session, entry, item, problems);
        columns.insert(
            name.clone(),
            Column { name, description, data_type, quote, tags, meta, constraints, config, granularity, extra },
        );
    }
    columns
}

pub(crate) fn text_list(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The columns of a version: those of the model that it includes, then its own.
pub(crate) fn version_columns(
    session: &Session<'_>,
    entry: &PropertyEntry,
    version: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<String, Column> {
    let base = read_columns(session, entry, &entry.yaml, descriptions, problems);
    let Some(items) = version.get_set("columns").and_then(Yaml::as_list) else { return base };
    let names = |yaml: &Yaml| match &yaml.value {
        YamlValue::List(items) => items.iter().filter_map(Yaml::scalar_text).collect::<Vec<_>>(),
        _ => yaml.scalar_text().into_iter().collect(),
    };
    let mut columns = IndexMap::new();
    let rule = items.iter().find(|item| item.get("include").is_some() || item.get("exclude").is_some());
    let included = rule.and_then(|rule| rule.get_set("include")).map(names).unwrap_or_else(|| vec!["*".to_owned()]);
    let excluded = rule.and_then(|rule| rule.get_set("exclude")).map(names).unwrap_or_default();
    for (name, column) in base {
        let is_included = included.iter().any(|wanted| wanted == "*" || wanted == "all" || *wanted == name);
        if is_included && !excluded.contains(&name) {
            columns.insert(name, column);
        }
    }
    columns.extend(read_columns(session, entry, version, descriptions, problems));
    columns
}

/// Puts what the entry says on the node (its config was merged before).
pub(crate) fn apply(
    session: &Session<'_>,
    node: &mut Node,
    entry: &PropertyEntry,
    version: Option<&Yaml>,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    node.patch_path = Some(format!("{}://{}", session.package_name(entry.package), entry.original_path));
    node.description = descriptions.read(session, entry, &entry.yaml, problems);
    node.columns = match version {
        Some(version) => {
            let own = descriptions.read(session, entry, version, problems);
            if !own.is_empty() {
                node.description = own;
            }
            version_columns(session, entry, version, descriptions, problems)
        }
        None => read_columns(session, entry, &entry.yaml, descriptions, problems),
    };
    for yaml in [Some(&entry.yaml), version].into_iter().flatten() {
        let mut reader = Reader { file: &entry.file, problems };
        if let Some(constraints) = reader.list(yaml, "constraints") {
            node.constraints = constraints.iter().map(Yaml::to_json).collect();
        }
        if let Some(date) = reader.text(yaml, "deprecation_date") {
            node.deprecation_date = Some(date);
        }
    }
}
