//! A commit whose answer was lost. Redshift tells nobody what became of a transaction, so a row of a witness goes with it: as many
//! rows as before mean that it was rolled back, one less that it was committed.
//!
//! A session that lost its client may be at work on the commit still, and nobody would see that; it is ended first.
//! Source: developer guide, `PG_TERMINATE_BACKEND`, `STV_SESSIONS`.

use crate::errors::from_driver;
use crate::pool::{Lease, Pool};
use dvt_adapter::{AdapterError, Witness};
use dvt_sql::REDSHIFT;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::SimpleQueryMessage;

/// How long a server may take to come back, and a session that lost its client to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);

/// The names of a witness: where it is looked for before it is touched, since an error would undo the whole transaction.
fn is_there(witness: &Witness) -> String {
    let schema = REDSHIFT.string_literal(witness.relation.schema.as_deref().unwrap_or_default());
    let name = REDSHIFT.string_literal(&witness.relation.identifier);
    format!("select count(*) from svv_tables where table_schema = {schema} and table_name = {name}")
}

/// Takes a row from the witness, in the open transaction; the session's process if there was one to take. (A table that a macro
/// has renamed or dropped testifies nothing.)
pub(crate) async fn let_testify(lease: &Lease, witness: &Witness) -> Result<Option<i64>, AdapterError> {
    if lease.ear.heard().transaction != b'T' {
        return Ok(None);
    }
    let connection = &lease.pool().connector.settings.connection;
    let failed = |error| from_driver(connection, error, None);
    if first_number(lease, &is_there(witness)).await.map_err(failed)? != Some(1) {
        return Ok(None);
    }
    let process = first_number(lease, "select pg_backend_pid()").await.map_err(failed)?;
    let table = REDSHIFT.quote_path(witness.relation.parts());
    let sql = format!("delete from {table} where row_left = {}", witness.rows.saturating_sub(1));
    lease.client.batch_execute(&sql).await.map_err(failed)?;
    Ok(process)
}

/// Finds out what became of the transaction of a session that is lost: a new connection if it was committed, else the error,
/// with what is known.
///
/// # Errors
/// It was rolled back, or nobody can tell.
pub(crate) async fn outcome_of(
    pool: &Arc<Pool>,
    process: i64,
    witness: &Witness,
    lost: AdapterError,
) -> Result<Lease, AdapterError> {
    let begun = Instant::now();
    loop {
        match rows_left(pool, process, witness).await {
            Some((lease, rows)) if rows.checked_add(1) == Some(witness.rows) => {
                tracing::info!(
                    connection = lost.connection,
                    "the answer to a commit was lost; the rows say it happened"
                );
                return Ok(lease);
            }
            Some((lease, rows)) if rows == witness.rows => {
                lease.give_back();
                let message = format!("{}; the transaction was rolled back", lost.message);
                return Err(AdapterError { message, ..lost });
            }
            None if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            _ => {
                let message = format!("{}; whether the transaction was committed is not known", lost.message);
                return Err(AdapterError { message, ..lost });
            }
        }
    }
}

/// The rows of the witness once the lost session is over; `None` while it is not, or nobody answers.
async fn rows_left(pool: &Arc<Pool>, process: i64, witness: &Witness) -> Option<(Lease, u64)> {
    let lease = pool.take().await.ok()?;
    let alive = format!("select count(*) from stv_sessions where process = {process}");
    if first_number(&lease, &alive).await.ok()? != Some(0) {
        let _ = lease.client.batch_execute(&format!("select pg_terminate_backend({process})")).await;
        lease.give_back();
        return None;
    }
    let count = format!("select count(*) from {}", REDSHIFT.quote_path(witness.relation.parts()));
    let rows = first_number(&lease, &count).await.ok()??;
    Some((lease, u64::try_from(rows).ok()?))
}

async fn first_number(lease: &Lease, sql: &str) -> Result<Option<i64>, tokio_postgres::Error> {
    let messages = lease.client.simple_query(sql).await?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    match row {
        Some(row) => Ok(row.try_get(0)?.and_then(|number| number.trim().parse().ok())),
        None => Ok(None),
    }
}
