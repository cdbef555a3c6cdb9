//! What is special about a lake in a bucket, here one in memory: names, formats, interrupted writers, folders' names, patterns.

use crate::support::object;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{Adapter, AdapterError, ErrorClass, Fetch, RelationName};
use dvt_adapter_lake::LakeAdapter;
use dvt_delta::Store;
use serde_json::json;

fn lake() -> (LakeAdapter, Store) {
    let store = Store::memory("the/lake").unwrap();
    (LakeAdapter::over("lake", &object(json!({})), store.clone()).unwrap(), store)
}

async fn try_rows(adapter: &LakeAdapter, sql: &str) -> Result<Vec<String>, AdapterError> {
    let result = adapter.session().await?.execute(sql, Fetch::All).await?;
    let Some((_, batches)) = result.rows else { return Ok(Vec::new()) };
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    Ok(rows)
}

async fn rows(adapter: &LakeAdapter, sql: &str) -> Vec<String> {
    try_rows(adapter, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn keys(store: &Store, below: &str) -> Vec<String> {
    store.below(below).await.unwrap().into_iter().map(|object| object.key).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_every_format_are_made_changed_renamed_and_dropped() {
    let (lake, store) = lake();
    for format in ["delta", "parquet", "csv", "json"] {
        let make = format!("create table t with (format = '{format}') as select 1 as id, cast('x' as varchar(5)) as v");
        rows(&lake, &make).await;
        rows(&lake, "insert into t values (2, null), (3, '')").await;
        rows(&lake, "insert into t (id) select 4").await;
        rows(&lake, "delete from t where id = 3").await;
        rows(&lake, "update t set v = 'y' where id = 4").await;
        assert_eq!(rows(&lake, "select id, v from t order by id").await, ["1|x", "2|NULL", "4|y"], "{format}");
        rows(&lake, "create or replace table t as select 7 as other").await;
        rows(&lake, "alter table t rename to \"The Other\"").await;
        assert_eq!(rows(&lake, "select * from \"The Other\"").await, ["7"], "{format}");
        let error = try_rows(&lake, "select * from t").await.unwrap_err();
        assert_eq!(error.class, ErrorClass::MissingRelation, "{format}: {error}");
        let token = lake.change_token(&[RelationName::new(None, None, "The Other")]).await.unwrap();
        rows(&lake, "insert into \"The Other\" values (8)").await;
        let later = lake.change_token(&[RelationName::new(None, None, "The Other")]).await.unwrap();
        assert!(token.is_some() && token != later, "{format}: {token:?} {later:?}");
        rows(&lake, "drop table \"The Other\"").await;
        assert_eq!(keys(&store, "").await, Vec::<String>::new(), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_and_views_are_objects() {
    let (lake, store) = lake();
    rows(&lake, "create schema \"Not Plain\"").await;
    rows(&lake, "create table \"Not Plain\".t as select 1 as id").await;
    rows(&lake, "create view v as select id + 1 as id from \"Not Plain\".t").await;
    rows(&lake, "create or replace view v as select id + 2 as id from \"Not Plain\".t").await;
    assert_eq!(rows(&lake, "select * from v").await, ["3"]);
    try_rows(&lake, "create or replace view v as select * from v").await.unwrap_err();
    assert_eq!(rows(&lake, "select * from v").await, ["3"], "the old text stays");
    let listed = "select table_schema, table_name, table_type from information_schema.tables order by 1, 2";
    let listed = rows(&lake, listed).await;
    assert!(listed.ends_with(&["main|v|VIEW".to_owned()]) && listed[0] == "Not Plain|t|BASE TABLE", "{listed:?}");
    try_rows(&lake, "drop schema \"Not Plain\"").await.unwrap_err();
    rows(&lake, "drop schema \"Not Plain\" cascade").await;
    rows(&lake, "drop view v").await;
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_others_are_read_with_their_folders_names_and_never_changed() {
    let (lake, store) = lake();
    let put = async |key: &str, text: &str| store.write(key, text.as_bytes().to_vec()).await.unwrap();
    put("events/day=2024-01-01/a.csv", "id,v\n1,x\n").await;
    put("events/day=2024-01-02/b.csv", "id,v\n2,\n").await;
    put("events/_columns.json", r#"{"id": "bigint", "day": "date"}"#).await;
    put("events/_SUCCESS", "").await;
    put("logs/2024/one.json", "{\"n\": 1}\n").await;
    put("logs/2025/two.json", "{\"n\": 2.5}\n").await;
    put("single.csv", "a\nb\n").await;
    assert_eq!(rows(&lake, "select * from events order by id").await, ["1|x|2024-01-01", "2|NULL|2024-01-02"]);
    assert_eq!(rows(&lake, "select id from events where day > date '2024-01-01'").await, ["2"]);
    assert_eq!(rows(&lake, "select sum(n) as n from \"logs/*/*.json\"").await, ["3.5"]);
    assert_eq!(rows(&lake, "select n from \"logs/2024/one.json\"").await, ["1"]);
    // Two stars are any folders, a question mark is one character; a hidden name is nobody's.
    for (pattern, found) in [
        ("logs/**/*.json", Some("2")),
        ("logs/202?/one.json", Some("1")),
        ("logs/2024/*.json", Some("1")),
        ("logs/20?/one.json", None),
        ("logs/*.json", None),
        ("*/_columns.json", None),
        ("events/*.json", None),
    ] {
        let counted = try_rows(&lake, &format!("select count(*) as n from \"{pattern}\"")).await;
        assert_eq!(counted.ok(), found.map(|count| vec![count.to_owned()]), "{pattern}");
    }
    put("odd/c=a%2Fb/y=__HIVE_DEFAULT_PARTITION__/1.csv", "id\n1\n").await;
    assert_eq!(rows(&lake, "select id, c, y from odd").await, ["1|a/b|NULL"]);
    assert_eq!(rows(&lake, "select a from single").await, ["b"]);
    // The same of Parquet files, here those of tables that dvt made elsewhere.
    for (id, folder) in [(1, "y=2024/c=a%2Fb"), (2, "y=2025/c=__HIVE_DEFAULT_PARTITION__")] {
        rows(&lake, &format!("create table made with (format = 'parquet') as select {id} as id, 'v' as v")).await;
        let made = keys(&store, "made").await.into_iter().find(|key| key.ends_with(".parquet")).unwrap();
        store.copy(&made, &format!("parts/{folder}/1.parquet")).await.unwrap();
        rows(&lake, "drop table made").await;
    }
    put("parts/_columns.json", r#"{"y": "integer"}"#).await;
    assert_eq!(rows(&lake, "select id, v, y, c from parts order by id").await, ["1|v|2024|a/b", "2|v|2025|NULL"]);
    assert_eq!(rows(&lake, "select id from parts where y > 2024").await, ["2"]);
    assert_eq!(rows(&lake, "select id, c from \"parts/*/*/*.parquet\" where c is not null").await, ["1|a/b"]);
    put("busy/notes.txt", "mine").await;
    let error = try_rows(&lake, "create table busy as select 1 as id").await.unwrap_err();
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(keys(&store, "busy").await, ["busy/notes.txt"]);
    for sql in ["drop table events", "insert into single values ('c')", "delete from \"logs/*/*.json\""] {
        assert_eq!(try_rows(&lake, sql).await.unwrap_err().class, ErrorClass::Permission, "{sql}");
    }
    rows(&lake, "create table made with (format = 'parquet') as select 1 as id").await;
    let error = try_rows(&lake, "select * from \"**/*\"").await.unwrap_err();
    assert!(error.to_string().contains("formats"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_writer_left_is_no_relation_and_is_taken_over() {
    let (lake, store) = lake();
    for format in ["delta", "parquet"] {
        // A mark that says so, and files: a writer died before it was done, or while it removed the table.
        store.write("t/_dvt_table", br#"{"live":false,"writer":"x","files":[],"columns":{}}"#.to_vec()).await.unwrap();
        store.write("t/part-1.parquet", b"rubbish".to_vec()).await.unwrap();
        let error = try_rows(&lake, "select * from t").await.unwrap_err();
        assert_eq!(error.class, ErrorClass::MissingRelation, "{error}");
        rows(&lake, &format!("create table t with (format = '{format}') as select 1 as id")).await;
        assert_eq!(rows(&lake, "select * from t").await, ["1"]);
        let error = try_rows(&lake, "create table t as select 2 as id").await.unwrap_err();
        assert!(error.to_string().contains("already exists"), "{error}");
        rows(&lake, "drop table t").await;
    }
    store.write("t/_dvt_table", br#"{"live":false,"writer":"x","files":[],"columns":{}}"#.to_vec()).await.unwrap();
    rows(&lake, "drop table if exists t").await;
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_of_one_file_table_no_row_is_lost() {
    let (lake, _store) = lake();
    let lake = std::sync::Arc::new(lake);
    rows(&lake, "create table t with (format = 'csv') as select 0 as id").await;
    let writers: Vec<_> = (1..=8)
        .map(|id| {
            let lake = std::sync::Arc::clone(&lake);
            tokio::spawn(async move { try_rows(&lake, &format!("insert into t values ({id})")).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(rows(&lake, "select count(distinct id) as n from t").await, ["9"]);
}
