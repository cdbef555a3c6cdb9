//! The macros of the package `dbt_postgres`, kept in the binary.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../../macros/postgres/", $path)))),*]
    };
}

/// Path below `macros/` and text of each file.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    files![
        "adapters.sql",
        "catalog.sql",
        "materializations/functions.sql",
        "materializations/incremental.sql",
        "materializations/snapshot.sql",
        "relations/materialized_view.sql",
        "relations/table.sql",
        "relations/view.sql",
        "timestamps.sql",
        "utils/utils.sql",
    ]
}
