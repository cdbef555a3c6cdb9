//! `dvt run-operation`.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunOperationArgs {
    /// The macro to call: its name, or package.name
    #[arg(value_name = "MACRO")]
    pub(crate) macro_name: Option<String>,

    /// The macro's arguments by name, as YAML: '{schema: dev}'
    #[arg(long, value_name = "YAML")]
    pub(crate) args: Option<String>,

    /// Run this SQL, which may hold Jinja, instead of a macro
    #[arg(long, value_name = "SQL")]
    pub(crate) sql: Option<String>,
}
