//! What an invocation knows of earlier ones: the artifacts of `--state` and `--defer-state`, and the nodes of `retry`.

use crate::app::App;
use crate::cli::Command;
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_manifest::UniqueId;
use dvt_manifest::selection::Selectors;
use dvt_manifest::state::PreviousState;
use dvt_project::Project;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Filled when the project is read; the artifacts are read when something asks for them.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    root: Option<PathBuf>,
    target_path: PathBuf,
    project_flags: Map<String, Value>,
    selectors: Arc<Selectors>,
    state: OnceLock<Arc<PreviousState>>,
    /// What `retry` does again, in place of a selection.
    retried: Option<Retried>,
}

/// The nodes of an earlier run that are run again.
#[derive(Debug)]
pub(crate) struct Retried {
    pub(crate) ids: BTreeSet<UniqueId>,
    /// Of microbatch models that ended well in part: dbt's `{successful, failed}`.
    pub(crate) batches: BTreeMap<UniqueId, Value>,
    /// The same of functions and their overloads.
    pub(crate) overloads: BTreeMap<UniqueId, Value>,
    /// When the first attempt began: what its batches count as now.
    pub(crate) started_at: Option<String>,
}

impl Earlier {
    /// Takes note of the project that was read.
    pub(crate) fn know(&mut self, project: &Project) {
        self.root = Some(project.config.project.root.clone());
        self.target_path.clone_from(&project.config.target_path);
        self.project_flags.clone_from(&project.config.project.flags);
        self.selectors = Arc::clone(&project.selectors);
    }

    pub(crate) fn selectors(&self) -> Arc<Selectors> {
        Arc::clone(&self.selectors)
    }

    pub(crate) fn project_root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// A behaviour flag of `flags:` in dbt_project.yml.
    pub(crate) fn project_flag(&self, name: &str, default: bool) -> bool {
        self.project_flags.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(crate) fn retried(&self) -> Option<&Retried> {
        self.retried.as_ref()
    }

    pub(crate) fn retry(&mut self, retried: Retried) {
        self.retried = Some(retried);
    }

    /// The artifacts of `--state`; `None` without the flag.
    ///
    /// # Errors
    /// They are there and cannot be used.
    pub(crate) fn state(&self, app: &App) -> Result<Option<Arc<PreviousState>>, Diagnostic> {
        let Some(path) = &app.settings.state else { return Ok(None) };
        if let Some(state) = self.state.get() {
            return Ok(Some(Arc::clone(state)));
        }
        let state = self.read(app, path)?;
        Ok(Some(Arc::clone(self.state.get_or_init(|| state))))
    }

    /// Reads the state where it is the target folder, whose manifest this invocation is about to write anew.
    ///
    /// # Errors
    /// As for [`Earlier::state`].
    pub(crate) fn read_before_overwriting(&self, app: &App) -> Result<(), Diagnostic> {
        let root = self.root.as_deref().unwrap_or(Path::new("."));
        if app.settings.state.as_ref().is_some_and(|path| root.join(path) == self.target_path) {
            self.state(app)?;
        }
        Ok(())
    }

    /// The manifest's folder that `--defer` and `clone` look things up in: `--defer-state`, else `--state`.
    ///
    /// # Errors
    /// Neither flag was given, there is no manifest, or it cannot be used.
    fn deferred(&self, app: &App) -> Result<Arc<PreviousState>, Diagnostic> {
        let state = match &app.settings.defer_state {
            Some(path) => Some(self.read(app, path)?),
            None => self.state(app)?,
        };
        let Some(state) = state else {
            let message = "--state or --defer-state are required for deferral, but neither was provided";
            return Err(Diagnostic::error("no-earlier-state", message)
                .help("name the folder with the other environment's manifest.json with `--state`"));
        };
        if state.manifest.is_none() {
            let path = state.state_path.display();
            return Err(Diagnostic::error(
                "no-earlier-state",
                format!("Could not find manifest in --state path: \"{path}\""),
            ));
        }
        Ok(state)
    }

    fn read(&self, app: &App, path: &Path) -> Result<Arc<PreviousState>, Diagnostic> {
        let root = self.root.as_deref().unwrap_or(Path::new("."));
        if root.join(path) == self.target_path {
            let shown = path.display();
            let message = format!(
                "The state and target directories are the same: '{shown}'. This could lead to missing changes due to overwritten state including non-idempotent retries."
            );
            let event =
                Event::new(kinds::WARN_STATE_TARGET_EQUAL, message.clone()).with("state_path", shown.to_string());
            let warning = Diagnostic::warning("state-is-target", message).event(event);
            app.warn(std::iter::once(&warning)).map_err(|mut errors| errors.0.remove(0))?;
        }
        let mut state = PreviousState::read(root, path, &self.target_path)
            .map_err(|error| Diagnostic::error("unreadable-state", error.to_string()))?;
        if let Some(manifest) = &mut state.manifest
            && self.project_flag("state_modified_compare_more_unrendered_values", true)
        {
            manifest.upgrade(&dvt_project::written_config);
        }
        Ok(Arc::new(state))
    }

    /// Tells the nodes of the project where the environment of `--state` has them, for commands that resolve references.
    ///
    /// # Errors
    /// As for [`Earlier::deferred`].
    pub(crate) fn defer(&self, app: &App, command: &Command, project: &mut Project) -> Result<(), Diagnostic> {
        let defers = match command {
            // `clone` copies from there whether or not anybody says `--defer`.
            Command::Clone(_) => true,
            Command::Build(_)
            | Command::Run(_)
            | Command::Test(_)
            | Command::Seed(_)
            | Command::Snapshot(_)
            | Command::Compile(_)
            | Command::Show(_)
            | Command::Docs(_)
            | Command::Source(_) => app.settings.defer,
            _ => false,
        };
        if !defers {
            return Ok(());
        }
        let state = self.deferred(app)?;
        let outputs = &project.config.profile.outputs;
        if let Some(previous) = &state.manifest {
            project.manifest.defer_to(previous, &|connection| outputs.contains_key(connection));
        }
        Ok(())
    }
}
