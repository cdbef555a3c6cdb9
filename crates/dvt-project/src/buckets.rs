//! `buckets.yml`: where extracts are staged.

use crate::ConnectionSettings;
use dvt_diagnostics::Span;
use indexmap::IndexMap;
use std::path::PathBuf;

/// The buckets of the project's profile. Without a file: a filesystem bucket named `local` at `.dvt/staging` in the project.
#[derive(Clone, Debug)]
pub struct Buckets {
    /// The default bucket, after `--bucket` and the file's own `target:`.
    pub target: String,
    pub buckets: IndexMap<String, Bucket>,
    /// Where the file was found; `None` without one.
    pub path: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Bucket {
    pub name: String,
    pub kind: BucketKind,
    pub staging: Staging,
    /// The bucket's name in the file; `None` for the built-in one.
    pub span: Option<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BucketKind {
    /// An absolute folder.
    Filesystem { path: PathBuf },
    /// A bucket of a cloud's service.
    Cloud(Box<CloudBucket>),
}

/// An entry of type `s3`, `gcs` or `azure`, its keys unread.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudBucket {
    /// The entry's `type`.
    pub service: String,
    /// The other keys, rendered; secrets do not print.
    pub settings: ConnectionSettings,
    /// The variables that the service's own tools read: keys, regions, the home folder of their files.
    pub environment: ConnectionSettings,
}

/// Whether extracts go through the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Staging {
    /// What is read once and cheap to read again is streamed.
    #[default]
    Auto,
    Always,
    Never,
}
