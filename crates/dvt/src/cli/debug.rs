//! `dvt debug`.

use super::OutputFormat;
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub(crate) struct DebugArgs {
    /// Test only this connection
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) connection: Option<String>,

    /// Check only the connections, or the one that is named
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) debug_target: Option<String>,

    /// Check only the computes, or the one that is named
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) debug_compute: Option<String>,

    /// Check only the buckets, or the one that is named
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub(crate) debug_bucket: Option<String>,

    /// Print the folder of profiles.yml and stop
    #[arg(long)]
    pub(crate) config_dir: bool,

    /// Print the table as text, or as one JSON document
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

impl DebugArgs {
    /// `--debug-target` without a name: every connection has to work.
    pub(crate) fn asks_for_all_connections(&self) -> bool {
        self.debug_target.as_deref() == Some("")
    }
}
