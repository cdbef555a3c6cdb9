//! What the API tells about tables, and a dry run about queries. Neither costs anything.
//!
//! Source: REST reference, `tables.get`; "Run a query in dry run mode".

use crate::api::{Api, in_path};
use crate::types::{BigType, native_of};
use dvt_adapter::{
    AdapterError, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName, Statistics,
};
use dvt_sql::BIGQUERY;
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::Value;

/// So many tables are asked about at once.
const AT_ONCE: usize = 8;

/// Project, dataset and name, filled up from the profile.
pub(crate) fn place<'a>(api: &'a Api, relation: &'a RelationName) -> (&'a str, &'a str, &'a str) {
    (
        relation.database.as_deref().unwrap_or(&api.settings.project),
        relation.schema.as_deref().unwrap_or(&api.settings.dataset),
        &relation.identifier,
    )
}

pub(crate) fn sql_name(api: &Api, relation: &RelationName) -> String {
    let (project, dataset, name) = place(api, relation);
    BIGQUERY.quote_path([project, dataset, name])
}

fn table_path(api: &Api, relation: &RelationName) -> String {
    let (project, dataset, name) = place(api, relation);
    format!("/projects/{}/datasets/{}/tables/{}", in_path(project), in_path(dataset), in_path(name))
}

pub(crate) async fn describe(
    api: &Api,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let asked: Vec<_> = relations.iter().map(|relation| describe_one(api.clone(), relation.clone())).collect();
    stream::iter(asked).buffered(AT_ONCE).try_collect().await
}

async fn describe_one(api: Api, relation: RelationName) -> Result<Option<RelationDescription>, AdapterError> {
    let table = match api.json(Method::GET, &table_path(&api, &relation), None).await {
        Ok(table) => table,
        // A dataset that is not there holds no table.
        Err(error) if matches!(error.class, ErrorClass::MissingRelation | ErrorClass::MissingDatabase) => {
            return Ok(None);
        }
        Err(error) => return Err(error.with_relation(relation.clone())),
    };
    let kind = match table.get("type").and_then(Value::as_str) {
        Some("VIEW") => RelationKind::View,
        Some("MATERIALIZED_VIEW") => RelationKind::MaterializedView,
        Some("EXTERNAL") => RelationKind::External,
        _ => RelationKind::Table,
    };
    let number =
        |key: &str| table.get(key).and_then(|number| number.as_u64().or_else(|| number.as_str()?.parse().ok()));
    let is_table = kind == RelationKind::Table;
    let fields = table.pointer("/schema/fields").and_then(Value::as_array);
    Ok(Some(RelationDescription {
        name: relation.clone(),
        kind,
        columns: fields.into_iter().flatten().map(column).collect(),
        statistics: Statistics {
            rows: number("numRows").filter(|_| is_table),
            bytes: number("numBytes").filter(|_| is_table),
            ..Statistics::default()
        },
    }))
}

fn column(field: &Value) -> ColumnDescription {
    let text = |key: &str| field.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or_default().to_owned();
    let big_type = BigType::parse(&native_of(field));
    ColumnDescription {
        field: big_type.field(&name, text("mode") != Some("REQUIRED")),
        native_type: big_type.native(),
        comparison: big_type.comparison(text("collation")),
        name,
    }
}

/// The columns of a query that is analysed and not run.
pub(crate) async fn describe_query(api: &Api, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
    let job = api.dry_run(sql.trim().trim_end_matches(';')).await?;
    let fields = job.pointer("/statistics/query/schema/fields").and_then(Value::as_array);
    Ok(fields
        .into_iter()
        .flatten()
        .map(|field| {
            let mut found = column(field);
            // An outer join is enough.
            found.field = found.field.map(|field| field.with_nullable(true));
            found
        })
        .collect())
}

/// Takes a table away, if it is there.
pub(crate) async fn delete(api: &Api, relation: &RelationName) -> Result<(), AdapterError> {
    match api.json(Method::DELETE, &table_path(api, relation), None).await {
        Ok(_) => Ok(()),
        Err(error) if error.class == ErrorClass::MissingRelation => Ok(()),
        Err(error) => Err(error),
    }
}
