//! The Snowflake of the leaf: the real driver against an emulator of the server, which takes no files into a stage.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Decimal128Type, Field, Schema, TimeUnit, TimestampNanosecondType};
use dvt_adapter::{
    Adapter, AdapterError, CancellationToken, ErrorClass, ExtractRequest, Fetch, LoadColumn, LoadRequest, RelationKind,
    RelationName,
};
use dvt_adapter_adbc::AdbcAdapter;
use dvt_adapter_adbc::driver::DriverFolders;
use dvt_test_support::Emulator;
use futures::TryStreamExt;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

fn output(port: u16) -> Map<String, Value> {
    let output = json!({
        "type": "snowflake", "account": "fakesnow", "user": "fake", "password": "snow", "database": "db1",
        "schema": "marts", "protocol": "http", "host": "127.0.0.1", "port": port, "load": "insert",
        "connect_timeout": 3, "query_tag": "tests"
    });
    let Value::Object(output) = output else { panic!("not a map") };
    output
}

async fn snow() -> Option<(AdbcAdapter, Emulator)> {
    let drivers = dvt_test_support::drivers_with("snowflake")?;
    let server = dvt_test_support::fakesnow()?;
    let folders = DriverFolders(vec![drivers]);
    let adapter = AdbcAdapter::snowflake("snow", &output(server.port), Path::new("/"), &folders).unwrap();
    run(&adapter, "create database if not exists db1; create schema if not exists db1.marts").await.unwrap();
    Some((adapter, server))
}

async fn run(adapter: &AdbcAdapter, sql: &str) -> Result<Option<i64>, AdapterError> {
    let mut session = adapter.session().await?;
    Ok(session.execute(sql, Fetch::None).await?.response.rows_affected)
}

fn relation(name: &str) -> RelationName {
    RelationName::new(Some("DB1"), Some("MARTS"), name)
}

/// Rows of a query with the types that it is described with.
async fn read(adapter: &AdbcAdapter, sql: &str) -> Result<RecordBatch, AdapterError> {
    let columns = adapter.describe_query(sql).await?;
    let fields = columns.into_iter().map(|column| column.field.unwrap_or_else(|reason| panic!("{reason}")));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(&schema), batch_rows: 1000 };
    let batches: Vec<RecordBatch> = adapter.extract(request, CancellationToken::new()).await?.try_collect().await?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

#[tokio::test]
async fn rows_come_and_go_with_their_types_and_their_nulls() {
    let Some((adapter, _server)) = snow().await else { return };
    let columns: Vec<(&str, &str, ArrayRef)> = vec![
        (
            "N",
            "NUMBER(12,2)",
            Arc::new(Decimal128Array::from(vec![Some(125), None]).with_precision_and_scale(12, 2).unwrap()),
        ),
        ("T", "VARCHAR", Arc::new(StringArray::from(vec![Some("it's \\ 'x'\n"), Some("")]))),
        ("F", "FLOAT", Arc::new(Float64Array::from(vec![Some(1.5e300), None]))),
        ("B", "BOOLEAN", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("D", "DATE", Arc::new(Date32Array::from(vec![Some(19_000), None]))),
        ("Y", "BINARY", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\xab\x00"), None]))),
        ("A", "TIMESTAMP_NTZ(6)", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_704_070_923_123_456), None]))),
        ("V", "VARIANT", Arc::new(StringArray::from(vec![Some("{\"a\":1}"), None]))),
    ];
    let schema = Arc::new(Schema::new(
        columns.iter().map(|(name, _, values)| Field::new(*name, values.data_type().clone(), true)).collect::<Vec<_>>(),
    ));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), columns.iter().map(|(.., values)| Arc::clone(values)).collect())
            .unwrap();
    let request = LoadRequest {
        relation: relation("LOADED"),
        columns: columns
            .iter()
            .map(|(name, of, _)| LoadColumn { name: (*name).to_owned(), column_type: (*of).to_owned(), nullable: true })
            .collect(),
        schema,
        on_behalf_of: "model.loaded".to_owned(),
        options: Map::new(),
    };
    let rows = Box::pin(futures::stream::iter([Ok(batch)]));
    let report = adapter.load(request, rows, CancellationToken::new()).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.rows, 2);

    let described = adapter.describe(&[relation("LOADED"), relation("NOTHING")]).await.unwrap();
    assert!(described[1].is_none());
    let described = described[0].as_ref().unwrap();
    assert_eq!(described.kind, RelationKind::Table);
    let natives: Vec<&str> = described.columns.iter().map(|column| column.native_type.as_str()).collect();
    assert_eq!(natives[..3], ["NUMBER(12,2)", "VARCHAR", "FLOAT"]);
    assert!(natives[6].starts_with("TIMESTAMP_NTZ("), "{natives:?}");

    let found = read(&adapter, "select n, t, f, b, d, y, a, v from db1.marts.loaded order by n").await;
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.column(0).as_primitive::<Decimal128Type>().value(0), 125);
    assert_eq!(found.column(1).as_string::<i32>().value(0), "it's \\ 'x'\n");
    assert_eq!(found.column(1).as_string::<i32>().value(1), "");
    assert_eq!(found.column(5).as_binary::<i32>().value(0), b"\xab\x00");
    assert_eq!(found.column(6).data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    assert_eq!(found.column(6).as_primitive::<TimestampNanosecondType>().value(0), 1_704_070_923_123_456_000);
    for (index, column) in found.columns().iter().enumerate().filter(|(index, _)| *index != 1) {
        assert!(column.is_null(1), "column {index} of the second row");
        assert!(column.is_valid(0), "column {index} of the first row");
    }
}

#[tokio::test]
async fn a_load_that_fails_leaves_nothing() {
    let Some((adapter, _server)) = snow().await else { return };
    let values: ArrayRef = Arc::new(StringArray::from(vec!["{", "{}"]));
    let batch = RecordBatch::try_from_iter([("V", values)]).unwrap();
    let request = LoadRequest {
        relation: relation("BROKEN"),
        columns: vec![LoadColumn { name: "V".to_owned(), column_type: "VARIANT".to_owned(), nullable: true }],
        schema: batch.schema(),
        on_behalf_of: "model.broken".to_owned(),
        options: Map::new(),
    };
    let rows = Box::pin(futures::stream::iter([Ok(batch)]));
    let error = adapter.load(request, rows, CancellationToken::new()).await.unwrap_err();
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("V")), "{error}");
    let names = [relation("BROKEN"), relation("BROKEN__as_text")];
    assert!(adapter.describe(&names).await.unwrap().iter().all(Option::is_none));
}

#[tokio::test]
async fn statements_tell_their_rows_and_transactions_hold() {
    let Some((adapter, _server)) = snow().await else { return };
    run(&adapter, "create table db1.marts.t (a number(38,0), b varchar)").await.unwrap();
    assert_eq!(run(&adapter, "insert into db1.marts.t values (1, 'x'), (2, 'y')").await.unwrap(), Some(2));
    let framed = "begin; delete from db1.marts.t where a = 1; commit;";
    assert_eq!(run(&adapter, framed).await.unwrap(), Some(1));
    let mut session = adapter.session().await.unwrap();
    session.begin().await.unwrap();
    session.execute("insert into db1.marts.t values (3, 'z')", Fetch::None).await.unwrap();
    session.rollback().await.unwrap();
    let rows = session.execute("select count(*) as n from db1.marts.t", Fetch::All).await.unwrap().rows.unwrap().1;
    assert_eq!(rows[0].column(0).as_primitive::<Decimal128Type>().value(0), 1);
}

#[tokio::test]
async fn errors_have_classes() {
    let Some((adapter, server)) = snow().await else { return };
    let class = async |sql: &str| run(&adapter, sql).await.unwrap_err().class;
    assert_eq!(class("select * from db1.marts.nope").await, ErrorClass::MissingRelation);
    assert_eq!(class("selekt 1").await, ErrorClass::Syntax);
    let port = server.port;
    drop(server);
    let folders = DriverFolders(vec![dvt_test_support::drivers_with("snowflake").unwrap()]);
    let gone = AdbcAdapter::snowflake("snow", &output(port), Path::new("/"), &folders).unwrap();
    let Err(error) = gone.session().await else { panic!("nobody is there") };
    assert_eq!(error.class, ErrorClass::Unreachable, "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("account")));
}
