//! `dvt init`.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InitArgs {
    /// The project's name: letters, digits and underscores; also the name of its folder
    #[arg(value_name = "NAME")]
    pub(crate) project_name: Option<String>,

    /// Ask nothing about a connection, and leave profiles.yml alone
    #[arg(short = 's', long)]
    pub(crate) skip_profile_setup: bool,

    /// Ask nothing, and make a project across connections that runs at once
    #[arg(long, conflicts_with = "skip_profile_setup")]
    pub(crate) sample: bool,

    /// Do not check the connection afterwards
    #[arg(long)]
    pub(crate) skip_debug: bool,
}
