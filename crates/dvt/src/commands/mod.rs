//! One function per command: settings in, outcome out; the work is done by a room.

mod build;
mod clean;
mod clone;
mod compile;
mod debug;
mod deps;
mod docs;
mod docs_serve;
mod execute;
mod freshness;
mod init;
mod ls;
mod parse;
mod plan;
mod retry;
mod run;
mod run_operation;
mod select;
mod show;
mod snapshot;
mod sync;
mod tables;
mod test;

use crate::app::{App, Exit};
use crate::cli::{Cli, Command, DocsCommand, SourceCommand};
use dvt_diagnostics::Diagnostics;

/// Runs one command.
///
/// # Errors
/// What keeps dvt from running it; a node that fails is an [`Exit::Failed`] and no error.
pub(crate) fn run(app: &mut App, cli: &Cli, command: &Command) -> Result<Exit, Diagnostics> {
    match command {
        Command::Init(args) => init::run(app, cli, args),
        Command::Debug(args) => debug::run(app, cli, args),
        Command::Parse => parse::run(app, cli),
        Command::Compile(args) => compile::run(app, cli, args),
        Command::Build(args) => build::run(app, cli, args),
        Command::Test(args) => test::run(app, cli, args),
        Command::Snapshot(args) => snapshot::run(app, cli, args),
        Command::Retry(args) => retry::run(app, cli, args),
        Command::Clone(args) => clone::run(app, cli, args),
        Command::RunOperation(args) => run_operation::run(app, cli, args),
        Command::Source(args) => match &args.command {
            SourceCommand::Freshness(args) => freshness::run(app, cli, args),
        },
        Command::Docs(args) => match &args.command {
            DocsCommand::Generate(args) => docs::run(app, cli, args),
            DocsCommand::Serve(args) => docs_serve::run(app, cli, args),
        },
        Command::Deps(args) => deps::run(app, cli, args),
        Command::Sync(args) => sync::run(app, cli, args),
        Command::Run(args) => run::run(app, cli, args),
        Command::Seed(args) => run::seed(app, cli, args),
        Command::Plan(args) => plan::run(app, cli, args),
        Command::Show(args) => show::run(app, cli, args),
        Command::Ls(args) => ls::run(app, cli, args),
        Command::Clean(args) => clean::run(app, cli, args),
        Command::Unknown(words) => Err(crate::cli::unknown_command(words.first().map_or("", String::as_str)).into()),
    }
}
