//! What an adapter says about relations and queries.

use crate::conformance::Subject;
use crate::conformance::subject::batch_of;
use crate::{Fetch, RelationKind};
use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::datatypes::DataType;
use std::sync::Arc;

const AWKWARD_NAMES: [&str; 8] = [
    "two words",
    "UpperCase",
    "select",
    "dou\"ble and back`tick",
    "apostrophe'd",
    "semi;colon -- /* comment",
    "ünïcödé_列",
    "per%cent.dot",
];

/// Tables and columns of any name are made, described, read and queried.
pub async fn identifiers_of_every_kind_are_quoted(subject: &Subject) {
    for name in AWKWARD_NAMES {
        // MySQL keeps table names as file names and lower-cases none of these; a column takes them all.
        let values: Arc<Int64Array> = Arc::new(Int64Array::from(vec![Some(7), None]));
        let batch = batch_of(&[(name, values), ("other", Arc::new(Int64Array::from(vec![1, 2])))]);
        subject.load(name, batch.clone()).await;
        let described = subject.describe(name).await.unwrap_or_else(|| panic!("`{name}` is there"));
        let columns: Vec<&str> = described.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(columns, [name, "other"]);
        let table = subject.sql_name(name);
        let sql = format!("select {}, other from {table} order by other", subject.quote(name));
        assert_eq!(subject.extract(&sql, &batch.schema()).await, batch);
        let result = subject.try_run(&sql, Fetch::All).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (schema, _) = result.rows.expect("rows were fetched");
        assert_eq!(schema.field(0).name(), name);
    }
}

/// Missing relations are `None`, in the order asked, beside those that are there.
pub async fn a_missing_relation_is_described_as_none(subject: &Subject) {
    let rows = || batch_of(&[("a", Arc::new(Int64Array::from(vec![1])))]);
    subject.load("first", rows()).await;
    subject.load("third", rows()).await;
    let asked = ["first", "no_such_table", "third", "first"].map(|name| subject.relation(name));
    let described = subject.adapter.describe(&asked).await.unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<Option<&str>> =
        described.iter().map(|relation| relation.as_ref().map(|relation| relation.name.identifier.as_str())).collect();
    assert_eq!(names, [Some("first"), None, Some("third"), Some("first")]);
    let nothing = subject.adapter.describe(&[]).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(nothing.is_empty());
}

/// A view tells its kind and columns.
pub async fn a_view_is_described(subject: &Subject) {
    let name: Arc<StringArray> = Arc::new(StringArray::from(vec!["x"]));
    subject.load("base", batch_of(&[("id", Arc::new(Int64Array::from(vec![1]))), ("name", name)])).await;
    subject
        .run(&format!("create view {} as select name, id from {}", subject.sql_name("above"), subject.sql_name("base")))
        .await;
    let described = subject.describe("above").await.expect("the view is there");
    assert_eq!(described.kind, RelationKind::View);
    let columns: Vec<&str> = described.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["name", "id"]);
    let base = subject.describe("base").await.expect("the table is there");
    assert_eq!(base.kind, RelationKind::Table);
}

/// Names and types of a query's columns, without a row being read.
pub async fn a_query_is_described_without_running_it(subject: &Subject) {
    if !subject.adapter.capabilities().describes_queries {
        let error = subject.adapter.describe_query("select 1 as one").await.expect_err("it is stated to be impossible");
        assert!(!error.message.is_empty());
        return;
    }
    let values: Arc<Int64Array> = Arc::new(Int64Array::from(vec![Some(1), None]));
    let name: Arc<StringArray> = Arc::new(StringArray::from(vec!["x", "y"]));
    subject.load("described", batch_of(&[("id", values), ("name", name)])).await;
    let table = subject.sql_name("described");
    let sql = format!("select name, id, 1 as {} from {table}", subject.quote("One"));
    let columns = subject.adapter.describe_query(&sql).await.unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["name", "id", "One"]);
    let types: Vec<&DataType> =
        columns.iter().map(|column| column.field.as_ref().expect("readable").data_type()).collect();
    assert_eq!(types[..2], [&DataType::Utf8, &DataType::Int64]);
    // What is described is what is delivered.
    let schema = Arc::new(arrow::datatypes::Schema::new(
        columns.iter().map(|column| column.field.clone().expect("readable")).collect::<Vec<_>>(),
    ));
    let rows = subject.extract(&format!("{sql} order by name"), &schema).await;
    assert_eq!(rows.column(0).as_string::<i32>().value(1), "y");
    assert!(rows.column(1).is_null(1));
}
