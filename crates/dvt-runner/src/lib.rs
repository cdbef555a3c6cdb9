//! Runs selected nodes in dependency order: threads, hooks, retries, materializations, run results.
//!
//! In: a parsed project, the connections, a [`RunRequest`]. Out: a [`RunOutcome`] and the artifacts; on the way, events
//! for a [`Reporter`]. It knows databases only through `dvt-adapter`'s contract, prints nothing and reads no flags.

mod journal;
mod outcome;
mod query_comment;
mod reporter;
mod scheduler;
mod seed;
mod settings;

pub use outcome::{NodeResult, RouteKind, RunOutcome, Status, Timing};
pub use reporter::{LineLevel, NodeProgress, NodeStarted, Phase, Reporter, RunStarted, Silent};
pub use settings::{Connections, RunCommand, RunRequest, RunnerSettings};
