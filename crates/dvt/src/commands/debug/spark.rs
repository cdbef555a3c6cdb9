//! `debug` of a Spark compute: who answers, in which version.

use crate::app::App;
use dvt_compute::{ComputeError, ComputeSettings, Engine, SparkEngine};
use dvt_project::SparkSettings;
use std::sync::Arc;

/// What can be said of the compute, or what is wrong and what to do. A server of dvt's own is started only if it
/// `is_named`; else what it would be started from is looked at.
pub(super) fn check(
    app: &App,
    name: &str,
    settings: &SparkSettings,
    is_named: bool,
) -> Result<String, (String, String)> {
    let logs = std::env::temp_dir().join("dvt-debug");
    let settings = dvt_runner::spark_settings(name, settings, &app.environment.spark_places(), logs);
    let said = |error: ComputeError| {
        let hint = match &error {
            ComputeError::Spark(failure) => failure.hint(),
            _ => None,
        };
        (error.to_string(), hint.unwrap_or_else(|| "mend the compute in computes.yml".to_owned()))
    };
    let embedded = Engine::new(ComputeSettings::default()).map_err(said)?;
    let engine = SparkEngine::new(settings, Arc::new(embedded));
    let checked = app.runtime.block_on(async {
        let checked = if is_named || engine.settings().remote.is_some() {
            engine.version().await.map(|version| format!("spark {version}, which answers"))
        } else {
            engine.look().await
        };
        engine.stop().await;
        checked
    });
    checked.map_err(said)
}
