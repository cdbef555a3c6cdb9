//! What only DuckDB does.

use crate::{adapter, adapter_with};
use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Decimal256Type, Schema};
use dvt_adapter::{Adapter, AdapterError, CancellationToken, ErrorClass, ExtractRequest, Fetch, RelationName};
use futures::TryStreamExt;
use serde_json::json;
use std::sync::Arc;

/// Rows of a query with the types that it is described with.
async fn read(adapter: &dyn Adapter, sql: &str) -> Result<RecordBatch, AdapterError> {
    let columns = adapter.describe_query(sql).await?;
    let fields = columns.into_iter().map(|column| column.field.unwrap_or_else(|reason| panic!("{reason}")));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let request = ExtractRequest { sql: sql.to_owned(), schema: Arc::clone(&schema), batch_rows: 1000 };
    let batches: Vec<RecordBatch> = adapter.extract(request, CancellationToken::new()).await?.try_collect().await?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

async fn text_of(adapter: &dyn Adapter, expression: &str) -> String {
    let rows = read(adapter, &format!("select {expression} as v")).await.unwrap_or_else(|error| panic!("{error}"));
    arrow::util::display::array_value_to_string(rows.column(0), 0).unwrap()
}

#[tokio::test]
async fn every_type_is_read_exactly() {
    let Some(adapter) = adapter(json!({"type": "duckdb"})) else { return };
    let check = async |expression: &str, expected: &str| {
        assert_eq!(text_of(adapter.as_ref(), expression).await, expected, "{expression}");
    };
    check("170141183460469231731687303715884105727::hugeint", "170141183460469231731687303715884105727").await;
    check("(-170141183460469231731687303715884105728)::hugeint", "-170141183460469231731687303715884105728").await;
    check("340282366920938463463374607431768211455::uhugeint", "340282366920938463463374607431768211455").await;
    check("99999999999999999999.999999999999999999::decimal(38,18)", "99999999999999999999.999999999999999999").await;
    check("'10111'::bit", "10111").await;
    check("'6fa459ea-ee8a-3ca4-894e-db77e160355e'::uuid", "6fa459ea-ee8a-3ca4-894e-db77e160355e").await;
    check("'b'::enum('a', 'b')", "b").await;
    check("'{\"a\": 1.50}'::json", "{\"a\": 1.50}").await;
    check("timetz '01:02:03.5-05:30'", "01:02:03.5-05:30").await;
    check("time '23:59:59.999999'", "23:59:59.999999").await;
    check("time_ns '23:59:59.123456789'", "23:59:59.123456789").await;
    check("timestamp_s '2020-01-01 00:00:01'", "2020-01-01T00:00:01").await;
    check("timestamp_ms '1960-01-01 00:00:01.001'", "1960-01-01T00:00:01.001").await;
    check("timestamp_ns '2020-01-01 00:00:01.123456789'", "2020-01-01T00:00:01.123456789").await;
    check("timestamptz '2020-07-01 12:00:00+02'", "2020-07-01T10:00:00Z").await;
    check("[[1, null], null, []]::int[][]", "[[1, ], , []]").await;
    check("[true, false]::bool[2]", "[true, false]").await;
    check(
        "{'a': 1::hugeint, 'b c': [uuid '6fa459ea-ee8a-3ca4-894e-db77e160355e']}",
        "{a: 1, b c: [6fa459ea-ee8a-3ca4-894e-db77e160355e]}",
    )
    .await;
    check("map {'k': 5::utinyint}", "{k: 5}").await;
    check("'\\xAA\\x00'::blob", "aa00").await;
    check("interval '14 months -3 days 1.5 seconds'", "14 mons -3 days 1.500000000 secs").await;
    check("sum(x) from (values (9223372036854775807), (1)) as t(x)--", "9223372036854775808").await;
}

#[tokio::test]
async fn what_has_no_exact_form_is_refused_by_name() {
    let Some(adapter) = adapter(json!({"type": "duckdb"})) else { return };
    let schema = |data_type| Arc::new(Schema::new(vec![arrow::datatypes::Field::new("v", data_type, true)]));
    let try_read = async |sql: &str, data_type: DataType| {
        let request = ExtractRequest { sql: sql.to_owned(), schema: schema(data_type), batch_rows: 10 };
        match adapter.extract(request, CancellationToken::new()).await {
            Err(error) => error,
            Ok(rows) => rows.try_collect::<Vec<_>>().await.expect_err(sql),
        }
    };
    let error = try_read("select union_value(num := 2) as v", DataType::Int32).await;
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::UnsupportedType, Some("v")), "{error}");
    let micros = DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
    for value in ["'infinity'::timestamp", "'-infinity'::timestamp"] {
        let error = try_read(&format!("select {value} as v"), micros.clone()).await;
        assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("v")), "{error}");
    }
    let interval = DataType::Interval(arrow::datatypes::IntervalUnit::MonthDayNano);
    let error = try_read("select interval '9223372036854775807 microseconds' as v", interval).await;
    assert!(error.message.contains("292 years"), "{error}");
    let columns = adapter.describe_query("select 1::bignum as v, 2 as w").await.unwrap();
    assert!(columns[0].field.as_ref().is_err_and(|reason| reason.contains("BIGNUM")));
    assert!(columns[1].field.is_ok());
}

#[tokio::test]
async fn fetched_values_are_exact_too() {
    let Some(adapter) = adapter(json!({"type": "duckdb"})) else { return };
    let mut session = adapter.session().await.unwrap();
    let result = session.execute("select sum(range) as s from range(3)", Fetch::All).await.unwrap();
    let (_, batches) = result.rows.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Decimal256Type>().value(0).to_string(), "3");
    let result = session.execute("create table t as select 1 as a from range(5)", Fetch::All).await.unwrap();
    assert_eq!((result.response.rows_affected, result.rows.is_none()), (Some(5), true));
    let result = session.execute("insert into t values (7) returning a", Fetch::All).await.unwrap();
    assert_eq!(result.rows.unwrap().1.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
    let result = session.execute("select count(*) as \"Count\" from t", Fetch::All).await.unwrap();
    assert!(result.rows.is_some());
}

#[tokio::test]
async fn one_file_is_one_database_for_all_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.duckdb");
    let Some(first) = adapter(json!({"type": "duckdb", "path": path})) else { return };
    let second = adapter(json!({"type": "duckdb", "path": folder.path().join("./shop.duckdb")})).unwrap();
    assert_eq!(first.identity(), second.identity());
    first.session().await.unwrap().execute("create table t as select 1 as a", Fetch::None).await.unwrap();
    assert_eq!(text_of(second.as_ref(), "(select a from shop.main.t)").await, "1");
    // Closed by the last: what was written is in the file itself.
    drop((first, second));
    assert!(!folder.path().join("shop.duckdb.wal").exists());
}

#[tokio::test]
async fn settings_and_attached_databases_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.duckdb");
    let Some(writer) = adapter(json!({"type": "duckdb", "path": other})) else { return };
    writer.session().await.unwrap().execute("create table t as select 7 as a", Fetch::None).await.unwrap();
    drop(writer);
    let output = json!({
        "type": "duckdb", "path": folder.path().join("main_one.duckdb"), "settings": {"memory_limit": "200MB"},
        "attach": [{"path": other, "alias": "o", "read_only": true}],
    });
    let reader = adapter(output).unwrap();
    assert_eq!(text_of(reader.as_ref(), "(select a from o.main.t)").await, "7");
    assert_eq!(text_of(reader.as_ref(), "current_setting('memory_limit')").await, "190.7 MiB");
    let described = reader.describe(&[RelationName::new(Some("O"), Some("MAIN"), "T")]).await.unwrap();
    assert_eq!(described[0].as_ref().unwrap().columns[0].native_type, "INTEGER");
    let error = reader.session().await.unwrap().execute("insert into o.t values (1)", Fetch::None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Permission, "{error}");
}

#[tokio::test]
async fn a_collation_is_told_with_the_column() {
    let folder = tempfile::tempdir().unwrap();
    let Some(adapter) = adapter(json!({"type": "duckdb", "path": folder.path().join("c.duckdb")})) else { return };
    let sql = "create table plain (a varchar); create view of_plain as select * from plain";
    adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
    let relations = ["plain", "of_plain", "loose"].map(|name| RelationName::new(None, None, name));
    let comparisons = async || {
        let described = adapter.describe(&relations).await.unwrap();
        described
            .into_iter()
            .flatten()
            .map(|relation| format!("{:?}", relation.columns[0].comparison))
            .collect::<Vec<_>>()
    };
    assert_eq!(comparisons().await, ["Binary", "Binary"]);
    let sql = "create table loose (a varchar collate nocase)";
    adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
    let told = comparisons().await;
    assert_eq!(told[0], "Binary");
    // A view may read the column with the collation.
    assert!(told[1..].iter().all(|comparison| comparison.starts_with("Loose")), "{told:?}");
}

#[tokio::test]
async fn a_missing_driver_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = adapter_with(json!({"type": "duckdb"}), folder.path().to_owned());
    let Err(error) = adapter.session().await else { panic!("there is no driver") };
    assert_eq!(error.class, ErrorClass::Configuration);
    assert!(error.hint.unwrap().contains("dvt sync"), "{}", error.message);
    assert!(error.message.contains(&folder.path().display().to_string()), "{}", error.message);
}

#[tokio::test]
async fn a_file_that_is_no_driver_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let pin = dvt_adapter_adbc::driver::driver_of("duckdb").unwrap();
    let Some(package) = pin.package() else { return };
    let path = pin.path_in(folder.path(), package);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "not a library").unwrap();
    let adapter = adapter_with(json!({"type": "duckdb"}), folder.path().to_owned());
    let Err(error) = adapter.session().await else { panic!("it is no driver") };
    assert_eq!(error.class, ErrorClass::Configuration, "{error}");
    assert!(error.message.contains("cannot be loaded"), "{error}");
}

#[tokio::test]
async fn a_table_of_a_file_proves_that_it_has_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.duckdb");
    let Some(adapter) = adapter(json!({"type": "duckdb", "path": path})) else { return };
    let run = async |sql: &str| {
        adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
        // A file that was written just now proves nothing.
        tokio::time::sleep(std::time::Duration::from_millis(80)).await;
    };
    let token =
        async |name: &str| adapter.change_token(&[RelationName::new(Some("t"), Some("main"), name)]).await.unwrap();
    run("create table a as select 1 as x; create view v as select * from a").await;
    let first = token("a").await;
    assert!(first.is_some());
    read(adapter.as_ref(), "select * from t.main.a").await.unwrap();
    assert_eq!(token("a").await, first);
    assert_eq!((token("v").await, token("nothing").await), (None, None));
    run("insert into a values (2)").await;
    let second = token("a").await;
    assert!(second.is_some() && second != first, "{first:?} {second:?}");
    run("checkpoint").await;
    assert_ne!(token("a").await, second);
    let Some(in_memory) = self::adapter(json!({"type": "duckdb"})) else { return };
    in_memory.session().await.unwrap().execute("create table a as select 1 as x", Fetch::None).await.unwrap();
    assert_eq!(in_memory.change_token(&[RelationName::new(None, Some("main"), "a")]).await.unwrap(), None);
}
