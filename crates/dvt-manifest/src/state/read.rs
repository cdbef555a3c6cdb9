//! Reading the artifacts of an earlier run.

use super::freshness::SourcesFile;
use super::{PreviousFreshness, PreviousManifest, PreviousResults};
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};

/// The artifacts in the folder of `--state`, as far as they are there.
#[derive(Clone, Debug, Default)]
pub struct PreviousState {
    /// The folder, as the user named it.
    pub state_path: PathBuf,
    pub manifest: Option<PreviousManifest>,
    pub results: Option<PreviousResults>,
    pub sources: Option<PreviousFreshness>,
    /// `sources.json` of the target folder: what the last `source freshness` found.
    pub sources_current: Option<PreviousFreshness>,
}

/// An artifact that is there and cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("Could not read {} as JSON: {cause}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("Could not read {class} at \"{}\" as JSON: {cause}", path.display())]
    Malformed {
        class: &'static str,
        path: PathBuf,
        #[source]
        cause: serde_json::Error,
    },
    #[error(
        "Expected a schema version of \"{expected}\" in {}, but found \"{found}\". Are you running with a different version of dbt?",
        path.display()
    )]
    Incompatible { expected: &'static str, found: String, path: PathBuf },
}

const MANIFEST: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";
const RUN_RESULTS: &str = "https://schemas.getdbt.com/dbt/run-results/v6.json";
const SOURCES: &str = "https://schemas.getdbt.com/dbt/sources/v3.json";

impl PreviousState {
    /// Reads what is there of `manifest.json`, `run_results.json` and `sources.json` in `root/state_path`, and the
    /// `sources.json` of `target_path`. A folder without them is no error: what needs one says so.
    ///
    /// # Errors
    /// A file that is no artifact, or one of a schema that this version does not know.
    pub fn read(root: &Path, state_path: &Path, target_path: &Path) -> Result<Self, StateError> {
        let folder = root.join(state_path);
        let manifest: Option<PreviousManifest> = read(&folder.join("manifest.json"), "WritableManifest")?;
        if let Some(manifest) = &manifest {
            let found = manifest.metadata.dbt_schema_version.as_deref();
            check(&folder.join("manifest.json"), MANIFEST, found, "manifest", 4..=12)?;
        }
        let current = root.join(target_path).join("sources.json");
        Ok(Self {
            state_path: state_path.to_owned(),
            manifest,
            results: Self::read_results(&folder)?,
            sources: read_sources(&folder.join("sources.json"))?,
            sources_current: read_sources(&current)?,
        })
    }

    /// The `run_results.json` of a folder.
    ///
    /// # Errors
    /// As [`PreviousState::read`].
    pub fn read_results(folder: &Path) -> Result<Option<PreviousResults>, StateError> {
        let path = folder.join("run_results.json");
        let results: Option<PreviousResults> = read(&path, "RunResultsArtifact")?;
        if let Some(results) = &results {
            let found = results.metadata.dbt_schema_version.as_deref();
            check(&path, RUN_RESULTS, found, "run-results", 4..=6)?;
        }
        Ok(results)
    }
}

fn read_sources(path: &Path) -> Result<Option<PreviousFreshness>, StateError> {
    let file: Option<SourcesFile> = read(path, "FreshnessExecutionResultArtifact")?;
    if let Some(file) = &file {
        check(path, SOURCES, file.metadata.dbt_schema_version.as_deref(), "sources", 1..=3)?;
    }
    Ok(file.map(PreviousFreshness::from))
}

fn read<T: DeserializeOwned>(path: &Path, class: &'static str) -> Result<Option<T>, StateError> {
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(path).map_err(|cause| StateError::Unreadable { path: path.to_owned(), cause })?;
    serde_json::from_slice(&bytes).map(Some).map_err(|cause| StateError::Malformed {
        class,
        path: path.to_owned(),
        cause,
    })
}

/// A document without a version is taken as it is.
fn check(
    path: &Path,
    expected: &'static str,
    found: Option<&str>,
    name: &str,
    known: std::ops::RangeInclusive<u32>,
) -> Result<(), StateError> {
    let Some(found) = found else { return Ok(()) };
    let version = found
        .rsplit_once('/')
        .filter(|(before, _)| before.ends_with(name))
        .and_then(|(_, file)| file.strip_prefix('v')?.strip_suffix(".json")?.parse::<u32>().ok());
    if version.is_some_and(|version| known.contains(&version)) {
        return Ok(());
    }
    Err(StateError::Incompatible { expected, found: found.to_owned(), path: path.to_owned() })
}
