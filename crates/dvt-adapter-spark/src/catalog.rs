//! What the catalog tells about relations, and the engine's analysis about queries.
//!
//! Source: Spark's SQL reference, "DESCRIBE TABLE", "DESCRIBE QUERY".

use crate::errors;
use crate::link::Link;
use crate::types::TYPES;
use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use dvt_adapter::{
    AdapterError, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName, Statistics,
};
use dvt_spark::Session;
use dvt_sql::SPARK;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;

/// Relations that are asked about at once.
const AT_ONCE: usize = 8;

/// The relation's name in full, as SQL writes it.
pub(crate) fn sql_name(link: &Link, relation: &RelationName) -> String {
    let schema = relation.schema.as_deref().unwrap_or(&link.settings.schema);
    SPARK.quote_path([schema, relation.identifier.as_str()])
}

pub(crate) async fn describe(
    link: &Link,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let session = link.session().await?;
    let asked: Vec<RelationName> = relations.to_vec();
    stream::iter(asked)
        .map(|relation| {
            let (link, session) = (link.clone(), Arc::clone(&session));
            async move { describe_one(&link, &session, relation).await }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn describe_one(
    link: &Link,
    session: &Session,
    relation: RelationName,
) -> Result<Option<RelationDescription>, AdapterError> {
    let sql = format!("DESCRIBE TABLE EXTENDED {}", sql_name(link, &relation));
    match texts(link, session, sql).await {
        Ok(rows) => Ok(Some(read(relation, &rows))),
        Err(error) if matches!(error.class, ErrorClass::MissingRelation | ErrorClass::MissingDatabase) => Ok(None),
        Err(error) => Err(error.with_relation(relation)),
    }
}

/// Columns come first, a row each; behind an empty one, and under headings, what else is known of the table.
fn read(relation: RelationName, rows: &[Vec<Option<String>>]) -> RelationDescription {
    let cell = |row: &[Option<String>], index: usize| row.get(index).cloned().flatten().unwrap_or_default();
    let is_column = |row: &&Vec<Option<String>>| {
        let name = cell(row, 0);
        let is_heading = name.starts_with('#') && cell(row, 1).is_empty();
        !(name.is_empty() || is_heading)
    };
    let columns: Vec<ColumnDescription> =
        rows.iter().take_while(is_column).map(|row| TYPES.column(cell(row, 0), cell(row, 1), true)).collect();
    let rest = &rows[columns.len()..];
    let detail = |name: &str| rest.iter().find(|row| cell(row, 0) == name).map(|row| cell(row, 1));
    let kind = match detail("Type").as_deref() {
        Some("VIEW") => RelationKind::View,
        Some(_) => RelationKind::Table,
        // A view of one session has nothing else.
        None => RelationKind::View,
    };
    // `1234 bytes, 5 rows`
    let told = detail("Statistics").unwrap_or_default();
    let number = |unit: &str| {
        let part = told.split(',').find_map(|part| part.trim().strip_suffix(unit))?;
        part.trim().parse().ok()
    };
    let statistics = Statistics { rows: number("rows"), bytes: number("bytes"), ..Statistics::default() };
    RelationDescription { name: relation, kind, columns, statistics }
}

/// The columns of a query that is analysed and not run.
pub(crate) async fn describe_query(
    link: &Link,
    session: &Session,
    sql: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let sql = format!("DESCRIBE QUERY {}", sql.trim().trim_end_matches(';'));
    let rows = texts(link, session, sql).await?;
    let columns = rows.into_iter().filter_map(|row| {
        let mut row = row.into_iter();
        Some(TYPES.column(row.next()??, row.next()??, true))
    });
    Ok(columns.collect())
}

/// All rows of a question as text.
pub(crate) async fn texts(
    link: &Link,
    session: &Session,
    sql: String,
) -> Result<Vec<Vec<Option<String>>>, AdapterError> {
    let mut batches = session.query(sql);
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|failure| errors::of(&link.settings, &failure))?;
        let columns: Vec<_> =
            batch.columns().iter().map(|values| arrow::compute::cast(values, &DataType::Utf8).ok()).collect();
        for row in 0..batch.num_rows() {
            let text = |values: &Option<arrow::array::ArrayRef>| {
                let values = values.as_ref().filter(|values| values.is_valid(row))?;
                Some(values.as_string::<i32>().value(row).to_owned())
            };
            rows.push(columns.iter().map(text).collect());
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::read;
    use dvt_adapter::{RelationKind, RelationName};

    #[test]
    fn a_description_ends_where_other_things_of_the_table_begin() {
        let row = |name: &str, value: &str| vec![Some(name.to_owned()), Some(value.to_owned()), None];
        let described = read(
            RelationName::new(None, Some("s"), "t"),
            &[
                row("id", "bigint"),
                row("# odd", "varchar(5)"),
                row("day", "date"),
                row("# Partition Information", ""),
                row("# col_name", "data_type"),
                row("day", "date"),
                row("", ""),
                row("# Detailed Table Information", ""),
                row("Type", "MANAGED"),
                row("Statistics", "1234 bytes, 5 rows"),
            ],
        );
        let names: Vec<&str> = described.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "# odd", "day"]);
        assert_eq!(
            (described.kind, described.statistics.rows, described.statistics.bytes),
            (RelationKind::Table, Some(5), Some(1234))
        );
    }
}
