//! Runs selected nodes in dependency order: threads, hooks, retries, materializations, run results.
//!
//! In: a parsed project, the connections, a [`RunRequest`]. Out: a [`RunOutcome`] and the artifacts; on the way, events
//! for a [`Reporter`]. It knows databases only through `dvt-adapter`'s contract, prints nothing and reads no flags.

mod aliases;
mod artifacts;
mod bridge;
mod cache;
mod catalog;
mod compile;
mod configuration;
mod context;
mod deferral;
mod engines;
mod execution;
mod extracting;
mod failure;
mod federated;
mod foreign_keys;
mod freshness;
mod functions;
mod holding;
mod hooks;
mod inline;
mod inputs;
mod jdbc;
mod journal;
mod judging;
mod landing;
mod materialize;
mod member;
mod microbatch;
mod node;
mod operation;
mod outcome;
mod overloads;
mod plan;
mod pointer;
mod progress;
mod query_comment;
mod questions;
mod reporter;
mod run;
mod scheduler;
mod schemas;
mod seed;
mod seeding;
mod settings;
mod show;
mod tables;
mod unit;

pub use artifacts::write_parsed;
pub use catalog::CatalogOutcome;
pub use compile::artifact_path;
pub use dvt_federation::Pushdown;
pub use engines::spark_settings;
pub use journal::{InterruptedRun, interrupted_run, journals_to_keep};
pub use microbatch::check_sample;
pub use operation::Operation;
pub use outcome::{Freshness, NodeResult, RouteKind, RunOutcome, SkipCause, Status, Timing};
pub use plan::{Chosen, ColumnCount, InputPlan, Kept, Landing, NodePlan};
pub use reporter::{LineLevel, NodeProgress, NodeStarted, Phase, Reporter, RunStarted, Silent, node_info};
pub use run::Runner;
pub use settings::{Connections, RunCommand, RunRequest, RunnerSettings, SparkPlaces};
pub use unit::unit_test_path;
