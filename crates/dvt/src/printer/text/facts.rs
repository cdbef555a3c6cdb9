//! What the manifest knows about the node of a line or an event.

use super::super::events;
use super::super::lines::timestamp;
use dvt_diagnostics::{Event, NodeInfo};
use dvt_manifest::{Manifest, Node};
use dvt_project::Project;
use dvt_runner::{NodeResult, NodeStarted, Status, Timing, artifact_path, unit_test_path};
use serde_json::{Map, Value, json};

fn node<'m>(manifest: &'m Manifest, unique_id: &str) -> Option<&'m Node> {
    manifest.nodes.get(unique_id).or_else(|| manifest.functions.get(unique_id))
}

/// dbt's `node_info` of a node, a source or a unit test.
pub(crate) fn node_info(manifest: &Manifest, unique_id: &str) -> Option<NodeInfo> {
    if let Some(node) = node(manifest, unique_id) {
        return Some(dvt_runner::node_info(node, ""));
    }
    if let Some(test) = manifest.unit_tests.get(unique_id) {
        return Some(NodeInfo {
            path: test.path.clone(),
            name: test.name.clone(),
            unique_id: test.unique_id.clone(),
            resource_type: "unit_test".to_owned(),
            materialized: "unit".to_owned(),
            schema: test.schema.clone().unwrap_or_default(),
            alias: test.name.clone(),
            ..NodeInfo::default()
        });
    }
    let source = manifest.sources.get(unique_id)?;
    Some(NodeInfo {
        path: source.path.clone(),
        name: source.name.clone(),
        unique_id: source.unique_id.clone(),
        resource_type: "source".to_owned(),
        meta: source.meta.clone(),
        database: source.database.clone().unwrap_or_default(),
        schema: source.schema.clone(),
        alias: source.identifier.clone(),
        relation_name: source.relation_name.clone().unwrap_or_default(),
        ..NodeInfo::default()
    })
}

/// Of what is in no manifest: a hook, an inline query.
pub(crate) fn info_of_start(node: &NodeStarted) -> NodeInfo {
    NodeInfo {
        name: node.name.clone(),
        unique_id: node.unique_id.clone(),
        resource_type: node.resource_type.clone(),
        materialized: node.materialized.clone(),
        ..NodeInfo::default()
    }
}

pub(crate) fn info_of_result(result: &NodeResult) -> NodeInfo {
    NodeInfo {
        name: result.name.clone(),
        unique_id: result.unique_id.clone(),
        resource_type: result.resource_type.clone(),
        ..NodeInfo::default()
    }
}

/// The user's file that defines it; empty for what has none.
pub(crate) fn file_of(manifest: &Manifest, unique_id: &str) -> String {
    let path = node(manifest, unique_id)
        .map(|node| &node.original_file_path)
        .or_else(|| manifest.unit_tests.get(unique_id).map(|test| &test.original_file_path))
        .or_else(|| manifest.sources.get(unique_id).map(|source| &source.original_file_path))
        .or_else(|| manifest.exposures.get(unique_id).map(|exposure| &exposure.original_file_path));
    path.cloned().unwrap_or_default()
}

/// dbt's `group`: its name and owner, every value as text.
pub(crate) fn group(manifest: &Manifest, unique_id: &str) -> Option<Value> {
    let named = |node: &Node| node.group.clone().or_else(|| node.config.text("group").map(str::to_owned));
    let node = node(manifest, unique_id)?;
    let attached = node.test.as_ref().and_then(|test| test.attached_node.as_ref());
    let name = named(node).or_else(|| named(manifest.nodes.get(attached?)?))?;
    let group = manifest.groups.values().find(|group| group.name == name)?;
    let named = [("name", group.owner.name.clone().map(Value::from)), ("email", group.owner.email.clone())];
    let named = named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    let owner: Map<String, Value> = named
        .chain(group.owner.extra.clone())
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key, Value::from(python_text(&value))))
        .collect();
    Some(json!({"name": group.name, "owner": owner}))
}

/// Python's `str()` of a value from YAML.
fn python_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
        Value::Null => "None".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(python_repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let items: Vec<String> =
                map.iter().map(|(key, value)| format!("'{key}': {}", python_repr(value))).collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn python_repr(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('\'') && !text.contains('"') => format!("\"{text}\""),
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        other => python_text(other),
    }
}

/// `target/compiled/shop/models/orders.sql`, from the project's folder on.
pub(crate) fn compiled_path(project: &Project, unique_id: &str) -> Option<String> {
    let path = match node(&project.manifest, unique_id) {
        Some(node) => artifact_path(node),
        None => unit_test_path(project.manifest.unit_tests.get(unique_id)?),
    };
    let target = &project.config.target_path;
    let target = target.strip_prefix(&project.config.project.root).unwrap_or(target);
    Some(target.join("compiled").join(path).display().to_string())
}

/// The relation that holds the rows which a failed test found, if it keeps them.
pub(crate) fn kept_failures(manifest: &Manifest, result: &NodeResult) -> Option<String> {
    if result.resource_type != "test" || !matches!(result.status, Status::Fail | Status::Warn | Status::Error) {
        return None;
    }
    let node = node(manifest, &result.unique_id)?;
    let kept = result.relation_name.clone().or_else(|| node.relation_name.clone())?;
    let keeps = node.config.get("store_failures") == Some(&Value::Bool(true))
        || node.config.text("store_failures_as").is_some_and(|kind| kind != "ephemeral");
    keeps.then_some(kept)
}

/// `Timing info for model.shop.orders (compile): 07:00:00.000000 => 07:00:00.010000`.
pub(crate) fn timing_event(timing: &Timing, result: &NodeResult, info: &NodeInfo) -> Event {
    let clock =
        |time: chrono::DateTime<chrono::Utc>| time.with_timezone(&chrono::Local).format("%H:%M:%S%.6f").to_string();
    let message = format!(
        "Timing info for {} ({}): {} => {}",
        result.unique_id,
        timing.name,
        clock(timing.started_at),
        clock(timing.completed_at)
    );
    Event::new(events::TIMING_INFO_COLLECTED, message)
        .data(json!({"timing_info": timing_json(timing)}))
        .node(info.clone())
}

fn timing_json(timing: &Timing) -> Value {
    json!({
        "name": timing.name, "started_at": timestamp(timing.started_at), "completed_at": timestamp(timing.completed_at),
    })
}

/// dbt's `run_result` of `NodeFinished`.
pub(crate) fn result_json(result: &NodeResult) -> Value {
    json!({
        "status": result.status.as_str(),
        "message": result.message.clone().unwrap_or_default(),
        "timing_info": result.timing.iter().map(timing_json).collect::<Vec<_>>(),
        "thread": result.thread_id,
        "execution_time": result.execution_seconds,
        "adapter_response": result.adapter_response,
        "num_failures": result.failures.unwrap_or(0),
    })
}
