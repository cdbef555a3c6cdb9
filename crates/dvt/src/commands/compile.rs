//! `dvt compile`: the SQL of the selected nodes, in `target/compiled`; of a single one also on the screen.

use super::execute::{execute, exit_of};
use super::select::selected;
use crate::app::{App, Exit};
use crate::cli::{Cli, CompileArgs, OutputFormat, SelectionArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, Severity};
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
        ResourceType::Function,
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
    request.injects_ephemerals = !args.no_inject_ephemeral_ctes;
    let outcome = execute(app, &project, request)?;
    check_inline(app, &outcome, args.inline.as_ref())?;
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

/// dbt prints what the first selector asks for by its own name; what was found beside that is done and not printed.
pub(super) fn is_named(name: &str, is_inline: bool, selection: &SelectionArgs) -> bool {
    is_inline || selection.select.first().is_some_and(|selector| selector.contains(name))
}

/// What went wrong with nodes, for commands that print no log lines of their nodes. What is wrong with the run itself was
/// said when it happened.
pub(super) fn print_problems(app: &App, outcome: &RunOutcome) {
    let mut errors: Vec<Diagnostic> = Vec::new();
    for result in outcome.results.iter().filter(|result| result.status.is_failure()) {
        let message = result.message.clone().unwrap_or_else(|| format!("{} failed", result.name));
        let text = format!("Runtime Error\n  {}", message.replace('\n', "\n  "));
        let mut own: Vec<Diagnostic> =
            result.diagnostics.iter().filter(|wrong| wrong.severity == Severity::Error).cloned().collect();
        if own.is_empty() {
            own.push(Diagnostic::error("node-failed", message));
        }
        own[0].event = Some(Box::new(Event::new(events::MAIN_ENCOUNTERED_ERROR, text)));
        errors.extend(own.into_iter().filter(|wrong| !errors.contains(wrong)).collect::<Vec<_>>());
    }
    app.printer.errors(&errors);
}

/// dbt's last word where the text of `--inline` is wrong by itself.
pub(super) fn check_inline(app: &App, outcome: &RunOutcome, inline: Option<&String>) -> Result<(), Diagnostic> {
    if inline.is_none() || !outcome.could_not_go_on || !outcome.results.is_empty() {
        return Ok(());
    }
    let causes: Vec<String> = outcome.diagnostics.iter().map(|wrong| wrong.message.clone()).collect();
    let text = format!("Error while parsing node: inline_query\n{}", causes.join("\n"));
    app.printer.event(events::PARSE_INLINE_NODE_ERROR, &text, json!({"exc": causes.join("\n")}));
    let message = "Error parsing inline query";
    Err(Diagnostic::error("inline-query", message).event(Event::new(events::MAIN_ENCOUNTERED_ERROR, message)))
}
