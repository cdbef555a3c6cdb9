//! A session at a Spark Connect server: settings, views over files and rows, SQL whose rows come as Arrow, interrupts.

use crate::error::{SparkFailure, class_and_text};
use crate::rows::{BROKEN, Execution, Piece, run};
use crate::server::Server;
use arrow::array::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use spark_connect_core::{ChannelBuilder, RetryPolicy, SparkConnectClient, SparkError};
use spark_connect_proto as proto;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows as they come. Dropped before its end, the stream interrupts what makes them.
pub type RowStream = BoxStream<'static, Result<RecordBatch, SparkFailure>>;

/// How long a server that somebody else runs may take to be reached at all, unless the user says another time.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may take to answer a question that needs no work.
const ANSWER: Duration = Duration::from_secs(60);

/// How often a question is asked again where the connection breaks.
const QUESTIONS: u32 = 4;

/// One session. Queries of several models run in it at once.
pub struct Session {
    client: Arc<SparkConnectClient>,
    /// How the server is called in messages: without its token.
    place: String,
    /// The server, if dvt started it.
    pub server: Option<Arc<Server>>,
    pub version: String,
}

impl Session {
    /// Opens a session and asks for the server's version.
    ///
    /// # Errors
    /// The URL is wrong, or nobody answers there.
    pub async fn open(url: &str, server: Option<Arc<Server>>, reach: Duration) -> Result<Self, SparkFailure> {
        let place = ChannelBuilder::parse(url).map(|builder| builder.endpoint()).unwrap_or_default();
        match tokio::time::timeout(reach, Self::open_patiently(url, server)).await {
            Ok(opened) => opened,
            Err(_) => Err(SparkFailure::Unreachable {
                place,
                message: format!("nothing has answered within {} s", reach.as_secs()),
                is_silent: true,
            }),
        }
    }

    async fn open_patiently(url: &str, server: Option<Arc<Server>>) -> Result<Self, SparkFailure> {
        let wrong = |error: &SparkError| SparkFailure::Settings {
            message: format!("`remote` is not the URL of a Spark Connect server: {}", error.message()),
            hint: "write it as `sc://host:port` or `sc://host:port/;use_ssl=true;token=…`".to_owned(),
        };
        let mut builder = ChannelBuilder::parse(url).map_err(|error| wrong(&error))?;
        if builder.user_id().is_none() {
            builder.set("user_id", "dvt");
        }
        if builder.get("user_agent").is_none() {
            builder.set("user_agent", "dvt");
        }
        let place = builder.endpoint();
        let mut client = SparkConnectClient::connect(&builder).await.map_err(|error| wrong(&error))?;
        // A server of our own is asked often while it starts; a remote one may be hiccuping.
        client.set_retry_policy(RetryPolicy {
            max_retries: Some(if server.is_some() { 0 } else { 3 }),
            initial_backoff_ms: 200,
            max_backoff_ms: Some(2000),
            ..RetryPolicy::default()
        });
        let mut session = Self { client: Arc::new(client), place, server, version: String::new() };
        session.version = session.ask_version().await?;
        Ok(session)
    }

    async fn ask_version(&self) -> Result<String, SparkFailure> {
        let request = proto::AnalyzePlanRequest {
            session_id: self.client.session_id().to_owned(),
            user_context: Some(self.user()),
            client_type: Some("dvt".to_owned()),
            analyze: Some(proto::analyze_plan_request::Analyze::SparkVersion(
                proto::analyze_plan_request::SparkVersion {},
            )),
            ..Default::default()
        };
        let answer = self.answered(|| self.client.analyze_plan(request.clone())).await?;
        match answer.result {
            Some(proto::analyze_plan_response::Result::SparkVersion(version)) => Ok(version.version),
            _ => Err(SparkFailure::Answer { message: "it was asked for its version".to_owned() }),
        }
    }

    /// Gives the session settings.
    ///
    /// # Errors
    /// A setting cannot be changed in a session.
    pub async fn configure(&self, pairs: Vec<(String, String)>) -> Result<(), SparkFailure> {
        if pairs.is_empty() {
            return Ok(());
        }
        let pairs = pairs.into_iter().map(|(key, value)| proto::KeyValue { key, value: Some(value) }).collect();
        let set = proto::config_request::Set { pairs, ..Default::default() };
        let request = proto::ConfigRequest {
            session_id: self.client.session_id().to_owned(),
            user_context: Some(self.user()),
            client_type: Some("dvt".to_owned()),
            operation: Some(proto::config_request::Operation {
                op_type: Some(proto::config_request::operation::OpType::Set(set)),
            }),
            ..Default::default()
        };
        self.answered(|| self.client.config(request.clone())).await?;
        Ok(())
    }

    /// Another session over the same connection, with the server's own settings and no views.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            client: Arc::new(self.client.with_new_session_id()),
            place: self.place.clone(),
            server: self.server.clone(),
            version: self.version.clone(),
        }
    }

    /// Makes `name` a view over exactly these Parquet files, of which there is one at least, with exactly these columns.
    ///
    /// # Errors
    /// What Spark says.
    pub async fn view_of_files(&self, name: &str, columns: &str, files: Vec<String>) -> Result<(), SparkFailure> {
        let input = proto::Relation {
            rel_type: Some(proto::relation::RelType::Read(proto::Read {
                read_type: Some(proto::read::ReadType::DataSource(proto::read::DataSource {
                    format: Some("parquet".to_owned()),
                    schema: Some(columns.to_owned()),
                    paths: files,
                    ..Default::default()
                })),
                ..Default::default()
            })),
            ..Default::default()
        };
        self.view(name, input).await
    }

    /// Makes `name` a view of an SQL query.
    ///
    /// # Errors
    /// What Spark says.
    pub async fn view_of_sql(&self, name: &str, sql: String) -> Result<(), SparkFailure> {
        self.view(name, sql_relation(sql)).await
    }

    /// Makes `name` a view of what a data source gives for each of these options, one after the other.
    ///
    /// # Errors
    /// What Spark says.
    pub async fn view_of_source(
        &self,
        name: &str,
        format: &str,
        parts: Vec<HashMap<String, String>>,
    ) -> Result<(), SparkFailure> {
        let read = |options: HashMap<String, String>| {
            let source = proto::read::DataSource { format: Some(format.to_owned()), options, ..Default::default() };
            let read = proto::Read { read_type: Some(proto::read::ReadType::DataSource(source)), ..Default::default() };
            relation(proto::relation::RelType::Read(read))
        };
        let mut reads: Vec<proto::Relation> = parts.into_iter().map(read).collect();
        // Pairs of pairs: a chain of unions would be as deep as there are parts.
        while reads.len() > 1 {
            let mut pairs = Vec::with_capacity(reads.len().div_ceil(2));
            let mut left = reads.into_iter();
            while let Some(first) = left.next() {
                pairs.push(match left.next() {
                    Some(second) => union(first, second),
                    None => first,
                });
            }
            reads = pairs;
        }
        match reads.pop() {
            Some(input) => self.view(name, input).await,
            None => Err(SparkFailure::Answer { message: "an extract without a query".to_owned() }),
        }
    }

    /// Makes `name` a view of rows that are sent along, as an Arrow stream.
    ///
    /// # Errors
    /// What Spark says.
    pub async fn view_of_rows(&self, name: &str, stream: Vec<u8>) -> Result<(), SparkFailure> {
        let rows = proto::LocalRelation { data: Some(stream.into()), schema: None };
        self.view(name, relation(proto::relation::RelType::LocalRelation(rows))).await
    }

    /// Lets executors append the rows of a query to a data source.
    ///
    /// # Errors
    /// What Spark says; some rows may have been written.
    pub async fn write(&self, sql: String, format: &str, options: HashMap<String, String>) -> Result<(), SparkFailure> {
        let write = proto::WriteOperation {
            input: Some(sql_relation(sql)),
            source: Some(format.to_owned()),
            mode: proto::write_operation::SaveMode::Append.into(),
            options,
            ..Default::default()
        };
        self.command(proto::Command { command_type: Some(proto::command::CommandType::WriteOperation(write)) }).await
    }

    async fn view(&self, name: &str, input: proto::Relation) -> Result<(), SparkFailure> {
        let view = proto::CreateDataFrameViewCommand {
            input: Some(input),
            name: name.to_owned(),
            is_global: false,
            replace: true,
        };
        self.command(proto::Command { command_type: Some(proto::command::CommandType::CreateDataframeView(view)) })
            .await
    }

    async fn command(&self, command: proto::Command) -> Result<(), SparkFailure> {
        let plan = proto::Plan { op_type: Some(proto::plan::OpType::Command(command)) };
        let mut pieces = self.start(plan);
        while let Some(piece) = pieces.next().await {
            piece?;
        }
        Ok(())
    }

    /// Runs a statement of any kind to its end.
    ///
    /// `wants_rows`: what it gives is a stream, which begins with a batch that tells the columns even where there is no row.
    ///
    /// # Errors
    /// What Spark says.
    pub async fn statement(&self, sql: &str, wants_rows: bool) -> Result<Option<RowStream>, SparkFailure> {
        #[expect(deprecated, reason = "Spark 3.5 reads the text, later ones the relation")]
        let command =
            proto::SqlCommand { sql: sql.to_owned(), input: Some(sql_relation(sql.to_owned())), ..Default::default() };
        let command = proto::Command { command_type: Some(proto::command::CommandType::SqlCommand(command)) };
        let mut pieces = self.start(proto::Plan { op_type: Some(proto::plan::OpType::Command(command)) });
        let mut given = None;
        while let Some(piece) = pieces.next().await {
            if let Piece::Result(relation) = piece? {
                given = Some(*relation);
            }
        }
        // A query has not been run so far; what a command gave is in the relation.
        Ok(given.filter(|_| wants_rows).map(|relation| self.all_batches(relation)))
    }

    /// The rows of a query, as they come.
    #[must_use]
    pub fn query(&self, sql: String) -> RowStream {
        // What has no rows tells the columns, and there is nothing in it to read.
        let has_rows = |batch: &Result<RecordBatch, SparkFailure>| {
            let has = batch.as_ref().map_or(true, |batch| batch.num_rows() > 0);
            async move { has }
        };
        self.all_batches(sql_relation(sql)).filter(has_rows).boxed()
    }

    /// The rows of a query, behind a batch that tells the columns even where there is no row.
    #[must_use]
    pub fn query_with_columns(&self, sql: String) -> RowStream {
        self.all_batches(sql_relation(sql))
    }

    fn all_batches(&self, root: proto::Relation) -> RowStream {
        let pieces = self.start(proto::Plan { op_type: Some(proto::plan::OpType::Root(root)) });
        let rows = pieces.filter_map(|piece| async move {
            match piece {
                Ok(Piece::Rows(batch)) => Some(Ok(batch)),
                Ok(Piece::Result(_)) => None,
                Err(failure) => Some(Err(failure)),
            }
        });
        rows.boxed()
    }

    fn start(&self, plan: proto::Plan) -> BoxStream<'static, Result<Piece, SparkFailure>> {
        run(Execution {
            client: Arc::clone(&self.client),
            user: self.user(),
            plan,
            place: self.place.clone(),
            server: self.server.clone(),
        })
    }

    /// Ends the session at the server, with all that runs in it.
    pub async fn close(&self) {
        let released = tokio::time::timeout(Duration::from_secs(5), self.client.release_session()).await;
        if let Ok(Err(error)) = released {
            tracing::debug!(error = %error.message(), "a session at Spark could not be released");
        }
    }

    fn user(&self) -> proto::UserContext {
        proto::UserContext { user_id: self.client.user_id().unwrap_or_default().to_owned(), ..Default::default() }
    }

    /// Asks something that may be asked again: where the connection breaks, it is.
    async fn answered<T, F>(&self, ask: impl Fn() -> F) -> Result<T, SparkFailure>
    where
        F: Future<Output = Result<T, SparkError>>,
    {
        let asked = async {
            let mut attempt = 0;
            loop {
                match ask().await {
                    Err(error) if attempt < QUESTIONS && self.server.is_none() && is_broken(&error) => attempt += 1,
                    answer => return answer,
                }
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            }
        };
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failure(&error, &self.place, self.server.as_deref()).await),
            Err(_) => Err(SparkFailure::Unreachable {
                place: self.place.clone(),
                message: format!("no answer within {} s", ANSWER.as_secs()),
                is_silent: true,
            }),
        }
    }
}

fn union(left: proto::Relation, right: proto::Relation) -> proto::Relation {
    relation(proto::relation::RelType::SetOp(Box::new(proto::SetOperation {
        left_input: Some(Box::new(left)),
        right_input: Some(Box::new(right)),
        set_op_type: proto::set_operation::SetOpType::Union.into(),
        is_all: Some(true),
        ..Default::default()
    })))
}

fn relation(rel_type: proto::relation::RelType) -> proto::Relation {
    proto::Relation { rel_type: Some(rel_type), ..Default::default() }
}

fn sql_relation(query: String) -> proto::Relation {
    relation(proto::relation::RelType::Sql(proto::Sql { query, ..Default::default() }))
}

const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;
const PERMISSION_DENIED: i32 = 7;

/// Whether the connection broke. Spark's own answers come with details; a connection that broke has none, under any code.
pub(crate) fn is_broken(error: &SparkError) -> bool {
    let message = error.message();
    error.grpc_details().is_none() && BROKEN.iter().any(|word| message.contains(word) || error.message.contains(word))
}

/// What the client's error means: the server of our own has ended, nobody answers, or Spark said no.
pub(crate) async fn failure(error: &SparkError, place: &str, server: Option<&Server>) -> SparkFailure {
    let message = if error.message.is_empty() { error.message() } else { error.message.clone() };
    if let Some(server) = server
        // What Spark itself says comes with details; what has none is the connection's.
        && let Some(ended) = server.ended(error.grpc_details().is_none()).await
    {
        return ended;
    }
    match error.grpc_code() {
        _ if is_broken(error) => SparkFailure::Unreachable { place: place.to_owned(), message, is_silent: false },
        Some(UNAVAILABLE) => SparkFailure::Unreachable { place: place.to_owned(), message, is_silent: false },
        Some(UNAUTHENTICATED | PERMISSION_DENIED) => SparkFailure::Authentication { place: place.to_owned(), message },
        _ => {
            let (class, text) = class_and_text(&message);
            let named = Some(error.error_class.clone()).filter(|class| {
                !class.is_empty() && class.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '.'))
            });
            SparkFailure::Query { class: class.or(named), message: text }
        }
    }
}
