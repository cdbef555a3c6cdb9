//! The dbt package `dbt_filesystem`: what a lake does its own way.

/// Path and text of each macro file.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("macros/create.sql", include_str!("../macros/create.sql")),
        ("macros/freshness.sql", include_str!("../macros/freshness.sql")),
        ("macros/incremental.sql", include_str!("../macros/incremental.sql")),
        ("macros/relations.sql", include_str!("../macros/relations.sql")),
        ("macros/schemas.sql", include_str!("../macros/schemas.sql")),
        ("macros/types.sql", include_str!("../macros/types.sql")),
        ("macros/utils.sql", include_str!("../macros/utils.sql")),
    ]
}
