//! What `information_schema` tells about relations: columns, types, collations, estimates.

use crate::client::{Client, ClientError};
use crate::pool::{Pool, Purpose};
use crate::types::of_catalog;
use dvt_adapter::{
    AdapterError, ColumnDescription, KeyDescription, RelationDescription, RelationKind, RelationName, Statistics,
};
use dvt_sql::MYSQL;
use std::collections::HashMap;

/// The relations as the catalog has them, in one round trip.
pub(crate) async fn describe(
    pool: &Pool,
    relations: &[RelationName],
) -> Result<Vec<Option<RelationDescription>>, AdapterError> {
    if relations.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: ClientError| pool.error(error);
    let schema_of = |relation: &RelationName| relation.schema.clone().unwrap_or_else(|| pool.settings.schema.clone());
    let mut client = pool.take(Purpose::Read).await?;
    let is_mariadb = client.is_mariadb();
    let union = relations
        .iter()
        .enumerate()
        .map(|(request, wanted)| query(request, &schema_of(wanted), &wanted.identifier, is_mariadb));
    let sql = format!("{}\nORDER BY request, position", union.collect::<Vec<_>>().join("\nUNION ALL\n"));
    let rows = client.rows(&sql).await.map_err(failed)?;
    let union = relations
        .iter()
        .enumerate()
        .map(|(request, wanted)| key_query(request, &schema_of(wanted), &wanted.identifier));
    let sql = format!("{}\nORDER BY request, index_name, seq", union.collect::<Vec<_>>().join("\nUNION ALL\n"));
    let key_rows = client.rows(&sql).await.map_err(failed)?;
    pool.give_back(client);

    let mut found: HashMap<usize, RelationDescription> = HashMap::new();
    for row in rows {
        let text = |index: usize| row.get(index).cloned().flatten();
        let Some(request) = text(0).and_then(|index| index.parse::<usize>().ok()) else { continue };
        let Some(wanted) = relations.get(request) else { continue };
        let description = found.entry(request).or_insert_with(|| RelationDescription {
            name: RelationName::new(None, Some(&schema_of(wanted)), &text(1).unwrap_or_default()),
            kind: match text(2).as_deref() {
                Some("VIEW" | "SYSTEM VIEW") => RelationKind::View,
                _ => RelationKind::Table,
            },
            columns: Vec::new(),
            statistics: Statistics {
                rows: text(3).and_then(|rows| rows.parse().ok()),
                bytes: text(4).and_then(|bytes| bytes.parse().ok()),
                ..Statistics::default()
            },
        });
        if let (Some(name), Some(column_type)) = (text(6), text(7)) {
            let is_nullable = text(9).as_deref() != Some("NO");
            let is_json = text(10).is_some_and(|clause| clause.to_lowercase().contains("json_valid"));
            let adapter_type = pool.settings.adapter_type;
            let column = of_catalog(adapter_type, &name, &column_type, text(8).as_deref(), is_nullable, is_json);
            description.columns.push(column);
        }
    }
    read_keys(&key_rows, &mut found);
    Ok((0..relations.len()).map(|request| found.remove(&request)).collect())
}

/// Rows of `request, table, kind, rows, bytes, position, column, type, collation, nullable, check`.
///
/// MariaDB keeps JSON in `longtext` with a check of the column; MySQL has a type for it.
fn query(request: usize, schema: &str, identifier: &str, is_mariadb: bool) -> String {
    let (check, join) = if is_mariadb {
        (
            "k.check_clause",
            "\nLEFT JOIN information_schema.check_constraints k ON k.constraint_schema = c.table_schema \
             AND k.table_name = c.table_name AND k.constraint_name = c.column_name AND c.data_type = 'longtext'",
        )
    } else {
        ("NULL", "")
    };
    let (schema, identifier) = (MYSQL.string_literal(schema), MYSQL.string_literal(identifier));
    format!(
        "SELECT {request} AS request, t.table_name, t.table_type, t.table_rows, t.data_length, \
         c.ordinal_position AS position, c.column_name, c.column_type, c.collation_name, c.is_nullable, {check} \
         FROM information_schema.tables t \
         LEFT JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name{join} \
         WHERE t.table_schema = {schema} AND t.table_name = {identifier}"
    )
}

/// Rows of `request, index, is not unique, place, column, different values of the columns up to this one`.
fn key_query(request: usize, schema: &str, identifier: &str) -> String {
    let (schema, identifier) = (MYSQL.string_literal(schema), MYSQL.string_literal(identifier));
    format!(
        "SELECT {request} AS request, s.index_name, s.non_unique, s.seq_in_index AS seq, s.column_name, s.cardinality \
         FROM information_schema.statistics s \
         WHERE s.table_schema = {schema} AND s.table_name = {identifier} AND s.index_type = 'BTREE'"
    )
}

fn read_keys(rows: &[Vec<Option<String>>], found: &mut HashMap<usize, RelationDescription>) {
    let mut last: Option<(usize, String)> = None;
    for row in rows {
        let text = |index: usize| row.get(index).cloned().flatten();
        let Some(request) = text(0).and_then(|index| index.parse::<usize>().ok()) else { continue };
        let (Some(relation), Some(index)) = (found.get_mut(&request), text(1)) else { continue };
        let statistics = &mut relation.statistics;
        let this = Some((request, index));
        if last != this {
            let is_unique = text(2).as_deref() == Some("0");
            statistics.keys.push(KeyDescription { columns: Vec::new(), is_unique });
            last = this;
        }
        let Some(key) = statistics.keys.last_mut() else { continue };
        // A part of an index that is an expression has no column; what follows it finds nothing alone.
        let is_first = text(3).as_deref() == Some("1");
        let Some(column) = text(4) else { continue };
        if let (true, Some(distinct)) = (is_first, text(5).and_then(|number| number.parse::<f64>().ok())) {
            statistics.columns.entry(column.clone()).or_default().distinct = Some(distinct);
        }
        if is_first || !key.columns.is_empty() {
            key.columns.push(column);
        }
    }
    for relation in found.values_mut() {
        relation.statistics.keys.retain(|key| !key.columns.is_empty());
    }
}

/// The result columns of a query, without running it.
pub(crate) async fn describe_query(pool: &Pool, sql: &str) -> Result<Vec<ColumnDescription>, AdapterError> {
    let mut client = pool.take(Purpose::Read).await?;
    let columns = describe_with(&mut client, pool, sql).await?;
    pool.give_back(client);
    Ok(columns)
}

/// The same on a connection that may be in a transaction: it sees what that has made, and waits for none of its locks.
pub(crate) async fn describe_with(
    client: &mut Client,
    pool: &Pool,
    sql: &str,
) -> Result<Vec<ColumnDescription>, AdapterError> {
    let failed = |error: ClientError| pool.error(error);
    let statement = client.prepare(sql).await.map_err(failed)?;
    let columns =
        statement.columns.iter().map(|column| crate::types::of_result(pool.settings.adapter_type, column)).collect();
    client.close(statement).await.map_err(failed)?;
    Ok(columns)
}
