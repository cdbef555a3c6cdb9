//! The session of a node: opened when it is first needed, statements told as events, transactions as dbt has them.

use super::{NodeBridge, lock};
use crate::failure::StatementError;
use crate::journal::Entry;
use crate::reporter::node_info;
use crate::settings::RunCommand;
use crate::tables::table_of_result;
use dvt_adapter::{Adapter, AdapterError, AdapterResponse, CancellationToken, Fetch, QueryResult, Session};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use dvt_jinja::{BridgeError, Executed, StatementResponse};
use dvt_manifest::ResourceType;
use serde_json::Map;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

pub(super) struct SessionSlot {
    pub(super) session: Option<Box<dyn Session>>,
    /// Statements outside of a transaction are committed at once. Not so on PostgreSQL before the first COMMIT: what a
    /// node did until it failed is undone there, with or without `auto_begin`, as dbt's driver has it.
    pub(super) commits_at_once: bool,
}

impl NodeBridge {
    /// The response and rows of a statement, as templates see them.
    pub(super) fn run_statement(&self, sql: &str, auto_begin: bool, fetch: Fetch) -> Result<Executed, BridgeError> {
        let result = self.query(sql, auto_begin, fetch)?;
        let table = match &result.rows {
            Some((schema, batches)) => Some(table_of_result(schema, batches)?),
            None => None,
        };
        let response = result.response;
        Ok(Executed {
            response: StatementResponse {
                message: response.message,
                code: (!response.code.is_empty()).then_some(response.code),
                rows_affected: response.rows_affected,
                extra: Map::new(),
            },
            table,
        })
    }

    /// The response and rows of a statement; positions in errors count from the start of `sql`.
    pub(crate) fn query(&self, sql: &str, auto_begin: bool, fetch: Fetch) -> Result<QueryResult, BridgeError> {
        if matches!(self.run.request.command, RunCommand::Compile | RunCommand::Plan)
            && !self.run.flag("INTROSPECT", true)
        {
            // dbt's words.
            let message =
                "connection never acquired for thread: a template asks the database, and `--no-introspect` forbids it";
            return Err(Box::new(
                Diagnostic::error("no-introspection", message)
                    .label(self.node.span.clone(), "")
                    .help("leave the flag out"),
            ));
        }
        let mut slot = lock(&self.session);
        let handle = self.run.handle();
        let refused = |error: AdapterError| -> BridgeError { Box::new(StatementError { error, sql: sql.to_owned() }) };
        let SessionSlot { session, commits_at_once } = &mut *slot;
        let session = self.opened(session).map_err(refused)?;
        // Hooks commit with a statement of their own; the session must know.
        match sql.trim().trim_end_matches(';').trim_end().to_ascii_lowercase().as_str() {
            "commit" => {
                *commits_at_once = true;
                match lock(&self.witness).as_mut() {
                    Some(witness) => handle.block_on(session.commit_witnessed(witness)).map_err(refused)?,
                    None => handle.block_on(session.commit()).map_err(refused)?,
                }
                self.changed_cache.store(false, Ordering::Relaxed);
                return Ok(word_response("COMMIT"));
            }
            "rollback" => {
                handle.block_on(session.rollback()).map_err(refused)?;
                return Ok(word_response("ROLLBACK"));
            }
            "begin" => {
                if !session.in_transaction() {
                    handle.block_on(session.begin()).map_err(refused)?;
                }
                return Ok(word_response("BEGIN"));
            }
            _ => {}
        }
        if (auto_begin || !*commits_at_once) && !session.in_transaction() {
            handle.block_on(session.begin()).map_err(refused)?;
        }
        let sent = self.comment.add_to(sql);
        let begun = self.tell_statement(&sent);
        let done = handle.block_on(session.execute(&sent, fetch)).map_err(|mut error| {
            error.position = error.position.and_then(|position| position.checked_sub(self.comment.bytes_before()));
            refused(error)
        });
        // A text of several statements may have ended the transaction.
        *commits_at_once |= !session.in_transaction();
        if let Ok(result) = &done {
            self.tell_status(&result.response.message, begun);
        }
        done
    }

    /// The node's session, opened when it is first needed.
    pub(super) fn opened<'a>(
        &self,
        slot: &'a mut Option<Box<dyn Session>>,
    ) -> Result<&'a mut Box<dyn Session>, AdapterError> {
        match slot {
            Some(session) => Ok(session),
            None => {
                let mut session = self.run.handle().block_on(open_session(self.adapter.as_ref(), &self.cancel))?;
                self.tell_session();
                session.set_cancel(self.cancel.clone());
                Ok(slot.insert(session))
            }
        }
    }

    /// Opens the session, if it is not open yet.
    pub(crate) fn connect(&self) -> Result<(), BridgeError> {
        let opened = self.opened(&mut lock(&self.session).session).map(drop);
        opened.map_err(|error| -> BridgeError { Box::new(StatementError { error, sql: String::new() }) })
    }

    /// dbt's `ConnectionReused`: sessions come from a pool, which the run itself has used first.
    fn tell_session(&self) {
        let name = self.node.unique_id.clone();
        let former = lock(&self.run.last_users).insert(self.adapter.connection().to_owned(), name.clone());
        let former = former.unwrap_or_else(|| "master".to_owned());
        let message = format!("Re-using an available connection from the pool (formerly {former}, now {name})");
        let event =
            Event::new(kinds::CONNECTION_REUSED, message).with("orig_conn_name", former).with("conn_name", name);
        self.run.settings().events.fire(event.node(node_info(&self.node, "executing")));
    }

    /// dbt's `SQLQuery`.
    fn tell_statement(&self, sent: &str) -> Instant {
        let name = &self.node.unique_id;
        let event = Event::new(kinds::SQL_QUERY, format!("On {name}: {sent}"));
        let event = event.with("conn_name", name.as_str()).with("sql", sent).node(node_info(&self.node, "executing"));
        self.run.settings().events.fire(event);
        Instant::now()
    }

    /// dbt's `SQLQueryStatus`.
    fn tell_status(&self, status: &str, begun: Instant) {
        let elapsed = begun.elapsed().as_secs_f64();
        let event = Event::new(kinds::SQL_QUERY_STATUS, format!("SQL status: {status} in {elapsed:.3} seconds"));
        let event = event.with("status", status).with("elapsed", elapsed).with("query_id", "");
        self.run.settings().events.fire(event.node(node_info(&self.node, "executing")));
    }

    /// Rolls back what is open and lets go of the session. What the cache says of the schema may have been undone.
    pub(crate) fn abandon(&self) {
        let mut slot = lock(&self.session);
        if let Some(mut session) = slot.session.take() {
            let was_open = session.in_transaction();
            if let Err(error) = self.run.handle().block_on(session.rollback()) {
                tracing::debug!(%error, "rollback failed; the connection is closed");
            }
            if was_open && self.changed_cache.swap(false, Ordering::Relaxed) {
                self.cache.forget_all();
            }
        }
    }

    /// Whether the commit that just went well was the node's last word: an incremental model or a snapshot that has
    /// added its rows, with no hook to come and no relation set aside. Doing that again would add them twice.
    fn commit_ends_node(&self) -> bool {
        let config = &self.node.config;
        let adds = match self.node.resource_type {
            ResourceType::Snapshot => true,
            ResourceType::Model => {
                config.materialized() == "incremental" && config.text("incremental_strategy") != Some("microbatch")
            }
            _ => false,
        };
        let has_hooks_outside =
            ["pre-hook", "post-hook"].iter().any(|key| config.hooks(key).iter().any(|(_, inside)| !inside));
        let noted = lock(&self.noted);
        adds && !has_hooks_outside && noted.has_main && noted.gone.is_empty()
    }

    /// Commits what the session has open; without a session, from now on a statement is committed at once.
    pub(super) fn commit_session(&self) -> Result<(), BridgeError> {
        {
            let mut slot = lock(&self.session);
            if slot.session.is_none() {
                slot.commits_at_once = true;
                return Ok(());
            }
        }
        self.run_statement("commit", false, Fetch::None)?;
        if self.commit_ends_node() {
            let entry = Entry::Committed { unique_id: self.node.unique_id.clone() };
            // The node's end is written too, and that failure is told.
            if let Err(error) = self.run.record(&entry) {
                tracing::warn!(%error, "a commit could not be noted");
            }
        }
        Ok(())
    }

    pub(super) fn roll_back_session(&self) -> Result<(), BridgeError> {
        if lock(&self.session).session.is_none() {
            return Ok(());
        }
        self.run_statement("rollback", false, Fetch::None).map(drop)
    }
}

fn word_response(word: &str) -> QueryResult {
    let response = AdapterResponse { message: word.to_owned(), code: word.to_owned(), rows_affected: None };
    QueryResult { response, rows: None }
}

/// A session; a connection that cannot be reached at once is tried again, since nothing has been done yet.
async fn open_session(adapter: &dyn Adapter, cancel: &CancellationToken) -> Result<Box<dyn Session>, AdapterError> {
    let mut waits = [Duration::from_millis(300), Duration::from_millis(1200)].into_iter();
    loop {
        match adapter.session().await {
            Err(error) if error.is_retryable() && !cancel.is_cancelled() => match waits.next() {
                Some(wait) => {
                    tracing::debug!(%error, "no session yet; trying again");
                    tokio::time::sleep(wait).await;
                }
                None => return Err(error),
            },
            result => return result,
        }
    }
}
