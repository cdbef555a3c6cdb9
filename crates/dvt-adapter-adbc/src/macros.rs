//! The macro package `dbt_duckdb`, compiled in.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../macros/duckdb/", $path)))),*]
    };
}

/// Relative path and text of each macro file. Names begin with `duckdb__`.
#[must_use]
pub fn duckdb_macro_files() -> Vec<(&'static str, &'static str)> {
    files![
        "adapters/catalog.sql",
        "adapters/relation.sql",
        "materializations/incremental.sql",
        "materializations/merge.sql",
        "materializations/table.sql",
        "materializations/view.sql",
        "relations/create.sql",
        "utils/utils.sql",
    ]
}

#[cfg(test)]
mod tests {
    use super::duckdb_macro_files;

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        fn count(folder: &std::path::Path) -> usize {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("macros/duckdb");
        assert_eq!(duckdb_macro_files().len(), count(&folder));
    }
}
