//! dbt's selection: which nodes `--select` and `--exclude` mean.
//!
//! In: the words of the command line. Out: unique ids, with the tests that come along, and dbt's warning for a criterion
//! that matches nothing. Nothing is filtered by command here except by [`SelectionRequest::resource_types`].
//!
//! Source: dbt docs, "Node selection"; `dbt-inventory` A2 for the grammar of a criterion.

mod fnmatch;
mod method;
mod parse;
mod select;

pub use fnmatch::fnmatch;
pub use parse::{Criterion, Depth, Method, SelectionError, SelectionSpec};
pub use select::{IndirectSelection, Selected, SelectionRequest, select};
