//! What the catalog tells about relations, and the engine's analysis about queries.
//!
//! Relations are described one by one, several at once: what DESCRIBE tells is true at that moment, also where a catalog has
//! no information schema. Source: Databricks' SQL language reference, "DESCRIBE TABLE", "DESCRIBE QUERY", "DESCRIBE HISTORY".

use crate::api::{Api, Statement};
use crate::results;
use crate::types::TYPES;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use dvt_adapter::{
    AdapterError, CancellationToken, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName,
    Statistics,
};
use dvt_sql::DATABRICKS;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

/// Relations that are asked about at once.
const AT_ONCE: usize = 8;

/// The relation's name in full, as SQL writes it.
pub(crate) fn sql_name(api: &Api, relation: &RelationName) -> String {
    let database = relation.database.as_deref().unwrap_or(&api.settings.catalog);
    let schema = relation.schema.as_deref().unwrap_or(&api.settings.schema);
    DATABRICKS.quote_path([database, schema, relation.identifier.as_str()])
}

pub(crate) async fn describe(
    api: &Api,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let asked: Vec<RelationName> = relations.to_vec();
    stream::iter(asked)
        .map(|relation| {
            let api = api.clone();
            async move { describe_one(&api, relation).await }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn describe_one(api: &Api, relation: RelationName) -> Result<Option<RelationDescription>, AdapterError> {
    let name = sql_name(api, &relation);
    let cancel = CancellationToken::new();
    // The JSON form tells collations, and takes CHAR and VARCHAR for STRING; the plain form is the other way round.
    let (whole, plain) = futures::join!(
        texts(api, format!("DESCRIBE TABLE EXTENDED {name} AS JSON"), &cancel),
        texts(api, format!("DESCRIBE TABLE {name}"), &cancel)
    );
    let rows = match whole {
        Ok(rows) => rows,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error.with_relation(relation)),
    };
    let text: String = rows.into_iter().filter_map(|mut row| row.pop().flatten()).collect();
    let unreadable = |reason: String| {
        let message = format!("the description of `{relation}` cannot be read: {reason}");
        AdapterError::new(ErrorClass::Other, &api.settings.connection, message).with_relation(relation.clone())
    };
    let described: Value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let Some(columns) = described.get("columns").and_then(Value::as_array) else {
        return Err(unreadable("it names no columns".to_owned()));
    };
    let kind = match described.get("type").and_then(Value::as_str).unwrap_or_default() {
        "VIEW" => RelationKind::View,
        "MATERIALIZED_VIEW" => RelationKind::MaterializedView,
        "FOREIGN" => RelationKind::External,
        _ => RelationKind::Table,
    };
    let mut columns: Vec<ColumnDescription> = columns.iter().map(column).collect();
    for row in plain.map_err(|error| error.with_relation(relation.clone()))? {
        let mut row = row.into_iter().flatten();
        let (Some(name), Some(native)) = (row.next(), row.next()) else { break };
        let is_sized = native.starts_with("char(") || native.starts_with("varchar(");
        let found = columns.iter_mut().find(|column| column.name == name && column.native_type == "string");
        if let Some(found) = found.filter(|_| is_sized) {
            let nullable = found.field.as_ref().is_ok_and(arrow::datatypes::Field::is_nullable);
            *found = TYPES.column(name, native, nullable);
        }
    }
    let number = |key: &str| described.pointer(&format!("/statistics/{key}")).and_then(Value::as_u64);
    let statistics = Statistics { rows: number("num_rows"), bytes: number("size_in_bytes"), ..Statistics::default() };
    Ok(Some(RelationDescription { name: relation, kind, columns, statistics }))
}

/// Whether it is the relation, or the schema it would be in, that is not there.
fn is_missing(error: &AdapterError) -> bool {
    match error.class {
        ErrorClass::MissingRelation => true,
        ErrorClass::MissingDatabase => {
            error.message.contains("SCHEMA_NOT_FOUND") || error.code.as_deref() == Some("42704")
        }
        _ => false,
    }
}

fn column(column: &Value) -> ColumnDescription {
    let name = column.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let native = type_text(column.get("type").unwrap_or(&Value::Null));
    let nullable = column.get("nullable").and_then(Value::as_bool).unwrap_or(true);
    TYPES.column(name, native, nullable)
}

/// A type's text, from the tree that the JSON form of a description holds.
fn type_text(of: &Value) -> String {
    let name = of.get("name").and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| of.get(key).and_then(Value::as_u64);
    let inner = |key: &str| type_text(of.get(key).unwrap_or(&Value::Null));
    match name {
        "decimal" => match (number("precision"), number("scale")) {
            (Some(precision), Some(scale)) => format!("decimal({precision},{scale})"),
            _ => "decimal(10,0)".to_owned(),
        },
        "varchar" | "char" => match number("length") {
            Some(length) => format!("{name}({length})"),
            None => "string".to_owned(),
        },
        "string" => match of.get("collation").and_then(Value::as_str) {
            Some(collation) if collation != "UTF8_BINARY" => format!("string collate {collation}"),
            _ => "string".to_owned(),
        },
        "timestamp_ltz" => "timestamp".to_owned(),
        "array" => format!("array<{}>", inner("element_type")),
        "map" => format!("map<{},{}>", inner("key_type"), inner("value_type")),
        "struct" => {
            let fields = of.get("fields").and_then(Value::as_array);
            let fields = fields.into_iter().flatten().map(|field| {
                let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
                format!(
                    "{}:{}",
                    DATABRICKS.quote_identifier(name),
                    type_text(field.get("type").unwrap_or(&Value::Null))
                )
            });
            format!("struct<{}>", fields.collect::<Vec<_>>().join(","))
        }
        "interval" => {
            let unit = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("interval {} to {}", unit("start_unit"), unit("end_unit"))
        }
        other => other.to_owned(),
    }
}

/// The columns of a query that is analysed and not run.
pub(crate) async fn describe_query(
    api: &Api,
    sql: &str,
    cancel: &CancellationToken,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let sql = format!("DESCRIBE QUERY {}", sql.trim().trim_end_matches(';'));
    let rows = texts(api, sql, cancel).await?;
    let columns = rows.into_iter().filter_map(|row| {
        let mut row = row.into_iter();
        Some(TYPES.column(row.next()??, row.next()??, true))
    });
    Ok(columns.collect())
}

/// Versions of Delta tables, where the user says that they prove what a query gives; `None` for anything else.
pub(crate) async fn change_token(api: &Api, relations: &[RelationName]) -> Result<Option<String>, AdapterError> {
    if !api.settings.trusts_versions {
        return Ok(None);
    }
    let mut token = Vec::new();
    for relation in relations {
        let name = sql_name(api, relation);
        // The table first: if another takes its place in between, its version goes with an id that is gone.
        let detail = first_row(api, format!("DESCRIBE DETAIL {name}"), &["format", "id"]).await?;
        let Some([Some(format), Some(id)]) = detail.as_deref() else { return Ok(None) };
        if format != "delta" {
            return Ok(None);
        }
        let wanted = ["version", "timestamp"];
        let history = first_row(api, format!("DESCRIBE HISTORY {name} LIMIT 1"), &wanted).await?;
        let Some([Some(version), Some(time)]) = history.as_deref() else { return Ok(None) };
        token.push(format!("{id}@{version}@{time}"));
    }
    Ok(Some(token.join(";")))
}

/// Some columns of a statement's first row; `None` where there is no such row, or the relation is none that has it.
async fn first_row(api: &Api, sql: String, wanted: &[&str]) -> Result<Option<Vec<Option<String>>>, AdapterError> {
    let cancel = CancellationToken::new();
    let answer = match api.run(Statement::query(sql), &cancel).await {
        Ok(answer) => answer,
        Err(error) if error.is_retryable() || error.class == ErrorClass::Authentication => return Err(error),
        // A view, or a table that keeps no history.
        Err(_) => return Ok(None),
    };
    let places: Vec<Option<usize>> = wanted
        .iter()
        .map(|wanted| answer.manifest.columns.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted)))
        .collect();
    let mut batches = results::batches(api, answer);
    while let Some(batch) = batches.next().await.transpose()? {
        if batch.num_rows() > 0 {
            return Ok(Some(places.iter().map(|place| text_of(&batch, (*place)?, 0)).collect()));
        }
    }
    Ok(None)
}

/// All rows of a statement as text.
async fn texts(api: &Api, sql: String, cancel: &CancellationToken) -> Result<Vec<Vec<Option<String>>>, AdapterError> {
    let answer = api.run(Statement::query(sql), cancel).await?;
    let mut batches = results::batches(api, answer);
    let mut rows = Vec::new();
    while let Some(batch) = batches.next().await.transpose()? {
        for row in 0..batch.num_rows() {
            rows.push((0..batch.num_columns()).map(|column| text_of(&batch, column, row)).collect());
        }
    }
    Ok(rows)
}

fn text_of(batch: &RecordBatch, column: usize, row: usize) -> Option<String> {
    let values = batch.column(column);
    if values.is_null(row) {
        return None;
    }
    let text = arrow::compute::cast(&values.slice(row, 1), &DataType::Utf8).ok()?;
    Some(text.as_string::<i32>().value(0).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{column, type_text};
    use dvt_adapter::TextComparison;
    use serde_json::json;

    #[test]
    fn types_of_the_json_form_become_texts() {
        let check = |of: serde_json::Value, expected: &str| assert_eq!(type_text(&of), expected, "{of}");
        check(json!({"name": "decimal", "precision": 10, "scale": 2}), "decimal(10,2)");
        check(json!({"name": "varchar", "length": 5}), "varchar(5)");
        check(json!({"name": "string", "collation": "UTF8_BINARY"}), "string");
        check(json!({"name": "timestamp_ltz"}), "timestamp");
        check(json!({"name": "array", "element_type": {"name": "int"}, "element_nullable": true}), "array<int>");
        let map = json!({"name": "map", "key_type": {"name": "string"}, "value_type": {"name": "timestamp_ntz"}});
        check(map, "map<string,timestamp_ntz>");
        let fields = json!([{"name": "x", "type": {"name": "int"}}, {"name": "y z", "type": {"name": "string"}}]);
        check(json!({"name": "struct", "fields": fields}), "struct<`x`:int,`y z`:string>");
    }

    #[test]
    fn a_collation_decides_how_text_is_compared() {
        let described =
            column(&json!({"name": "s", "type": {"name": "string", "collation": "UTF8_LCASE"}, "nullable": false}));
        assert_eq!(described.comparison, TextComparison::Loose { collation: "UTF8_LCASE".to_owned() });
        assert!(!described.field.unwrap().is_nullable());
    }
}
