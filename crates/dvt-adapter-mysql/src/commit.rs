//! A commit whose answer was lost. The server keeps no record of it, so a row of a witness goes with the transaction: as many
//! rows as before mean that it was rolled back, one less that it was committed.

use crate::client::{Client, ClientError};
use crate::pool::{Pool, Purpose};
use dvt_adapter::{AdapterError, Witness};
use dvt_sql::MYSQL;
use std::time::{Duration, Instant};

/// How long a server may take to come back, and a session that lost its client to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(250);

/// Takes a row from the witness, in the open transaction; whether there was one to take. (A table that a macro has renamed or
/// dropped testifies nothing.)
pub(crate) async fn let_testify(client: &mut Client, witness: &Witness) -> Result<bool, ClientError> {
    let sql = format!("DELETE FROM {} LIMIT 1", MYSQL.quote_path(witness.relation.parts()));
    match client.run(&sql).await {
        Ok(_) => Ok(true),
        Err(error) if error.errno().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Finds out what became of the transaction of a session that is lost: a new connection if it was committed, else the error,
/// with what is known.
///
/// # Errors
/// It was rolled back, or nobody can tell.
pub(crate) async fn outcome_of(
    pool: &Pool,
    connection_id: u32,
    witness: &Witness,
    lost: AdapterError,
) -> Result<Client, AdapterError> {
    let begun = Instant::now();
    loop {
        match rows_left(pool, connection_id, witness).await {
            Some((client, rows)) if rows + 1 == witness.rows => {
                tracing::info!(
                    connection = lost.connection,
                    "the answer to a commit was lost; the rows say it happened"
                );
                return Ok(client);
            }
            Some((client, rows)) if rows == witness.rows => {
                pool.give_back(client);
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
async fn rows_left(pool: &Pool, connection_id: u32, witness: &Witness) -> Option<(Client, u64)> {
    // It may be at work on the commit still: only then its outcome is final.
    pool.kill(connection_id, true).await;
    let mut client = pool.take(Purpose::Statements).await.ok()?;
    let alive = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {connection_id}");
    if number(&mut client, &alive).await? > 0 {
        pool.give_back(client);
        return None;
    }
    let count = format!("SELECT COUNT(*) FROM {}", MYSQL.quote_path(witness.relation.parts()));
    let rows = number(&mut client, &count).await?;
    Some((client, rows))
}

async fn number(client: &mut Client, sql: &str) -> Option<u64> {
    let rows = client.rows(sql).await.ok()?;
    rows.first()?.first()?.as_ref()?.parse().ok()
}
