//! What can go wrong with packages.

use dvt_diagnostics::{Diagnostic, Diagnostics};
use std::io;
use std::path::PathBuf;

/// Why packages were not installed.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A configuration file is wrong: the diagnostics point into it.
    #[error("the project's files are wrong")]
    Configuration(Diagnostics),

    /// Two packages have one name; their folders and their macros would collide.
    #[error(
        "Found duplicate project \"{name}\". This occurs when a dependency has the same project name as some other dependency."
    )]
    DuplicateName { name: String },

    /// A package is named as the project.
    #[error(
        "Found a dependency with the same name as the root project \"{name}\". Package names must be unique in a project. \
         Please rename one of these packages."
    )]
    NamedAsProject { name: String },

    /// One name is asked for as two kinds of package.
    #[error("Cannot incorporate {new} ({new_kind}) in {old} ({old_kind}): mismatched types")]
    MismatchedKinds { new: String, new_kind: &'static str, old: String, old_kind: &'static str },

    /// A package's name is no plain name of a folder.
    #[error("Invalid package name '{name}': resolves outside of the packages-install-path ('{install_path}')")]
    UnsafeName { name: String, install_path: String },

    /// A package holds no `dbt_project.yml`.
    #[error("No dbt_project.yml found at expected path {path}")]
    NoProject { path: PathBuf },

    /// `dbt_project.yml` of a package says no name.
    #[error("Package defined in {path} must have a name!")]
    NoName { path: PathBuf },

    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {cause}")]
    Files { action: &'static str, path: PathBuf, cause: io::Error },
}

impl PackageError {
    fn id(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "package-configuration",
            Self::DuplicateName { .. } | Self::NamedAsProject { .. } => "duplicate-package",
            Self::MismatchedKinds { .. } => "package-kinds",
            Self::UnsafeName { .. } => "package-name",
            Self::NoProject { .. } | Self::NoName { .. } => "no-package",
            Self::Files { .. } => "package-files",
        }
    }

    /// What to do next.
    fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoProject { .. } => {
                "Verify that each entry within packages.yml (and their transitive dependencies) contains \
                                       a file named dbt_project.yml"
                    .to_owned()
            }
            Self::DuplicateName { .. } => "remove one of the two from packages.yml".to_owned(),
            Self::MismatchedKinds { .. } => "ask for it in one way only, in all packages.yml that name it".to_owned(),
            _ => return None,
        })
    }
}

impl From<Diagnostics> for PackageError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Configuration(diagnostics)
    }
}

impl From<Diagnostic> for PackageError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Configuration(diagnostic.into())
    }
}

impl From<PackageError> for Diagnostics {
    fn from(error: PackageError) -> Self {
        if let PackageError::Configuration(diagnostics) = error {
            return diagnostics;
        }
        let diagnostic = Diagnostic::error(error.id(), error.to_string());
        match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
        .into()
    }
}
