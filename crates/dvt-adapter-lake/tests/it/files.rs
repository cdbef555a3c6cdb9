//! Tables of plain files: what is there is read as it is, what is written comes back.

use crate::support::{files_below, lake, lake_with};
use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use dvt_adapter::conformance::samples;
use dvt_adapter::{Adapter, CancellationToken, ErrorClass, ExtractRequest, RelationName};
use futures::TryStreamExt;
use serde_json::json;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_text_and_nothing_is_guessed() {
    let lake = lake();
    lake.write("codes.csv", "\u{feff}code,flag,note\r\n00123,NA,\"a, \"\"b\"\"\r\nc\"\r\n,\"\",t\r\n1e3,true,\tx \n");
    assert_eq!(
        lake.rows("select code, flag, replace(note, chr(10), '/') as note from codes").await,
        "00123|NA|a, \"b\"\r/c\nNULL||t\n1e3|true|\tx "
    );
    let types = "select distinct data_type from information_schema.columns where table_name = 'codes'";
    assert_eq!(lake.rows(types).await, "string");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_types_are_taken_from_the_columns_file_and_are_strict() {
    let lake = lake();
    lake.write("orders.csv", "id,amount,at\n1,1.50,2024-02-29 10:00:00\n2,,\n");
    lake.write("orders.columns.json", r#"{"id": "bigint not null", "amount": "decimal(10,2)", "at": "timestamp"}"#);
    assert_eq!(lake.rows("select sum(id), sum(amount), max(at) from orders").await, "3|1.50|2024-02-29T10:00:00");
    lake.write("orders.csv", "id,amount,at\n1,1.505,\n");
    let error = lake.fails("select * from orders", ErrorClass::ValueDoesNotFit).await;
    assert!(error.contains("`amount`") && error.contains("1.505"), "{error}");
    lake.write("orders.csv", "id,amount,at\n,1.50,\n");
    let error = lake.fails("select * from orders", ErrorClass::ValueDoesNotFit).await;
    assert!(error.contains("`id`"), "{error}");
    lake.write("orders.columns.json", r#"{"idd": "bigint"}"#);
    let error = lake.fails("select * from orders", ErrorClass::MissingColumn).await;
    assert!(error.contains("`idd`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_csv_is_told_with_its_line() {
    let lake = lake();
    for (text, problem) in [
        ("a,b\n1,2\n3\n", "line 3"),
        ("a,b\n\"x,1\n", "never closed"),
        ("a,b\n\"x\"y,1\n", "closing quote"),
        ("a,a\n1,2\n", "two columns named `a`"),
        ("", "empty"),
    ] {
        lake.write("broken.csv", text);
        let error = lake.fails("select * from broken", ErrorClass::Other).await;
        assert!(error.contains(problem), "{text:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_types_are_those_of_every_line() {
    let lake = lake();
    let early: String = (0..200).map(|n| format!("{{\"id\": {n}, \"tags\": []}}\n")).collect();
    lake.write("events.ndjson", &format!("{early}{{\"id\": 200, \"tags\": [\"a\"], \"more\": {{\"x\": 1.5}}}}\n\n"));
    assert_eq!(
        lake.rows("select count(*), sum(id), max(tags[1]), max(more['x']) from events").await,
        "201|20100|a|1.5"
    );
    lake.write("clash.json", "{\"id\": 1}\n{\"id\": \"one\"}\n");
    let error = lake.fails("select * from clash", ErrorClass::ValueDoesNotFit).await;
    assert!(error.contains("line 2") && error.contains("`id`") && error.contains("an integer before"), "{error}");
    lake.write("clash.columns.json", "{\"id\": \"varchar\"}");
    lake.write("array.json", "[{\"id\": 1}]");
    let error = lake.fails("select * from array", ErrorClass::Other).await;
    assert!(error.contains("one object a line"), "{error}");
    lake.write("large.json", "{\"id\": 9007199254740993}\n{\"id\": 0.5}\n");
    lake.fails("select * from large", ErrorClass::ValueDoesNotFit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_of_files_are_tables() {
    let lake = lake();
    for (file, rows) in [("parts/one.csv", "n\n1\n"), ("parts/two.csv", "n\n2\n"), ("parts/.three.csv", "n\n3\n")] {
        lake.write(file, rows);
    }
    lake.write("parts/_notes.txt", "mine");
    assert_eq!(lake.rows("select n from parts order by n").await, "1\n2");
    lake.run("create table kept with (format = 'parquet') as select n from parts").await;
    let part = files_below(&lake.path("kept")).pop().unwrap();
    std::fs::copy(part, lake.path("Line Item.parquet")).unwrap();
    assert_eq!(lake.rows("select count(*) from \"Line Item\"").await, "2");
    let refused = lake.fails("insert into \"Line Item\" values ('3')", ErrorClass::Permission).await;
    assert!(refused.contains("Line Item.parquet"), "{refused}");
    for sql in [
        "drop table parts",
        "alter table parts rename to x",
        "create or replace table parts as select 1 as n",
        "truncate table parts",
    ] {
        lake.fails(sql, ErrorClass::Permission).await;
    }
    assert_eq!(
        lake.rows("select table_name from information_schema.tables where table_schema = 'main' order by 1").await,
        "Line Item\nkept\nparts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_written_added_to_and_replaced() {
    for format in ["delta", "parquet", "csv", "json"] {
        let lake = lake_with(json!({"format": format}));
        lake.run("create table t as select 1 as id, 'a,\"b\"' as text, cast(1.5 as decimal(10,2)) as amount, cast('2024-02-29' as date) as day, cast('2024-02-29 01:02:03.000004' as timestamp) as at, true as flag").await;
        lake.run("insert into t values (null, '', null, null, null, null)").await;
        let rows = "1|a,\"b\"|1.50|2024-02-29|2024-02-29T01:02:03.000004|true\nNULL||NULL|NULL|NULL|NULL";
        assert_eq!(lake.rows("select * from t order by id").await, rows, "{format}");
        lake.run("delete from t where id is null").await;
        lake.run("update t set text = 'z'").await;
        assert_eq!(lake.rows("select id, text from t").await, "1|z", "{format}");
        lake.run("create or replace table t as select 7 as other where false").await;
        assert_eq!(lake.rows("select count(other) from t").await, "0", "{format}");
        lake.run("alter table t rename to u; drop table u").await;
        assert_eq!(files_below(&lake.path("")), Vec::<String>::new(), "{format}");
    }
}

async fn round_trips(format: &str, refuses: &[&str]) {
    let lake = lake_with(json!({"format": format}));
    for sample in samples() {
        let schema = Arc::new(Schema::new(vec![sample.field.clone()]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::clone(&sample.values)]).unwrap();
        let relation = RelationName::new(None, Some("main"), sample.name);
        let loaded = lake.load(&relation, batch.clone(), json!({})).await;
        if refuses.contains(&sample.name) {
            let error = loaded.unwrap_err();
            assert_eq!(error.column.as_deref(), Some(sample.name), "{error}");
            assert!(!lake.path(sample.name).exists());
            continue;
        }
        loaded.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let sql = format!("select * from {}", sample.name);
        let request = ExtractRequest { sql, schema: Arc::clone(&schema), batch_rows: 100 };
        let rows = lake.adapter.extract(request, CancellationToken::new()).await;
        let rows: Vec<RecordBatch> =
            rows.unwrap().try_collect().await.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let rows = arrow::compute::concat_batches(&schema, &rows).unwrap();
        assert_eq!(rows, batch, "{}", sample.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_keeps_every_type() {
    round_trips("parquet", &["interval"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_keeps_plain_values_and_refuses_the_rest() {
    round_trips("csv", &["binary", "interval", "list_of_integers", "list_of_texts"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_keeps_all_but_intervals_and_special_numbers() {
    round_trips("json", &["interval", "float64_special"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_takes_its_format_from_the_options() {
    let lake = lake();
    let column: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let batch = RecordBatch::try_from_iter([("x", column)]).unwrap();
    let relation = RelationName::new(None, None, "t");
    lake.load(&relation, batch.clone(), json!({"format": "parquet"})).await.unwrap();
    let parts = files_below(&lake.path("t")).iter().filter(|file| file.ends_with(".parquet")).count();
    assert_eq!(parts, 1);
    assert!(!lake.path("t/_delta_log").exists());
    let error = lake.load(&RelationName::new(None, None, "u"), batch, json!({"format": "paquet"})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Configuration);
    assert!(error.message.contains("model.test") && error.message.contains("`parquet`"), "{error}");
    assert_eq!(
        lake.adapter.describe(&[relation]).await.unwrap()[0].as_ref().unwrap().columns[0]
            .field
            .as_ref()
            .unwrap()
            .data_type(),
        &DataType::Float64
    );
}
