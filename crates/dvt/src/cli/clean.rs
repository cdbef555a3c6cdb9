//! `dvt clean`.

use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CleanArgs {
    /// Remove staged tables whose last commit is older than this (30d, 12h, 45m) instead of the clean-targets
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,

    /// Compact and vacuum staged tables instead of removing the clean-targets
    #[arg(long)]
    pub(crate) optimize: bool,

    /// The bucket that --older-than and --optimize work on
    #[arg(short = 'b', long, value_name = "NAME")]
    pub(crate) bucket: Option<String>,

    /// Refuse clean-targets outside the project; the default
    #[arg(long, overrides_with = "no_clean_project_files_only", hide = true)]
    pub(crate) clean_project_files_only: bool,

    /// Remove clean-targets that lie outside the project too
    #[arg(long, overrides_with = "clean_project_files_only")]
    pub(crate) no_clean_project_files_only: bool,
}
