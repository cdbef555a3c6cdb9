//! What can go wrong while staging.

use dvt_adapter::AdapterError;
use dvt_delta::DeltaError;

/// A failure of a bucket or of what streams into it.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// The rows could not be read from their connection.
    #[error("{0}")]
    Extract(#[source] Box<AdapterError>),

    /// The bucket could not be written or read.
    #[error("bucket `{bucket}`: {cause}")]
    Storage {
        bucket: String,
        #[source]
        cause: Box<DeltaError>,
    },

    /// The bucket's own configuration is wrong.
    #[error("bucket `{bucket}`: {problem}")]
    Configuration { bucket: String, problem: String },

    /// The caller's token fired.
    #[error("staging `{relation}` was cancelled")]
    Cancelled { relation: String },
}

impl From<AdapterError> for StagingError {
    fn from(error: AdapterError) -> Self {
        Self::Extract(Box::new(error))
    }
}

impl StagingError {
    /// Whether the same work may succeed when it is simply repeated.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Extract(error) if error.is_retryable())
    }
}
