//! Runs selected nodes in dependency order: threads, hooks, retries, materializations, run results.
//!
//! In: a parsed project, the connections, a [`RunRequest`]. Out: a [`RunOutcome`] and the artifacts; on the way, events
//! for a [`Reporter`]. It knows databases only through `dvt-adapter`'s contract, prints nothing and reads no flags.

mod artifacts;
mod bridge;
mod cache;
mod compile;
mod context;
mod failure;
mod federated;
mod hooks;
mod inputs;
mod journal;
mod landing;
mod materialize;
mod node;
mod outcome;
mod progress;
mod query_comment;
mod reporter;
mod run;
mod scheduler;
mod schemas;
mod seed;
mod settings;
mod show;
mod tables;

pub use outcome::{NodeResult, RouteKind, RunOutcome, Status, Timing};
pub use reporter::{LineLevel, NodeProgress, NodeStarted, Phase, Reporter, RunStarted, Silent};
pub use run::Runner;
pub use settings::{Connections, RunCommand, RunRequest, RunnerSettings};
