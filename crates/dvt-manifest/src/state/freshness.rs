//! An earlier or the current `sources.json`.

use crate::UniqueId;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// How new the rows of each source were.
#[derive(Clone, Debug, Default)]
pub struct PreviousFreshness {
    pub max_loaded_at: BTreeMap<UniqueId, DateTime<Utc>>,
    /// Sources that could not be asked.
    pub failed: BTreeSet<UniqueId>,
}

#[derive(Deserialize)]
pub(super) struct SourcesFile {
    #[serde(default)]
    pub(super) metadata: super::previous::PreviousMetadata,
    #[serde(default)]
    results: Vec<SourceResult>,
}

#[derive(Deserialize)]
struct SourceResult {
    unique_id: UniqueId,
    max_loaded_at: Option<String>,
}

impl From<SourcesFile> for PreviousFreshness {
    fn from(file: SourcesFile) -> Self {
        let mut freshness = Self::default();
        for result in file.results {
            match result.max_loaded_at.as_deref().and_then(time) {
                Some(loaded_at) => {
                    freshness.max_loaded_at.insert(result.unique_id, loaded_at);
                }
                None => {
                    freshness.failed.insert(result.unique_id);
                }
            }
        }
        freshness
    }
}

/// A time with an offset, or without one in UTC.
fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).ok().or_else(|| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .map(|time| time.and_utc())
    })
}
