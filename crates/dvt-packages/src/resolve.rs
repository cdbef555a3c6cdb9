//! From what is asked to one version of each package, dependencies of dependencies included.

use crate::PackageError;
use crate::install::Session;
use crate::listing::{Listing, Pinned, Wanted};
use crate::spec::PackageSpec;
use std::collections::BTreeSet;

/// What a package says about itself.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// The name of its project, and of its folder.
    pub(crate) name: String,
    pub(crate) packages: Vec<PackageSpec>,
}

impl Session<'_> {
    /// Resolves the root project's packages and theirs, level by level; each narrows what is asked of the packages before.
    pub(crate) fn resolve(&mut self, specs: &[PackageSpec]) -> Result<Vec<(Pinned, String)>, PackageError> {
        let mut pending = Listing::from_specs(specs)?;
        let mut all = Listing::default();
        while !pending.is_empty() {
            let mut next = Listing::default();
            for package in pending.iter() {
                let wanted = all.incorporate(package.clone())?.clone();
                let mut pinned = self.pin(&wanted)?;
                for spec in &self.metadata(&mut pinned)?.packages {
                    next.incorporate(Wanted::from_spec(spec)?)?;
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
        let listing = Listing::from_specs(specs)?;
        listing.iter().map(|wanted| self.pin(wanted)).collect()
    }

    fn pin(&mut self, wanted: &Wanted) -> Result<Pinned, PackageError> {
        match wanted {
            Wanted::Local(spec) => Ok(Pinned::Local(spec.clone())),
        }
    }

    /// What the package says about itself. Fetching it may tell its exact revision, which is then pinned.
    pub(crate) fn metadata(&mut self, pinned: &mut Pinned) -> Result<Metadata, PackageError> {
        match pinned {
            Pinned::Local(spec) => self.folder_metadata(&self.local_path(spec)),
        }
    }
}
