//! Exposures: what uses the data outside of the project.
//!
//! Source: dbt docs, "Exposure properties"; checks as dbt-core 1.12 has them.

use super::config::{Layer, Merged, check_types, with_defaults};
use super::patch::{Descriptions, text_list};
use super::properties::PropertyEntry;
use super::session::Session;
use crate::check::Reader;
use crate::dbt_words::DbtKind;
use crate::yaml::{Yaml, map_to_json};
use dvt_diagnostics::{Diagnostic, Event, Severity, SourceFile, kinds};
use dvt_jinja::{Template, render_template};
use dvt_manifest::{DependsOn, Exposure, RefCall, ResourceType, SourceCall};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const TYPES: &[&str] = &["dashboard", "notebook", "analysis", "ml", "application"];
const MATURITIES: &[&str] = &["low", "medium", "high"];
const KEYS: &[&str] =
    &["name", "type", "owner", "description", "label", "maturity", "meta", "tags", "url", "depends_on", "config"];

/// One entry under `exposures:`; its refs are resolved later.
pub(crate) fn read(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Exposure> {
    let yaml = &entry.yaml;
    let before = problems.len();
    for (key, value) in yaml.as_map().into_iter().flatten().filter(|(key, _)| !KEYS.contains(&key.as_str())) {
        problems.push(
            invalid(entry, &format!("Additional properties are not allowed ('{key}' was unexpected)"))
                .label(dvt_diagnostics::Span::new(&entry.file, value.key_range.clone()), "not known here"),
        );
    }
    let exposure_type = word(entry, "type", TYPES, true, problems);
    let maturity = word(entry, "maturity", MATURITIES, false, problems);
    if yaml.get_set("owner").is_none() {
        problems.push(invalid(entry, "'owner' is a required property").label(entry.name_span.clone(), "this exposure"));
    }
    let owner = super::others::read_owner(&mut Reader { file: &entry.file, problems }, yaml);
    if owner.name.is_none() && owner.email.is_none() && yaml.get_set("owner").is_some() {
        let place = yaml.get("owner").map_or_else(|| entry.name_span.clone(), |place| entry.span(place));
        problems.push(
            invalid(entry, "Exposure owner must have at least one of 'name' or 'email'.").label(place, "this owner"),
        );
    }
    let is_plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    if !entry.name.chars().all(is_plain) {
        problems.push(name_deprecation(entry));
    }
    let package_name = session.package_name(entry.package).to_owned();
    let mut fqn = vec![package_name.clone()];
    fqn.extend(entry.folders().map(str::to_owned));
    fqn.push(entry.name.clone());
    let mut merged = Merged::of(ResourceType::Exposure);
    let layers = session.trees[entry.package].layers(ResourceType::Exposure, &fqn);
    layers.iter().for_each(|layer| merged.add(layer));
    let mut reader = Reader { file: &entry.file, problems };
    if reader.map(yaml, "config").is_some()
        && let Some(config) = yaml.get_set("config")
    {
        merged.add(&Layer::from_yaml(&entry.file, config));
    }
    if entry.package != 0 {
        session.trees[0].layers(ResourceType::Exposure, &fqn).iter().for_each(|layer| merged.add(layer));
    }
    let label = reader.text(yaml, "label");
    let url = reader.text(yaml, "url");
    let mut tags = reader.texts(yaml, "tags").unwrap_or_default();
    let mut meta: Map<String, Value> = reader.map(yaml, "meta").map(map_to_json).unwrap_or_default();
    let asked: Vec<Yaml> = reader.list(yaml, "depends_on").map(<[Yaml]>::to_vec).unwrap_or_default();
    let unrendered_config = merged.values.clone();
    check_types(&mut merged, &format!("exposure `{}`", entry.name), problems);
    let mut config = with_defaults(ResourceType::Exposure, merged.values);
    tags.extend(config.get("tags").map(text_list).unwrap_or_default());
    // dbt adds what stands at the very top of the project's tree, whatever the levels below say.
    let top = session.packages[entry.package].project.tree.get_set("exposures");
    if let Some(null) = top.and_then(|top| top.get("tags")).filter(|tags| tags.is_null()) {
        problems.push(
            Diagnostic::error(
                "wrong-type",
                "Field \"tags\" of type List[str] in ExposureConfig has invalid value None",
            )
            .parsing_error()
            .label(null.span(&session.packages[entry.package].project.file), "no list of tags"),
        );
    }
    tags.extend(top.and_then(|top| top.get_set("tags")).map(Yaml::to_json).as_ref().map(text_list).unwrap_or_default());
    tags.sort();
    tags.dedup();
    let top_meta = top.and_then(|top| top.get_set("meta")).and_then(Yaml::as_map).map(map_to_json);
    let mut all_meta = top_meta.unwrap_or_default();
    all_meta.extend(meta);
    meta = all_meta;
    if let Some(Value::Object(own)) = config.get("meta") {
        meta.extend(own.clone());
    }
    config.set("tags", json!(tags));
    config.set("meta", Value::Object(meta.clone()));
    let calls = read_calls(session, entry, &asked, problems);
    let description = descriptions.read(session, entry, yaml, problems);
    if problems[before..].iter().any(|problem| problem.severity == Severity::Error) {
        return None;
    }
    Some(Exposure {
        unique_id: format!("exposure.{package_name}.{}", entry.name),
        name: entry.name.clone(),
        package_name,
        path: entry.relative_path.clone(),
        original_file_path: entry.original_path.clone(),
        fqn,
        exposure_type: exposure_type?,
        owner,
        description,
        label,
        maturity,
        url,
        meta,
        tags,
        config,
        unrendered_config,
        depends_on: DependsOn { macros: calls.macros, nodes: Vec::new() },
        refs: calls.refs,
        sources: calls.sources,
        metrics: calls.metrics,
        created_at: session.now,
        span: entry.name_span.clone(),
    })
}

fn invalid(entry: &PropertyEntry, cause: &str) -> Diagnostic {
    Diagnostic::error(
        "invalid-exposure",
        format!("Invalid exposures config given in {} @ exposures: `{}` - {cause}", entry.original_path, entry.name),
    )
    .parsing_error()
}

/// dbt's warning for a name that could not be a variable's.
fn name_deprecation(entry: &PropertyEntry) -> Diagnostic {
    let message = format!(
        "Starting in v1.3, the 'name' of an exposure should contain only letters, numbers, and underscores. Exposures \
         support a new property, 'label', which may contain spaces, capital letters, and special characters. {} does not \
         follow this pattern. Please update the 'name', and use the 'label' property for a human-friendly title. This \
         will raise an error in a future version of dbt-core.",
        entry.name
    );
    let mut event = Event::new(kinds::EXPOSURE_NAME_DEPRECATION, message);
    event.data.insert("exposure".to_owned(), json!(entry.name));
    Diagnostic::warning(
        "exposure-name",
        format!("the name of exposure `{}` should be letters, numbers and underscores only", entry.name),
    )
    .label(entry.name_span.clone(), "this name")
    .help("put the title into `label`")
    .event(event)
}

fn word(
    entry: &PropertyEntry,
    key: &str,
    known: &[&str],
    is_required: bool,
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    let Some(place) = entry.yaml.get_set(key) else {
        if is_required {
            problems.push(
                invalid(entry, &format!("'{key}' is a required property"))
                    .label(entry.name_span.clone(), "this exposure")
                    .help(format!("it is {}", crate::wording::list(known))),
            );
        }
        return None;
    };
    let text = place.scalar_text().unwrap_or_else(|| place.kind().to_owned());
    if known.contains(&text.as_str()) {
        return Some(text);
    }
    let listed: Vec<String> = known.iter().map(|word| format!("'{word}'")).collect();
    problems.push(
        invalid(entry, &format!("'{text}' is not one of [{}]", listed.join(", ")))
            .label(entry.span(place), format!("not a {key} of an exposure")),
    );
    None
}

#[derive(Default)]
struct Calls {
    refs: Vec<RefCall>,
    sources: Vec<SourceCall>,
    metrics: Vec<Vec<String>>,
    macros: Vec<String>,
}

/// What texts like `ref('orders')` call.
fn read_calls(session: &Session<'_>, entry: &PropertyEntry, texts: &[Yaml], problems: &mut Vec<Diagnostic>) -> Calls {
    let mut calls = Calls::default();
    let Ok(connection) = session.connections.get(session.connections.default_name()) else { return calls };
    for text in texts {
        let span = entry.span(text);
        let Some(call) = text.as_text() else {
            let expected = "a list of `ref('…')` and `source('…', '…')`";
            Reader { file: &entry.file, problems }.wrong_type("depends_on", expected, text);
            continue;
        };
        let file = SourceFile::new(entry.original_path.clone(), format!("{{{{ {call} }}}}"));
        let context = session.context(entry.package, &connection);
        let rendered = Template::parse(&file).and_then(|template| {
            render_template(&session.library, &context, Arc::clone(&connection.bridge), &template)
        });
        match rendered {
            Ok(rendered) => {
                let asked = rendered.asked;
                calls.refs.extend(asked.refs.into_iter().map(|asked| RefCall {
                    name: asked.request.name,
                    package: asked.request.package,
                    version: asked.version.or_else(|| asked.request.version.map(Value::from)),
                    span: span.clone(),
                    unique_id: None,
                }));
                calls.sources.extend(asked.sources.into_iter().map(|asked| SourceCall {
                    source_name: asked.source_name,
                    table_name: asked.table_name,
                    span: span.clone(),
                    unique_id: None,
                }));
                calls.metrics.extend(asked.metrics);
                for name in asked.direct_macros {
                    if !calls.macros.contains(&name) {
                        calls.macros.push(name);
                    }
                }
            }
            Err(error) => {
                let mut diagnostic = error.diagnostic();
                diagnostic.labels.clear();
                problems.push(diagnostic.label(span, "in this dependency"));
            }
        }
    }
    calls
}
