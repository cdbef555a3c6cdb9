//! Apache Spark as the engine of a run, through Spark Connect.
//!
//! In: a plan, and its extracts as staged tables in a bucket that Spark reaches. Out: the same stream of batches that the
//! embedded engine gives. The plan's text is written by [`sql`], what of it stays here is decided by [`split`].

mod jdbc;
mod meaning;
mod split;
mod sql;
#[cfg(test)]
mod tests;
mod types;

pub use dvt_spark::{CONNECT_TIMEOUT, SparkFailure, SparkSettings};
pub use jdbc::{JdbcExtract, JdbcTarget, LOADED_ROW, ROW_BITS, find_drivers, jdbc_reads};
pub use split::SparkQuery;

use crate::{ComputeError, Engine, ExtractInput, JoinStrategy, ResultStream};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use dvt_federation::FederatedPlan;
use dvt_spark::{Distribution, Server, Session};
use dvt_staging::StagedTable;
use futures::StreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One per run and compute. The server is started, or called, when the first query needs it.
pub struct SparkEngine {
    settings: SparkSettings,
    /// Computes what stays here.
    embedded: Arc<Engine>,
    session: tokio::sync::Mutex<Known>,
    /// The views of staged tables that the session has, by table and version.
    views: Mutex<HashMap<String, String>>,
    next_view: AtomicU64,
}

/// What is known of the server.
#[derive(Default)]
struct Known {
    session: Option<Arc<Session>>,
    /// When nobody had answered in all the time that there is, and what was said of it.
    silence: Option<(Instant, SparkFailure)>,
}

/// For so long a remote that nobody answered at is not asked again: the models of a run do not wait one after the other.
const SILENCE_LASTS: Duration = Duration::from_secs(60);

impl SparkEngine {
    /// An engine that has done nothing yet. `embedded` computes what of a plan stays here.
    #[must_use]
    pub fn new(settings: SparkSettings, embedded: Arc<Engine>) -> Self {
        Self {
            settings,
            embedded,
            session: tokio::sync::Mutex::default(),
            views: Mutex::default(),
            next_view: AtomicU64::new(0),
        }
    }

    #[must_use]
    pub fn settings(&self) -> &SparkSettings {
        &self.settings
    }

    /// Spark's version, asked of the server itself.
    ///
    /// # Errors
    /// [`ComputeError::Spark`] when there is none.
    pub async fn version(&self) -> Result<String, ComputeError> {
        Ok(self.session().await?.version.clone())
    }

    /// What a server would be started from, without starting it.
    ///
    /// # Errors
    /// [`ComputeError::Spark`]: there is no such Spark, or no Java for it.
    pub async fn look(&self) -> Result<String, ComputeError> {
        let found = Distribution::find(&self.settings).await?;
        Ok(format!("spark {} in {}, started when it is needed", found.version, found.home.display()))
    }

    /// The session of the run; a server that has ended is started anew.
    async fn session(&self) -> Result<Arc<Session>, SparkFailure> {
        let mut known = self.session.lock().await;
        if let Some((since, failure)) = &known.silence
            && since.elapsed() < SILENCE_LASTS
        {
            return Err(failure.clone());
        }
        if let Some(session) = known.session.as_ref() {
            let ended = match &session.server {
                Some(server) => server.ended(false).await,
                None => None,
            };
            match ended {
                None => return Ok(Arc::clone(session)),
                Some(ended) => tracing::warn!(%ended, "starting Spark again"),
            }
        }
        *known = Known::default();
        self.views.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // On a stack of its own: the callers' futures are deep, and so is what a connection is made of.
        let settings = self.settings.clone();
        let mut opened = Opening(tokio::spawn(async move {
            match &settings.remote {
                Some(remote) => Session::open(remote, None, settings.connect_timeout).await,
                None => Ok(Server::start(&settings).await?.1),
            }
        }));
        let opened = (&mut opened.0).await.map_err(|error| SparkFailure::Answer { message: error.to_string() })?;
        let session = match opened {
            Ok(session) => session,
            Err(failure) => {
                if matches!(failure, SparkFailure::Unreachable { is_silent: true, .. }) {
                    known.silence = Some((Instant::now(), failure.clone()));
                }
                return Err(failure);
            }
        };
        // A server of our own was started with the settings, those among them that no session can change.
        let own: &[(String, String)] = if self.settings.remote.is_some() { &self.settings.config } else { &[] };
        session.configure(meaning::session_settings(own)).await?;
        let session = Arc::new(session);
        known.session = Some(Arc::clone(&session));
        Ok(session)
    }

    /// Runs the plan over its extracts, which are staged or read by executors, in the order of `plan.extracts`.
    ///
    /// # Errors
    /// [`ComputeError::Spark`] when the plan cannot be run at all; failures of values come with the stream.
    pub async fn execute(
        &self,
        plan: &FederatedPlan,
        inputs: Vec<ExtractInput>,
        joins: JoinStrategy,
    ) -> Result<ResultStream, ComputeError> {
        let (session, query, held) = self.prepare(plan, inputs).await?;
        let schema = query.row_schema();
        if query.is_whole() {
            let rows = session.query(query.sql).map(move |batch| {
                let _ = &held;
                Ok(conform(&batch?, &schema)?)
            });
            return Ok(ResultStream::of_rows(Arc::clone(&plan.output_schema), rows.boxed()));
        }
        let failure = Arc::default();
        let rows = SparkRows { session, sql: query.sql.clone(), schema, failure: Arc::clone(&failure) };
        let rows = StreamingTable::try_new(Arc::clone(rows.schema()), vec![Arc::new(rows)])?;
        let rest = query.rest(Arc::new(rows))?;
        let result = self.embedded.run(&rest, Arc::clone(&plan.output_schema), joins).await?;
        let batches = result.batches.map(move |batch| {
            let _ = &held;
            batch.map_err(|error| match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(failure) => ComputeError::from(failure),
                None => error,
            })
        });
        Ok(ResultStream { schema: result.schema, batches: batches.boxed() })
    }

    /// The session with a view for each extract, the query over them, and what must last until its last row has come.
    async fn prepare(
        &self,
        plan: &FederatedPlan,
        inputs: Vec<ExtractInput>,
    ) -> Result<(Arc<Session>, SparkQuery, Vec<ExtractInput>), ComputeError> {
        let is_readable = |input: &ExtractInput| matches!(input, ExtractInput::Staged(_) | ExtractInput::Jdbc(_));
        if inputs.len() != plan.extracts.len() || !inputs.iter().all(is_readable) {
            return Err(ComputeError::Engine { message: "not every extract is staged for Spark".to_owned() });
        }
        let session = self.session().await?;
        let (mut views, mut columns) = (Vec::with_capacity(inputs.len()), Vec::with_capacity(inputs.len()));
        for input in &inputs {
            let (view, stored) = match input {
                ExtractInput::Staged(table) => (self.view_of(&session, table).await?, table.stored_schema()),
                ExtractInput::Jdbc(extract) => {
                    let stored = dvt_delta::stored_schema(&extract.schema)
                        .map_err(|error| ComputeError::Engine { message: error.to_string() })?;
                    (self.view_of_jdbc(&session, extract).await?, stored)
                }
                ExtractInput::Table(_) | ExtractInput::Stream(_) => continue,
            };
            views.push(view);
            columns.push(stored.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>());
        }
        let view = |index: usize| views.get(index).cloned().unwrap_or_default();
        let names = |index: usize| columns.get(index).cloned().unwrap_or_default();
        let query = split::split(plan, &view, &names)?;
        tracing::debug!(sql = query.sql, "spark query");
        Ok((session, query, inputs))
    }

    /// The view of a staged table at its version.
    async fn view_of(&self, session: &Session, table: &StagedTable) -> Result<String, ComputeError> {
        let key = format!("{}@{}", table.location, table.version);
        let known = self.views.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(name) = known {
            return Ok(name);
        }
        let name = format!("dvt_extract_{}", self.next_view.fetch_add(1, Ordering::Relaxed));
        let stored = table.stored_schema();
        let files: Vec<String> = table.files().iter().map(|file| spark_path(file)).collect();
        if files.is_empty() {
            let columns: Result<Vec<String>, SparkFailure> = stored
                .fields()
                .iter()
                .map(|field| {
                    let name = types::name_of_stored(field.data_type())?;
                    Ok(format!("CAST(NULL AS {name}) AS {}", types::quoted(field.name())))
                })
                .collect();
            let none = format!("SELECT {} FROM VALUES (1) AS t(one) WHERE false", columns?.join(", "));
            session.view_of_sql(&name, none).await?;
        } else {
            session.view_of_files(&name, &types::ddl(&stored)?, files).await?;
        }
        self.views.lock().unwrap_or_else(PoisonError::into_inner).insert(key, name.clone());
        Ok(name)
    }

    /// Ends the session, and the server if it is dvt's.
    pub async fn stop(&self) {
        let session = self.session.lock().await.session.take();
        if let Some(session) = session {
            match &session.server {
                Some(server) => server.stop().await,
                None => session.close().await,
            }
        }
    }
}

/// A session that is being opened. Dropped before that, what was started for it is stopped: its process waits for dvt's end of
/// a pipe.
struct Opening(tokio::task::JoinHandle<Result<Session, SparkFailure>>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The Spark SQL of a plan whose extracts are not read yet, for `dvt plan`.
///
/// # Errors
/// [`SparkFailure::Refused`] names what Spark cannot do.
pub fn spark_query(plan: &FederatedPlan) -> Result<SparkQuery, SparkFailure> {
    let view = |index: usize| format!("extract_{index}");
    let names = |index: usize| {
        let schema = plan.extracts.get(index).map(|extract| Arc::clone(&extract.schema));
        schema
            .and_then(|schema| dvt_delta::stored_schema(&schema).ok())
            .map(|schema| schema.fields().iter().map(|field| field.name().clone()).collect())
            .unwrap_or_default()
    };
    split::split(plan, &view, &names)
}

/// A file of a bucket as Spark's file systems call it. Brackets and stars in a name are no patterns.
fn spark_path(url: &str) -> String {
    let url = match url.split_once("://") {
        Some(("s3", rest)) => format!("s3a://{rest}"),
        _ => url.to_owned(),
    };
    url.chars()
        .flat_map(|letter| {
            let is_pattern = matches!(letter, '[' | ']' | '{' | '}' | '*' | '?' | '\\');
            is_pattern.then_some('\\').into_iter().chain([letter])
        })
        .collect()
}

/// Spark's batch with the types of the plan: columns by position, values never changed.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, SparkFailure> {
    // A query of no columns has one that nobody asked for.
    if batch.num_columns() != schema.fields().len().max(1) {
        return Err(SparkFailure::Answer {
            message: format!("{} columns were planned and {} came", schema.fields().len(), batch.num_columns()),
        });
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        let stored = types::stored(field.data_type())?;
        let is_form = match (column.data_type(), &stored) {
            (DataType::Timestamp(from, left), DataType::Timestamp(to, right)) => {
                from == to && left.is_some() == right.is_some()
            }
            (DataType::List(_), DataType::List(_))
            | (DataType::Struct(_), DataType::Struct(_))
            | (DataType::Map(..), DataType::Map(..)) => true,
            (from, to) => from == to,
        };
        if !is_form {
            return Err(SparkFailure::Answer {
                message: format!("column {} was planned as {stored} and came as {}", field.name(), column.data_type()),
            });
        }
        let column = if column.data_type() == field.data_type() {
            Arc::clone(column)
        } else {
            let form = arrow::compute::cast(column, &stored)
                .map_err(|error| SparkFailure::Answer { message: format!("column {}: {error}", field.name()) })?;
            dvt_delta::decode(&form, field.data_type())
                .map_err(|error| SparkFailure::Answer { message: format!("column {}: {error}", field.name()) })?
        };
        columns.push(column);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|error| SparkFailure::Answer { message: error.to_string() })
}

/// Spark's answer as a table that the embedded engine reads once.
struct SparkRows {
    session: Arc<Session>,
    sql: String,
    schema: SchemaRef,
    /// The failure as it was, which the engine's errors have no place for.
    failure: Arc<Mutex<Option<SparkFailure>>>,
}

impl fmt::Debug for SparkRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SparkRows({})", self.sql)
    }
}

impl PartitionStream for SparkRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (schema, failure) = (Arc::clone(&self.schema), Arc::clone(&self.failure));
        let rows = self.session.query(self.sql.clone()).map(move |batch| {
            batch.and_then(|batch| conform(&batch, &schema)).map_err(|error| {
                let told = DataFusionError::Execution(error.to_string());
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                told
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
