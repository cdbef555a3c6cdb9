//! The macro package `dbt_spark`, compiled in.

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        vec![$(($path, include_str!(concat!("../macros/", $path)))),*]
    };
}

/// Relative path and text of each macro file. Names begin with `spark__`.
#[must_use]
pub fn macro_files() -> Vec<(&'static str, &'static str)> {
    files![
        "adapters/catalog.sql",
        "adapters/relation.sql",
        "materializations/models.sql",
        "materializations/rows.sql",
        "materializations/snapshot.sql",
        "utils/utils.sql",
    ]
}

#[cfg(test)]
mod tests {
    use super::macro_files;

    #[test]
    fn every_file_of_the_folder_is_in_the_binary() {
        fn count(folder: &std::path::Path) -> usize {
            std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(&path) } else { 1 })
                .sum()
        }
        assert_eq!(macro_files().len(), count(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("macros")));
    }
}
