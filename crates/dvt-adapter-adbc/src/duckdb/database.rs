//! Opening a database file, once in a process, and making connections to it.
//!
//! DuckDB lets one process at a time write a file, and within a process one handle: all outputs that lead to a file share
//! it. It is closed, which brings the file up to date, when the last adapter and session have gone.

use super::errors::adapter_error;
use super::profile::Settings;
use crate::driver::{DriverFolders, driver_of, load};
use adbc_core::options::{OptionDatabase, OptionValue};
use adbc_core::{Connection as _, Database as _, Driver as _, Statement as _};
use adbc_driver_manager::{ManagedConnection, ManagedDatabase};
use dvt_adapter::{AdapterError, ErrorClass};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// An open database.
pub(super) struct Database {
    handle: ManagedDatabase,
    options: BTreeMap<String, String>,
    /// Outputs whose extensions, secrets and attached databases are there.
    prepared: Mutex<Vec<String>>,
}

/// Databases that are open in this process, by file; those in memory by the name of their output.
type Open = HashMap<PathBuf, Weak<Database>>;

/// A new connection with the output's settings. Blocks.
pub(super) fn connect(
    settings: &Settings,
    folders: &DriverFolders,
    slot: &Mutex<Option<Arc<Database>>>,
) -> Result<ManagedConnection, AdapterError> {
    let database = {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref() {
            Some(database) => Arc::clone(database),
            None => {
                let database = open(settings, folders)?;
                *slot = Some(Arc::clone(&database));
                database
            }
        }
    };
    let failed = |error: adbc_core::error::Error| adapter_error(&settings.connection, &error.message);
    let mut connection = database.handle.new_connection().map_err(failed)?;
    {
        let mut prepared = database.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if !prepared.contains(&settings.connection) {
            for statement in &settings.preparation {
                execute(&mut connection, statement.expose()).map_err(failed)?;
            }
            prepared.push(settings.connection.clone());
        }
    }
    for statement in &settings.session_statements {
        execute(&mut connection, statement).map_err(failed)?;
    }
    Ok(connection)
}

fn execute(connection: &mut ManagedConnection, sql: &str) -> Result<(), adbc_core::error::Error> {
    let mut statement = connection.new_statement()?;
    statement.set_sql_query(sql)?;
    statement.execute_update().map(drop)
}

fn open(settings: &Settings, folders: &DriverFolders) -> Result<Arc<Database>, AdapterError> {
    static OPEN: OnceLock<Mutex<Open>> = OnceLock::new();
    static IN_MEMORY: Mutex<Vec<Arc<Database>>> = Mutex::new(Vec::new());
    let refuse = |class: ErrorClass, message: String| AdapterError::new(class, settings.connection.as_str(), message);
    let key = match &settings.file {
        Some(file) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !folder.is_dir() {
                let message = format!("the folder `{}` does not exist", folder.display());
                return Err(refuse(ErrorClass::Unreachable, message)
                    .with_hint("check `path` of this output, or make the folder"));
            }
            if file.is_dir() {
                return Err(refuse(ErrorClass::Unreachable, format!("`{}` is not a file", file.display())));
            }
            resolved(file)
        }
        None => PathBuf::from(format!(":memory:{}", settings.connection)),
    };
    let Some(pin) = driver_of(super::types::ADAPTER_TYPE) else {
        return Err(refuse(ErrorClass::Configuration, "dvt knows no driver for DuckDB".to_owned()));
    };
    let mut open = OPEN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(database) = open.get(&key).and_then(Weak::upgrade) {
        if database.options != settings.options {
            let message = "another output opens the same file with other `config_options` or `threads`".to_owned();
            return Err(refuse(ErrorClass::Configuration, message).with_hint("give both outputs the same"));
        }
        return Ok(database);
    }
    let mut driver = load(&settings.connection, pin, folders)?;
    let path = settings.file.as_ref().map_or_else(|| ":memory:".to_owned(), |file| file.display().to_string());
    let options = std::iter::once(("path".to_owned(), path)).chain(settings.options.clone());
    let options = options.map(|(key, value)| (OptionDatabase::Other(key), OptionValue::String(value)));
    let handle =
        driver.new_database_with_opts(options).map_err(|error| adapter_error(&settings.connection, &error.message))?;
    let database = Arc::new(Database { handle, options: settings.options.clone(), prepared: Mutex::new(Vec::new()) });
    open.insert(key, Arc::downgrade(&database));
    if settings.file.is_none() {
        // Nothing else would keep what is in it from one adapter of the output to the next.
        IN_MEMORY.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&database));
    }
    Ok(database)
}

/// The file's one name, also while it is not there yet.
pub(super) fn resolved(file: &Path) -> PathBuf {
    if let Ok(path) = std::fs::canonicalize(file) {
        return path;
    }
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match (absolute.parent().and_then(|folder| std::fs::canonicalize(folder).ok()), absolute.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => absolute,
    }
}
