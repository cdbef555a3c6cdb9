//! Where relations are below the lake's path, and the changes of names that are one step on the file system.
//!
//! ```text
//! <path>/orders/_delta_log/…            main.orders, a Delta table
//! <path>/lineitem.parquet               main.lineitem, a file
//! <path>/events/part-….csv              main.events, a folder of files
//! <path>/sales/orders/_delta_log/…      sales.orders
//! <path>/sales/latest.view.sql          sales.latest, a view
//! ```
//! The schema `main` is the path itself, every other schema a folder in it. Names that start with a dot or an underscore are
//! nobody's relation.

use crate::names::Name;
use crate::profile::{Format, ROOT_SCHEMA};
use dvt_delta::{TableLocation, decode_segment, encode_segment};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const VIEW_SUFFIX: &str = ".view.sql";
/// Beside a CSV or JSON file: the types of its columns.
const COLUMNS_SUFFIX: &str = ".columns.json";
/// In a folder of CSV or JSON files: the types of their columns.
const COLUMNS_FILE: &str = "_columns.json";
/// In a folder of files that dvt made: only those are changed, renamed and dropped. What else lies there is somebody's data.
const OURS: &str = "_dvt_table";
/// Folders that are being written; never listed, and removed when they are this old.
const UNFINISHED: &str = ".dvt-";
const UNFINISHED_AGE: Duration = Duration::from_secs(24 * 3600);

/// A relation as it lies on disk.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    Delta(PathBuf),
    Files(FileTable),
    View(PathBuf),
}

/// A table of plain files: one file, or a folder of them.
#[derive(Clone, Debug)]
pub(crate) struct FileTable {
    pub(crate) format: Format,
    pub(crate) path: PathBuf,
    pub(crate) is_folder: bool,
}

impl FileTable {
    /// Where the types of its columns may be written down.
    pub(crate) fn columns_file(&self) -> PathBuf {
        if self.is_folder { self.path.join(COLUMNS_FILE) } else { self.path.with_extension("columns.json") }
    }

    /// Whether dvt made the table, so that it may change it.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_folder && self.path.join(OURS).is_file()
    }

    /// Its data files, by name.
    pub(crate) fn files(&self) -> io::Result<Vec<PathBuf>> {
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
}

impl Stored {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Delta(path) | Self::View(path) => path,
            Self::Files(table) => &table.path,
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self, Self::View(_))
    }
}

/// The lake's folder.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn schema_folder(&self, schema: &str) -> PathBuf {
        if schema == ROOT_SCHEMA { self.root.clone() } else { self.root.join(segment(&self.root, schema)) }
    }

    /// The folder that a new table of this name gets.
    pub(crate) fn table_folder(&self, name: &Name) -> PathBuf {
        self.schema_folder(&name.schema).join(encode_segment(&name.identifier))
    }

    pub(crate) fn view_file(&self, name: &Name) -> PathBuf {
        self.schema_folder(&name.schema).join(format!("{}{VIEW_SUFFIX}", encode_segment(&name.identifier)))
    }

    pub(crate) fn schema_exists(&self, schema: &str) -> bool {
        schema == ROOT_SCHEMA || self.schema_folder(schema).is_dir()
    }

    /// The relation of this name, if there is one.
    pub(crate) fn find(&self, name: &Name) -> io::Result<Option<Stored>> {
        let folder = self.schema_folder(&name.schema);
        for base in bases(&name.identifier) {
            let view = folder.join(format!("{base}{VIEW_SUFFIX}"));
            if view.is_file() {
                return Ok(Some(Stored::View(view)));
            }
            let table = folder.join(&base);
            if table.is_dir()
                && let Some(stored) = folder_table(&table)?
            {
                return Ok(Some(stored));
            }
            for format in [Format::Parquet, Format::Csv, Format::Json] {
                for extension in format.extensions() {
                    let file = folder.join(format!("{base}.{extension}"));
                    if file.is_file() && !base.ends_with(".columns") {
                        return Ok(Some(Stored::Files(FileTable { format, path: file, is_folder: false })));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Every relation of a schema, by name.
    pub(crate) fn relations(&self, schema: &str) -> io::Result<BTreeMap<String, Stored>> {
        let mut relations = BTreeMap::new();
        let entries = match std::fs::read_dir(self.schema_folder(schema)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(relations),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let file_name = entry.file_name();
            let Some(file_name) = file_name.to_str().filter(|name| is_visible(name)) else { continue };
            let Some(base) = base_of(file_name, entry.path().is_dir()) else { continue };
            let identifier = decode_segment(base).unwrap_or_else(|| base.to_owned());
            let name = Name { schema: schema.to_owned(), identifier };
            if let Some(stored) = self.find(&name)? {
                relations.insert(name.identifier, stored);
            }
        }
        Ok(relations)
    }

    /// The schemas: `main`, and each folder that is not itself a table of `main`.
    pub(crate) fn schemas(&self) -> io::Result<Vec<String>> {
        let mut schemas = vec![ROOT_SCHEMA.to_owned()];
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(schemas),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_visible(name)) else { continue };
            if entry.path().is_dir() && !entry.path().join("_delta_log").is_dir() && name != ROOT_SCHEMA {
                schemas.push(decode_segment(name).unwrap_or_else(|| name.to_owned()));
            }
        }
        schemas.sort();
        Ok(schemas)
    }

    /// A new folder, invisible until it is renamed to its place; dropped before that, it is removed.
    pub(crate) fn unfinished(&self, schema: &str) -> io::Result<Unfinished> {
        let parent = self.schema_folder(schema);
        std::fs::create_dir_all(&parent)?;
        remove_abandoned(&parent);
        let path = parent.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path)?;
        Ok(Unfinished { path, placed: false })
    }

    /// Gives a relation another name. Fails when the new name is taken.
    pub(crate) fn rename(&self, stored: &Stored, to: &Name) -> io::Result<()> {
        let target = match stored {
            Stored::View(_) => self.view_file(to),
            Stored::Delta(_) | Stored::Files(_) => self.table_folder(to),
        };
        std::fs::create_dir_all(self.schema_folder(&to.schema))?;
        std::fs::rename(stored.path(), target)
    }

    /// Removes a relation. Its name is free at once: a folder is first renamed to one that nobody sees.
    pub(crate) fn remove(&self, stored: &Stored) -> io::Result<()> {
        let path = stored.path();
        if !path.is_dir() {
            return std::fs::remove_file(path);
        }
        let parent = path.parent().unwrap_or(&self.root);
        let hidden = parent.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
        std::fs::rename(path, &hidden)?;
        std::fs::remove_dir_all(hidden)
    }
}

/// A folder on its way to become a table.
#[derive(Debug)]
pub(crate) struct Unfinished {
    path: PathBuf,
    placed: bool,
}

impl Unfinished {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Marks the folder as a table of files that dvt made.
    pub(crate) fn mark(&self) -> io::Result<()> {
        std::fs::write(self.path.join(OURS), "")
    }

    pub(crate) fn location(&self) -> Result<TableLocation, dvt_delta::DeltaError> {
        TableLocation::filesystem(&self.path)
    }

    /// Becomes the table. Fails when the place is taken, and then removes itself.
    pub(crate) fn place(mut self, target: &Path) -> io::Result<()> {
        if target.is_dir() && std::fs::read_dir(target)?.next().is_none() {
            // An empty folder is no table, and a folder can be renamed onto an empty one.
        } else if target.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(&self.path, target)?;
        self.placed = true;
        Ok(())
    }

    /// Takes the place of an existing table folder, which is then removed. Where the file system can, the two change places
    /// in one step, so that the name is never without a table.
    pub(crate) fn replace(mut self, target: &Path) -> io::Result<()> {
        if exchange(&self.path, target)? {
            // What is unfinished now is the old table; dropping `self` removes it.
            return Ok(());
        }
        let parent = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let old = parent.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
        std::fs::rename(target, &old)?;
        if let Err(error) = std::fs::rename(&self.path, target) {
            std::fs::rename(&old, target)?;
            return Err(error);
        }
        self.placed = true;
        std::fs::remove_dir_all(old)
    }
}

/// Lets two folders change places; false where that is not possible in one step.
#[cfg(target_os = "linux")]
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<bool> {
    Ok(false)
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = std::fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished table could not be removed");
        }
    }
}

/// What killed runs left a day ago or earlier. A failure to remove it is no failure of the statement that comes by.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        let is_old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age > UNFINISHED_AGE));
        if is_ours && is_old && entry.path().is_dir() {
            let removed = std::fs::remove_dir_all(entry.path());
            tracing::debug!(path = %entry.path().display(), ?removed, "removed what a dead run left");
        }
    }
}

/// The names on disk that an identifier may have: ours, and the very text if it is a safe name.
fn bases(identifier: &str) -> Vec<String> {
    let encoded = encode_segment(identifier);
    let is_safe = is_visible(identifier) && !identifier.contains(['/', '\\', '\0']);
    if is_safe && encoded != identifier { vec![encoded, identifier.to_owned()] } else { vec![encoded] }
}

fn segment(parent: &Path, name: &str) -> String {
    let names = bases(name);
    let existing = names.iter().find(|name| parent.join(name).is_dir());
    existing.unwrap_or(&names[0]).clone()
}

fn is_visible(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['.', '_'])
}

fn is_data_file(name: &str, format: Format) -> bool {
    !name.ends_with(COLUMNS_SUFFIX)
        && name.rsplit_once('.').is_some_and(|(_, extension)| format.extensions().contains(&extension))
}

/// The relation's part of a file's name; `None` for a file that is no relation.
fn base_of(file_name: &str, is_folder: bool) -> Option<&str> {
    if is_folder {
        return Some(file_name);
    }
    if let Some(base) = file_name.strip_suffix(VIEW_SUFFIX) {
        return Some(base);
    }
    let format = [Format::Parquet, Format::Csv, Format::Json].into_iter().find(|f| is_data_file(file_name, *f));
    format.and_then(|_| file_name.rsplit_once('.')).map(|(base, _)| base)
}

/// What a folder is: a Delta table, a folder of files of one format, or no table.
fn folder_table(folder: &Path) -> io::Result<Option<Stored>> {
    if folder.join("_delta_log").is_dir() {
        return Ok(Some(Stored::Delta(folder.to_owned())));
    }
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if entry.path().is_dir() || !is_visible(name) {
            continue;
        }
        for format in [Format::Parquet, Format::Csv, Format::Json] {
            if is_data_file(name, format) {
                return Ok(Some(Stored::Files(FileTable { format, path: folder.to_owned(), is_folder: true })));
            }
        }
    }
    Ok(None)
}
