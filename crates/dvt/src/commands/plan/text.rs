//! A plan for people: one paragraph per node, one indented block per input. Colours are taken out where nobody wants them.

use crate::printer::{Color, bytes_text, colored, thousands};
use dvt_runner::{InputPlan, NodePlan};

/// The width of the words at the left.
const LABEL: usize = 10;

pub(super) fn plans(plans: &[&NodePlan]) -> String {
    plans.iter().map(|plan| node(plan)).collect::<Vec<_>>().join("\n\n")
}

fn node(plan: &NodePlan) -> String {
    let color = if plan.route == "pushdown" { Color::Green } else { Color::Yellow };
    let mut head = format!("{} {}: {}", plan.resource_type, plan.name, colored(&plan.route, color));
    if let Some(relation) = &plan.relation {
        head += &format!(" -> {relation} on {} ({})", plan.connection, plan.materialized);
    }
    let mut lines = vec![head];
    line(&mut lines, "why", &plan.reason);
    if !plan.ephemerals.is_empty() {
        line(&mut lines, "includes", &format!("{} (ephemeral)", plan.ephemerals.join(", ")));
    }
    if let Some(unplanned) = &plan.unplanned {
        line(&mut lines, "unknown", &format!("{} ({unplanned})", colored("what is sent", Color::Red)));
    }
    if let Some(compute) = &plan.compute {
        line(&mut lines, "compute", &format!("{} ({})", compute.name, compute.said_by));
    }
    if let Some(bucket) = &plan.bucket {
        let staging = plan.staging.as_deref().unwrap_or_default();
        line(&mut lines, "bucket", &format!("{} ({}), staging: {staging}", bucket.name, bucket.said_by));
    }
    for (index, read) in plan.inputs.iter().enumerate() {
        input(&mut lines, index, read);
    }
    if let Some(sql) = &plan.spark_sql {
        for (index, text) in sql.lines().enumerate() {
            line(&mut lines, if index == 0 { "spark sql" } else { "" }, text);
        }
    }
    if let Some(left) = &plan.spark_leaves {
        line(&mut lines, "here", &format!("row by row over Spark's answer: {left}"));
    }
    for (index, computed) in plan.computes.iter().filter(|_| plan.spark_sql.is_none()).enumerate() {
        line(&mut lines, if index == 0 { "computes" } else { "" }, computed);
    }
    if let Some(landing) = &plan.landing {
        let text = format!("in {} on {}; then {}", landing.schema, landing.connection, landing.then);
        line(&mut lines, "lands", &text);
        if let Some(loaded_by) = &landing.loaded_by {
            line(&mut lines, "", loaded_by);
        }
    } else if plan.resource_type == "test" && plan.route != "pushdown" {
        line(&mut lines, "lands", "nowhere: the engine counts the test's rows");
    }
    lines.join("\n")
}

fn input(lines: &mut Vec<String>, index: usize, input: &InputPlan) {
    let relations = input.relations.join(", ");
    line(
        lines,
        &format!("input {}", index + 1),
        &format!("{} on {} ({relations})", input.display_name, input.connection),
    );
    detail(lines, "sends", &input.sql);
    if let Some(columns) = &input.columns {
        detail(lines, "columns", &format!("{} of {}", columns.read, columns.of));
    }
    for pushed in &input.pushed {
        detail(lines, "pushed", pushed);
    }
    for kept in &input.kept {
        let wider = if kept.sent_wider { "sent wider, and checked here: " } else { "" };
        detail(lines, "kept", &format!("{}  ({wider}{})", kept.predicate, kept.reason));
    }
    if let Some(limit) = input.limit {
        detail(lines, "limit", &thousands(limit));
    }
    let rows = input.estimated_rows.map(|rows| format!("about {} rows", thousands(rows)));
    let bytes = input.estimated_bytes.map(bytes_text);
    let expected: Vec<String> = rows.into_iter().chain(bytes).collect();
    detail(lines, "expects", &if expected.is_empty() { "unknown".to_owned() } else { expected.join(", ") });
    let read = if input.readers > 1 { format!(", read {} times", input.readers) } else { String::new() };
    detail(lines, &input.delivery, &format!("{}{read}", input.delivery_reason));
    match (input.rows_from.as_str(), &input.reuse_reason) {
        ("reused", _) => detail(lines, "reused", "an earlier run has staged it, and the source has not changed since"),
        ("shared", _) => detail(lines, "shared", "this run has staged it already"),
        (_, Some(reason)) => detail(lines, "reuse", reason),
        (_, None) => {}
    }
    if let Some(parts) = input.parts {
        detail(lines, "parts", &format!("{parts}, each a commit that is not read again after a kill"));
    }
}

fn line(lines: &mut Vec<String>, label: &str, text: &str) {
    let mut rest = text.lines();
    lines.push(format!("  {label:LABEL$}{}", rest.next().unwrap_or_default()).trim_end().to_owned());
    lines.extend(rest.map(|more| format!("  {:LABEL$}{more}", "").trim_end().to_owned()));
}

fn detail(lines: &mut Vec<String>, label: &str, text: &str) {
    let mut rest = text.lines();
    lines.push(format!("    {label:LABEL$}{}", rest.next().unwrap_or_default()).trim_end().to_owned());
    lines.extend(rest.map(|more| format!("    {:LABEL$}{more}", "").trim_end().to_owned()));
}
