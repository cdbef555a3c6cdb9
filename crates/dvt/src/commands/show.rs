//! `dvt show`: the first rows of a query or a model.

use super::compile::{check_inline, indented, is_named, print_problems};
use super::execute::{execute, exit_of};
use super::select::selected;
use super::tables::{json_rows, text_table};
use crate::app::{App, Exit};
use crate::cli::{Cli, OutputFormat, ShowArgs};
use crate::printer::events;
use crate::registry;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dvt_adapter::Fetch;
use dvt_diagnostics::{Diagnostic, Diagnostics, Event};
use dvt_manifest::{ResourceType, version_text};
use dvt_runner::{RunCommand, RunRequest};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &ShowArgs) -> Result<Exit, Diagnostics> {
    if let Some(query) = &args.inline_direct {
        return show_directly(app, cli, args, query);
    }
    if args.inline.is_none() && args.selection.select.is_empty() {
        return Err(Diagnostic::error("nothing-to-show", "Either --select or --inline must be passed to show")
            .help("for example: dvt show --inline \"select 1 as one\"")
            .into());
    }
    app.data_only();
    let project = Arc::new(app.load_project(cli)?);
    let kinds = vec![
        ResourceType::Model,
        ResourceType::Analysis,
        ResourceType::Seed,
        ResourceType::Snapshot,
        ResourceType::Test,
    ];
    let chosen = match &args.inline {
        Some(_) => BTreeSet::new(),
        None => selected(app, &project.manifest, &args.selection, Some(kinds))?,
    };
    let mut request = RunRequest::new(RunCommand::Show, chosen.into_iter().collect());
    request.inline.clone_from(&args.inline);
    request.keeps_ephemerals = args.inline.is_some() || !args.selection.select.is_empty();
    request.limit = args.limit;
    let outcome = execute(app, &project, request)?;
    check_inline(app, &outcome, args.inline.as_ref())?;
    print_problems(app, &outcome);
    let is_inline = args.inline.is_some();
    for result in outcome.results.iter().filter(|result| is_named(&result.name, is_inline, &args.selection)) {
        let Some((schema, batches)) = &result.rows else { continue };
        let version = project.manifest.nodes.get(&result.unique_id).and_then(|node| node.version.as_ref());
        let name = match version {
            Some(version) => format!("{}.v{}", result.name, version_text(version)),
            None => result.name.clone(),
        };
        let shown = Shown { name: &name, unique_id: &result.unique_id, is_inline };
        print_rows(app, args, &shown, schema, batches)?;
    }
    Ok(exit_of(&outcome))
}

/// `--inline-direct`: the query goes to the default target as it is, and the project is not read.
fn show_directly(app: &mut App, cli: &Cli, args: &ShowArgs, query: &str) -> Result<Exit, Diagnostics> {
    app.data_only();
    let config = app.load_config(cli)?;
    app.announce();
    let (output, settings) = config.profile.output(&config.profile.target)?;
    let adapter = registry::connect(output, settings, &config.project.root)?;
    let fetch = usize::try_from(args.limit).map_or(Fetch::All, Fetch::Limit);
    let answer = app.runtime.block_on(async {
        let mut session = adapter.session().await?;
        session.execute(query, fetch).await
    });
    let result = answer.map_err(|error| {
        let text = format!("Runtime Error\n  Database Error\n    {}", error.message);
        Diagnostic::error("query-failed", error.to_string()).event(Event::new(events::MAIN_ENCOUNTERED_ERROR, text))
    })?;
    if let Some((schema, batches)) = &result.rows {
        let shown = Shown { name: "direct-query", unique_id: "direct-query", is_inline: true };
        print_rows(app, args, &shown, schema, batches)?;
    }
    Ok(Exit::Success)
}

/// Whose rows they are.
struct Shown<'a> {
    name: &'a str,
    unique_id: &'a str,
    is_inline: bool,
}

fn print_rows(
    app: &App,
    args: &ShowArgs,
    shown: &Shown<'_>,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(), Diagnostic> {
    let unshowable = |error: arrow::error::ArrowError| {
        Diagnostic::error("cannot-show", format!("the rows of `{}` cannot be shown: {error}", shown.name))
    };
    let rows = json_rows(schema, batches).map_err(unshowable)?;
    let text = match args.output {
        OutputFormat::Json if shown.is_inline => indented(&json!({"show": rows})),
        OutputFormat::Json => indented(&json!({"node": shown.name, "show": rows})),
        OutputFormat::Text => {
            let table = text_table(schema, batches).map_err(unshowable)?;
            if app.settings.printer.quiet {
                table
            } else if shown.is_inline {
                format!("Previewing inline node:\n{table}")
            } else {
                format!("Previewing node '{}':\n{table}", shown.name)
            }
        }
    };
    let data = json!({
        "node_name": shown.name, "preview": rows.to_string(), "is_inline": shown.is_inline,
        "unique_id": shown.unique_id,
    });
    app.printer.rows(events::SHOW_NODE, &text, data);
    Ok(())
}
