//! dbt's artifacts: `manifest.json` v12 and `run_results.json` v6, as dbt's own classes read them.

mod manifest_json;
mod run_results;
mod write;

pub use run_results::{RunResult, RunResults, RunStatus, Timing};
pub use write::{WriteError, write_atomically};

/// What both artifacts say about their maker. dbt's readers compare it with their own version.
pub const DBT_VERSION: &str = "1.12.6";
