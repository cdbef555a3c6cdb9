//! The macro packages `dbt_duckdb` and `dbt_snowflake`, compiled in.

macro_rules! files {
    ($folder:literal, $($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../macros/", $folder, "/", $path)))),*]
    };
}

/// Relative path and text of each macro file. Names begin with `duckdb__`.
#[must_use]
pub fn duckdb_macro_files() -> Vec<(&'static str, &'static str)> {
    files![
        "duckdb",
        "adapters/catalog.sql",
        "adapters/relation.sql",
        "materializations/external.sql",
        "materializations/incremental.sql",
        "materializations/merge.sql",
        "materializations/table.sql",
        "materializations/view.sql",
        "relations/create.sql",
        "utils/utils.sql",
    ]
}

/// Relative path and text of each macro file. Names begin with `snowflake__`.
#[must_use]
pub fn snowflake_macro_files() -> Vec<(&'static str, &'static str)> {
    files![
        "snowflake",
        "adapters/catalog.sql",
        "adapters/relation.sql",
        "materializations/models.sql",
        "materializations/rows.sql",
        "utils/utils.sql",
    ]
}

#[cfg(test)]
mod tests {
    use super::{duckdb_macro_files, snowflake_macro_files};

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        fn count(folder: &std::path::Path) -> usize {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        for (name, files) in [("duckdb", duckdb_macro_files()), ("snowflake", snowflake_macro_files())] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("macros").join(name);
            assert_eq!(files.len(), count(&folder), "{name}");
        }
    }
}
