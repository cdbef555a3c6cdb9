//! The flags, as clap reads them. The doc comments are the help text; what the flags come to is decided in `settings`.

mod clean;
mod compile;
mod debug;
mod global;
mod init;
mod ls;
mod run;
mod seed;
mod selection;
mod show;

pub(crate) use clean::CleanArgs;
pub(crate) use compile::CompileArgs;
pub(crate) use debug::DebugArgs;
pub(crate) use global::{GlobalArgs, LogFormat, LogLevel, OutputFormat};
pub(crate) use init::InitArgs;
pub(crate) use ls::{LsArgs, LsOutput};
pub(crate) use run::RunArgs;
pub(crate) use seed::SeedArgs;
pub(crate) use selection::{ResourceTypeArgs, SelectionArgs};
pub(crate) use show::ShowArgs;

use clap::{Parser, Subcommand};
use dvt_diagnostics::{Diagnostic, did_you_mean};
use dvt_manifest::DBT_VERSION;

/// Runs dbt projects whose sources and models live on many databases at once.
///
/// A model whose inputs live on its own connection runs there, as in dbt. A model that reads other connections is
/// extracted, joined in the embedded engine and landed in its target, with the rows it would have had if every table
/// lived there.
#[derive(Debug, Parser)]
#[command(
    name = "dvt",
    disable_version_flag = true,
    arg_required_else_help = true,
    subcommand_required = false,
    propagate_version = false,
    max_term_width = 100,
    after_help = "Global flags may stand before or after the command. Every flag has an environment variable: DVT_TARGET, \
                  DVT_PROFILES_DIR, …; the DBT_ names are honoured too, and DVT_ wins."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,

    /// Print the version, and the dbt version that dvt is compatible with
    #[arg(short = 'V', long, short_alias = 'v')]
    pub(crate) version: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a new project, and the configuration files in ~/.dvt that are not there yet
    Init(InitArgs),
    /// Check the configuration files, and that every connection, compute and bucket works
    Debug(DebugArgs),
    /// Read the project, report everything wrong in it, and write target/manifest.json
    Parse,
    /// Write the SQL of the selected nodes to target/compiled, without running it
    Compile(CompileArgs),
    /// Build the selected models, each on its own connection
    Run(RunArgs),
    /// Load the project's CSV files into their targets
    Seed(SeedArgs),
    /// Run a query or a model and print its first rows, leaving nothing behind
    Show(ShowArgs),
    /// List the project's resources
    #[command(name = "ls", visible_alias = "list")]
    Ls(LsArgs),
    /// Delete what dvt wrote: the clean-targets of the project, or staged tables in a bucket
    Clean(CleanArgs),
    #[command(external_subcommand)]
    Unknown(Vec<String>),
}

impl Command {
    /// The command's word, as `flags.WHICH` and `run_results.json` have it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Init(_) => "init",
            Self::Debug(_) => "debug",
            Self::Parse => "parse",
            Self::Compile(_) => "compile",
            Self::Run(_) => "run",
            Self::Seed(_) => "seed",
            Self::Show(_) => "show",
            Self::Ls(_) => "list",
            Self::Clean(_) => "clean",
            Self::Unknown(words) => words.first().map_or("", String::as_str),
        }
    }
}

const COMMANDS: [&str; 10] = ["init", "debug", "parse", "compile", "run", "seed", "show", "ls", "list", "clean"];

/// Commands of dbt, or planned for dvt, that this version refuses.
const LATER: [&str; 13] = [
    "build",
    "test",
    "snapshot",
    "retry",
    "clone",
    "run-operation",
    "source",
    "docs",
    "deps",
    "sync",
    "plan",
    "freshness",
    "snapshot-freshness",
];

/// What to say about a word that is no command of this version.
pub(crate) fn unknown_command(word: &str) -> Diagnostic {
    if LATER.contains(&word) {
        return Diagnostic::error("command-not-yet", format!("`dvt {word}` is not in this version of dvt yet"))
            .note(format!("this version has {}", COMMANDS.join(", ")))
            .help("see COMPATIBILITY.md for what is there and what is not");
    }
    let diagnostic = Diagnostic::error("unknown-command", format!("there is no command `{word}`"))
        .note(format!("the commands are {}", COMMANDS.join(", ")));
    match did_you_mean(word, COMMANDS.into_iter().chain(LATER)) {
        Some(near) => diagnostic.help(format!("did you mean `dvt {near}`?")),
        None => diagnostic.help("`dvt --help` says what each of them does"),
    }
}

/// The text of `--version`.
pub(crate) fn version_text() -> String {
    format!("dvt {}\ncompatible with dbt {DBT_VERSION}\n", env!("CARGO_PKG_VERSION"))
}
