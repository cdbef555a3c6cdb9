//! JSON with one object a line; NULLs are written as `null`.

use super::FileWriter;
use crate::errors::Errors;
use crate::names::Name;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use dvt_adapter::{AdapterError, ErrorClass, UnsupportedType};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// JSON keeps what reads back as the same value when its type is known.
pub(super) fn check(errors: &Errors, name: &Name, schema: &SchemaRef) -> Result<(), AdapterError> {
    for field in schema.fields() {
        if !keeps(field.data_type()) {
            let error = UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                adapter_type: "filesystem (json)".into(),
                reason: "JSON has no value that comes back as the same".into(),
            };
            return Err(super::unsupported(errors, name, error));
        }
    }
    Ok(())
}

fn keeps(data_type: &DataType) -> bool {
    match data_type {
        DataType::Float16 => false,
        DataType::Boolean
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..) => true,
        DataType::List(item) => keeps(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| keeps(field.data_type())),
        other => other.is_numeric(),
    }
}

pub(super) fn writer(
    errors: &Errors,
    name: &Name,
    path: &Path,
    _schema: &SchemaRef,
) -> Result<Box<dyn FileWriter>, AdapterError> {
    let file = File::create_new(path).map_err(|error| errors.io("writing", name, error))?;
    let output = Counted { inner: BufWriter::with_capacity(1 << 18, file), bytes: 0 };
    let writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(output);
    Ok(Box::new(JsonWriter { errors: errors.clone(), name: name.clone(), writer }))
}

struct JsonWriter {
    errors: Errors,
    name: Name,
    writer: arrow::json::Writer<Counted, LineDelimited>,
}

impl FileWriter for JsonWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), AdapterError> {
        for (column, field) in batch.columns().iter().zip(batch.schema().fields()) {
            if has_special_number(column.as_ref()) {
                let message = format!("column `{}` holds NaN or infinity, which JSON cannot say", field.name());
                let error = self.errors.of(ErrorClass::ValueDoesNotFit, message);
                return Err(error.with_relation(self.name.relation()).with_column(field.name()));
            }
        }
        self.writer.write(batch).map_err(|error| self.errors.query(error.into()))
    }

    fn finish(mut self: Box<Self>) -> Result<u64, AdapterError> {
        self.writer.finish().map_err(|error| self.errors.query(error.into()))?;
        let mut output = self.writer.into_inner();
        output.flush().map_err(|error| self.errors.io("writing", &self.name, error))?;
        Ok(output.bytes)
    }
}

fn has_special_number(array: &dyn Array) -> bool {
    match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().flatten().any(|value| !value.is_finite()),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().any(|value| !value.is_finite()),
        DataType::List(_) => has_special_number(array.as_list::<i32>().values().as_ref()),
        DataType::Struct(_) => array.as_struct().columns().iter().any(|column| has_special_number(column.as_ref())),
        _ => false,
    }
}

struct Counted {
    inner: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
