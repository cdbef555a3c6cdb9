//! What Snowflake's information schema tells about relations, and its compiler about queries.

use super::Snowflake;
use super::types::{delivered_native, field_of};
use crate::run::{arrow_message, query};
use crate::vendor::Vendor;
use adbc_core::{Connection as _, Statement as _};
use adbc_driver_manager::ManagedConnection;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use dvt_adapter::{
    AdapterError, ColumnDescription, RelationDescription, RelationKind, RelationName, Statistics, TextComparison,
};
use dvt_sql::SNOWFLAKE;
use std::collections::BTreeMap;

pub(super) fn describe(
    snow: &Snowflake,
    connection: &mut ManagedConnection,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let mut described: Vec<Option<RelationDescription>> = vec![None; relations.len()];
    // Each database has an information schema of its own.
    let mut by_database: BTreeMap<String, Vec<(usize, String, String)>> = BTreeMap::new();
    for (index, relation) in relations.iter().enumerate() {
        let (database, schema) = snow.place(relation);
        by_database.entry(database.unwrap_or_default()).or_default().push((
            index,
            schema.unwrap_or_default(),
            relation.identifier.clone(),
        ));
    }
    for (database, asked) in by_database {
        let literal = |text: &str| SNOWFLAKE.string_literal(text);
        let wanted = asked.iter().map(|(_, schema, name)| {
            format!("(c.table_schema = {} and c.table_name = {})", literal(schema), literal(name))
        });
        let catalog = SNOWFLAKE.quote_path([database.as_str(), "INFORMATION_SCHEMA"]);
        let sql = format!(
            "select c.table_schema, c.table_name, coalesce(t.table_type, 'VIEW'), t.row_count, t.bytes, c.column_name, c.data_type, \
             c.numeric_precision, c.numeric_scale, c.is_nullable, c.ordinal_position \
             from {catalog}.columns as c left join {catalog}.tables as t \
             on t.table_schema = c.table_schema and t.table_name = c.table_name \
             where {} order by c.table_schema, c.table_name, c.ordinal_position",
            wanted.collect::<Vec<_>>().join(" or ")
        );
        for batch in batches(snow, connection, &sql)? {
            for row in 0..batch.num_rows() {
                let Some(found) = Found::of(&batch, row) else { continue };
                for (index, ..) in
                    asked.iter().filter(|(_, schema, name)| *schema == found.schema && *name == found.name)
                {
                    let relation = described[*index].get_or_insert_with(|| RelationDescription {
                        name: RelationName::new(Some(&database), Some(&found.schema), &found.name),
                        kind: found.kind,
                        columns: Vec::new(),
                        statistics: Statistics { rows: found.rows, bytes: found.bytes, ..Statistics::default() },
                    });
                    relation.columns.push(column(&found.column, found.native.clone(), found.nullable));
                }
            }
        }
    }
    precise_times(snow, connection, &mut described)?;
    Ok(described)
}

/// The information schema does not tell how many digits a time has; the statement that describes a table does.
fn precise_times(
    snow: &Snowflake,
    connection: &mut ManagedConnection,
    described: &mut [Option<RelationDescription>],
) -> Result<(), AdapterError> {
    for relation in described.iter_mut().flatten() {
        let has_times = relation.columns.iter().any(|column| column.native_type.starts_with("TIME"));
        if !has_times {
            continue;
        }
        let sql = format!("describe table {}", snow.sql_name(&relation.name));
        for batch in batches(snow, connection, &sql)? {
            for row in 0..batch.num_rows() {
                let (Some(name), Some(native)) = (text(batch.column(0), row), text(batch.column(1), row)) else {
                    continue;
                };
                let found = relation.columns.iter_mut().find(|column| column.name == name);
                if let Some(found) = found.filter(|column| column.native_type.starts_with("TIME")) {
                    let nullable = found.field.as_ref().is_ok_and(arrow::datatypes::Field::is_nullable);
                    *found = column(&name, native, nullable);
                }
            }
        }
    }
    Ok(())
}

struct Found {
    schema: String,
    name: String,
    kind: RelationKind,
    rows: Option<u64>,
    bytes: Option<u64>,
    column: String,
    native: String,
    nullable: bool,
}

impl Found {
    fn of(batch: &RecordBatch, row: usize) -> Option<Self> {
        let number = |index: usize| number(batch.column(index), row);
        let kind = match text(batch.column(2), row)?.as_str() {
            "VIEW" => RelationKind::View,
            "MATERIALIZED VIEW" => RelationKind::MaterializedView,
            "EXTERNAL TABLE" => RelationKind::External,
            _ => RelationKind::Table,
        };
        let native = match (text(batch.column(6), row)?, number(7), number(8)) {
            (kind, Some(precision), Some(scale)) if kind == "NUMBER" => format!("NUMBER({precision},{scale})"),
            (kind, ..) if kind == "TEXT" => "VARCHAR".to_owned(),
            (kind, ..) => kind,
        };
        let unsigned = |number: Option<i128>| number.and_then(|number| u64::try_from(number).ok());
        Some(Self {
            schema: text(batch.column(0), row)?,
            name: text(batch.column(1), row)?,
            kind,
            rows: unsigned(number(3)).filter(|_| kind == RelationKind::Table),
            bytes: unsigned(number(4)).filter(|_| kind == RelationKind::Table),
            column: text(batch.column(5), row)?,
            native,
            nullable: text(batch.column(9), row).as_deref() != Some("NO"),
        })
    }
}

fn column(name: &str, native: String, nullable: bool) -> ColumnDescription {
    ColumnDescription {
        field: field_of(name, &native, nullable),
        // A column may have a collation that the information schema of one database tells and of another does not.
        comparison: TextComparison::Binary,
        name: name.to_owned(),
        native_type: native,
    }
}

/// The columns of a query that is compiled and not run.
pub(super) fn describe_query(
    snow: &Snowflake,
    connection: &mut ManagedConnection,
    sql: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let failed = |error: adbc_core::error::Error| snow.error(&error.message);
    let mut statement = connection.new_statement().map_err(failed)?;
    statement.set_sql_query(sql.trim().trim_end_matches(';')).map_err(failed)?;
    let schema = statement.execute_schema().map_err(failed)?;
    Ok(schema.fields().iter().map(|field| column(field.name(), delivered_native(field), true)).collect())
}

fn batches(snow: &Snowflake, connection: &mut ManagedConnection, sql: &str) -> Result<Vec<RecordBatch>, AdapterError> {
    let rows = query(snow, connection, sql)?;
    rows.reader.map(|batch| batch.map_err(|error| snow.error(&arrow_message(&error)))).collect()
}

fn text(values: &ArrayRef, row: usize) -> Option<String> {
    (*values.data_type() == DataType::Utf8 && values.is_valid(row))
        .then(|| values.as_string::<i32>().value(row).to_owned())
}

/// A whole number, which comes as a decimal.
pub(super) fn number(values: &ArrayRef, row: usize) -> Option<i128> {
    if values.is_null(row) {
        return None;
    }
    match values.data_type() {
        DataType::Decimal128(_, 0) => Some(values.as_primitive::<Decimal128Type>().value(row)),
        DataType::Int64 => Some(i128::from(values.as_primitive::<Int64Type>().value(row))),
        _ => None,
    }
}
