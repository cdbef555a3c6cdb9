//! A lake in a temporary folder.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use dvt_adapter::{
    Adapter, AdapterError, BatchStream, CancellationToken, ErrorClass, Fetch, LoadColumn, LoadReport, LoadRequest,
    RelationName,
};
use dvt_adapter_lake::LakeAdapter;
use futures::StreamExt;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

pub(crate) struct TestLake {
    pub(crate) adapter: LakeAdapter,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

pub(crate) fn lake() -> TestLake {
    lake_with(json!({}))
}

pub(crate) fn lake_with(keys: Value) -> TestLake {
    let folder = tempfile::tempdir().unwrap();
    let mut output = object(json!({"type": "filesystem", "path": "a lake"}));
    output.extend(object(keys));
    TestLake { adapter: LakeAdapter::from_profile("lake", &output, folder.path()).unwrap(), folder }
}

impl TestLake {
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join("a lake").join(below)
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) async fn try_rows(&self, sql: &str) -> Result<String, AdapterError> {
        let result = self.adapter.session().await?.execute(sql, Fetch::All).await?;
        let (_, batches) = result.rows.expect("rows");
        Ok(batches.iter().map(text_of).collect::<Vec<_>>().join("\n"))
    }

    /// The rows of a query: fields by `|`, rows by newlines, NULL as `NULL`.
    pub(crate) async fn rows(&self, sql: &str) -> String {
        self.try_rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn run(&self, sql: &str) -> String {
        let mut session = self.adapter.session().await.unwrap();
        let result = session.execute(sql, Fetch::None).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        result.response.message
    }

    pub(crate) async fn fails(&self, sql: &str, class: ErrorClass) -> String {
        let mut session = self.adapter.session().await.unwrap();
        match session.execute(sql, Fetch::All).await {
            Ok(_) => panic!("{sql} is expected to fail"),
            Err(error) => {
                assert_eq!(error.class, class, "{sql}: {error}");
                error.to_string()
            }
        }
    }

    pub(crate) async fn load(
        &self,
        relation: &RelationName,
        batch: RecordBatch,
        options: Value,
    ) -> Result<LoadReport, AdapterError> {
        let schema = batch.schema();
        let columns = schema.fields().iter().map(|field| LoadColumn {
            name: field.name().clone(),
            column_type: self.adapter.column_type(field).unwrap(),
            nullable: field.is_nullable(),
        });
        let request = LoadRequest {
            relation: relation.clone(),
            columns: columns.collect(),
            schema: schema.clone(),
            on_behalf_of: "model.test".into(),
            options: object(options),
        };
        let rows: BatchStream = futures::stream::iter([Ok(batch)]).boxed();
        self.adapter.load(request, rows, CancellationToken::new()).await
    }
}

fn text_of(batch: &RecordBatch) -> String {
    let options = FormatOptions::new().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let row = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect::<Vec<_>>().join("\n")
}

/// Everything below a folder, hidden or not.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path.display().to_string()) }
        }
    }
    found.sort();
    found
}
