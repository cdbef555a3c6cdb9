//! Runs selected nodes in dependency order: threads, hooks, retries, materializations, run results.
//!
//! In: a parsed project, the connections, a [`RunRequest`]. Out: a [`RunOutcome`] and the artifacts; on the way, events
//! for a [`Reporter`]. It knows databases only through `dvt-adapter`'s contract, prints nothing and reads no flags.

mod outcome;
mod reporter;
mod settings;

pub use outcome::{NodeResult, RouteKind, RunOutcome, Status, Timing};
pub use reporter::{LineLevel, NodeProgress, NodeStarted, Phase, Reporter, RunStarted, Silent};
pub use settings::{
    BucketEntry, ComputeEntry, Connections, RunCommand, RunRequest, RunnerSettings, StagingMode,
};
