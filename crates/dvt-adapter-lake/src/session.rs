//! A session: statements one after the other. There are no transactions; each statement is its own.

use crate::lake::Lake;
use crate::statements;
use async_trait::async_trait;
use dvt_adapter::{AdapterError, AdapterResponse, CancellationToken, ErrorClass, Fetch, QueryResult, Session};
use std::sync::Arc;
use tokio::task::JoinSet;

pub(crate) struct LakeSession {
    lake: Arc<Lake>,
    cancel: CancellationToken,
    in_transaction: bool,
}

impl LakeSession {
    pub(crate) fn new(lake: Arc<Lake>) -> Self {
        Self { lake, cancel: CancellationToken::new(), in_transaction: false }
    }
}

#[async_trait]
impl Session for LakeSession {
    async fn execute(&mut self, sql: &str, fetch: Fetch) -> Result<QueryResult, AdapterError> {
        let statements = self.lake.parse(sql)?;
        let mut result = QueryResult { response: AdapterResponse::default(), rows: None };
        for statement in statements {
            tracing::debug!(connection = %self.lake.settings.connection, sql = %statement, "execute");
            // A task of its own, so that a statement that computes without a pause can be left behind.
            let lake = Arc::clone(&self.lake);
            let mut work = JoinSet::new();
            work.spawn(async move { statements::run(&lake, statement, fetch).await });
            let answer = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(self.lake.errors.cancelled()),
                joined = work.join_next() => match joined {
                    Some(Ok(answer)) => answer,
                    Some(Err(error)) => {
                        Err(self.lake.errors.of(ErrorClass::Other, format!("the statement broke off: {error}")))
                    }
                    None => Err(self.lake.errors.cancelled()),
                },
            }?;
            result.response = answer.response;
            if answer.rows.is_some() {
                result.rows = answer.rows;
            }
        }
        Ok(result)
    }

    async fn begin(&mut self) -> Result<(), AdapterError> {
        if self.in_transaction {
            return Err(self.lake.errors.of(ErrorClass::Other, "a transaction is open already"));
        }
        self.in_transaction = true;
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), AdapterError> {
        self.in_transaction = false;
        Ok(())
    }

    async fn rollback(&mut self) -> Result<(), AdapterError> {
        self.in_transaction = false;
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    fn set_cancel(&mut self, cancel: CancellationToken) {
        self.cancel = cancel;
    }
}
