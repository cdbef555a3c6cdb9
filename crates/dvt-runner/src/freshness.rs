//! `source freshness`: how old the newest row of each source is.
//!
//! The source's connection is asked by dbt's macros (`collect_freshness`, `collect_freshness_custom_sql`), or by the
//! connection's own `get_relation_last_modified` where the source names no column and its adapter has such a macro.

use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::microbatch::parse_time;
use crate::node::{node_comment, thread_name};
use crate::outcome::{Freshness, NodeResult, RouteKind, Status, Timing};
use crate::reporter::NodeStarted;
use crate::run::Run;
use crate::scheduler::Place;
use chrono::{DateTime, TimeDelta, Utc};
use dvt_diagnostics::{Diagnostic, Event, SourceFile, kinds};
use dvt_jinja::{Args, Bridge, RenderContext, Template, Value, call_macro, render_template};
use dvt_manifest::{Node, Relation, Source, SourceFreshness, Threshold};
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use std::time::Instant;

/// Checks one source. Never fails: what goes wrong is in the result, as a runtime error.
pub(crate) async fn check_source(run: Arc<Run>, source: Arc<Source>, place: Place, total: usize) -> NodeResult {
    let begun = Instant::now();
    let shown = format!("{}.{}", source.source_name, source.name);
    run.reporter().node_started(&NodeStarted {
        index: place.position,
        total,
        unique_id: source.unique_id.clone(),
        name: source.name.clone(),
        resource_type: "source".to_owned(),
        materialized: String::new(),
        relation_display: shown.clone(),
        connection: source.connection.clone(),
        route: RouteKind::Pushdown,
    });
    let started_at = Utc::now();
    let (inner, asked) = (Arc::clone(&run), Arc::clone(&source));
    let thread_id = thread_name(place.slot);
    let done = tokio::task::spawn_blocking(move || ask(&inner, &asked, &thread_id))
        .await
        .unwrap_or_else(|error| Err(Diagnostic::error("internal", format!("dvt itself failed: {error}")).into()));
    let mut result = NodeResult::new(&source.unique_id, "source", &source.name, Status::Pass);
    result.relation_display = shown;
    result.route = Some(RouteKind::Pushdown);
    result.thread_id = thread_name(place.slot);
    result.timing = vec![
        Timing { name: "compile", started_at, completed_at: started_at },
        Timing { name: "execute", started_at, completed_at: Utc::now() },
    ];
    match done {
        Ok(Answer { response, max_loaded_at, snapshotted_at }) => {
            let age = (snapshotted_at - max_loaded_at).as_seconds_f64();
            let thresholds = source.freshness.clone().unwrap_or_default();
            result.status = status_of(&thresholds, age);
            result.adapter_response = response;
            result.freshness = Some(Freshness { max_loaded_at, snapshotted_at, age, criteria: thresholds.to_json() });
        }
        Err(error) => {
            result.status = Status::RuntimeError;
            result.message = Some(error.message());
            result.diagnostics = error.diagnostics;
        }
    }
    result.execution_seconds = begun.elapsed().as_secs_f64();
    result
}

struct Answer {
    response: Map<String, Json>,
    max_loaded_at: DateTime<Utc>,
    snapshotted_at: DateTime<Utc>,
}

/// dbt's thresholds: an age is too old when it is more than `count` periods.
fn status_of(freshness: &SourceFreshness, age: f64) -> Status {
    let exceeded = |threshold: &Threshold| {
        let Threshold::After { count, period } = threshold else { return false };
        let span = match period.as_str() {
            "minute" => TimeDelta::try_minutes(*count),
            "hour" => TimeDelta::try_hours(*count),
            _ => TimeDelta::try_days(*count),
        };
        span.is_some_and(|span| age > span.as_seconds_f64())
    };
    if exceeded(&freshness.error_after) {
        Status::Error
    } else if exceeded(&freshness.warn_after) {
        Status::Warn
    } else {
        Status::Pass
    }
}

/// Blocks.
fn ask(run: &Arc<Run>, source: &Arc<Source>, thread_id: &str) -> Result<Answer, NodeError> {
    if let Some(diagnostic) = crate::run::lock(&run.broken).get(&source.connection) {
        return Err(diagnostic.clone().into());
    }
    let adapter = run.adapter(&source.connection)?;
    let mut node = run.operation_node(&source.name, &source.connection);
    node.unique_id.clone_from(&source.unique_id);
    node.package_name.clone_from(&source.package_name);
    node.span = source.span.clone();
    let node = Arc::new(node);
    let bridge = NodeBridge::new(run, &node, &adapter, node_comment(run, &node)?);
    let answer = ask_through(run, source, &node, &bridge, thread_id);
    bridge.abandon();
    answer
}

fn ask_through(
    run: &Arc<Run>,
    source: &Source,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<Answer, NodeError> {
    let relation = source.relation();
    let mut context = run.context(node, &source.connection, thread_id);
    let json = Arc::new(source.to_json());
    context.node = Some(Arc::clone(&json));
    context.config = source.config.0.clone();
    context.this = Some(relation.clone());
    context.variables.insert("source_node".to_owned(), Value::from(&*json));
    let filter = source.freshness.as_ref().and_then(|freshness| freshness.filter.as_deref());
    let target = Value::relation(relation.clone());
    let (called, field) = if let Some(query) = &source.loaded_at_query {
        let query = render_query(run, &context, bridge, source, query)?;
        let args = Args::new("collect_freshness_custom_sql", Vec::new())
            .with_keyword("source", target)
            .with_keyword("loaded_at_query", Value::str(&query));
        (call(run, &context, bridge, source, args)?, query)
    } else if let Some(field) = &source.loaded_at_field {
        let args = Args::new("collect_freshness", Vec::new())
            .with_keyword("source", target)
            .with_keyword("loaded_at_field", Value::str(field))
            .with_keyword("filter", filter.map_or(Value::None, Value::str));
        (call(run, &context, bridge, source, args)?, field.clone())
    } else if knows_last_modified(run, &context) {
        if filter.is_some() {
            let text = format!("A filter cannot be applied to a metadata freshness check on source '{}'.", source.name);
            run.settings().events.warn_or_error(Event::new(kinds::NOTE, text.clone()).with("msg", text))?;
        }
        let args = Args::new("get_relation_last_modified", Vec::new())
            .with_keyword("information_schema", Value::relation(information_schema(&relation)))
            .with_keyword("relations", Value::list(vec![target]));
        (call(run, &context, bridge, source, args)?, "last_modified".to_owned())
    } else {
        return Err(at_source(
            source,
            format!(
                "Could not compute freshness for source {}: no 'loaded_at_field' provided and {} adapter does not \
                 support metadata-based freshness checks.",
                source.name,
                bridge.adapter_type()
            ),
        )
        .help("say `loaded_at_field` or `loaded_at_query` for it")
        .into());
    };
    read_answer(run, source, &called, &field)
}

/// A query of the user's own is a template.
fn render_query(
    run: &Arc<Run>,
    context: &RenderContext,
    bridge: &Arc<NodeBridge>,
    source: &Source,
    query: &str,
) -> Result<String, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&source.span) };
    let file = SourceFile::new(source.original_file_path.as_str(), query);
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    Template::parse(&file)
        .and_then(|template| render_template(run.library(), context, outside, &template))
        .map(|rendered| rendered.text)
        .map_err(|error| from_render(error, at))
}

fn call(
    run: &Arc<Run>,
    context: &RenderContext,
    bridge: &Arc<NodeBridge>,
    source: &Source,
    args: Args,
) -> Result<Value, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&source.span) };
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let name = args.function.clone();
    call_macro(run.library(), context, outside, &name, args)
        .map(|called| called.value)
        .map_err(|error| from_render(error, at))
}

/// Whether the connection's own macros can tell when a table was last changed.
fn knows_last_modified(run: &Run, context: &RenderContext) -> bool {
    context.adapter_types.iter().any(|kind| {
        let name = format!("{kind}__get_relation_last_modified");
        run.library().definitions().any(|definition| definition.name == name)
    })
}

/// The schema that describes the relation's database, as dbt's macros are given it.
pub(crate) fn information_schema(relation: &Relation) -> Relation {
    let mut schema = relation.clone();
    schema.schema = Some("INFORMATION_SCHEMA".to_owned());
    schema.identifier = None;
    schema.kind = None;
    schema.quoting.schema = false;
    schema.include.schema = true;
    schema.include.identifier = false;
    schema
}

/// The one row of `max_loaded_at` and `snapshotted_at`: what `load_result` gives, or the bare table of an older macro.
fn read_answer(run: &Arc<Run>, source: &Source, called: &Value, field: &str) -> Result<Answer, NodeError> {
    let (table, response) = match called.as_dict() {
        Some(result) => (result.get_str("table").cloned().unwrap_or(Value::None), result.get_str("response").cloned()),
        None => {
            let text = "The 'collect_freshness' macro signature has changed to return the full query result, rather \
                        than just a table of values. See the v1.5 migration guide for details on how to update your \
                        custom macro: https://docs.getdbt.com/guides/migration/versions/upgrading-to-v1.5";
            run.settings().events.warn_or_error(Event::new(kinds::COLLECT_FRESHNESS_RETURN_SIGNATURE, text))?;
            (called.clone(), None)
        }
    };
    let rows = table.field("rows").and_then(|rows| rows.iterate()).unwrap_or_default();
    let cells: Vec<Value> = rows.first().and_then(Value::iterate).unwrap_or_default();
    // Metadata comes with the relation's own names in front.
    let (loaded, snapshotted) = match (rows.len(), cells.as_slice()) {
        (1, [loaded, snapshotted]) => (loaded, snapshotted),
        (1, [_, _, loaded, snapshotted]) => (loaded, snapshotted),
        _ => {
            return Err(at_source(
                source,
                format!("Got an invalid result from \"{}\" macro: {}", "collect_freshness", table),
            )
            .into());
        }
    };
    let response = response.and_then(|response| response.to_json().ok());
    let response = match response {
        Some(Json::Object(fields)) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    };
    let texts = run.adapter(&source.connection)?.dialect().name == "sqlite";
    let max_loaded_at = match loaded {
        // No rows: as old as can be.
        Value::None => DateTime::from_timestamp(-62_135_596_800, 0).unwrap_or_default(),
        loaded => point_in_time(source, loaded, field, texts)?,
    };
    Ok(Answer { response, max_loaded_at, snapshotted_at: point_in_time(source, snapshotted, field, texts)? })
}

/// `texts` says whether the engine has no type for times, so that a text may be one.
fn point_in_time(source: &Source, value: &Value, field: &str, texts: bool) -> Result<DateTime<Utc>, NodeError> {
    let relation = source.relation().render();
    let from_text = || if texts { value.as_str().and_then(parse_time) } else { None };
    value.as_datetime_utc().or_else(from_text).ok_or_else(|| {
        let what = match value {
            Value::None => {
                format!("Expected a non-null value when querying field '{field}' of table  {relation} but received value 'null' instead")
            }
            other => format!(
                "Expected a timestamp value when querying field '{field}' of table {relation} but received value of \
                 type '{}' instead",
                other.type_name()
            ),
        };
        let diagnostic = at_source(source, what);
        match value {
            Value::Str(text) if texts => diagnostic.note(format!("'{text}' is no time")).into(),
            _ => diagnostic.into(),
        }
    })
}

fn at_source(source: &Source, message: String) -> Diagnostic {
    Diagnostic::error("freshness", message).label(source.span.clone(), "")
}

#[cfg(test)]
mod tests {
    use super::{Status, status_of};
    use dvt_manifest::{SourceFreshness, Threshold};

    #[test]
    fn an_age_is_too_old_when_it_is_more_than_the_threshold() {
        let freshness = SourceFreshness {
            warn_after: Threshold::After { count: 10, period: "hour".to_owned() },
            error_after: Threshold::After { count: 1, period: "day".to_owned() },
            filter: None,
        };
        for (age, expected) in [(36_000.0, Status::Pass), (36_000.1, Status::Warn), (86_401.0, Status::Error)] {
            assert_eq!(status_of(&freshness, age), expected, "{age}");
        }
        assert_eq!(status_of(&SourceFreshness::default(), 1e12), Status::Pass);
    }
}
