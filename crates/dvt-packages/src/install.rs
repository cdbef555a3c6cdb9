//! `dvt deps`: the steps, and what dbt says at each.

use crate::PackageError;
use crate::folder::NewFolder;
use crate::listing::Pinned;
use crate::lock::{list_hash, lock_text};
use crate::spec::{CheckedEntry, PackageSpec, check_entries};
use dvt_diagnostics::{Event, Events, kinds};
use dvt_manifest::write_atomically;
use dvt_project::{ProjectSettings, load_package_list, load_package_lock};
use serde_json::json;
use std::path::PathBuf;

/// What to install, where, and how.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// The root project's folder, absolute.
    pub project_root: PathBuf,
    /// The root project's name, which no package may have.
    pub project_name: String,
    /// The packages-install-path, absolute.
    pub install_path: PathBuf,
    /// Write the lock file and install nothing.
    pub lock_only: bool,
    /// Resolve again even when the lock file belongs to the packages.
    pub upgrade: bool,
}

/// One `deps`: what its steps share.
pub(crate) struct Session<'a> {
    pub(crate) project: &'a ProjectSettings,
    pub(crate) options: &'a InstallOptions,
    pub(crate) events: &'a Events,
    /// Where packages go; `None` while they are only resolved.
    new_folder: Option<NewFolder>,
}

/// Resolves where the lock file does not belong to the packages that are asked for, then installs what it says.
///
/// # Errors
/// All that is wrong with the lists of packages, their versions, the network or the disk. The packages that were installed
/// before are then still there.
pub fn install(project: &ProjectSettings, options: &InstallOptions, events: &Events) -> Result<(), PackageError> {
    let mut session = Session { project, options, events, new_folder: None };
    session.run()
}

impl Session<'_> {
    fn run(&mut self) -> Result<(), PackageError> {
        let root = &self.options.project_root;
        let list = load_package_list(self.project, root, root)?;
        let asked = check_entries(&list.entries)?;
        let locked = load_package_lock(self.project, root)?;
        let is_current =
            locked.as_ref().is_some_and(|lock| lock.sha1_hash.as_deref() == Some(list_hash(&asked).as_str()));
        if !is_current || self.options.upgrade {
            self.lock(&asked, locked.is_some())?;
        }
        if self.options.lock_only {
            return Ok(());
        }
        let entries = load_package_lock(self.project, root)?.map(|lock| lock.entries).unwrap_or_default();
        let specs: Vec<PackageSpec> = check_entries(&entries)?.into_iter().map(|entry| entry.spec).collect();
        self.new_folder = Some(NewFolder::create(&self.options.install_path)?);
        if specs.is_empty() {
            self.say_no_packages();
        }
        for pinned in self.pin_all(&specs)? {
            self.install_one(pinned)?;
        }
        self.new_folder.take().map_or(Ok(()), NewFolder::finish)
    }

    /// Resolves all packages and writes the lock file.
    fn lock(&mut self, asked: &[CheckedEntry], had_lock: bool) -> Result<(), PackageError> {
        if asked.is_empty() && !had_lock {
            if self.options.lock_only {
                self.say_no_packages();
            }
            return Ok(());
        }
        let specs: Vec<PackageSpec> = asked.iter().map(|entry| entry.spec.clone()).collect();
        let items: Vec<_> = self
            .resolve(&specs)?
            .into_iter()
            .map(|(pinned, name)| {
                let mut item = pinned.to_lock();
                item["name"] = json!(name);
                item
            })
            .collect();
        let path = self.options.project_root.join("package-lock.yml");
        write_atomically(&path, lock_text(&items, &list_hash(asked)).as_bytes())
            .map_err(|error| PackageError::Files { action: "write", path: path.clone(), cause: error.cause })?;
        let path = path.display().to_string();
        self.events.fire(
            Event::new(kinds::DEPS_LOCK_UPDATING, format!("Updating lock file in file path: {path}"))
                .with("lock_filepath", path),
        );
        Ok(())
    }

    fn install_one(&mut self, mut pinned: Pinned) -> Result<(), PackageError> {
        let shown = pinned.name().to_owned();
        self.events.fire(
            Event::new(kinds::DEPS_START_PACKAGE_INSTALL, format!("Installing {shown}")).with("package_name", shown),
        );
        let name = self.metadata(&mut pinned)?.name;
        match &pinned {
            Pinned::Local(spec) => self.install_local(spec, &name)?,
        }
        let version = pinned.version_name();
        self.events.fire(
            Event::new(kinds::DEPS_INSTALL_INFO, format!("Installed from {version}")).with("version_name", version),
        );
        if let Some(subdirectory) = pinned.subdirectory() {
            self.events.fire(
                Event::new(kinds::DEPS_LIST_SUBDIRECTORY, format!("and subdirectory {subdirectory}"))
                    .with("subdirectory", subdirectory),
            );
        }
        Ok(())
    }

    /// Where a package goes while the new folder is filled.
    ///
    /// # Errors
    /// Its name is no plain name, or another package has it.
    pub(crate) fn destination(&self, name: &str) -> Result<PathBuf, PackageError> {
        let is_plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != "..";
        let folder = match &self.new_folder {
            Some(folder) if is_plain => folder.path.join(name),
            _ => {
                return Err(PackageError::UnsafeName {
                    name: name.to_owned(),
                    install_path: self.options.install_path.display().to_string(),
                });
            }
        };
        if folder.symlink_metadata().is_ok() {
            return Err(PackageError::DuplicateName { name: name.to_owned() });
        }
        Ok(folder)
    }

    fn say_no_packages(&self) {
        self.events.fire(Event::new(kinds::DEPS_NO_PACKAGES_FOUND, "Warning: No packages were found in packages.yml"));
    }
}
