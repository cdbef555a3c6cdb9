//! What a whole run looks like on a screen that is no terminal.

use super::*;
use chrono::Utc;
use dvt_runner::{NodeResult, NodeStarted, Reporter, RouteKind, RunOutcome, RunStarted, Status};
use serde_json::json;
use std::sync::mpsc;

/// Sends what is written to the test.
struct Sink(mpsc::Sender<Vec<u8>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn screen(options: PrinterOptions, print: impl FnOnce(&Printer)) -> (String, String) {
    let (out_sender, out) = mpsc::channel();
    let (err_sender, err) = mpsc::channel();
    let printer = Printer::new(
        "invocation",
        SharedRedactor::default(),
        options,
        Box::new(Sink(out_sender)),
        Box::new(Sink(err_sender)),
    );
    print(&printer);
    drop(printer);
    let read = |receiver: mpsc::Receiver<Vec<u8>>| String::from_utf8(receiver.iter().flatten().collect()).unwrap();
    (read(out), read(err))
}

/// Without the times at the start of the lines.
fn without_times(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.get(10..).unwrap_or(line)).collect()
}

fn started() -> NodeStarted {
    NodeStarted {
        index: 1,
        total: 1,
        unique_id: "model.shop.customers".to_owned(),
        name: "customers".to_owned(),
        resource_type: "model".to_owned(),
        materialized: "table".to_owned(),
        relation_display: "dev.customers".to_owned(),
        connection: "warehouse".to_owned(),
        route: RouteKind::Federate,
    }
}

fn result(status: Status, message: &str) -> NodeResult {
    NodeResult {
        route: Some(RouteKind::Federate),
        timing: Vec::new(),
        thread_id: "Thread-1".to_owned(),
        execution_seconds: 0.125,
        adapter_response: json!({
            "rows_extracted": 1_500, "bytes_extracted": 42_000,
            "inputs": [{"connection": "crm"}, {"connection": "ledger"}, {"connection": "crm"}],
        })
        .as_object()
        .unwrap()
        .clone(),
        message: Some(message.to_owned()),
        compiled: true,
        relation_display: "dev.customers".to_owned(),
        ..NodeResult::new("model.shop.customers", "model", "customers", status)
    }
}

fn outcome(result: NodeResult) -> RunOutcome {
    RunOutcome {
        invocation_id: "invocation".to_owned(),
        started_at: Utc::now(),
        elapsed_seconds: 1.5,
        results: vec![result],
        order: Vec::new(),
        diagnostics: Vec::new(),
        stopped_early: false,
        cancelled: false,
        could_not_go_on: false,
    }
}

#[test]
fn a_run_prints_dbts_lines() {
    let (out, err) = screen(PrinterOptions::default(), |printer| {
        printer.run_started(&RunStarted { command: "run", total: 1, threads: 4, target: "dev".to_owned() });
        printer.node_started(&started());
        let result = result(Status::Success, "SELECT 10");
        printer.node_finished(1, 1, &result);
        printer.run_finished(&outcome(result));
    });
    assert_eq!(
        without_times(&out),
        [
            "",
            "Concurrency: 4 threads (target='dev')",
            "",
            "1 of 1 START sql table model dev.customers ..................................... [RUN]",
            "1 of 1 OK created sql table model dev.customers ................................ [SELECT 10 in 0.12s, \
             federate: 1,500 rows read, 42 kB]",
            "",
            "Finished running 1 model in 0 hours 0 minutes and 1.50 seconds (1.50s).",
            "",
            "federate  dev.customers  crm, ledger -> warehouse",
            "",
            "Completed successfully",
            "",
            "Done. PASS=1 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=1",
        ]
    );
    assert_eq!(err, "");
}

#[test]
fn a_failed_node_is_named_and_explained_once() {
    let (out, err) = screen(PrinterOptions::default(), |printer| {
        printer.node_started(&started());
        let mut failed = result(Status::Error, "no such table");
        failed.diagnostics = vec![
            Diagnostic::error("missing-relation", "`dev.orders` does not exist").help("make it"),
            Diagnostic::warning("w", "careful"),
        ];
        printer.node_finished(1, 1, &failed);
        printer.run_finished(&outcome(failed));
    });
    assert!(out.contains("1 of 1 ERROR creating sql table model dev.customers"), "{out}");
    assert!(out.contains("Completed with 1 error, 0 partial successes, and 0 warnings:"), "{out}");
    assert!(out.contains("Done. PASS=0 WARN=0 ERROR=1 SKIP=0 NO-OP=0 REUSED=0 TOTAL=1"), "{out}");
    assert!(out.contains("[ERROR]: in model customers\n"), "{out}");
    assert!(out.contains("  no such table\n"), "{out}");
    assert_eq!(err.matches("error[missing-relation]: `dev.orders` does not exist").count(), 1, "{err}");
}

#[test]
fn quiet_hides_lines_and_keeps_errors_and_data() {
    let options = PrinterOptions { quiet: true, ..PrinterOptions::default() };
    let (out, err) = screen(options, |printer| {
        printer.blank();
        printer.event(events::FOUND_STATS, "Found 1 model", json!({}));
        printer.data(events::LIST_OUTPUT, "shop.customers", json!({}));
        printer.diagnostic(&Diagnostic::error("x", "broken"));
        printer.diagnostic(&Diagnostic::warning("x", "odd"));
    });
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((lines[0], &lines[1][10..]), ("shop.customers", "[ERROR]: Encountered an error:"));
    assert_eq!(err, "error[x]: broken\n\n");
}

#[test]
fn secrets_are_hidden_everywhere() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let (out, err) = screen(PrinterOptions { format, ..PrinterOptions::default() }, |printer| {
            printer.add_secrets([Secret::new("hunter2")]);
            printer.event(events::FOUND_STATS, "password hunter2", json!({"deep": {"p": "hunter2"}}));
            printer.data(events::SHOW_NODE, "hunter2", json!({"preview": "hunter2"}));
            printer.diagnostic(&Diagnostic::error("x", "wrong password hunter2").help("not hunter2"));
        });
        assert!(out.contains("*****") && !out.contains("hunter2") && !err.contains("hunter2"), "{out}{err}");
    }
}

#[test]
fn json_lines_carry_dbts_names_and_codes() {
    let options = PrinterOptions { format: LogFormat::Json, level: LogLevel::Debug, ..PrinterOptions::default() };
    let (out, _) = screen(options, |printer| {
        printer.node_started(&started());
        printer.node_finished(1, 1, &result(Status::Success, "SELECT 10"));
    });
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["info"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["NodeStart", "LogStartLine", "LogModelResult", "NodeFinished"]);
    let finished = &lines[3];
    assert_eq!(finished["info"]["code"], "Q025");
    assert_eq!(finished["info"]["invocation_id"], "invocation");
    assert_eq!(finished["data"]["node_info"]["unique_id"], "model.shop.customers");
    assert_eq!(finished["data"]["node_info"]["node_status"], "success");
}
