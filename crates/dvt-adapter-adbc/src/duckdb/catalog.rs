//! What DuckDB's catalog functions tell about relations and queries.
//!
//! Source: DuckDB docs, "DuckDB_% Metadata Functions". Names are compared without case, as DuckDB does.

use super::DuckDb;
use super::types::{DuckType, field_of};
use crate::run::{arrow_message, query};
use crate::vendor::Vendor;
use adbc_driver_manager::ManagedConnection;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use dvt_adapter::{
    AdapterError, ColumnDescription, RelationDescription, RelationKind, RelationName, Statistics, TextComparison,
};

/// One row of the catalog query: a column with its relation.
struct Found {
    asked: usize,
    name: RelationName,
    is_view: bool,
    is_loose: bool,
    rows: Option<u64>,
    column: String,
    native: String,
    nullable: bool,
}

pub(super) fn describe(
    duck: &DuckDb,
    connection: &mut ManagedConnection,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let mut described: Vec<Option<RelationDescription>> = vec![None; relations.len()];
    if relations.is_empty() {
        return Ok(described);
    }
    let literal = |text: &str| dvt_sql::DUCKDB.string_literal(text);
    let asked = relations.iter().enumerate().map(|(index, relation)| {
        let (database, schema) = duck.place(relation);
        format!(
            "({index}, {}, {}, {})",
            literal(&database.unwrap_or_default()),
            literal(&schema.unwrap_or_default()),
            literal(&relation.identifier)
        )
    });
    // The collation of a column is told nowhere but in the text that makes the table; a view may take it from any table.
    let sql = format!(
        "SELECT CAST(a.n AS BIGINT), c.database_name, c.schema_name, c.table_name, v.view_name IS NOT NULL,
           current_setting('default_collation') <> '' OR CASE WHEN v.view_name IS NULL THEN t.sql ILIKE '%collate%'
             ELSE EXISTS (SELECT 1 FROM duckdb_tables() WHERE sql ILIKE '%collate%') OR v.sql ILIKE '%collate%' END,
           CAST(t.estimated_size AS BIGINT), c.column_name, c.data_type, c.is_nullable
         FROM (VALUES {}) AS a (n, d, s, r)
         JOIN duckdb_columns() AS c
           ON lower(c.database_name) = lower(a.d) AND lower(c.schema_name) = lower(a.s)
           AND lower(c.table_name) = lower(a.r)
         LEFT JOIN duckdb_tables() AS t ON t.database_name = c.database_name AND t.schema_name = c.schema_name
           AND t.table_name = c.table_name
         LEFT JOIN duckdb_views() AS v ON v.database_name = c.database_name AND v.schema_name = c.schema_name
           AND v.view_name = c.table_name
         ORDER BY a.n, c.column_index",
        asked.collect::<Vec<_>>().join(", ")
    );
    for batch in rows(duck, connection, &sql)? {
        for row in 0..batch.num_rows() {
            let Some(found) = found(&batch, row) else { continue };
            let Some(slot) = described.get_mut(found.asked) else { continue };
            let relation = slot.get_or_insert_with(|| RelationDescription {
                name: found.name,
                kind: if found.is_view { RelationKind::View } else { RelationKind::Table },
                columns: Vec::new(),
                statistics: Statistics { rows: found.rows.filter(|_| !found.is_view), ..Statistics::default() },
            });
            relation.columns.push(column(found.column, found.native, found.nullable, found.is_loose));
        }
    }
    Ok(described)
}

fn found(batch: &RecordBatch, row: usize) -> Option<Found> {
    let text = |index: usize| text_at(batch.column(index), row);
    let flag = |index: usize| {
        batch.column(index).as_boolean_opt().is_some_and(|flags| flags.is_valid(row) && flags.value(row))
    };
    let number = |index: usize| {
        let numbers = batch.column(index).as_primitive_opt::<Int64Type>()?;
        numbers.is_valid(row).then(|| numbers.value(row))
    };
    Some(Found {
        asked: usize::try_from(number(0)?).ok()?,
        name: RelationName { database: text(1), schema: text(2), identifier: text(3)? },
        is_view: flag(4),
        is_loose: flag(5),
        rows: number(6).and_then(|rows| u64::try_from(rows).ok()),
        column: text(7)?,
        native: text(8)?,
        nullable: flag(9),
    })
}

fn column(name: String, native: String, nullable: bool, is_loose: bool) -> ColumnDescription {
    let is_text = DuckType::parse(&native) == DuckType::Varchar;
    ColumnDescription {
        field: field_of(&name, &native, nullable),
        comparison: match is_loose && is_text {
            true => TextComparison::Loose { collation: "a collation of DuckDB".to_owned() },
            false => TextComparison::Binary,
        },
        name,
        native_type: native,
    }
}

/// The columns of a query that is not run.
pub(super) fn describe_query(
    duck: &DuckDb,
    connection: &mut ManagedConnection,
    sql: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let mut columns = Vec::new();
    for batch in rows(duck, connection, &format!("DESCRIBE {}", sql.trim().trim_end_matches(';')))? {
        for row in 0..batch.num_rows() {
            if let (Some(name), Some(native)) = (text_at(batch.column(0), row), text_at(batch.column(1), row)) {
                columns.push(column(name, native, true, true));
            }
        }
    }
    Ok(columns)
}

fn rows(duck: &DuckDb, connection: &mut ManagedConnection, sql: &str) -> Result<Vec<RecordBatch>, AdapterError> {
    let rows = query(duck, connection, sql)?;
    let given = crate::session::given_schema(duck, &rows.reader.schema())?;
    let mut batches = Vec::new();
    for batch in rows.reader {
        let batch = batch.map_err(|error| duck.error(&arrow_message(&error)))?;
        batches.push(crate::session::decode(duck, &batch, &given)?);
    }
    Ok(batches)
}

fn text_at(values: &ArrayRef, row: usize) -> Option<String> {
    (*values.data_type() == DataType::Utf8 && values.is_valid(row))
        .then(|| values.as_string::<i32>().value(row).to_owned())
}
