//! `dvt deps`.

use clap::{Args, ValueEnum};

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DepsArgs {
    /// Add this package to packages.yml first: package@version, or a path or URL with --source
    #[arg(long, value_name = "PACKAGE")]
    pub(crate) add_package: Option<String>,

    /// Where --add-package gets it from
    #[arg(long, value_enum, default_value_t = PackageOrigin::Hub, value_name = "ORIGIN")]
    pub(crate) source: PackageOrigin,

    /// Write package-lock.yml and install nothing
    #[arg(long)]
    pub(crate) lock: bool,

    /// Resolve the versions anew instead of taking those of package-lock.yml
    #[arg(long)]
    pub(crate) upgrade: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PackageOrigin {
    #[default]
    Hub,
    Git,
    Local,
}
