//! A commit whose answer was lost: whether it happened is asked of the server, by the transaction's id.
//!
//! Source: PostgreSQL manual, "Transaction ID and Snapshot Information Functions".

use crate::pool::{Lease, Pool};
use dvt_adapter::AdapterError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The oldest version that tells what became of a transaction.
const TELLS_SINCE: u32 = 10;

/// How long a server may take to come back, and a session that lost its client to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);

/// The id of the open transaction; `None` where it has changed nothing, or the server could not be asked about it later.
pub(crate) async fn transaction_id(lease: &Lease) -> Option<i64> {
    let heard = lease.ear.heard();
    if heard.version < TELLS_SINCE || heard.transaction != b'T' {
        return None;
    }
    let asked = lease.client.query_one("select pg_catalog.txid_current_if_assigned()", &[]).await;
    asked.ok()?.try_get(0).ok()?
}

/// Finds out what became of the transaction: a new connection if it was committed, else the error, with what is known.
///
/// # Errors
/// It was rolled back, or nobody can tell.
pub(crate) async fn outcome_of(pool: &Arc<Pool>, id: i64, lost: AdapterError) -> Result<Lease, AdapterError> {
    let begun = Instant::now();
    loop {
        match ask(pool, id).await {
            Some((lease, status)) if status == "committed" => {
                tracing::info!(
                    connection = lost.connection,
                    "the answer to a commit was lost; the server says it happened"
                );
                return Ok(lease);
            }
            Some((_, status)) if status == "aborted" => {
                let message = format!("{}; the transaction was rolled back", lost.message);
                return Err(AdapterError { message, ..lost });
            }
            // The server is away, or has not noticed yet that nobody listens.
            _ if begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            _ => {
                let message = format!("{}; whether the transaction was committed is not known", lost.message);
                return Err(
                    AdapterError { message, ..lost }.with_hint(format!("ask the server: select txid_status({id})"))
                );
            }
        }
    }
}

async fn ask(pool: &Arc<Pool>, id: i64) -> Option<(Lease, String)> {
    let lease = pool.take().await.ok()?;
    let row = lease.client.query_one("select pg_catalog.txid_status($1)", &[&id]).await.ok()?;
    let status: Option<String> = row.try_get(0).ok()?;
    Some((lease, status.unwrap_or_default()))
}
