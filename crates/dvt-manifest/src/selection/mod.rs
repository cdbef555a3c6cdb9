//! dbt's selection: which nodes `--select`, `--exclude` and `selectors.yml` mean.
//!
//! In: the words of the command line, the selectors of the project, the artifacts of `--state`. Out: unique ids, with the
//! tests that come along, and dbt's warning for a criterion that matches nothing. Nothing is filtered by command here
//! except by [`SelectionRequest::resource_types`].
//!
//! Source: dbt docs, "Node selection" and "YAML selectors"; dbt 1.12's behaviour for what the docs leave open.

mod earlier;
mod fnmatch;
pub(crate) mod member;
mod method;
mod parse;
mod path;
mod select;
mod selectors;
mod set;
mod spec;

pub use fnmatch::fnmatch;
pub use parse::{Criterion, Depth, Method, SelectionError};
pub use select::{Selected, SelectionRequest, StateSettings, select};
pub use selectors::{Selectors, SelectorsError};
pub use spec::{IndirectSelection, SelectionGroup, SelectionSpec, SetOperation};
