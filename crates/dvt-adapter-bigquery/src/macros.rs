//! The macros of the package `dbt_bigquery`, kept in the binary.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../macros/", $path)))),*]
    };
}

/// Path below `macros/` and text of each file.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    files!["catalog.sql", "materializations.sql", "relations.sql", "utils.sql"]
}
