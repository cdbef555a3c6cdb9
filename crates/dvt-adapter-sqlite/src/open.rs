//! Opening the file of `main` and attaching those of the other schemas.

use crate::errors::adapter_error;
use crate::functions;
use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What is going to happen on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Only reading: a file that is not there is an error.
    Read,
    /// The target's file is made if it is missing; its folder has to be there.
    Write,
}

/// Opens the connection's files. Blocks.
///
/// # Errors
/// Class `Unreachable` when a folder is missing, `MissingDatabase` when a file is.
pub(crate) fn open(settings: &Settings, purpose: Purpose) -> Result<Connection, AdapterError> {
    let failed = |error| adapter_error(settings, error);
    for file in &settings.files {
        check(settings, &file.path, purpose == Purpose::Write && file == settings.target_file())?;
    }
    let main = &settings.files[0];
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Purpose::Write {
        // Attached files are opened with the same flags. All but the target's were found to be there.
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = Connection::open_with_flags(&main.path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    functions::register(&connection).map_err(failed)?;
    for file in &settings.files[1..] {
        attach(&connection, &file.schema, &file.path).map_err(failed)?;
    }
    // Schemas that earlier runs made in the folder.
    if let Some(directory) = &settings.schema_directory {
        for (schema, path) in schemas_of(directory) {
            if !settings.files.iter().any(|file| file.schema == schema || file.path == path) {
                attach(&connection, &schema, &path).map_err(failed)?;
            }
        }
    }
    if purpose == Purpose::Write {
        // Renaming a table leaves the views alone that name it, also those whose table has just been dropped: a swap
        // would fail half way otherwise.
        connection.pragma_update(None, "legacy_alter_table", true).map_err(failed)?;
    }
    // Nothing has been read so far: a file of another kind shows now.
    connection.query_row("PRAGMA schema_version", [], |_| Ok(())).map_err(failed)?;
    Ok(connection)
}

/// A file is made by SQLite when it is attached, so it is looked for first.
fn check(settings: &Settings, path: &Path, may_be_made: bool) -> Result<(), AdapterError> {
    let connection = settings.connection.as_str();
    if path.is_file() {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let message = format!("the folder `{}` does not exist", folder.display());
        return Err(AdapterError::new(ErrorClass::Unreachable, connection, message)
            .with_hint("check `path` of this output, or make the folder"));
    }
    if path.exists() {
        let message = format!("`{}` is not a file", path.display());
        return Err(AdapterError::new(ErrorClass::Unreachable, connection, message));
    }
    if may_be_made {
        return Ok(());
    }
    let message = format!("the file `{}` does not exist", path.display());
    Err(AdapterError::new(ErrorClass::MissingDatabase, connection, message).with_hint("check `path` of this output"))
}

fn attach(connection: &Connection, schema: &str, path: &Path) -> rusqlite::Result<()> {
    let sql = format!("ATTACH DATABASE ?1 AS {}", dvt_sql::SQLITE.quote_identifier(schema));
    connection.execute(&sql, [path.to_string_lossy()]).map(|_| ())
}

fn schemas_of(directory: &Path) -> Vec<(String, std::path::PathBuf)> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut schemas: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_database = path.extension().is_some_and(|extension| extension == "db") && path.is_file();
            is_database.then(|| path.file_stem()?.to_str().map(|schema| (schema.to_owned(), path.clone()))).flatten()
        })
        .collect();
    schemas.sort();
    schemas
}
