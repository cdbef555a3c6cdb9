//! Makes what the configuration names usable.
//!
//! In: a list of [`Item`]s, each a pinned package with what is wanted of it, or something that must be on the machine already.
//! Out: a [`Report`] for each. Packages come through the user's own `uv`, `pip` or `npm`, so that proxies, mirrors and
//! credentials are the user's own; an archive is unpacked only after its hash was compared. Everything is made beside its
//! place and renamed into it when it is complete: a run that stops anywhere leaves the old state or the new one. Nothing
//! is written outside the folder that [`Places`] names, the clients' own caches included.

mod archive;
mod client;
mod error;
mod install;
mod item;
mod java;
mod known;
mod run;
mod version;

pub use error::SyncError;
pub use item::{Action, Ecosystem, Item, Members, Package, Places, Report, Status};
pub use java::{JavaFound, find_java, java_versions_for_spark};
pub use known::{ADAPTER_PACKAGES, AdapterPackage, SPARK_PACKAGE, adapter_package, spark_hash};
pub use run::{Options, Progress, sync};
pub use version::{InvalidSpecifier, VersionSpecifier};

/// What a complete folder holds beside its content: which package it was made from, and the sizes of its files.
pub const MARKER: &str = ".dvt-package.json";
