//! Sources: from the entries under `sources:` to source tables with their connection.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::connections::Connection;
use super::patch::{Descriptions, read_columns};
use super::properties::PropertyEntry;
use super::session::Session;
use crate::check::Reader;
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::Diagnostic;
use dvt_manifest::{ResourceType, Source, SourceFreshness, SourceQuoting};
use serde_json::{Map, Value};

/// All tables of one source entry. What is wrong with one table does not stop the others.
pub(crate) fn read_source(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Source> {
    if let Some(overrides) = entry.yaml.get_set("overrides") {
        problems.push(
            Diagnostic::error(
                "source-overrides",
                format!("source `{}` has `overrides`, which is not supported", entry.name),
            )
            .label(entry.span(overrides), "dbt has deprecated this key")
            .help("disable the package's source in dbt_project.yml and define it here under a name of its own"),
        );
        return Vec::new();
    }
    let tables: Vec<Yaml> =
        Reader { file: &entry.file, problems }.list(&entry.yaml, "tables").map(<[Yaml]>::to_vec).unwrap_or_default();
    tables.iter().filter_map(|table| read_table(session, entry, table, descriptions, problems)).collect()
}

fn read_table(
    session: &Session<'_>,
    entry: &PropertyEntry,
    table: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Source> {
    let source = &entry.yaml;
    let mut reader = Reader { file: &entry.file, problems };
    let Some(name) = reader.text(table, "name") else {
        reader.problems.push(
            Diagnostic::error("no-name", format!("a table of source `{}` has no `name`", entry.name))
                .label(super::properties::first_line(&entry.file, table), "this table"),
        );
        return None;
    };
    let name_span = table.get("name").map_or_else(|| entry.name_span.clone(), |name| entry.span(name));
    let package_name = session.package_name(entry.package).to_owned();
    let mut fqn = vec![package_name.clone()];
    fqn.extend(entry.folders().map(str::to_owned));
    fqn.push(entry.name.clone());
    fqn.push(name.clone());

    let mut merged = Merged::default();
    let mut layers = session.trees[entry.package].layers(ResourceType::Source, &fqn);
    for yaml in [source, table] {
        if reader.map(yaml, "config").is_some()
            && let Some(config) = yaml.get_set("config")
        {
            layers.push(Layer::from_yaml(&entry.file, config));
        }
    }
    if entry.package != 0 {
        layers.extend(session.trees[0].layers(ResourceType::Source, &fqn));
    }
    layers.iter().for_each(|layer| merged.add(layer));
    let connection = connection_of(session, entry, table, &merged, reader.problems)?;

    let mut source_meta = reader.map(source, "meta").map(map_to_json).unwrap_or_default();
    if let Some(more) = source.get_set("config").and_then(|config| config.get_set("meta")).and_then(Yaml::as_map) {
        source_meta.extend(map_to_json(more));
    }
    let mut meta = source_meta.clone();
    meta.extend(reader.map(table, "meta").map(map_to_json).unwrap_or_default());
    if let Some(Value::Object(more)) = merged.values.get("meta") {
        meta.extend(more.clone());
    }
    merged.values.insert("meta".to_owned(), Value::Object(meta.clone()));
    let mut tags = reader.texts(source, "tags").unwrap_or_default();
    tags.extend(reader.texts(table, "tags").unwrap_or_default());
    tags.extend(merged.values.get("tags").map(super::patch::text_list).unwrap_or_default());
    tags.sort();
    tags.dedup();
    merged.values.insert("tags".to_owned(), Value::from(tags.clone()));

    let freshness = read_freshness(&mut reader, source, table, &merged);
    let mut inherited = |key: &str| {
        let own = reader.text(table, key);
        let of_source = reader.text(source, key);
        own.or(of_source).or_else(|| merged.text(key).map(str::to_owned))
    };
    let loaded_at_field = inherited("loaded_at_field");
    let loaded_at_query = inherited("loaded_at_query");
    let identifier = reader.text(table, "identifier").unwrap_or_else(|| name.clone());
    let schema = reader.text(source, "schema").unwrap_or_else(|| entry.name.clone());
    let database = reader.text(source, "database").filter(|_| connection.facts.dialect.has_database);
    let database = database.or_else(|| connection.default_database());
    let loader = reader.text(source, "loader").unwrap_or_default();
    let quoting = read_quoting(&mut reader, source, table);
    let mut said = merged.values.clone();
    said.insert("freshness".to_owned(), freshness.as_ref().map_or(Value::Null, SourceFreshness::to_json));
    said.insert("loaded_at_field".to_owned(), loaded_at_field.clone().map_or(Value::Null, Value::from));
    said.insert("loaded_at_query".to_owned(), loaded_at_query.clone().map_or(Value::Null, Value::from));
    let before_check = reader.problems.len();
    check_types(&mut merged, &format!("source `{}.{name}`", entry.name), reader.problems);
    if reader.problems.len() > before_check {
        return None;
    }
    let mut source_node = Source {
        unique_id: format!("source.{package_name}.{}.{name}", entry.name),
        source_name: entry.name.clone(),
        package_name,
        path: entry.original_path.clone(),
        original_file_path: entry.original_path.clone(),
        fqn,
        connection: connection.name.clone(),
        database,
        schema,
        identifier,
        relation_name: None,
        quoting,
        source_description: descriptions.read(session, entry, source, problems),
        description: descriptions.read(session, entry, table, problems),
        loader,
        loaded_at_field,
        loaded_at_query,
        freshness,
        external: table.get_set("external").map(Yaml::to_json),
        columns: read_columns(session, entry, table, descriptions, problems),
        meta,
        source_meta,
        tags,
        unrendered_config: merged.values,
        config: with_defaults(ResourceType::Source, said),
        unrendered_database: source.get_set("database").map(|value| as_written(entry, value)),
        unrendered_schema: source.get_set("schema").map(|value| as_written(entry, value)),
        patch_path: None,
        created_at: session.now,
        span: name_span,
        style: session.style(&connection, None),
        name,
    };
    source_node.relation_name = Some(source_node.relation().render());
    Some(source_node)
}

/// A value before its Jinja was rendered.
fn as_written(entry: &PropertyEntry, value: &Yaml) -> String {
    let text = entry.file.text.get(value.range.clone()).unwrap_or_default();
    let inner = ['"', '\''].iter().find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(text).to_owned()
}

/// The four spellings of a connection, the plain one first.
fn spelled(yaml: &Yaml) -> Option<&Yaml> {
    yaml.get_set("connection")
        .or_else(|| yaml.get_set("config")?.get_set("connection"))
        .or_else(|| yaml.get_set("meta")?.get_set("connection"))
        .or_else(|| yaml.get_set("config")?.get_set("meta")?.get_set("connection"))
}

/// Where a source table lives: what the table says, what the source says, what `dbt_project.yml` says, the default.
fn connection_of(
    session: &Session<'_>,
    entry: &PropertyEntry,
    table: &Yaml,
    merged: &Merged,
    problems: &mut Vec<Diagnostic>,
) -> Option<Connection> {
    let place = spelled(table).or_else(|| spelled(&entry.yaml));
    let named = match place {
        Some(place) => match place.scalar_text() {
            Some(name) => Some((name, entry.span(place))),
            None => {
                Reader { file: &entry.file, problems }.wrong_type("connection", "the name of a connection", place);
                return None;
            }
        },
        None => ["connection", "target"].iter().find_map(|key| {
            let name = merged.text(key)?;
            Some((name.to_owned(), merged.spans.get(*key)?.clone()))
        }),
    };
    let result = match &named {
        Some((name, _)) => session.connections.get(name),
        None => session.connections.get(session.connections.default_name()),
    };
    match (result, named) {
        (Ok(connection), _) => Some(connection),
        (Err(mut diagnostic), named) => {
            if let Some((_, span)) = named {
                diagnostic.labels.insert(0, dvt_diagnostics::Label { span, text: "named here".to_owned() });
            }
            problems.push(diagnostic);
            None
        }
    }
}

fn read_quoting(reader: &mut Reader<'_>, source: &Yaml, table: &Yaml) -> SourceQuoting {
    let mut part = |key: &str| {
        let of_table = table.get_set("quoting").and_then(|quoting| reader.boolean(quoting, key));
        of_table.or_else(|| source.get_set("quoting").and_then(|quoting| reader.boolean(quoting, key)))
    };
    SourceQuoting {
        database: part("database"),
        schema: part("schema"),
        identifier: part("identifier"),
        column: part("column"),
    }
}

/// The table's freshness over the source's, threshold by threshold; `freshness: null` on the table switches it off.
fn read_freshness(reader: &mut Reader<'_>, source: &Yaml, table: &Yaml, merged: &Merged) -> Option<SourceFreshness> {
    let is_off = |yaml: &Yaml| {
        yaml.get("freshness").is_some_and(Yaml::is_null)
            || yaml.get_set("config").and_then(|config| config.get("freshness")).is_some_and(Yaml::is_null)
    };
    if is_off(table) || (is_off(source) && table.get("freshness").is_none()) {
        return None;
    }
    let mut freshness = SourceFreshness::default();
    let mut is_said = false;
    for yaml in [source, table] {
        let places = [yaml.get_set("freshness"), yaml.get_set("config").and_then(|config| config.get_set("freshness"))];
        for place in places.into_iter().flatten() {
            if place.as_map().is_none() {
                reader.wrong_type("freshness", "a dictionary", place);
                continue;
            }
            is_said = true;
            for (key, slot) in [("warn_after", &mut freshness.warn_after), ("error_after", &mut freshness.error_after)]
            {
                if let Some(threshold) = place.get_set(key) {
                    *slot = read_threshold(reader, key, threshold);
                }
            }
            if let Some(filter) = reader.text(place, "filter") {
                freshness.filter = Some(filter);
            }
        }
    }
    if !is_said && let Some(Value::Object(map)) = merged.values.get("freshness") {
        freshness.warn_after = map.get("warn_after").and_then(threshold_of_json);
        freshness.error_after = map.get("error_after").and_then(threshold_of_json);
    }
    Some(freshness)
}

fn read_threshold(reader: &mut Reader<'_>, key: &str, threshold: &Yaml) -> Option<(i64, String)> {
    let count = threshold.get_set("count").and_then(|count| count.scalar_text()?.trim().parse::<i64>().ok());
    let period = threshold
        .get_set("period")
        .and_then(Yaml::as_text)
        .filter(|period| matches!(*period, "minute" | "hour" | "day"));
    match (count, period) {
        (Some(count), Some(period)) => Some((count, period.to_owned())),
        _ if threshold.as_map().is_some_and(indexmap::IndexMap::is_empty) => None,
        _ => {
            reader.wrong_type(key, "`{count: <number>, period: minute | hour | day}`", threshold);
            None
        }
    }
}

fn threshold_of_json(value: &Value) -> Option<(i64, String)> {
    let map: &Map<String, Value> = value.as_object()?;
    Some((map.get("count")?.as_i64()?, map.get("period")?.as_str()?.to_owned()))
}
