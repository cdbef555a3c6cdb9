//! What a file says about its node: read without rendering where that is certain, as Python, or rendered once.

use super::config::{Layer, Merged};
use super::connections::Connection;
use super::draft::Draft;
use super::generic_test::TestedThing;
use super::layering::merge_calls;
use super::session::Session;
use super::{python_model, static_parse};
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{Asked, AskedRef, AskedSource, RefRequest, Rendered, Template, render_template};
use dvt_manifest::{Node, Relation, ResourceType};
use serde_json::{Map, Value};
use std::ops::Range;
use std::sync::Arc;

/// What a file says about its node: the `config` calls, and everything it asks for.
pub(crate) struct Reading {
    pub(crate) calls: Vec<Layer>,
    /// The calls as dbt notes them for `unrendered_config`.
    pub(crate) written: Map<String, Value>,
    pub(crate) asked: Asked,
    /// Macros that dbt lists without having seen a call.
    pub(crate) macros: Vec<String>,
    /// It was read without being rendered.
    pub(crate) is_static: bool,
}

pub(crate) fn is_python(draft: &Draft<'_>) -> bool {
    draft.resource_type == ResourceType::Model && draft.original_path.ends_with(".py")
}

/// The calls of a Python model.
pub(crate) fn python_reading(session: &Session<'_>, draft: &Draft<'_>) -> Result<Reading, Box<Diagnostic>> {
    let text = &draft.template.text[draft.template_range.clone()];
    let place = |range: &Range<usize>| {
        let start = draft.template_range.start;
        Span::new(&draft.template, range.start + start..range.end + start)
    };
    let refuse = |message: String, range: &Range<usize>| {
        Box::new(Diagnostic::error("python-model", message).label(place(range), "in this Python model"))
    };
    if text.contains("{{") && text.contains("}}") || text.contains("{%") && text.contains("%}") {
        return Err(refuse("No jinja in python model code is allowed".to_owned(), &(0..1)));
    }
    let calls = python_model::read(text).map_err(|error| refuse(error.message, &error.range))?;
    let mut asked = Asked::default();
    let mut configs = Vec::new();
    let (mut keys, mut meta_keys) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for call in calls {
        let span = place(&call.range);
        let texts: Vec<&str> = call.positional.iter().filter_map(Value::as_str).collect();
        match call.function {
            "ref" => {
                let (package, name) = match texts.as_slice() {
                    [name] => (None, (*name).to_owned()),
                    [package, name] => (Some((*package).to_owned()), (*name).to_owned()),
                    _ => {
                        let message = format!("ref() takes at most two arguments ({} given)", call.positional.len());
                        return Err(refuse(message, &call.range));
                    }
                };
                let version = call.keyword.iter().find(|(key, _)| key == "v" || key == "version");
                let version = version.map(|(_, version)| version.clone()).filter(|version| !version.is_null());
                let text = version.as_ref().map(dvt_manifest::version_text);
                asked.refs.push(AskedRef { request: RefRequest { package, name, version: text }, version, span });
            }
            "source" => {
                let [source_name, table_name] = texts.as_slice() else {
                    let message = format!("source() takes exactly two arguments ({} given)", call.positional.len());
                    return Err(refuse(message, &call.range));
                };
                asked.sources.push(AskedSource {
                    source_name: (*source_name).to_owned(),
                    table_name: (*table_name).to_owned(),
                    span,
                });
            }
            "config" => {
                let entries = call.keyword.into_iter().map(|(key, value)| (key, value, span.clone())).collect();
                configs.push(session.trees[0].translate(Layer { entries }));
            }
            function => {
                let used = if function == "config.get" { &mut keys } else { &mut meta_keys };
                let Some(key) = call.positional.first() else {
                    let message = format!("dbt.{function}() requires at least one argument");
                    return Err(refuse(message, &call.range));
                };
                if call.positional.len() > 2 {
                    let message =
                        format!("dbt.{function}() takes at most 2 arguments ({} given)", call.positional.len());
                    return Err(refuse(message, &call.range));
                }
                used.0.push(key.clone());
                used.1.push(call.positional.get(1).cloned().unwrap_or(Value::Null));
            }
        }
    }
    if !keys.0.is_empty() || !meta_keys.0.is_empty() {
        let entry = |key: &str, values: Vec<Value>| (key.to_owned(), Value::Array(values), draft.span.clone());
        configs.push(Layer {
            entries: vec![
                entry("config_keys_used", keys.0),
                entry("config_keys_defaults", keys.1),
                entry("meta_keys_used", meta_keys.0),
                entry("meta_keys_defaults", meta_keys.1),
            ],
        });
    }
    let written = as_map(&merge_calls(&configs));
    Ok(Reading { calls: configs, written, asked, macros: Vec::new(), is_static: false })
}

/// What dbt reads without rendering: seeds, models with literal calls only, and its two most common generic tests.
pub(crate) fn static_reading(session: &Session<'_>, draft: &Draft<'_>) -> Option<Reading> {
    let calls = draft.extra_layers.clone();
    match draft.resource_type {
        ResourceType::Seed => {
            let asked = Asked::default();
            Some(Reading { calls, written: Map::new(), asked, macros: Vec::new(), is_static: true })
        }
        ResourceType::Test => {
            let test_macro = draft.test_macro.as_deref()?;
            if !matches!(test_macro, "macro.dbt.test_not_null" | "macro.dbt.test_unique") {
                return None;
            }
            let mut asked = Asked::default();
            match draft.tested.as_ref()? {
                TestedThing::Node { name, version } => asked.refs.push(AskedRef {
                    request: RefRequest {
                        package: None,
                        name: name.clone(),
                        version: version.as_ref().map(dvt_manifest::version_text),
                    },
                    version: version.clone(),
                    span: draft.span.clone(),
                }),
                TestedThing::SourceTable { source, table } => asked.sources.push(AskedSource {
                    source_name: source.clone(),
                    table_name: table.clone(),
                    span: draft.span.clone(),
                }),
            }
            let written = as_map(&merge_calls(&calls));
            Some(Reading { calls, written, asked, macros: vec![test_macro.to_owned()], is_static: true })
        }
        ResourceType::Model => {
            let is_off = session.flag("STATIC_PARSER") == Some(false);
            let is_overridden = || {
                [session.root_name(), session.package_name(draft.package)].iter().any(|package| {
                    ["ref", "source", "config"]
                        .iter()
                        .any(|name| session.library.get_in_package(package, name).is_some())
                })
            };
            if is_off || is_overridden() {
                return None;
            }
            let found = static_parse::read(&draft.template.text[draft.template_range.clone()])?;
            let place = |range: &Range<usize>| {
                let start = draft.template_range.start;
                Span::new(&draft.template, range.start + start..range.end + start)
            };
            let mut asked = Asked::default();
            asked.refs.extend(found.refs.into_iter().map(|call| AskedRef {
                request: RefRequest {
                    package: call.package,
                    name: call.name,
                    version: call.version.as_ref().map(dvt_manifest::version_text),
                },
                version: call.version,
                span: place(&call.range),
            }));
            asked.sources.extend(found.sources.into_iter().map(|(source_name, table_name, range)| AskedSource {
                source_name,
                table_name,
                span: place(&range),
            }));
            let calls: Vec<Layer> = found
                .configs
                .into_iter()
                .map(|(key, value, range)| Layer { entries: vec![(key, value, place(&range))] })
                .map(|layer| session.trees[0].translate(layer))
                .collect();
            let written = as_map(&merge_calls(&calls));
            Some(Reading { calls, written, asked, macros: Vec::new(), is_static: true })
        }
        _ => None,
    }
}

pub(crate) fn as_map(layer: &Layer) -> Map<String, Value> {
    layer.entries.iter().map(|(key, value, _)| (key.clone(), value.clone())).collect()
}

/// The template of a generic test whose macro is not there: what its arguments ask for, and no call.
pub(crate) fn without_macro(draft: &Draft<'_>) -> Option<Arc<SourceFile>> {
    if draft.test_macro.is_some() {
        return None;
    }
    let metadata = draft.test.as_ref()?.metadata.as_ref()?;
    let namespace = metadata.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
    let call = format!("{{{{ {namespace}test_{}(", metadata.name);
    Some(SourceFile::new(draft.file.path.clone(), draft.template.text.replacen(&call, "{{ dict(", 1)))
}

/// Renders the template for what it asks.
pub(crate) fn rendered_reading(
    session: &Session<'_>,
    draft: &Draft<'_>,
    node: &Node,
    connection: &Connection,
    template: &Template,
    merged: &Merged,
) -> Result<Reading, Box<Diagnostic>> {
    let rendered = render(session, draft, node, connection, template, merged)?;
    let mut calls = draft.extra_layers.clone();
    let is_calling = !rendered.asked.configs.is_empty();
    calls.extend(
        rendered
            .asked
            .configs
            .iter()
            .map(|config| Layer::from_map(&config.values, &config.span))
            .map(|layer| session.trees[0].translate(layer)),
    );
    // The code that dbt makes of a generic test ends with the test's own config.
    calls.extend(draft.extra_layers.iter().filter(|layer| !layer.entries.is_empty()).cloned());
    let is_generic = draft.test.as_ref().is_some_and(|test| test.metadata.is_some());
    let as_written = if is_generic {
        let file = SourceFile::new(draft.file.path.clone(), draft.raw_code.clone().unwrap_or_default());
        Template::parse(&file).ok().and_then(|template| template.written_config())
    } else {
        template.written_config().filter(|_| is_calling)
    };
    let written = match as_written {
        Some(as_written) if !as_written.is_empty() => {
            as_written.into_iter().map(|(key, text)| (key, Value::String(text))).collect()
        }
        _ => as_map(&merge_calls(&calls)),
    };
    let macros = draft.test_macro.iter().cloned().collect();
    Ok(Reading { calls, written, asked: rendered.asked, macros, is_static: false })
}

fn render(
    session: &Session<'_>,
    draft: &Draft<'_>,
    node: &Node,
    connection: &Connection,
    template: &Template,
    merged: &Merged,
) -> Result<Rendered, Box<Diagnostic>> {
    let mut context = session.context(draft.package, connection);
    context.node = Some(Arc::new(node.to_json()));
    context.config = merged.values.clone();
    context.this = Some(placeholder(node, connection));
    render_template(&session.library, &context, Arc::clone(&connection.bridge), template)
        .map_err(|error| Box::new(relocate(error.diagnostic(), draft)))
}

/// What `this`, `ref` and `source` give while parsing.
pub(crate) fn placeholder(node: &Node, connection: &Connection) -> Relation {
    let relation = Relation::new(&connection.name, node.database.as_deref(), Some(&node.schema), Some(&node.alias));
    relation.in_dialect(connection.facts.dialect.quote, connection.facts.dialect.has_database)
}

/// A generic test's template is dvt's own text: what is wrong in it is shown where the test stands.
pub(crate) fn relocate(mut diagnostic: Diagnostic, draft: &Draft<'_>) -> Diagnostic {
    if Arc::ptr_eq(&draft.template, &draft.file) {
        return diagnostic;
    }
    let mut is_placed = false;
    diagnostic.labels.retain_mut(|label| {
        if !Arc::ptr_eq(&label.span.file, &draft.template) {
            return true;
        }
        label.span = draft.span.clone();
        // The user has one place for it: the outermost label tells the most.
        !std::mem::replace(&mut is_placed, true)
    });
    if !is_placed {
        diagnostic.labels.insert(0, dvt_diagnostics::Label { span: draft.span.clone(), text: "this one".to_owned() });
    }
    diagnostic
}
