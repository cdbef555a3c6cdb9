//! Sources: from the entries under `sources:` to source tables with their connection.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::connections::Connection;
use super::external::external_location;
use super::patch::{Descriptions, read_columns};
use super::properties::PropertyEntry;
use super::session::Session;
use crate::check::Reader;
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_manifest::{ResourceType, Source, SourceFreshness, SourceQuoting, Threshold};
use serde_json::{Map, Value, json};

/// All tables of one source entry. What is wrong with one table does not stop the others.
pub(crate) fn read_source(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Source> {
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

    let patch = patch_layer(&mut reader, entry, table)?;
    let trees = (&session.trees[entry.package], &session.trees[0]);
    let root = |layers: Vec<Layer>| if entry.package == 0 { Vec::new() } else { layers };
    let mut layers = trees.0.layers(ResourceType::Source, &fqn);
    layers.push(trees.0.translate(patch.clone()));
    layers.extend(root(trees.1.layers(ResourceType::Source, &fqn)));
    let mut merged = Merged::of(ResourceType::Source);
    layers.iter().for_each(|layer| merged.add(layer));
    let mut written = trees.0.written_layers(ResourceType::Source, &fqn);
    written.push(trees.0.translate(patch));
    written.extend(root(trees.1.written_layers(ResourceType::Source, &fqn)));
    let unrendered_config: Map<String, Value> =
        written.into_iter().flat_map(|layer| layer.entries).map(|(key, value, _)| (key, value)).collect();
    let connection = connection_of(session, entry, table, &merged, reader.problems)?;
    let mut source_meta = reader.map(source, "meta").map(map_to_json).unwrap_or_default();
    source_meta.extend(config_of(source, "meta").and_then(Yaml::as_map).map(map_to_json).unwrap_or_default());
    let before_check = reader.problems.len();
    check_types(&mut merged, &format!("source `{}.{name}`", entry.name), reader.problems);
    if reader.problems.len() > before_check {
        return None;
    }
    let meta = merged.values.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    let tags = merged.values.get("tags").map(super::patch::text_list).unwrap_or_default();
    let freshness = match merged.values.get("freshness") {
        Some(Value::Null) => None,
        Some(said) => Some(freshness_of_json(said)),
        None => Some(SourceFreshness::default()),
    };
    let loaded_at_field = merged.text("loaded_at_field").map(str::to_owned);
    let loaded_at_query = merged.text("loaded_at_query").map(str::to_owned);
    let is_fresh = freshness.as_ref().is_some_and(SourceFreshness::has_threshold);
    let knows_changes =
        ["snowflake", "bigquery", "redshift", "databricks"].iter().any(|known| connection.adapter_type() == *known);
    if is_fresh && loaded_at_field.is_none() && loaded_at_query.is_none() && !knows_changes {
        let message = format!(
            "The configured adapter does not support metadata-based freshness. A loaded_at_field must be specified for \
             source '{}.{name}'.",
            entry.name
        );
        reader.problems.push(
            Diagnostic::warning("freshness", message.clone())
                .label(name_span.clone(), "this table")
                .event(Event::new(kinds::FRESHNESS_CONFIG_PROBLEM, message.clone()).with("msg", message)),
        );
    }
    let identifier = reader.text(table, "identifier").unwrap_or_else(|| name.clone());
    let text = |reader: &mut Reader<'_>, key: &str| {
        let alias = connection.aliases().iter().find(|(alias, own)| *own == key && source.get_set(alias).is_some());
        reader.text(source, alias.map_or(key, |(alias, _)| alias)).filter(|text| !text.is_empty())
    };
    let schema = text(&mut reader, "schema").unwrap_or_else(|| entry.name.clone());
    let database = text(&mut reader, "database").filter(|_| connection.facts.dialect.has_database);
    let database = database.or_else(|| connection.default_database());
    let loader = reader.text(source, "loader").unwrap_or_default();
    let quoting = read_quoting(&mut reader, source, table);
    let mut said = merged.values.clone();
    said.insert("freshness".to_owned(), freshness.as_ref().map_or(Value::Null, SourceFreshness::to_json));
    let unrendered = descriptions.as_written();
    let is_enabled = merged.values.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let descriptions = if is_enabled { descriptions } else { &unrendered };
    let description = descriptions.read_with_blocks(session, entry, table, problems);
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
        description: description.text,
        doc_blocks: description.doc_blocks,
        loader,
        loaded_at_field,
        loaded_at_query,
        freshness,
        external: table.get_set("external").map(external),
        external_location: None,
        columns: read_columns(session, entry, table, descriptions, problems),
        meta,
        source_meta,
        tags,
        unrendered_config,
        config: with_defaults(ResourceType::Source, said),
        unrendered_database: entry.written.get_set("database").and_then(Yaml::scalar_text),
        unrendered_schema: entry.written.get_set("schema").and_then(Yaml::scalar_text),
        patch_path: None,
        created_at: session.now,
        span: name_span,
        style: session.style(&connection, None),
        name,
    };
    if connection.facts.adapter_types.iter().any(|kind| kind == "duckdb") {
        match external_location(&source_node) {
            Ok(location) => source_node.external_location = location,
            Err(reason) => {
                let place = source_node.span.clone();
                let what = format!("the external_location of source `{}.{}`", entry.name, source_node.name);
                problems.push(
                    Diagnostic::error("external-location", format!("{what}: {reason}")).label(place, "this table"),
                );
                return None;
            }
        }
    }
    // As in dbt, the artifact names it with the project's `quoting`, and what reads it does without.
    source_node.relation_name = Some(source_node.relation().render());
    source_node.style = Session::style_of(&connection);
    Some(source_node)
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

/// `config.<key>` of a source or table.
fn config_of<'y>(yaml: &'y Yaml, key: &str) -> Option<&'y Yaml> {
    yaml.get_set("config")?.get_set(key)
}

/// What the source and the table say as config, the table over the source, with what stands beside `config:`.
fn patch_layer(reader: &mut Reader<'_>, entry: &PropertyEntry, table: &Yaml) -> Option<Layer> {
    let source = &entry.yaml;
    let mut layer = Layer::default();
    let place = |yaml: &Yaml| entry.span(yaml);
    for yaml in [source, table] {
        if reader.map(yaml, "config").is_none() {
            continue;
        }
        let Some(config) = yaml.get_set("config") else { continue };
        for (key, value, span) in Layer::from_yaml(&entry.file, config).entries {
            layer.entries.retain(|(known, _, _)| *known != key);
            layer.entries.push((key, value, span));
        }
    }
    layer.entries.retain(|(key, _, _)| {
        !matches!(key.as_str(), "freshness" | "loaded_at_field" | "loaded_at_query" | "meta" | "tags")
    });
    let here = place(table);
    match freshness(reader, source, table) {
        Said::Nothing => {}
        Said::Off => layer.entries.push(("freshness".to_owned(), Value::Null, here.clone())),
        Said::Threshold(said) => layer.entries.push(("freshness".to_owned(), said.to_json(), here.clone())),
    }
    let (field, query) = loaded_at(reader, entry, table)?;
    let mut add = |key: &str, value: Value| layer.entries.push((key.to_owned(), value, here.clone()));
    add("loaded_at_field", field.map_or(Value::Null, Value::from));
    add("loaded_at_query", query.map_or(Value::Null, Value::from));
    let mut meta = Map::new();
    let mut tags = Vec::new();
    for yaml in [source, table] {
        meta.extend(reader.map(yaml, "meta").map(map_to_json).unwrap_or_default());
        meta.extend(config_of(yaml, "meta").and_then(Yaml::as_map).map(map_to_json).unwrap_or_default());
        tags.extend(reader.texts(yaml, "tags").unwrap_or_default());
        tags.extend(config_of(yaml, "tags").map(|tags| super::patch::text_list(&tags.to_json())).unwrap_or_default());
    }
    tags.sort();
    tags.dedup();
    add("meta", Value::Object(meta));
    add("tags", Value::from(tags));
    Some(layer)
}

/// The column or query that tells how fresh a table is: the table's own, else the source's.
fn loaded_at(reader: &mut Reader<'_>, entry: &PropertyEntry, table: &Yaml) -> Option<(Option<String>, Option<String>)> {
    let source = &entry.yaml;
    for level in [source, table] {
        let Some(empty) = level.get("loaded_at_field").filter(|field| field.as_text() == Some("")) else { continue };
        reader.problems.push(
            Diagnostic::error("freshness", "loaded_at_field cannot be an empty string.")
                .label(entry.span(empty), format!("of source `{}`", entry.name))
                .help("name a column, or write `loaded_at_field: null` for none"),
        );
        return None;
    }
    let mut own = |yaml: &Yaml, key: &str| {
        let beside = reader.text(yaml, key).filter(|text| !text.is_empty());
        beside.or_else(|| config_of(yaml, key).and_then(Yaml::scalar_text).filter(|text| !text.is_empty()))
    };
    let (table_field, table_query) = (own(table, "loaded_at_field"), own(table, "loaded_at_query"));
    let (source_field, source_query) = (own(source, "loaded_at_field"), own(source, "loaded_at_query"));
    let is_present = table.get("loaded_at_field").is_some() || config_of(table, "loaded_at_field").is_some();
    let mut both = |level: &str, yaml: &Yaml| {
        let place = yaml.get("loaded_at_query").or(config_of(yaml, "loaded_at_query")).unwrap_or(yaml);
        reader.problems.push(
            Diagnostic::error(
                "freshness",
                format!("Cannot specify both loaded_at_field and loaded_at_query at {level} level."),
            )
            .label(super::properties::first_line(&entry.file, place), format!("of source `{}`", entry.name))
            .help("keep one of the two"),
        );
    };
    if is_present && table_query.is_some() {
        both("table", table);
        return None;
    }
    if source_field.is_some() && source_query.is_some() {
        both("source", source);
        return None;
    }
    let field = if is_present { table_field } else { source_field };
    let query = match table_query {
        Some(query) => Some(query),
        None if is_present => None,
        None => source_query,
    };
    Some((field, query))
}

/// What the properties say about freshness.
enum Said {
    Nothing,
    /// `freshness: null`.
    Off,
    Threshold(SourceFreshness),
}

/// The table's freshness over the source's, threshold by threshold, and what stands below `config:` over what stands
/// beside it. `null` switches off what was said before it.
fn freshness(reader: &mut Reader<'_>, source: &Yaml, table: &Yaml) -> Said {
    let places = [
        source.get("freshness"),
        source.get_set("config").and_then(|config| config.get("freshness")),
        table.get("freshness"),
        table.get_set("config").and_then(|config| config.get("freshness")),
    ];
    let mut merged: Option<SourceFreshness> = Some(SourceFreshness::default());
    for place in places {
        let Some(place) = place else {
            // Nothing said here: what was switched off stays off.
            continue;
        };
        if place.is_null() {
            merged = None;
            continue;
        }
        if place.as_map().is_none() {
            reader.wrong_type("freshness", "a dictionary", place);
            continue;
        }
        let mut threshold = |key: &str| match place.get(key) {
            Some(said) if said.is_null() => Threshold::Off,
            Some(said) => read_threshold(reader, key, said),
            None => Threshold::Unsaid,
        };
        let said = SourceFreshness {
            warn_after: threshold("warn_after"),
            error_after: threshold("error_after"),
            filter: reader.text(place, "filter"),
        };
        let over = |said: Threshold, before: Threshold| if said == Threshold::Unsaid { before } else { said };
        merged = match merged {
            Some(before) => Some(SourceFreshness {
                warn_after: over(said.warn_after, before.warn_after),
                error_after: over(said.error_after, before.error_after),
                filter: said.filter.or(before.filter),
            }),
            None => said.has_threshold().then_some(said),
        };
    }
    match merged {
        None => Said::Off,
        Some(said) if said.has_threshold() => Said::Threshold(said),
        Some(_) => Said::Nothing,
    }
}

fn read_threshold(reader: &mut Reader<'_>, key: &str, threshold: &Yaml) -> Threshold {
    let count = threshold.get_set("count").and_then(|count| count.scalar_text()?.trim().parse::<i64>().ok());
    let period = threshold
        .get_set("period")
        .and_then(Yaml::as_text)
        .filter(|period| matches!(*period, "minute" | "hour" | "day"));
    match (count, period) {
        (Some(count), Some(period)) => Threshold::After { count, period: period.to_owned() },
        _ if threshold.as_map().is_some_and(indexmap::IndexMap::is_empty) => Threshold::Unsaid,
        _ => {
            reader.wrong_type(key, "`{count: <number>, period: minute | hour | day}`", threshold);
            Threshold::Unsaid
        }
    }
}

fn freshness_of_json(said: &Value) -> SourceFreshness {
    let threshold = |key: &str| match said.get(key) {
        Some(Value::Null) => Threshold::Off,
        Some(map) => match (map.get("count").and_then(Value::as_i64), map.get("period").and_then(Value::as_str)) {
            (Some(count), Some(period)) => Threshold::After { count, period: period.to_owned() },
            _ => Threshold::Unsaid,
        },
        None => Threshold::Unsaid,
    };
    SourceFreshness {
        warn_after: threshold("warn_after"),
        error_after: threshold("error_after"),
        filter: said.get("filter").and_then(Value::as_str).map(str::to_owned),
    }
}

/// `external:` with dbt's defaults.
fn external(yaml: &Yaml) -> Value {
    let mut value = yaml.to_json();
    let Value::Object(map) = &mut value else { return value };
    for key in ["location", "file_format", "row_format", "tbl_properties", "partitions"] {
        map.entry(key).or_insert(Value::Null);
    }
    if let Some(Value::Array(partitions)) = map.get_mut("partitions") {
        for partition in partitions.iter_mut().filter_map(Value::as_object_mut) {
            for (key, default) in
                [("name", json!("")), ("description", json!("")), ("data_type", json!("")), ("meta", json!({}))]
            {
                partition.entry(key).or_insert(default);
            }
        }
    }
    value
}
