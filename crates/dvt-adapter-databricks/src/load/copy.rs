//! Parquet files into a volume, and one COPY INTO that takes all of them: Delta's log gets all rows or none.

use super::{Plan, next_batch};
use crate::api::{Api, Statement};
use arrow::array::RecordBatch;
use bytes::Bytes;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, LoadReport};
use dvt_sql::DATABRICKS;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// A file is closed once it holds about this much.
const FILE_BYTES: usize = 64 * 1024 * 1024;

pub(super) async fn fill(
    api: &Api,
    plan: &Plan<'_>,
    volume: &str,
    mut rows: BatchStream,
    cancel: &CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let mut folder =
        Folder { api: Some(api.clone()), path: format!("{volume}/dvt_{}", uuid::Uuid::new_v4().simple()), files: 0 };
    let mut report = LoadReport::default();
    let result = async {
        let mut writer: Option<ArrowWriter<Vec<u8>>> = None;
        while let Some(batch) = next_batch(api, &mut rows, cancel).await? {
            let ready = plan.made_ready(&batch)?;
            report.rows += ready.num_rows() as u64;
            let mut open = match writer.take() {
                Some(writer) => writer,
                None => new_writer(&ready).map_err(|error| unwritable(api, &error))?,
            };
            open.write(&ready).map_err(|error| unwritable(api, &error))?;
            if open.bytes_written() + open.in_progress_size() >= FILE_BYTES {
                report.bytes += folder.take(open, cancel).await?;
            } else {
                writer = Some(open);
            }
        }
        if let Some(open) = writer {
            report.bytes += folder.take(open, cancel).await?;
        }
        if folder.files == 0 {
            return Ok(());
        }
        let values: Vec<String> =
            plan.names().iter().enumerate().map(|(index, name)| format!("{} AS {name}", plan.value(index))).collect();
        let sql = format!(
            "COPY INTO {} FROM (SELECT {} FROM {}) FILEFORMAT = PARQUET",
            plan.table,
            values.join(", "),
            DATABRICKS.string_literal(&folder.path)
        );
        api.run(Statement::once(sql), cancel).await.map(drop)
    };
    let result = result.await;
    folder.remove().await;
    result.map(|()| report)
}

fn new_writer(batch: &RecordBatch) -> Result<ArrowWriter<Vec<u8>>, parquet::errors::ParquetError> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))
}

fn unwritable(api: &Api, error: &parquet::errors::ParquetError) -> AdapterError {
    AdapterError::new(
        ErrorClass::Other,
        &api.settings.connection,
        format!("rows cannot be written as Parquet: {error}"),
    )
}

/// The folder of one load; its files go when the rows are in, or will never be.
struct Folder {
    api: Option<Api>,
    path: String,
    files: usize,
}

impl Folder {
    fn file(&self, index: usize) -> String {
        format!("{}/part-{index:05}.parquet", self.path)
    }

    /// Uploads a file; how many bytes it has.
    async fn take(&mut self, writer: ArrowWriter<Vec<u8>>, cancel: &CancellationToken) -> Result<u64, AdapterError> {
        let Some(api) = self.api.clone() else { return Ok(0) };
        let content = Bytes::from(writer.into_inner().map_err(|error| unwritable(&api, &error))?);
        let path = self.file(self.files);
        let is_first = self.files == 0;
        // Counted before it is sent: half of it may be there.
        self.files += 1;
        let upload = async {
            if is_first {
                api.make_folder(&self.path).await?;
            }
            api.upload(&path, &content).await
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(api.cancelled()),
            uploaded = upload => uploaded?,
        }
        Ok(content.len() as u64)
    }

    async fn remove(&mut self) {
        let Some(api) = self.api.take() else { return };
        if self.files == 0 {
            return;
        }
        for index in 0..self.files {
            if let Err(error) = api.remove_file(&self.file(index)).await {
                tracing::warn!(connection = %api.settings.connection, %error, "a file is left in the volume");
            }
        }
        if let Err(error) = api.remove_folder(&self.path).await {
            tracing::warn!(connection = %api.settings.connection, %error, "a folder is left in the volume");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let (Some(api), Ok(runtime)) = (self.api.take(), tokio::runtime::Handle::try_current()) else { return };
        let mut rest = Self { api: Some(api), path: std::mem::take(&mut self.path), files: self.files };
        runtime.spawn(async move { rest.remove().await });
    }
}
