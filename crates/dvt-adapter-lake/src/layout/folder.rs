//! A lake in a folder of this machine, and the changes of names that are one step on the file system.

use super::{
    DeltaFolder, FileTable, OURS, Stored, VIEW_SUFFIX, View, base_of, bases, is_data_file, is_visible, pattern,
};
use crate::names::Name;
use crate::profile::{Format, ROOT_SCHEMA};
use dvt_delta::{TableLocation, decode_segment, encode_segment};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Folders that are being written; never listed, and removed when they are this old.
const UNFINISHED: &str = ".dvt-";
const UNFINISHED_AGE: Duration = Duration::from_secs(24 * 3600);

/// The lake's folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn schema_folder(&self, schema: &str) -> PathBuf {
        if schema == ROOT_SCHEMA { self.root.clone() } else { self.root.join(segment(&self.root, schema)) }
    }

    /// The folder that a new table of this name gets.
    pub(super) fn table_folder(&self, name: &Name) -> PathBuf {
        self.schema_folder(&name.schema).join(encode_segment(&name.identifier))
    }

    fn view_file(&self, name: &Name) -> PathBuf {
        self.schema_folder(&name.schema).join(format!("{}{VIEW_SUFFIX}", encode_segment(&name.identifier)))
    }

    pub(super) fn schema_exists(&self, schema: &str) -> bool {
        schema == ROOT_SCHEMA || self.schema_folder(schema).is_dir()
    }

    /// The relation of this name, if there is one.
    pub(super) fn find(&self, name: &Name) -> io::Result<Option<Stored>> {
        let folder = self.schema_folder(&name.schema);
        if pattern::is_pattern(&name.identifier)
            && let Some(table) = matching(&folder, &name.identifier)?
        {
            return Ok(Some(Stored::Files(table)));
        }
        for base in bases(&name.identifier) {
            let view = folder.join(format!("{base}{VIEW_SUFFIX}"));
            if view.is_file() {
                let sql = std::fs::read_to_string(&view)?;
                return Ok(Some(Stored::View(View { path: view, sql })));
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
                        return Ok(Some(Stored::Files(FileTable::on_disk(format, file, false))));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Every relation of a schema, by name.
    pub(super) fn relations(&self, schema: &str) -> io::Result<BTreeMap<String, Stored>> {
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
    pub(super) fn schemas(&self) -> io::Result<Vec<String>> {
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
    pub(super) fn unfinished(&self, schema: &str) -> io::Result<Unfinished> {
        let parent = self.schema_folder(schema);
        std::fs::create_dir_all(&parent)?;
        remove_abandoned(&parent);
        let path = parent.join(format!("{UNFINISHED}{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path)?;
        Ok(Unfinished { path, placed: false })
    }

    /// Gives a relation another name. Fails when the new name is taken.
    pub(super) fn rename(&self, stored: &Stored, to: &Name) -> io::Result<()> {
        let target = match stored {
            Stored::View(_) => self.view_file(to),
            Stored::Delta(_) | Stored::Files(_) => self.table_folder(to),
        };
        std::fs::create_dir_all(self.schema_folder(&to.schema))?;
        std::fs::rename(stored.path(), target)
    }

    pub(super) fn create_schema(&self, schema: &str) -> io::Result<bool> {
        let folder = self.schema_folder(schema);
        let is_new = !folder.is_dir();
        std::fs::create_dir_all(folder)?;
        Ok(is_new)
    }

    pub(super) fn remove_schema(&self, schema: &str) -> io::Result<()> {
        let folder = self.schema_folder(schema);
        std::fs::remove_dir(&folder).map_err(|error| {
            let left = std::fs::read_dir(&folder).ok().and_then(|mut entries| entries.next()?.ok());
            let left = left.map(|entry| format!(", such as `{}`", entry.file_name().display())).unwrap_or_default();
            io::Error::other(format!("its folder holds files that are no relations{left}: {error}"))
        })
    }

    /// Written aside, then put in its place.
    pub(super) fn write_view(&self, name: &Name, existing: Option<&Path>, sql: &str) -> io::Result<View> {
        let folder = self.unfinished(&name.schema)?;
        let text = folder.path().join("view.sql");
        std::fs::write(&text, sql)?;
        let path = existing.map_or_else(|| self.view_file(name), Path::to_owned);
        std::fs::rename(text, &path)?;
        Ok(View { path, sql: sql.to_owned() })
    }

    /// Removes a relation. Its name is free at once: a folder is first renamed to one that nobody sees.
    pub(super) fn remove(&self, stored: &Stored) -> io::Result<()> {
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
    /// In the folder of this machine for temporary files.
    pub(super) fn elsewhere() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("dvt-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path)?;
        Ok(Self { path, placed: false })
    }

    /// The data files go into the table's folder, each in one step.
    pub(super) fn append_to(self, table: &FileTable) -> io::Result<()> {
        for file in self.data_files(table.format)? {
            std::fs::rename(&file, table.path.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// The data files that were written.
    pub(super) fn data_files(&self, format: Format) -> io::Result<Vec<PathBuf>> {
        FileTable::on_disk(format, self.path.clone(), true).files()
    }

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

fn segment(parent: &Path, name: &str) -> String {
    let names = bases(name);
    let existing = names.iter().find(|name| parent.join(name).is_dir());
    existing.unwrap_or(&names[0]).clone()
}

/// What a folder is: a Delta table, a folder of files of one format, or no table.
fn folder_table(folder: &Path) -> io::Result<Option<Stored>> {
    if folder.join("_delta_log").is_dir() {
        let location = TableLocation::filesystem(folder).map_err(super::io_error)?;
        return Ok(Some(Stored::Delta(DeltaFolder { path: folder.to_owned(), location })));
    }
    let mut partitions = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_visible(name)) else { continue };
        if entry.path().is_dir() {
            if name.contains('=') {
                partitions.push(entry.path());
            }
            continue;
        }
        for format in [Format::Parquet, Format::Csv, Format::Json] {
            if is_data_file(name, format) {
                return Ok(Some(Stored::Files(FileTable::on_disk(format, folder.to_owned(), true))));
            }
        }
    }
    // Where the folder itself holds no data file, its partitions may (`day=2024-01-01/…`).
    for partition in partitions {
        if let Some(Stored::Files(table)) = folder_table(&partition)? {
            return Ok(Some(Stored::Files(FileTable { path: folder.to_owned(), ..table })));
        }
    }
    Ok(None)
}

/// The files below a schema's folder that a pattern matches, as one table.
fn matching(schema: &Path, wanted: &str) -> io::Result<Option<FileTable>> {
    let fixed = pattern::fixed_folder(wanted);
    let path = schema.join(fixed);
    let mut files = Vec::new();
    let mut folders = vec![path.clone()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let path = entry.path();
            let relative = path.strip_prefix(schema).ok().and_then(Path::to_str).map(str::to_owned);
            let name = path.file_name().and_then(std::ffi::OsStr::to_str);
            if let (Some(relative), Some(name)) = (relative, name)
                && super::format_of(name).is_some()
                && pattern::matches(wanted, &relative)
            {
                files.push(path);
            }
        }
    }
    files.sort();
    let format = pattern::one_format(wanted, files.iter().filter_map(|file| file.to_str()))?;
    Ok(format.map(|format| FileTable { chosen: Some(Arc::new(files)), ..FileTable::on_disk(format, path, true) }))
}
