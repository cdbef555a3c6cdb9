//! What a properties entry says about a node: description, columns, config, versions.

use super::config::Layer;
pub(crate) use super::descriptions::Descriptions;
use super::layering::deep_merge;
use super::properties::PropertyEntry;
use super::session::Session;
use crate::check::Reader;
use crate::yaml::{Yaml, YamlValue, map_to_json};
use dvt_diagnostics::{Diagnostic, Span};
use dvt_manifest::{Column, Node};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Keys that may stand beside `config:` and mean config.
const CONFIG_BESIDE: &[&str] = &["meta", "docs", "group", "access", "contract"];

/// The config of an entry: what stands beside `config:`, then `config:`, then the version's.
pub(crate) fn config_layer(
    entry: &PropertyEntry,
    version: Option<&Yaml>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Layer> {
    let mut reader = Reader { file: &entry.file, problems };
    let mut layer = match reader.map(&entry.yaml, "config").and(entry.yaml.get_set("config")) {
        Some(config) => Layer::from_yaml(&entry.file, config),
        None => Layer::default(),
    };
    let keys = entry.yaml.as_map().into_iter().flatten();
    for (key, value) in keys.filter(|(key, _)| CONFIG_BESIDE.contains(&key.as_str())) {
        let place = Span::new(&entry.file, value.key_range.clone());
        if let Some((_, _, other)) = layer.entries.iter().find(|(known, _, _)| known == key) {
            reader.problems.push(
                Diagnostic::error(
                    "property-twice",
                    format!(
                        "In {}: found {key} dictionary in 'config' dictionary and as top-level key. Remove the top-level \
                         key and define it under 'config' dictionary only.",
                        entry.original_path
                    ),
                )
                .label(place, "beside `config:`")
                .label(other.clone(), "and below it"),
            );
        } else if !value.value.is_null() {
            layer.entries.push((key.clone(), value.value.to_json(), place));
        }
    }
    if let Some(version) = version
        && reader.map(version, "config").is_some()
        && let Some(config) = version.get_set("config")
    {
        for (key, value, span) in Layer::from_yaml(&entry.file, config).entries {
            match layer.entries.iter_mut().find(|(known, _, _)| *known == key) {
                Some((_, old, place)) => {
                    let (mut both, new) = (Map::new(), Map::from_iter([(key.clone(), value)]));
                    both.insert(key.clone(), std::mem::take(old));
                    deep_merge(&mut both, &new);
                    *old = both.shift_remove(&key).unwrap_or_default();
                    *place = span;
                }
                None => layer.entries.push((key, value, span)),
            }
        }
    }
    (!layer.entries.is_empty()).then_some(layer)
}

/// Whether the entry says config beside `config:`.
pub(crate) fn patches_config(entry: &PropertyEntry) -> bool {
    CONFIG_BESIDE.iter().any(|key| entry.yaml.get_set(key).is_some())
}

/// The same as it is written: what dbt compares between two runs. Of a version, only its own.
pub(crate) fn written_config(entry: &PropertyEntry, version: Option<&Yaml>) -> Option<Map<String, Value>> {
    version.unwrap_or(&entry.written).get_set("config").and_then(Yaml::as_map).map(map_to_json)
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
        let mut config = reader.map(item, "config").map(map_to_json).unwrap_or_default();
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
        // dbt keeps these two of a column's config, with what stands beside it.
        config.retain(|key, _| matches!(key.as_str(), "meta" | "tags"));
        config.insert("meta".to_owned(), Value::Object(meta.clone()));
        config.insert("tags".to_owned(), Value::from(tags.clone()));
        let constraints: Vec<Value> =
            reader.list(item, "constraints").map(|items| items.iter().map(Yaml::to_json).collect()).unwrap_or_default();
        super::contracts::check_column(
            &name,
            &constraints,
            &super::properties::first_line(&entry.file, item),
            reader.problems,
        );
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
        let description = descriptions.read_with_blocks(session, entry, item, problems);
        let (dimension, entity) = super::semantic::column_semantics(item);
        columns.insert(
            name.clone(),
            Column {
                name,
                description: description.text,
                data_type,
                quote,
                tags,
                meta,
                constraints,
                config,
                granularity,
                dimension,
                entity,
                doc_blocks: description.doc_blocks,
                extra,
            },
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

/// Whether a version has a column of its model: the first `include` and `exclude` below its columns says so.
pub(crate) fn includes(version: &Yaml, column: &str) -> bool {
    let items = version.get_set("columns").and_then(Yaml::as_list).unwrap_or_default();
    let rule = items.iter().find(|item| item.get("include").is_some() || item.get("exclude").is_some());
    let names = |yaml: &Yaml| match &yaml.value {
        YamlValue::List(items) => items.iter().filter_map(Yaml::scalar_text).collect::<Vec<_>>(),
        _ => yaml.scalar_text().into_iter().collect(),
    };
    let included = rule.and_then(|rule| rule.get_set("include")).map(names).unwrap_or_else(|| vec!["*".to_owned()]);
    let excluded = rule.and_then(|rule| rule.get_set("exclude")).map(names).unwrap_or_default();
    let is_included = included.iter().any(|wanted| wanted == "*" || wanted == "all" || wanted == column);
    is_included && !excluded.iter().any(|name| name == column)
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
    if version.get_set("columns").is_none() {
        return base;
    }
    let mut columns: IndexMap<String, Column> = base.into_iter().filter(|(name, _)| includes(version, name)).collect();
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
    let as_written = descriptions.as_written();
    let descriptions = if node.config.enabled() { descriptions } else { &as_written };
    node.patch_path = Some(format!("{}://{}", session.package_name(entry.package), entry.original_path));
    let description = descriptions.read_with_blocks(session, entry, &entry.yaml, problems);
    (node.description, node.doc_blocks) = (description.text, description.doc_blocks);
    node.columns = match version {
        Some(version) => {
            let own = descriptions.read_with_blocks(session, entry, version, problems);
            if !own.text.is_empty() {
                (node.description, node.doc_blocks) = (own.text, own.doc_blocks);
            }
            version_columns(session, entry, version, descriptions, problems)
        }
        None => read_columns(session, entry, &entry.yaml, descriptions, problems),
    };
    let mut reader = Reader { file: &entry.file, problems };
    if let Some(date) = reader.text(version.unwrap_or(&entry.yaml), "deprecation_date") {
        let meant = super::dates::normal_date(&date);
        session.files.note_date(&date, &meant);
        node.deprecation_date = Some(meant);
    }
}
