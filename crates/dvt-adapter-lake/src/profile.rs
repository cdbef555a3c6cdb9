//! The profile output of a lake, in a folder or in a bucket: which keys there are and what they mean.

use crate::layout::{Bucket, Folder, Layout};
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_delta::{CloudService, Store, open_cloud};
use dvt_diagnostics::did_you_mean;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The schema whose tables lie directly under `path`.
pub(crate) const ROOT_SCHEMA: &str = "main";

/// What a table's folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Delta,
    Parquet,
    Csv,
    Json,
}

impl Format {
    pub(crate) const NAMES: [&str; 4] = ["delta", "parquet", "csv", "json"];

    /// The extensions of its data files; the first is the one that is written.
    pub(crate) fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Delta | Self::Parquet => &["parquet"],
            Self::Csv => &["csv"],
            Self::Json => &["json", "ndjson", "jsonl"],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delta => "delta",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Json => "json",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "delta" => Ok(Self::Delta),
            "parquet" => Ok(Self::Parquet),
            "csv" => Ok(Self::Csv),
            "json" => Ok(Self::Json),
            other => {
                let known = Self::NAMES.join(", ");
                let help = did_you_mean(other, Self::NAMES).map(|name| format!("; did you mean `{name}`?"));
                Err(format!("`{text}` is no table format: it is one of {known}{}", help.unwrap_or_default()))
            }
        }
    }
}

/// Where a lake is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    Bucket {
        service: CloudService,
        store: Store,
        /// `s3://bucket/prefix`, and the server where it is not the service's own.
        location: String,
    },
}

impl Place {
    /// The `type` of the output.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "filesystem",
            Self::Bucket { service, .. } => service.name(),
        }
    }

    /// Where it is, for people.
    pub(crate) fn location(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Bucket { location, .. } => location.clone(),
        }
    }
}

/// One rendered output of type `filesystem`, `s3`, `gcs` or `azure`.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    pub(crate) place: Place,
    pub(crate) format: Format,
    pub(crate) schema: String,
    pub(crate) threads: u64,
    pub(crate) memory_limit: usize,
}

const KEYS: [&str; 6] = ["type", "path", "format", "schema", "threads", "memory_limit"];
/// Those that have a meaning wherever the lake is.
const COMMON_KEYS: [&str; 4] = ["format", "schema", "threads", "memory_limit"];
const DEFAULT_MEMORY: usize = 1 << 30;

impl Settings {
    pub(crate) fn from_profile(
        connection: &str,
        output: &Map<String, Value>,
        project_directory: &Path,
    ) -> Result<Self, AdapterError> {
        let wrong = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        for key in output.keys() {
            if !KEYS.contains(&key.as_str()) {
                let error = wrong(format!("unknown key `{key}` for a connection of type `filesystem`"));
                return Err(match did_you_mean(key, KEYS) {
                    Some(known) => error.with_hint(format!("did you mean `{known}`?")),
                    None => error.with_hint(format!("its keys are {}", KEYS.map(|key| format!("`{key}`")).join(", "))),
                });
            }
        }
        let path = match text_of(connection, output, "path")? {
            Some(path) if !path.trim().is_empty() => path,
            _ => {
                return Err(wrong("`path` is missing or empty".into())
                    .with_hint("name the folder that holds the lake's tables: `path: ./lake`"));
            }
        };
        let path = normal(&absolute(path, project_directory).map_err(|error| wrong(format!("`path`: {error}")))?);
        Self::with_place(connection, output, Place::Folder(path))
    }

    /// An output of a cloud's bucket; nothing is sent yet. `environment` holds the variables that the service's own tools
    /// read.
    pub(crate) fn in_bucket(
        connection: &str,
        output: &Map<String, Value>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, AdapterError> {
        let wrong = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        let kind = output.get("type").and_then(Value::as_str).unwrap_or_default();
        let service = CloudService::of(kind).ok_or_else(|| wrong(format!("`{kind}` is no type of a bucket")))?;
        let mut keys = output.clone();
        keys.retain(|key, _| !COMMON_KEYS.contains(&key.as_str()));
        let endpoint = ["endpoint", "endpoint_url"].iter().find_map(|key| keys.get(*key)?.as_str().map(str::to_owned));
        let opened = open_cloud(service, &keys, environment).map_err(|error| {
            let made = wrong(error.message.clone()).with_cause(error);
            made.with_hint(format!("beside the bucket's own keys there are {}", COMMON_KEYS.join(", ")))
        })?;
        let mut location = opened.store.display_location().trim_end_matches('/').to_owned();
        if let Some(endpoint) = endpoint {
            location = format!("{location} at {endpoint}");
        }
        Self::with_place(connection, output, Place::Bucket { service, store: opened.store, location })
    }

    pub(crate) fn over(connection: &str, output: &Map<String, Value>, store: Store) -> Result<Self, AdapterError> {
        let location = store.display_location();
        Self::with_place(connection, output, Place::Bucket { service: CloudService::S3, store, location })
    }

    fn with_place(connection: &str, output: &Map<String, Value>, place: Place) -> Result<Self, AdapterError> {
        let wrong = |message: String| AdapterError::new(ErrorClass::Configuration, connection, message);
        let text = |key: &str| text_of(connection, output, key);
        let schema = text("schema")?.unwrap_or(ROOT_SCHEMA);
        if schema.is_empty() {
            return Err(wrong("`schema` is empty; leave it out for the lake's root".into()));
        }
        let threads = match output.get("threads") {
            None | Some(Value::Null) => 1,
            Some(value) => value
                .as_u64()
                .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
                .filter(|threads| *threads > 0)
                .ok_or_else(|| wrong(format!("`threads` must be a positive number, not {value}")))?,
        };
        let memory_limit = match output.get("memory_limit") {
            None | Some(Value::Null) => DEFAULT_MEMORY,
            Some(value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                bytes(&text).ok_or_else(|| {
                    wrong(format!("`memory_limit` must be a size of at least 32MB such as `512MB`, not {value}"))
                })?
            }
        };
        Ok(Self {
            connection: connection.to_owned(),
            place,
            format: text("format")?
                .unwrap_or("delta")
                .parse()
                .map_err(|problem| wrong(format!("`format`: {problem}")))?,
            schema: schema.to_owned(),
            threads,
            memory_limit,
        })
    }
}

impl Settings {
    pub(crate) fn layout(&self) -> Layout {
        match &self.place {
            Place::Folder(path) => Layout::Folder(Folder::new(path.clone())),
            Place::Bucket { store, .. } => Layout::Bucket(Bucket::new(store.clone())),
        }
    }

    /// Where runs of this machine wait for each other.
    pub(crate) fn locks(&self) -> PathBuf {
        match &self.place {
            Place::Folder(path) => path.clone(),
            Place::Bucket { location, .. } => {
                std::env::temp_dir().join("dvt-locks").join(dvt_delta::encode_segment(location))
            }
        }
    }
}

fn text_of<'a>(connection: &str, output: &'a Map<String, Value>, key: &str) -> Result<Option<&'a str>, AdapterError> {
    match output.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => {
            let message = format!("`{key}` must be text, not {other}");
            Err(AdapterError::new(ErrorClass::Configuration, connection, message))
        }
    }
}

fn absolute(path: &str, project_directory: &Path) -> std::io::Result<PathBuf> {
    let path = match path.strip_prefix("file://") {
        Some(rest) => rest,
        None => path,
    };
    if let Some(rest) = path.strip_prefix("~/")
        && let Some(home) = std::env::home_dir()
    {
        return Ok(home.join(rest));
    }
    std::path::absolute(project_directory.join(path))
}

/// The path without `.` and `..`, so that one folder has one name.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::ParentDir => {
                normal.pop();
            }
            std::path::Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// `512MB`, `1GiB`, `1073741824`: bytes.
fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "kib" => 1024.0,
        "m" | "mb" => 1e6,
        "mib" => 1024.0 * 1024.0,
        "g" | "gb" => 1e9,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    (32e6..=1e15).contains(&bytes).then_some(bytes as usize)
}
