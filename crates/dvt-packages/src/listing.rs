//! Packages by name: what several `packages.yml` ask of one package comes together here.

use crate::PackageError;
use crate::hub::{Asker, HubWanted};
use crate::private;
use crate::spec::{Checkout, LocalSpec, PackageSpec, TarballSpec};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A package and all that is asked of it.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Local(LocalSpec),
    Tarball(TarballSpec),
    Git(GitWanted),
    Hub(HubWanted),
}

#[derive(Clone, Debug)]
pub(crate) struct GitWanted {
    pub(crate) git: String,
    /// What the lock file says instead of the address.
    pub(crate) written: String,
    /// `private:` with the provider, if the package is one.
    pub(crate) private: Option<Option<String>>,
    /// Each revision that is asked for, once.
    pub(crate) revisions: Vec<String>,
    pub(crate) subdirectory: Option<String>,
    pub(crate) warn_unpinned: bool,
}

/// A package in the one version that will be installed.
#[derive(Clone, Debug)]
pub(crate) enum Pinned {
    Local(LocalSpec),
    Tarball(TarballSpec),
    Git(GitPinned),
    Hub(HubPinned),
}

#[derive(Clone, Debug)]
pub(crate) struct GitPinned {
    pub(crate) git: String,
    pub(crate) written: String,
    pub(crate) private: Option<Option<String>>,
    /// A name at first, a commit once it has been fetched.
    pub(crate) revision: String,
    pub(crate) subdirectory: Option<String>,
    pub(crate) warn_unpinned: bool,
    name: String,
}

#[derive(Clone, Debug)]
pub(crate) struct HubPinned {
    pub(crate) package: String,
    pub(crate) version: String,
    /// The newest version that could be installed.
    pub(crate) latest: String,
}

impl Wanted {
    /// `asker` is the project whose `packages.yml` it stands in.
    pub(crate) fn from_spec(
        spec: &PackageSpec,
        asker: &Asker,
        env: &BTreeMap<String, String>,
    ) -> Result<Self, PackageError> {
        let git = |git: String, written: &str, private: Option<Option<String>>, checkout: &Checkout| {
            Self::Git(GitWanted {
                git,
                written: written.to_owned(),
                private,
                revisions: checkout.revision.iter().cloned().collect(),
                subdirectory: checkout.subdirectory.clone(),
                warn_unpinned: checkout.warn_unpinned,
            })
        };
        Ok(match spec {
            PackageSpec::Local(spec) => Self::Local(spec.clone()),
            PackageSpec::Tarball(spec) => Self::Tarball(spec.clone()),
            PackageSpec::Git(spec) => git(spec.git.clone(), &spec.git_unrendered, None, &spec.checkout),
            PackageSpec::Private(spec) => {
                git(private::address(spec, env)?, &spec.private, Some(spec.provider.clone()), &spec.checkout)
            }
            PackageSpec::Hub(spec) => Self::Hub(HubWanted::from_spec(spec, asker)),
        })
    }

    /// The names that mean this package; the first is shown.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Local(spec) => vec![spec.local.clone()],
            Self::Tarball(spec) => vec![spec.tarball.clone()],
            Self::Git(wanted) => {
                let other = match wanted.git.strip_suffix(".git") {
                    Some(short) => short.to_owned(),
                    None => format!("{}.git", wanted.git),
                };
                let subdirectory = wanted.subdirectory.as_deref();
                vec![with_subdirectory(&wanted.git, subdirectory), with_subdirectory(&other, subdirectory)]
            }
            Self::Hub(wanted) => vec![wanted.package.clone()],
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Tarball(_) => "tarball",
            Self::Git(GitWanted { private: Some(_), .. }) => "private",
            Self::Git(_) => "git",
            Self::Hub(_) => "hub",
        }
    }

    /// Adds what another `packages.yml` asks of the same package.
    fn incorporate(&mut self, other: Self) {
        match (self, other) {
            (Self::Git(this), Self::Git(other)) => {
                for revision in other.revisions {
                    if !this.revisions.contains(&revision) {
                        this.revisions.push(revision);
                    }
                }
                this.warn_unpinned &= other.warn_unpinned;
            }
            (Self::Hub(this), Self::Hub(other)) => {
                for version in other.versions {
                    if !this.versions.contains(&version) {
                        this.versions.push(version);
                    }
                }
            }
            // One folder or one archive is one package, whoever asks.
            _ => {}
        }
    }
}

impl GitWanted {
    /// # Errors
    /// Several revisions are asked for.
    pub(crate) fn pin(&self) -> Result<GitPinned, PackageError> {
        let name = with_subdirectory(&self.git, self.subdirectory.as_deref());
        let revision = match self.revisions.as_slice() {
            [] => "HEAD".to_owned(),
            [revision] => revision.clone(),
            several => return Err(PackageError::GitRevisions { name, revisions: several.to_vec() }),
        };
        Ok(GitPinned {
            git: self.git.clone(),
            written: self.written.clone(),
            private: self.private.clone(),
            revision,
            subdirectory: self.subdirectory.clone(),
            warn_unpinned: self.warn_unpinned,
            name,
        })
    }
}

impl GitPinned {
    /// What is checked out: address, folder and revision.
    pub(crate) fn key(&self) -> String {
        format!("{} {}", self.name, self.revision)
    }
}

impl Pinned {
    /// The name that messages show.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Local(spec) => &spec.local,
            Self::Tarball(spec) => &spec.name,
            Self::Git(pinned) => &pinned.name,
            Self::Hub(pinned) => &pinned.package,
        }
    }

    /// dbt's words for where it came from.
    pub(crate) fn version_name(&self) -> String {
        match self {
            Self::Local(spec) => format!("<local @ {}>", spec.local),
            Self::Tarball(spec) => format!("tarball (url: {})", spec.tarball),
            Self::Git(pinned) if pinned.revision == "HEAD" => "HEAD (default revision)".to_owned(),
            Self::Git(pinned) => format!("revision {}", pinned.revision),
            Self::Hub(pinned) => format!("version {}", pinned.version),
        }
    }

    /// Its item in the lock file, without the name.
    pub(crate) fn to_lock(&self) -> Map<String, Value> {
        let item = match self {
            Self::Local(spec) => json!({"local": spec.local}),
            Self::Tarball(spec) => {
                let mut item = json!({"tarball": spec.tarball_unrendered, "name": spec.name});
                if let Some(sha256) = &spec.sha256 {
                    item["sha256"] = json!(sha256);
                }
                item
            }
            Self::Git(pinned) => {
                let kind = if pinned.private.is_some() { "private" } else { "git" };
                let mut item = json!({kind: pinned.written, "revision": pinned.revision});
                if let Some(subdirectory) = &pinned.subdirectory {
                    item["subdirectory"] = json!(subdirectory);
                }
                if let Some(Some(provider)) = &pinned.private {
                    item["provider"] = json!(provider);
                }
                item
            }
            Self::Hub(pinned) => json!({"package": pinned.package, "version": pinned.version}),
        };
        match item {
            Value::Object(item) => item,
            _ => Map::new(),
        }
    }

    pub(crate) fn subdirectory(&self) -> Option<&str> {
        match self {
            Self::Git(pinned) => pinned.subdirectory.as_deref(),
            _ => None,
        }
    }
}

/// Packages in the order in which they were first named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    packages: IndexMap<String, Wanted>,
}

impl Listing {
    /// Adds a package, or what is asked of it to what was asked before. Returns all that is asked of it now.
    pub(crate) fn incorporate(&mut self, package: Wanted) -> Result<&Wanted, PackageError> {
        let names = package.names();
        let key = names.iter().find(|name| self.packages.contains_key(*name)).or(names.first());
        match self.packages.entry(key.cloned().unwrap_or_default()) {
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
                existing.incorporate(package);
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

fn with_subdirectory(git: &str, subdirectory: Option<&str>) -> String {
    match subdirectory {
        Some(subdirectory) => format!("{git}/{subdirectory}"),
        None => git.to_owned(),
    }
}
