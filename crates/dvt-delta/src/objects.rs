//! Single objects of a [`Store`], named by keys below its prefix: listed, read, written, copied, removed.
//!
//! A key is the object's own name, parts parted by `/`; nothing is encoded or decoded here. What is written is there as a
//! whole or not at all, and a conditional write is the store's own: of two writers one wins.

use crate::{DeltaError, DeltaErrorKind, Store, TableLocation};
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutMode, PutOptions, UpdateVersion, WriteMultipart};
use std::sync::Arc;
use std::time::SystemTime;

/// A file of more than this is sent in parts.
const ONE_PUT: u64 = 8 << 20;
const PART: usize = 8 << 20;

/// What a listing tells of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    pub key: String,
    pub bytes: u64,
    pub modified: SystemTime,
    /// The store's mark of this very content, where it has one.
    pub etag: Option<String>,
}

/// One level of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The names of folders, without a `/`.
    pub folders: Vec<String>,
    pub objects: Vec<StoredObject>,
}

/// Which content an object must have for a write to happen.
#[derive(Clone, Debug)]
pub struct Seen(UpdateVersion);

impl Store {
    /// A store in the memory of this process, which ends with it: for tests.
    ///
    /// # Errors
    /// As [`Store::new`].
    pub fn memory(prefix: &str) -> Result<Self, DeltaError> {
        Self::new(Arc::new(object_store::memory::InMemory::new()), "memory://lake", prefix)
    }

    /// An object without its content, if it is there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn look(&self, key: &str) -> Result<Option<StoredObject>, DeltaError> {
        match self.objects.head(&self.path_of(key)?).await {
            Ok(found) => Ok(self.object(&found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("looking at", key, error)),
        }
    }

    /// What lies directly in a folder; an empty key is the prefix itself.
    ///
    /// # Errors
    /// What the store says; a folder that does not exist is empty.
    pub async fn folder(&self, key: &str) -> Result<Folder, DeltaError> {
        let path = self.path_of(key)?;
        let listed = self.objects.list_with_delimiter(Some(&path)).await;
        let listed = listed.map_err(|error| self.failed("listing", key, error))?;
        let folders = listed.common_prefixes.iter().filter_map(|folder| folder.filename().map(str::to_owned)).collect();
        let objects = listed.objects.iter().filter_map(|object| self.object(object)).collect();
        Ok(Folder { folders, objects })
    }

    /// Every object below a folder.
    ///
    /// # Errors
    /// As [`Store::folder`].
    pub async fn below(&self, key: &str) -> Result<Vec<StoredObject>, DeltaError> {
        let path = self.path_of(key)?;
        let listed: Result<Vec<_>, Error> = self.objects.list(Some(&path)).try_collect().await;
        let listed = listed.map_err(|error| self.failed("listing", key, error))?;
        let mut objects: Vec<_> = listed.iter().filter_map(|object| self.object(object)).collect();
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(objects)
    }

    /// Whether any object lies below a folder.
    ///
    /// # Errors
    /// What the store says.
    pub async fn holds(&self, key: &str) -> Result<bool, DeltaError> {
        let path = self.path_of(key)?;
        match self.objects.list(Some(&path)).next().await {
            None => Ok(false),
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) => Err(self.failed("listing", key, error)),
        }
    }

    /// The content of a small object and what to tell [`Store::replace`]; `None` when it is not there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Seen)>, DeltaError> {
        let found = match self.objects.get(&self.path_of(key)?).await {
            Ok(found) => {
                let seen = Seen(UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() });
                found.bytes().await.map(|bytes| (bytes.to_vec(), seen))
            }
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("reading", key, error)),
        }
    }

    /// The content of an object, piece by piece.
    ///
    /// # Errors
    /// What the store says, also when the object is not there.
    pub async fn stream(&self, key: &str) -> Result<BoxStream<'static, Result<Vec<u8>, DeltaError>>, DeltaError> {
        let found = self.objects.get(&self.path_of(key)?).await.map_err(|error| self.failed("reading", key, error))?;
        let (store, key) = (self.clone(), key.to_owned());
        let pieces = found.into_stream();
        Ok(pieces
            .map(move |piece| match piece {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(error) => Err(store.failed("reading", &key, error)),
            })
            .boxed())
    }

    /// Writes an object, whatever is there.
    ///
    /// # Errors
    /// What the store says.
    pub async fn write(&self, key: &str, content: Vec<u8>) -> Result<(), DeltaError> {
        let written = self.objects.put(&self.path_of(key)?, content.into()).await;
        written.map(drop).map_err(|error| self.failed("writing", key, error))
    }

    /// Writes an object that is not there yet.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Exists`] when it is.
    pub async fn create(&self, key: &str, content: Vec<u8>) -> Result<Seen, DeltaError> {
        self.put(key, content, PutMode::Create).await
    }

    /// Writes an object that is still as it was read.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Conflict`] when somebody else has written it since.
    pub async fn replace(&self, key: &str, content: Vec<u8>, seen: &Seen) -> Result<Seen, DeltaError> {
        self.put(key, content, PutMode::Update(seen.0.clone())).await
    }

    async fn put(&self, key: &str, content: Vec<u8>, mode: PutMode) -> Result<Seen, DeltaError> {
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.objects.put_opts(&self.path_of(key)?, content.into(), options).await {
            Ok(put) => Ok(Seen(UpdateVersion { e_tag: put.e_tag, version: put.version })),
            Err(Error::AlreadyExists { .. }) => Err(self.told(DeltaErrorKind::Exists, key, "it is there already")),
            Err(Error::Precondition { .. } | Error::NotFound { .. }) => {
                Err(self.told(DeltaErrorKind::Conflict, key, "somebody else has changed it"))
            }
            Err(error) => Err(self.failed("writing", key, error)),
        }
    }

    /// Writes an object from a file of this machine; memory is bounded by a few parts.
    ///
    /// # Errors
    /// What the file system and the store say; then there is no object.
    pub async fn upload(&self, key: &str, file: &std::path::Path) -> Result<u64, DeltaError> {
        use tokio::io::AsyncReadExt;
        let path = self.path_of(key)?;
        let local = |error: std::io::Error| DeltaError::other(format!("reading `{}`", file.display()), error);
        let mut input = tokio::fs::File::open(file).await.map_err(local)?;
        let bytes = input.metadata().await.map_err(local)?.len();
        if bytes <= ONE_PUT {
            let mut content = Vec::new();
            input.read_to_end(&mut content).await.map_err(local)?;
            self.write(key, content).await?;
            return Ok(bytes);
        }
        let failed = |error| self.failed("writing", key, error);
        let upload = self.objects.put_multipart(&path).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = match input.read(&mut buffer).await {
                Ok(read) => read,
                Err(error) => {
                    // The parts that were sent are not kept.
                    let _ = upload.abort().await;
                    return Err(local(error));
                }
            };
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(4).await.map_err(failed)?;
            upload.write(&buffer[..read]);
        }
        upload.finish().await.map_err(failed)?;
        Ok(bytes)
    }

    /// Copies an object within the store.
    ///
    /// # Errors
    /// What the store says.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), DeltaError> {
        let copied = self.objects.copy(&self.path_of(from)?, &self.path_of(to)?).await;
        copied.map_err(|error| self.failed("copying", from, error))
    }

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete(&self, key: &str) -> Result<(), DeltaError> {
        match self.objects.delete(&self.path_of(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed("removing", key, error)),
        }
    }

    /// The table in the folder of this very name.
    ///
    /// # Errors
    /// [`DeltaErrorKind::Location`] for a key that no store takes.
    pub fn table_at(&self, key: &str) -> Result<TableLocation, DeltaError> {
        Ok(TableLocation { store: self.clone(), path: self.path_of(key)? })
    }

    /// An object, or a folder where the key ends in a `/`, as a URL of its store, and the store itself made known to the engine that is to read it.
    ///
    /// # Errors
    /// As [`Store::table_at`].
    pub fn url_for(&self, key: &str, runtime: &RuntimeEnv) -> Result<String, DeltaError> {
        if !self.is_local {
            runtime.register_object_store(self.root.as_ref(), Arc::clone(&self.objects));
        }
        let failed = |problem: String| DeltaError::new(DeltaErrorKind::Location, format!("opening `{key}`"), problem);
        let mut url: url::Url = self.root.as_str().parse().map_err(|error| failed(format!("{error}")))?;
        let path = self.path_of(key.trim_end_matches('/'))?;
        url.path_segments_mut()
            .map_err(|()| failed("not a base URL".to_owned()))?
            .pop_if_empty()
            .extend(path.parts().map(|part| part.as_ref().to_owned()))
            .extend(key.ends_with('/').then_some(""));
        Ok(url.to_string())
    }

    fn path_of(&self, key: &str) -> Result<Path, DeltaError> {
        let own = Path::parse(key).map_err(|error| {
            DeltaError::new(DeltaErrorKind::Location, format!("opening `{key}`"), error.to_string())
        })?;
        Ok(own.parts().fold(self.prefix.clone(), |path, part| path.join(part)))
    }

    fn object(&self, object: &object_store::ObjectMeta) -> Option<StoredObject> {
        let key: Vec<String> =
            object.location.prefix_match(&self.prefix)?.map(|part| part.as_ref().to_owned()).collect();
        Some(StoredObject {
            key: key.join("/"),
            bytes: object.size,
            modified: object.last_modified.into(),
            etag: object.e_tag.clone(),
        })
    }

    fn failed(&self, doing: &str, key: &str, cause: Error) -> DeltaError {
        DeltaError::other(format!("{doing} `{}/{key}`", self.display_location().trim_end_matches('/')), cause)
    }

    fn told(&self, kind: DeltaErrorKind, key: &str, problem: &str) -> DeltaError {
        let place = format!("{}/{key}", self.display_location().trim_end_matches('/'));
        DeltaError::new(kind, format!("writing `{place}`"), problem)
    }
}
