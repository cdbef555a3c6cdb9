//! `dvt sync`: drivers, adapter macros and Spark for what the configuration names, into `~/.dvt`.

mod items;

use crate::app::{App, Exit};
use crate::cli::{Cli, SyncArgs};
use crate::printer::{counted, events};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, EventLevel};
use dvt_sync::{Item, Options, Places, Progress, Report, Status};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How long one package client may take: a Spark distribution is half a gigabyte.
const PATIENCE: Duration = Duration::from_secs(45 * 60);

pub(super) fn run(app: &mut App, cli: &Cli, args: &SyncArgs) -> Result<Exit, Diagnostics> {
    let config = app.load_config(cli)?;
    app.announce();
    app.warn(config.warnings.iter())?;
    let Some(home) = app.environment.home() else {
        return Err(Diagnostic::error("no-home", "the home folder is unknown: HOME is not set")
            .help("set HOME; drivers and packages go into ~/.dvt")
            .into());
    };
    let places = Places { home: home.join(".dvt") };
    let items = items::items(&config, &places.home, &app.environment)?;
    let cancel = Arc::new(AtomicBool::new(false));
    let options = Options {
        places,
        environment: app.environment.variables().clone(),
        dry_run: args.dry_run,
        offline: args.offline,
        patience: PATIENCE,
        cancel: Arc::clone(&cancel),
    };
    let told = Lines { app, total: items.len(), done: AtomicUsize::new(0) };
    // Ctrl-C stops the clients; what they had not finished is not used, and the next run clears it away.
    let handle = app.runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    let reports = dvt_sync::sync(items, &options, &told);
    handle.abort();
    let reports = reports
        .map_err(|error| Diagnostic::error("sync", error.to_string()).help(error.next_step()))
        .map_err(Diagnostics::from)?;
    Ok(table(app, &reports))
}

/// One line when a client starts, and one when an item is settled.
struct Lines<'a> {
    app: &'a App,
    total: usize,
    done: AtomicUsize,
}

impl Progress for Lines<'_> {
    fn waiting(&self) {
        let text = "Another dvt sync is at work; waiting for it";
        self.app.printer.event(events::NOTE, text, json!({}));
    }

    fn started(&self, item: &Item) {
        let text = format!("Fetching {} {} for {}", item.name, item.version, item.needed_by);
        self.app.printer.event(events::NOTE, &text, json!({"item": item.name, "version": item.version}));
    }

    fn finished(&self, report: &Report) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let text = format!(
            "{done} of {} {} {} {} [{:.2}s]",
            self.total,
            report.status.word(),
            report.item.kind,
            report.item.name,
            report.elapsed.as_secs_f64()
        );
        self.app.printer.event(events::NOTE, &text, json!({"item": report.item.name, "status": report.status.word()}));
    }
}

/// The table at the end; data, like that of `debug`.
fn table(app: &App, reports: &[Report]) -> Exit {
    let width = |text: fn(&Report) -> usize| reports.iter().map(text).max().unwrap_or(0);
    let kinds = width(|report| report.item.kind.len());
    let names = width(|report| report.item.name.chars().count());
    let versions = width(|report| report.item.version.chars().count());
    app.printer.blank();
    for report in reports {
        let Item { kind, name, version, needed_by, .. } = &report.item;
        let word = match &report.status {
            Status::Failed { .. } if !report.is_failure() => "optional",
            status => status.word(),
        };
        let detail = report.status.detail();
        let line = format!("{kind:kinds$}  {name:names$}  {version:versions$}  {word:9}  {detail}");
        app.printer.data(
            events::DEBUG_OUTPUT,
            &line,
            json!({
                "kind": kind, "name": name, "version": version, "needed_by": needed_by, "status": word,
                "detail": detail, "next_step": report.status.next_step(),
            }),
        );
        if let Some(next_step) = report.status.next_step() {
            let line = format!("{:kinds$}  {:names$}  {:versions$}             -> {next_step}", "", "", "");
            app.printer.data(events::DEBUG_OUTPUT, &line, json!({}));
        }
    }
    app.printer.blank();
    let failures = reports.iter().filter(|report| report.is_failure()).count();
    if failures == 0 {
        let planned = reports.iter().filter(|report| matches!(report.status, Status::Planned { .. })).count();
        let text = match planned {
            0 => "Everything that the project needs is there".to_owned(),
            planned => format!("{} would be fetched", counted(planned, "item")),
        };
        app.printer.event(events::DEBUG_CMD_RESULT, &text, json!({}));
        return Exit::Success;
    }
    let text = format!("{} missing", counted(failures, "item"));
    app.printer.say(Event::new(events::DEBUG_CMD_RESULT, text).at(EventLevel::Error));
    Exit::Failed
}
