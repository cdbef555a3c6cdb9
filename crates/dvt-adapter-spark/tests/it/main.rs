//! The Spark leaf against a Spark Connect server of the tests' own: the conformance suite, where `DVT_SPARK_CONFORMANCE=all` asks for it
//! (some hundred small jobs take Spark a minute or two). `spark_connection` of `dvt` is the short run.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter::{Adapter, Fetch};
use dvt_adapter_spark::{Places, SparkAdapter};
use dvt_test_support::{SPARK_TOKEN, SparkConnect, spark_connect};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

/// The server that runs already, or a new one. It ends with the test's process.
fn server() -> Option<Arc<SparkConnect>> {
    static SHARED: OnceLock<Mutex<Weak<SparkConnect>>> = OnceLock::new();
    static KEPT: OnceLock<Arc<SparkConnect>> = OnceLock::new();
    let mut shared = SHARED.get_or_init(Mutex::default).lock().unwrap();
    if let Some(running) = shared.upgrade() {
        return Some(running);
    }
    let fresh = Arc::new(spark_connect(true)?);
    *shared = Arc::downgrade(&fresh);
    let _ = KEPT.set(Arc::clone(&fresh));
    Some(fresh)
}

fn adapter(port: u16, schema: &str, changes: &[(&str, Value)]) -> Arc<SparkAdapter> {
    let output = json!({
        "type": "spark", "method": "connect", "host": "127.0.0.1", "port": port, "schema": schema, "token": SPARK_TOKEN,
    });
    let mut output: Map<String, Value> = output.as_object().unwrap().clone();
    for (key, value) in changes {
        output.insert((*key).to_owned(), value.clone());
    }
    let adapter = SparkAdapter::from_profile("lake", &output, Path::new("/"), &Places::default());
    Arc::new(adapter.unwrap_or_else(|error| panic!("{error}")))
}

fn subject() -> Option<Subject> {
    if std::env::var("DVT_SPARK_CONFORMANCE").as_deref() != Ok("all") {
        return None;
    }
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let server = server()?;
    let schema = format!("conformance_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let of = adapter(server.port, &schema, &[]);
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async {
            let mut session = of.session().await.unwrap();
            session.execute(&format!("create schema {schema}"), Fetch::None).await.unwrap();
        });
    });
    Some(Subject {
        adapter: of,
        database: None,
        schema: Some(schema.clone()),
        wrong_password: Some(adapter(server.port, &schema, &[("token", "wrong-hunter2".into())])),
        unreachable: Some(adapter(dvt_test_support::closed_port(), &schema, &[("connect_timeout", 2.into())])),
        password: Some("hunter2".to_owned()),
        engine: Engine {
            numbers: |count| format!("select cast(id + 1 as bigint) as n from range({count}) as r (id)"),
            slow_statement: "select count(*) as n from range(10000000) as a (x), range(1000000) as b (y) where (x * y) % 7 = 3",
            refuses: &[
                "decimal_60_20",
                "time",
                "timestamp_nanosecond",
                "interval",
                "list_of_integers",
                "list_of_texts",
            ],
            refuses_values: &["numeric"],
            skips: &[
                ("a_broken_constraint_is_told_as_one", "tables of files have no constraints"),
                (
                    "identifiers_of_every_kind_are_quoted",
                    "the catalog of a session takes letters, digits and _ for names of tables",
                ),
                ("a_rollback_undoes", "there are no transactions"),
                ("a_commit_shows_to_other_sessions", "there are no transactions"),
                ("a_session_dropped_in_a_transaction_leaves_no_trace", "there are no transactions"),
            ],
        },
        keep: Box::new(server),
    })
}

dvt_adapter::conformance!(in one test: crate::subject);
