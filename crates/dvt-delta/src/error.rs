//! What can go wrong with a Delta table.

use std::error::Error;

/// Whatever the stream of rows fails with; it is handed back as it came.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// What kind of failure it is, for callers that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaErrorKind {
    /// There is no table at the location.
    Missing,
    /// There is a table already.
    Exists,
    /// Another writer committed in between.
    Conflict,
    /// A column's type cannot be kept.
    UnsupportedType,
    /// A value does not fit the column's type.
    ValueDoesNotFit,
    /// The location or a name in it cannot be used.
    Location,
    /// The store failed, or the table is damaged.
    Other,
}

/// A failure at one table. `doing` says what was tried, in words that follow "while".
#[derive(Debug, thiserror::Error)]
#[error("{message} (while {doing})")]
pub struct DeltaError {
    pub kind: DeltaErrorKind,
    pub doing: String,
    pub message: String,
    /// The column that the failure is about.
    pub column: Option<String>,
    #[source]
    pub cause: Option<SourceError>,
}

impl DeltaError {
    #[must_use]
    pub fn new(kind: DeltaErrorKind, doing: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, doing: doing.into(), message: message.into(), column: None, cause: None }
    }

    /// A failure that has no kind of its own, told in its own words.
    #[must_use]
    pub fn other(doing: impl Into<String>, cause: impl Into<SourceError>) -> Self {
        let cause = cause.into();
        Self {
            kind: DeltaErrorKind::Other,
            doing: doing.into(),
            message: cause.to_string(),
            column: None,
            cause: Some(cause),
        }
    }

    #[must_use]
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }
}

/// A write failed: because of the rows' source, or because of the table.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("{0}")]
    Source(SourceError),
    #[error(transparent)]
    Delta(#[from] DeltaError),
}
