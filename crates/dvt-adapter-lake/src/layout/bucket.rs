//! A lake in a bucket of a cloud.
//!
//! A store has no renames and no folders, so what dvt makes there has a small object in its folder, `_dvt_table`, which says
//! whether the table is there and which files are its rows. It is written by conditional puts only: of two writers one
//! wins, and readers see a table change in one step. What another program put there has none, and is read as it lies.

use super::table::{Manifest, Objects};
use super::{
    COLUMNS_FILE, COLUMNS_SUFFIX, DeltaFolder, FileTable, OURS, Stored, Unfinished, VIEW_SUFFIX, View, base_of, bases,
    format_of, io_error, is_data_file, is_visible, pattern,
};
use crate::names::Name;
use crate::profile::{Format, ROOT_SCHEMA};
use dvt_delta::{
    DeltaErrorKind, DeltaTable, Folder as Listing, Seen, Store, StoredObject, TableLocation, decode_segment,
    encode_segment,
};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// In a schema's folder, so that it is there without relations.
const SCHEMA_MARK: &str = "_dvt_schema";
/// Requests that are under way at once, at most.
const AT_ONCE: usize = 16;
/// How often rows are added beside others that add theirs.
const APPENDS: usize = 20;

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    store: Store,
}

/// A name that is taken by a table which nobody sees yet.
pub(crate) struct Claim {
    pub(super) location: TableLocation,
    key: String,
    writer: String,
    seen: Seen,
}

impl Bucket {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(super) async fn find(&self, name: &Name) -> io::Result<Option<Stored>> {
        let folder = self.schema_key(&name.schema).await?;
        if pattern::is_pattern(&name.identifier)
            && let Some(table) = self.matching(&folder, &name.identifier).await?
        {
            return Ok(Some(Stored::Files(table)));
        }
        for base in bases(&name.identifier) {
            let view = joined(&folder, &format!("{base}{VIEW_SUFFIX}"));
            let table = joined(&folder, &base);
            let (read, listed) = futures::join!(self.store.read(&view), self.store.folder(&table));
            if let Some((sql, _)) = read.map_err(io_error)? {
                let sql = String::from_utf8(sql).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                return Ok(Some(Stored::View(View { path: view.into(), sql })));
            }
            let listed = listed.map_err(io_error)?;
            let manifest = match listed.objects.iter().any(|object| object.key == joined(&table, OURS)) {
                true => self.manifest(&table).await?,
                false => None,
            };
            // Being made, or being removed: nobody's relation.
            let is_hidden = manifest.as_ref().is_some_and(|(manifest, _)| !manifest.live);
            if !is_hidden && listed.folders.iter().any(|folder| folder == "_delta_log") {
                let location = self.store.table_at(&table).map_err(io_error)?;
                return Ok(Some(Stored::Delta(DeltaFolder { path: table.into(), location })));
            }
            if !is_hidden
                && (!listed.objects.is_empty() || !listed.folders.is_empty())
                && let Some(files) = self.folder_table(&table, listed, manifest).await?
            {
                return Ok(Some(Stored::Files(files)));
            }
            if let Some(files) = self.single_file(&folder, &base).await? {
                return Ok(Some(Stored::Files(files)));
            }
        }
        Ok(None)
    }

    async fn manifest(&self, table: &str) -> io::Result<Option<(Manifest, Seen)>> {
        let Some((text, seen)) = self.store.read(&joined(table, OURS)).await.map_err(io_error)? else {
            return Ok(None);
        };
        // A folder that was copied from a disk has an empty mark: everything in it is its rows.
        if text.is_empty() {
            let files = self.store.folder(table).await.map_err(io_error)?.objects;
            let files = files.iter().filter_map(|object| name_of(&object.key)).filter(|name| format_of(name).is_some());
            let files = files.map(str::to_owned).collect();
            return Ok(Some((Manifest { live: true, files, ..Manifest::default() }, seen)));
        }
        let manifest = serde_json::from_slice(&text).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{}` is not what dvt wrote: {error}", joined(table, OURS)),
            )
        })?;
        Ok(Some((manifest, seen)))
    }

    async fn folder_table(
        &self,
        table: &str,
        listed: Listing,
        manifest: Option<(Manifest, Seen)>,
    ) -> io::Result<Option<FileTable>> {
        let direct = listed.objects;
        let format = direct.iter().find_map(|object| format_of(name_of(&object.key)?));
        // A schema may hold a great deal: it is not looked through.
        if format.is_none() && !listed.folders.iter().any(|folder| folder.contains('=')) {
            return Ok(None);
        }
        let below = match format.is_some() && manifest.is_some() {
            true => direct,
            false => self.store.below(table).await.map_err(io_error)?,
        };
        // Where the folder itself holds no data file, its partitions may (`day=2024-01-01/…`).
        let is_ours = |object: &&StoredObject| {
            let folders = object.key[table.len()..].rsplit_once('/').map_or("", |(folders, _)| folders);
            folders.split('/').filter(|part| !part.is_empty()).all(|part| part.contains('='))
        };
        let format =
            format.or_else(|| below.iter().filter(is_ours).find_map(|object| format_of(name_of(&object.key)?)));
        let Some(format) = format else { return Ok(None) };
        let columns = below.iter().find(|object| object.key == joined(table, COLUMNS_FILE)).cloned();
        let files: Vec<StoredObject> = below
            .into_iter()
            .filter(|object| {
                let own = object.key[table.len()..].trim_start_matches('/');
                own.split('/').all(is_visible)
                    && name_of(own).is_some_and(|name| is_data_file(name, format))
                    && manifest.as_ref().is_none_or(|(manifest, _)| manifest.files.iter().any(|file| file == own))
            })
            .collect();
        self.table(format, table, true, files, columns, manifest).await.map(Some)
    }

    async fn table(
        &self,
        format: Format,
        key: &str,
        is_folder: bool,
        files: Vec<StoredObject>,
        columns: Option<StoredObject>,
        manifest: Option<(Manifest, Seen)>,
    ) -> io::Result<FileTable> {
        let columns = match columns {
            Some(object) => {
                let read = self.store.read(&object.key).await.map_err(io_error)?;
                read.map(|(text, _)| (String::from_utf8_lossy(&text).into_owned(), object))
            }
            None => None,
        };
        let objects = Objects { store: self.store.clone(), files, columns, manifest };
        Ok(FileTable { format, path: key.into(), is_folder, chosen: None, objects: Some(Arc::new(objects)) })
    }

    async fn single_file(&self, folder: &str, base: &str) -> io::Result<Option<FileTable>> {
        if base.ends_with(".columns") {
            return Ok(None);
        }
        let formats = [Format::Parquet, Format::Csv, Format::Json];
        let names = formats.iter().flat_map(|format| format.extensions().iter().map(move |of| (*format, *of)));
        let looks = names.map(|(format, extension)| {
            let key = joined(folder, &format!("{base}.{extension}"));
            async move { self.store.look(&key).await.map(|found| found.map(|object| (format, object))) }
        });
        let columns = joined(folder, &format!("{base}{COLUMNS_SUFFIX}"));
        let found = futures::future::try_join_all(looks).await.map_err(io_error)?;
        let Some((format, object)) = found.into_iter().flatten().next() else { return Ok(None) };
        let columns = self.store.look(&columns).await.map_err(io_error)?;
        let key = object.key.clone();
        self.table(format, &key, false, vec![object], columns, None).await.map(Some)
    }

    async fn matching(&self, folder: &str, wanted: &str) -> io::Result<Option<FileTable>> {
        let key = joined(folder, pattern::fixed_folder(wanted));
        let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let mut files = self.store.below(&key).await.map_err(io_error)?;
        files.retain(|object| {
            name_of(&object.key).is_some_and(|name| format_of(name).is_some())
                && object.key.get(start..).is_some_and(|path| pattern::matches(wanted, path))
        });
        let Some(format) = pattern::one_format(wanted, files.iter().map(|file| file.key.as_str()))? else {
            return Ok(None);
        };
        let chosen: Vec<PathBuf> = files.iter().map(|file| PathBuf::from(&file.key)).collect();
        let columns = self.store.look(&joined(&key, COLUMNS_FILE)).await.map_err(io_error)?;
        let table = self.table(format, &key, true, files, columns, None).await?;
        Ok(Some(FileTable { chosen: Some(Arc::new(chosen)), ..table }))
    }

    pub(super) async fn relations(&self, schema: &str) -> io::Result<BTreeMap<String, Stored>> {
        let folder = self.schema_key(schema).await?;
        let listed = self.store.folder(&folder).await.map_err(io_error)?;
        let files = listed.objects.iter().filter_map(|object| name_of(&object.key)).map(|name| (name, false));
        let names = listed.folders.iter().map(|name| (name.as_str(), true)).chain(files);
        let names = names.filter(|(name, _)| is_visible(name)).filter_map(|(name, is_folder)| base_of(name, is_folder));
        let names: std::collections::BTreeSet<String> =
            names.map(|base| decode_segment(base).unwrap_or_else(|| base.to_owned())).collect();
        let found = futures::stream::iter(names)
            .map(|identifier| async move {
                let name = Name { schema: schema.to_owned(), identifier };
                Ok::<_, io::Error>(self.find(&name).await?.map(|stored| (name.identifier, stored)))
            })
            .buffer_unordered(AT_ONCE);
        let found: Vec<Option<(String, Stored)>> = found.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    pub(super) async fn schemas(&self) -> io::Result<Vec<String>> {
        let folders = self.store.folder("").await.map_err(io_error)?.folders;
        let folders = folders.into_iter().filter(|name| is_visible(name) && name != ROOT_SCHEMA);
        let found = futures::stream::iter(folders)
            .map(|name| async move {
                let is_table = self.store.holds(&joined(&name, "_delta_log")).await.map_err(io_error)?;
                Ok::<_, io::Error>((!is_table).then(|| decode_segment(&name).unwrap_or(name)))
            })
            .buffer_unordered(AT_ONCE);
        let found: Vec<Option<String>> = found.try_collect().await?;
        let mut schemas: Vec<String> = found.into_iter().flatten().chain([ROOT_SCHEMA.to_owned()]).collect();
        schemas.sort();
        Ok(schemas)
    }

    pub(super) async fn schema_exists(&self, schema: &str) -> io::Result<bool> {
        if schema == ROOT_SCHEMA {
            return Ok(true);
        }
        let key = self.schema_key(schema).await?;
        self.store.holds(&key).await.map_err(io_error)
    }

    pub(super) async fn create_schema(&self, schema: &str) -> io::Result<bool> {
        if schema == ROOT_SCHEMA || self.schema_exists(schema).await? {
            return Ok(false);
        }
        let key = joined(&self.schema_key(schema).await?, SCHEMA_MARK);
        match self.store.create(&key, Vec::new()).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == DeltaErrorKind::Exists => Ok(false),
            Err(error) => Err(io_error(error)),
        }
    }

    pub(super) async fn remove_schema(&self, schema: &str) -> io::Result<()> {
        let key = self.schema_key(schema).await?;
        self.store.delete(&joined(&key, SCHEMA_MARK)).await.map_err(io_error)?;
        let left = self.store.folder(&key).await.map_err(io_error)?;
        let left = left.objects.first().map(|object| object.key.clone()).or_else(|| left.folders.first().cloned());
        match left {
            Some(left) => Err(io::Error::other(format!("it holds what is no relation, such as `{left}`"))),
            None => Ok(()),
        }
    }

    /// Takes a name for a table that is to come. What an interrupted run left there goes.
    pub(super) async fn claim(&self, name: &Name) -> io::Result<Claim> {
        let key = self.table_key(name).await?;
        let location = self.store.table_at(&key).map_err(io_error)?;
        let writer = uuid::Uuid::new_v4().simple().to_string();
        let manifest = Manifest { live: false, writer: writer.clone(), ..Manifest::default() };
        let text = text_of(&manifest)?;
        let seen = match self.store.create(&joined(&key, OURS), text.clone()).await {
            Ok(seen) => {
                // A schema of this name, or somebody's files that are no table: nothing is made among them.
                let there = self.store.folder(&key).await.map_err(io_error)?;
                let mark = joined(&key, OURS);
                let other = there.objects.iter().map(|object| &object.key).find(|other| **other != mark);
                if let Some(other) = other.or(there.folders.first()) {
                    self.store.delete(&mark).await.map_err(io_error)?;
                    let message = format!("`{key}` holds what is no table of dvt's, such as `{other}`");
                    return Err(io::Error::other(message));
                }
                seen
            }
            Err(error) if error.kind == DeltaErrorKind::Exists => match self.manifest(&key).await? {
                Some((manifest, seen)) if !manifest.live => {
                    let seen = self.store.replace(&joined(&key, OURS), text, &seen).await.map_err(io_error)?;
                    self.empty(&key).await?;
                    seen
                }
                _ => return Err(io::ErrorKind::AlreadyExists.into()),
            },
            Err(error) => return Err(io_error(error)),
        };
        Ok(Claim { location, key, writer, seen })
    }

    /// The claimed table is there from now on.
    pub(super) async fn publish(&self, claim: Claim, files: Vec<String>) -> io::Result<()> {
        let manifest = Manifest { live: true, writer: claim.writer, files, ..Manifest::default() };
        self.publish_as(&claim.key, &claim.seen, &manifest).await
    }

    async fn publish_as(&self, key: &str, seen: &Seen, manifest: &Manifest) -> io::Result<()> {
        let written = self.store.replace(&joined(key, OURS), text_of(manifest)?, seen).await;
        written.map(drop).map_err(io_error)
    }

    pub(super) async fn abandon(&self, claim: Claim) {
        let removed = match self.empty(&claim.key).await {
            Ok(()) => self.store.delete(&joined(&claim.key, OURS)).await.map_err(io_error),
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            tracing::warn!(key = %claim.key, %error, "an unfinished table could not be removed");
        }
    }

    /// Removes all of a table but the object that says that it is not there.
    async fn empty(&self, key: &str) -> io::Result<()> {
        let mark = joined(key, OURS);
        let objects = self.store.below(key).await.map_err(io_error)?;
        let gone = futures::stream::iter(objects.into_iter().filter(|object| object.key != mark))
            .map(|object| async move { self.store.delete(&object.key).await.map_err(io_error) })
            .buffer_unordered(AT_ONCE);
        gone.try_collect().await
    }

    pub(super) async fn place(&self, draft: &Unfinished, name: &Name) -> io::Result<()> {
        let claim = self.claim(name).await?;
        match self.send(draft, &claim.key).await {
            Ok((files, columns)) => {
                let writer = claim.writer.clone();
                let manifest = Manifest { live: true, writer, files, columns };
                self.publish_as(&claim.key, &claim.seen, &manifest).await
            }
            Err(error) => {
                self.abandon(claim).await;
                Err(error)
            }
        }
    }

    /// The drafted files under the names that they have in the table, and the types of their columns.
    async fn send(
        &self,
        draft: &Unfinished,
        key: &str,
    ) -> io::Result<(Vec<String>, serde_json::Map<String, serde_json::Value>)> {
        let mut sent = Vec::new();
        for entry in std::fs::read_dir(draft.path())? {
            let path = entry?.path();
            let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
            if format_of(&name).is_some() {
                self.store.upload(&joined(key, &name), &path).await.map_err(io_error)?;
                sent.push(name);
            }
        }
        sent.sort();
        let columns = match std::fs::read(draft.path().join(COLUMNS_FILE)) {
            Ok(text) => {
                // For people and other programs; dvt itself goes by what is in the mark.
                self.store.write(&joined(key, COLUMNS_FILE), text.clone()).await.map_err(io_error)?;
                serde_json::from_slice(&text).map_err(io::Error::other)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => serde_json::Map::new(),
            Err(error) => return Err(error),
        };
        Ok((sent, columns))
    }

    pub(super) async fn replace(&self, draft: &Unfinished, table: &FileTable) -> io::Result<()> {
        let (key, manifest, seen) = own(table)?;
        let (files, columns) = self.send(draft, key).await?;
        let next = Manifest { live: true, writer: manifest.writer.clone(), files, columns };
        if let Err(error) = self.publish_as(key, seen, &next).await {
            self.remove_files(key, &next.files).await;
            return Err(error);
        }
        self.remove_files(key, &manifest.files).await;
        Ok(())
    }

    pub(super) async fn append(&self, draft: &Unfinished, table: &FileTable) -> io::Result<()> {
        let (key, ..) = own(table)?;
        let mut files = Vec::new();
        for path in draft.data_files(table.format)? {
            let name = path.file_name().and_then(std::ffi::OsStr::to_str).unwrap_or_default().to_owned();
            self.store.upload(&joined(key, &name), &path).await.map_err(io_error)?;
            files.push(name);
        }
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for _ in 0..APPENDS {
            let Some((mut manifest, seen)) = self.manifest(key).await?.filter(|(manifest, _)| manifest.live) else {
                break;
            };
            manifest.files.extend(files.iter().cloned());
            match self.publish_as(key, &seen, &manifest).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        self.remove_files(key, &files).await;
        Err(last)
    }

    /// Files that are no part of a table any more, or never became one.
    async fn remove_files(&self, key: &str, files: &[String]) {
        for file in files {
            if let Err(error) = self.store.delete(&joined(key, file)).await {
                tracing::warn!(%key, %file, %error, "a file that nobody needs could not be removed");
            }
        }
    }

    pub(super) async fn write_view(&self, name: &Name, existing: Option<&Path>, sql: &str) -> io::Result<View> {
        let key = match existing.and_then(Path::to_str) {
            Some(key) => key.to_owned(),
            None => self.view_key(name).await?,
        };
        self.store.write(&key, sql.as_bytes().to_vec()).await.map_err(io_error)?;
        Ok(View { path: key.into(), sql: sql.to_owned() })
    }

    pub(super) async fn rename(&self, stored: &Stored, to: &Name) -> io::Result<()> {
        match stored {
            Stored::View(view) => {
                let created = self.store.create(&self.view_key(to).await?, view.sql.clone().into_bytes()).await;
                created.map_err(io_error)?;
            }
            Stored::Delta(delta) => {
                let claim = self.claim(to).await?;
                let copied = match DeltaTable::open(&delta.location).await {
                    Ok(table) => table.copy_to(&claim.location).await.map(drop),
                    Err(error) => Err(error),
                };
                if let Err(error) = copied {
                    self.abandon(claim).await;
                    return Err(io_error(error));
                }
                self.publish(claim, Vec::new()).await?;
            }
            Stored::Files(table) => {
                let (key, manifest, _) = own(table)?;
                let claim = self.claim(to).await?;
                for file in &manifest.files {
                    if let Err(error) = self.store.copy(&joined(key, file), &joined(&claim.key, file)).await {
                        self.abandon(claim).await;
                        return Err(io_error(error));
                    }
                }
                let next = Manifest { writer: claim.writer.clone(), ..manifest.clone() };
                self.publish_as(&claim.key, &claim.seen, &next).await?;
            }
        }
        self.remove(stored).await
    }

    pub(super) async fn remove(&self, stored: &Stored) -> io::Result<()> {
        let key = stored.path().to_str().ok_or(io::ErrorKind::InvalidInput)?;
        if stored.is_view() {
            return self.store.delete(key).await.map_err(io_error);
        }
        // From here on nobody sees it, whatever of it is still there.
        let text = text_of(&Manifest::default())?;
        self.store.write(&joined(key, OURS), text).await.map_err(io_error)?;
        self.empty(key).await?;
        self.store.delete(&joined(key, OURS)).await.map_err(io_error)
    }

    pub(super) async fn remove_remains(&self, name: &Name) -> io::Result<()> {
        let key = self.table_key(name).await?;
        if self.manifest(&key).await?.is_some_and(|(manifest, _)| !manifest.live) {
            self.empty(&key).await?;
            self.store.delete(&joined(&key, OURS)).await.map_err(io_error)?;
        }
        Ok(())
    }

    /// The folder of a schema: ours, or one that bears the very name.
    async fn schema_key(&self, schema: &str) -> io::Result<String> {
        if schema == ROOT_SCHEMA {
            return Ok(String::new());
        }
        let names = bases(schema);
        if let [ours, theirs] = names.as_slice()
            && !self.store.holds(ours).await.map_err(io_error)?
            && self.store.holds(theirs).await.map_err(io_error)?
        {
            return Ok(theirs.clone());
        }
        Ok(names[0].clone())
    }

    async fn table_key(&self, name: &Name) -> io::Result<String> {
        Ok(joined(&self.schema_key(&name.schema).await?, &encode_segment(&name.identifier)))
    }

    async fn view_key(&self, name: &Name) -> io::Result<String> {
        let file = format!("{}{VIEW_SUFFIX}", encode_segment(&name.identifier));
        Ok(joined(&self.schema_key(&name.schema).await?, &file))
    }
}

/// The key, the mark and what it was when it was read, of a table that dvt made.
fn own(table: &FileTable) -> io::Result<(&str, &Manifest, &Seen)> {
    let manifest = table.objects.as_ref().and_then(|objects| objects.manifest.as_ref());
    match (table.path.to_str(), manifest) {
        (Some(key), Some((manifest, seen))) => Ok((key, manifest, seen)),
        _ => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

fn text_of(manifest: &Manifest) -> io::Result<Vec<u8>> {
    serde_json::to_vec(manifest).map_err(io::Error::other)
}

fn joined(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

fn name_of(key: &str) -> Option<&str> {
    key.rsplit('/').next().filter(|name| !name.is_empty())
}
