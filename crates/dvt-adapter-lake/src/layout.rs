//! Where relations are below the lake's place: a folder of this machine or a bucket of a cloud.
//!
//! ```text
//! <place>/orders/_delta_log/…            main.orders, a Delta table
//! <place>/lineitem.parquet               main.lineitem, a file
//! <place>/events/part-….csv              main.events, a folder of files
//! <place>/clicks/day=2024-01-01/….json   main.clicks, whose column `day` is in the folders' names
//! <place>/sales/orders/_delta_log/…      sales.orders
//! <place>/sales/latest.view.sql          sales.latest, a view
//! ```
//! The schema `main` is the place itself, every other schema a folder in it. Names that start with a dot or an underscore are
//! nobody's relation. A name with `/`, `*` or `?` in it is a pattern of files, `events/2024-*.csv`, which can only be read.

mod bucket;
mod folder;
mod pattern;
mod table;

pub(crate) use bucket::Bucket;
pub(crate) use folder::{Folder, Unfinished};
pub(crate) use table::{FileTable, partition_value};

use crate::names::Name;
use crate::profile::Format;
use bucket::Claim;
use dvt_delta::{DeltaError, DeltaErrorKind, TableLocation, encode_segment};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

const VIEW_SUFFIX: &str = ".view.sql";
/// Beside a CSV or JSON file: the types of its columns.
const COLUMNS_SUFFIX: &str = ".columns.json";
/// In a folder of CSV or JSON files: the types of their columns.
const COLUMNS_FILE: &str = "_columns.json";
/// In a folder that dvt made: only those are changed, renamed and dropped. What else lies there is somebody's data.
const OURS: &str = "_dvt_table";

/// A relation as it is kept.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Delta(DeltaFolder),
    Files(FileTable),
    View(View),
}

#[derive(Clone, Debug)]
pub(crate) struct DeltaFolder {
    /// On disk, or the key in the bucket.
    pub(crate) path: PathBuf,
    pub(crate) location: TableLocation,
}

#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) path: PathBuf,
    pub(crate) sql: String,
}

impl Stored {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Delta(delta) => &delta.path,
            Self::View(view) => &view.path,
            Self::Files(table) => &table.path,
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self, Self::View(_))
    }
}

/// The lake's place.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    Folder(Folder),
    Bucket(Bucket),
}

/// A Delta table that nobody sees yet.
pub(crate) enum DeltaDraft {
    Folder(Unfinished),
    Bucket(Box<Claim>),
}

impl DeltaDraft {
    pub(crate) fn location(&self) -> Result<TableLocation, DeltaError> {
        match self {
            Self::Folder(folder) => folder.location(),
            Self::Bucket(claim) => Ok(claim.location.clone()),
        }
    }
}

impl Layout {
    /// The relation of this name, if there is one.
    pub(crate) async fn find(&self, name: &Name) -> io::Result<Option<Stored>> {
        match self {
            Self::Folder(folder) => folder.find(name),
            Self::Bucket(bucket) => bucket.find(name).await,
        }
    }

    /// Every relation of a schema, by name.
    pub(crate) async fn relations(&self, schema: &str) -> io::Result<BTreeMap<String, Stored>> {
        match self {
            Self::Folder(folder) => folder.relations(schema),
            Self::Bucket(bucket) => bucket.relations(schema).await,
        }
    }

    /// The schemas: `main`, and each folder that is not itself a Delta table of `main`.
    pub(crate) async fn schemas(&self) -> io::Result<Vec<String>> {
        match self {
            Self::Folder(folder) => folder.schemas(),
            Self::Bucket(bucket) => bucket.schemas().await,
        }
    }

    pub(crate) async fn schema_exists(&self, schema: &str) -> io::Result<bool> {
        match self {
            Self::Folder(folder) => Ok(folder.schema_exists(schema)),
            Self::Bucket(bucket) => bucket.schema_exists(schema).await,
        }
    }

    /// Makes a schema; false when it is there already.
    pub(crate) async fn create_schema(&self, schema: &str) -> io::Result<bool> {
        match self {
            Self::Folder(folder) => folder.create_schema(schema),
            Self::Bucket(bucket) => bucket.create_schema(schema).await,
        }
    }

    /// Removes a schema without relations; the name of something that is left in it is an error.
    pub(crate) async fn remove_schema(&self, schema: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove_schema(schema),
            Self::Bucket(bucket) => bucket.remove_schema(schema).await,
        }
    }

    /// A folder of this machine for files that are being written.
    pub(crate) fn draft(&self, schema: &str) -> io::Result<Unfinished> {
        match self {
            Self::Folder(folder) => folder.unfinished(schema),
            Self::Bucket(_) => Unfinished::elsewhere(),
        }
    }

    /// A place for a new Delta table.
    pub(crate) async fn delta_draft(&self, name: &Name) -> io::Result<DeltaDraft> {
        match self {
            Self::Folder(folder) => Ok(DeltaDraft::Folder(folder.unfinished(&name.schema)?)),
            Self::Bucket(bucket) => Ok(DeltaDraft::Bucket(Box::new(bucket.claim(name).await?))),
        }
    }

    /// The drafted table takes its name. Fails when the name is taken.
    pub(crate) async fn place_delta(&self, draft: DeltaDraft, name: &Name) -> io::Result<()> {
        match (self, draft) {
            (Self::Bucket(bucket), DeltaDraft::Bucket(claim)) => bucket.publish(*claim, Vec::new()).await,
            (Self::Folder(folder), DeltaDraft::Folder(unfinished)) => unfinished.place(&folder.table_folder(name)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Takes away what was drafted and will not be.
    pub(crate) async fn abandon(&self, draft: DeltaDraft) {
        if let (Self::Bucket(bucket), DeltaDraft::Bucket(claim)) = (self, draft) {
            bucket.abandon(*claim).await;
        }
    }

    /// Files that were drafted become a table. Fails when the name is taken.
    pub(crate) async fn place(&self, draft: Unfinished, name: &Name) -> io::Result<()> {
        match self {
            Self::Folder(folder) => draft.place(&folder.table_folder(name)),
            Self::Bucket(bucket) => bucket.place(&draft, name).await,
        }
    }

    /// Files that were drafted take the place of a table's own.
    pub(crate) async fn replace(&self, draft: Unfinished, table: &FileTable) -> io::Result<()> {
        match self {
            Self::Folder(_) => draft.replace(&table.path),
            Self::Bucket(bucket) => bucket.replace(&draft, table).await,
        }
    }

    /// Files that were drafted are added to a table.
    pub(crate) async fn append(&self, draft: Unfinished, table: &FileTable) -> io::Result<()> {
        match self {
            Self::Folder(_) => draft.append_to(table),
            Self::Bucket(bucket) => bucket.append(&draft, table).await,
        }
    }

    /// Writes a view's text, in the place of `existing`.
    pub(crate) async fn write_view(&self, name: &Name, existing: Option<&Stored>, sql: &str) -> io::Result<View> {
        let existing = existing.map(Stored::path);
        match self {
            Self::Folder(folder) => folder.write_view(name, existing, sql),
            Self::Bucket(bucket) => bucket.write_view(name, existing, sql).await,
        }
    }

    /// Gives a relation another name. Fails when the new name is taken.
    pub(crate) async fn rename(&self, stored: &Stored, to: &Name) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.rename(stored, to),
            Self::Bucket(bucket) => bucket.rename(stored, to).await,
        }
    }

    /// Removes a relation. Its name is free at once.
    pub(crate) async fn remove(&self, stored: &Stored) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove(stored),
            Self::Bucket(bucket) => bucket.remove(stored).await,
        }
    }

    /// Removes what an interrupted run left of a relation that nobody sees.
    pub(crate) async fn remove_remains(&self, name: &Name) -> io::Result<()> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(bucket) => bucket.remove_remains(name).await,
        }
    }
}

/// A store's error as one of a file system, which it stays inside.
pub(crate) fn io_error(error: DeltaError) -> io::Error {
    let kind = match error.kind {
        DeltaErrorKind::Exists => io::ErrorKind::AlreadyExists,
        DeltaErrorKind::Missing => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

/// The names in the place that an identifier may have: ours, and the very text if it is a safe name.
fn bases(identifier: &str) -> Vec<String> {
    let encoded = encode_segment(identifier);
    let is_safe = is_visible(identifier) && !identifier.contains(['/', '\\', '\0']);
    if is_safe && encoded != identifier { vec![encoded, identifier.to_owned()] } else { vec![encoded] }
}

fn is_visible(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['.', '_'])
}

fn is_data_file(name: &str, format: Format) -> bool {
    !name.ends_with(COLUMNS_SUFFIX)
        && name.rsplit_once('.').is_some_and(|(_, extension)| format.extensions().contains(&extension))
}

/// The format of a data file, by its name.
fn format_of(name: &str) -> Option<Format> {
    if !is_visible(name) {
        return None;
    }
    [Format::Parquet, Format::Csv, Format::Json].into_iter().find(|format| is_data_file(name, *format))
}

/// The relation's part of a file's name; `None` for a file that is no relation.
fn base_of(file_name: &str, is_folder: bool) -> Option<&str> {
    if is_folder {
        return Some(file_name);
    }
    if let Some(base) = file_name.strip_suffix(VIEW_SUFFIX) {
        return Some(base);
    }
    format_of(file_name).and_then(|_| file_name.rsplit_once('.')).map(|(base, _)| base)
}
