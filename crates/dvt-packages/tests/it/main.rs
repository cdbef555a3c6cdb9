//! `deps` from end to end, against a package hub and git repositories of its own.

mod git;
mod hub;
mod local;
mod servers;

use dvt_diagnostics::{Diagnostics, Event, EventKind, EventSink, Events};
use dvt_packages::{InstallOptions, PackageError, install};
use dvt_project::ProjectSettings;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A project in a folder of its own, and what `deps` said the last time.
struct Fixture {
    folder: tempfile::TempDir,
    heard: Arc<Heard>,
    settings: ProjectSettings,
    options: InstallOptions,
}

#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Event>>,
    warn_error: bool,
}

impl EventSink for Heard {
    fn fire(&self, event: Event) {
        self.events.lock().expect("this works in a test").push(event);
    }

    fn is_error(&self, _kind: EventKind) -> bool {
        self.warn_error
    }
}

impl Fixture {
    /// A project whose `packages.yml` has this text.
    fn new(packages: &str) -> Self {
        let folder = tempfile::tempdir().expect("this works in a test");
        let root = fs::canonicalize(folder.path()).expect("this works in a test").join("project");
        write(&root, "dbt_project.yml", "name: root\n");
        write(&root, "packages.yml", packages);
        let settings = ProjectSettings { project_dir: root.clone(), ..ProjectSettings::default() };
        let options = InstallOptions {
            install_path: root.join("dbt_packages"),
            cache: Some(root.with_file_name("cache")),
            project_root: root,
            project_name: "root".to_owned(),
            add: None,
            lock_only: false,
            upgrade: false,
            version_check: true,
            hub_url: "http://127.0.0.1:9/".to_owned(),
            http_timeout_seconds: 10.0,
        };
        Self { folder, heard: Arc::default(), settings, options }
    }

    fn root(&self) -> &Path {
        &self.options.project_root
    }

    /// A folder beside the project.
    fn beside(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("this works in a test").join(name)
    }

    fn try_deps(&self) -> Result<(), PackageError> {
        self.heard.events.lock().expect("this works in a test").clear();
        install(&self.settings, &self.options, &Events::new(Arc::clone(&self.heard) as Arc<dyn EventSink>))
    }

    /// Installs, and gives the messages of level info and above.
    fn deps(&self) -> Vec<String> {
        if let Err(error) = self.try_deps() {
            panic!("{}", text_of(error));
        }
        self.said()
    }

    /// Fails to install, and gives the text of the error.
    fn fails(&self) -> String {
        text_of(self.try_deps().expect_err("this cannot be installed"))
    }

    fn said(&self) -> Vec<String> {
        let events = self.heard.events.lock().expect("this works in a test");
        let shown = events.iter().filter(|event| event.level >= dvt_diagnostics::EventLevel::Info);
        shown.map(|event| event.message.clone()).collect()
    }

    fn fired(&self, name: &str) -> usize {
        self.heard.events.lock().expect("this works in a test").iter().filter(|event| event.kind.name == name).count()
    }

    fn lock_file(&self) -> String {
        fs::read_to_string(self.root().join("package-lock.yml")).expect("this works in a test")
    }

    /// The names in the install folder.
    fn installed(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.options.install_path) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("this works in a test").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// What lies in the project's folder, to see that nothing is left behind.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.root())
            .expect("this works in a test")
            .map(|entry| entry.expect("this works in a test").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn env(&mut self, name: &str, value: &str) {
        self.settings.env = BTreeMap::from([(name.to_owned(), value.to_owned())]);
    }
}

fn text_of(error: PackageError) -> String {
    let diagnostics: Diagnostics = error.into();
    diagnostics.0.iter().map(|one| format!("{one}\n{}\n{}", one.notes.join("\n"), one.help.join("\n"))).collect()
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("this works in a test")).expect("this works in a test");
    fs::write(path, text).expect("this works in a test");
}
