//! Answers that are lost, refused or cut short: each job runs once, and no row is lost or doubled.

use crate::support::{Service, adapter, extract, server};
use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use dvt_adapter::{Adapter, CancellationToken, ErrorClass, Fetch, LoadColumn, LoadRequest, RelationName};
use futures::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::sync::Arc;

fn numbers() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

/// The number of jobs whose query holds this text.
fn ran(server: &Service, text: &str) -> usize {
    let has = |job: &Value| job["configuration"]["query"]["query"].as_str().is_some_and(|sql| sql.contains(text));
    server.jobs().iter().filter(|job| has(job)).count()
}

#[tokio::test]
async fn a_job_runs_once_whatever_becomes_of_its_answers() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let mut session = adapter.session().await.unwrap();
    session.execute("create table dev.once (a int64)", Fetch::None).await.unwrap();
    let faults = [
        json!([{"at": "after insert"}]),
        json!([{"at": "before insert", "kind": "reset"}]),
        json!([{"at": "before insert", "status": 503}]),
        json!([{"at": "before insert", "status": 403, "reason": "rateLimitExceeded"}]),
        json!([{"at": "after results"}]),
        json!([{"at": "after job"}]),
    ];
    for (index, fault) in faults.iter().enumerate() {
        server.plant(fault);
        let sql = format!("insert into dev.once values ({index})");
        let done = session.execute(&sql, Fetch::None).await.unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(done.response.rows_affected, Some(1), "{fault}");
        assert_eq!(ran(&server, &sql), 1, "{fault}");
    }
    server.plant(&json!([]));
    let rows = extract(&adapter, "select count(*) as n from dev.once", numbers()).await.unwrap();
    assert_eq!(rows[0].column(0).as_ref(), &Int64Array::from(vec![6]));
    // A single statement that the service failed is run anew, as a job of its own.
    server.plant(&json!([{"at": "job", "reason": "backendError"}]));
    session.execute("insert into dev.once values (7)", Fetch::None).await.unwrap();
    assert_eq!(ran(&server, "values (7)"), 2);
    server.plant(&json!([{"at": "job", "reason": "backendError", "times": 2}]));
    assert!(session.execute("insert into dev.once values (8)", Fetch::None).await.is_err());
}

#[tokio::test]
async fn a_result_comes_whole_or_not_at_all() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let sql = "select n from unnest(generate_array(1, 12000)) as n";
    server.plant(&json!([{"at": "after results", "skip": 4}]));
    let rows = extract(&adapter, sql, numbers()).await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 12_000);
    // The first answer tells that the job is done, the others hold a thousand rows each.
    server.plant(&json!([{"at": "short page", "skip": 6}]));
    let error = extract(&adapter, sql, numbers()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::ConnectionLost, "{error}");
    assert!(error.message.contains("12000 rows, and 11999 came"), "{error}");
}

#[tokio::test]
async fn a_load_of_many_pieces_arrives_whole() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    // A piece ends within a character sooner or later.
    let text: Vec<String> = (0..30_000).map(|row| format!("{row} {}", "🦀".repeat(100))).collect();
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(text))]).unwrap();
    let load = |name: &str| {
        let request = LoadRequest {
            relation: RelationName::new(Some("acme-prod"), Some("dev"), name),
            columns: vec![LoadColumn { name: "t".to_owned(), column_type: "STRING".to_owned(), nullable: true }],
            schema: Arc::clone(&schema),
            on_behalf_of: "model.shop.t".to_owned(),
            options: Map::new(),
        };
        adapter.load(request, stream::iter([Ok(batch.clone())]).boxed(), CancellationToken::new())
    };
    server.plant(&json!([{"at": "before upload", "kind": "reset"}, {"at": "after upload", "skip": 1}]));
    assert_eq!(load("pieces").await.unwrap().rows, 30_000);
    let sql = "select count(distinct t) as n from dev.pieces where length(t) > 100";
    let count = || extract(&adapter, sql, numbers());
    assert_eq!(count().await.unwrap()[0].column(0).as_ref(), &Int64Array::from(vec![30_000]));
    // A table that is there stays as it is.
    assert!(load("pieces").await.is_err());
    assert_eq!(count().await.unwrap()[0].column(0).as_ref(), &Int64Array::from(vec![30_000]));
}

#[tokio::test]
async fn a_token_that_ran_out_is_replaced() {
    let Some(server) = server() else { return };
    let more = json!({
        "token": null, "refresh_token": dvt_test_support::BIGQUERY_REFRESH, "client_id": "c", "client_secret": "s3cret",
        "token_uri": format!("http://127.0.0.1:{}/token", server.port()),
    });
    server.plant(&json!([{"at": "token", "lasts": 0}]));
    let kept = adapter(server.port(), more.clone());
    assert_eq!(extract(&kept, "select 1 as n", numbers()).await.unwrap()[0].num_rows(), 1);
    let mut wrong = more;
    wrong["client_secret"] = json!("wr0ng");
    let error = extract(&adapter(server.port(), wrong), "select 1 as n", numbers()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Authentication, "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

/// What the JSON of a result cannot say is shown to macros as JSON, and refused where a value would have to be exact.
#[tokio::test]
async fn nested_values_are_shown_and_not_extracted() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let mut session = adapter.session().await.unwrap();
    let shown = session.execute("select [1, 2] as a, struct('x' as s, 2 as n) as b", Fetch::All).await.unwrap();
    let (_, batches) = shown.rows.unwrap();
    let text = |index| arrow::util::display::array_value_to_string(batches[0].column(index), 0).unwrap();
    assert_eq!(text(0), "[1,2]");
    let object: Value = serde_json::from_str(&text(1)).unwrap();
    assert_eq!(object, json!({"n": 2, "s": "x"}));
    let one = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true)]));
    let error = extract(&adapter, "select [1, 2] as a", one).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::UnsupportedType, "{error}");
    assert!(error.message.contains("ARRAY<INT64>"), "{error}");
}

#[tokio::test]
async fn names_are_quoted() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let mut session = adapter.session().await.unwrap();
    let dialect = adapter.dialect();
    for name in ["two words", "UpperCase", "select", "apostrophe'd", "semi;colon -- /* comment", "ünïcödé_列"] {
        let relation = RelationName::new(Some("acme-prod"), Some("dev"), name);
        let table = dialect.quote_path(relation.parts());
        let column = dialect.quote_identifier(name);
        session.execute(&format!("create table {table} ({column} int64)"), Fetch::None).await.unwrap();
        session.execute(&format!("insert into {table} ({column}) values (7)"), Fetch::None).await.unwrap();
        let described = adapter.describe(&[relation]).await.unwrap()[0].clone().unwrap();
        assert_eq!(described.columns[0].name, name);
        let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Int64, true)]));
        let rows = extract(&adapter, &format!("select {column} from {table}"), schema).await.unwrap();
        assert_eq!(rows[0].column(0).as_ref(), &Int64Array::from(vec![7]), "{name}");
    }
}

#[tokio::test]
async fn a_number_that_does_not_fit_leaves_nothing() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let relation = RelationName::new(Some("acme-prod"), Some("dev"), "narrow");
    let request = LoadRequest {
        relation: relation.clone(),
        schema: numbers(),
        columns: vec![LoadColumn { name: "n".to_owned(), column_type: "NUMERIC(5, 2)".to_owned(), nullable: true }],
        on_behalf_of: "model.shop.t".to_owned(),
        options: Map::new(),
    };
    let batch = |value| Ok(RecordBatch::try_new(numbers(), vec![Arc::new(Int64Array::from(vec![value]))]).unwrap());
    let rows = stream::iter([batch(999), batch(1_000)]).boxed();
    let error = adapter.load(request, rows, CancellationToken::new()).await.unwrap_err();
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("n")), "{error}");
    assert!(adapter.describe(&[relation]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn a_script_runs_in_order() {
    let Some(server) = server() else { return };
    let adapter = adapter(server.port(), json!({}));
    let mut session = adapter.session().await.unwrap();
    session.execute("create table dev.scripted (n int64)", Fetch::None).await.unwrap();
    let script = "insert into dev.scripted values (1);\nselect 41 as n;\ninsert into dev.scripted values (2);\n\
                  select count(*) as n from dev.scripted;\n";
    let (_, batches) = session.execute(script, Fetch::All).await.unwrap().rows.unwrap();
    assert_eq!(arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap(), "2");
}
