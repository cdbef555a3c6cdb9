//! What can go wrong with one item, and what the user can do about it.

use std::path::PathBuf;

/// Why an item is not usable.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// None of the clients that could fetch it answers.
    #[error("{} not found on this machine", or_list(.clients))]
    NoClient { clients: &'static [&'static str] },

    /// The client ended with an error; its last words are kept, without credentials.
    #[error("`{client}` could not fetch {package}: {words}")]
    ClientFailed { client: String, package: String, words: String },

    #[error("`{client}` did not end within {seconds} seconds and was stopped while it fetched {package}")]
    TimedOut { client: String, package: String, seconds: u64 },

    /// The client said that all is well, and no archive is there.
    #[error("`{client}` left no archive of {package}")]
    NothingFetched { client: String, package: String },

    /// What came is not what was pinned: nothing of it is used.
    #[error("the archive of {package} hashes to {found}, and {wanted} was expected; nothing of it is used")]
    WrongHash { package: String, wanted: String, found: String },

    #[error("{package} is not in the cache `{cache}`")]
    NotCached { package: String, cache: PathBuf },

    /// The archive cannot be read, or holds what is never unpacked.
    #[error("the archive of {package} cannot be unpacked: {reason}")]
    Archive { package: String, reason: String },

    #[error("the archive of {package} holds no `{member}`")]
    NoSuchMember { package: String, member: String },

    #[error("cannot {action} `{}`: {cause}", .path.display())]
    Files {
        action: &'static str,
        path: PathBuf,
        #[source]
        cause: std::io::Error,
    },
}

impl SyncError {
    /// The next step, in a few words.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::NoClient { clients } => format!("install {} and put it on PATH", or_list(clients)),
            Self::ClientFailed { .. } => {
                "try the same with the client itself; its own settings (index, registry, proxy) are used".to_owned()
            }
            Self::TimedOut { .. } => "run `dvt sync` again; what was fetched completely is kept".to_owned(),
            Self::NothingFetched { .. } => "check the client's own settings: does it download elsewhere?".to_owned(),
            Self::WrongHash { .. } => {
                "do not use this index or mirror: ask its owner why its file differs from the published one".to_owned()
            }
            Self::NotCached { .. } => "run `dvt sync` once with a network, without --offline".to_owned(),
            Self::Archive { .. } | Self::NoSuchMember { .. } => "run `dvt sync` again to fetch it anew".to_owned(),
            Self::Files { cause, path, .. } => match cause.kind() {
                std::io::ErrorKind::StorageFull => "make room on the disk, then run `dvt sync` again".to_owned(),
                std::io::ErrorKind::PermissionDenied => {
                    format!("give this user the right to write to `{}`", path.display())
                }
                _ => "check the folder, then run `dvt sync` again".to_owned(),
            },
        }
    }
}

fn or_list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(" or ")
}

/// The error of a file operation.
pub(crate) fn files(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> SyncError {
    let path = path.to_owned();
    move |cause| SyncError::Files { action, path, cause }
}
