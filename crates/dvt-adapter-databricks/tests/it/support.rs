//! The workspace that the tests of one process share, and small steps.

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use dvt_adapter::{Adapter, AdapterError, CancellationToken, ExtractRequest, Fetch, QueryResult};
use dvt_adapter_databricks::DatabricksAdapter;
use dvt_test_support::{DATABRICKS_TOKEN, Emulator};
use futures::TryStreamExt;
use serde_json::{Map, Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

pub(crate) struct Workspace {
    emulator: Emulator,
    schemas: AtomicU32,
}

/// The workspace that runs already, or a new one.
pub(crate) fn server() -> Option<Arc<Workspace>> {
    static SHARED: OnceLock<Mutex<Weak<Workspace>>> = OnceLock::new();
    static KEPT: OnceLock<Arc<Workspace>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap();
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let fresh = Arc::new(Workspace { emulator: dvt_test_support::databricks()?, schemas: AtomicU32::new(0) });
    *shared = Arc::downgrade(&fresh);
    let _ = KEPT.set(Arc::clone(&fresh));
    Some(fresh)
}

pub(crate) fn output(port: u16) -> Map<String, Value> {
    let output = json!({
        "type": "databricks", "host": format!("http://127.0.0.1:{port}"), "http_path": "/sql/1.0/warehouses/w1",
        "catalog": "prod", "schema": "default", "token": DATABRICKS_TOKEN, "connect_timeout": 5
    });
    output.as_object().unwrap().clone()
}

pub(crate) fn adapter(output: Map<String, Value>) -> DatabricksAdapter {
    DatabricksAdapter::from_profile("dbx", &output).unwrap_or_else(|error| panic!("{error}"))
}

impl Workspace {
    pub(crate) fn port(&self) -> u16 {
        self.emulator.port
    }

    /// Plants faults: what happens to requests to come.
    pub(crate) fn plant(&self, faults: Value) {
        self.ask("POST", "/test/faults", &faults);
    }

    /// Requests and statements since the last [`Workspace::clear`], and the files that lie in the volume.
    pub(crate) fn log(&self) -> Value {
        self.ask("GET", "/test/log", &Value::Null)
    }

    pub(crate) fn clear(&self) {
        self.ask("POST", "/test/clear", &Value::Null);
    }

    /// How many requests of a kind there were.
    pub(crate) fn count(&self, point: &str) -> usize {
        let log = self.log();
        log["requests"].as_array().unwrap().iter().filter(|request| request["point"] == point).count()
    }

    /// States of the statements whose text holds this.
    pub(crate) fn states(&self, text: &str) -> Vec<String> {
        let log = self.log();
        let statements = log["statements"].as_array().unwrap().iter();
        let found = statements.filter(|statement| statement[0].as_str().unwrap().contains(text));
        found.map(|statement| statement[1].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn fresh_schema(&self) -> String {
        let name = format!("s{}", self.schemas.fetch_add(1, Ordering::SeqCst));
        let sql = format!("create schema prod.{name}");
        let body = json!({"warehouse_id": "w1", "statement": sql, "wait_timeout": "30s"});
        let answer = self.ask("POST", "/api/2.0/sql/statements", &body);
        assert_eq!(answer["status"]["state"], "SUCCEEDED", "{answer}");
        name
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {DATABRICKS_TOKEN}\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

pub(crate) async fn run(adapter: &DatabricksAdapter, sql: &str) -> Result<QueryResult, AdapterError> {
    adapter.session().await?.execute(sql, Fetch::All).await
}

/// Rows of a query with the types that it is described with.
pub(crate) async fn read(adapter: &DatabricksAdapter, sql: &str) -> Result<RecordBatch, AdapterError> {
    let columns = adapter.describe_query(sql).await?;
    let fields = columns.into_iter().map(|column| column.field.unwrap_or_else(|reason| panic!("{reason}")));
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(&schema), batch_rows: 1000 };
    let batches: Vec<RecordBatch> = adapter.extract(request, CancellationToken::new()).await?.try_collect().await?;
    Ok(arrow::compute::concat_batches(&schema, &batches).unwrap())
}
