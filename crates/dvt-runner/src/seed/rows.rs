//! The second pass over a seed's file: its rows as Arrow batches.

use super::exact::{exact_boolean, exact_date, exact_decimal, exact_float, exact_integer, exact_timestamp, is_exact};
use super::infer::{line, next_record, open};
use super::values::{
    Kind, is_null, parse_boolean, parse_date, parse_datetime, parse_iso_datetime, parse_number, plain_fraction,
    plain_integer,
};
use super::{SeedError, SeedFile};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, SchemaRef, i256};
use csv::StringRecord;
use dvt_adapter::{AdapterError, BatchStream, ErrorClass};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows in a batch; wide text makes it end earlier.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;

/// The file's rows, as its own schema has them or its exact one. They are read on a thread of their own, no faster than
/// they are taken. `turned_out` is told when a row is other than the first pass, which did not come so far, took for granted.
pub(crate) fn stream_rows(
    seed: Arc<SeedFile>,
    schema: SchemaRef,
    connection: String,
    turned_out: Arc<AtomicBool>,
) -> BatchStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let send = |batch| sender.blocking_send(batch).is_ok();
        if let Err(error) = read_rows(&seed, &schema, |batch| send(Ok(batch))) {
            turned_out.store(!seed.is_whole, Ordering::Release);
            let diagnostic = error.diagnostic(&seed.options.path, &seed.options.shown_path);
            send(Err(
                AdapterError::new(ErrorClass::Other, connection, diagnostic.message.clone()).with_cause(diagnostic)
            ));
        }
    });
    futures::stream::unfold(
        receiver,
        |mut receiver| async move { receiver.recv().await.map(|batch| (batch, receiver)) },
    )
    .boxed()
}

/// All rows at once: for templates, which see a seed's rows as a table.
pub(crate) fn collect_batches(seed: &SeedFile) -> Result<Vec<RecordBatch>, SeedError> {
    let mut batches = Vec::new();
    read_rows(seed, &seed.schema(), |batch| {
        batches.push(batch);
        true
    })?;
    Ok(batches)
}

/// Hands over batch after batch until the end, or until `take` wants no more.
pub(super) fn read_rows(
    seed: &SeedFile,
    schema: &SchemaRef,
    mut take: impl FnMut(RecordBatch) -> bool,
) -> Result<(), SeedError> {
    let path = &seed.options.shown_path;
    let readings: Vec<Reading> = (seed.columns.iter().zip(schema.fields()))
        .map(|(column, field)| match &column.column_type {
            Some(_) if *field.data_type() != column.data_type => Reading::Exact(field.data_type().clone()),
            _ => Reading::As(column.kind),
        })
        .collect();
    let mut reader = open(&seed.options)?;
    let mut record = StringRecord::new();
    next_record(&mut reader, &mut record, path)?;
    loop {
        let mut builders: Vec<Builder> = schema.fields().iter().map(|field| Builder::new(field.data_type())).collect();
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES && next_record(&mut reader, &mut record, path)? {
            if !seed.is_whole && !is_like_the_first(seed, &record) {
                return Err(SeedError::Changed { path: path.clone(), line: line(&record), column: String::new() });
            }
            for (index, (builder, reading)) in builders.iter_mut().zip(&readings).enumerate() {
                let text = record.get(index).unwrap_or_default();
                if builder.append(reading, text).is_none() {
                    let column = seed.columns[index].name.clone();
                    return Err(SeedError::Changed { path: path.clone(), line: line(&record), column });
                }
            }
            rows += 1;
            bytes += record.as_slice().len();
        }
        if rows == 0 {
            return Ok(());
        }
        let arrays: Vec<ArrayRef> = builders.into_iter().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(schema), arrays)
            .map_err(|error| SeedError::Io { path: path.clone(), cause: std::io::Error::other(error) })?;
        if !take(batch) {
            return Ok(());
        }
    }
}

/// Whether a row that the first pass did not see has all values, and those of types that are configured fit.
fn is_like_the_first(seed: &SeedFile, record: &StringRecord) -> bool {
    let is_blank = record.len() == 1 && record[0].is_empty();
    (is_blank || record.len() == seed.columns.len())
        && seed.columns.iter().zip(record).all(|(column, text)| match (&column.column_type, &column.exact_type) {
            (Some(_), Some(DataType::Utf8)) => {
                is_null(text) || (is_exact(&DataType::Utf8, text) && column.fit.accepts(text))
            }
            _ => true,
        })
}

/// How a column's texts become values.
enum Reading {
    /// As seeds do that have no configured type.
    As(Kind),
    /// As the engine reads them.
    Exact(DataType),
}

enum Builder {
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Decimal128(Decimal128Builder),
    Decimal256(Decimal256Builder),
    Float64(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Boolean(BooleanBuilder),
    Text(StringBuilder),
}

impl Builder {
    fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Int16 => Self::Int16(Int16Builder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Decimal128(..) => Self::Decimal128(Decimal128Builder::new().with_data_type(data_type.clone())),
            DataType::Decimal256(..) => Self::Decimal256(Decimal256Builder::new().with_data_type(data_type.clone())),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Timestamp(..) => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// `None` when the value is not what the first pass saw.
    fn append(&mut self, reading: &Reading, text: &str) -> Option<()> {
        if is_null(text) {
            self.append_null();
            return Some(());
        }
        match reading {
            Reading::As(kind) => self.append_as(*kind, text),
            Reading::Exact(data_type) => self.append_exact(data_type, text),
        }
    }

    fn append_null(&mut self) {
        match self {
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Decimal128(builder) => builder.append_null(),
            Self::Decimal256(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Boolean(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
        }
    }

    fn append_as(&mut self, kind: Kind, text: &str) -> Option<()> {
        let integer = || plain_integer(text).or_else(|| parse_number(text)?.to_text().parse::<i64>().ok());
        match self {
            Self::Int16(builder) => builder.append_value(integer()?.try_into().ok()?),
            Self::Int32(builder) => builder.append_value(integer()?.try_into().ok()?),
            Self::Int64(builder) => builder.append_value(integer()?),
            Self::Decimal128(builder) => builder.append_value(parse_number(text)?.to_text().parse().ok()?),
            Self::Decimal256(builder) => builder.append_value(i256::from_string(&parse_number(text)?.to_text())?),
            Self::Float64(builder) => {
                builder.append_value(plain_fraction(text).or_else(|| Some(parse_number(text)?.to_f64()))?);
            }
            Self::Date(builder) => {
                builder.append_value(arrow::datatypes::Date32Type::from_naive_date(parse_date(text)?));
            }
            Self::Timestamp(builder) => {
                let parse = if kind == Kind::DateTime { parse_datetime } else { parse_iso_datetime };
                builder.append_value(parse(text)?.and_utc().timestamp_micros());
            }
            Self::Boolean(builder) => builder.append_value(parse_boolean(text)?),
            Self::Text(builder) => builder.append_value(text),
        }
        Some(())
    }

    fn append_exact(&mut self, data_type: &DataType, text: &str) -> Option<()> {
        match (self, data_type) {
            (Self::Int16(builder), _) => builder.append_value(exact_integer(text)?.try_into().ok()?),
            (Self::Int32(builder), _) => builder.append_value(exact_integer(text)?.try_into().ok()?),
            (Self::Int64(builder), _) => builder.append_value(exact_integer(text)?),
            (Self::Decimal128(builder), DataType::Decimal128(precision, scale)) => {
                builder.append_value(exact_decimal(text, *precision, *scale)?);
            }
            (Self::Float64(builder), _) => builder.append_value(exact_float(text)?),
            (Self::Date(builder), _) => builder.append_value(exact_date(text)?),
            (Self::Timestamp(builder), _) => builder.append_value(exact_timestamp(text)?),
            (Self::Boolean(builder), _) => builder.append_value(exact_boolean(text)?),
            (Self::Text(builder), _) => builder.append_value(text),
            (Self::Decimal128(_) | Self::Decimal256(_), _) => return None,
        }
        Some(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Int16(mut builder) => Arc::new(builder.finish()),
            Self::Int32(mut builder) => Arc::new(builder.finish()),
            Self::Int64(mut builder) => Arc::new(builder.finish()),
            Self::Decimal128(mut builder) => Arc::new(builder.finish()),
            Self::Decimal256(mut builder) => Arc::new(builder.finish()),
            Self::Float64(mut builder) => Arc::new(builder.finish()),
            Self::Date(mut builder) => Arc::new(builder.finish()),
            Self::Timestamp(mut builder) => Arc::new(builder.finish()),
            Self::Boolean(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
        }
    }
}
