//! What proves that a database file has not changed, and how a table is read in parts.
//!
//! In rollback-journal mode every transaction that changes a file also changes the counter at offset 24 of its header.
//! In WAL mode it need not, so such a file has no token. Source: SQLite manual, "Database File Format", section 1.3.7.

use crate::errors::adapter_error;
use crate::profile::Settings;
use dvt_adapter::{AdapterError, RelationName};
use dvt_sql::SQLITE;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A part more than these is not worth its own query.
const MOST_PARTS: i64 = 256;

/// What a journal that has to be rolled back begins with.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// See [`dvt_adapter::Adapter::change_token`]. Blocks.
pub(crate) fn token(
    settings: &Settings,
    connection: &Connection,
    relations: &[RelationName],
) -> Result<Option<String>, AdapterError> {
    let failed = |error| adapter_error(settings, error);
    let mut files: BTreeSet<PathBuf> = BTreeSet::new();
    for relation in relations {
        let schema = relation.schema.as_deref().unwrap_or(&settings.schema);
        if !is_plain_table(connection, schema, &relation.identifier).map_err(failed)? {
            return Ok(None);
        }
        let file: Option<String> = connection
            .query_row("SELECT file FROM pragma_database_list WHERE name = ?1 COLLATE NOCASE", [schema], |row| {
                row.get(0)
            })
            .optional()
            .map_err(failed)?;
        match file.filter(|file| !file.is_empty()) {
            Some(file) => files.insert(PathBuf::from(file)),
            None => return Ok(None),
        };
    }
    let mut tokens = Vec::with_capacity(files.len());
    for file in &files {
        match state_of(file) {
            Some(state) => tokens.push(state),
            None => return Ok(None),
        }
    }
    Ok(Some(tokens.join(" ")))
}

/// A table whose rows are in the file: no view, and no virtual table, which may read anything.
fn is_plain_table(connection: &Connection, schema: &str, name: &str) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT sql FROM {}.sqlite_master WHERE name = ?1 COLLATE NOCASE AND type = 'table'",
        SQLITE.quote_identifier(schema)
    );
    let made_by: Option<Option<String>> = connection.query_row(&sql, [name], |row| row.get(0)).optional()?;
    Ok(made_by.flatten().is_some_and(|sql| {
        let mut words = sql.split_whitespace();
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        first.eq_ignore_ascii_case("create") && !second.eq_ignore_ascii_case("virtual")
    }))
}

/// The file's state as text; `None` where nothing proves that it stays the same.
fn state_of(path: &Path) -> Option<String> {
    if has_live_journal(path) {
        return None;
    }
    let mut header = [0; 28];
    let mut file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    file.read_exact(&mut header).ok()?;
    // Both versions are 1 in rollback-journal mode.
    if header[18] != 1 || header[19] != 1 {
        return None;
    }
    let counter = u32::from_be_bytes([header[24], header[25], header[26], header[27]]);
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    Some(format!("sqlite:{}:{}:{modified}:{counter}", identity(&metadata), metadata.len()))
}

/// A transaction is under way, or one that died has still to be rolled back.
fn has_live_journal(path: &Path) -> bool {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    let mut start = [0; 8];
    match File::open(PathBuf::from(journal)) {
        Err(error) => error.kind() != ErrorKind::NotFound,
        Ok(mut file) => file.read_exact(&mut start).is_ok() && start == JOURNAL_MAGIC,
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{}-{}", metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> String {
    String::new()
}

/// See [`dvt_adapter::Adapter::parts`]: ranges of the row id. Blocks.
pub(crate) fn parts(
    settings: &Settings,
    connection: &Connection,
    relation: &RelationName,
    rows: u64,
) -> Result<Vec<String>, AdapterError> {
    row_id_ranges(settings, connection, relation, rows).map_err(|error| adapter_error(settings, error))
}

fn row_id_ranges(
    settings: &Settings,
    connection: &Connection,
    relation: &RelationName,
    rows: u64,
) -> rusqlite::Result<Vec<String>> {
    let schema = relation.schema.as_deref().unwrap_or(&settings.schema);
    let columns: Vec<String> = connection
        .prepare("SELECT lower(name) FROM pragma_table_xinfo(?1, ?2)")?
        .query_map([&relation.identifier, schema], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    // A column of this name hides the row id.
    let Some(row_id) =
        ["rowid", "_rowid_", "oid"].into_iter().find(|name| !columns.iter().any(|column| column == name))
    else {
        return Ok(Vec::new());
    };
    let table = SQLITE.quote_path([schema, relation.identifier.as_str()]);
    let bounds = format!("SELECT min({row_id}), max({row_id}) FROM {table}");
    let asked =
        connection.query_row(&bounds, [], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)));
    // A table WITHOUT ROWID has none.
    let Ok((Some(least), Some(greatest))) = asked else { return Ok(Vec::new()) };
    let Some(span) = greatest.checked_sub(least) else { return Ok(Vec::new()) };
    let step = i64::try_from(rows).unwrap_or(i64::MAX).max(span / MOST_PARTS + 1).max(1);
    let starts: Vec<i64> = (1..=MOST_PARTS)
        .map_while(|part| part.checked_mul(step).and_then(|offset| least.checked_add(offset)))
        .take_while(|start| *start <= greatest)
        .collect();
    if starts.is_empty() {
        return Ok(Vec::new());
    }
    // The first and the last are open, so that together they hold every row.
    let mut parts = vec![format!("{row_id} < {}", starts[0])];
    parts.extend(starts.windows(2).map(|pair| format!("{row_id} >= {} AND {row_id} < {}", pair[0], pair[1])));
    parts.push(format!("{row_id} >= {}", starts[starts.len() - 1]));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(path: &Path) -> Settings {
        let output = json!({"type": "sqlite", "path": path.display().to_string()});
        Settings::from_profile("lite", output.as_object().unwrap(), Path::new("/")).unwrap()
    }

    fn table(name: &str) -> RelationName {
        RelationName::new(None, Some("main"), name)
    }

    #[test]
    fn a_token_changes_with_every_transaction_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = settings(&path);
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("create table t (n); insert into t values (1); create view v as select * from t")
            .unwrap();
        let now = |name: &str| token(&settings, &connection, &[table(name)]).unwrap();
        let first = now("t").expect("a table has a token");
        assert_eq!(now("t").as_ref(), Some(&first));
        assert_eq!(now("v"), None, "a view may read anything");
        assert_eq!(now("missing"), None);
        let mut seen = vec![first];
        for _ in 0..20 {
            // The size stays the same, and the clock may too.
            connection.execute_batch("update t set n = n + 1").unwrap();
            let next = now("t").unwrap();
            assert!(!seen.contains(&next), "{next}");
            seen.push(next);
        }
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch("update t set n = 0").unwrap();
        assert_eq!(now("t"), None, "in WAL mode the counter tells nothing");
    }

    #[test]
    fn a_transaction_under_way_has_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = settings(&path);
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("create table t (n)").unwrap();
        let mut journal = JOURNAL_MAGIC.to_vec();
        std::fs::write(folder.path().join("a.db-journal"), &journal).unwrap();
        assert_eq!(state_of(&path), None);
        // What `PRAGMA journal_mode = persist` leaves of one that ended.
        journal[0] = 0;
        std::fs::write(folder.path().join("a.db-journal"), &journal).unwrap();
        assert!(token(&settings, &connection, &[table("t")]).unwrap().is_some());
    }

    #[test]
    fn parts_hold_every_row_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = settings(&path);
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "create table t (n); create table far (id integer primary key); create table bare (id text primary key) without rowid;
                 create table named (rowid text, n); insert into named values ('x', 1), ('y', 2), ('z', 3);
                 insert into far values (-9000000000000000000), (0), (77), (9000000000000000000);
                 with recursive k(i) as (select 1 union all select i + 1 from k where i < 1000) insert into t select i from k;
                 delete from t where n % 7 = 0",
            )
            .unwrap();
        let count = |name: &str, condition: &str| -> i64 {
            let sql = format!("select count(*) from {name} where {condition}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        for (name, rows, least_parts) in [("t", 100, 10), ("t", 1, 250), ("named", 2, 2), ("t", 10_000, 0)] {
            let found = parts(&settings, &connection, &table(name), rows).unwrap();
            assert!(found.len() >= least_parts && found.len() <= 258, "{name} {rows}: {}", found.len());
            if !found.is_empty() {
                let sum: i64 = found.iter().map(|part| count(name, part)).sum();
                assert_eq!(sum, count(name, "true"), "{name} {rows}");
            }
        }
        assert!(parts(&settings, &connection, &table("bare"), 1).unwrap().is_empty());
        // The span of the ids does not fit a number: read in one go.
        assert!(parts(&settings, &connection, &table("far"), 1).unwrap().is_empty());
    }
}
