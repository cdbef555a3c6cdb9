//! `dvt compile`: the SQL of the selected nodes, in `target/compiled`; of a single one also on the screen.

use super::execute::{execute, exit_of};
use super::select::selected;
use crate::app::{App, Exit};
use crate::cli::{Cli, CompileArgs, OutputFormat, SelectionArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostics, Severity};
use dvt_manifest::ResourceType;
use dvt_runner::{RunCommand, RunOutcome, RunRequest};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &CompileArgs) -> Result<Exit, Diagnostics> {
    let project = Arc::new(app.load_project(cli)?);
    let kinds = vec![
        ResourceType::Model,
        ResourceType::Analysis,
        ResourceType::Snapshot,
        ResourceType::Test,
        ResourceType::Seed,
        ResourceType::Operation,
    ];
    let chosen = match &args.inline {
        Some(_) => BTreeSet::new(),
        None => selected(app, &project.manifest, &args.selection, Some(kinds))?,
    };
    app.found(&project.manifest);
    // dbt prints the SQL when the user asked for something by name.
    let print = args.inline.is_some() || !args.selection.select.is_empty();
    let mut request = RunRequest::new(RunCommand::Compile, chosen.into_iter().collect());
    request.inline.clone_from(&args.inline);
    request.keeps_ephemerals = args.inline.is_some() || !args.selection.select.is_empty();
    let outcome = execute(app, &project, request)?;
    print_problems(app, &outcome);
    if print {
        for result in
            outcome.results.iter().filter(|result| is_named(&result.name, args.inline.is_some(), &args.selection))
        {
            let Some(code) = &result.compiled_code else { continue };
            let text = match args.output {
                OutputFormat::Json if args.inline.is_some() => indented(&json!({"compiled": code})),
                OutputFormat::Json => indented(&json!({"node": result.name, "compiled": code})),
                OutputFormat::Text if app.settings.printer.quiet => code.clone(),
                OutputFormat::Text if args.inline.is_some() => format!("Compiled inline node is:\n{code}"),
                OutputFormat::Text => format!("Compiled node '{}' is:\n{code}", result.name),
            };
            let data = json!({
                "node_name": result.name, "compiled": code, "is_inline": args.inline.is_some(),
                "unique_id": result.unique_id,
            });
            app.printer.data(events::COMPILED_NODE, &text, data);
        }
    }
    Ok(exit_of(&outcome))
}

/// JSON as dbt prints it.
pub(super) fn indented(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// dbt prints what was asked for by its own name; what a selector found beside that is done and not printed.
pub(super) fn is_named(name: &str, is_inline: bool, selection: &SelectionArgs) -> bool {
    is_inline || selection.select.iter().any(|selector| selector.contains(name))
}

/// Everything that went wrong, in full, for commands that print no log lines of their nodes.
pub(super) fn print_problems(app: &App, outcome: &RunOutcome) {
    let problems = outcome.diagnostics.iter().chain(outcome.results.iter().flat_map(|result| &result.diagnostics));
    let mut printed = Vec::new();
    for diagnostic in problems {
        if !printed.contains(&diagnostic) {
            app.printer.diagnostic(diagnostic);
            printed.push(diagnostic);
        }
    }
    for result in outcome.results.iter().filter(|result| result.status.is_failure()) {
        if result.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error) {
            let message = result.message.clone().unwrap_or_else(|| "failed without a reason".to_owned());
            app.printer
                .diagnostic(&dvt_diagnostics::Diagnostic::error("node-failed", format!("{}: {message}", result.name)));
        }
    }
}
