//! A session at a Spark Connect server: settings, views over files, queries whose rows come as Arrow, interrupts.

use super::error::{SparkFailure, class_and_text};
use super::jdbc::{JdbcExtract, JdbcTarget};
use super::rows::{BROKEN, Execution, run_query};
use super::server::Server;
use arrow::array::RecordBatch;
use dvt_adapter::JdbcAccess;
use futures::StreamExt;
use futures::stream::BoxStream;
use spark_connect_core::{ChannelBuilder, RetryPolicy, SparkConnectClient, SparkError};
use spark_connect_proto as proto;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What every session is set to, whatever the server's defaults and the compute's `config` say: without these the same
/// SQL has another meaning.
const MEANING: &[(&str, &str)] = &[
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.caseSensitive", "true"),
    // `${name}` in a text would be replaced.
    ("spark.sql.variable.substitute", "false"),
    ("spark.sql.parser.escapedStringLiterals", "false"),
    ("spark.sql.ansi.doubleQuotedIdentifiers", "false"),
    ("spark.sql.ansi.enforceReservedKeywords", "false"),
    // A number that is grouped or ordered by is a value, not a column's place.
    ("spark.sql.groupByOrdinal", "false"),
    ("spark.sql.orderByOrdinal", "false"),
    // An exact number that does not fit is an error, never a rounded one.
    ("spark.sql.decimalOperations.allowPrecisionLoss", "false"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.mergeSchema", "false"),
    ("spark.sql.files.ignoreMissingFiles", "false"),
    ("spark.sql.files.ignoreCorruptFiles", "false"),
    ("spark.sql.execution.arrow.useLargeVarTypes", "false"),
    // It reads one side of a join a second time, and a table that is read over JDBC may be another by then.
    ("spark.sql.optimizer.runtime.bloomFilter.enabled", "false"),
    // A plan's text goes to the server's event log and pages; what logs in to a database does not.
    ("spark.sql.redaction.string.regex", r#"(?is)key:\s*"(password|user)"\s*value:\s*"(?:[^"\\]|\\.)*""#),
];

/// How long a server that somebody else runs may take to be reached at all.
const REACH: Duration = Duration::from_secs(10);

/// How long a server may take to answer a question that needs no work.
const ANSWER: Duration = Duration::from_secs(60);

/// One session. Queries of several models run in it at once.
pub(crate) struct Session {
    pub(super) client: Arc<SparkConnectClient>,
    /// How the server is called in messages: without its token.
    pub(super) place: String,
    /// The server, if dvt started it.
    pub(super) server: Option<Arc<Server>>,
    pub(crate) version: String,
}

impl Session {
    /// Opens a session and asks for the server's version.
    ///
    /// # Errors
    /// The URL is wrong, or nobody answers there.
    pub(crate) async fn open(url: &str, server: Option<Arc<Server>>) -> Result<Self, SparkFailure> {
        let place = ChannelBuilder::parse(url).map(|builder| builder.endpoint()).unwrap_or_default();
        match tokio::time::timeout(REACH, Self::open_patiently(url, server)).await {
            Ok(opened) => opened,
            Err(_) => Err(SparkFailure::Unreachable {
                place,
                message: format!("nothing has answered within {} s", REACH.as_secs()),
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
        let answer = self.answered(self.client.analyze_plan(request)).await?;
        match answer.result {
            Some(proto::analyze_plan_response::Result::SparkVersion(version)) => Ok(version.version),
            _ => Err(SparkFailure::Answer { message: "it was asked for its version".to_owned() }),
        }
    }

    /// Gives the session the compute's settings, then those that decide what SQL means.
    ///
    /// # Errors
    /// A setting cannot be changed in a session.
    pub(crate) async fn configure(&self, config: &[(String, String)]) -> Result<(), SparkFailure> {
        for (key, _) in config.iter().filter(|(key, _)| !key.starts_with("spark.sql.")) {
            tracing::warn!(
                key,
                "a remote Spark keeps its own; only settings of sessions (`spark.sql.…`) can be given to it"
            );
        }
        let fixed = MEANING.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let pairs = config.iter().filter(|(key, _)| key.starts_with("spark.sql.")).cloned().chain(fixed);
        let pairs = pairs.map(|(key, value)| proto::KeyValue { key, value: Some(value) }).collect();
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
        self.answered(self.client.config(request)).await?;
        Ok(())
    }

    /// Makes `name` a view over exactly these Parquet files, of which there is one at least, with exactly these columns.
    pub(crate) async fn view_of_files(
        &self,
        name: &str,
        columns: &str,
        files: Vec<String>,
    ) -> Result<(), SparkFailure> {
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
    pub(crate) async fn view_of_sql(&self, name: &str, sql: String) -> Result<(), SparkFailure> {
        self.view(name, sql_relation(sql)).await
    }

    /// Makes `name` a view of what executors read over JDBC: one partition for each of the queries.
    pub(crate) async fn view_of_jdbc(&self, name: &str, extract: &JdbcExtract) -> Result<(), SparkFailure> {
        let read = |query: &String| {
            let mut options = login(&extract.access, extract.driver.class);
            options.insert("query".to_owned(), query.clone());
            options.insert("fetchsize".to_owned(), extract.fetch_size.to_string());
            if !extract.access.session_sql.is_empty() {
                options.insert("sessionInitStatement".to_owned(), extract.access.session_sql.clone());
            }
            // What may be sent is in the queries already, by dvt's rules.
            for option in ["pushDownPredicate", "pushDownAggregate", "pushDownLimit", "pushDownOffset"] {
                options.insert(option.to_owned(), "false".to_owned());
            }
            let source = proto::read::DataSource { format: Some("jdbc".to_owned()), options, ..Default::default() };
            let read = proto::Read { read_type: Some(proto::read::ReadType::DataSource(source)), ..Default::default() };
            relation(proto::relation::RelType::Read(read))
        };
        let mut reads: Vec<proto::Relation> = extract.queries.iter().map(read).collect();
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

    /// Lets executors append the rows of a query to a table over JDBC.
    pub(crate) async fn write(&self, sql: String, target: &JdbcTarget) -> Result<(), SparkFailure> {
        let mut options = login(&target.access, target.driver.class);
        options.insert("dbtable".to_owned(), target.rendered.clone());
        options.insert("batchsize".to_owned(), target.batch_rows.to_string());
        let write = proto::WriteOperation {
            input: Some(sql_relation(sql)),
            source: Some("jdbc".to_owned()),
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
        let mut rows = self.stream(plan);
        while let Some(batch) = rows.next().await {
            batch?;
        }
        Ok(())
    }

    /// The rows of a query, as they come. Dropped before its end, it interrupts the query.
    pub(crate) fn query(&self, sql: String) -> BoxStream<'static, Result<RecordBatch, SparkFailure>> {
        let plan = proto::Plan { op_type: Some(proto::plan::OpType::Root(sql_relation(sql))) };
        self.stream(plan)
    }

    fn stream(&self, plan: proto::Plan) -> BoxStream<'static, Result<RecordBatch, SparkFailure>> {
        run_query(Execution {
            client: Arc::clone(&self.client),
            user: self.user(),
            plan,
            place: self.place.clone(),
            server: self.server.clone(),
        })
    }

    /// Ends the session at the server, with all that runs in it.
    pub(crate) async fn close(&self) {
        let released = tokio::time::timeout(Duration::from_secs(5), self.client.release_session()).await;
        if let Ok(Err(error)) = released {
            tracing::debug!(error = %error.message(), "a session at Spark could not be released");
        }
    }

    pub(super) fn user(&self) -> proto::UserContext {
        proto::UserContext { user_id: self.client.user_id().unwrap_or_default().to_owned(), ..Default::default() }
    }

    async fn answered<T>(&self, asked: impl Future<Output = Result<T, SparkError>>) -> Result<T, SparkFailure> {
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failure(&error, &self.place, self.server.as_deref()).await),
            Err(_) => Err(SparkFailure::Unreachable {
                place: self.place.clone(),
                message: format!("no answer within {} s", ANSWER.as_secs()),
            }),
        }
    }
}

/// What a driver logs in by. Spark keeps options named `password` out of plans and logs.
fn login(access: &JdbcAccess, class: &str) -> HashMap<String, String> {
    let mut options: HashMap<String, String> = access.properties.iter().cloned().collect();
    options.insert("url".to_owned(), access.url.clone());
    options.insert("driver".to_owned(), class.to_owned());
    options.insert("user".to_owned(), access.user.clone());
    if let Some(password) = &access.password {
        options.insert("password".to_owned(), password.expose().to_owned());
    }
    options
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

/// What the client's error means: the server of our own has ended, nobody answers, or Spark said no.
pub(super) async fn failure(error: &SparkError, place: &str, server: Option<&Server>) -> SparkFailure {
    let message = if error.message.is_empty() { error.message() } else { error.message.clone() };
    if let Some(server) = server
        // What Spark itself says comes with details; what has none is the connection's.
        && let Some(ended) = server.ended(error.grpc_details().is_none()).await
    {
        return ended;
    }
    // Spark's own answers come with details; a connection that broke has none, under any code.
    let is_broken = error.grpc_details().is_none() && BROKEN.iter().any(|word| message.contains(word));
    match error.grpc_code() {
        _ if is_broken => SparkFailure::Unreachable { place: place.to_owned(), message },
        Some(UNAVAILABLE) => SparkFailure::Unreachable { place: place.to_owned(), message },
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
