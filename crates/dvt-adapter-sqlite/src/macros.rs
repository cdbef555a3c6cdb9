//! The macro package `dbt_sqlite`, compiled in.

/// Relative path and text of each macro file.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    vec![]
}
