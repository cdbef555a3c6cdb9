//! dbt's artifacts: `manifest.json` v12, `run_results.json` v6, `sources.json` v3 and `catalog.json` v1, as dbt's own classes read them.

mod catalog;
mod manifest_json;
mod osi_document;
mod osi_filter;
mod osi_metrics;
mod run_results;
mod semantic_manifest;
mod sources;
mod unit_and_semantic_json;
mod write;

pub use catalog::{Catalog, CatalogColumn, CatalogTable};
pub use manifest_json::NodeNow;
pub use osi_document::{OsiDocument, OsiError, OsiIssue, OsiIssueKind};
pub use run_results::{RunResult, RunResults, RunStatus, Timing};
pub use sources::{FreshnessResult, FreshnessResults};
pub use write::{WriteError, write_atomically, write_atomically_with, write_new, write_quickly};

/// What both artifacts say about their maker. dbt's readers compare it with their own version.
pub const DBT_VERSION: &str = "1.12.6";
