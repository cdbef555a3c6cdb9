//! CSV as RFC 4180 has it: a header, commas, double quotes doubled inside quotes, UTF-8.
//!
//! Nothing is guessed: every column is text, unless its type is written down beside the file. An empty field is NULL; a
//! quoted empty field `""` is the empty text.

use super::columns;
use crate::errors::Errors;
use crate::layout::FileTable;
use crate::names::Name;
use arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_diagnostics::did_you_mean;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// The columns: the header of the first file, which all files must share.
pub(super) fn schema(errors: &Errors, name: &Name, table: &FileTable) -> Result<SchemaRef, AdapterError> {
    let files = table.files().map_err(|error| errors.io("listing", name, error))?;
    let types = columns::of_files(errors, name, table)?;
    let header = match files.first() {
        Some(file) => Records::open(errors, name, table, file)?.header()?,
        None => types.keys().cloned().collect(),
    };
    for (index, column) in header.iter().enumerate() {
        if column.is_empty() || header[..index].contains(column) {
            let message = format!(
                "the header of `{name}` has {}",
                match column.as_str() {
                    "" => format!("no name for column {}", index + 1),
                    _ => format!("two columns named `{column}`"),
                }
            );
            return Err(errors.of(ErrorClass::Other, message).with_relation(name.relation()));
        }
    }
    if let Some(unknown) = types.keys().find(|column| !header.contains(column)) {
        let message = format!("a type is written down for column `{unknown}`, which `{name}` does not have");
        let error = errors.of(ErrorClass::MissingColumn, message).with_relation(name.relation()).with_column(unknown);
        return Err(match did_you_mean(unknown, header.iter().map(String::as_str)) {
            Some(known) => error.with_hint(format!("did you mean `{known}`?")),
            None => error,
        });
    }
    let fields = header.iter().map(|column| match types.get(column) {
        Some(text) => columns::field(errors, name, column, text),
        None => Ok(Field::new(column, DataType::Utf8, true)),
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
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
    let mut records = Records::open(errors, name, table, path)?;
    let header = records.header()?;
    let expected: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    if header.iter().collect::<Vec<_>>() != expected {
        return Err(records.wrong(1, "its header differs from that of the table's first file"));
    }
    let mut texts: Vec<StringBuilder> = header.iter().map(|_| StringBuilder::new()).collect();
    let (mut rows, mut first_line) = (0, records.line);
    loop {
        let line = records.line;
        let more = records.next()?;
        if more {
            if records.fields.len() != header.len() {
                let message = format!("it has {} fields, the header {}", records.fields.len(), header.len());
                return Err(records.wrong(line, &message));
            }
            for (field, text) in records.fields.iter().zip(&mut texts) {
                let value = std::str::from_utf8(&records.text[field.start..field.end])
                    .map_err(|_| records.wrong(line, "it is not UTF-8 text"))?;
                if value.is_empty() && !field.quoted { text.append_null() } else { text.append_value(value) }
            }
            rows += 1;
        }
        if rows == batch_rows || (!more && rows > 0) {
            let arrays: Vec<ArrayRef> = texts.iter_mut().map(|text| Arc::new(text.finish()) as ArrayRef).collect();
            let batch = typed(errors, name, path, schema, arrays, first_line)?;
            (rows, first_line) = (0, records.line);
            if !hand_on(batch) {
                return Ok(());
            }
        }
        if !more {
            return Ok(());
        }
    }
}

fn typed(
    errors: &Errors,
    name: &Name,
    path: &Path,
    schema: &SchemaRef,
    texts: Vec<ArrayRef>,
    first_line: u64,
) -> Result<RecordBatch, AdapterError> {
    let misfit = |field: &Field, problem: String| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let message = format!("column `{}` of `{name}`: {problem} ({file}, after line {first_line})", field.name());
        errors.of(ErrorClass::ValueDoesNotFit, message).with_relation(name.relation()).with_column(field.name())
    };
    let mut arrays = Vec::with_capacity(texts.len());
    for (text, field) in texts.iter().zip(schema.fields()) {
        if !field.is_nullable() && text.null_count() > 0 {
            return Err(misfit(field, "an empty field in a column that is `not null`".into()));
        }
        arrays.push(columns::cast_strictly(text, field.data_type()).map_err(|problem| misfit(field, problem))?);
    }
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|error| errors.query(error.into()))
}

struct FieldRange {
    start: usize,
    end: usize,
    quoted: bool,
}

/// Reads one record at a time.
struct Records<'a> {
    errors: &'a Errors,
    name: &'a Name,
    path: &'a Path,
    input: BufReader<Box<dyn Read + Send>>,
    /// The line that is read next, counted from 1.
    line: u64,
    /// The record's text without quotes, and where its fields are.
    text: Vec<u8>,
    fields: Vec<FieldRange>,
    raw: Vec<u8>,
}

impl<'a> Records<'a> {
    fn open(errors: &'a Errors, name: &'a Name, table: &FileTable, path: &'a Path) -> Result<Self, AdapterError> {
        let file = table.open(path).map_err(|error| errors.io("reading", name, error))?;
        let mut input = BufReader::with_capacity(1 << 18, file);
        let begins = input.fill_buf().map_err(|error| errors.io("reading", name, error))?;
        if begins.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        Ok(Self { errors, name, path, input, line: 1, text: Vec::new(), fields: Vec::new(), raw: Vec::new() })
    }

    fn wrong(&self, line: u64, problem: &str) -> AdapterError {
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("line {line} of `{file}` cannot be read as CSV: {problem}");
        self.errors.of(ErrorClass::Other, message).with_relation(self.name.relation())
    }

    fn header(&mut self) -> Result<Vec<String>, AdapterError> {
        if !self.next()? {
            return Err(self.wrong(1, "the file is empty; its first line must name the columns"));
        }
        let texts = self.fields.iter().map(|field| String::from_utf8(self.text[field.start..field.end].to_vec()));
        texts.collect::<Result<_, _>>().map_err(|_| self.wrong(1, "it is not UTF-8 text"))
    }

    /// Reads a record; false at the end of the file. Empty lines are no records, except that in a file of one column they
    /// are that column's NULL.
    fn next(&mut self) -> Result<bool, AdapterError> {
        loop {
            let begun = self.line;
            self.text.clear();
            let one_column = self.fields.len() == 1 && begun > 1;
            self.fields.clear();
            if !self.read_line()? {
                return Ok(false);
            }
            if trimmed(&self.raw).is_empty() && !one_column {
                continue;
            }
            self.split(begun)?;
            return Ok(true);
        }
    }

    fn read_line(&mut self) -> Result<bool, AdapterError> {
        self.raw.clear();
        let read = self
            .input
            .read_until(b'\n', &mut self.raw)
            .map_err(|error: io::Error| self.errors.io("reading", self.name, error))?;
        if read > 0 {
            self.line += 1;
        }
        Ok(read > 0)
    }

    /// Takes the line in `raw`, and those that a quoted field goes on in, apart.
    fn split(&mut self, begun: u64) -> Result<(), AdapterError> {
        let mut at = 0;
        loop {
            let start = self.text.len();
            let quoted = self.raw.get(at) == Some(&b'"');
            if quoted {
                at += 1;
                loop {
                    let Some(length) = self.raw[at..].iter().position(|byte| *byte == b'"') else {
                        self.text.extend_from_slice(&self.raw[at..]);
                        at = 0;
                        if !self.read_line()? {
                            return Err(self.wrong(begun, "a quote is never closed"));
                        }
                        continue;
                    };
                    self.text.extend_from_slice(&self.raw[at..at + length]);
                    at += length + 1;
                    if self.raw.get(at) == Some(&b'"') {
                        self.text.push(b'"');
                        at += 1;
                    } else {
                        break;
                    }
                }
            }
            let rest = &self.raw[at..];
            let length = rest.iter().position(|byte| *byte == b',');
            let field = match length {
                Some(length) => &rest[..length],
                None => trimmed(rest),
            };
            if quoted && !field.is_empty() {
                return Err(self.wrong(begun, "text follows a closing quote"));
            }
            if field.contains(&b'"') {
                return Err(self.wrong(begun, "a quote stands inside a field that does not begin with one"));
            }
            self.text.extend_from_slice(field);
            self.fields.push(FieldRange { start, end: self.text.len(), quoted });
            match length {
                Some(length) => at += length + 1,
                None => return Ok(()),
            }
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
