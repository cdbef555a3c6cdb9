//! Hands a request to the runner and waits, listening for Ctrl-C.

use crate::app::App;
use crate::printer::{Printer, events};
use crate::registry;
use dvt_adapter::CancellationToken;
use dvt_diagnostics::{Diagnostic, Diagnostics, Severity};
use dvt_project::Project;
use dvt_runner::{
    LineLevel, NodeProgress, NodeResult, NodeStarted, Reporter, RunCommand, RunOutcome, RunRequest, RunStarted, Runner,
    RunnerSettings,
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs the request and prints as it goes. A request without nodes says so and is fine, as in dbt.
///
/// # Errors
/// What keeps the run from starting.
pub(super) fn execute(app: &App, project: &Arc<Project>, mut request: RunRequest) -> Result<RunOutcome, Diagnostics> {
    let settings = &app.settings;
    request.compute.clone_from(&settings.compute);
    request.bucket.clone_from(&settings.bucket);
    let profile = &project.config.profile;
    let default_threads = || profile.outputs.get(&profile.target)?.settings.as_ref().ok()?.threads();
    let runner = RunnerSettings {
        cli_vars: app.project_settings()?.vars,
        threads: settings.threads.or_else(default_threads).unwrap_or(1),
        fail_fast: settings.fail_fast,
        write_artifacts: settings.write_json,
        args: settings.artifact_args(),
        events: app.events(),
    };
    // Rows are the output of `show`, SQL that of `compile`: log lines would stand in between.
    let reporter: Arc<dyn Reporter> = match request.command {
        RunCommand::Show | RunCommand::Compile => {
            if request.selected.is_empty() && request.inline.is_none() {
                app.printer.nothing_to_do();
            }
            Arc::new(QuietReporter(Arc::clone(&app.printer)))
        }
        _ => Arc::clone(&app.printer) as Arc<dyn Reporter>,
    };
    let warnings = Arc::new(WarningCount { inner: reporter, warnings: AtomicUsize::new(0) });
    let reporter = Arc::clone(&warnings) as Arc<dyn Reporter>;
    let connections = registry::connect_all(profile, &project.config.project.root);
    let runner = Runner::new(Arc::clone(project), connections, runner);
    let mut outcome = app.runtime.block_on(async {
        let cancel = CancellationToken::new();
        let listener = tokio::spawn(stop_on_ctrl_c(cancel.clone(), Arc::clone(&app.printer)));
        let outcome = runner.run(request, reporter, cancel).await;
        listener.abort();
        outcome
    });
    let count = warnings.warnings.load(Ordering::Relaxed);
    if settings.warn_error && count > 0 {
        let words = crate::printer::counted(count, "warning");
        let error = Diagnostic::error("warnings-are-errors", format!("{words}, and --warn-error takes them as errors"));
        app.printer.diagnostic(&error);
        outcome.diagnostics.push(error);
    }
    Ok(outcome)
}

/// Passes everything on and counts the warnings, for `--warn-error`.
struct WarningCount {
    inner: Arc<dyn Reporter>,
    warnings: AtomicUsize,
}

impl Reporter for WarningCount {
    fn run_started(&self, run: &RunStarted) {
        self.inner.run_started(run);
    }

    fn node_started(&self, node: &NodeStarted) {
        self.inner.node_started(node);
    }

    fn node_progress(&self, progress: &NodeProgress) {
        self.inner.node_progress(progress);
    }

    fn node_finished(&self, index: usize, total: usize, result: &NodeResult) {
        self.inner.node_finished(index, total, result);
    }

    fn line(&self, level: LineLevel, text: &str) {
        if level == LineLevel::Warn {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.line(level, text);
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        if diagnostic.severity == Severity::Warning {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.diagnostic(diagnostic);
    }

    fn run_finished(&self, outcome: &RunOutcome) {
        self.inner.run_finished(outcome);
    }
}

/// Passes on what templates say, and no lines about nodes.
struct QuietReporter(Arc<Printer>);

impl Reporter for QuietReporter {
    fn line(&self, level: LineLevel, text: &str) {
        Reporter::line(self.0.as_ref(), level, text);
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        Reporter::diagnostic(self.0.as_ref(), diagnostic);
    }
}

/// The first Ctrl-C cancels what runs and lets the run end in order; the second one ends the process.
async fn stop_on_ctrl_c(cancel: CancellationToken, printer: Arc<Printer>) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    printer.event(events::INTERRUPTED, "Cancelling what runs; press Ctrl-C again to end at once", json!({}));
    cancel.cancel();
    if tokio::signal::ctrl_c().await.is_ok() {
        #[expect(clippy::exit, reason = "the user asked twice")]
        std::process::exit(130);
    }
}
