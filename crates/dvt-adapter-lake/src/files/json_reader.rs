//! JSON with one object a line.
//!
//! The types are those of all values of all files, unless they are written down beside them. Values of one key that have
//! no common type are an error that names the key and the line, never a guess.

use super::columns;
use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::ReaderBuilder;
use dvt_adapter::{AdapterError, ErrorClass};
use serde_json::{Map, Number, Value};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

/// The type of a key, as far as it has been seen.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Null,
    Boolean,
    Integer,
    /// Integers of which one is larger than a floating-point number keeps exactly.
    LargeInteger,
    /// Integers of which one is larger than 64 signed bits.
    Unsigned,
    Number,
    Text,
    List(Box<Seen>),
    Object(Vec<(String, Seen)>),
}

/// Integers beyond this are not all exact as a floating-point number.
const EXACT_INTEGER: u64 = 1 << 53;

pub(super) fn schema(errors: &Errors, name: &Name, table: &FileTable) -> Result<SchemaRef, AdapterError> {
    let written = columns::of_files(errors, name, table)?;
    let mut seen: Vec<(String, Seen)> = Vec::new();
    for path in table.files().map_err(|error| errors.io("listing", name, error))? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let input =
            BufReader::with_capacity(1 << 18, table.open(&path).map_err(|error| errors.io("reading", name, error))?);
        for (index, line) in input.lines().enumerate() {
            let wrong = |class: ErrorClass, problem: String| {
                errors.of(class, format!("line {} of `{file}`: {problem}", index + 1)).with_relation(name.relation())
            };
            let line = line.map_err(|error| errors.io("reading", name, error))?;
            if line.trim().is_empty() {
                continue;
            }
            let object = match serde_json::from_str::<Value>(&line) {
                Ok(Value::Object(object)) => object,
                Ok(Value::Array(_)) => {
                    return Err(wrong(ErrorClass::Other, "a JSON table is one object a line, not one array".into())
                        .with_hint("convert it with `jq -c '.[]'`"));
                }
                Ok(_) => return Err(wrong(ErrorClass::Other, "a JSON table is one object a line".into())),
                Err(error) => return Err(wrong(ErrorClass::Other, format!("it is not JSON: {error}"))),
            };
            merge_object(&mut seen, &object, &written).map_err(|(column, problem)| {
                wrong(ErrorClass::ValueDoesNotFit, format!("column `{column}` {problem}"))
                    .with_column(column.clone())
                    .with_hint(format!("write its type down in `{}`", table.columns_file().display()))
            })?;
        }
    }
    for column in written.keys() {
        if !seen.iter().any(|(key, _)| key == column) {
            seen.push((column.clone(), Seen::Null));
        }
    }
    let fields = seen.iter().map(|(column, seen)| match written.get(column) {
        Some(text) => columns::field(errors, name, column, text),
        None => Ok(Field::new(column, arrow_type(seen), true)),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

fn merge_object(
    seen: &mut Vec<(String, Seen)>,
    object: &Map<String, Value>,
    written: &Map<String, Value>,
) -> Result<(), (String, String)> {
    for (key, value) in object {
        let position = match seen.iter().position(|(known, _)| known == key) {
            Some(position) => position,
            None => {
                seen.push((key.clone(), Seen::Null));
                seen.len() - 1
            }
        };
        if !written.contains_key(key) {
            merge(&mut seen[position].1, value).map_err(|problem| (key.clone(), problem))?;
        }
    }
    Ok(())
}

fn merge(seen: &mut Seen, value: &Value) -> Result<(), String> {
    let found = match value {
        Value::Null => return Ok(()),
        Value::Bool(_) => Seen::Boolean,
        Value::String(_) => Seen::Text,
        Value::Number(number) => seen_number(number)?,
        Value::Array(items) => {
            if *seen == Seen::Null {
                *seen = Seen::List(Box::new(Seen::Null));
            }
            let Seen::List(item) = seen else { return Err(conflict(seen, "an array")) };
            return items.iter().try_for_each(|value| merge(item, value));
        }
        Value::Object(object) => {
            if *seen == Seen::Null {
                *seen = Seen::Object(Vec::new());
            }
            let Seen::Object(fields) = seen else { return Err(conflict(seen, "an object")) };
            return merge_object(fields, object, &Map::new())
                .map_err(|(key, problem)| format!("(key `{key}`) {problem}"));
        }
    };
    let merged = match (&*seen, found) {
        (Seen::Null, found) => found,
        (seen, found) if *seen == found => found,
        (Seen::Integer | Seen::LargeInteger, Seen::Unsigned) | (Seen::Unsigned, Seen::Integer | Seen::LargeInteger) => {
            Seen::Unsigned
        }
        (Seen::Integer, Seen::LargeInteger) | (Seen::LargeInteger, Seen::Integer) => Seen::LargeInteger,
        (Seen::LargeInteger | Seen::Unsigned, Seen::Number) | (Seen::Number, Seen::LargeInteger | Seen::Unsigned) => {
            return Err("holds both fractions and an integer that no fraction type keeps exactly".into());
        }
        (Seen::Integer, Seen::Number) | (Seen::Number, Seen::Integer) => Seen::Number,
        (seen, found) => return Err(conflict(seen, describe(&found))),
    };
    *seen = merged;
    Ok(())
}

fn seen_number(number: &Number) -> Result<Seen, String> {
    if let Some(integer) = number.as_i64() {
        return Ok(if integer.unsigned_abs() > EXACT_INTEGER { Seen::LargeInteger } else { Seen::Integer });
    }
    if number.is_u64() {
        return Ok(Seen::Unsigned);
    }
    match number.as_f64() {
        // Digits without a point that are too many for an integer have lost some of them here.
        Some(value) if value.fract() == 0.0 && value.abs() > EXACT_INTEGER as f64 => {
            Err("holds a number with more digits than a 64-bit integer has".into())
        }
        _ => Ok(Seen::Number),
    }
}

fn conflict(seen: &Seen, found: &str) -> String {
    format!("is {found} here and {} before", describe(seen))
}

fn describe(seen: &Seen) -> &'static str {
    match seen {
        Seen::Null => "null",
        Seen::Boolean => "true or false",
        Seen::Integer | Seen::LargeInteger | Seen::Unsigned => "an integer",
        Seen::Number => "a number",
        Seen::Text => "text",
        Seen::List(_) => "an array",
        Seen::Object(_) => "an object",
    }
}

fn arrow_type(seen: &Seen) -> DataType {
    match seen {
        Seen::Null | Seen::Text => DataType::Utf8,
        Seen::Boolean => DataType::Boolean,
        Seen::Integer | Seen::LargeInteger => DataType::Int64,
        // Negative values beside such large ones need more than either 64-bit type.
        Seen::Unsigned => DataType::Decimal128(20, 0),
        Seen::Number => DataType::Float64,
        Seen::List(item) => DataType::List(Arc::new(Field::new("item", arrow_type(item), true))),
        Seen::Object(fields) if fields.is_empty() => DataType::Utf8,
        Seen::Object(fields) => {
            DataType::Struct(fields.iter().map(|(key, seen)| Field::new(key, arrow_type(seen), true)).collect())
        }
    }
}

pub(super) fn read(
    errors: &Errors,
    name: &Name,
    table: &FileTable,
    path: &Path,
    schema: &SchemaRef,
    batch_rows: usize,
    hand_on: &mut dyn FnMut(RecordBatch) -> bool,
) -> Result<(), AdapterError> {
    let file = table.open(path).map_err(|error| errors.io("reading", name, error))?;
    let broken = |error: arrow::error::ArrowError| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let made = errors.of(ErrorClass::ValueDoesNotFit, format!("`{file}` of `{name}`: {error}"));
        let column = schema.fields().iter().find(|field| made.message.contains(&format!("'{}'", field.name())));
        let made = made.with_relation(name.relation()).with_cause(error);
        match column {
            Some(field) => made.with_column(field.name()),
            None => made,
        }
    };
    let reader = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(batch_rows)
        .with_strict_mode(true)
        .build(BufReader::with_capacity(1 << 18, file))
        .map_err(broken)?;
    for batch in reader {
        if !hand_on(batch.map_err(broken)?) {
            return Ok(());
        }
    }
    Ok(())
}
