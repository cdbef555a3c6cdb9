//! Where tables are: an object store and a prefix in it, and names as path segments.

use crate::{DeltaError, DeltaErrorKind};
use datafusion::execution::object_store::ObjectStoreUrl;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::fmt;
use std::sync::Arc;

/// The prefix of an object store below which our tables are.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The store's own root: `file:///`, `s3://bucket/`.
    pub(crate) root: ObjectStoreUrl,
    pub(crate) prefix: Path,
    pub(crate) is_local: bool,
}

impl Store {
    /// A folder of the local file system. It need not exist: it is created with the first table.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Location`] for a path that is not absolute or not UTF-8.
    pub fn filesystem(path: &std::path::Path) -> Result<Self, DeltaError> {
        let location = |message: String| DeltaError::new(DeltaErrorKind::Location, "opening a folder", message);
        if !path.is_absolute() {
            return Err(location(format!("path `{}` is not absolute", path.display())));
        }
        let prefix = Path::from_absolute_path(path)
            .map_err(|error| location(format!("path `{}` cannot be used: {error}", path.display())))?;
        Ok(Self {
            objects: Arc::new(LocalFileSystem::new()),
            root: ObjectStoreUrl::local_filesystem(),
            prefix,
            is_local: true,
        })
    }

    /// A prefix of any object store. `root` is the store's own URL, such as `s3://bucket`.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Location`] for a root that is more than scheme and host, or an invalid prefix.
    pub fn new(objects: Arc<dyn ObjectStore>, root: &str, prefix: &str) -> Result<Self, DeltaError> {
        let location = |error: String| DeltaError::new(DeltaErrorKind::Location, "opening a bucket", error);
        let root = ObjectStoreUrl::parse(root).map_err(|error| location(error.to_string()))?;
        let prefix = Path::parse(prefix).map_err(|error| location(error.to_string()))?;
        Ok(Self { objects, root, prefix, is_local: false })
    }

    /// Whether the prefix is the whole store. Such a store must never be cleaned.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.prefix.is_root()
    }

    /// Where the prefix is, for people.
    #[must_use]
    pub fn display_location(&self) -> String {
        format!("{}{}", self.root.as_str(), self.prefix)
    }

    /// The table below the prefix whose folder has these names; each is encoded, so that any text is one safe segment.
    #[must_use]
    pub fn table(&self, names: &[&str]) -> TableLocation {
        let mut path = self.prefix.clone();
        for name in names {
            path = path.join(encode_segment(name).as_str());
        }
        TableLocation { store: self.clone(), path }
    }

    /// Every object below a folder of the prefix, given by unencoded names.
    ///
    /// # Errors
    /// What the store says; a folder that does not exist has no objects.
    pub async fn list(&self, names: &[&str]) -> Result<Vec<ObjectMeta>, DeltaError> {
        let folder = self.table(names).path;
        let listed = self.list_whole(&folder).await;
        listed.map_err(|error| DeltaError::other(format!("listing `{}{folder}`", self.root.as_str()), error))
    }

    /// Every object below the folder. What goes while it is listed ends the listing of a file system, so it is listed
    /// again: a part of it is never taken for the whole.
    async fn list_whole(&self, folder: &Path) -> Result<Vec<ObjectMeta>, object_store::Error> {
        let mut attempt = 1;
        loop {
            match self.objects.list(Some(folder)).try_collect().await {
                Err(object_store::Error::NotFound { .. })
                    if self.is_local && !std::path::PathBuf::from(format!("/{folder}")).exists() =>
                {
                    return Ok(Vec::new());
                }
                Err(error) if attempt < LISTINGS => {
                    tracing::debug!(%folder, %error, "listing again");
                    attempt += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5 * attempt)).await;
                }
                listed => return listed,
            }
        }
    }

    /// The location of a listed object's table, `depth` segments below the prefix; `None` when it lies elsewhere.
    #[must_use]
    pub fn location_of(&self, object: &Path, depth: usize) -> Option<TableLocation> {
        let parts: Vec<_> = object.prefix_match(&self.prefix)?.collect();
        if parts.len() <= depth {
            return None;
        }
        let mut path = self.prefix.clone();
        for part in parts.into_iter().take(depth) {
            path = path.join(part);
        }
        Some(TableLocation { store: self.clone(), path })
    }
}

/// How often a folder is listed that others are changing.
const LISTINGS: u64 = 20;

/// How often a mark is tried.
const MARKINGS: u64 = 5;

/// One table's folder.
#[derive(Clone, Debug)]
pub struct TableLocation {
    pub(crate) store: Store,
    pub(crate) path: Path,
}

impl TableLocation {
    /// A table in a folder of the local file system.
    ///
    /// # Errors
    /// As [`Store::filesystem`].
    pub fn filesystem(path: &std::path::Path) -> Result<Self, DeltaError> {
        let store = Store::filesystem(path)?;
        Ok(Self { path: store.prefix.clone(), store })
    }

    /// The folder's name as it was given to [`Store::table`].
    #[must_use]
    pub fn name(&self) -> String {
        self.path.filename().and_then(decode_segment).unwrap_or_default()
    }

    /// An object of this store as a URL: `file:///…`, `s3://bucket/…`.
    pub(crate) fn url_of(&self, object: &Path) -> String {
        format!("{}{object}", self.store.root.as_str())
    }

    /// The decoded names below the store's prefix.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.path
            .prefix_match(&self.store.prefix)
            .map(|parts| parts.map(|part| decode_segment(part.as_ref()).unwrap_or_default()).collect())
            .unwrap_or_default()
    }

    /// Removes the table with everything in its folder. The log goes first, so that nobody sees a table without its rows;
    /// a table that is not there is removed already.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Location`] when the location is the store's own prefix; else what the store says.
    pub async fn remove(&self) -> Result<(), DeltaError> {
        if self.path.is_root() || self.path == self.store.prefix && self.store.is_root() {
            return Err(DeltaError::new(
                DeltaErrorKind::Location,
                format!("removing `{self}`"),
                "the root of a store is never removed",
            ));
        }
        let objects = &self.store.objects;
        for folder in [self.log_path(), self.path.clone()] {
            let listed = self.store.list_whole(&folder).await.map_err(|error| self.failed("removing", error))?;
            let mut deletions = futures::stream::iter(listed)
                .map(|object| async move { objects.delete(&object.location).await })
                .buffer_unordered(8);
            while let Some(deleted) = deletions.next().await {
                match deleted {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(self.failed("removing", error)),
                }
            }
        }
        if self.store.is_local {
            // An object store has no folders; a file system keeps the empty ones, and half-written parts in them.
            let folder = std::path::PathBuf::from(format!("/{}", self.path));
            let mut attempt = 1;
            loop {
                match tokio::fs::remove_dir_all(&folder).await {
                    Ok(()) => break,
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                    // Somebody leaves a mark just now; whoever does finds no log and takes it away again.
                    Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty && attempt < LISTINGS => {
                        attempt += 1;
                        tokio::time::sleep(std::time::Duration::from_millis(5 * attempt)).await;
                    }
                    Err(error) => return Err(DeltaError::other(format!("removing `{}`", folder.display()), error)),
                }
            }
        }
        Ok(())
    }

    /// Everything in the table's folder.
    ///
    /// # Errors
    /// What the store says; a folder that does not exist is empty.
    pub async fn list(&self) -> Result<Vec<ObjectMeta>, DeltaError> {
        self.store.list_whole(&self.path).await.map_err(|error| self.failed("listing", error))
    }

    /// Writes a small file beside the table's own, whole or not at all. Its name starts with `_`, so that no reader of
    /// Delta tables looks at it; a `/` makes a folder.
    ///
    /// # Errors
    /// What the store says.
    pub async fn put_mark(&self, name: &str, text: &str) -> Result<(), DeltaError> {
        let mut attempt = 1;
        loop {
            match self.store.objects.put(&self.mark(name), text.to_owned().into()).await {
                Ok(_) => return Ok(()),
                // A file system may lose the folder to somebody who removes the table, between making it and using it.
                Err(_) if self.store.is_local && attempt < MARKINGS => {
                    attempt += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5 * attempt)).await;
                }
                Err(error) => return Err(self.failed("marking", error)),
            }
        }
    }

    /// The text of a mark, if it is there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read_mark(&self, name: &str) -> Result<Option<String>, DeltaError> {
        let found = match self.store.objects.get(&self.mark(name)).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match found {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("reading a mark of", error)),
        }
    }

    /// Removes a mark; one that is not there is removed already.
    ///
    /// # Errors
    /// What the store says.
    pub async fn remove_mark(&self, name: &str) -> Result<(), DeltaError> {
        match self.store.objects.delete(&self.mark(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("unmarking", error)),
        }
    }

    /// The name of a mark as [`TableLocation::put_mark`] got it, if the listed object is one of this table.
    #[must_use]
    pub fn mark_name(&self, object: &Path) -> Option<String> {
        let parts: Vec<String> = object.prefix_match(&self.path)?.map(|part| part.as_ref().to_owned()).collect();
        let is_mark = parts.first().is_some_and(|first| first.starts_with('_') && first != "_delta_log");
        is_mark.then(|| parts.join("/"))
    }

    fn mark(&self, name: &str) -> Path {
        name.split('/').fold(self.path.clone(), |path, part| path.join(part))
    }

    pub(crate) fn log_path(&self) -> Path {
        self.path.clone().join("_delta_log")
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.store.objects
    }

    pub(crate) fn object_store_url(&self) -> ObjectStoreUrl {
        self.store.root.clone()
    }

    pub(crate) fn is_local(&self) -> bool {
        self.store.is_local
    }

    pub(crate) fn log_store(&self) -> Result<LogStoreRef, DeltaError> {
        let root = self.store.root.as_str();
        let mut url: url::Url = root
            .parse()
            .map_err(|error| DeltaError::other(format!("opening `{self}`"), format!("{root} is not a URL: {error}")))?;
        url.path_segments_mut()
            .map_err(|()| DeltaError::new(DeltaErrorKind::Location, format!("opening `{self}`"), "not a base URL"))?
            .pop_if_empty()
            .extend(self.path.parts().map(|part| part.as_ref().to_owned()))
            .push("");
        let objects = self.objects();
        let table = Arc::new(PrefixStore::new(Arc::clone(objects), self.path.clone()));
        Ok(default_logstore(table, Arc::clone(objects), &url, &StorageConfig::default()))
    }

    pub(crate) fn failed(&self, doing: &str, cause: impl Into<crate::SourceError>) -> DeltaError {
        DeltaError::other(format!("{doing} `{self}`"), cause)
    }
}

impl fmt::Display for TableLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.store.root.as_str(), self.path)
    }
}

/// Any text as one path segment that every store and file system holds: letters, digits, `-`, inner `_` and dots stay,
/// every other byte becomes `+` and two hexadecimal digits. [`decode_segment`] gives the text back.
#[must_use]
pub fn encode_segment(name: &str) -> String {
    use std::fmt::Write;
    let mut segment = String::with_capacity(name.len());
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => segment.push(char::from(byte)),
            // A leading one hides a file from this and other engines.
            b'.' | b'_' if index > 0 => segment.push(char::from(byte)),
            // Writing to a String cannot fail.
            other => write!(segment, "+{other:02x}").unwrap_or_default(),
        }
    }
    if segment.is_empty() {
        // No text encodes to a lone plus sign, so the empty name has a segment of its own.
        segment.push('+');
    }
    segment
}

/// The text of an encoded segment; `None` when [`encode_segment`] never gives it.
#[must_use]
pub fn decode_segment(segment: &str) -> Option<String> {
    if segment == "+" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'+' {
            let (digits, tail) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    (encode_segment(&name) == segment).then_some(name)
}
