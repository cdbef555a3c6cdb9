//! Extracts: a query's ordinary result, as text, into a stream of Arrow batches.
//!
//! Rows stream as the leader node sends them; a cursor would be kept whole there first, and its size is limited.
//! Source: developer guide, "DECLARE" on cursor constraints, "extra_float_digits".

use crate::collect::Values;
use crate::errors::{cancelled, from_driver};
use crate::pool::{Lease, Pool};
use crate::redshift::rows::{columns_of, empty_columns};
use crate::redshift::types::RedType;
use crate::session::single_statement;
use crate::stream::{Delivery, End, Outlet, stream};
use arrow::array::ArrayRef;
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest};
use dvt_sql::REDSHIFT;
use futures::StreamExt;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryStream, Statement};

/// A batch is finished early when it holds this much text.
const BATCH_BYTES: usize = 16 << 20;

/// Starts the query; errors of its text come at once, errors of its rows in the stream.
pub(crate) async fn extract(
    pool: &Arc<Pool>,
    request: ExtractRequest,
    cancel: CancellationToken,
) -> Result<BatchStream, AdapterError> {
    let connection = pool.connector.settings.connection.clone();
    if cancel.is_cancelled() {
        return Err(cancelled(&connection));
    }
    let lease = pool.take().await?;
    let started = tokio::select! {
        started = start(&lease, &request, &connection) => started,
        () = cancel.cancelled() => {
            // Dropping the lease closes the connection; the server is told to stop planning.
            lease.canceller.clone().cancel_in_background();
            return Err(cancelled(&connection));
        }
    };
    let (rows, types) = match started {
        Ok(started) => started,
        Err(error) => {
            lease.give_back();
            return Err(error);
        }
    };
    let batch_rows = request.batch_rows.max(1);
    let delivery = Delivery::new(request.schema, connection);
    Ok(stream(lease, delivery, cancel, move |outlet| read(rows, types, batch_rows, outlet)))
}

/// Describes the query, so that its text is checked as it was written and each column gets its decoder; then runs it.
async fn start(
    lease: &Lease,
    request: &ExtractRequest,
    connection: &str,
) -> Result<(SimpleQueryStream, Vec<RedType>), AdapterError> {
    let (sql, offset) = single_statement(&request.sql, &REDSHIFT, connection)?;
    let failed = |error, sql: &str| from_driver(connection, error, Some(sql));
    let statement = lease.client.prepare(sql).await.map_err(|error| {
        let mut error = failed(error, sql);
        error.position = error.position.map(|position| position + offset);
        error
    })?;
    let columns = statement.columns();
    if columns.len() != request.schema.fields().len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            connection,
            format!("the query has {} columns where {} are expected", columns.len(), request.schema.fields().len()),
        ));
    }
    let mut types = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(request.schema.fields()) {
        let red_type = RedType::of(column.type_(), column.type_modifier());
        if let Err(reason) = red_type.arrow() {
            let message = format!("column `{}`: {reason}", field.name());
            return Err(AdapterError::new(ErrorClass::UnsupportedType, connection, message).with_column(field.name()));
        }
        types.push(red_type);
    }
    let sent = with_all_digits(sql, &statement, &types);
    let rows = lease.client.simple_query_raw(&sent).await.map_err(|error| failed(error, sql))?;
    Ok((rows, types))
}

/// The text of a float has 15 digits unless more are asked for, which is asked for these rows alone: a user's own SQL that makes
/// text of floats elsewhere goes on meaning what it did. 17 digits are any double's, while a real has one digit too few there.
fn with_all_digits(sql: &str, statement: &Statement, types: &[RedType]) -> String {
    if !types.iter().any(|red_type| matches!(red_type, RedType::Real | RedType::Double)) {
        return sql.to_owned();
    }
    let query = match types.contains(&RedType::Real) {
        false => sql.to_owned(),
        true => {
            let aliases: Vec<String> = (0..types.len()).map(|index| format!("c{index}")).collect();
            let items = statement.columns().iter().zip(types).enumerate().map(|(index, (column, red_type))| {
                let cast = if *red_type == RedType::Real { "::float8" } else { "" };
                format!("c{index}{cast} as {}", REDSHIFT.quote_identifier(column.name()))
            });
            format!("select {} from ({sql}\n) as q({})", items.collect::<Vec<_>>().join(", "), aliases.join(", "))
        }
    };
    format!("begin read only;\nset local extra_float_digits to 2;\n{query}\n;\ncommit")
}

async fn read(rows: SimpleQueryStream, types: Vec<RedType>, batch_rows: usize, outlet: Outlet) -> End {
    let connection = outlet.delivery().connection().to_owned();
    let mut rows = pin!(rows);
    let mut columns = columns_of(&types, true);
    let (mut in_batch, mut bytes, mut has_sent) = (0, 0, false);
    while let Some(message) = rows.next().await {
        let row = match message {
            Ok(SimpleQueryMessage::Row(row)) => row,
            Ok(_) => continue,
            Err(error) => return End::Failed(from_driver(&connection, error, None)),
        };
        for (index, column) in columns.iter_mut().enumerate() {
            match row.try_get(index) {
                Ok(None) => column.push_null(),
                Ok(Some(value)) => {
                    bytes += value.len();
                    if let Err(problem) = column.push(value.as_bytes()) {
                        return End::Failed(outlet.delivery().refused(index, problem));
                    }
                }
                Err(error) => return End::Failed(from_driver(&connection, error, None)),
            }
        }
        in_batch += 1;
        if in_batch >= batch_rows || bytes >= BATCH_BYTES {
            (in_batch, bytes, has_sent) = (0, 0, true);
            if let Err(end) = send(&mut columns, &outlet).await {
                return end;
            }
        }
    }
    if in_batch > 0 {
        return match send(&mut columns, &outlet).await {
            Ok(()) => End::Complete,
            Err(end) => end,
        };
    }
    if has_sent { End::Complete } else { outlet.end_empty(empty_columns(&types)) }
}

async fn send(columns: &mut [impl Values], outlet: &Outlet) -> Result<(), End> {
    let finished: Result<Vec<ArrayRef>, End> = columns
        .iter_mut()
        .enumerate()
        .map(|(index, column)| {
            column.finish().map_err(|problem| End::Failed(outlet.delivery().refused(index, problem)))
        })
        .collect();
    outlet.send(finished?).await
}
