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

    /// A version is none.
    #[error("\"{text}\" is not a valid semantic version.")]
    NotAVersion { text: String, package: String, asker: String },

    /// No version could be right for everybody who asks.
    #[error(
        "Version error for package {package}: Could not find a satisfactory version from options: [{}]",
        options(asked)
    )]
    VersionConflict { package: String, asked: Vec<(String, String)> },

    /// The hub has no version in the range that is asked for.
    #[error(
        "Could not find a matching compatible version for package {package}\n  Requested range: {range}\n  Compatible versions: \
         [{}]{}",
        quoted(available),
        if *is_checked { NOT_SHOWN } else { "" }
    )]
    NoVersion { package: String, range: String, available: Vec<String>, is_checked: bool },

    /// The hub does not know the package.
    #[error("Package {package} was not found in the package index")]
    NotInIndex { package: String },

    /// The hub's answer is not what a hub answers.
    #[error("the package hub's answer about {package} cannot be used: {reason}")]
    HubAnswer { package: String, reason: String },

    /// A server cannot be reached, or does not give what is asked for.
    #[error("External connection exception occurred: {url}: {reason}")]
    Network { url: String, reason: String },

    /// An archive could not be read.
    #[error("the archive of {source_name} is damaged: {reason}")]
    DamagedArchive { source_name: String, reason: String },

    /// An archive holds what could write outside of its folder.
    #[error("the archive of {source_name} is refused: `{entry}`: {reason}")]
    UnsafeArchive { source_name: String, entry: String, reason: &'static str },

    /// An archive has no single top folder.
    #[error(
        "Incorrect structure for package extracted from {source_name}. The extracted package needs to follow the structure \
         {source_name}/<package_contents>."
    )]
    ArchiveLayout { source_name: String },

    /// An archive is not the one that is asked for.
    #[error("the archive at {source_name} has the SHA-256 {found}, but packages.yml asks for {expected}")]
    WrongHash { source_name: String, expected: String, found: String },

    /// One repository is asked for in several revisions.
    #[error("git dependencies should contain exactly one version. {name} contains: {{{}}}", quoted(revisions))]
    GitRevisions { name: String, revisions: Vec<String> },

    /// git says no.
    #[error("Error checking out spec='{revision}' for repo {git}\n{reason}")]
    Git { git: String, revision: String, reason: String },

    /// git cannot be started.
    #[error("git cannot be run: {cause}")]
    NoGit { cause: io::Error },

    /// An address or revision that git would take for an option.
    #[error("`{git}` is no address or revision for git")]
    UnsafeAddress { git: String },

    /// A repository has no such folder.
    #[error("the repository {git} has no folder `{subdirectory}` in the revision that is asked for")]
    NoSubdirectory { git: String, subdirectory: String },

    /// No address is known for a private package.
    #[error("private package `{package}`: {reason}")]
    Private { package: String, reason: String },

    /// `--add-package` cannot add to the file.
    #[error("cannot add a package to {path}: {reason}")]
    Add { path: String, reason: String },

    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {cause}")]
    Files { action: &'static str, path: PathBuf, cause: io::Error },
}

const NOT_SHOWN: &str = "\n\n  Not shown: package versions incompatible with installed version of dbt-core\n  To include \
                         them, run 'dbt --no-version-check deps'";

/// Conditions as dbt lists them; a bare version is an exact one.
fn options(asked: &[(String, String)]) -> String {
    let condition = |text: &str| if text.starts_with(['<', '>', '=']) { text.to_owned() } else { format!("={text}") };
    quoted(&asked.iter().map(|(text, _)| condition(text)).collect::<Vec<_>>())
}

fn quoted(texts: &[String]) -> String {
    texts.iter().map(|text| format!("'{text}'")).collect::<Vec<_>>().join(", ")
}

impl PackageError {
    fn id(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "package-configuration",
            Self::DuplicateName { .. } | Self::NamedAsProject { .. } => "duplicate-package",
            Self::MismatchedKinds { .. } => "package-kinds",
            Self::UnsafeName { .. } => "package-name",
            Self::NoProject { .. } | Self::NoName { .. } => "no-package",
            Self::NotAVersion { .. } | Self::VersionConflict { .. } | Self::NoVersion { .. } => "package-version",
            Self::NotInIndex { .. } => "unknown-package",
            Self::HubAnswer { .. } => "package-hub",
            Self::Network { .. } => "package-network",
            Self::DamagedArchive { .. }
            | Self::UnsafeArchive { .. }
            | Self::ArchiveLayout { .. }
            | Self::WrongHash { .. } => "package-archive",
            Self::GitRevisions { .. }
            | Self::Git { .. }
            | Self::NoGit { .. }
            | Self::UnsafeAddress { .. }
            | Self::NoSubdirectory { .. } => "package-git",
            Self::Private { .. } => "private-package",
            Self::Add { .. } => "add-package",
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
            Self::NotAVersion { .. } => {
                "write `1.2.3`, or a list of conditions: `[\">=1.0.0\", \"<2.0.0\"]`".to_owned()
            }
            Self::NotInIndex { .. } => "check its spelling, `<namespace>/<name>`, at the package hub".to_owned(),
            Self::Network { .. } => "check the network; what was fetched before is used without one".to_owned(),
            Self::NoGit { .. } => "install git, and check that it is in the PATH".to_owned(),
            Self::GitRevisions { .. } => "ask for one revision of it in all packages.yml that name it".to_owned(),
            _ => return None,
        })
    }

    /// What explains the message.
    fn notes(&self) -> Vec<String> {
        match self {
            Self::VersionConflict { asked, .. } => {
                asked.iter().map(|(version, asker)| format!("{asker} asks for {version}")).collect()
            }
            Self::NotAVersion { package, asker, .. } => vec![format!("{asker} asks for it, for package {package}")],
            _ => Vec::new(),
        }
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
        let mut diagnostic = Diagnostic::error(error.id(), error.to_string());
        diagnostic.notes = error.notes();
        match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
        .into()
    }
}
