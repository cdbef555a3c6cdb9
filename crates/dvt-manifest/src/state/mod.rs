//! Earlier artifacts: reading them, comparing the project with them, deferring to them.
//!
//! In: the folder of `--state` (`manifest.json` of any dbt from manifest v4 on or of dvt, `run_results.json`,
//! `sources.json`). Out: a [`PreviousState`]; [`StateComparison`] answers `state:` selectors from it, and
//! [`Manifest::defer_to`](crate::Manifest::defer_to) lets nodes know where another environment has them.

mod compare;
mod contract;
mod defer;
mod freshness;
mod macros;
mod previous;
mod read;
mod results;
mod same;

pub(crate) use compare::StateComparison;
pub use defer::DeferRelation;
pub use freshness::PreviousFreshness;
pub use previous::{PreviousColumn, PreviousManifest, PreviousNode};
pub use read::{PreviousState, StateError};
pub use results::{PreviousResult, PreviousResults};
