//! The words of a log line, as dbt has them. Values in, text out; nothing is written here.

mod facts;
mod figures;

pub(super) use facts::{
    compiled_path, file_of, group, info_of_result, info_of_start, kept_failures, node_info, result_json, timing_event,
};
pub(super) use figures::{RanNode, Stats, completion, counted_kinds, elapsed_words, moved, progress_line};
pub(crate) use figures::{bytes_text, counted, route_lines, thousands};

use super::events;
use super::words::{Color, colored};
use dvt_diagnostics::{Event, EventKind, EventLevel};
use dvt_manifest::Manifest;
use dvt_runner::{NodeResult, NodeStarted, Status};
use serde_json::{Value, json};

/// `text ........ [status]`, padded with dots to `width` columns.
pub(super) fn padded(text: &str, status: &str, width: usize) -> String {
    let mut line = format!("{text} ");
    let columns = line.chars().count();
    line.extend(std::iter::repeat_n('.', width.saturating_sub(columns)));
    format!("{line} [{status}]")
}

/// The same for a hook, whose text may be long: it is cut.
fn padded_and_cut(text: &str, status: &str, width: usize) -> String {
    let mut line = format!("{text} ");
    let columns = line.chars().count();
    line.extend(std::iter::repeat_n('.', width.saturating_sub(columns)));
    let room = width.saturating_sub(3);
    if line.chars().count() > room {
        line = line.chars().take(room).collect::<String>() + "...";
    }
    format!("{line} [{status}]")
}

/// What a line calls a node.
pub(super) struct Described {
    resource_type: String,
    /// `sql table model dev.customers`, `seed file dev.countries`, `test not_null_x`.
    words: String,
    /// `dev.customers`
    relation: String,
    schema: String,
    name: String,
    /// The model that a generic test is of.
    attached_node: Option<String>,
    is_ephemeral: bool,
}

impl Described {
    pub(super) fn of_start(node: &NodeStarted, manifest: Option<&Manifest>) -> Self {
        Self::new(
            &node.unique_id,
            &node.resource_type,
            &node.name,
            &node.materialized,
            &node.relation_display,
            manifest,
        )
    }

    pub(super) fn of_result(result: &NodeResult, started: Option<&NodeStarted>, manifest: Option<&Manifest>) -> Self {
        if let Some(started) = started {
            return Self::of_start(started, manifest);
        }
        let materialized = manifest
            .and_then(|manifest| manifest.nodes.get(&result.unique_id))
            .map_or("", |node| node.config.materialized());
        let relation = if result.relation_display.is_empty() { &result.name } else { &result.relation_display };
        Self::new(&result.unique_id, &result.resource_type, &result.name, materialized, relation, manifest)
    }

    fn new(
        unique_id: &str,
        resource_type: &str,
        name: &str,
        materialized: &str,
        relation: &str,
        manifest: Option<&Manifest>,
    ) -> Self {
        let node = manifest.and_then(|manifest| manifest.nodes.get(unique_id));
        let is_microbatch = materialized == "incremental"
            && node.is_some_and(|node| node.config.text("incremental_strategy") == Some("microbatch"));
        let language = node.map_or("sql", |node| node.language.as_str());
        let words = match resource_type {
            "seed" => format!("seed file {relation}"),
            "operation" => format!("hook: {relation}"),
            "snapshot" => format!("snapshot {relation}"),
            "function" => format!("function {relation}"),
            "source" => format!("freshness of {relation}"),
            "test" => format!("test {name}"),
            "unit_test" => format!("unit_test {relation}"),
            "saved_query" => format!("saved query {name}"),
            "model" if is_microbatch => format!("{language} microbatch model {relation}"),
            "model" => format!("{language} {materialized} model {relation}"),
            other => format!("{other} {relation}"),
        };
        Self {
            words,
            relation: relation.to_owned(),
            schema: node.map(|node| node.schema.clone()).unwrap_or_default(),
            name: name.to_owned(),
            attached_node: node.and_then(|node| node.test.as_ref()?.attached_node.clone()),
            is_ephemeral: materialized == "ephemeral",
            resource_type: resource_type.to_owned(),
        }
    }
}

/// The line of a node that begins; `None` for what begins silently.
pub(super) fn start_line(
    node: &NodeStarted,
    described: &Described,
    width: usize,
) -> Option<(EventKind, String, Value)> {
    if described.is_ephemeral || matches!(node.resource_type.as_str(), "exposure" | "saved_query") {
        return None;
    }
    let text = format!("{} of {} START {}", node.index, node.total, described.words);
    let mut data = json!({
        "description": described.words, "index": node.index, "total": node.total, "route": node.route.as_str(),
        "connection": node.connection,
    });
    if node.resource_type == "operation" {
        data["statement"] = Value::from(described.relation.clone());
        return Some((events::LOG_HOOK_START_LINE, padded_and_cut(&text, "RUN", width), data));
    }
    Some((events::LOG_START_LINE, padded(&text, "RUN", width), data))
}

/// The line of a finished node, with its event and level; `None` for what ends silently.
pub(super) fn finish_line(
    index: usize,
    total: usize,
    result: &NodeResult,
    described: &Described,
    skipped_by: Option<&NodeResult>,
    width: usize,
) -> Option<(EventKind, EventLevel, String, Value)> {
    if described.is_ephemeral && result.resource_type == "model" {
        return None;
    }
    let counter = format!("{index} of {total}");
    let message = result.message.clone().unwrap_or_default();
    let seconds = format!(" in {:.2}s", result.execution_seconds);
    let mut data = json!({
        "index": index, "total": total, "execution_time": result.execution_seconds, "status": result.status.as_str(),
        "description": described.words, "route": result.route.map(|route| route.as_str()),
    });
    if result.status == Status::Skipped && result.resource_type != "operation" {
        return Some(skipped_line(&counter, described, skipped_by, data, width));
    }
    if result.status == Status::NoOp {
        let line = padded(
            &format!("{counter} NO-OP {}", described.words),
            &format!("{}{seconds}", colored("NO-OP", Color::Yellow)),
            width,
        );
        return Some((events::LOG_NODE_NO_OP_RESULT, EventLevel::Info, line, data));
    }
    let is_error = result.status == Status::Error;
    let failed = |word: &str| format!("{}{seconds}", colored(word, Color::Red));
    let done = |word: &str| {
        let moved = moved(result).map_or_else(String::new, |moved| format!(", {moved}"));
        format!("{}{seconds}{moved}", colored(if word.is_empty() { "OK" } else { word }, Color::Green))
    };
    let level = if is_error { EventLevel::Error } else { EventLevel::Info };
    let built = |verb: [&str; 2], said: &str| {
        if is_error {
            padded(&format!("{counter} ERROR {} {}", verb[0], described.words), &failed("ERROR"), width)
        } else {
            padded(&format!("{counter} OK {} {}", verb[1], described.words), &done(said), width)
        }
    };
    let (kind, level, line) = match result.resource_type.as_str() {
        "seed" => {
            data["schema"] = Value::from(described.schema.clone());
            data["relation"] =
                Value::from(described.relation.rsplit('.').next().unwrap_or(&described.relation).to_owned());
            data["result_message"] = Value::from(message.clone());
            (events::LOG_SEED_RESULT, level, built(["loading", "loaded"], &message))
        }
        "snapshot" => {
            data["description"] = Value::from(described.relation.clone());
            data["result_message"] = Value::from(message.clone());
            let line = if is_error {
                padded(&format!("{counter} ERROR snapshotting {}", described.relation), &failed("ERROR"), width)
            } else {
                padded(&format!("{counter} OK snapshotted {}", described.relation), &done(&message), width)
            };
            (events::LOG_SNAPSHOT_RESULT, level, line)
        }
        "function" => {
            let said = result.status.as_str().to_uppercase();
            (events::LOG_FUNCTION_RESULT, level, built(["creating", "created"], &said))
        }
        "test" | "unit_test" => {
            let name = if result.resource_type == "test" { &described.name } else { &described.relation };
            data["name"] = Value::from(name.clone());
            data["num_models"] = Value::from(total);
            data["num_failures"] = Value::from(result.failures.unwrap_or(0));
            data["attached_node"] = Value::from(described.attached_node.clone());
            let (word, color, level) = match result.status {
                Status::Error => ("ERROR".to_owned(), Color::Red, EventLevel::Error),
                Status::Warn => (format!("WARN {}", result.failures.unwrap_or(0)), Color::Yellow, EventLevel::Warn),
                Status::Pass | Status::Success => ("PASS".to_owned(), Color::Green, EventLevel::Info),
                _ => (format!("FAIL {}", result.failures.unwrap_or(0)), Color::Red, EventLevel::Error),
            };
            let status = format!("{}{seconds}", colored(&word, color));
            (events::LOG_TEST_RESULT, level, padded(&format!("{counter} {word} {name}"), &status, width))
        }
        "source" => {
            let (word, color, level) = match result.status {
                Status::RuntimeError => ("ERROR", Color::Red, EventLevel::Error),
                Status::Error => ("ERROR STALE", Color::Red, EventLevel::Error),
                Status::Warn => ("WARN", Color::Yellow, EventLevel::Warn),
                _ => ("PASS", Color::Green, EventLevel::Info),
            };
            let (source, table) = described.relation.split_once('.').unwrap_or(("", &described.relation));
            data["source_name"] = Value::from(source.to_owned());
            data["table_name"] = Value::from(table.to_owned());
            let status = format!("{}{seconds}", colored(word, color));
            let line = padded(&format!("{counter} {word} freshness of {}", described.relation), &status, width);
            (events::LOG_FRESHNESS_RESULT, level, line)
        }
        "operation" => {
            let (word, color) = match result.status {
                Status::Success => ("OK", Color::Green),
                Status::Skipped => ("SKIP", Color::Yellow),
                _ => ("ERROR", Color::Red),
            };
            data["statement"] = Value::from(described.relation.clone());
            let status = format!("{}{seconds}", colored(word, color));
            let line = padded_and_cut(&format!("{counter} {word} {}", described.words), &status, width);
            (events::LOG_HOOK_END_LINE, EventLevel::Info, line)
        }
        _ => {
            if result.status == Status::PartialSuccess {
                let status = format!("{}{seconds}", colored(&message.to_uppercase(), Color::Yellow));
                data["status"] = Value::from(message);
                let line = padded(&format!("{counter} PARTIALLY created {}", described.words), &status, width);
                return Some((events::LOG_MODEL_RESULT, EventLevel::Info, line, data));
            }
            if !is_error {
                data["status"] = Value::from(message.clone());
            }
            (events::LOG_MODEL_RESULT, level, built(["creating", "created"], &message))
        }
    };
    Some((kind, level, line, data))
}

fn skipped_line(
    counter: &str,
    described: &Described,
    skipped_by: Option<&NodeResult>,
    mut data: Value,
    width: usize,
) -> (EventKind, EventLevel, String, Value) {
    data["schema"] = Value::from(described.schema.clone());
    if let Some(cause) = skipped_by {
        data["relation"] = Value::from(described.name.clone());
        data["status"] = Value::from(cause.status.as_str());
        let text = format!(
            "{counter} SKIP relation {}.{} due to ephemeral model status '{}'",
            described.schema,
            described.name,
            cause.status.as_str()
        );
        let line = padded(&text, &colored("ERROR SKIP", Color::Red), width);
        return (events::LOG_SKIP_BECAUSE_ERROR, EventLevel::Error, line, data);
    }
    data["node_name"] = Value::from(described.name.clone());
    data["resource_type"] = Value::from(described.resource_type.clone());
    let text = match described.resource_type.as_str() {
        "model" | "seed" | "snapshot" => format!("{counter} SKIP relation {}.{}", described.schema, described.name),
        other => format!("{counter} SKIP {other} {}", described.name),
    };
    (events::SKIPPING_DETAILS, EventLevel::Info, padded(&text, &colored("SKIP", Color::Yellow), width), data)
}

/// The message of an event whose text is a line made from its data: batches and overloads, which other rooms raise. Any
/// other event has its own message.
pub(super) fn composed(event: &Event, width: usize) -> String {
    let (noun, prefix) = match event.kind {
        events::LOG_START_BATCH | events::LOG_BATCH_RESULT => ("Batch", "batch"),
        events::LOG_START_OVERLOAD | events::LOG_OVERLOAD_RESULT => ("Overload", "overload"),
        _ => return event.message.clone(),
    };
    let text = |key: &str| event.data.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| event.data.get(key).and_then(Value::as_u64).unwrap_or_default();
    let total = if prefix == "batch" { "total_batches" } else { "total_overloads" };
    let counter = format!("{} of {}", number(&format!("{prefix}_index")), number(total));
    if matches!(event.kind, events::LOG_START_BATCH | events::LOG_START_OVERLOAD) {
        return format!("{noun} {}", padded(&format!("{counter} START {}", text("description")), "RUN", width));
    }
    let status = text("status");
    let (words, color) = match status {
        "error" => ("ERROR creating", Color::Red),
        "skipped" => ("SKIP", Color::Yellow),
        _ => ("OK created", Color::Green),
    };
    let shown = if color_is_green(color) && prefix == "batch" { status.to_owned() } else { status.to_uppercase() };
    let seconds = event.data.get("execution_time").and_then(Value::as_f64).unwrap_or_default();
    let status = format!("{} in {seconds:.2}s", colored(&shown, color));
    format!("{noun} {}", padded(&format!("{counter} {words} {}", text("description")), &status, width))
}

fn color_is_green(color: Color) -> bool {
    matches!(color, Color::Green)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_padded_with_dots_as_dbt_pads_them() {
        assert_eq!(padded("1 of 1 START", "RUN", 20), "1 of 1 START ....... [RUN]");
        assert_eq!(padded("a line that is longer", "RUN", 5), "a line that is longer  [RUN]");
        assert_eq!(padded_and_cut("1 of 1 START hook: shop.on-run-start.0", "RUN", 20), "1 of 1 START hook... [RUN]");
    }

    #[test]
    fn a_batch_line_is_made_from_its_data() {
        let event = Event::new(events::LOG_BATCH_RESULT, "").data(json!({
            "description": "batch 2026-01-01 of dev.m", "batch_index": 1, "total_batches": 3, "status": "INSERT 0 2",
            "execution_time": 0.5,
        }));
        assert_eq!(
            super::super::words::plain(&composed(&event, 50)),
            "Batch 1 of 3 OK created batch 2026-01-01 of dev.m ...... [INSERT 0 2 in 0.50s]"
        );
    }
}
