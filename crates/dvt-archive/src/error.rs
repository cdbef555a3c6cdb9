//! Why an archive is refused.

use std::io;
use std::path::PathBuf;

/// What is wrong with an archive, or with the place where it goes.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It cannot be read; another download may help.
    #[error("{reason}")]
    Damaged { reason: String },

    /// It holds what is never unpacked.
    #[error("`{entry}`: {reason}")]
    Unsafe { entry: String, reason: &'static str },

    #[error("cannot {action} `{}`: {cause}", .path.display())]
    Files {
        action: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl ArchiveError {
    pub(crate) fn damaged(reason: impl Into<String>) -> Self {
        Self::Damaged { reason: reason.into() }
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::damaged(error.to_string())
    }
}
