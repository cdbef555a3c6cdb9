//! What a Spark is: one that somebody else runs, or one to start.

use crate::CONNECT_TIMEOUT;
use dvt_adapter::JdbcDriver;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A `type: spark` entry of `computes.yml` or `profiles.yml`, and the places that the settings of the process name.
#[derive(Clone)]
pub struct SparkSettings {
    /// The entry's name.
    pub compute: String,
    /// `sc://host:port/;token=…`: a server that somebody else runs. It may hold a secret.
    pub remote: Option<String>,
    /// How long a remote may take to be reached at all.
    pub connect_timeout: Duration,
    /// Of the distribution to start a server from.
    pub version: Option<String>,
    /// `local[*]`, `spark://…`, `yarn`, `k8s://…`.
    pub master: String,
    pub config: Vec<(String, String)>,
    /// A distribution by its folder.
    pub spark_home: Option<PathBuf>,
    /// The distribution where the settings name no other.
    pub default_home: Option<PathBuf>,
    pub java_home: Option<PathBuf>,
    /// JDBC drivers that a server of dvt's own and its executors get.
    pub drivers: Vec<(JdbcDriver, PathBuf)>,
    /// Where they were looked for.
    pub jar_folders: Vec<PathBuf>,
    /// Folders that hold distributions by version.
    pub distributions: Vec<PathBuf>,
    /// Where the server's log goes.
    pub logs: PathBuf,
}

impl SparkSettings {
    /// The settings of a local server.
    #[must_use]
    pub fn new(compute: &str) -> Self {
        Self {
            compute: compute.to_owned(),
            remote: None,
            connect_timeout: CONNECT_TIMEOUT,
            version: None,
            master: "local[*]".to_owned(),
            config: Vec::new(),
            spark_home: None,
            default_home: None,
            java_home: None,
            drivers: Vec::new(),
            jar_folders: Vec::new(),
            distributions: Vec::new(),
            logs: std::env::temp_dir(),
        }
    }

    /// Whether executors have this driver.
    #[must_use]
    pub fn has_driver(&self, driver: &JdbcDriver) -> bool {
        self.drivers.iter().any(|(found, _)| found == driver)
    }
}

impl fmt::Debug for SparkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparkSettings")
            .field("compute", &self.compute)
            .field("remote", &self.remote.as_ref().map(|_| "***"))
            .field("version", &self.version)
            .field("master", &self.master)
            .field("spark_home", &self.spark_home)
            .finish_non_exhaustive()
    }
}
