//! The engines and buckets of a run, each made when the first node needs it.

use crate::failure::NodeError;
use crate::run::{Run, lock};
use dvt_compute::{ComputeSettings, Engine};
use dvt_diagnostics::Diagnostic;
use dvt_manifest::Node;
use dvt_project::{BucketKind, ComputeKind, Staging as StagingMode};
use dvt_staging::{Bucket, Staging};
use std::sync::Arc;

/// Where and when a node's extracts are staged.
pub(crate) struct StagingPlace {
    pub(crate) staging: Arc<Staging>,
    pub(crate) mode: StagingMode,
    /// Whose word the mode is.
    pub(crate) said_by: String,
}

impl Run {
    /// The engine that computes this node: the command line's, the node's own, the file's default.
    pub(crate) fn engine(&self, node: &Node) -> Result<Arc<Engine>, NodeError> {
        let (name, _) = self.compute_name(node);
        let name = name.as_str();
        let mut engines = lock(&self.engines);
        if let Some(engine) = engines.get(name) {
            return Ok(Arc::clone(engine));
        }
        let settings = self.compute_settings(node)?;
        let engine = Engine::new(settings)
            .map_err(|error| NodeError::from(Diagnostic::error("compute-failed", error.to_string())))?;
        let engine = Arc::new(engine);
        engines.insert(name.to_owned(), Arc::clone(&engine));
        Ok(engine)
    }

    fn compute_settings(&self, node: &Node) -> Result<ComputeSettings, NodeError> {
        let computes = &self.project().config.computes;
        let (name, _) = self.compute_name(node);
        let name = name.as_str();
        let Some(compute) = computes.computes.get(name) else {
            let known: Vec<&str> = computes.computes.keys().map(String::as_str).collect();
            return Err(Diagnostic::error("unknown-compute", format!("compute `{name}` is not in computes.yml"))
                .note(format!("its computes are {}", known.join(", ")))
                .into());
        };
        let ComputeKind::Datafusion(configured) = &compute.kind else {
            return Err(Diagnostic::error(
                "unsupported-compute",
                format!("compute `{name}` is of type spark, which this version of dvt cannot run"),
            )
            .help("use a compute of type `datafusion`")
            .into());
        };
        let mut settings = ComputeSettings::default();
        settings.memory_limit = configured.memory_limit_bytes.unwrap_or(settings.memory_limit);
        settings.threads = configured.threads.unwrap_or(settings.threads).max(1);
        settings.batch_size = configured.batch_size.unwrap_or(settings.batch_size).max(1);
        settings.spill_dir.clone_from(&configured.spill_dir);
        settings.reduces = self.settings().reduces;
        Ok(settings)
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
            return Ok(StagingPlace { staging: Arc::clone(staging), mode, said_by });
        }
        let BucketKind::Filesystem { path } = &bucket.kind;
        let place = Bucket::filesystem(name, path)
            .map_err(|error| NodeError::from(Diagnostic::error("bucket", error.to_string())))?;
        let staging = Staging::new(place, &self.invocation().invocation_id);
        stagings.insert(name.to_owned(), Arc::clone(&staging));
        Ok(StagingPlace { staging, mode, said_by })
    }
}
