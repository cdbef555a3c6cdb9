//! CSV as the reader reads it: NULL is an empty field, the empty text is `""`.

use super::FileWriter;
use crate::errors::Errors;
use crate::names::Name;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use dvt_adapter::{AdapterError, UnsupportedType};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

const FORMAT: FormatOptions<'static> = FormatOptions::new().with_duration_format(DurationFormat::ISO8601);

/// CSV keeps what has one text that comes back as the same value.
pub(super) fn check(errors: &Errors, name: &Name, schema: &SchemaRef) -> Result<(), AdapterError> {
    for field in schema.fields() {
        let data_type = field.data_type();
        let keeps = data_type.is_numeric()
            || matches!(
                data_type,
                DataType::Boolean
                    | DataType::Utf8
                    | DataType::Date32
                    | DataType::Time32(_)
                    | DataType::Time64(_)
                    | DataType::Timestamp(..)
            );
        if !keeps {
            let error = UnsupportedType {
                column: field.name().clone(),
                data_type: data_type.to_string(),
                adapter_type: "filesystem (csv)".into(),
                reason: "a CSV field holds plain text only".into(),
            };
            return Err(super::unsupported(errors, name, error));
        }
    }
    Ok(())
}

pub(super) fn writer(
    errors: &Errors,
    name: &Name,
    path: &Path,
    schema: &SchemaRef,
) -> Result<Box<dyn FileWriter>, AdapterError> {
    let file = File::create_new(path).map_err(|error| errors.io("writing", name, error))?;
    let mut writer = CsvWriter {
        errors: errors.clone(),
        name: name.clone(),
        output: BufWriter::with_capacity(1 << 18, file),
        line: String::new(),
        bytes: 0,
    };
    for (index, field) in schema.fields().iter().enumerate() {
        if index > 0 {
            writer.line.push(',');
        }
        push_text(&mut writer.line, field.name());
    }
    writer.end_line()?;
    Ok(Box::new(writer))
}

struct CsvWriter {
    errors: Errors,
    name: Name,
    output: BufWriter<File>,
    line: String,
    bytes: u64,
}

impl CsvWriter {
    fn end_line(&mut self) -> Result<(), AdapterError> {
        self.line.push('\n');
        self.bytes += self.line.len() as u64;
        let written = self.output.write_all(self.line.as_bytes());
        self.line.clear();
        written.map_err(|error| self.errors.io("writing", &self.name, error))
    }
}

impl FileWriter for CsvWriter {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), AdapterError> {
        let formatters = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &FORMAT))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| self.errors.query(error.into()))?;
        for row in 0..batch.num_rows() {
            for (index, column) in batch.columns().iter().enumerate() {
                if index > 0 {
                    self.line.push(',');
                }
                if column.is_null(row) {
                    continue;
                }
                match column.as_string_opt::<i32>() {
                    Some(texts) => push_text(&mut self.line, texts.value(row)),
                    None => {
                        use std::fmt::Write;
                        write!(self.line, "{}", formatters[index].value(row)).map_err(|_| {
                            let message =
                                format!("a value of column `{}` has no text", batch.schema().field(index).name());
                            self.errors.of(dvt_adapter::ErrorClass::ValueDoesNotFit, message)
                        })?;
                    }
                }
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<u64, AdapterError> {
        self.output.flush().map_err(|error| self.errors.io("writing", &self.name, error))?;
        Ok(self.bytes)
    }
}

fn push_text(line: &mut String, text: &str) {
    let plain = !text.is_empty() && !text.contains([',', '"', '\n', '\r']);
    if plain {
        line.push_str(text);
        return;
    }
    line.push('"');
    for character in text.chars() {
        if character == '"' {
            line.push('"');
        }
        line.push(character);
    }
    line.push('"');
}
