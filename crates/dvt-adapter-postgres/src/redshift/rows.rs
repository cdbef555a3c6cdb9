//! The rows of a macro's query, read as text.

use crate::collect::{Collected, Values};
use crate::database::Query;
use crate::errors::from_driver;
use crate::redshift::text::TextColumn;
use crate::redshift::types::{ADAPTER_TYPE, RedType};
use crate::session::is_query;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, AdapterResponse, QueryResult, with_types};
use futures::StreamExt;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::{SimpleQueryMessage, Statement};

/// Runs the statement and reads its rows.
pub(crate) async fn fetch(query: Query<'_>) -> Result<QueryResult, AdapterError> {
    let Query { lease, connection, sql, statement, limit } = query;
    let failed = |error| from_driver(connection, error, Some(sql));
    let types: Vec<RedType> =
        statement.columns().iter().map(|column| RedType::of(column.type_(), column.type_modifier())).collect();
    let schema = schema_of(statement, &types);
    let mut collected = Collected::new(Arc::clone(&schema), columns_of(&types, false));
    lease.ear.clear_tag();
    let rows = lease.client.simple_query_raw(sql).await;
    let mut rows = pin!(rows.map_err(failed)?);
    let mut has_cancelled = false;
    while let Some(message) = rows.next().await {
        let row = match message {
            Ok(SimpleQueryMessage::Row(row)) => row,
            Ok(_) => continue,
            // Our own request to stop after the limit, outside a transaction.
            Err(_) if has_cancelled => break,
            Err(error) => return Err(failed(error)),
        };
        if collected.rows() < limit {
            for index in 0..types.len() {
                let value = row.try_get(index).map_err(failed)?;
                collected.push(index, value.map(str::as_bytes), connection)?;
            }
            collected.end_row(connection)?;
        } else if !has_cancelled && !lease.ear.in_transaction() && is_query(sql) {
            // The rest is not wanted; the server need not compute it.
            has_cancelled = true;
            lease.canceller.cancel().await?;
        }
    }
    let mut answer = response(&lease.ear.heard().tag);
    if has_cancelled {
        lease.client.check_connection().await.map_err(failed)?;
    }
    if answer.rows_affected == Some(-1) || has_cancelled {
        answer.rows_affected = i64::try_from(collected.rows()).ok();
    }
    Ok(QueryResult { response: answer, rows: Some((schema, collected.finish(connection)?)) })
}

/// dbt's response on Redshift says nothing but that it went well, and the rows where the server counts them.
pub(crate) fn response(tag: &str) -> AdapterResponse {
    let rows = tag.rsplit(' ').next().and_then(|rows| rows.parse().ok());
    AdapterResponse { message: "SUCCESS".to_owned(), code: String::new(), rows_affected: Some(rows.unwrap_or(-1)) }
}

/// One column of values for each type.
pub(crate) fn columns_of(types: &[RedType], trims: bool) -> Vec<TextColumn> {
    types.iter().map(|red_type| TextColumn::new(red_type, trims)).collect()
}

/// Empty columns of these types.
pub(crate) fn empty_columns(types: &[RedType]) -> Vec<arrow::array::ArrayRef> {
    columns_of(types, true).iter_mut().filter_map(|column| column.finish().ok()).collect()
}

fn schema_of(statement: &Statement, types: &[RedType]) -> SchemaRef {
    let fields = statement.columns().iter().zip(types).map(|(column, red_type)| {
        // What does not travel is shown as its text, which is all a macro wants of it.
        red_type.field(column.name(), true).unwrap_or_else(|_| {
            with_types(Field::new(column.name(), DataType::Utf8, true), ADAPTER_TYPE, &red_type.native(), None)
        })
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
