//! Installs the packages a project asks for: resolves versions, writes the lock file, fetches and unpacks.
//!
//! In: [`InstallOptions`] and the project's settings. Out: the packages-install-path with one folder per package, and
//! `package-lock.yml` as dbt writes it. The folder is filled beside the old one and swapped in when it is complete, so that
//! a run that stops anywhere leaves either the old packages or the new ones.

mod add;
mod archive;
mod cache;
mod error;
mod folder;
mod git;
mod http;
mod hub;
mod install;
mod listing;
mod local;
mod lock;
mod private;
mod resolve;
mod spec;
mod tarball;
mod version;
mod yaml_text;

pub use add::{AddPackage, PackageOrigin};
pub use error::PackageError;
pub use install::{InstallOptions, install};
pub use private::provider_tokens;
