//! What only SQLite does: values of other kinds than declared, several files, collations of columns.

use crate::adapter;
use dvt_adapter::{
    Adapter, CancellationToken, ErrorClass, ExtractRequest, Fetch, LoadColumn, LoadRequest, RelationName,
    TextComparison,
};
use futures::TryStreamExt;
use serde_json::json;
use std::sync::Arc;

async fn run(adapter: &dyn Adapter, sql: &str) {
    adapter.session().await.unwrap().execute(sql, Fetch::None).await.unwrap();
}

#[tokio::test]
async fn a_value_of_another_kind_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = adapter(json!({"path": folder.path().join("a.db")}));
    run(adapter.as_ref(), "create table t (id integer, amount integer); insert into t values (1, 5), (2, 'five')")
        .await;
    let described = adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap();
    let schema = described[0].as_ref().unwrap().schema();
    let request = ExtractRequest { sql: "select id, amount from t order by id".into(), schema, batch_rows: 100 };
    let stream = adapter.extract(request, CancellationToken::new()).await.unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("amount")));
    assert!(error.message.contains("row 2") && error.message.contains("TEXT `five`"), "{error}");
}

#[tokio::test]
async fn undeclared_columns_are_an_error_only_where_they_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = adapter(json!({"path": folder.path().join("a.db")}));
    run(adapter.as_ref(), "create table t (id integer primary key, anything, name text collate nocase, code text)")
        .await;
    let described = adapter.describe(&[RelationName::new(None, None, "T")]).await.unwrap();
    let columns = &described[0].as_ref().unwrap().columns;
    assert!(!columns[0].field.as_ref().unwrap().is_nullable(), "the row's number is never NULL");
    assert!(columns[1].field.as_ref().unwrap_err().contains("no declared type"));
    assert_eq!(columns[2].comparison, TextComparison::Loose { collation: "NOCASE".into() });
    assert_eq!(columns[3].comparison, TextComparison::Binary);
}

#[tokio::test]
async fn schemas_are_files_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    run(adapter(json!({"path": path("stage.db")})).as_ref(), "create table s (n integer); insert into s values (1)")
        .await;
    run(adapter(json!({"path": path("main.db")})).as_ref(), "create table m (n integer)").await;
    let both = adapter(json!({
        "schema": "mart", "schema_directory": folder.path().join("schemas"),
        "schemas_and_paths": {"main": path("main.db"), "stage": path("stage.db")},
    }));
    let error = both.session().await.map(drop).unwrap_err();
    assert_eq!(error.class, ErrorClass::Unreachable, "{error}");
    std::fs::create_dir(folder.path().join("schemas")).unwrap();
    run(both.as_ref(), "create table mart.t as select n from stage.s").await;
    assert!(folder.path().join("schemas/mart.db").is_file());
    let names = [("stage", "s"), ("mart", "t"), ("main", "m"), ("main", "t"), ("nowhere", "t")]
        .map(|(schema, name)| RelationName::new(None, Some(schema), name));
    let described = both.describe(&names).await.unwrap();
    assert_eq!(described.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false, false]);
}

#[tokio::test]
async fn reading_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.db");
    let adapter = adapter(json!({"path": path}));
    assert!(adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap()[0].is_none());
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let request = ExtractRequest { sql: "select 1".into(), schema, batch_rows: 1 };
    let error = adapter.extract(request, CancellationToken::new()).await.map(drop).unwrap_err();
    assert_eq!(error.class, ErrorClass::MissingDatabase, "{error}");
    assert!(!path.exists());
    std::fs::write(&path, "this is no database, but a text that is long enough to be looked at").unwrap();
    let error = adapter.session().await.map(drop).unwrap_err();
    assert!(error.message.contains("not a database") && error.hint.is_some(), "{error}");
}

/// A model that reads its own table: the load writes to the file from which its rows still come.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_loaded_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let adapter = adapter(json!({"path": folder.path().join("a.db")}));
    run(
        adapter.as_ref(),
        "create table t (n bigint, note text);
         with recursive c(n) as (select 1 union all select n + 1 from c where n < 200000)
         insert into t select n, 'a note about number ' || n from c",
    )
    .await;
    let described = adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap();
    let schema = described[0].as_ref().unwrap().schema();
    let request = ExtractRequest { sql: "select n, note from t".into(), schema: schema.clone(), batch_rows: 1000 };
    let rows = adapter.extract(request, CancellationToken::new()).await.unwrap();
    let columns = schema.fields().iter().map(|field| LoadColumn {
        name: field.name().clone(),
        column_type: adapter.column_type(field).unwrap(),
        nullable: true,
    });
    let request = LoadRequest {
        relation: RelationName::new(None, Some("main"), "copy"),
        columns: columns.collect(),
        schema: schema.clone(),
        on_behalf_of: "model `t`".into(),
        options: serde_json::Map::new(),
    };
    let report = adapter.load(request, rows, CancellationToken::new()).await.unwrap();
    assert_eq!(report.rows, 200_000);
}
