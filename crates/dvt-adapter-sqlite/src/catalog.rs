//! What the schema tables tell about relations.

use crate::errors::adapter_error;
use crate::profile::Settings;
use crate::types::of_declared;
use dvt_adapter::{AdapterError, KeyDescription, RelationDescription, RelationKind, RelationName, Statistics};
use dvt_sql::SQLITE;
use rusqlite::{Connection, OptionalExtension};

pub(crate) fn describe(
    settings: &Settings,
    connection: &Connection,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    relations
        .iter()
        .map(|relation| {
            let schema = relation.schema.as_deref().unwrap_or(&settings.schema);
            describe_one(connection, schema, &relation.identifier).map_err(|error| adapter_error(settings, error))
        })
        .collect()
}

fn describe_one(connection: &Connection, schema: &str, wanted: &str) -> rusqlite::Result<Option<RelationDescription>> {
    let is_attached: bool = connection.query_row(
        "SELECT count(*) > 0 FROM pragma_database_list WHERE name = ?1 COLLATE NOCASE",
        [schema],
        |row| row.get(0),
    )?;
    if !is_attached {
        return Ok(None);
    }
    let quoted = SQLITE.quote_identifier(schema);
    let sql = format!(
        "SELECT name, type FROM {quoted}.sqlite_master WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')"
    );
    let found = connection
        .query_row(&sql, [wanted], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((name, kind)) = found else { return Ok(None) };
    let is_view = kind == "view";

    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1, ?2) ORDER BY cid")?;
    let columns = statement
        .query_map([&name, schema], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, bool>(2)?,
                row.get::<_, i64>(3)?,
                row.get::<_, i64>(4)?,
            ))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let is_single_key = columns.iter().filter(|column| column.3 > 0).count() == 1;
    let mut primary: Vec<(i64, String)> =
        columns.iter().filter(|column| column.3 > 0).map(|column| (column.3, column.0.clone())).collect();
    primary.sort();
    let columns = columns
        .into_iter()
        // Hidden columns of virtual tables; generated ones are shown.
        .filter(|(.., hidden)| *hidden != 1)
        .map(|(column, declared, is_not_null, key, _)| {
            let collation = if is_view {
                None
            } else {
                let (_, collation, ..) = connection.column_metadata(Some(schema), name.as_str(), column.as_str())?;
                collation.map(|collation| collation.to_string_lossy().to_uppercase())
            };
            // The row's own number is never NULL; other keys may be, for history's sake.
            let is_row_number = key > 0 && is_single_key && declared.eq_ignore_ascii_case("integer");
            Ok(of_declared(&column, &declared, !is_not_null && !is_row_number, collation.as_deref()))
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let statistics = if is_view {
        Statistics::default()
    } else {
        let keys = match primary.is_empty() {
            true => Vec::new(),
            false => {
                vec![KeyDescription {
                    columns: primary.into_iter().map(|(_, column)| column).collect(),
                    is_unique: true,
                }]
            }
        };
        Statistics { keys, ..statistics(connection, schema, &name, columns.len()) }
    };
    Ok(Some(RelationDescription {
        name: RelationName::new(None, Some(schema), &name),
        kind: if is_view { RelationKind::View } else { RelationKind::Table },
        columns,
        statistics,
    }))
}

/// What ANALYZE left, else the last row number, which no more than the file's bytes can hold. Both cost no scan.
fn statistics(connection: &Connection, schema: &str, table: &str, columns: usize) -> Statistics {
    let quoted = SQLITE.quote_identifier(schema);
    let analyzed = connection
        .query_row(&format!("SELECT stat FROM {quoted}.sqlite_stat1 WHERE tbl = ?1 LIMIT 1"), [table], |row| {
            row.get::<_, String>(0)
        })
        .ok()
        .and_then(|stat| stat.split_whitespace().next()?.parse().ok());
    let bytes: Option<u64> = connection
        .query_row("SELECT page_count * page_size FROM pragma_page_count(?1), pragma_page_size(?1)", [schema], |row| {
            row.get::<_, i64>(0)
        })
        .ok()
        .and_then(|bytes| u64::try_from(bytes).ok());
    let last_row = || {
        let path = SQLITE.quote_path([schema, table]);
        let last: Option<i64> =
            connection.query_row(&format!("SELECT max(rowid) FROM {path}"), [], |row| row.get(0)).ok()?;
        let most = bytes? / (columns as u64 + 2);
        Some(u64::try_from(last.unwrap_or(0)).unwrap_or(0).min(most))
    };
    Statistics { rows: analyzed.or_else(last_row), ..Statistics::default() }
}
