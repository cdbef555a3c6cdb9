//! The rows of a macro's query, read in their binary form.

use crate::collect::{Collected, Misfit, Values};
use crate::database::Query;
use crate::errors::from_driver;
use crate::postgres::decode::Decoder;
use crate::postgres::types::{ADAPTER_TYPE, Kind, TypeName, kind_of, logical_of};
use crate::session::is_query;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema, SchemaRef};
use dvt_adapter::{AdapterError, AdapterResponse, ErrorClass, QueryResult, with_types};
use dvt_sql::POSTGRES;
use futures::StreamExt;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, Type};

impl Values for Decoder {
    fn push(&mut self, value: &[u8]) -> Result<(), Misfit> {
        Self::push(self, value)
    }

    fn push_null(&mut self) {
        Self::push_null(self);
    }

    fn finish(&mut self) -> Result<ArrayRef, Misfit> {
        Self::finish(self)
    }
}

/// Runs the statement and reads its rows.
pub(crate) async fn fetch(query: Query<'_>) -> Result<QueryResult, AdapterError> {
    let statement = query.statement;
    let unreadable = (0..statement.columns().len()).any(|index| column_kind(statement, index).is_err());
    if !unreadable {
        return fetch_prepared(query).await;
    }
    // Types that are not read (aclitem, regclass, ranges, …) are shown as text, which is all a macro wants of them.
    let as_text = with_text_columns(query.sql, statement);
    match query.lease.client.prepare(&as_text).await {
        Ok(rewritten) => fetch_prepared(Query { sql: &as_text, statement: &rewritten, ..query }).await,
        Err(_) => {
            let reasons = (0..statement.columns().len()).filter_map(|index| column_kind(statement, index).err());
            let reasons = reasons.collect::<Vec<_>>().join("; ");
            Err(AdapterError::new(ErrorClass::UnsupportedType, query.connection, reasons))
        }
    }
}

async fn fetch_prepared(query: Query<'_>) -> Result<QueryResult, AdapterError> {
    let Query { lease, connection, sql, statement, limit } = query;
    let failed = |error| from_driver(connection, error, Some(sql));
    let count = statement.columns().len();
    let mut kinds = Vec::with_capacity(count);
    for index in 0..count {
        let kind = column_kind(statement, index)
            .map_err(|reason| AdapterError::new(ErrorClass::UnsupportedType, connection, reason))?;
        kinds.push(kind);
    }
    let schema = schema_of(statement, &kinds);
    let mut collected = Collected::new(Arc::clone(&schema), kinds.iter().map(Decoder::new).collect());
    lease.ear.clear_tag();
    let no_parameters: [&str; 0] = [];
    let rows = lease.client.query_raw(statement, no_parameters).await;
    let mut rows = pin!(rows.map_err(failed)?);
    let mut has_cancelled = false;
    while let Some(row) = rows.next().await {
        let row = match row {
            Ok(row) => row,
            // Our own request to stop after the limit, outside a transaction.
            Err(_) if has_cancelled => break,
            Err(error) => return Err(failed(error)),
        };
        if collected.rows() < limit {
            for index in 0..count {
                let value: Option<Raw<'_>> = row.try_get(index).map_err(failed)?;
                collected.push(index, value.map(|raw| raw.0), connection)?;
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
    if answer.message.is_empty() || has_cancelled {
        answer = response(&format!("SELECT {}", collected.rows()));
    }
    Ok(QueryResult { response: answer, rows: Some((schema, collected.finish(connection)?)) })
}

/// dbt's response from a command tag: `INSERT 0 3` is message, `INSERT` code, 3 rows.
pub(crate) fn response(tag: &str) -> AdapterResponse {
    let words: Vec<&str> = tag.split_whitespace().collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let code: Vec<&str> = words.iter().copied().filter(|word| !is_number(word)).collect();
    AdapterResponse {
        message: tag.to_owned(),
        code: code.join(" "),
        // Where the tag tells no number dbt's driver says -1, and so do the artifacts.
        rows_affected: words.last().filter(|word| is_number(word)).map_or(Some(-1), |word| word.parse().ok()),
    }
}

fn column_kind(statement: &Statement, index: usize) -> Result<Kind, String> {
    let column = &statement.columns()[index];
    match kind_of(&TypeName::of(column.type_()), column.type_modifier()) {
        Ok(Kind::AsText) => {
            Err(format!("column `{}`: type `{}` is read as text", column.name(), column.type_().name()))
        }
        Ok(kind) => Ok(kind),
        Err(reason) => Err(format!("column `{}`: {reason}", column.name())),
    }
}

fn schema_of(statement: &Statement, kinds: &[Kind]) -> SchemaRef {
    let fields = statement.columns().iter().zip(kinds).map(|(column, kind)| {
        let type_name = TypeName::of(column.type_());
        let field = Field::new(column.name(), kind.arrow(), true);
        with_types(field, ADAPTER_TYPE, &type_name.name, logical_of(&type_name, kind))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The query with the columns that cannot be read cast to text; names by position, so that doubles do not matter.
pub(crate) fn with_text_columns(sql: &str, statement: &Statement) -> String {
    let columns = statement.columns();
    let aliases: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    let items = columns.iter().enumerate().map(|(index, column)| {
        let cast = if column_kind(statement, index).is_err() { "::text" } else { "" };
        format!("c{index}{cast} as {}", POSTGRES.quote_identifier(column.name()))
    });
    format!("select {} from ({sql}\n) as q({})", items.collect::<Vec<_>>().join(", "), aliases.join(", "))
}

/// A value's bytes as they came, of any type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::response;

    #[test]
    fn tags_become_dbts_response() {
        let check = |tag, code: &str, rows| {
            let response = response(tag);
            assert_eq!((response.message.as_str(), response.code.as_str(), response.rows_affected), (tag, code, rows));
        };
        check("SELECT 10", "SELECT", Some(10));
        check("INSERT 0 3", "INSERT", Some(3));
        check("CREATE VIEW", "CREATE VIEW", Some(-1));
        check("", "", Some(-1));
    }
}
