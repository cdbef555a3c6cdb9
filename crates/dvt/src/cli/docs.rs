//! `dvt docs`.

use super::SelectionArgs;
use super::run::SqlparseArgs;
use clap::{Args, Subcommand};

#[derive(Args, Clone, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct DocsArgs {
    #[command(subcommand)]
    pub(crate) command: DocsCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum DocsCommand {
    /// Write target/catalog.json, target/manifest.json and the documentation's page
    Generate(DocsGenerateArgs),
    /// Serve the documentation over HTTP
    Serve(DocsServeArgs),
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DocsGenerateArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// Compile the project first
    #[arg(long, overrides_with = "no_compile", hide = true)]
    pub(crate) compile: bool,
    /// Leave the nodes' SQL uncompiled
    #[arg(long, overrides_with = "compile")]
    pub(crate) no_compile: bool,

    /// Write a catalog.json without relations, and ask no database
    #[arg(long)]
    pub(crate) empty_catalog: bool,

    /// Also write static_index.html: one file that holds everything
    #[arg(long = "static")]
    pub(crate) static_page: bool,

    #[command(flatten)]
    pub(crate) sqlparse: SqlparseArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DocsServeArgs {
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,

    /// The port to listen on
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub(crate) port: u16,

    /// Open a browser
    #[arg(long, overrides_with = "no_browser", hide = true)]
    pub(crate) browser: bool,
    /// Open no browser
    #[arg(long, overrides_with = "browser")]
    pub(crate) no_browser: bool,
}
