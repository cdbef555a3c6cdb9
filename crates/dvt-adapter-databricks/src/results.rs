//! Results: what the manifest says of their columns, and their chunks as Arrow batches.
//!
//! A chunk is fetched whole before a row of it is given away, so that one that breaks off can be fetched again and no row comes
//! twice; its rows are counted against the manifest.

use crate::api::{Answer, Api, Download};
use crate::types::BrickType;
use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, StructArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use dvt_adapter::{AdapterError, BatchStream, ErrorClass, LOGICAL_TYPE, strict_cast};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;

/// Chunks that are on their way at once.
const CHUNKS_IN_FLIGHT: usize = 3;
/// How often a chunk is asked for, with a fresh link each time.
const ATTEMPTS: u32 = 5;
/// A link that ends within this time is not used.
const LINK_MARGIN_SECONDS: i64 = 15;

/// What a result says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manifest {
    /// Names and type texts.
    pub(crate) columns: Vec<(String, String)>,
    pub(crate) chunks: u64,
    pub(crate) rows: Option<u64>,
    pub(crate) truncated: bool,
}

impl Manifest {
    pub(crate) fn read(manifest: &Value) -> Self {
        let columns = manifest.pointer("/schema/columns").and_then(Value::as_array);
        let text = |column: &Value, key: &str| column.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            columns: columns
                .into_iter()
                .flatten()
                .map(|column| (text(column, "name"), text(column, "type_text")))
                .collect(),
            chunks: manifest.get("total_chunk_count").and_then(Value::as_u64).unwrap_or(0),
            rows: manifest.get("total_row_count").and_then(Value::as_u64),
            truncated: manifest.get("truncated").and_then(Value::as_bool).unwrap_or(false),
        }
    }

    /// The schema that the rows are given with.
    pub(crate) fn schema(&self) -> SchemaRef {
        let fields = self.columns.iter().map(|(name, native)| {
            // What has no exact type is shown as the text that comes.
            let (data_type, logical) = BrickType::parse(native).arrow().unwrap_or((DataType::Utf8, None));
            let field = Field::new(name, data_type, true);
            match logical {
                Some(logical) => field.with_metadata([(LOGICAL_TYPE.to_owned(), logical.to_string())].into()),
                None => field,
            }
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }
}

/// All batches of a result, as [`Manifest::schema`] says, chunk after chunk.
pub(crate) fn batches(api: &Api, answer: Answer) -> BatchStream {
    let schema = answer.manifest.schema();
    // A limit that was asked for is not counted by the workspace.
    let expected = answer.manifest.rows.filter(|_| answer.row_limit.is_none());
    let (chunks, answer) = (answer.manifest.chunks, Arc::new(answer));
    let owned = api.clone();
    let chunks = stream::iter(0..chunks)
        .map(move |index| {
            let (api, answer, schema) = (owned.clone(), Arc::clone(&answer), Arc::clone(&schema));
            async move { chunk(&api, &answer, index, &schema).await }
        })
        .buffered(CHUNKS_IN_FLIGHT);
    let connection = api.settings.connection.clone();
    let state = Reading { chunks: chunks.boxed(), waiting: VecDeque::new(), rows: 0, is_over: false };
    Box::pin(stream::unfold(state, move |mut state| {
        let connection = connection.clone();
        async move {
            loop {
                if let Some(batch) = state.waiting.pop_front() {
                    state.rows += batch.num_rows() as u64;
                    return Some((Ok(batch), state));
                }
                if state.is_over {
                    return None;
                }
                match state.chunks.next().await {
                    Some(Ok(batches)) => state.waiting.extend(batches),
                    Some(Err(error)) => {
                        state.is_over = true;
                        return Some((Err(error), state));
                    }
                    None => {
                        state.is_over = true;
                        let expected = expected.filter(|expected| *expected != state.rows)?;
                        let message = format!("the result has {expected} rows, and {} came", state.rows);
                        return Some((Err(AdapterError::new(ErrorClass::ConnectionLost, connection, message)), state));
                    }
                }
            }
        }
    }))
}

struct Reading {
    chunks: BoxStream<'static, Result<Vec<RecordBatch>, AdapterError>>,
    waiting: VecDeque<RecordBatch>,
    rows: u64,
    is_over: bool,
}

/// The rows of one chunk.
async fn chunk(api: &Api, answer: &Answer, index: u64, schema: &SchemaRef) -> Result<Vec<RecordBatch>, AdapterError> {
    let connection = api.settings.connection.as_str();
    let mut attempt = 0;
    loop {
        attempt += 1;
        // The answer itself holds the links of the first chunk; a link that did not work is replaced by a fresh one.
        let links = match index {
            0 if attempt == 1 => answer.result.clone(),
            _ => api.chunk(&answer.id, index).await?,
        };
        let Some(link) = Link::of(&links, index) else {
            let message = format!("the workspace gives no link to chunk {index} of the result");
            return Err(AdapterError::new(ErrorClass::Other, connection, message));
        };
        if link.is_over() && attempt < ATTEMPTS {
            continue;
        }
        let problem = match api.download(&link.address, &link.headers).await {
            Ok(bytes) => match read(&bytes, schema) {
                Ok(batches) => {
                    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
                    if link.rows.is_none_or(|expected| expected == rows as u64) {
                        return Ok(batches);
                    }
                    let message =
                        format!("chunk {index} of the result has {rows} rows instead of {:?}", link.rows.unwrap_or(0));
                    AdapterError::new(ErrorClass::ConnectionLost, connection, message)
                }
                Err(Unreadable::Misfit(column, reason)) => {
                    let message = format!("column `{column}`: {reason}");
                    return Err(AdapterError::new(ErrorClass::ValueDoesNotFit, connection, message).with_column(column));
                }
                // Cut off: it may come whole the next time.
                Err(Unreadable::Broken(error)) => {
                    let message = format!("chunk {index} of the result cannot be read: {error}");
                    AdapterError::new(ErrorClass::ConnectionLost, connection, message)
                }
            },
            Err(Download::Refused(status)) => {
                let message =
                    format!("the storage of the workspace refuses chunk {index} of the result (HTTP {status})");
                AdapterError::new(ErrorClass::Permission, connection, message)
            }
            Err(Download::Lost(error)) => error,
        };
        if attempt >= ATTEMPTS {
            return Err(problem);
        }
        tracing::debug!(connection, error = %problem, "a chunk is fetched again");
        tokio::time::sleep(crate::api::pause_after(attempt)).await;
    }
}

struct Link {
    address: String,
    headers: Map<String, Value>,
    rows: Option<u64>,
    expires: Option<chrono::DateTime<chrono::Utc>>,
}

impl Link {
    fn of(chunk: &Value, index: u64) -> Option<Self> {
        let links = chunk.get("external_links")?.as_array()?;
        let is_it = |link: &&Value| link.get("chunk_index").and_then(Value::as_u64).is_none_or(|found| found == index);
        let link = links.iter().find(is_it)?;
        let expiration = link.get("expiration").and_then(Value::as_str);
        Some(Self {
            address: link.get("external_link")?.as_str()?.to_owned(),
            headers: link.get("http_headers").and_then(Value::as_object).cloned().unwrap_or_default(),
            rows: link.get("row_count").and_then(Value::as_u64),
            expires: expiration.and_then(|text| text.parse().ok()),
        })
    }

    fn is_over(&self) -> bool {
        self.expires.is_some_and(|end| (end - chrono::Utc::now()).num_seconds() < LINK_MARGIN_SECONDS)
    }
}

enum Unreadable {
    Broken(ArrowError),
    /// Of a column, with the reason.
    Misfit(String, String),
}

fn read(bytes: &[u8], schema: &SchemaRef) -> Result<Vec<RecordBatch>, Unreadable> {
    let reader = StreamReader::try_new(bytes, None).map_err(Unreadable::Broken)?;
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch.map_err(Unreadable::Broken)?;
        if batch.num_columns() != schema.fields().len() {
            let message = format!("{} columns were announced and {} came", schema.fields().len(), batch.num_columns());
            return Err(Unreadable::Broken(ArrowError::SchemaError(message)));
        }
        let columns = batch.columns().iter().zip(schema.fields()).map(|(values, field)| {
            decode(values, field.data_type()).map_err(|reason| Unreadable::Misfit(field.name().clone(), reason))
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        batches.push(
            RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(Unreadable::Broken)?,
        );
    }
    Ok(batches)
}

/// Values as they came, as the type that their column is given with.
fn decode(values: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    match (values.data_type(), to) {
        (DataType::Null, _) => Ok(new_null_array(to, values.len())),
        // The zone of an instant is only how it is shown.
        (DataType::Timestamp(unit, Some(_)), DataType::Timestamp(_, Some(zone))) => {
            let in_zone = DataType::Timestamp(*unit, Some(Arc::clone(zone)));
            let relabelled = values.to_data().into_builder().data_type(in_zone).build();
            let relabelled = relabelled.map(arrow::array::make_array).map_err(|error| error.to_string())?;
            strict_cast(&relabelled, to).map_err(|problem| problem.to_string())
        }
        (DataType::List(_) | DataType::LargeList(_) | DataType::Struct(_) | DataType::Map(..), DataType::Utf8) => {
            as_json(values)
        }
        (_, to) => strict_cast(values, to).map_err(|problem| problem.to_string()),
    }
}

/// Nested values as JSON text.
fn as_json(values: &ArrayRef) -> Result<ArrayRef, String> {
    let failed = |error: ArrowError| error.to_string();
    let fields = Fields::from(vec![Field::new("v", values.data_type().clone(), true)]);
    let rows = StructArray::try_new(fields, vec![Arc::clone(values)], None).map_err(failed)?;
    let mut lines = Vec::new();
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::LineDelimited>(&mut lines);
    writer.write(&RecordBatch::from(rows)).map_err(failed)?;
    writer.finish().map_err(failed)?;
    let texts = lines.split(|byte| *byte == b'\n').take(values.len()).map(|line| {
        let row: Value = serde_json::from_slice(line).ok()?;
        row.get("v").filter(|value| !value.is_null()).map(Value::to_string)
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}

/// Rows that came as text, typed.
pub(crate) fn from_text(manifest: &Manifest, rows: &[Value]) -> Result<RecordBatch, String> {
    let schema = manifest.schema();
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let texts: StringArray = rows
            .iter()
            .map(|row| match row.get(index) {
                None | Some(Value::Null) => None,
                Some(Value::String(text)) => Some(text.clone()),
                Some(other) => Some(other.to_string()),
            })
            .collect();
        let texts: ArrayRef = Arc::new(texts);
        match field.data_type() {
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                let bare =
                    texts.as_string::<i32>().iter().map(|text| text.map(|text| text.trim_end_matches('Z').to_owned()));
                strict_cast(&(Arc::new(bare.collect::<StringArray>()) as ArrayRef), field.data_type())
                    .map_err(|problem| problem.to_string())
            }
            to => strict_cast(&texts, to).map_err(|problem| problem.to_string()),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| error.to_string())
}
