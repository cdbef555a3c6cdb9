//! A place for staged tables.

use crate::StagingError;
use dvt_delta::{Store, TableLocation};
use std::path::{Path, PathBuf};

/// A named bucket and the prefix in it that is ours. Nothing outside the prefix is read, written or removed.
#[derive(Clone, Debug)]
pub struct Bucket {
    name: String,
    pub(crate) store: Store,
    /// Where runs show that they are alive.
    pub(crate) runs: PathBuf,
}

impl Bucket {
    /// A bucket in a folder of the local file system, which is created when it is first written to.
    ///
    /// # Errors
    /// [`StagingError::Configuration`] for an empty path or a root folder: everything below a bucket's prefix may be removed
    /// by `clean`, so a whole file system is never one.
    pub fn filesystem(name: &str, path: &Path) -> Result<Self, StagingError> {
        let problem = |problem: String| StagingError::Configuration { bucket: name.to_owned(), problem };
        if path.as_os_str().is_empty() {
            return Err(problem("`path` is empty; name a folder that holds nothing but staged tables".into()));
        }
        let absolute = std::path::absolute(path)
            .map_err(|error| problem(format!("path `{}` cannot be resolved: {error}", path.display())))?;
        let store = Store::filesystem(&absolute).map_err(|error| problem(error.to_string()))?;
        if store.is_root() {
            return Err(problem(format!(
                "path `{}` is the root of the file system; name a folder that holds nothing but staged tables",
                path.display()
            )));
        }
        Ok(Self { name: name.to_owned(), store, runs: absolute.join("runs") })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the bucket is, for people.
    #[must_use]
    pub fn display_location(&self) -> String {
        self.store.display_location()
    }

    pub(crate) fn table(&self, parts: &[&str]) -> TableLocation {
        self.store.table(parts)
    }
}
