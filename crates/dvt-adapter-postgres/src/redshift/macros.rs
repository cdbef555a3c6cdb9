//! The macros of the package `dbt_redshift`, kept in the binary.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../../macros/redshift/", $path)))),*]
    };
}

/// Path below `macros/` and text of each file.
#[must_use]
pub fn redshift_macro_files() -> Vec<(&'static str, &'static str)> {
    files!["catalog.sql", "materializations.sql", "relations.sql", "utils.sql"]
}
