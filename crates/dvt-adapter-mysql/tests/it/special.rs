//! What only MySQL does: zero dates, odd collations, warnings of LOAD DATA LOCAL, servers that refuse local files.

use crate::support::{adapter, profile, rows, run, stream};
use arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, TimeUnit};
use dvt_adapter::{
    Adapter, AdapterError, CancellationToken, ErrorClass, Fetch, LoadColumn, LoadReport, LoadRequest, RelationName,
    TextComparison,
};
use futures::{StreamExt, TryStreamExt, stream as streams};
use std::sync::Arc;

fn server() -> Option<(dvt_test_support::TestDatabase, Arc<dyn Adapter>)> {
    let database = dvt_test_support::mysql()?;
    let adapter = adapter(&profile(&database, "mariadb"));
    Some((database, adapter))
}

async fn load(
    adapter: &dyn Adapter,
    table: &str,
    columns: &[(&str, &str, ArrayRef)],
) -> Result<LoadReport, AdapterError> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, _, values)| (*name, values.clone(), true)))
            .unwrap();
    let request = LoadRequest {
        relation: RelationName::new(None, None, table),
        columns: columns
            .iter()
            .map(|(name, column_type, _)| LoadColumn {
                name: (*name).to_owned(),
                column_type: (*column_type).to_owned(),
                nullable: true,
            })
            .collect(),
        schema: batch.schema(),
        on_behalf_of: format!("model `{table}`"),
        options: serde_json::Map::new(),
    };
    adapter.load(request, streams::iter([Ok(batch)]).boxed(), CancellationToken::new()).await
}

#[tokio::test]
async fn native_types_are_read_exactly() {
    let Some((database, adapter)) = server() else { return };
    database.sql(
        "create table t (ti tinyint(1), tu tinyint unsigned, bu bigint unsigned, m mediumint, y year, b1 bit(1), b9 bit(9),
           d decimal(65,30), f float, dt datetime(6), ts timestamp(3) null, tm time(6), e enum('x','y'), s set('p','q'),
           c char(5), bn binary(3), j json, u uuid, z int(5) zerofill);
         set time_zone = '+05:00';
         insert into t values (7, 255, 18446744073709551615, -8388608, 1999, b'1', b'100000001',
           '12345678901234567890123456789012345.123456789012345678901234567890', 0.1, '0001-02-03 04:05:06.789012',
           '2024-02-29 17:00:00.125', '-838:59:58.000001', 'y', 'p,q', 'ab ', x'00ff', '{\"a\": 1}',
           '6fa459ea-ee8a-3ca4-894e-db77e160355e', 42);
         insert into t (ti) values (null);",
    );
    let got = rows(adapter.as_ref(), "select * from t order by ti is null").await;
    assert_eq!(
        got[0],
        "7 | 255 | 18446744073709551615 | -8388608 | 1999 | true | 100000001 | \
         12345678901234567890123456789012345.123456789012345678901234567890 | 0.1 | 0001-02-03T04:05:06.789012 | \
         2024-02-29T12:00:00.125Z | -3020398000001 | y | p,q | ab | 00ff00 | {\"a\": 1} | \
         6fa459ea-ee8a-3ca4-894e-db77e160355e | 42"
    );
    assert_eq!(got[1], ["NULL"; 19].join(" | "));
    let described = adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap();
    let columns = &described[0].as_ref().unwrap().columns;
    let data_type = |name: &str| {
        columns.iter().find(|column| column.name == name).unwrap().field.as_ref().unwrap().data_type().clone()
    };
    assert_eq!(data_type("ti"), DataType::Int8);
    assert_eq!(data_type("ts"), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(data_type("z"), DataType::UInt32);
}

#[tokio::test]
async fn a_zero_date_is_an_error_and_no_null() {
    let Some((database, adapter)) = server() else { return };
    database.sql(
        "set sql_mode = ''; create table t (d date, m datetime); insert into t values ('0000-00-00', '2024-00-10')",
    );
    for column in ["d", "m"] {
        let (_, stream) = stream(adapter.as_ref(), &format!("select {column} from t")).await;
        let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
        assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some(column)), "{error}");
        assert!(error.message.contains("-00-"), "{error}");
    }
}

#[tokio::test]
async fn collations_decide_what_may_be_compared() {
    let Some((database, adapter)) = server() else { return };
    database.sql(
        "create table t (a varchar(5) collate utf8mb4_general_ci, b varchar(5) collate utf8mb4_bin,
           c varchar(5) collate utf8mb4_nopad_bin, d varbinary(5), e int)",
    );
    let described = adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap();
    let comparisons: Vec<bool> = described[0]
        .as_ref()
        .unwrap()
        .columns
        .iter()
        .map(|column| column.comparison == TextComparison::Binary)
        .collect();
    assert_eq!(comparisons, [false, false, true, true, true]);
}

/// `LOAD DATA LOCAL` only warns of these, and the last one it does not even warn of.
#[tokio::test]
async fn what_the_server_would_change_fails_the_load() {
    let Some((_database, adapter)) = server() else { return };
    let texts = |text: &str| Arc::new(StringArray::from(vec!["ok", text])) as ArrayRef;
    let numbers = |number: i64| Arc::new(Int64Array::from(vec![1, number])) as ArrayRef;
    let moments = Arc::new(arrow::array::TimestampMicrosecondArray::from(vec![0, 123])) as ArrayRef;
    let cases: Vec<(&str, ArrayRef)> = vec![
        ("varchar(3)", texts("long text")),
        ("tinyint", numbers(300)),
        ("int unsigned", numbers(-1)),
        ("json", texts("no json")),
        ("enum('ok')", texts("other")),
        ("year", numbers(1800)),
        ("datetime(3)", moments),
        ("varchar(9) character set latin1", texts("日本")),
    ];
    for (column_type, values) in cases {
        let error = load(adapter.as_ref(), "t", &[("fine", "bigint", numbers(2)), ("bad", column_type, values)])
            .await
            .expect_err(column_type);
        assert!(
            matches!(error.class, ErrorClass::ValueDoesNotFit | ErrorClass::Constraint),
            "{column_type}: {:?} {error}",
            error.class
        );
        if column_type != "json" {
            assert_eq!(error.column.as_deref(), Some("bad"), "{column_type}: {error}");
        }
        let left = adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap();
        assert!(left[0].is_none(), "{column_type} left a table");
    }
}

#[tokio::test]
async fn a_server_without_local_files_is_loaded_by_inserts() {
    let Some((database, adapter)) = server() else { return };
    // The setting is the whole server's, so it is switched off for this test's own server only where that can be done.
    let values = |suffix: &str| {
        let texts: Vec<Option<String>> =
            (0..2500).map(|n| (n % 7 != 0).then(|| format!("tab\t\\N 'quote' {n}{suffix}"))).collect();
        Arc::new(StringArray::from(texts)) as ArrayRef
    };
    let bytes = Arc::new(BinaryArray::from_iter((0..2500u32).map(|n| Some(n.to_be_bytes())))) as ArrayRef;
    let columns = [
        ("a", "longtext", values("")),
        ("b", "varbinary(9)", bytes.clone()),
        ("c", "bigint", { Arc::new(Int64Array::from_iter_values(0..2500)) as ArrayRef }),
    ];
    let by_file = load(adapter.as_ref(), "by_file", &columns).await.unwrap();
    database.sql("set global local_infile = 0");
    let by_inserts = load(adapter.as_ref(), "by_inserts", &columns).await;
    let refused = load(adapter.as_ref(), "refused", &[("bad", "varchar(3)", values("long"))]).await;
    database.sql("set global local_infile = 1");
    assert_eq!((by_file.rows, by_inserts.unwrap().rows), (2500, 2500));
    let refused = refused.unwrap_err();
    assert_eq!((refused.class, refused.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("bad")), "{refused}");
    let all = |table: &str| format!("select * from {table} order by c");
    assert_eq!(rows(adapter.as_ref(), &all("by_file")).await, rows(adapter.as_ref(), &all("by_inserts")).await);
    assert!(adapter.describe(&[RelationName::new(None, None, "refused")]).await.unwrap()[0].is_none());
}

#[tokio::test]
async fn statements_that_cannot_be_prepared_run_as_text() {
    let Some((_database, adapter)) = server() else { return };
    let result = run(
        adapter.as_ref(),
        "create procedure p() begin declare x int default 1; set x = x + 1; select x as n, 0.1e0 as f; end; call p()",
    )
    .await;
    let (_, batches) = result.rows.unwrap();
    assert_eq!(crate::support::text_rows(&batches), ["2 | 0.1"]);
    // A colon and a question mark inside of strings and comments are text.
    let result = run(adapter.as_ref(), "select ':name ?' as a /* don't :x */, '\\'?' as b").await;
    assert_eq!(crate::support::text_rows(&result.rows.unwrap().1), [":name ? | '?"]);
    let mut session = adapter.session().await.unwrap();
    session.execute("create table x (a text)", Fetch::None).await.unwrap();
    let error = session.execute("load data local infile '/etc/hostname' into table x", Fetch::None).await.unwrap_err();
    assert!(error.message.contains("no local files"), "{error}");
    session.execute("select 1", Fetch::All).await.unwrap();
}

#[tokio::test]
async fn instants_are_utc_whatever_the_server_thinks() {
    let Some((database, adapter)) = server() else { return };
    database.sql(
        "set time_zone = '-08:00'; create table t (ts timestamp, dt datetime);
         insert into t values ('2024-07-01 00:00:00', '2024-07-01 00:00:00')",
    );
    assert_eq!(rows(adapter.as_ref(), "select ts, dt from t").await, ["2024-07-01T08:00:00Z | 2024-07-01T00:00:00"]);
}

#[tokio::test]
async fn long_packets_are_put_together() {
    let Some((_database, adapter)) = server() else { return };
    let sql = "select repeat('x', 9000000) as a, repeat('y', 7777215) as b, 1 as c";
    let (_, stream) = stream(adapter.as_ref(), sql).await;
    let batches: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    let length = |index: usize| arrow::array::AsArray::as_string::<i32>(batches[0].column(index)).value(0).len();
    assert_eq!((length(0), length(1)), (9_000_000, 7_777_215));
}

#[tokio::test]
async fn a_missing_schema_can_be_made_from_a_session() {
    let Some(database) = dvt_test_support::mysql() else { return };
    let mut output = profile(&database, "mysql");
    let schema = format!("{}_late", database.database);
    output.insert("schema".to_owned(), serde_json::json!(schema));
    let adapter = adapter(&output);
    assert!(adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap()[0].is_none());
    run(adapter.as_ref(), &format!("create schema `{schema}`")).await;
    // The pooled connections find the schema now, and come back to it after another one was used.
    run(adapter.as_ref(), "use information_schema").await;
    run(adapter.as_ref(), "create table t as select 1 as n").await;
    assert_eq!(rows(adapter.as_ref(), "select n from t").await, ["1"]);
    run(adapter.as_ref(), &format!("drop schema `{schema}`")).await;
}
