//! Hands a request to the runner and waits, listening for Ctrl-C.

use crate::app::{App, Exit};
use crate::printer::{Printer, events};
use crate::registry;
use dvt_adapter::CancellationToken;
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_project::Project;
use dvt_runner::{LineLevel, Pushdown, Reporter, RunCommand, RunOutcome, RunRequest, Runner, RunnerSettings};
use serde_json::json;
use std::sync::Arc;

/// Runs the request and prints as it goes. A request without nodes says so and is fine, as in dbt.
///
/// # Errors
/// What keeps the run from starting.
pub(super) fn execute(app: &App, project: &Arc<Project>, mut request: RunRequest) -> Result<RunOutcome, Diagnostics> {
    let settings = &app.settings;
    request.compute.clone_from(&settings.compute);
    request.bucket.clone_from(&settings.bucket);
    if let Some(retried) = app.earlier.retried() {
        request.earlier_batches.clone_from(&retried.batches);
        request.earlier_overloads.clone_from(&retried.overloads);
        request.first_started_at.clone_from(&retried.started_at);
    }
    request.empty = settings.empty;
    // `seed --show` shows rows after its own run, which has said all about itself.
    let is_quiet = request.command == RunCommand::Show && settings.which != "show";
    with_runner(app, project, is_quiet, async |runner, reporter, cancel| runner.run(request, reporter, cancel).await)
}

/// Gives `work` a runner, somebody who listens, and a token that Ctrl-C and SIGTERM cancel.
///
/// # Errors
/// What keeps the work from starting.
pub(super) fn with_runner<T>(
    app: &App,
    project: &Arc<Project>,
    is_quiet: bool,
    work: impl AsyncFnOnce(Runner, Arc<dyn Reporter>, CancellationToken) -> T,
) -> Result<T, Diagnostics> {
    let settings = &app.settings;
    let profile = &project.config.profile;
    let default_threads = || profile.outputs.get(&profile.target)?.settings.as_ref().ok()?.threads();
    let runner = RunnerSettings {
        cli_vars: app.project_settings()?.vars,
        threads: settings.threads.or_else(default_threads).unwrap_or(1),
        fail_fast: settings.fail_fast,
        write_artifacts: settings.write_json,
        args: settings.artifact_args(),
        rows_in_part: app.environment.setting("ROWS_IN_PART").and_then(|(_, rows)| rows.trim().parse().ok()),
        pushdown: if is_off(app, "TEST_PUSHDOWN") { Pushdown::Columns } else { Pushdown::Whole },
        reduces: !is_off(app, "TEST_REDUCTION"),
        events: app.events(),
        spark: app.environment.spark_places(),
    };
    app.printer.know_project(project);
    let reporter: Arc<dyn Reporter> = if is_quiet {
        Arc::new(QuietReporter(Arc::clone(&app.printer)))
    } else {
        Arc::clone(&app.printer) as Arc<dyn Reporter>
    };
    let connections = registry::connect_all(profile, &project.config.project.root);
    let runner = Runner::new(Arc::clone(project), connections, runner);
    let done = app.runtime.block_on(async {
        let cancel = CancellationToken::new();
        let listener = tokio::spawn(stop_on_signal(cancel.clone(), Arc::clone(&app.printer)));
        let done = work(runner, reporter, cancel).await;
        listener.abort();
        done
    });
    Ok(done)
}

/// Switches that tests compare with: nobody else has a reason to turn them.
fn is_off(app: &App, name: &str) -> bool {
    app.environment.setting(name).is_some_and(|(_, value)| value == "off")
}

/// dbt's exit code of a run.
pub(super) fn exit_of(outcome: &RunOutcome) -> Exit {
    if outcome.could_not_go_on {
        Exit::CannotRun
    } else if outcome.succeeded() {
        Exit::Success
    } else {
        Exit::Failed
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

/// The first Ctrl-C or SIGTERM cancels what runs and lets the run end in order; the second one ends the process.
async fn stop_on_signal(cancel: CancellationToken, printer: Arc<Printer>) {
    if !signalled().await {
        return;
    }
    printer.event(events::INTERRUPTED, "Cancelling what runs; press Ctrl-C again to end at once", json!({}));
    cancel.cancel();
    if signalled().await {
        #[expect(clippy::exit, reason = "the user asked twice")]
        std::process::exit(130);
    }
}

/// Waits for Ctrl-C or SIGTERM; false where no signals can be heard.
async fn signalled() -> bool {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
        tokio::select! {
            heard = tokio::signal::ctrl_c() => heard.is_ok(),
            heard = terminate.recv() => heard.is_some(),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.is_ok()
}
