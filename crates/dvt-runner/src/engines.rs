//! The engines and buckets of a run, each made when the first node needs it.

use crate::failure::NodeError;
use crate::run::{Run, lock};
use dvt_compute::{ComputeSettings, Engine};
use dvt_diagnostics::Diagnostic;
use dvt_manifest::Node;
use dvt_project::{BucketKind, ComputeKind, Staging as StagingMode};
use dvt_staging::{Bucket, Staging};
use std::sync::Arc;

impl Run {
    /// The engine that computes this node: the command line's, the node's own, the file's default.
    pub(crate) fn engine(&self, node: &Node) -> Result<Arc<Engine>, NodeError> {
        let computes = &self.project().config.computes;
        let name = self.request.compute.as_deref().or(node.config.compute()).unwrap_or(&computes.target);
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
        let name = self.request.compute.as_deref().or(node.config.compute()).unwrap_or(&computes.target);
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
        Ok(settings)
    }

    pub(crate) fn batch_rows(&self, node: &Node) -> Result<usize, NodeError> {
        Ok(self.compute_settings(node)?.batch_size)
    }

    /// The bucket that this node's extracts are staged in, and when they are.
    pub(crate) fn staging(&self, node: &Node) -> Result<(Arc<Staging>, StagingMode), NodeError> {
        let buckets = &self.project().config.buckets;
        let name = self.request.bucket.as_deref().or(node.config.bucket()).unwrap_or(&buckets.target);
        let Some(bucket) = buckets.buckets.get(name) else {
            let known: Vec<&str> = buckets.buckets.keys().map(String::as_str).collect();
            return Err(Diagnostic::error("unknown-bucket", format!("bucket `{name}` is not in buckets.yml"))
                .note(format!("its buckets are {}", known.join(", ")))
                .into());
        };
        let mode = match node.config.text("staging") {
            Some("always") => StagingMode::Always,
            Some("never") => StagingMode::Never,
            Some("auto") => StagingMode::Auto,
            _ => bucket.staging,
        };
        let mut stagings = lock(&self.stagings);
        if let Some(staging) = stagings.get(name) {
            return Ok((Arc::clone(staging), mode));
        }
        let BucketKind::Filesystem { path } = &bucket.kind;
        let place = Bucket::filesystem(name, path)
            .map_err(|error| NodeError::from(Diagnostic::error("bucket", error.to_string())))?;
        let staging = Staging::new(place, &self.invocation().invocation_id);
        stagings.insert(name.to_owned(), Arc::clone(&staging));
        Ok((staging, mode))
    }
}
