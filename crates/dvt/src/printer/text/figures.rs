//! Counts, rates, times and routes as text.

use super::super::words::Color;
use dvt_manifest::Manifest;
use dvt_runner::{NodeProgress, NodeResult, NodeStarted, RouteKind, RunOutcome, Status};
use serde_json::{Map, Value};

/// `federate, 1.2k rows read`: the route of a node that was not pushed down, and what it took.
pub(crate) fn moved(result: &NodeResult) -> Option<String> {
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

/// `1 hook, 2 table models`: what a run did, in dbt's order and words.
pub(crate) fn counted_kinds(results: &[NodeResult], manifest: Option<&Manifest>) -> String {
    let mut counted: Vec<(String, String, usize)> = Vec::new();
    for result in results {
        let node = manifest.and_then(|manifest| manifest.nodes.get(&result.unique_id));
        let (one, many) = match (result.resource_type.as_str(), node) {
            ("model", Some(node)) => {
                let kind = format!("{} model", node.config.materialized().replace('_', " "));
                (kind.clone(), format!("{kind}s"))
            }
            ("operation", _) => ("project hook".to_owned(), "project hooks".to_owned()),
            ("test", _) => ("test".to_owned(), "data tests".to_owned()),
            ("analysis", _) => ("analysis".to_owned(), "analyses".to_owned()),
            ("saved_query", _) => ("saved query".to_owned(), "saved queries".to_owned()),
            (other, _) => (other.replace('_', " "), format!("{}s", other.replace('_', " "))),
        };
        match counted.iter_mut().find(|(known, _, _)| *known == one) {
            Some((_, _, count)) => *count += 1,
            None => counted.push((one, many, 1)),
        }
    }
    counted.sort_unstable();
    counted
        .iter()
        .map(|(one, many, count)| if *count == 1 { format!("1 {one}") } else { format!("{count} {many}") })
        .collect::<Vec<_>>()
        .join(", ")
}

/// `0 hours 0 minutes and 1.53 seconds`.
pub(crate) fn elapsed_words(seconds: f64) -> String {
    let hours = (seconds / 3600.0).floor();
    let minutes = ((seconds - hours * 3600.0) / 60.0).floor();
    let rest = seconds - hours * 3600.0 - minutes * 60.0;
    format!("{hours:.0} hours {minutes:.0} minutes and {rest:.2} seconds")
}

/// `Completed successfully`, or how many went wrong: errors, partial successes, warnings.
pub(crate) fn completion([errors, partial, warnings]: [usize; 3], cancelled: bool) -> (String, Color) {
    let partial_words = format!("{partial} partial {}", if partial == 1 { "success" } else { "successes" });
    let warning_words = counted(warnings, "warning");
    if cancelled {
        ("Exited because of keyboard interrupt".to_owned(), Color::Yellow)
    } else if errors > 0 {
        (format!("Completed with {}, {partial_words}, and {warning_words}:", counted(errors, "error")), Color::Red)
    } else if partial > 0 {
        (format!("Completed with {partial_words} and {warning_words}"), Color::Yellow)
    } else if warnings > 0 {
        (format!("Completed with {warning_words}:"), Color::Yellow)
    } else {
        ("Completed successfully".to_owned(), Color::Green)
    }
}

/// How many results there are of each sort.
pub(crate) struct Stats([(&'static str, &'static str, usize); 7]);

impl Stats {
    pub(crate) fn of(outcome: &RunOutcome) -> Self {
        let count =
            |statuses: &[Status]| outcome.results.iter().filter(|result| statuses.contains(&result.status)).count();
        Self([
            ("pass", "PASS", count(&[Status::Success, Status::Pass])),
            ("warn", "WARN", count(&[Status::Warn])),
            ("error", "ERROR", count(&[Status::Error, Status::Fail, Status::PartialSuccess, Status::RuntimeError])),
            ("skip", "SKIP", count(&[Status::Skipped])),
            ("noop", "NO-OP", count(&[Status::NoOp])),
            ("reused", "REUSED", 0),
            ("total", "TOTAL", outcome.results.len()),
        ])
    }

    /// `Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=1`.
    pub(crate) fn line(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(_, word, count)| format!("{word}={count}")).collect();
        format!("Done. {}", words.join(" "))
    }

    pub(crate) fn to_json(&self) -> Value {
        self.0.iter().map(|(name, _, count)| ((*name).to_owned(), Value::from(*count))).collect::<Map<_, _>>().into()
    }
}

pub(crate) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn elapsed_time_is_split_into_hours_minutes_and_seconds() {
        assert_eq!(elapsed_words(3_725.5), "1 hours 2 minutes and 5.50 seconds");
    }

    #[test]
    fn a_run_is_summed_up_as_dbt_does() {
        let words = |counts| completion(counts, false).0;
        assert_eq!(words([0, 0, 0]), "Completed successfully");
        assert_eq!(words([1, 0, 2]), "Completed with 1 error, 0 partial successes, and 2 warnings:");
        assert_eq!(words([0, 1, 0]), "Completed with 1 partial success and 0 warnings");
        assert_eq!(words([0, 0, 1]), "Completed with 1 warning:");
        assert_eq!(completion([1, 0, 0], true).0, "Exited because of keyboard interrupt");
    }
}
