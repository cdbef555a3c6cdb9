//! From what is asked to one version of each package, dependencies of dependencies included.

use crate::PackageError;
use crate::hub::Asker;
use crate::install::Session;
use crate::listing::{Listing, Pinned, Wanted};
use crate::spec::PackageSpec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a package says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// The name of its project, and of its folder.
    pub(crate) name: String,
    pub(crate) packages: Vec<PackageSpec>,
}

impl Session<'_> {
    /// Resolves the root project's packages and theirs, level by level; each narrows what is asked of the packages before.
    ///
    /// The first answer for a package is not taken back when a later one narrows it: what the first version asked for stays
    /// asked for, as in dbt.
    pub(crate) fn resolve(&mut self, specs: &[PackageSpec]) -> Result<Vec<(Pinned, String)>, PackageError> {
        let root: Asker = Arc::from(self.options.project_name.as_str());
        let mut pending = self.listing(specs, &root)?;
        let mut all = Listing::default();
        while !pending.is_empty() {
            let mut next = Listing::default();
            for package in pending.iter() {
                let wanted = all.incorporate(package.clone())?.clone();
                let mut pinned = self.pin(&wanted)?;
                let metadata = self.metadata(&mut pinned)?;
                let asker: Asker = Arc::from(metadata.name.as_str());
                for spec in &metadata.packages {
                    next.incorporate(Wanted::from_spec(spec, &asker, &self.project.env)?)?;
                }
            }
            pending = next;
        }
        let mut resolved = Vec::new();
        let mut seen = BTreeSet::new();
        for wanted in all.iter() {
            let mut pinned = self.pin(wanted)?;
            let name = self.metadata(&mut pinned)?.name;
            if name == self.options.project_name {
                return Err(PackageError::NamedAsProject { name });
            }
            if !seen.insert(name.clone()) {
                return Err(PackageError::DuplicateName { name });
            }
            resolved.push((pinned, name));
        }
        Ok(resolved)
    }

    /// The versions that a lock file names.
    pub(crate) fn pin_all(&mut self, specs: &[PackageSpec]) -> Result<Vec<Pinned>, PackageError> {
        let lock: Asker = Arc::from("package-lock.yml");
        let listing = self.listing(specs, &lock)?;
        listing.iter().map(|wanted| self.pin(wanted)).collect()
    }

    fn listing(&self, specs: &[PackageSpec], asker: &Asker) -> Result<Listing, PackageError> {
        let mut listing = Listing::default();
        for spec in specs {
            listing.incorporate(Wanted::from_spec(spec, asker, &self.project.env)?)?;
        }
        Ok(listing)
    }

    fn pin(&mut self, wanted: &Wanted) -> Result<Pinned, PackageError> {
        Ok(match wanted {
            Wanted::Local(spec) => Pinned::Local(spec.clone()),
            Wanted::Tarball(spec) => Pinned::Tarball(spec.clone()),
            Wanted::Git(wanted) => Pinned::Git(wanted.pin()?),
            Wanted::Hub(wanted) => Pinned::Hub(self.pin_hub(wanted)?),
        })
    }

    /// What the package says about itself. Fetching it may tell its exact revision, which is then pinned.
    pub(crate) fn metadata(&mut self, pinned: &mut Pinned) -> Result<Metadata, PackageError> {
        match pinned {
            Pinned::Local(spec) => self.folder_metadata(&self.local_path(spec)),
            Pinned::Tarball(spec) => self.tarball_metadata(spec),
            Pinned::Git(pinned) => self.git_metadata(pinned),
            Pinned::Hub(pinned) => self.hub_metadata(pinned),
        }
    }
}
