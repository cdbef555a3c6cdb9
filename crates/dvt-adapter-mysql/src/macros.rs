//! The macro package `dbt_mysql`, compiled in.

/// Relative path and text of each macro file. Names begin with `mysql__`, and with `mariadb__` where MariaDB differs.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    vec![]
}
