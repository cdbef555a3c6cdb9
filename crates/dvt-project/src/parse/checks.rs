//! What must hold once every node is known: groups, access, snapshots, microbatch models, names; and the warnings about
//! models that are to go.
//!
//! Source: dbt docs, "Groups", "Model access", "Snapshot configurations", "Microbatch", "deprecation_date".

use super::dates::moment;
use super::session::Session;
use dvt_diagnostics::{Diagnostic, Event, EventKind, Span, kinds};
use dvt_manifest::{Access, Manifest, Node, ResourceType, UniqueId, version_text};
use serde_json::Value;
use std::collections::HashMap;

/// All checks; each problem is at its node.
/// `begin` of a microbatch model, as Python writes a moment.
pub(crate) fn write_begins(manifest: &mut Manifest) {
    for node in manifest.nodes.values_mut().filter(|node| is_microbatch(node)) {
        if let Some(begin) = node.config.text("begin").and_then(super::dates::python_moment) {
            node.config.set("begin", Value::String(begin));
        }
    }
}

pub(crate) fn check(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    check_nodes(session, manifest, manifest.nodes.values(), problems);
    warn_of_deprecation(session, manifest, problems);
    warn_of_microbatch_macro(session, manifest, problems);
    check_spaces(session, manifest, problems);
    check_shared_names(session, manifest, problems);
}

/// What must hold for each node by itself.
pub(crate) fn check_nodes<'m>(
    session: &Session<'_>,
    manifest: &Manifest,
    nodes: impl Iterator<Item = &'m Node>,
    problems: &mut Vec<Diagnostic>,
) {
    let mut groups: Vec<&str> = manifest.groups.values().map(|group| group.name.as_str()).collect();
    groups.sort_unstable();
    for node in nodes {
        check_group(node, &groups, problems);
        match node.resource_type {
            ResourceType::Model => {
                check_access(node, problems);
                check_microbatch(session, manifest, node, problems);
            }
            ResourceType::Snapshot => check_snapshot(node, problems),
            _ => {}
        }
    }
}

fn at(node: &Node, diagnostic: Diagnostic) -> Diagnostic {
    diagnostic.label(node.span.clone(), format!("{} `{}`", node.resource_type, node.name))
}

fn check_group(node: &Node, groups: &[&str], problems: &mut Vec<Diagnostic>) {
    let Some(group) = node.group.as_deref().filter(|group| !groups.contains(group)) else { return };
    let known: Vec<Value> = groups.iter().map(|&name| Value::from(name)).collect();
    problems.push(at(
        node,
        Diagnostic::error(
            "unknown-group",
            format!(
                "Invalid group '{group}', expected one of {}",
                super::python_text::python_repr(&Value::Array(known))
            ),
        )
        .help("define it below `groups:` in a properties file"),
    ));
}

fn check_access(node: &Node, problems: &mut Vec<Diagnostic>) {
    if node.access == Access::Public && node.is_ephemeral() {
        problems.push(at(
            node,
            Diagnostic::error(
                "access",
                format!(
                    "Node {} with 'ephemeral' materialization has an invalid value (public) for the access field",
                    node.unique_id
                ),
            ),
        ));
    }
}

fn check_snapshot(node: &Node, problems: &mut Vec<Diagnostic>) {
    let is_set = |key: &str| match node.config.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(_) => true,
    };
    let strategy = node.config.text("strategy").unwrap_or_default();
    let wrong = if strategy.is_empty() || !is_set("unique_key") {
        "Snapshots must be configured with a 'strategy' and 'unique_key'.".to_owned()
    } else if strategy == "check" && !is_set("check_cols") {
        "A snapshot configured with the check strategy must specify a check_cols configuration.".to_owned()
    } else if strategy == "check" && node.config.text("check_cols").is_some_and(|columns| columns != "all") {
        format!(
            "Invalid value for 'check_cols': {}. Expected 'all' or a list of strings.",
            node.config.text("check_cols").unwrap_or_default()
        )
    } else if strategy == "timestamp" && !is_set("updated_at") {
        "A snapshot configured with the timestamp strategy must specify an updated_at configuration.".to_owned()
    } else if strategy == "timestamp" && is_set("check_cols") {
        "A 'timestamp' snapshot should not have 'check_cols'".to_owned()
    } else if node.config.materialized() != "snapshot" {
        "A snapshot must have a materialized value of 'snapshot'".to_owned()
    } else {
        return;
    };
    problems.push(at(node, Diagnostic::error("snapshot-config", wrong)));
}

/// Whether Python's `datetime.fromisoformat` takes it.
fn is_moment(session: &Session<'_>, text: &str) -> bool {
    let meant = super::dates::normal_date(text);
    session.files.note_date(text, &meant);
    moment(&meant).is_some()
}

pub(crate) fn is_microbatch(node: &Node) -> bool {
    node.config.materialized() == "incremental" && node.config.text("incremental_strategy") == Some("microbatch")
}

/// How Python names the type of a value.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<class 'NoneType'>",
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        Value::Object(_) => "<class 'dict'>",
    }
}

fn check_microbatch(session: &Session<'_>, manifest: &Manifest, node: &Node, problems: &mut Vec<Diagnostic>) {
    if !is_microbatch(node) {
        return;
    }
    let get = |key: &str| node.config.get(key).cloned().unwrap_or(Value::Null);
    let mut wrong = |text: String| {
        problems
            .push(at(node, Diagnostic::error("microbatch-config", format!("Microbatch model '{}' {text}", node.name))));
    };
    match get("event_time") {
        Value::String(_) => {}
        Value::Null => wrong(
            "must provide an 'event_time' (string) config that indicates the name of the event time column.".to_owned(),
        ),
        other => {
            wrong(format!("must provide an 'event_time' config of type string, but got: {}.", python_type(&other)))
        }
    }
    match get("begin") {
        Value::Null => wrong(
            "must provide a 'begin' (datetime) config that indicates the earliest timestamp the microbatch model should \
             be built from."
                .to_owned(),
        ),
        Value::String(text) if is_moment(session, &text) => {}
        Value::String(text) => {
            wrong(format!("must provide a 'begin' config of valid datetime (ISO format), but got: {text}."));
        }
        other => wrong(format!("must provide a 'begin' config of type datetime, but got: {}.", python_type(&other))),
    }
    let batch_size = get("batch_size");
    if !matches!(batch_size.as_str(), Some("hour" | "day" | "month" | "year")) {
        wrong(format!(
            "must provide a 'batch_size' config that is one of ['hour', 'day', 'month', 'year'], but got: {}.",
            super::python_text::python_str(&batch_size)
        ));
    }
    let lookback = get("lookback");
    if !lookback.is_null() && !lookback.is_i64() && !lookback.is_u64() && !lookback.is_boolean() {
        wrong(format!(
            "must provide the optional 'lookback' config as type int, but got: {}).",
            python_type(&lookback)
        ));
    }
    let concurrent = get("concurrent_batches");
    if !concurrent.is_null() && !concurrent.is_boolean() {
        wrong(format!(
            "optional 'concurrent_batches' config must be of type `bool` if specified, but got: {}).",
            python_type(&concurrent)
        ));
    }
    let mut has_event_time = false;
    for id in &node.depends_on.nodes {
        let of_node = manifest.node(id).map(|node| (&node.config, &node.name));
        let input = of_node.or_else(|| manifest.sources.get(id).map(|source| (&source.config, &source.name)));
        match input.and_then(|(config, name)| Some((config.get("event_time")?, name))) {
            Some((Value::Null, _)) | None => {}
            Some((Value::String(text), _)) => has_event_time |= !text.is_empty(),
            Some((other, name)) => wrong(format!(
                "depends on an input node '{name}' with an 'event_time' config of invalid (non-string) type: {}.",
                python_type(other)
            )),
        }
    }
    if !has_event_time {
        let message = format!(
            "The microbatch model '{}' has no 'ref' or 'source' input with an 'event_time' configuration. This means no \
             filtering can be applied and can result in unexpected duplicate records in the resulting microbatch model.",
            node.name
        );
        warn(
            problems,
            node,
            "microbatch-inputs",
            kinds::MICROBATCH_MODEL_NO_EVENT_TIME_INPUTS,
            message,
            &[("model_name", node.name.as_str())],
        );
    }
}

fn warn(
    problems: &mut Vec<Diagnostic>,
    node: &Node,
    id: &'static str,
    kind: EventKind,
    message: String,
    data: &[(&str, &str)],
) {
    let event = data.iter().fold(Event::new(kind, message.clone()), |event, (key, value)| event.with(key, *value));
    problems.push(at(node, Diagnostic::warning(id, message).event(event)));
}

/// Models past their date, and models that read one that goes or has gone.
fn warn_of_deprecation(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let mut children: HashMap<&UniqueId, Vec<&Node>> = HashMap::new();
    for node in manifest.nodes.values().filter(|node| node.resource_type == ResourceType::Model) {
        for parent in &node.depends_on.nodes {
            children.entry(parent).or_default().push(node);
        }
    }
    for node in manifest.nodes.values() {
        let Some(date) = &node.deprecation_date else { continue };
        let Some(at) = moment(date) else { continue };
        let is_past = at < session.settings.started_at;
        session.files.note_moment(date, is_past);
        let version = node.version.as_ref().map(version_text).unwrap_or_default();
        let named = if version.is_empty() { node.name.clone() } else { format!("{}.v{version}", node.name) };
        if is_past {
            let message = format!(
                "Model {named} has passed its deprecation date of {date}. This model should be disabled or removed."
            );
            let data = [
                ("model_name", node.name.as_str()),
                ("model_version", version.as_str()),
                ("deprecation_date", date.as_str()),
            ];
            warn(problems, node, "deprecated-model", kinds::DEPRECATED_MODEL, message, &data);
        }
        let latest = node.latest_version.as_ref().map_or_else(|| "None".to_owned(), version_text);
        for child in children.get(&node.unique_id).into_iter().flatten() {
            let (says, invites, kind) = if is_past {
                ("which was deprecated on", "Migrate now", kinds::DEPRECATED_REFERENCE)
            } else {
                ("which is slated for deprecation on", "Try it out", kinds::UPCOMING_REFERENCE_DEPRECATION)
            };
            let mut message =
                format!("While compiling '{}': Found a reference to {named}, {says} '{date}'. ", child.name);
            if !version.is_empty() && version != latest {
                message.push_str(&format!(
                    "A new version of '{}' is available. {invites}: {{{{ ref('{}', '{}', v='{latest}') }}}}.",
                    node.name, node.package_name, node.name
                ));
            }
            let data = [
                ("model_name", child.name.as_str()),
                ("ref_model_package", node.package_name.as_str()),
                ("ref_model_name", node.name.as_str()),
                ("ref_model_version", version.as_str()),
                ("ref_model_latest_version", latest.as_str()),
                ("ref_model_deprecation_date", date.as_str()),
            ];
            warn(problems, child, "deprecated-reference", kind, message.trim_end().to_owned(), &data);
        }
    }
}

/// dbt's warning for a microbatch macro of the project's own that is still called once for all batches.
fn warn_of_microbatch_macro(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    if session.project_flag("require_batched_execution_for_custom_microbatch_strategy", true) {
        return;
    }
    let is_model = |node: &&Node| node.resource_type == ResourceType::Model && is_microbatch(node);
    let is_users = |package: &str| session.packages.iter().any(|known| known.name == package);
    let own = session.library.find(session.root_name(), "get_incremental_microbatch_sql");
    let Some(own) = own.filter(|own| is_users(&own.package) && manifest.nodes.values().any(|node| is_model(&node)))
    else {
        return;
    };
    let message = "The use of a custom microbatch macro outside of batched execution is deprecated. To use it with \
                   batched execution, set `flags.require_batched_execution_for_custom_microbatch_strategy` to `True` in \
                   `dbt_project.yml`. In the future this will be the default behavior.";
    problems.push(
        Diagnostic::warning("microbatch-macro", message)
            .label(own.span.clone(), "this macro is called once for all batches")
            .event(Event::new(kinds::MICROBATCH_MACRO_OUTSIDE_OF_BATCHES_DEPRECATION, message)),
    );
}

/// Names with blanks, as the project's flags want them.
fn check_spaces(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let nodes: Vec<(String, &str, Span)> = manifest
        .nodes
        .values()
        .filter(|node| node.name.contains(' '))
        .map(|node| (node.unique_id.clone(), node.original_file_path.as_str(), node.span.clone()))
        .collect();
    spaces(session, &nodes, "require_resource_names_without_spaces", true, problems);
    let mut others: Vec<(String, &str, Span)> = Vec::new();
    for source in manifest.sources.values().filter(|source| source.source_name.contains(' ')) {
        let id = format!("source.{}.{}", source.package_name, source.source_name);
        if !others.iter().any(|(known, _, _)| *known == id) {
            others.push((id, source.original_file_path.as_str(), source.span.clone()));
        }
    }
    for model in manifest.semantic_models.values().filter(|model| model.name.contains(' ')) {
        others.push((model.unique_id.clone(), model.original_file_path.as_str(), model.span.clone()));
    }
    spaces(session, &others, "require_source_and_semantic_model_names_without_spaces", false, problems);
}

fn spaces(
    session: &Session<'_>,
    named: &[(String, &str, Span)],
    flag: &str,
    default: bool,
    problems: &mut Vec<Diagnostic>,
) {
    let Some((first, _, span)) = named.first() else { return };
    if session.project_flag(flag, default) {
        let all: Vec<String> = named.iter().map(|(id, path, _)| format!("'{id}' ({path})")).collect();
        let mut diagnostic =
            Diagnostic::error("spaces-in-name", format!("Resource names cannot contain spaces: {}", all.join(", ")))
                .help("rename them, with underscores");
        for (_, _, span) in named {
            diagnostic = diagnostic.label(span.clone(), "has a space in its name");
        }
        problems.push(diagnostic);
        return;
    }
    let debug = session.flag("DEBUG") == Some(true);
    for (id, _, span) in named.iter().take(if debug { named.len() } else { 1 }) {
        let message = format!("Found spaces in the name of `{id}`");
        let event = Event::new(kinds::SPACES_IN_RESOURCE_NAME_DEPRECATION, message.clone())
            .at(dvt_diagnostics::EventLevel::Warn)
            .with("unique_id", id.as_str())
            .with("level", "warn");
        problems.push(Diagnostic::warning("spaces-in-name", message).label(span.clone(), "this one").event(event));
    }
    let hint = if debug { "" } else { " Run again with `--debug` to see them all." };
    let message = format!(
        "Spaces found in {} resource name(s). This is deprecated, and may lead to errors when using dbt.{hint}",
        named.len()
    );
    let event = Event::new(kinds::RESOURCE_NAMES_WITH_SPACES_DEPRECATION, message.clone())
        .with("count_invalid_names", named.len())
        .with("show_debug_hint", !debug);
    problems.push(
        Diagnostic::warning("spaces-in-names", message)
            .label(span.clone(), format!("`{first}` is the first"))
            .event(event),
    );
}

/// Things of one package that `ref` cannot tell apart: a warning of dbt's, or an error where the project wants it; a name
/// that is versioned and is not is always an error.
fn check_shared_names(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    let mut plain: HashMap<(&str, &str), &Node> = HashMap::new();
    let mut versioned: HashMap<(&str, &str), &Node> = HashMap::new();
    for node in manifest.nodes.values().filter(|node| node.resource_type.is_refable()) {
        let key = (node.package_name.as_str(), node.name.as_str());
        if node.version.is_some() {
            versioned.insert(key, node);
            continue;
        }
        let Some(first) = plain.insert(key, node) else { continue };
        if session.project_flag("require_unique_project_resource_names", false) {
            problems.push(duplicate(first, node));
            continue;
        }
        let message = format!(
            "Found resources with the same name '{}' in package '{}': '{}' and '{}'. Please update one of the resources \
             to have a unique name.",
            node.name, node.package_name, first.unique_id, node.unique_id
        );
        let data = [
            ("resource_name", node.name.as_str()),
            ("unique_id1", first.unique_id.as_str()),
            ("unique_id2", node.unique_id.as_str()),
            ("package_name", node.package_name.as_str()),
        ];
        warn(problems, node, "shared-name", kinds::DUPLICATE_NAME_DISTINCT_NODE_TYPES_DEPRECATION, message, &data);
    }
    for (key, node) in versioned {
        if let Some(other) = plain.get(&key) {
            problems.push(
                Diagnostic::error(
                    "duplicate-name",
                    format!("dbt found versioned and unversioned models with the name \"{}\".", node.name),
                )
                .label(other.span.clone(), format!("without a version, in {}", other.original_file_path))
                .label(node.span.clone(), format!("with a version, in {}", node.original_file_path))
                .help("change the name of one of them, or give both a version"),
            );
        }
    }
}

/// dbt's error for two things of one name.
pub(crate) fn duplicate(first: &Node, second: &Node) -> Diagnostic {
    let plural = match (first.resource_type == second.resource_type, second.resource_type) {
        (false, _) => "resources",
        (true, ResourceType::Analysis) => "analyses",
        (true, ResourceType::Test) => "data_tests",
        (true, ResourceType::Seed) => "seeds",
        (true, ResourceType::Snapshot) => "snapshots",
        (true, ResourceType::Function) => "functions",
        (true, _) => "models",
    };
    let info = second.test.as_ref().filter(|info| info.metadata.is_some());
    let (name, why) = match info {
        Some(info) => {
            let column = info.column_name.as_ref().map(|column| format!("column \"{column}\" in ")).unwrap_or_default();
            let key = info.file_key_name.clone().unwrap_or_default();
            (format!("{}\" defined on {column}\"{key}", second.name), "running tests".to_owned())
        }
        None if second.resource_type.is_refable() => {
            (second.name.clone(), format!("looking for ref(\"{}\")", second.name))
        }
        None => (second.name.clone(), format!("looking for {}", second.name)),
    };
    Diagnostic::error(
        "duplicate-name",
        format!(
            "dbt found two {plural} with the name \"{name}\". Since these resources have the same name, dbt will be \
             unable to find the correct resource when {why}."
        ),
    )
    .label(second.span.clone(), format!("this one is {}, in {}", second.unique_id, second.original_file_path))
    .label(first.span.clone(), format!("the other is {}, in {}", first.unique_id, first.original_file_path))
    .help("change the name of one of these resources, or remove it")
}
