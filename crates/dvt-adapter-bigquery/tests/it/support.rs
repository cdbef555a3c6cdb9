//! The service that the tests of one process share, and small steps.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dvt_adapter::{Adapter, AdapterError, CancellationToken, ExtractRequest};
use dvt_adapter_bigquery::BigQueryAdapter;
use dvt_test_support::{BIGQUERY_TOKEN, Emulator};
use futures::TryStreamExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Service {
    emulator: Emulator,
    datasets: AtomicU32,
}

/// A service of one's own: faults are planted for all who ask it.
pub(crate) fn server() -> Option<Arc<Service>> {
    Some(Arc::new(Service { emulator: dvt_test_support::bigquery()?, datasets: AtomicU32::new(0) }))
}

pub(crate) fn adapter(port: u16, more: Value) -> BigQueryAdapter {
    let mut output = json!({
        "type": "bigquery", "method": "oauth-secrets", "token": BIGQUERY_TOKEN, "project": "acme-prod", "dataset": "dev",
        "api_endpoint": format!("http://127.0.0.1:{port}"),
    });
    for (key, value) in more.as_object().unwrap() {
        output[key] = value.clone();
    }
    let output = output.as_object().unwrap();
    BigQueryAdapter::from_profile("bq", output, Path::new("."), &BTreeMap::new())
        .unwrap_or_else(|error| panic!("{error}"))
}

impl Service {
    pub(crate) fn port(&self) -> u16 {
        self.emulator.port
    }

    pub(crate) fn fresh_dataset(&self) -> String {
        let name = format!("d{}", self.datasets.fetch_add(1, Ordering::Relaxed));
        let (port, sql) = (self.port(), format!("create schema if not exists `acme-prod`.`{name}`"));
        // The suite calls within a runtime of its own.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut session = adapter(port, json!({})).session().await.unwrap();
                    session.execute(&sql, dvt_adapter::Fetch::None).await.unwrap();
                });
            });
        });
        name
    }

    /// Plants faults: what happens to requests to come.
    pub(crate) fn plant(&self, faults: &Value) {
        self.ask("POST", "/test/faults", faults);
    }

    /// The jobs that ran, as resources.
    pub(crate) fn jobs(&self) -> Vec<Value> {
        self.ask("GET", "/test/log", &Value::Null)["jobs"].as_array().unwrap().clone()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

pub(crate) async fn extract(
    adapter: &BigQueryAdapter,
    sql: &str,
    schema: SchemaRef,
) -> Result<Vec<RecordBatch>, AdapterError> {
    let request = ExtractRequest { sql: sql.to_owned(), schema, batch_rows: 1000 };
    adapter.extract(request, CancellationToken::new()).await?.try_collect().await
}
