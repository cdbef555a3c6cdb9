//! Connections kept for the next caller, and the way to stop what one of them is doing.

use crate::client::{Client, ClientError};
use crate::errors::adapter_error;
use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An idle connection of this age is not trusted any more: firewalls drop silent ones.
const LONGEST_IDLE: Duration = Duration::from_secs(120);
const MOST_IDLE: usize = 16;
/// "Unknown database".
const MISSING_SCHEMA: u16 = 1049;

/// What a connection is about to be used for; decides its session settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The statements of macros: the session is the one the user's account gets, as with dbt.
    Statements,
    /// A query to stream, or the catalog: instants come in UTC, literals are read as our dialect writes them.
    Read,
    /// A bulk load: everything that does not fit is an error.
    Load,
}

#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) settings: Arc<Settings>,
    idle: Arc<Mutex<Vec<(Client, Instant)>>>,
}

impl Pool {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), idle: Arc::default() }
    }

    pub(crate) fn error(&self, error: ClientError) -> AdapterError {
        adapter_error(&self.settings, error)
    }

    /// A connection whose session is fresh.
    pub(crate) async fn take(&self, purpose: Purpose) -> Result<Client, AdapterError> {
        let settings = self.session_settings(purpose);
        let mut client = match self.take_idle().await {
            Some(mut client) => {
                // A reset keeps the current schema, which a statement may have changed.
                let schema = dvt_sql::MYSQL.quote_identifier(&self.settings.schema);
                match client.run(&format!("USE {schema}; {settings}")).await {
                    Ok(_) => return Ok(client),
                    Err(error) if error.errno() == Some(MISSING_SCHEMA) => client,
                    Err(error) => return Err(self.error(error)),
                }
            }
            None => self.connect().await?,
        };
        client.run(&settings).await.map_err(|error| self.error(error))?;
        Ok(client)
    }

    async fn take_idle(&self) -> Option<Client> {
        loop {
            let (mut client, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < LONGEST_IDLE && client.reset().await.is_ok() {
                return Some(client);
            }
            client.quit().await;
        }
    }

    async fn connect(&self) -> Result<Client, AdapterError> {
        let mut attempt = 0;
        loop {
            let connected = match Client::connect(&self.settings, true).await {
                // A run makes the schema if it is missing, which has to be done from outside of it.
                Err(error) if error.errno() == Some(MISSING_SCHEMA) => Client::connect(&self.settings, false).await,
                connected => connected,
            };
            let error = match connected {
                Ok(client) => return Ok(client),
                Err(error) => self.error(error),
            };
            if error.class != ErrorClass::Unreachable || attempt >= self.settings.retries {
                return Err(error);
            }
            attempt += 1;
            tracing::debug!(connection = %self.settings.connection, attempt, %error, "connecting again");
            tokio::time::sleep(Duration::from_millis(200 * u64::from(attempt))).await;
        }
    }

    pub(crate) fn session_settings(&self, purpose: Purpose) -> String {
        let mut sql = "SET NAMES utf8mb4".to_owned();
        if let Some(collation) = &self.settings.collation {
            sql.push_str(" COLLATE ");
            sql.push_str(&dvt_sql::MYSQL.string_literal(collation));
        }
        match purpose {
            Purpose::Statements => {}
            Purpose::Read => sql.push_str(
                ", time_zone = '+00:00', sql_mode = TRIM(BOTH ',' FROM REPLACE(REPLACE(REPLACE(CONCAT(',', @@sql_mode, \
                 ','), ',NO_BACKSLASH_ESCAPES,', ','), ',ANSI_QUOTES,', ','), ',ANSI,', ','))",
            ),
            Purpose::Load => sql.push_str(
                ", time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
                 ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
            ),
        }
        sql
    }

    /// Keeps a connection for the next caller, if it is whole and holds no transaction.
    pub(crate) fn give_back(&self, client: Client) {
        if client.is_broken() || client.in_transaction() || client.has_more_answers() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push((client, Instant::now()));
        }
    }

    /// Stops the statement that this connection runs; `whole_connection` ends the connection as well.
    pub(crate) async fn kill(&self, connection_id: u32, whole_connection: bool) {
        let what = if whole_connection { "CONNECTION" } else { "QUERY" };
        let killed = async {
            let mut client = Client::connect(&self.settings, false).await?;
            client.run(&format!("KILL {what} {connection_id}")).await?;
            client.quit().await;
            Ok::<_, ClientError>(())
        };
        if let Err(error) = killed.await {
            // It may have ended by itself meanwhile.
            tracing::debug!(connection = %self.settings.connection, connection_id, %error, "KILL {what} failed");
        }
    }
}

pub(crate) fn cancelled(settings: &Settings) -> AdapterError {
    AdapterError::new(ErrorClass::Cancelled, settings.connection.as_str(), "cancelled")
}
