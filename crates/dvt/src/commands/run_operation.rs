//! `dvt run-operation`: one macro, or one statement.

use super::execute::{exit_of, with_runner};
use crate::app::{App, Exit};
use crate::cli::{Cli, RunOperationArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_runner::Operation;
use std::sync::Arc;

pub(super) fn run(app: &mut App, cli: &Cli, args: &RunOperationArgs) -> Result<Exit, Diagnostics> {
    let operation = operation(args)?;
    let project = Arc::new(app.load_project(cli)?);
    let outcome = with_runner(app, &project, false, async |runner, reporter, cancel| {
        runner.run_operation(operation, reporter, cancel).await
    })?;
    let wrong: Vec<Diagnostic> = outcome.results.iter().flat_map(|result| result.diagnostics.clone()).collect();
    app.printer.details(&wrong);
    Ok(exit_of(&outcome))
}

/// What the flags mean, in dbt's words where they contradict each other.
fn operation(args: &RunOperationArgs) -> Result<Operation, Diagnostics> {
    let refused = |message: &str| Err(Diagnostic::error("invalid-flags", message).into());
    match (&args.macro_name, &args.sql) {
        (None, None) => refused("Either a macro name or --sql must be passed to run-operation"),
        (Some(_), Some(_)) => refused("Cannot specify both a macro name and --sql for run-operation"),
        (None, Some(_)) if args.args.as_deref().is_some_and(|text| !matches!(text.trim(), "" | "{}")) => {
            refused("--args cannot be used with --sql; pass arguments directly in the SQL")
        }
        (None, Some(sql)) => Ok(Operation::Sql(sql.clone())),
        (Some(name), None) => {
            let arguments = args.args.as_deref().unwrap_or("{}");
            let arguments = dvt_project::parse_mapping(arguments, "--args")?;
            Ok(Operation::Macro { name: name.clone(), arguments })
        }
    }
}
