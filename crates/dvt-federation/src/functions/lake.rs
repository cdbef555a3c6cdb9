//! A lake's SQL is DataFusion's own: every function means itself.

use super::Names;

pub(super) const FUNCTIONS: Option<Names> = None;
