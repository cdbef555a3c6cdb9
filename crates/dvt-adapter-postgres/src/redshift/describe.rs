//! What the catalog says about relations, and the server about queries.
//!
//! Source: developer guide, `SVV_TABLES`, `SVV_COLUMNS` (tables, views, late-binding views and external tables of this database),
//! `SVV_ALL_TABLES`, `SVV_ALL_COLUMNS` (those of all databases of the cluster).

use crate::errors::from_driver;
use crate::pool::{Lease, Pool};
use crate::redshift::profile::RedshiftSettings;
use crate::redshift::types::RedType;
use crate::session::single_statement;
use dvt_adapter::{
    AdapterError, ColumnDescription, ErrorClass, RelationDescription, RelationKind, RelationName, Statistics,
};
use dvt_sql::REDSHIFT;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_postgres::SimpleQueryMessage;

/// See [`dvt_adapter::Adapter::describe`]: one question for the relations of each database, one for their columns.
pub(crate) async fn describe(
    pool: &Arc<Pool>,
    redshift: &RedshiftSettings,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    let settings = &pool.connector.settings;
    let mut described: Vec<Option<RelationDescription>> = relations.iter().map(|_| None).collect();
    let mut by_database: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for (index, relation) in relations.iter().enumerate() {
        let elsewhere = relation.database.clone().filter(|name| !name.eq_ignore_ascii_case(&settings.database));
        if let (Some(database), false) = (&elsewhere, redshift.reads_other_databases) {
            let message = format!(
                "`{relation}` is in database `{database}`, and this connection leads to `{}`",
                settings.database
            );
            return Err(AdapterError::new(ErrorClass::MissingDatabase, &settings.connection, message)
                .with_relation(relation.clone())
                .with_hint(
                    "say `ra3_node: true` in the profile if the cluster reads across databases, or give that database a \
                     connection of its own",
                ));
        }
        by_database.entry(elsewhere).or_default().push(index);
    }
    if by_database.is_empty() {
        return Ok(described);
    }
    let lease = pool.take().await?;
    for (database, asked) in &by_database {
        let wanted = Wanted::of(relations, asked, redshift);
        let tables = rows(&lease, &wanted.tables(database.as_deref())).await?;
        let columns = rows(&lease, &wanted.columns(database.as_deref())).await?;
        for index in asked {
            described[*index] = wanted.find(&relations[*index], &tables, &columns);
        }
    }
    lease.give_back();
    Ok(described)
}

/// Relations of one database. Redshift stores names in small letters, quoted or not, unless told otherwise.
struct Wanted<'a> {
    schema: &'a str,
    condition: String,
}

type Row = Vec<Option<String>>;

impl<'a> Wanted<'a> {
    fn of(relations: &[RelationName], asked: &[usize], redshift: &'a RedshiftSettings) -> Self {
        let names = asked.iter().map(|index| {
            let relation = &relations[*index];
            let schema = relation.schema.as_deref().unwrap_or(&redshift.schema);
            let literal = |name: &str| REDSHIFT.string_literal(&name.to_lowercase());
            format!("(lower(SCHEMA) = {} and lower(table_name) = {})", literal(schema), literal(&relation.identifier))
        });
        Self { schema: &redshift.schema, condition: names.collect::<Vec<_>>().join(" or ") }
    }

    fn tables(&self, database: Option<&str>) -> String {
        match database {
            None => format!(
                "select table_schema, table_name, table_type from svv_tables where {}",
                self.condition.replace("SCHEMA", "table_schema")
            ),
            Some(database) => format!(
                "select schema_name, table_name, table_type from svv_all_tables where database_name = {} and ({})",
                REDSHIFT.string_literal(database),
                self.condition.replace("SCHEMA", "schema_name")
            ),
        }
    }

    fn columns(&self, database: Option<&str>) -> String {
        let facts = "table_name, column_name, is_nullable, data_type, character_maximum_length, numeric_precision, \
                     numeric_scale";
        match database {
            None => format!(
                "select table_schema, {facts} from svv_columns where {} order by ordinal_position",
                self.condition.replace("SCHEMA", "table_schema")
            ),
            Some(database) => format!(
                "select schema_name, {facts} from svv_all_columns where database_name = {} and ({}) \
                 order by ordinal_position",
                REDSHIFT.string_literal(database),
                self.condition.replace("SCHEMA", "schema_name")
            ),
        }
    }

    /// The relation among the answers: under exactly this name, else under it in any case.
    fn find(&self, relation: &RelationName, tables: &[Row], columns: &[Row]) -> Option<RelationDescription> {
        let schema = relation.schema.as_deref().unwrap_or(self.schema);
        let text = |row: &Row, at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        let is_it = |row: &&Row, exactly: bool| {
            let (found_schema, found_name) = (text(row, 0), text(row, 1));
            if exactly {
                found_schema == schema && found_name == relation.identifier
            } else {
                found_schema.eq_ignore_ascii_case(schema) && found_name.eq_ignore_ascii_case(&relation.identifier)
            }
        };
        let found =
            tables.iter().find(|row| is_it(row, true)).or_else(|| tables.iter().find(|row| is_it(row, false)))?;
        let (found_schema, found_name) = (text(found, 0), text(found, 1));
        let columns = columns.iter().filter(|row| text(row, 0) == found_schema && text(row, 1) == found_name);
        Some(RelationDescription {
            name: RelationName::new(relation.database.as_deref(), Some(&found_schema), &found_name),
            kind: kind_of(&text(found, 2)),
            columns: columns
                .map(|row| {
                    let native = native_type(&text(row, 4), &text(row, 5), &text(row, 6), &text(row, 7));
                    let is_nullable = !text(row, 3).eq_ignore_ascii_case("no");
                    column(text(row, 2), &RedType::parse(&native), is_nullable)
                })
                .collect(),
            statistics: Statistics::default(),
        })
    }
}

fn kind_of(table_type: &str) -> RelationKind {
    let text = table_type.to_ascii_uppercase();
    match text {
        text if text.contains("MATERIALIZED") => RelationKind::MaterializedView,
        text if text.contains("VIEW") => RelationKind::View,
        text if text.contains("EXTERNAL") => RelationKind::External,
        _ => RelationKind::Table,
    }
}

/// The type's text with its length or digits, which the catalog has beside it, or already in it (late-binding views).
fn native_type(name: &str, length: &str, precision: &str, scale: &str) -> String {
    match RedType::parse(name) {
        RedType::Varchar(None) | RedType::Char(None) | RedType::Varbyte(None) if !length.is_empty() => {
            format!("{name}({length})")
        }
        RedType::AnyNumeric if !precision.is_empty() => {
            format!("numeric({precision},{})", if scale.is_empty() { "0" } else { scale })
        }
        _ => name.to_owned(),
    }
}

fn column(name: String, red_type: &RedType, is_nullable: bool) -> ColumnDescription {
    ColumnDescription {
        field: red_type.field(&name, is_nullable),
        name,
        native_type: red_type.native(),
        comparison: red_type.comparison(),
    }
}

async fn rows(lease: &Lease, sql: &str) -> Result<Vec<Row>, AdapterError> {
    let connection = &lease.pool().connector.settings.connection;
    let failed = |error| from_driver(connection, error, Some(sql));
    let mut rows = Vec::new();
    for message in lease.client.simple_query(sql).await.map_err(failed)? {
        if let SimpleQueryMessage::Row(row) = message {
            let values: Result<Row, _> =
                (0..row.len()).map(|index| row.try_get(index).map(|value| value.map(str::to_owned))).collect();
            rows.push(values.map_err(failed)?);
        }
    }
    Ok(rows)
}

/// See [`dvt_adapter::Adapter::describe_query`]: what the server answers to a statement that it has parsed. Every column may
/// be NULL: an outer join is enough.
pub(crate) async fn describe_query(
    lease: &Lease,
    sql: &str,
    connection: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let (sql, offset) = single_statement(sql, &REDSHIFT, connection)?;
    let statement = lease.client.prepare(sql).await.map_err(|error| {
        let mut error = from_driver(connection, error, Some(sql));
        error.position = error.position.map(|position| position + offset);
        error
    })?;
    let columns = statement.columns().iter();
    Ok(columns
        .map(|found| column(found.name().to_owned(), &RedType::of(found.type_(), found.type_modifier()), true))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_length_wherever_the_catalog_tells_it() {
        assert_eq!(native_type("character varying", "25", "", ""), "character varying(25)");
        assert_eq!(native_type("character varying(25)", "", "", ""), "character varying(25)");
        assert_eq!(native_type("numeric", "", "10", "2"), "numeric(10,2)");
        assert_eq!(native_type("integer", "", "32", "0"), "integer");
        assert_eq!(native_type("super", "", "", ""), "super");
    }
}
