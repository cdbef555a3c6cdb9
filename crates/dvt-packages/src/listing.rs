//! Packages by name: what several `packages.yml` ask of one package comes together here.

use crate::PackageError;
use crate::spec::{LocalSpec, PackageSpec};
use indexmap::IndexMap;
use serde_json::{Value, json};

/// A package and all that is asked of it.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Local(LocalSpec),
}

/// A package in the one version that will be installed.
#[derive(Clone, Debug)]
pub(crate) enum Pinned {
    Local(LocalSpec),
}

impl Wanted {
    pub(crate) fn from_spec(spec: &PackageSpec) -> Result<Self, PackageError> {
        match spec {
            PackageSpec::Local(spec) => Ok(Self::Local(spec.clone())),
            other => Err(dvt_diagnostics::Diagnostic::error("package-kind-not-yet", format!("{other:?}")).into()),
        }
    }

    /// The names that mean this package; the first is shown.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Local(spec) => vec![spec.local.clone()],
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
        }
    }

    /// Adds what another `packages.yml` asks of the same package.
    fn incorporate(&mut self, other: Self) -> Result<(), PackageError> {
        match (self, other) {
            (Self::Local(_), Self::Local(_)) => Ok(()),
        }
    }
}

impl Pinned {
    /// The name that messages show.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Local(spec) => &spec.local,
        }
    }

    /// dbt's words for where it came from.
    pub(crate) fn version_name(&self) -> String {
        match self {
            Self::Local(spec) => format!("<local @ {}>", spec.local),
        }
    }

    /// Its item in the lock file, without the name.
    pub(crate) fn to_lock(&self) -> Value {
        match self {
            Self::Local(spec) => json!({"local": spec.local}),
        }
    }

    pub(crate) fn subdirectory(&self) -> Option<&str> {
        match self {
            Self::Local(_) => None,
        }
    }
}

/// Packages in the order in which they were first named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    packages: IndexMap<String, Wanted>,
}

impl Listing {
    pub(crate) fn from_specs<'a>(specs: impl IntoIterator<Item = &'a PackageSpec>) -> Result<Self, PackageError> {
        let mut listing = Self::default();
        for spec in specs {
            listing.incorporate(Wanted::from_spec(spec)?)?;
        }
        Ok(listing)
    }

    /// Adds a package, or what is asked of it to what was asked before. Returns all that is asked of it now.
    pub(crate) fn incorporate(&mut self, package: Wanted) -> Result<&Wanted, PackageError> {
        let names = package.names();
        let key =
            names.iter().find(|name| self.packages.contains_key(*name)).or(names.first()).cloned().unwrap_or_default();
        match self.packages.entry(key) {
            indexmap::map::Entry::Vacant(place) => Ok(place.insert(package)),
            indexmap::map::Entry::Occupied(place) => {
                let existing = place.into_mut();
                if existing.kind() != package.kind() {
                    return Err(PackageError::MismatchedKinds {
                        new: names.into_iter().next().unwrap_or_default(),
                        new_kind: package.kind(),
                        old: existing.names().into_iter().next().unwrap_or_default(),
                        old_kind: existing.kind(),
                    });
                }
                existing.incorporate(package)?;
                Ok(existing)
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Wanted> {
        self.packages.values()
    }
}
