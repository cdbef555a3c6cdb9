//! The flags, as clap reads them. The doc comments are the help text; what the flags come to is decided in `settings`.

mod build;
mod clean;
mod clone;
mod compile;
mod debug;
mod deps;
mod docs;
mod global;
mod init;
mod ls;
mod plan;
mod retry;
mod run;
mod run_operation;
mod seed;
mod selection;
mod show;
mod snapshot;
mod source;
mod switches;
mod sync;
mod test;

pub(crate) use build::BuildArgs;
pub(crate) use clean::CleanArgs;
pub(crate) use clone::CloneArgs;
pub(crate) use compile::CompileArgs;
pub(crate) use debug::DebugArgs;
pub(crate) use deps::{DepsArgs, PackageOrigin};
pub(crate) use docs::{DocsArgs, DocsCommand, DocsGenerateArgs, DocsServeArgs};
pub(crate) use global::{GlobalArgs, IndirectMode, LogFormat, LogLevel, OutputFormat};
pub(crate) use init::InitArgs;
pub(crate) use ls::{LsArgs, LsOutput};
pub(crate) use plan::PlanArgs;
pub(crate) use retry::RetryArgs;
pub(crate) use run::{EmptyArgs, EventTimeArgs, RunArgs};
pub(crate) use run_operation::RunOperationArgs;
pub(crate) use seed::SeedArgs;
pub(crate) use selection::{ResourceTypeArgs, SelectionArgs};
pub(crate) use show::ShowArgs;
pub(crate) use snapshot::SnapshotArgs;
pub(crate) use source::{FreshnessArgs, SourceArgs, SourceCommand};
pub(crate) use switches::{SWITCHES, Switches};
pub(crate) use sync::SyncArgs;
pub(crate) use test::TestArgs;

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
    // As in dbt, the last of a flag that was given twice counts.
    args_override_self = true,
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
    /// Fetch what the configuration needs and this machine lacks: drivers, adapter macros, Spark
    Sync(SyncArgs),
    /// Install the project's packages
    Deps(DepsArgs),
    /// Read the project, report everything wrong in it, and write target/manifest.json
    Parse,
    /// Write the SQL of the selected nodes to target/compiled, without running it
    Compile(CompileArgs),
    /// Load seeds, build models and snapshots, and run tests, in the order of their dependencies
    Build(BuildArgs),
    /// Build the selected models, each on its own connection
    Run(RunArgs),
    /// Run the selected tests
    Test(TestArgs),
    /// Load the project's CSV files into their targets
    Seed(SeedArgs),
    /// Record how the selected tables have changed
    Snapshot(SnapshotArgs),
    /// Run a query or a model and print its first rows, leaving nothing behind
    Show(ShowArgs),
    /// Say what the selected nodes would do: the route, what is sent where and why, and where the rows go
    Plan(PlanArgs),
    /// List the project's resources
    #[command(name = "ls", visible_alias = "list")]
    Ls(LsArgs),
    /// Run again what failed in the last run, and what was skipped because of it
    Retry(RetryArgs),
    /// Clone the selected nodes from the environment of --state
    Clone(CloneArgs),
    /// Call a macro
    RunOperation(RunOperationArgs),
    /// Check the project's sources
    Source(SourceArgs),
    /// Write or serve the project's documentation
    Docs(DocsArgs),
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
            Self::Deps(_) => "deps",
            Self::Sync(_) => "sync",
            Self::Parse => "parse",
            Self::Compile(_) => "compile",
            Self::Build(_) => "build",
            Self::Run(_) => "run",
            Self::Test(_) => "test",
            Self::Seed(_) => "seed",
            Self::Snapshot(_) => "snapshot",
            Self::Show(_) => "show",
            Self::Plan(_) => "plan",
            Self::Ls(_) => "list",
            Self::Retry(_) => "retry",
            Self::Clone(_) => "clone",
            Self::RunOperation(_) => "run-operation",
            Self::Source(SourceArgs { command: SourceCommand::Freshness(_) }) => "freshness",
            Self::Docs(DocsArgs { command: DocsCommand::Generate(_) }) => "generate",
            Self::Docs(DocsArgs { command: DocsCommand::Serve(_) }) => "serve",
            Self::Clean(_) => "clean",
            Self::Unknown(words) => words.first().map_or("", String::as_str),
        }
    }
}

const COMMANDS: [&str; 21] = [
    "init",
    "sync",
    "debug",
    "deps",
    "parse",
    "compile",
    "build",
    "run",
    "test",
    "seed",
    "snapshot",
    "show",
    "plan",
    "ls",
    "list",
    "retry",
    "clone",
    "run-operation",
    "source",
    "docs",
    "clean",
];

/// What to say about a word that is no command of this version.
pub(crate) fn unknown_command(word: &str) -> Diagnostic {
    let diagnostic = crate::settings::usage::error(format!("No such command '{word}'."))
        .note(format!("the commands are {}", COMMANDS.join(", ")));
    match did_you_mean(word, COMMANDS) {
        Some(near) => diagnostic.help(format!("did you mean `dvt {near}`?")),
        None => diagnostic.help("`dvt --help` says what each of them does"),
    }
}

/// The text of `--version`.
pub(crate) fn version_text() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let plugins: String =
        ["postgres", "mysql", "sqlite", "filesystem"].iter().map(|name| format!("  - {name}: {version}\n")).collect();
    format!(
        "dvt {version}\ncompatible with dbt {DBT_VERSION}\n\nCore:\n  - installed: {DBT_VERSION}\n\nPlugins:\n{plugins}"
    )
}
