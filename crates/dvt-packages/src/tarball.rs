//! Packages in an archive: downloaded, checked, unpacked.

use crate::PackageError;
use crate::archive::unpack;
use crate::cache::hex;
use crate::http::{HttpError, with_retries};
use crate::install::Session;
use crate::resolve::Metadata;
use crate::spec::TarballSpec;
use aws_lc_rs::digest::{Context, SHA256};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl Session<'_> {
    /// Unpacks the archive to learn what it holds; the name is the one that was asked for.
    pub(crate) fn tarball_metadata(&mut self, spec: &TarballSpec) -> Result<Metadata, PackageError> {
        let folder = self.unpacked_tarball(spec)?;
        let metadata = self.folder_metadata(&folder)?;
        let name = if spec.name.is_empty() { metadata.name } else { spec.name.clone() };
        Ok(Metadata { name, ..metadata })
    }

    pub(crate) fn install_tarball(&mut self, spec: &TarballSpec, name: &str) -> Result<(), PackageError> {
        let from = self.unpacked_tarball(spec)?;
        let to = self.destination(name)?;
        self.unpacked.remove(&spec.tarball);
        crate::folder::move_folder(&from, &to).map_err(|cause| PackageError::Files {
            action: "move",
            path: from,
            cause,
        })
    }

    /// The folder of this run that an archive was unpacked into.
    fn unpacked_tarball(&mut self, spec: &TarballSpec) -> Result<PathBuf, PackageError> {
        if let Some(folder) = self.unpacked.get(&spec.tarball) {
            return Ok(folder.clone());
        }
        let folder = self.work_folder()?;
        self.fetch_archive(&spec.tarball, &spec.name, false, &folder)?;
        if let Some(expected) = &spec.sha256 {
            let found = sha256(&self.cache.archive_path(&spec.tarball))?;
            if !found.eq_ignore_ascii_case(expected) {
                return Err(PackageError::WrongHash {
                    source_name: spec.tarball.clone(),
                    expected: expected.clone(),
                    found,
                });
            }
        }
        self.unpacked.insert(spec.tarball.clone(), folder.clone());
        Ok(folder)
    }

    /// Unpacks an archive into a new folder. `is_constant`: what is kept of it needs no new download.
    pub(crate) fn fetch_archive(
        &self,
        url: &str,
        name: &str,
        is_constant: bool,
        to: &Path,
    ) -> Result<(), PackageError> {
        let kept = self.cache.archive_path(url);
        if is_constant && kept.is_file() {
            match unpack(&kept, name, to) {
                Ok(()) => return Ok(()),
                // What is kept was damaged since; it is fetched again.
                Err(PackageError::DamagedArchive { .. }) => clear(to)?,
                Err(error) => return Err(error),
            }
        }
        if let Some(parent) = kept.parent() {
            fs::create_dir_all(parent).map_err(|cause| PackageError::Files {
                action: "create",
                path: parent.to_owned(),
                cause,
            })?;
        }
        let http = self.http()?;
        let timeout = Duration::from_secs_f64(self.options.http_timeout_seconds);
        let unfinished = self.cache.unfinished(&kept);
        let problem = RefCell::new(None);
        let fetched = with_retries(http, self.events, kept.is_file(), || {
            clear(to).map_err(|error| HttpError::passing(error.to_string()))?;
            http.download(url, &unfinished, timeout)?;
            match unpack(&unfinished, name, to) {
                // Servers have answered with half a file or a page; another try may bring the archive.
                Err(PackageError::DamagedArchive { reason, .. }) => Err(HttpError::passing(reason)),
                result => {
                    *problem.borrow_mut() = result.err();
                    Ok(())
                }
            }
        });
        let outcome = match (fetched, problem.into_inner()) {
            (Ok(()), None) => fs::rename(&unfinished, &kept).map_err(|cause| PackageError::Files {
                action: "keep",
                path: kept.clone(),
                cause,
            }),
            (Ok(()), Some(error)) => Err(error),
            (Err(error), _) if http.is_offline() && kept.is_file() => {
                self.note_kept(url, &error.reason);
                clear(to)?;
                unpack(&kept, name, to)
            }
            (Err(error), _) => Err(PackageError::Network { url: url.to_owned(), reason: error.reason }),
        };
        // Gone already when it was kept.
        let _ = fs::remove_file(&unfinished);
        outcome
    }
}

/// Removes what an earlier try left.
fn clear(folder: &Path) -> Result<(), PackageError> {
    crate::folder::remove(folder).map_err(|cause| PackageError::Files {
        action: "remove",
        path: folder.to_owned(),
        cause,
    })
}

fn sha256(path: &Path) -> Result<String, PackageError> {
    let read = |cause| PackageError::Files { action: "read", path: path.to_owned(), cause };
    let mut file = File::open(path).map_err(read)?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(read)?;
        if count == 0 {
            return Ok(hex(context.finish().as_ref()));
        }
        context.update(&buffer[..count]);
    }
}
