//! The second pass over a seed's file: its rows as Arrow batches.

use super::infer::{field, line, next_record, open};
use super::values::{Kind, is_null, parse_boolean, parse_date, parse_datetime, parse_iso_datetime, parse_number};
use super::{SeedError, SeedFile};
use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder, Float64Builder, Int32Builder,
    Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, i256};
use csv::ByteRecord;
use dvt_adapter::{AdapterError, BatchStream, ErrorClass};
use futures::StreamExt;
use std::sync::Arc;

/// Rows in a batch; wide text makes it end earlier.
const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 8 << 20;

/// The file's rows. They are read on a thread of their own, no faster than they are taken.
pub(crate) fn stream_rows(seed: Arc<SeedFile>, connection: String) -> BatchStream {
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let send = |batch| sender.blocking_send(batch).is_ok();
        if let Err(error) = read_rows(&seed, |batch| send(Ok(batch))) {
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
    read_rows(seed, |batch| {
        batches.push(batch);
        true
    })?;
    Ok(batches)
}

/// Hands over batch after batch until the end, or until `take` wants no more.
pub(super) fn read_rows(seed: &SeedFile, mut take: impl FnMut(RecordBatch) -> bool) -> Result<(), SeedError> {
    let path = &seed.options.shown_path;
    let schema = seed.schema();
    let mut reader = open(&seed.options)?;
    let mut record = ByteRecord::new();
    next_record(&mut reader, &mut record, path)?;
    loop {
        let mut builders: Vec<Builder> = seed.columns.iter().map(|column| Builder::new(&column.data_type)).collect();
        let (mut rows, mut bytes) = (0, 0);
        while rows < BATCH_ROWS && bytes < BATCH_BYTES && next_record(&mut reader, &mut record, path)? {
            for (index, (builder, column)) in builders.iter_mut().zip(&seed.columns).enumerate() {
                let text = if index < record.len() { field(&record, index, path)? } else { "" };
                if builder.append(column.kind, text).is_none() {
                    let column = column.name.clone();
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
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
            .map_err(|error| SeedError::Io { path: path.clone(), cause: std::io::Error::other(error) })?;
        if !take(batch) {
            return Ok(());
        }
    }
}

enum Builder {
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
    fn append(&mut self, kind: Kind, text: &str) -> Option<()> {
        let is_null = is_null(text);
        macro_rules! append {
            ($builder:expr, $value:expr) => {
                if is_null { $builder.append_null() } else { $builder.append_value($value) }
            };
        }
        match self {
            Self::Int32(builder) => append!(builder, parse_number(text)?.to_text().parse().ok()?),
            Self::Int64(builder) => append!(builder, parse_number(text)?.to_text().parse().ok()?),
            Self::Decimal128(builder) => append!(builder, parse_number(text)?.to_text().parse().ok()?),
            Self::Decimal256(builder) => append!(builder, i256::from_string(&parse_number(text)?.to_text())?),
            Self::Float64(builder) => append!(builder, parse_number(text)?.to_f64()),
            Self::Date(builder) => {
                append!(builder, arrow::datatypes::Date32Type::from_naive_date(parse_date(text)?));
            }
            Self::Timestamp(builder) => {
                let parse = if kind == Kind::DateTime { parse_datetime } else { parse_iso_datetime };
                append!(builder, parse(text)?.and_utc().timestamp_micros());
            }
            Self::Boolean(builder) => append!(builder, parse_boolean(text)?),
            Self::Text(builder) => append!(builder, text),
        }
        Some(())
    }

    fn finish(self) -> ArrayRef {
        match self {
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
