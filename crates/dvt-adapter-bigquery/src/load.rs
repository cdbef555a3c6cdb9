//! Loading: a new table, filled by one load job, whose rows are streamed as lines of JSON while they come.
//!
//! One job for a whole load, because jobs for a table are counted per day, and because all its rows are there at once or not at all.
//! The upload can be taken up where it broke off. Source: documentation, "Loading data with the API: resumable uploads".

use crate::api::{Api, in_path};
use crate::catalog::{delete, sql_name};
use crate::errors;
use crate::jobs::{JobRef, new_id};
use crate::types::BigType;
use crate::values::{write, written_from};
use arrow::array::{Array, ArrayRef, RecordBatch};
use bytes::Bytes;
use dvt_adapter::{
    AdapterError, BatchStream, CancellationToken, CastProblem, ErrorClass, LoadReport, LoadRequest, strict_cast,
};
use dvt_sql::BIGQUERY;
use futures::StreamExt;
use reqwest::header::{LOCATION, RANGE};
use serde_json::{Value, json};

/// Pieces of an upload are multiples of 256 KiB.
const PIECE_BYTES: usize = 8 << 20;

pub(crate) async fn load(
    api: &Api,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    if cancel.is_cancelled() {
        return Err(api.cancelled());
    }
    if request.columns.is_empty() || request.columns.len() != request.schema.fields().len() {
        return Err(api.error(ErrorClass::UnsupportedType, "a table has to have a type for each of its columns"));
    }
    let plan = Plan::of(api, &request);
    let created = api.run(&plan.create(), &cancel).await;
    created.map_err(|error| error.with_relation(request.relation.clone()))?;
    let mut dropper = Dropper { api: Some(api.clone()), relation: request.relation.clone() };
    match plan.fill(rows, &cancel).await {
        Ok(report) => {
            dropper.api = None;
            Ok(report)
        }
        Err(error) => {
            dropper.remove().await;
            Err(if error.relation.is_some() { error } else { error.with_relation(request.relation.clone()) })
        }
    }
}

struct Plan<'a> {
    api: &'a Api,
    request: &'a LoadRequest,
    types: Vec<BigType>,
    /// `"name":` as a line of JSON has it.
    keys: Vec<String>,
}

impl<'a> Plan<'a> {
    fn of(api: &'a Api, request: &'a LoadRequest) -> Self {
        Self {
            api,
            request,
            types: request.columns.iter().map(|column| BigType::parse(&column.column_type)).collect(),
            keys: request.columns.iter().map(|column| format!("{}:", Value::from(column.name.as_str()))).collect(),
        }
    }

    fn create(&self) -> String {
        let columns = self.request.columns.iter().map(|column| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", BIGQUERY.quote_identifier(&column.name), column.column_type)
        });
        let table = sql_name(self.api, &self.request.relation);
        format!("CREATE TABLE {table} ({})", columns.collect::<Vec<_>>().join(", "))
    }

    async fn fill(&self, mut rows: BatchStream, cancel: &CancellationToken) -> Result<LoadReport, AdapterError> {
        let mut report = LoadReport::default();
        let mut upload: Option<Upload> = None;
        let mut lines: Vec<u8> = Vec::new();
        loop {
            let next = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(self.api.cancelled()),
                next = rows.next() => next.transpose()?,
            };
            let Some(batch) = next else { break };
            self.add_lines(&batch, &mut lines)?;
            report.rows += batch.num_rows() as u64;
            while lines.len() >= PIECE_BYTES {
                let upload = match &mut upload {
                    Some(upload) => upload,
                    none => none.insert(self.begin().await?),
                };
                let rest = lines.split_off(PIECE_BYTES);
                let piece = std::mem::replace(&mut lines, rest);
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => return Err(self.api.cancelled()),
                    sent = upload.piece(self.api, piece) => sent?,
                }
            }
        }
        if report.rows == 0 {
            return Ok(report);
        }
        let upload = match upload {
            Some(upload) => upload,
            None => self.begin().await?,
        };
        report.bytes = upload.sent + lines.len() as u64;
        let resource = upload.end(self.api, lines, cancel).await?;
        if let Some(failure) = resource.pointer("/status/errorResult") {
            return Err(self.refused(failure, &resource));
        }
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        let arrived = resource.pointer("/statistics/load/outputRows").and_then(number);
        if arrived != Some(report.rows) {
            let message = format!("{} rows were sent and {} arrived", report.rows, arrived.unwrap_or(0));
            return Err(self.api.error(ErrorClass::ConnectionLost, message));
        }
        Ok(report)
    }

    /// What the job says, with the column that it names.
    fn refused(&self, failure: &Value, resource: &Value) -> AdapterError {
        let mut error = errors::of_job(&self.api.settings, failure, None);
        let all = resource.pointer("/status/errors").and_then(Value::as_array).cloned().unwrap_or_default();
        let texts: Vec<&str> = all.iter().filter_map(|each| each.get("message")?.as_str()).collect();
        let named = self.request.columns.iter().find(|column| {
            texts
                .iter()
                .any(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column.name))
        });
        if let Some(column) = named.filter(|_| error.column.is_none()) {
            error = error.with_column(&column.name);
        }
        error
    }

    async fn begin(&self) -> Result<Upload, AdapterError> {
        let relation = &self.request.relation;
        let (project, dataset, table) = crate::catalog::place(self.api, relation);
        let fields: Vec<Value> = self
            .request
            .columns
            .iter()
            .zip(&self.types)
            .map(|(column, big_type)| big_type.schema(&column.name, column.nullable))
            .collect();
        let id = new_id();
        let body = json!({
            "jobReference": self.api.reference(&id),
            "configuration": {"load": {
                "destinationTable": {"projectId": project, "datasetId": dataset, "tableId": table},
                "schema": {"fields": fields},
                "sourceFormat": "NEWLINE_DELIMITED_JSON",
                "createDisposition": "CREATE_NEVER",
                "writeDisposition": "WRITE_APPEND",
                "maxBadRecords": 0,
            }},
        });
        let address = format!(
            "{}/upload/bigquery/v2/projects/{}/jobs?uploadType=resumable",
            self.api.settings.endpoint,
            in_path(&self.api.settings.execution_project)
        );
        let answer = self
            .api
            .send(|client| {
                client
                    .post(&address)
                    .header("content-type", "application/json")
                    .header("x-upload-content-type", "application/octet-stream")
                    .body(body.to_string())
            })
            .await?;
        let session = answer.headers().get(LOCATION).and_then(|place| place.to_str().ok()).map(str::to_owned);
        let session = session.ok_or_else(|| errors::not_bigquery(&self.api.settings))?;
        let job = JobRef { id, location: self.api.settings.location.clone() };
        Ok(Upload { session, job, sent: 0 })
    }

    fn add_lines(&self, batch: &RecordBatch, lines: &mut Vec<u8>) -> Result<(), AdapterError> {
        if batch.num_columns() != self.types.len() {
            let message =
                format!("a batch has {} columns where {} are expected", batch.num_columns(), self.types.len());
            return Err(self.api.error(ErrorClass::Other, message));
        }
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .enumerate()
            .map(|(index, values)| self.column(index, values))
            .collect::<Result<_, _>>()?;
        let mut line = String::new();
        for row in 0..batch.num_rows() {
            line.clear();
            for (index, values) in columns.iter().enumerate() {
                line.push(if index == 0 { '{' } else { ',' });
                line.push_str(&self.keys[index]);
                write(&self.types[index], values, row, &mut line)
                    .map_err(|problem| self.misfit(ErrorClass::ValueDoesNotFit, index, format!("a value {problem}")))?;
            }
            line.push_str("}\n");
            lines.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }

    fn column(&self, index: usize, values: &ArrayRef) -> Result<ArrayRef, AdapterError> {
        if !self.request.columns[index].nullable && values.logical_null_count() > 0 {
            return Err(self.misfit(
                ErrorClass::Constraint,
                index,
                "there is a NULL in a column that holds none".to_owned(),
            ));
        }
        strict_cast(values, &written_from(&self.types[index])).map_err(|problem| {
            let class = match problem {
                CastProblem::ValueDoesNotFit { .. } => ErrorClass::ValueDoesNotFit,
                CastProblem::NoSuchCast { .. } => ErrorClass::UnsupportedType,
            };
            self.misfit(class, index, problem.to_string())
        })
    }

    fn misfit(&self, class: ErrorClass, index: usize, problem: String) -> AdapterError {
        let column = &self.request.columns[index].name;
        let message = format!("column `{column}` of {}: {problem}", self.request.on_behalf_of);
        self.api.error(class, message).with_column(column)
    }
}

/// An upload that can be taken up where it broke off.
struct Upload {
    session: String,
    job: JobRef,
    /// Bytes that the service has.
    sent: u64,
}

impl Upload {
    /// Sends a piece, and what of it the service says it has not got.
    async fn piece(&mut self, api: &Api, bytes: Vec<u8>) -> Result<(), AdapterError> {
        let mut bytes = Bytes::from(bytes);
        while !bytes.is_empty() {
            let range = format!("bytes {}-{}/*", self.sent, self.sent + bytes.len() as u64 - 1);
            let answer = self.put(api, &bytes, &range).await?;
            let has = received(&answer);
            if has <= self.sent {
                return Err(api.error(ErrorClass::ConnectionLost, "the upload does not go on"));
            }
            let taken = usize::try_from(has - self.sent).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.slice(taken..);
            self.sent = has;
        }
        Ok(())
    }

    /// Sends the last piece and waits for the job.
    async fn end(mut self, api: &Api, last: Vec<u8>, cancel: &CancellationToken) -> Result<Value, AdapterError> {
        let total = self.sent + last.len() as u64;
        let mut bytes = Bytes::from(last);
        loop {
            let range = match bytes.is_empty() {
                true => format!("bytes */{total}"),
                false => format!("bytes {}-{}/{total}", self.sent, total - 1),
            };
            let answer = tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(api.cancelled()),
                answer = self.put(api, &bytes, &range) => match answer {
                    Ok(answer) => answer,
                    // The job may have begun, and only the word of it was lost.
                    Err(error) => match api.resource(&self.job).await {
                        Ok(_) => return api.finished(&self.job, cancel).await,
                        Err(_) => return Err(error),
                    },
                },
            };
            if answer.status().as_u16() != 308 {
                let text = answer.text().await.unwrap_or_default();
                let resource: Value = serde_json::from_str(&text).unwrap_or_default();
                if let Some(location) = resource.pointer("/jobReference/location").and_then(Value::as_str) {
                    self.job.location = Some(location.to_owned());
                }
                return api.finished(&self.job, cancel).await;
            }
            let has = received(&answer).max(self.sent);
            let taken = usize::try_from(has - self.sent).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.slice(taken..);
            self.sent = has;
        }
    }

    async fn put(&self, api: &Api, bytes: &Bytes, range: &str) -> Result<reqwest::Response, AdapterError> {
        api.send(|client| client.put(&self.session).header("content-range", range).body(bytes.clone())).await
    }
}

/// How many bytes the service says it has: `Range: bytes=0-42`.
fn received(answer: &reqwest::Response) -> u64 {
    let range = answer.headers().get(RANGE).and_then(|range| range.to_str().ok());
    let last = range.and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
    last.map_or(0, |last| last + 1)
}

/// Takes the table of a load away that did not come to its end, also when nobody waits for it any more.
struct Dropper {
    api: Option<Api>,
    relation: dvt_adapter::RelationName,
}

impl Dropper {
    async fn remove(&mut self) {
        let Some(api) = self.api.take() else { return };
        if let Err(error) = delete(&api, &self.relation).await {
            tracing::warn!(connection = %api.settings.connection, %error, relation = %self.relation, "left behind");
        }
    }
}

impl Drop for Dropper {
    fn drop(&mut self) {
        let (Some(api), Ok(runtime)) = (self.api.take(), tokio::runtime::Handle::try_current()) else { return };
        let mut rest = Self { api: Some(api), relation: self.relation.clone() };
        runtime.spawn(async move { rest.remove().await });
    }
}
