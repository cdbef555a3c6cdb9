//! One package: is its folder whole, is its archive in the cache, else fetch; then unpack beside the place and rename.

use crate::archive::{integrity_of, unpack};
use crate::client::{self, Fetch};
use crate::error::files;
use crate::{Ecosystem, MARKER, Members, Package, SyncError, VersionSpecifier};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Beside a cached archive: the hash that it had when it was fetched.
const INTEGRITY: &str = "integrity";

/// What a folder's marker says.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) version: String,
}

/// The folder as it is, if it was made from a package like the one that is wanted and is whole.
pub(crate) fn installed(package: &Package) -> Option<Installed> {
    let marker = std::fs::read_to_string(package.folder.join(MARKER)).ok()?;
    let marker: Value = serde_json::from_str(&marker).ok()?;
    let text = |key: &str| marker.get(key).and_then(Value::as_str);
    let version = text("version")?;
    if text("package")? != package.name || !is_wanted(package, version) {
        return None;
    }
    if package.integrity.is_some() && text("integrity") != package.integrity.as_deref() {
        return None;
    }
    let sizes = marker.get("files")?.as_object()?;
    let is_whole = sizes.iter().all(|(file, size)| {
        let path = package.folder.join(file);
        path.metadata().is_ok_and(|metadata| metadata.is_file() && Some(metadata.len()) == size.as_u64())
    });
    // A single file is a library, which is worth reading in whole.
    let is_same = match (&package.members, text("sha256"), sizes.keys().next()) {
        (Members::File(_), Some(hash), Some(file)) => {
            integrity_of(&package.folder.join(file), None).is_ok_and(|found| found == hash)
        }
        _ => true,
    };
    (is_whole && is_same).then(|| Installed { version: version.to_owned() })
}

fn is_wanted(package: &Package, version: &str) -> bool {
    if package.is_exact() {
        return package.version == version;
    }
    VersionSpecifier::parse(&package.version).is_ok_and(|specifier| specifier.matches(version))
}

/// Makes the folder. Gives the version that it holds now, and where the archive came from.
pub(crate) fn install(
    package: &Package,
    work: &Path,
    fetch: &Fetch<'_>,
    offline: bool,
) -> Result<(String, String), SyncError> {
    let requirement = package.requirement();
    let (archive, origin) = match cached(package, fetch)? {
        Some(archive) => (archive, "from the cache".to_owned()),
        None if offline => {
            return Err(SyncError::NotCached { package: requirement, cache: fetch.places.cache() });
        }
        None => fetched(package, work, fetch)?,
    };
    let version = match package.is_exact() {
        true => package.version.clone(),
        false => version_of(&archive).unwrap_or_default(),
    };
    let made = work.join("made");
    std::fs::create_dir_all(&made).map_err(files("create", &made))?;
    let sizes = unpack(&archive, &requirement, &package.members, &made)?;
    write_marker(package, &version, &archive, &made, &sizes)?;
    swap_in(&made, &package.folder, work)?;
    Ok((version, origin))
}

fn write_marker(
    package: &Package,
    version: &str,
    archive: &Path,
    made: &Path,
    sizes: &BTreeMap<String, u64>,
) -> Result<(), SyncError> {
    let mut marker = Map::new();
    marker.insert("package".to_owned(), json!(package.name));
    marker.insert("version".to_owned(), json!(version));
    marker.insert("integrity".to_owned(), json!(integrity_of(archive, package.integrity.as_deref())?));
    if let (Members::File(_), Some(file)) = (&package.members, sizes.keys().next()) {
        marker.insert("sha256".to_owned(), json!(integrity_of(&made.join(file), None)?));
    }
    marker.insert("files".to_owned(), json!(sizes));
    let path = made.join(MARKER);
    std::fs::write(&path, Value::Object(marker).to_string()).map_err(files("write", &path))
}

/// Takes the place of a folder that may be there; its old content goes after.
fn swap_in(made: &Path, folder: &Path, work: &Path) -> Result<(), SyncError> {
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(files("create", parent))?;
    }
    let old = work.join("old");
    let had_one = match std::fs::rename(folder, &old) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(files("replace", folder)(error)),
    };
    if let Err(error) = std::fs::rename(made, folder) {
        if had_one {
            std::fs::rename(&old, folder).map_err(files("put back", folder))?;
        }
        return Err(files("create", folder)(error));
    }
    Ok(())
}

/// The folder of a package's archives in the cache.
fn cache_folder(package: &Package, fetch: &Fetch<'_>) -> PathBuf {
    fetch.places.cache().join(package.name.replace('/', "+"))
}

/// An archive of the cache that still hashes to what is wanted.
fn cached(package: &Package, fetch: &Fetch<'_>) -> Result<Option<PathBuf>, SyncError> {
    let folder = cache_folder(package, fetch);
    let Ok(versions) = std::fs::read_dir(&folder) else { return Ok(None) };
    let mut found: Vec<PathBuf> = Vec::new();
    for version in versions {
        let path = version.map_err(files("read", &folder))?.path();
        if path.file_name().and_then(OsStr::to_str).is_some_and(|version| is_wanted(package, version)) {
            found.push(path);
        }
    }
    found.sort();
    for folder in found.into_iter().rev() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut archives = entries.filter_map(Result::ok).map(|entry| entry.path());
        let Some(archive) = archives.find(|path| path.file_name() != Some(OsStr::new(INTEGRITY))) else { continue };
        let remembered = std::fs::read_to_string(folder.join(INTEGRITY)).ok();
        let wanted = package.integrity.clone().or(remembered);
        let Some(wanted) = wanted else { continue };
        if integrity_of(&archive, Some(&wanted))? == wanted {
            return Ok(Some(archive));
        }
        tracing::warn!(archive = %archive.display(), "a cached archive is damaged, or not the pinned one");
    }
    Ok(None)
}

/// Fetches the archive through the user's client, verifies it and puts it into the cache.
fn fetched(package: &Package, work: &Path, fetch: &Fetch<'_>) -> Result<(PathBuf, String), SyncError> {
    let requirement = package.requirement();
    let client = client::find(package.ecosystem, fetch.environment)?;
    let folder = work.join("fetched");
    std::fs::create_dir_all(&folder).map_err(files("create", &folder))?;
    let archive = client.fetch(package, &folder, fetch)?;
    let found = integrity_of(&archive, package.integrity.as_deref())?;
    let version = match package.is_exact() {
        true => package.version.clone(),
        false => version_of(&archive).filter(|version| is_wanted(package, version)).ok_or_else(|| {
            SyncError::NothingFetched { client: client.name.to_owned(), package: requirement.clone() }
        })?,
    };
    let target = cache_folder(package, fetch).join(&version);
    let remembered = std::fs::read_to_string(target.join(INTEGRITY)).ok();
    if let Some(wanted) = package.integrity.clone().or(remembered)
        && wanted != found
    {
        return Err(SyncError::WrongHash { package: requirement, wanted, found });
    }
    let note = folder.join(INTEGRITY);
    std::fs::write(&note, &found).map_err(files("write", &note))?;
    let name = archive.file_name().unwrap_or_default().to_owned();
    swap_in(&folder, &target, work)?;
    Ok((target.join(name), format!("fetched with {}", client.name)))
}

/// The version in an archive's name: `dbt_snowflake-1.8.4-py3-none-any.whl`, `pyspark-4.0.0.tar.gz`.
fn version_of(archive: &Path) -> Option<String> {
    let name = archive.file_name()?.to_str()?;
    let stem = [".whl", ".tar.gz", ".tgz"].iter().find_map(|ending| name.strip_suffix(ending))?;
    stem.split('-').nth(1).map(str::to_owned)
}

/// What a client of the ecosystem is called where it will fetch.
pub(crate) fn means(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Npm => "npm",
        Ecosystem::Wheel | Ecosystem::SourceArchive => "uv or pip",
    }
}
