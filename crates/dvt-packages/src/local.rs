//! Packages in a folder of this machine: linked, or copied where links are impossible.

use crate::PackageError;
use crate::folder::link;
use crate::install::Session;
use crate::resolve::Metadata;
use crate::spec::{LocalSpec, check_entries};
use dvt_diagnostics::{Event, kinds};
use dvt_project::{load_package_list, load_package_name};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

impl Session<'_> {
    /// The folder, counted from the root project; `~` is the home folder.
    pub(crate) fn local_path(&self, spec: &LocalSpec) -> PathBuf {
        let path = match (spec.local.strip_prefix('~'), &self.project.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => self.options.project_root.join(&spec.local),
        };
        without_dots(&path)
    }

    /// Reads the name and the packages of the project in a folder.
    pub(crate) fn folder_metadata(&self, folder: &Path) -> Result<Metadata, PackageError> {
        let project_file = folder.join("dbt_project.yml");
        if !project_file.is_file() {
            return Err(PackageError::NoProject { path: project_file });
        }
        let root = &self.options.project_root;
        let Some(name) = load_package_name(folder, root)? else {
            return Err(PackageError::NoName { path: project_file });
        };
        let list = load_package_list(self.project, folder, root)?;
        let packages = check_entries(&list.entries)?.into_iter().map(|entry| entry.spec).collect();
        Ok(Metadata { name, packages })
    }

    pub(crate) fn install_local(&self, spec: &LocalSpec, name: &str) -> Result<(), PackageError> {
        let from = self.local_path(spec);
        let to = self.destination(name)?;
        self.events.fire(Event::new(kinds::DEPS_CREATING_LOCAL_SYMLINK, "Creating symlink to local dependency."));
        if link(&from, &to).is_ok() {
            return Ok(());
        }
        self.events.fire(Event::new(
            kinds::DEPS_SYMLINK_NOT_AVAILABLE,
            "Symlinks are not available on this OS, copying dependency.",
        ));
        copy_folder(&from, &to).map_err(|cause| PackageError::Files { action: "copy", path: from, cause })
    }
}

/// Copies a folder; links in it are followed.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if fs::metadata(entry.path())?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The path without `.` and `..`, told from its text alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
