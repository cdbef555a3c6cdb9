//! `computes.yml`: the engines.

use dvt_diagnostics::Span;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The name that leaves the choice of the engine to dvt, unless the file has an engine of that name.
pub const AUTO: &str = "auto";

/// The engines of the project's profile. Without a file: one embedded engine with its defaults, named `datafusion`.
#[derive(Clone, Debug)]
pub struct Computes {
    /// The default engine, after `--compute` and the file's own `target:`.
    pub target: String,
    pub computes: IndexMap<String, Compute>,
    /// Where the file was found; `None` without one.
    pub path: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Compute {
    pub name: String,
    pub kind: ComputeKind,
    /// The engine's name in the file; `None` for the built-in one.
    pub span: Option<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ComputeKind {
    Datafusion(DatafusionSettings),
    Spark(Box<SparkSettings>),
}

/// The embedded engine. `None` leaves the engine's default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatafusionSettings {
    pub memory_limit_bytes: Option<u64>,
    pub threads: Option<usize>,
    pub spill_dir: Option<PathBuf>,
    /// Rows in a batch.
    pub batch_size: Option<usize>,
}

/// Apache Spark: either `remote`, or what is needed to start a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparkSettings {
    /// `sc://host:port`.
    pub remote: Option<String>,
    /// How long `remote` may take to be reached, in seconds.
    pub connect_timeout_s: Option<usize>,
    pub version: Option<String>,
    /// A distribution by its folder.
    pub spark_home: Option<PathBuf>,
    pub java_home: Option<PathBuf>,
    pub master: Option<String>,
    pub config: IndexMap<String, String>,
    pub delta: Map<String, Value>,
    /// Executors read databases themselves.
    pub jdbc_extraction: Option<JdbcExtraction>,
    /// Executors load results themselves.
    pub jdbc_load: Option<JdbcLoad>,
}

/// How executors read databases.
#[derive(Clone, Debug, PartialEq)]
pub struct JdbcExtraction {
    /// Sessions that read one table at once, at most.
    pub num_partitions: usize,
    /// Rows that a driver fetches at a time.
    pub fetch_size: usize,
    /// Folders with drivers, beside those that dvt knows.
    pub drivers: Vec<PathBuf>,
    /// Connections whose tables nobody changes during a run: they may be read in parts without one snapshot for all.
    pub unchanging: Vec<String>,
}

/// How executors load results.
#[derive(Clone, Debug, PartialEq)]
pub struct JdbcLoad {
    pub num_partitions: usize,
    /// Rows in one statement.
    pub batch_size: usize,
}
