//! What a run makes usable, and what it says about each.

use crate::SyncError;
use std::path::PathBuf;
use std::time::Duration;

/// One thing that the configuration needs.
#[derive(Clone, Debug)]
pub struct Item {
    /// `driver`, `adapter`, `spark`, `java`, `jars`.
    pub kind: &'static str,
    pub name: String,
    pub version: String,
    /// Which outputs or computes ask for it, for people.
    pub needed_by: String,
    /// Whether its absence fails the run.
    pub is_required: bool,
    pub action: Action,
}

/// What has to happen for an item.
#[derive(Clone, Debug)]
pub enum Action {
    /// A package becomes a folder.
    Install(Package),
    /// It is there, or is part of dvt: the detail says which.
    Present { detail: String },
    /// It cannot be had: told in the same table as everything else.
    Unavailable { reason: String, next_step: String },
}

/// Whose client fetches a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecosystem {
    /// The user's `npm`.
    Npm,
    /// The user's `uv` or `pip`; the archive is a wheel.
    Wheel,
    /// The user's `uv` or `pip`; the archive is a source archive.
    SourceArchive,
}

/// A package and what is wanted of it.
#[derive(Clone, Debug)]
pub struct Package {
    pub ecosystem: Ecosystem,
    /// `adbc-driver-snowflake`, `@duckdb/node-bindings-linux-x64`.
    pub name: String,
    /// An exact version (`1.11.0`), or for Python packages that dvt has no pin for, a specifier (`>=1.5,<1.9`).
    pub version: String,
    /// `sha256-` and hexadecimal digits, or `sha512-` and base64. `None` where dvt has no pin: then the client compares the
    /// archive with the index's own hash, which is remembered and must stay the same.
    pub integrity: Option<String>,
    pub members: Members,
    /// The folder that it becomes.
    pub folder: PathBuf,
}

impl Package {
    /// Name and version as the ecosystem writes them.
    #[must_use]
    pub fn requirement(&self) -> String {
        match self.ecosystem {
            Ecosystem::Npm => format!("{}@{}", self.name, self.version),
            _ if self.is_exact() => format!("{}=={}", self.name, self.version),
            _ => format!("{}{}", self.name, self.version),
        }
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.version.starts_with(|first: char| first.is_ascii_digit())
    }
}

/// What is taken out of an archive.
#[derive(Clone, Debug)]
pub enum Members {
    /// One file, which lies directly in the folder.
    File(String),
    /// What lies below this folder of the archive. The first part may be `*`: the archive's own top folder.
    Below(String),
    /// As [`Members::Below`], but only SQL and YAML: the macros of a Python package, and none of its code.
    Macros(String),
}

/// The folders of a run; all of them belong to dvt.
#[derive(Clone, Debug)]
pub struct Places {
    /// `~/.dvt`.
    pub home: PathBuf,
}

impl Places {
    /// Archives that were fetched and verified.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.home.join("cache/sync")
    }

    /// What is being made; one folder per run.
    pub(crate) fn work(&self) -> PathBuf {
        self.home.join("cache/sync-work")
    }
}

/// What became of an item.
#[derive(Debug)]
pub enum Status {
    /// It was fetched now.
    Installed {
        detail: String,
    },
    /// It was there.
    Present {
        detail: String,
    },
    /// A dry run would fetch it.
    Planned {
        detail: String,
    },
    Failed {
        reason: String,
        next_step: String,
    },
}

impl Status {
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Installed { .. } => "installed",
            Self::Present { .. } => "present",
            Self::Planned { .. } => "planned",
            Self::Failed { .. } => "missing",
        }
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Installed { detail } | Self::Present { detail } | Self::Planned { detail } => detail,
            Self::Failed { reason, .. } => reason,
        }
    }

    #[must_use]
    pub fn next_step(&self) -> Option<&str> {
        match self {
            Self::Failed { next_step, .. } => Some(next_step),
            _ => None,
        }
    }

    pub(crate) fn failed(error: &SyncError) -> Self {
        Self::Failed { reason: error.to_string(), next_step: error.next_step() }
    }
}

/// One line of the table at the end.
#[derive(Debug)]
pub struct Report {
    pub item: Item,
    pub status: Status,
    pub elapsed: Duration,
}

impl Report {
    /// Whether the project cannot do without what is missing.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.item.is_required && matches!(self.status, Status::Failed { .. })
    }
}
