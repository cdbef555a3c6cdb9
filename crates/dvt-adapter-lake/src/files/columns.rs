//! The columns of CSV and JSON tables that are written down beside them, and strict casts.
//!
//! `_columns.json` in a table's folder, or `<table>.columns.json` beside a single file, is one JSON object: column name to
//! type text, `{"id": "bigint", "ordered_at": "timestamp"}`. A text that ends in `not null` allows no NULL. Columns that it
//! does not name are text.

use crate::errors::Errors;
use crate::layout::{FileTable, partition_value};
use crate::names::Name;
use crate::types;
use arrow::array::{Array, ArrayRef, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, ErrorClass, strict_cast};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The types that are written down for the columns of a table's files.
pub(super) fn of_files(errors: &Errors, name: &Name, table: &FileTable) -> Result<Map<String, Value>, AdapterError> {
    let mut types = read(errors, name, table)?;
    if !types.is_empty() {
        let files = table.files().map_err(|error| errors.io("listing", name, error))?;
        for column in table.partitions(&files) {
            types.remove(&column);
        }
    }
    Ok(types)
}

/// The columns that the names of folders hold and the files do not.
pub(super) fn in_folders(
    errors: &Errors,
    name: &Name,
    table: &FileTable,
    files: &[PathBuf],
    schema: &Schema,
) -> Result<Vec<Arc<Field>>, AdapterError> {
    let columns = table.partitions(files);
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let types = read(errors, name, table)?;
    let own = columns.iter().filter(|column| schema.field_with_name(column).is_err());
    own.map(|column| {
        Ok(Arc::new(match types.get(column) {
            Some(text) => field(errors, name, column, text)?,
            None => Field::new(column, DataType::Utf8, true),
        }))
    })
    .collect()
}

/// The values of these columns for one file, as arrays of one row.
pub(super) fn values_in_folders(
    errors: &Errors,
    name: &Name,
    table: &FileTable,
    file: &Path,
    columns: &[Arc<Field>],
) -> Result<Vec<ArrayRef>, AdapterError> {
    let value = |field: &Arc<Field>| {
        let text: ArrayRef = Arc::new(StringArray::from(vec![partition_value(&table.path, file, field.name())]));
        cast_strictly(&text, field.data_type()).map_err(|problem| {
            let message =
                format!("column `{}` of `{name}`: {problem} (in the path `{}`)", field.name(), file.display());
            let error = errors.of(ErrorClass::ValueDoesNotFit, message).with_relation(name.relation());
            error.with_column(field.name())
        })
    };
    columns.iter().map(value).collect()
}

/// The types that are written down for a table; empty when there is no such file.
pub(super) fn read(errors: &Errors, name: &Name, table: &FileTable) -> Result<Map<String, Value>, AdapterError> {
    let path = table.columns_file();
    let text = match table.columns_text() {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(Map::new()),
        Err(error) => return Err(errors.io("reading the columns of", name, error)),
    };
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("`{}` is no JSON object of column types: {error}", path.display());
        errors.of(ErrorClass::Configuration, message).with_relation(name.relation()).with_cause(error)
    })
}

/// The field that a type text makes of a column.
pub(super) fn field(errors: &Errors, name: &Name, column: &str, text: &Value) -> Result<Field, AdapterError> {
    let wrong = |problem: String| {
        errors
            .of(ErrorClass::Configuration, format!("the type of column `{column}` of `{name}`: {problem}"))
            .with_relation(name.relation())
            .with_column(column)
    };
    let text = text.as_str().ok_or_else(|| wrong("it must be text".into()))?;
    let (text, nullable) = match text.strip_suffix(" not null") {
        Some(text) => (text, false),
        None => (text, true),
    };
    types::lake_field(column, text, nullable, None).map_err(wrong)
}

/// Writes the columns of a new table down.
pub(super) fn write(errors: &Errors, name: &Name, folder: &Path, schema: &SchemaRef) -> Result<(), AdapterError> {
    let path = folder.join("_columns.json");
    if path.exists() {
        return Ok(());
    }
    let mut columns = Map::new();
    for field in schema.fields() {
        let text = types::column_type(field).map_err(|error| super::unsupported(errors, name, error))?;
        let text = if field.is_nullable() { text } else { format!("{text} not null") };
        if columns.insert(field.name().clone(), Value::String(text)).is_some() {
            return Err(errors.of(ErrorClass::Other, format!("`{name}` has two columns named `{}`", field.name())));
        }
    }
    let text = format!("{:#}\n", Value::Object(columns));
    std::fs::write(&path, text).map_err(|error| errors.io("writing the columns of", name, error))
}

/// The array as another type, every value exactly: one that does not fit is an error with its text. A bare NULL is of any
/// type.
///
/// # Errors
/// A sentence that says which value does not fit which type.
pub(crate) fn cast_strictly(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    if array.data_type() == &DataType::Null {
        return Ok(new_null_array(to, array.len()));
    }
    strict_cast(array, to).map_err(|problem| problem.to_string())
}
