//! The profile output of a lake: which keys there are and what they mean.

use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::did_you_mean;
use serde_json::{Map, Value};
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

/// One rendered output of type `filesystem`.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: String,
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) schema: String,
    pub(crate) threads: u64,
    pub(crate) memory_limit: usize,
}

const KEYS: [&str; 6] = ["type", "path", "format", "schema", "threads", "memory_limit"];
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
        let text = |key: &str| match output.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(wrong(format!("`{key}` must be text, not {other}"))),
        };
        let path = match text("path")? {
            Some(path) if !path.trim().is_empty() => path,
            _ => {
                return Err(wrong("`path` is missing or empty".into())
                    .with_hint("name the folder that holds the lake's tables: `path: ./lake`"));
            }
        };
        let path = normal(&absolute(path, project_directory).map_err(|error| wrong(format!("`path`: {error}")))?);
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
            path,
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
