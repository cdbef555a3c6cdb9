//! Keeps idle connections, reset to how they were opened.

use crate::connect::{Connection, Connector};
use crate::database::Database;
use dvt_adapter::AdapterError;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// More idle connections than this are closed.
const MAX_IDLE: usize = 8;

/// An idle connection older than this is asked whether it still works before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(20);

pub(crate) struct Pool {
    pub(crate) connector: Arc<Connector>,
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// Held while a statement runs that must not run beside others of its kind.
    pub(crate) one_at_a_time: tokio::sync::Mutex<()>,
}

/// A connection taken from the pool. Dropped, it is closed; [`Lease::give_back`] returns it.
pub(crate) struct Lease {
    connection: Option<Connection>,
    pool: Arc<Pool>,
}

impl Pool {
    pub(crate) fn new(connector: Arc<Connector>) -> Arc<Self> {
        Arc::new(Self { connector, idle: Mutex::new(Vec::new()), one_at_a_time: tokio::sync::Mutex::new(()) })
    }

    /// An idle connection that works, or a new one.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Lease, AdapterError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                None => self.connector.connect().await?,
                Some((connection, _)) if connection.client.is_closed() => continue,
                Some((connection, since)) => {
                    if since.elapsed() > TRUSTED_FOR && connection.client.check_connection().await.is_err() {
                        continue;
                    }
                    connection
                }
            };
            return Ok(Lease { connection: Some(connection), pool: Arc::clone(self) });
        }
    }

    fn put(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.client.is_closed() && idle.len() < MAX_IDLE {
            idle.push((connection, Instant::now()));
        }
    }
}

impl Lease {
    /// Where it comes from, for another one.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn database(&self) -> &dyn Database {
        self.pool.connector.database.as_ref()
    }

    /// Returns a connection that nobody's SQL has touched.
    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.ear.in_transaction()
        {
            self.pool.put(connection);
        }
    }

    /// Returns a connection that ran a user's SQL: settings, temporary tables and locks are undone first.
    pub(crate) fn reset_and_give_back(mut self) {
        let Some(connection) = self.connection.take() else { return };
        if connection.client.is_closed() || connection.ear.in_transaction() {
            return;
        }
        let pool = Arc::clone(&self.pool);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let connector = &pool.connector;
            let Some(reset) = connector.database.reset() else { return };
            let reset = match connector.database.opening(&connector.settings) {
                Some(opening) => format!("{reset}; {opening}"),
                None => reset.to_owned(),
            };
            if connection.client.batch_execute(&reset).await.is_ok() {
                pool.put(connection);
            }
        });
    }
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a lease holds its connection until it is given back")
    }
}
