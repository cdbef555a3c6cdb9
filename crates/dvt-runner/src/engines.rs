//! The engines and buckets of a run, each made when the first node needs it, and the choice of a node's.

use crate::failure::{NodeError, from_spark};
use crate::run::{Run, lock};
use crate::settings::SparkPlaces;
use dvt_compute::{
    CONNECT_TIMEOUT, ComputeSettings, Engine, SparkEngine, SparkFailure, SparkQuery, SparkSettings, estimate,
    find_drivers, spark_query,
};
use dvt_diagnostics::Diagnostic;
use dvt_federation::FederatedPlan;
use dvt_manifest::Node;
use dvt_project::{BucketKind, Compute, ComputeKind, Computes, Staging as StagingMode};
use dvt_staging::{Bucket, Staging};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where and when a node's extracts are staged.
pub(crate) struct StagingPlace {
    pub(crate) staging: Arc<Staging>,
    pub(crate) mode: StagingMode,
    /// Whose word the mode is.
    pub(crate) said_by: String,
    /// The compute that reads extracts from the bucket alone.
    pub(crate) read_by: Option<String>,
}

/// What computes a node.
pub(crate) enum ChosenEngine {
    Embedded(Arc<Engine>),
    Spark(Arc<SparkEngine>, Box<SparkQuery>),
}

/// The compute of a node's query, and why it is that one.
pub(crate) struct ComputeChoice {
    pub(crate) name: String,
    pub(crate) said_by: String,
    pub(crate) engine: ChosenEngine,
}

impl ComputeChoice {
    /// The compute that wants every extract in the bucket.
    pub(crate) fn reads_bucket(&self) -> Option<&str> {
        matches!(self.engine, ChosenEngine::Spark(..)).then_some(self.name.as_str())
    }
}

impl Run {
    /// The compute of this plan: what was chosen by name, or by `auto` from what is read and what memory holds.
    pub(crate) fn choose_compute(&self, node: &Node, plan: &FederatedPlan) -> Result<ComputeChoice, NodeError> {
        let (name, said_by) = self.compute_name(node);
        let computes = &self.project().config.computes;
        let at_node = |failure: &SparkFailure| from_spark(failure, Some(&node.span));
        if !computes.is_auto(&name) {
            let engine = match &computes.require(&name)?.kind {
                ComputeKind::Datafusion(_) => ChosenEngine::Embedded(self.engine(node)?),
                ComputeKind::Spark(_) => {
                    let query = spark_query(plan).map_err(|failure| at_node(&failure))?;
                    ChosenEngine::Spark(self.spark(&name)?, Box::new(query))
                }
            };
            return Ok(ComputeChoice { name, said_by: said_by.to_owned(), engine });
        }
        let embedded = |because: String| -> Result<ComputeChoice, NodeError> {
            Ok(ComputeChoice {
                name: embedded_compute(computes).map_or("datafusion", |compute| &compute.name).to_owned(),
                said_by: format!("{said_by}, `auto`: {because}"),
                engine: ChosenEngine::Embedded(self.engine(node)?),
            })
        };
        let Some(spark) = computes.computes.values().find(|compute| matches!(compute.kind, ComputeKind::Spark(_)))
        else {
            return embedded("no compute is of type spark".to_owned());
        };
        let limit = self.compute_settings(node)?.memory_limit;
        let sizes: Option<Vec<u64>> = plan.extracts.iter().map(|extract| estimate(extract).1).collect();
        let Some(bytes) = sizes.map(|sizes| sizes.iter().sum::<u64>()) else {
            return embedded("how much is read is not known".to_owned());
        };
        let (shown, limit_shown) = (mebibytes(bytes), mebibytes(limit));
        if bytes <= limit {
            return embedded(format!("about {shown} are read, within the memory limit of {limit_shown}"));
        }
        match spark_query(plan) {
            Ok(query) => Ok(ComputeChoice {
                name: spark.name.clone(),
                said_by: format!("{said_by}, `auto`: about {shown} are read, above the memory limit of {limit_shown}"),
                engine: ChosenEngine::Spark(self.spark(&spark.name)?, Box::new(query)),
            }),
            Err(refusal) => embedded(format!("about {shown} are read, but {refusal}")),
        }
    }

    /// The engine of a Spark compute; nothing is started yet.
    fn spark(&self, name: &str) -> Result<Arc<SparkEngine>, NodeError> {
        let mut sparks = lock(&self.sparks);
        if let Some(engine) = sparks.get(name) {
            return Ok(Arc::clone(engine));
        }
        let computes = &self.project().config.computes;
        let ComputeKind::Spark(configured) = &computes.require(name)?.kind else {
            return Err(Diagnostic::error("internal", format!("compute `{name}` is not of type spark")).into());
        };
        let settings = spark_settings(name, configured, &self.settings().spark, self.target_path().join(".dvt/spark"));
        let engine = Arc::new(SparkEngine::new(settings, self.embedded(embedded_compute(computes))?));
        sparks.insert(name.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    /// Ends the sessions and servers of the run.
    pub(crate) async fn stop_sparks(&self) {
        let sparks: Vec<Arc<SparkEngine>> = lock(&self.sparks).drain().map(|(_, engine)| engine).collect();
        futures::future::join_all(sparks.iter().map(|engine| engine.stop())).await;
    }

    /// The embedded engine of this node: the command line's, the node's own, the file's default; beside Spark the first of
    /// the file.
    pub(crate) fn engine(&self, node: &Node) -> Result<Arc<Engine>, NodeError> {
        self.embedded(self.embedded_of(node)?)
    }

    /// The compute whose settings the embedded engine has for this node; `None`: its defaults.
    fn embedded_of(&self, node: &Node) -> Result<Option<&Compute>, NodeError> {
        let computes = &self.project().config.computes;
        let (name, _) = self.compute_name(node);
        if !computes.is_auto(&name) {
            let compute = computes.require(&name)?;
            if matches!(compute.kind, ComputeKind::Datafusion(_)) {
                return Ok(Some(compute));
            }
        }
        Ok(embedded_compute(computes))
    }

    fn embedded(&self, compute: Option<&Compute>) -> Result<Arc<Engine>, NodeError> {
        let name = compute.map_or("", |compute| &compute.name);
        let mut engines = lock(&self.engines);
        if let Some(engine) = engines.get(name) {
            return Ok(Arc::clone(engine));
        }
        let settings = self.settings_of(compute);
        let engine = Engine::new(settings)
            .map_err(|error| NodeError::from(Diagnostic::error("compute-failed", error.to_string())))?;
        let engine = Arc::new(engine);
        engines.insert(name.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    fn compute_settings(&self, node: &Node) -> Result<ComputeSettings, NodeError> {
        Ok(self.settings_of(self.embedded_of(node)?))
    }

    fn settings_of(&self, compute: Option<&Compute>) -> ComputeSettings {
        let mut settings = ComputeSettings { reduces: self.settings().reduces, ..ComputeSettings::default() };
        let Some(ComputeKind::Datafusion(configured)) = compute.map(|compute| &compute.kind) else { return settings };
        settings.memory_limit = configured.memory_limit_bytes.unwrap_or(settings.memory_limit);
        settings.threads = configured.threads.unwrap_or(settings.threads).max(1);
        settings.batch_size = configured.batch_size.unwrap_or(settings.batch_size).max(1);
        settings.spill_dir.clone_from(&configured.spill_dir);
        settings
    }

    pub(crate) fn batch_rows(&self, node: &Node) -> Result<usize, NodeError> {
        Ok(self.compute_settings(node)?.batch_size)
    }

    /// The compute that the node uses, and who says so.
    pub(crate) fn compute_name(&self, node: &Node) -> (String, &'static str) {
        match (self.request.compute.as_deref(), node.config.compute()) {
            (Some(name), _) => (name.to_owned(), "--compute"),
            (None, Some(name)) => (name.to_owned(), "the model's config"),
            (None, None) => (self.project().config.computes.target.clone(), "the default"),
        }
    }

    /// The bucket that the node uses, and who says so.
    pub(crate) fn bucket_name(&self, node: &Node) -> (String, &'static str) {
        match (self.request.bucket.as_deref(), node.config.bucket()) {
            (Some(name), _) => (name.to_owned(), "--bucket"),
            (None, Some(name)) => (name.to_owned(), "the model's config"),
            (None, None) => (self.project().config.buckets.target.clone(), "the default"),
        }
    }

    /// The bucket that this node's extracts are staged in, and when they are.
    pub(crate) fn staging(&self, node: &Node) -> Result<StagingPlace, NodeError> {
        let buckets = &self.project().config.buckets;
        let (name, _) = self.bucket_name(node);
        let name = name.as_str();
        let Some(bucket) = buckets.buckets.get(name) else {
            let known: Vec<&str> = buckets.buckets.keys().map(String::as_str).collect();
            return Err(Diagnostic::error("unknown-bucket", format!("bucket `{name}` is not in buckets.yml"))
                .note(format!("its buckets are {}", known.join(", ")))
                .into());
        };
        let own = match node.config.text("staging") {
            Some("always") => Some(StagingMode::Always),
            Some("never") => Some(StagingMode::Never),
            Some("auto") => Some(StagingMode::Auto),
            _ => None,
        };
        let mode = own.unwrap_or(bucket.staging);
        let said_by = own.map_or_else(|| format!("of bucket `{name}`"), |_| "in the model's config".to_owned());
        let mut stagings = lock(&self.stagings);
        if let Some(staging) = stagings.get(name) {
            return Ok(StagingPlace { staging: Arc::clone(staging), mode, said_by, read_by: None });
        }
        let place = match &bucket.kind {
            BucketKind::Filesystem { path } => Bucket::filesystem(name, path),
            BucketKind::Cloud(cloud) => {
                Bucket::cloud(name, &cloud.service, cloud.settings.expose(), cloud.environment.expose())
            }
        };
        let place = place.map_err(|error| NodeError::from(Diagnostic::error("bucket", error.to_string())))?;
        let staging = Staging::new(place, &self.invocation().invocation_id);
        stagings.insert(name.to_owned(), Arc::clone(&staging));
        Ok(StagingPlace { staging, mode, said_by, read_by: None })
    }
}

/// A Spark compute as its engine wants it; `logs` is the folder of the server's logs.
#[must_use]
pub fn spark_settings(
    name: &str,
    configured: &dvt_project::SparkSettings,
    places: &SparkPlaces,
    logs: PathBuf,
) -> SparkSettings {
    let uses_jdbc = configured.jdbc_extraction.is_some() || configured.jdbc_load.is_some();
    let mut jar_folders: Vec<PathBuf> =
        configured.jdbc_extraction.as_ref().map(|wanted| wanted.drivers.clone()).unwrap_or_default();
    jar_folders.extend(configured.spark_home.iter().map(|home| home.join("jars")));
    jar_folders.extend(places.jars.iter().cloned());
    let drivers = if uses_jdbc { find_drivers(&jar_folders) } else { Vec::new() };
    SparkSettings {
        drivers,
        jar_folders,
        remote: configured.remote.clone(),
        connect_timeout: configured
            .connect_timeout_s
            .map_or(CONNECT_TIMEOUT, |seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX))),
        version: configured.version.clone(),
        master: configured.master.clone().unwrap_or_else(|| "local[*]".to_owned()),
        config: configured.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        spark_home: configured.spark_home.clone(),
        java_home: configured.java_home.clone().or_else(|| places.java_home.clone()),
        distributions: places.distributions.clone(),
        default_home: places.home.clone(),
        logs,
        ..SparkSettings::new(name)
    }
}

/// The embedded engine that stands in the file, the default one first.
fn embedded_compute(computes: &Computes) -> Option<&Compute> {
    let is_embedded = |compute: &&Compute| matches!(compute.kind, ComputeKind::Datafusion(_));
    computes.default_compute().filter(is_embedded).or_else(|| computes.computes.values().find(is_embedded))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
