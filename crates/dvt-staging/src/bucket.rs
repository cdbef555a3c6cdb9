//! A place for staged tables.

use crate::StagingError;
use crate::probe::{ProbeFailure, probe};
use dvt_delta::{CloudService, Store, TableLocation, open_cloud};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A named bucket and the prefix in it that is ours. Nothing outside the prefix is read, written or removed.
#[derive(Clone, Debug)]
pub struct Bucket {
    name: String,
    pub(crate) store: Store,
    /// Where runs show that they are alive: in a folder of this machine by locks, in the cloud by objects that are
    /// written again and again.
    pub(crate) runs: Option<PathBuf>,
}

/// Where staged tables lie in a cloud's bucket whose entry names no prefix.
const DEFAULT_PREFIX: &str = "dvt-staging";

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
        Ok(Self { name: name.to_owned(), store, runs: Some(absolute.join("runs")) })
    }

    /// A bucket of S3 (`s3`), Google Cloud Storage (`gcs`) or Azure (`azure`); nothing is sent yet. `environment` holds the
    /// variables that the service's own tools read.
    ///
    /// # Errors
    /// [`StagingError::Configuration`], naming the key; also for an empty prefix: everything below it may be removed by
    /// `clean`, so a whole bucket is never one.
    pub fn cloud(
        name: &str,
        service: &str,
        keys: &Map<String, Value>,
        environment: &Map<String, Value>,
    ) -> Result<Self, StagingError> {
        let problem = |problem: String| StagingError::Configuration { bucket: name.to_owned(), problem };
        let service =
            CloudService::of(service).ok_or_else(|| problem(format!("`{service}` is no type of a cloud's bucket")))?;
        let variables = environment.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let mut keys = keys.clone();
        if !["prefix", "path"].iter().any(|key| keys.contains_key(*key)) {
            keys.insert("prefix".to_owned(), DEFAULT_PREFIX.into());
        }
        let opened = open_cloud(service, &keys, &variables.collect()).map_err(|error| problem(error.message))?;
        if opened.prefix.is_empty() {
            return Err(problem(
                "the whole bucket is named; name a `prefix` in it that holds nothing but staged tables".into(),
            ));
        }
        Ok(Self { name: name.to_owned(), store: opened.store, runs: None })
    }

    /// Writes an object below the prefix, reads it back and deletes it.
    ///
    /// # Errors
    /// Which of the three failed and why, with the next step.
    pub async fn probe(&self) -> Result<(), ProbeFailure> {
        probe(&self.store).await
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
