//! The words of a log line, as dbt has them. Values in, text out; nothing is written here.

use dvt_runner::{NodeProgress, NodeResult, NodeStarted, RouteKind, RunOutcome, Status};

/// `text ........ [status]`, padded with dots to `width` columns.
pub(crate) fn padded(text: &str, status: &str, width: usize) -> String {
    let mut line = format!("{text} ");
    let columns = line.chars().count();
    line.extend(std::iter::repeat_n('.', width.saturating_sub(columns)));
    format!("{line} [{status}]")
}

/// What a node is called in a line: `sql table model dev.customers`, `seed file dev.countries`.
pub(crate) fn node_words(resource_type: &str, materialized: &str, relation: &str) -> String {
    match resource_type {
        "seed" => format!("seed file {relation}"),
        "operation" => format!("hook: {relation}"),
        "test" => format!("test {relation}"),
        "snapshot" => format!("snapshot {relation}"),
        _ => format!("sql {materialized} {resource_type} {relation}"),
    }
}

pub(crate) fn start_line(node: &NodeStarted) -> String {
    format!(
        "{} of {} START {}",
        node.index,
        node.total,
        node_words(&node.resource_type, &node.materialized, &node.relation_display)
    )
}

/// The line of a finished node and what stands in its brackets.
pub(crate) fn finish_line(index: usize, total: usize, result: &NodeResult, materialized: &str) -> (String, String) {
    let relation = if result.relation_display.is_empty() { &result.name } else { &result.relation_display };
    let words = node_words(&result.resource_type, materialized, relation);
    let counter = format!("{index} of {total}");
    let seconds = format!("in {:.2}s", result.execution_seconds);
    match result.status {
        Status::Skipped => (format!("{counter} SKIP relation {relation}"), "SKIP".to_owned()),
        Status::NoOp => (format!("{counter} NO-OP {words}"), format!("NO-OP {seconds}")),
        Status::Error => {
            let verb = match result.resource_type.as_str() {
                "seed" => "loading ",
                "model" => "creating ",
                "snapshot" => "snapshotting ",
                _ => "",
            };
            (format!("{counter} ERROR {verb}{words}"), format!("ERROR {seconds}"))
        }
        Status::Fail => {
            (format!("{counter} FAIL {} {relation}", result.failures.unwrap_or_default()), format!("FAIL {seconds}"))
        }
        Status::Warn | Status::Pass if result.resource_type == "test" => {
            let word = result.status.as_str().to_uppercase();
            (format!("{counter} {word} {relation}"), format!("{word} {seconds}"))
        }
        Status::Success | Status::Pass | Status::Warn => {
            let verb = match result.resource_type.as_str() {
                "seed" => "loaded ",
                "model" => "created ",
                "snapshot" => "snapshotted ",
                _ => "",
            };
            let message = result.message.as_deref().filter(|message| !message.is_empty()).unwrap_or("OK");
            let mut status = format!("{message} {seconds}");
            if let Some(moved) = moved(result) {
                status = format!("{status}, {moved}");
            }
            (format!("{counter} OK {verb}{words}"), status)
        }
    }
}

/// `federate, 1.2k rows read`: the route of a node that was not pushed down, and what it took.
fn moved(result: &NodeResult) -> Option<String> {
    let route = result.route.filter(|route| *route != RouteKind::Pushdown)?;
    let figure = |key: &str| result.adapter_response.get(key).and_then(serde_json::Value::as_u64);
    let mut text = route.as_str().to_owned();
    if let Some(rows) = figure("rows_extracted") {
        text = format!("{text}: {} rows read", thousands(rows));
    }
    if let Some(bytes) = figure("bytes_extracted") {
        text = format!("{text}, {}", bytes_text(bytes));
    }
    Some(text)
}

/// The live line of a running node; the time it takes stands before it and ticks by itself.
pub(crate) fn progress_line(node: &NodeStarted, progress: Option<&NodeProgress>, elapsed_seconds: f64) -> String {
    let place = format!("{} on {}", node.relation_display, node.connection);
    let Some(progress) = progress else {
        return format!("{} {place}", node.route);
    };
    let mut line = format!("{} {place}  {}", progress.route, progress.phase.as_str());
    if progress.rows_read > 0 {
        line = format!("{line}  read {} rows, {}", thousands(progress.rows_read), bytes_text(progress.bytes_read));
    }
    if progress.rows_written > 0 {
        line = format!("{line}  wrote {} rows", thousands(progress.rows_written));
    }
    let rate = per_second(progress.bytes_read.max(progress.bytes_written), elapsed_seconds);
    if rate > 0 {
        line = format!("{line}  {}/s", bytes_text(rate));
    }
    line
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate for the eye; both numbers are positive"
)]
fn per_second(bytes: u64, seconds: f64) -> u64 {
    if seconds < 0.2 { 0 } else { (bytes as f64 / seconds) as u64 }
}

/// `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1.2 MB`; powers of 1,000.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1_000.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// Where each node ran: `federate  main.orders  shop_db, ledger -> warehouse`, in columns.
pub(crate) fn route_lines(nodes: &[RanNode]) -> Vec<String> {
    let width = nodes.iter().map(|node| node.relation.chars().count()).max().unwrap_or(0);
    nodes
        .iter()
        .map(|node| {
            let place = match node.route {
                RouteKind::Pushdown => format!("on {}", node.connection),
                _ => format!("{} -> {}", node.inputs.join(", "), node.connection),
            };
            format!("{:8}  {:width$}  {place}", node.route.as_str(), node.relation)
        })
        .collect()
}

/// A node that ran, for [`route_lines`].
#[derive(Clone, Debug)]
pub(crate) struct RanNode {
    pub(crate) route: RouteKind,
    pub(crate) relation: String,
    pub(crate) connection: String,
    /// The connections it read, each once.
    pub(crate) inputs: Vec<String>,
}

impl RanNode {
    pub(crate) fn new(node: &NodeStarted, result: &NodeResult) -> Self {
        let mut inputs: Vec<String> = Vec::new();
        let figures = result.adapter_response.get("inputs").and_then(serde_json::Value::as_array);
        for input in figures.into_iter().flatten().filter_map(|input| input.get("connection")?.as_str()) {
            if !inputs.iter().any(|known| known == input) {
                inputs.push(input.to_owned());
            }
        }
        Self {
            route: result.route.unwrap_or(node.route),
            relation: node.relation_display.clone(),
            connection: node.connection.clone(),
            inputs,
        }
    }
}

/// `2 table models, 1 seed`: what a run did, in dbt's order and words.
pub(crate) fn counted_kinds(kinds: &[String]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for kind in kinds {
        match counted.iter_mut().find(|(known, _)| known == kind) {
            Some((_, count)) => *count += 1,
            None => counted.push((kind, 1)),
        }
    }
    counted.sort_unstable();
    counted
        .iter()
        .map(|(kind, count)| if *count == 1 { format!("1 {kind}") } else { format!("{count} {kind}s") })
        .collect::<Vec<_>>()
        .join(", ")
}

/// `0 hours 0 minutes and 1.53 seconds (1.53s)`.
pub(crate) fn elapsed_words(seconds: f64) -> String {
    let hours = (seconds / 3600.0).floor();
    let minutes = ((seconds - hours * 3600.0) / 60.0).floor();
    let rest = seconds - hours * 3600.0 - minutes * 60.0;
    format!("{hours:.0} hours {minutes:.0} minutes and {rest:.2} seconds ({seconds:.2}s)")
}

/// `Completed successfully`, or how many went wrong.
pub(crate) fn completion_line(outcome: &RunOutcome) -> String {
    let failed = outcome.results.iter().filter(|result| result.status.is_failure()).count();
    let errors =
        failed + outcome.diagnostics.iter().filter(|wrong| wrong.severity == dvt_diagnostics::Severity::Error).count();
    let warnings = outcome.count(Status::Warn);
    if outcome.cancelled {
        "Exited because of keyboard interrupt".to_owned()
    } else if errors > 0 {
        format!(
            "Completed with {}, 0 partial successes, and {}:",
            counted(errors, "error"),
            counted(warnings, "warning")
        )
    } else if warnings > 0 {
        format!("Completed with {}:", counted(warnings, "warning"))
    } else {
        "Completed successfully".to_owned()
    }
}

/// `Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 TOTAL=1`.
pub(crate) fn stats_line(outcome: &RunOutcome) -> String {
    let errors = outcome.count(Status::Error) + outcome.count(Status::Fail);
    let passed = outcome.count(Status::Success) + outcome.count(Status::Pass);
    format!(
        "Done. PASS={passed} WARN={} ERROR={errors} SKIP={} NO-OP={} TOTAL={}",
        outcome.count(Status::Warn),
        outcome.count(Status::Skipped),
        outcome.count(Status::NoOp),
        outcome.results.len()
    )
}

pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_padded_with_dots_as_dbt_pads_them() {
        assert_eq!(padded("1 of 1 START", "RUN", 20), "1 of 1 START ....... [RUN]");
        assert_eq!(padded("a line that is longer", "RUN", 5), "a line that is longer  [RUN]");
    }

    #[test]
    fn numbers_are_grouped_and_bytes_scaled() {
        assert_eq!(
            ["0", "999", "1,000", "12,345,678"],
            [0, 999, 1_000, 12_345_678].map(thousands).each_ref().map(String::as_str)
        );
        assert_eq!(
            ["0 B", "999 B", "1.0 kB", "1.5 MB", "15 MB", "2.0 GB"],
            [0, 999, 1_000, 1_500_000, 15_000_000, 2_000_000_000].map(bytes_text).each_ref().map(String::as_str)
        );
    }

    #[test]
    fn kinds_are_counted_and_ordered() {
        let kinds = ["view model", "table model", "view model"].map(str::to_owned);
        assert_eq!(counted_kinds(&kinds), "1 table model, 2 view models");
    }

    #[test]
    fn elapsed_time_is_split_into_hours_minutes_and_seconds() {
        assert_eq!(elapsed_words(3_725.5), "1 hours 2 minutes and 5.50 seconds (3725.50s)");
    }
}
