//! The command line: reads flags and settings, calls one function, prints the outcome, picks the exit code.

mod app;
mod cli;
mod commands;
mod earlier;
mod environment;
mod internals;
mod preflight;
mod printer;
mod recorded;
mod registry;
mod settings;
mod warn_error;

use clap::Parser;
use cli::Cli;
use environment::Environment;
use settings::Terminal;
use std::io::IsTerminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    // clap prints help and usage errors itself, and exits with 0 and 2 as dbt does.
    let cli = Cli::parse();
    let environment = Environment::of_process();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let terminal = Terminal { stdout: std::io::stdout().is_terminal(), stderr: std::io::stderr().is_terminal() };
    app::run(&cli, &words, environment, terminal).into()
}
