//! `dvt show`: the first rows of a query or a model.

use super::compile::{indented, is_named, print_problems};
use super::execute::{execute, exit_of};
use super::select::selected;
use super::tables::{json_rows, text_table};
use crate::app::{App, Exit};
use crate::cli::{Cli, OutputFormat, ShowArgs};
use crate::printer::events;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_manifest::ResourceType;
use dvt_runner::{RunCommand, RunRequest};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &ShowArgs) -> Result<Exit, Diagnostics> {
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
    print_problems(app, &outcome);
    for result in outcome.results.iter().filter(|result| is_named(&result.name, args.inline.is_some(), &args.selection))
    {
        let Some((schema, batches)) = &result.rows else { continue };
        let unshowable = |error: arrow::error::ArrowError| {
            Diagnostic::error("cannot-show", format!("the rows of `{}` cannot be shown: {error}", result.name))
        };
        let rows = json_rows(schema, batches).map_err(unshowable)?;
        let text = match args.output {
            OutputFormat::Json if args.inline.is_some() => indented(&json!({"show": rows})),
            OutputFormat::Json => indented(&json!({"node": result.name, "show": rows})),
            OutputFormat::Text if app.settings.printer.quiet => text_table(schema, batches).map_err(unshowable)?,
            OutputFormat::Text => {
                let table = text_table(schema, batches).map_err(unshowable)?;
                if args.inline.is_some() {
                    format!("Previewing inline node:\n{table}")
                } else {
                    format!("Previewing node '{}':\n{table}", result.name)
                }
            }
        };
        let data = json!({
            "node_name": result.name, "preview": rows.to_string(), "is_inline": args.inline.is_some(),
            "unique_id": result.unique_id,
        });
        app.printer.rows(events::SHOW_NODE, &text, data);
    }
    Ok(exit_of(&outcome))
}
