//! The columns of CSV and JSON tables that are written down beside them, and strict casts.
//!
//! `_columns.json` in a table's folder, or `<table>.columns.json` beside a single file, is one JSON object: column name to
//! type text, `{"id": "bigint", "ordered_at": "timestamp"}`. A text that ends in `not null` allows no NULL. Columns that it
//! does not name are text.

use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use crate::types;
use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType, Field, SchemaRef};
use dvt_adapter::{AdapterError, ErrorClass, strict_cast};
use serde_json::{Map, Value};
use std::io;
use std::path::Path;

/// The types that are written down for a table; empty when there is no such file.
pub(super) fn read(errors: &Errors, name: &Name, table: &FileTable) -> Result<Map<String, Value>, AdapterError> {
    let path = table.columns_file();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
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
