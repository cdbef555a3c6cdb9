//! A table of plain files: one file, a folder of them, or those that a pattern matches.

use super::{COLUMNS_FILE, OURS, is_data_file, is_visible};
use crate::profile::Format;
use dvt_delta::{Seen, Store, StoredObject};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Map, Value};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

#[derive(Clone, Debug)]
pub(crate) struct FileTable {
    pub(crate) format: Format,
    /// On disk, or the key in the bucket.
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
    /// The files, where they were listed when the table was looked for.
    pub(super) chosen: Option<Arc<Vec<PathBuf>>>,
    pub(super) objects: Option<Arc<Objects>>,
}

/// A table in a bucket as it was found.
#[derive(Debug)]
pub(super) struct Objects {
    pub(super) store: Store,
    pub(super) files: Vec<StoredObject>,
    /// What a file beside the table says of its columns.
    pub(super) columns: Option<(String, StoredObject)>,
    /// Of a table that dvt made.
    pub(super) manifest: Option<(Manifest, Seen)>,
}

/// What dvt writes into a table's folder of a bucket: which files are its rows. Readers that look at it see a table change
/// in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Manifest {
    /// Whether the table is there: false while it is made, and while it is removed.
    pub(super) live: bool,
    /// Who makes it.
    pub(super) writer: String,
    /// Names in the folder; none for a Delta table, whose log tells.
    pub(super) files: Vec<String>,
    /// The types of the columns, for formats that do not keep them.
    pub(super) columns: Map<String, Value>,
}

/// What is known of a file without reading it.
pub(crate) struct Facts {
    pub(crate) bytes: u64,
    pub(crate) modified: SystemTime,
}

impl FileTable {
    /// One file, or a folder of files, of this machine.
    pub(crate) fn on_disk(format: Format, path: PathBuf, is_folder: bool) -> Self {
        Self { format, path, is_folder, chosen: None, objects: None }
    }

    /// Where the types of its columns may be written down.
    pub(crate) fn columns_file(&self) -> PathBuf {
        if self.is_folder { self.path.join(COLUMNS_FILE) } else { self.path.with_extension("columns.json") }
    }

    /// The types of its columns as they are written down.
    pub(crate) fn columns_text(&self) -> io::Result<Option<String>> {
        if let Some(objects) = &self.objects {
            if let Some((manifest, _)) = objects.manifest.as_ref().filter(|(manifest, _)| !manifest.columns.is_empty())
            {
                return Ok(Some(Value::Object(manifest.columns.clone()).to_string()));
            }
            return Ok(objects.columns.as_ref().map(|(text, _)| text.clone()));
        }
        match std::fs::read_to_string(self.columns_file()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether dvt made the table, so that it may change it.
    pub(crate) fn is_ours(&self) -> bool {
        match &self.objects {
            Some(objects) => objects.manifest.is_some(),
            None => self.is_folder && self.chosen.is_none() && self.path.join(OURS).is_file(),
        }
    }

    pub(crate) fn is_in_bucket(&self) -> bool {
        self.objects.is_some()
    }

    /// Its data files, by name.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
        if let Some(objects) = &self.objects {
            return Ok(objects.files.iter().map(|object| PathBuf::from(&object.key)).collect());
        }
        if let Some(chosen) = &self.chosen {
            return Ok(chosen.to_vec());
        }
        if !self.is_folder {
            return Ok(vec![self.path.clone()]);
        }
        let mut files = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|name| is_visible(name)) else { continue };
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if is_data_file(name, self.format) {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        Ok(files)
    }

    pub(crate) fn facts(&self, file: &Path) -> io::Result<Facts> {
        if let Some(objects) = &self.objects {
            let found = objects.files.iter().find(|object| Path::new(&object.key) == file);
            let found = found.ok_or(io::ErrorKind::NotFound)?;
            return Ok(Facts { bytes: found.bytes, modified: found.modified });
        }
        let metadata = std::fs::metadata(file)?;
        Ok(Facts { bytes: metadata.len(), modified: metadata.modified()? })
    }

    /// What stands for the content of all files of a bucket's table; `None` where the store does not tell.
    pub(crate) fn etags(&self) -> Option<String> {
        let objects = self.objects.as_ref()?;
        let columns = objects.columns.iter().map(|(_, object)| object);
        let mut state = String::from("objects:");
        for object in objects.files.iter().chain(columns) {
            state += &format!("{:?}:{}:{};", object.key, object.bytes, object.etag.as_deref()?);
        }
        if let Some((manifest, _)) = &objects.manifest {
            state += &Value::Object(manifest.columns.clone()).to_string();
        }
        Some(state)
    }

    /// A file's content. In a bucket it comes as it is read, on a thread that may block.
    pub(crate) fn open(&self, file: &Path) -> io::Result<Box<dyn Read + Send>> {
        let Some(objects) = &self.objects else { return Ok(Box::new(std::fs::File::open(file)?)) };
        let key = file.to_str().ok_or(io::ErrorKind::InvalidInput)?;
        let handle = tokio::runtime::Handle::current();
        let pieces = handle.block_on(objects.store.stream(key)).map_err(super::io_error)?;
        Ok(Box::new(ObjectReader { handle, pieces, piece: Vec::new(), at: 0 }))
    }

    /// A file as a URL for the engine, which is told of its store.
    pub(crate) fn url(
        &self,
        file: &Path,
        runtime: &datafusion::execution::runtime_env::RuntimeEnv,
    ) -> io::Result<url::Url> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, format!("`{}` is no path", file.display()));
        match &self.objects {
            None => url::Url::from_file_path(file).map_err(|()| invalid()),
            Some(objects) => {
                let key = file.to_str().ok_or_else(invalid)?;
                let text = objects.store.url_for(key, runtime).map_err(super::io_error)?;
                url::Url::parse(&text).map_err(|_| invalid())
            }
        }
    }

    /// The columns that the names of folders hold (`day=2024-01-01`), if all files have the same.
    pub(crate) fn partitions(&self, files: &[PathBuf]) -> Vec<String> {
        if self.is_ours() {
            return Vec::new();
        }
        let mut columns: Option<Vec<String>> = None;
        for file in files {
            let own: Vec<String> = partition_parts(&self.path, file).map(|(column, _)| column.to_owned()).collect();
            match &columns {
                None => columns = Some(own),
                Some(known) if *known == own => {}
                Some(_) => return Vec::new(),
            }
        }
        columns.unwrap_or_default()
    }
}

/// The value of a column that the names of a file's folders hold; `None` for NULL.
pub(crate) fn partition_value(table: &Path, file: &Path, column: &str) -> Option<String> {
    let (_, value) = partition_parts(table, file).find(|(name, _)| *name == column)?;
    (value != "__HIVE_DEFAULT_PARTITION__").then(|| unescaped(value))
}

fn partition_parts<'a>(table: &Path, file: &'a Path) -> impl Iterator<Item = (&'a str, &'a str)> {
    let folders = file.strip_prefix(table).ok().and_then(Path::parent).map(Path::components);
    folders.into_iter().flatten().filter_map(|part| part.as_os_str().to_str()?.split_once('='))
}

/// `%2F` as the character that it stands for, as writers of such folders have it.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// An object of a bucket as a file that is read from beginning to end.
struct ObjectReader {
    handle: tokio::runtime::Handle,
    pieces: BoxStream<'static, Result<Vec<u8>, dvt_delta::DeltaError>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.handle.block_on(self.pieces.next()) {
                None => return Ok(0),
                Some(piece) => (self.piece, self.at) = (piece.map_err(super::io_error)?, 0),
            }
        }
        let length = into.len().min(self.piece.len() - self.at);
        into[..length].copy_from_slice(&self.piece[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
