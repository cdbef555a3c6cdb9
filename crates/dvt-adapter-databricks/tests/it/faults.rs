//! What goes wrong on the way, and comes right or is told.

use crate::support::{Workspace, adapter, output, read, run, server};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Int64Type, Schema};
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, ErrorClass, Fetch, LoadColumn, LoadRequest, RelationName,
};
use dvt_adapter_databricks::DatabricksAdapter;
use dvt_test_support::DATABRICKS_PRINCIPAL;
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An adapter whose output differs from the usual one, and a schema for it.
fn workspace(changes: Value) -> Option<(DatabricksAdapter, String, Arc<Workspace>)> {
    let server = server()?;
    let mut output = output(server.port());
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => output.remove(key),
            value => output.insert(key.clone(), value.clone()),
        };
    }
    let schema = server.fresh_schema();
    server.clear();
    Some((adapter(output), schema, server))
}

async fn count(adapter: &DatabricksAdapter, table: &str) -> i64 {
    let rows = read(adapter, &format!("select count(*) as n from {table}")).await.unwrap();
    rows.column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn a_statement_runs_once_whatever_becomes_of_its_answer() {
    let Some((adapter, schema, server)) = workspace(json!({})) else { return };
    let table = format!("prod.{schema}.t");
    // Turned away before it was looked at: sent again, once the time that was asked for is over.
    server.plant(json!([
        {"on": "before execute", "status": 429, "code": "REQUEST_LIMIT_EXCEEDED", "headers": {"Retry-After": "1"}},
        {"on": "before execute", "status": 503, "headers": {"Retry-After": "1"}}
    ]));
    let begun = Instant::now();
    run(&adapter, &format!("create table {table} (n bigint)")).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "it did not wait");
    assert_eq!(server.states("create table").len(), 1);
    // Carried out, and the answer lost: the history tells its id.
    for (fault, rows) in [("lost", 1), ("cut", 2)] {
        server.plant(json!([{"on": "after execute", "kind": fault}]));
        run(&adapter, &format!("insert into {table} values (7)")).await.unwrap();
        assert_eq!(count(&adapter, &table).await, rows, "{fault}");
    }
    assert_eq!(server.states("insert into").len(), 2);
    assert!(server.count("history") >= 2);
    // A gateway's 502 says nothing about what became of it: asked as well.
    server.plant(json!([{"on": "after execute", "kind": "lost"}, {"on": "before history", "status": 502}]));
    run(&adapter, &format!("update {table} set n = n + 1")).await.unwrap();
    assert_eq!(server.states("update").len(), 1);
    // A query is sent again: running it twice does no harm.
    server.plant(json!([{"on": "before execute", "kind": "reset"}]));
    assert_eq!(count(&adapter, &table).await, 2);
    // Polls that get lost, and a warehouse that takes its time.
    server.plant(json!([
        {"on": "execute", "match": "", "kind": "slow", "seconds": 5.6},
        {"on": "before status", "status": 503},
        {"on": "after status", "kind": "cut", "skip": 1}
    ]));
    let result = run(&adapter, &format!("insert into {table} values (8)")).await.unwrap();
    assert_eq!(result.response.rows_affected, Some(1));
    assert_eq!(server.states("values (8)"), ["SUCCEEDED"]);
}

#[tokio::test]
async fn a_result_comes_whole_or_not_at_all() {
    let Some((adapter, _, server)) = workspace(json!({})) else { return };
    // Three chunks; links that have ended, a storage that says no, a chunk that breaks off, a chunk without a link.
    server.plant(json!([
        {"on": "link"},
        {"on": "before chunk", "status": 503},
        {"on": "after download", "kind": "cut", "skip": 1},
        {"on": "before download", "status": 403, "code": "AccessDenied", "skip": 3}
    ]));
    let rows = read(&adapter, "select cast(id as bigint) as n from range(500000) as r (id)").await.unwrap();
    assert_eq!(rows.num_rows(), 500_000);
    assert!(rows.column(0).as_primitive::<Int64Type>().values().iter().enumerate().all(|(row, n)| row as i64 == *n));
    assert!(server.count("download") >= 6, "{}", server.count("download"));
    // A storage that always says no is told, and no link is shown.
    server.plant(json!([{"on": "before download", "status": 403, "times": 50}]));
    let error = read(&adapter, "select 1 as n").await.unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    server.clear();
    // Values of types that have no exact form come as JSON.
    let rows =
        read(&adapter, "select array(1, cast(null as int)) as a, parse_json('{\"b\": null}') as v").await.unwrap();
    assert_eq!(rows.column(0).as_string::<i32>().value(0), "[1,null]");
    assert!(rows.column(1).as_string::<i32>().value(0).contains("\"b\""));
}

#[tokio::test]
async fn a_service_principals_token_is_renewed() {
    let (id, secret) = DATABRICKS_PRINCIPAL;
    let principal = json!({"token": null, "auth_type": "oauth", "client_id": id, "client_secret": secret});
    let Some((adapter, _, server)) = workspace(principal) else { return };
    server.plant(
        json!([{"on": "before login", "status": 429, "headers": {"Retry-After": "1"}}, {"on": "token", "lasts": 1.2}]),
    );
    run(&adapter, "select 1 as n").await.unwrap();
    run(&adapter, "select 2 as n").await.unwrap();
    assert_eq!(server.count("login"), 2, "one refused, one good for both");
    // It has run out before its time: a fresh one, without a word.
    tokio::time::sleep(Duration::from_millis(1300)).await;
    run(&adapter, "select 3 as n").await.unwrap();
    assert_eq!(server.count("login"), 3);
    let wrong = json!({"token": null, "client_id": id, "client_secret": "dose-wrong"});
    let (adapter, ..) = workspace(wrong).unwrap();
    let error = run(&adapter, "select 1").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Authentication, "{error}");
    assert!(error.hint.unwrap().contains("`client_secret`"));
}

#[tokio::test]
async fn what_nobody_waits_for_is_cancelled_in_the_workspace() {
    let Some((adapter, _, server)) = workspace(json!({})) else { return };
    let slow = |text: &str| {
        format!("select count(*) as {text} from range(10000000) as a (x), range(100000) as b (y) where (x * y) % 7 = 3")
    };
    let until_cancelled = async |text: &str| {
        let begun = Instant::now();
        while server.states(text) != ["CANCELED"] {
            assert!(begun.elapsed() < Duration::from_secs(20), "{text}: {:?}", server.states(text));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // The future is dropped before the workspace has even said under which id it runs.
    assert!(tokio::time::timeout(Duration::from_millis(300), run(&adapter, &slow("dropped"))).await.is_err());
    until_cancelled("dropped").await;
    let token = CancellationToken::new();
    let mut session = adapter.session().await.unwrap();
    session.set_cancel(token.clone());
    let trigger = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        token.cancel();
    };
    let sql = slow("told");
    let (result, ()) = tokio::join!(session.execute(&sql, Fetch::All), trigger);
    assert_eq!(result.unwrap_err().class, ErrorClass::Cancelled);
    until_cancelled("told").await;
}

#[tokio::test]
async fn what_is_wrong_is_told_with_a_way_out() {
    let check = async |changes: Value, faults: Value, class: ErrorClass, hint: &str| {
        let Some((adapter, _, server)) = workspace(changes.clone()) else { return };
        server.plant(faults);
        let error = run(&adapter, "select 1 as n").await.unwrap_err();
        assert_eq!(error.class, class, "{changes}: {error}");
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{changes}: {error} {:?}", error.hint);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    };
    check(json!({"token": "dapi-old-hunter2"}), json!([]), ErrorClass::Authentication, "`token`").await;
    check(json!({"http_path": "/sql/1.0/warehouses/gone"}), json!([]), ErrorClass::Configuration, "`http_path`").await;
    let page = json!([{"on": "before execute", "kind": "html"}]);
    check(json!({}), page, ErrorClass::Configuration, "`host`").await;
    check(
        json!({"catalog": "nowhere"}),
        json!([]),
        ErrorClass::MissingDatabase,
        "`catalog` of this output is `nowhere`",
    )
    .await;
    let refused = json!([{"on": "before execute", "status": 403, "code": "PERMISSION_DENIED"}]);
    check(json!({}), refused, ErrorClass::Permission, "CAN USE").await;
    let failed = json!([{"on": "execute", "kind": "fail", "sql_state": "42501",
        "message": "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE SCHEMA. SQLSTATE: 42501"}]);
    check(json!({}), failed, ErrorClass::Permission, "USE SCHEMA").await;
}

fn request(schema: &str, columns: &[(&str, &str, ArrayRef)]) -> (LoadRequest, RecordBatch) {
    let fields = columns.iter().map(|(name, _, values)| Field::new(*name, values.data_type().clone(), true));
    let arrow = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch =
        RecordBatch::try_new(Arc::clone(&arrow), columns.iter().map(|(.., values)| Arc::clone(values)).collect());
    let column = |(name, native, _): &(&str, &str, ArrayRef)| LoadColumn {
        name: (*name).to_owned(),
        column_type: (*native).to_owned(),
        nullable: true,
    };
    let request = LoadRequest {
        relation: RelationName::new(Some("prod"), Some(schema), "landed"),
        columns: columns.iter().map(column).collect(),
        schema: arrow,
        on_behalf_of: "model.p.landed".to_owned(),
        options: serde_json::Map::new(),
    };
    (request, batch.unwrap())
}

async fn load(adapter: &DatabricksAdapter, request: LoadRequest, batch: &RecordBatch) -> Result<u64, AdapterError> {
    let rows: BatchStream = stream::iter([Ok(batch.clone())]).boxed();
    Ok(adapter.load(request, rows, CancellationToken::new()).await?.rows)
}

#[tokio::test]
async fn rows_go_in_by_statements_and_by_files() {
    let columns: Vec<(&str, &str, ArrayRef)> = vec![
        (
            "n",
            "decimal(38,2)",
            Arc::new(
                Decimal128Array::from(vec![Some(10_i128.pow(38) - 1), None]).with_precision_and_scale(38, 2).unwrap(),
            ),
        ),
        ("t", "string", Arc::new(StringArray::from(vec![Some("it's \\ \"x\"\n\t☕"), Some("")]))),
        ("f", "double", Arc::new(Float64Array::from(vec![Some(f64::NEG_INFINITY), Some(5e-324)]))),
        ("b", "boolean", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("d", "date", Arc::new(Date32Array::from(vec![Some(-719_162), Some(2_932_896)]))),
        ("y", "binary", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\xab\x00'"), None]))),
        ("z", "timestamp_ntz", Arc::new(TimestampMicrosecondArray::from(vec![Some(-62_135_596_800_000_000), None]))),
        (
            "u",
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1_704_070_923_123_456), None]).with_timezone("UTC")),
        ),
        ("two words", "bigint", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
    ];
    for volume in [Value::Null, json!("prod.default.files")] {
        let Some((adapter, schema, server)) = workspace(json!({"volume": volume})) else { return };
        let (request, batch) = request(&schema, &columns);
        assert_eq!(load(&adapter, request.clone(), &batch).await.unwrap(), 2, "{volume}");
        let rows = read(&adapter, &format!("select * from prod.{schema}.landed order by b nulls last")).await.unwrap();
        for (index, (name, ..)) in columns.iter().enumerate() {
            assert_eq!(rows.column(index), batch.column(index), "{volume} {name}");
        }
        assert_eq!(server.log()["files"], json!([]), "files are left in the volume");
        let into = if volume.is_null() { "INSERT INTO" } else { "COPY INTO" };
        assert_eq!(server.states(into), ["SUCCEEDED"]);
        // Answers that are lost cost and double no row.
        run(&adapter, &format!("drop table prod.{schema}.landed")).await.unwrap();
        server.plant(json!([{"on": "after execute", "kind": "lost"}, {"on": "after execute", "kind": "lost"}]));
        assert_eq!(load(&adapter, request.clone(), &batch).await.unwrap(), 2, "{volume}");
        assert_eq!(server.states(into).len(), 2, "one statement for each load");
        // A load that fails leaves neither table nor files.
        run(&adapter, &format!("drop table prod.{schema}.landed")).await.unwrap();
        server.plant(json!([{"on": "execute", "kind": "fail", "message": "[INTERNAL_ERROR] planted", "skip": 1}]));
        assert!(load(&adapter, request.clone(), &batch).await.unwrap_err().message.contains("planted"));
        assert!(adapter.describe(std::slice::from_ref(&request.relation)).await.unwrap()[0].is_none());
        assert_eq!(server.log()["files"], json!([]));
    }
    // The volume is not there.
    let Some((adapter, schema, _)) = workspace(json!({"volume": "prod.default.nowhere"})) else { return };
    let (request, batch) = request(&schema, &columns);
    let error = load(&adapter, request.clone(), &batch).await.unwrap_err();
    assert!(error.message.contains("nowhere") && error.hint.unwrap().contains("WRITE VOLUME"));
    assert!(adapter.describe(&[request.relation]).await.unwrap()[0].is_none(), "the table of the failed load is left");
}

#[tokio::test]
async fn a_tables_version_is_a_token_where_the_user_says_so() {
    let Some((adapter, schema, server)) = workspace(json!({"change_tokens": "version"})) else { return };
    let (t, v) = (format!("prod.{schema}.t"), format!("prod.{schema}.v"));
    run(&adapter, &format!("create table {t} (n bigint); create view {v} as select * from {t}")).await.unwrap();
    let relation = |name: &str| [RelationName::new(Some("prod"), Some(&schema), name)];
    let first = adapter.change_token(&relation("t")).await.unwrap().unwrap();
    assert_eq!(adapter.change_token(&relation("t")).await.unwrap().as_ref(), Some(&first));
    run(&adapter, &format!("insert into {t} values (1)")).await.unwrap();
    assert_ne!(adapter.change_token(&relation("t")).await.unwrap().unwrap(), first);
    assert_eq!(adapter.change_token(&relation("v")).await.unwrap(), None);
    assert_eq!(adapter.change_token(&relation("nothing")).await.unwrap(), None);
    let plain = crate::support::adapter(output(server.port()));
    assert_eq!(plain.change_token(&relation("t")).await.unwrap(), None);
}
