//! Extracts: `COPY (…) TO STDOUT (FORMAT binary)` as a stream of Arrow batches.

use crate::errors::{cancelled, from_driver};
use crate::pool::{Lease, Pool};
use crate::postgres::copy_out::{CopyProblem, CopyReader};
use crate::postgres::rows::with_text_columns;
use crate::postgres::types::{Kind, TypeName, kind_of};
use crate::session::single_statement;
use crate::stream::{Delivery, End, Outlet, stream};
use dvt_adapter::{AdapterError, BatchStream, CancellationToken, ErrorClass, ExtractRequest};
use dvt_sql::POSTGRES;
use futures::StreamExt;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::CopyOutStream;

/// The type of `char(n)`.
const BPCHAR: u32 = 1042;

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
    let (copy, kinds) = match started {
        Ok(started) => started,
        Err(error) => {
            lease.give_back();
            return Err(error);
        }
    };
    let reader = CopyReader::new(kinds);
    let batch_rows = request.batch_rows.max(1);
    let delivery = Delivery::new(request.schema, connection);
    Ok(stream(lease, delivery, cancel, move |outlet| read(copy, reader, batch_rows, outlet)))
}

/// Describes the query, so that its text is checked as it was written and each column gets its decoder; then copies.
async fn start(
    lease: &Lease,
    request: &ExtractRequest,
    connection: &str,
) -> Result<(CopyOutStream, Vec<Kind>), AdapterError> {
    let (sql, offset) = single_statement(&request.sql, &POSTGRES, connection)?;
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
    let mut kinds = Vec::with_capacity(columns.len());
    for (column, field) in columns.iter().zip(request.schema.fields()) {
        let kind = kind_of(&TypeName::of(column.type_()), column.type_modifier()).map_err(|reason| {
            AdapterError::new(ErrorClass::UnsupportedType, connection, format!("column `{}`: {reason}", field.name()))
                .with_column(field.name())
        })?;
        let is_padded = column.type_().oid() == BPCHAR && matches!(kind, Kind::Text { .. });
        kinds.push(if is_padded { Kind::BlankPadded } else { kind });
    }
    // A cast by name keeps the rows and their order; only the form of these columns is another.
    let sql = match kinds.contains(&Kind::AsText) {
        true => with_text_columns(sql, &statement),
        false => sql.to_owned(),
    };
    let copy_sql = format!("copy ({sql}\n) to stdout (format binary)");
    let copy = lease.client.copy_out(&copy_sql).await.map_err(|error| failed(error, &copy_sql))?;
    Ok((copy, kinds))
}

async fn read(copy: CopyOutStream, mut reader: CopyReader, batch_rows: usize, outlet: Outlet) -> End {
    let mut copy = pin!(copy);
    let mut has_sent = false;
    while let Some(chunk) = copy.next().await {
        let read = match chunk {
            Ok(chunk) => reader.read(&chunk),
            Err(error) => return End::Failed(from_driver(outlet.delivery().connection(), error, None)),
        };
        if let Err(problem) = read {
            return failed(&outlet, &problem);
        }
        if reader.is_full(batch_rows) {
            has_sent = true;
            if let Err(end) = send(&mut reader, &outlet).await {
                return end;
            }
        }
    }
    if let Err(problem) = reader.check_end() {
        return failed(&outlet, &problem);
    }
    if reader.rows() == 0 {
        return if has_sent { End::Complete } else { outlet.end_empty(reader.empty_batch()) };
    }
    match send(&mut reader, &outlet).await {
        Ok(()) => End::Complete,
        Err(end) => end,
    }
}

async fn send(reader: &mut CopyReader, outlet: &Outlet) -> Result<(), End> {
    let columns = reader.finish_batch().map_err(|problem| failed(outlet, &problem))?;
    outlet.send(columns).await
}

fn failed(outlet: &Outlet, problem: &CopyProblem) -> End {
    let delivery = outlet.delivery();
    End::Failed(match problem {
        CopyProblem::Format(message) => AdapterError::new(ErrorClass::Other, delivery.connection(), *message),
        CopyProblem::Value { column, problem } => delivery.refused(*column, problem),
    })
}
