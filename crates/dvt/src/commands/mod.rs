//! One function per command: settings in, outcome out; the work is done by a room.

mod clean;
mod compile;
mod debug;
mod execute;
mod init;
mod ls;
mod parse;
mod run;
mod select;
mod show;
mod tables;

use crate::app::{App, Exit};
use crate::cli::{Cli, Command};
use dvt_diagnostics::Diagnostics;

/// Runs one command.
///
/// # Errors
/// What keeps dvt from running it; a node that fails is an [`Exit::Failed`] and no error.
pub(crate) fn run(app: &mut App, cli: &Cli, command: &Command) -> Result<Exit, Diagnostics> {
    match command {
        Command::Init(args) => init::run(app, args),
        Command::Debug(args) => debug::run(app, cli, args),
        Command::Parse => parse::run(app, cli),
        Command::Compile(args) => compile::run(app, cli, args),
        Command::Run(args) => run::run(app, cli, args),
        Command::Seed(args) => run::seed(app, cli, args),
        Command::Show(args) => show::run(app, cli, args),
        Command::Ls(args) => ls::run(app, cli, args),
        Command::Clean(args) => clean::run(app, cli, args),
        Command::Unknown(words) => Err(crate::cli::unknown_command(words.first().map_or("", String::as_str)).into()),
    }
}
