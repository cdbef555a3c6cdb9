//! Which transaction the server has open, where it is not the one that was asked for.
//!
//! Snowflake commits whatever is open before it defines anything, and has no way to take a definition back. A transaction
//! that is asked for around both kinds of statements is therefore begun no earlier than rows change.

use crate::run::run;
use crate::session::first_word;
use crate::vendor::{Transactions, Vendor};
use adbc_driver_manager::ManagedConnection;
use dvt_adapter::AdapterError;
use std::sync::atomic::{AtomicBool, Ordering};

/// The transactions of one session.
pub(crate) struct Frame {
    /// The words to use, where a transaction begins with the first change of rows; `None` where it begins when it is
    /// asked for.
    late: Option<Transactions>,
    is_begun: AtomicBool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Begin,
    End,
    Rows,
    Definition,
    Other,
}

impl Frame {
    pub(crate) fn new(vendor: &dyn Vendor) -> Self {
        let late = vendor.transactions().filter(|_| vendor.defines_outside_transactions());
        Self { late, is_begun: AtomicBool::new(false) }
    }

    pub(crate) fn begins_late(&self) -> bool {
        self.late.is_some()
    }

    /// Notes what the server has; what it had before is returned.
    pub(crate) fn set_begun(&self, is_begun: bool) -> bool {
        self.is_begun.swap(is_begun, Ordering::Relaxed)
    }

    /// Begins or commits what has to be, before the statement runs. `is_wanted`: the session is in a transaction for
    /// whoever uses it.
    pub(crate) fn before(
        &self,
        vendor: &dyn Vendor,
        connection: &mut ManagedConnection,
        statement: &str,
        is_wanted: bool,
    ) -> Result<(), AdapterError> {
        let Some(words) = self.late else { return Ok(()) };
        match kind(statement) {
            Kind::Rows if is_wanted && !self.set_begun(true) => {
                run(vendor, connection, words.begin).inspect_err(|_| _ = self.set_begun(false))
            }
            Kind::Definition | Kind::Begin if self.set_begun(false) => run(vendor, connection, words.commit),
            _ => Ok(()),
        }
    }

    /// Notes what the statement did to the transaction.
    pub(crate) fn after(&self, statement: &str) {
        if self.late.is_some() {
            match kind(statement) {
                Kind::Begin => _ = self.set_begun(true),
                Kind::End => _ = self.set_begun(false),
                Kind::Rows | Kind::Definition | Kind::Other => {}
            }
        }
    }

    /// Takes back what a text began itself and did not get to commit.
    pub(crate) fn undo(&self, vendor: &dyn Vendor, connection: &mut ManagedConnection) {
        if let Some(words) = self.late
            && self.set_begun(false)
            && let Err(error) = run(vendor, connection, words.rollback)
        {
            // The server does it when the session ends.
            tracing::debug!(%error, "rollback failed");
        }
    }
}

fn kind(statement: &str) -> Kind {
    match first_word(statement).as_str() {
        "BEGIN" if is_scripting_block(statement) => Kind::Other,
        "BEGIN" | "START" => Kind::Begin,
        "COMMIT" | "ROLLBACK" => Kind::End,
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => Kind::Rows,
        "ALTER" if words(statement).nth(1).is_some_and(|word| word.eq_ignore_ascii_case("session")) => Kind::Other,
        "ALTER" | "COMMENT" | "CREATE" | "DROP" | "GRANT" | "REVOKE" | "TRUNCATE" | "UNDROP" => Kind::Definition,
        _ => Kind::Other,
    }
}

/// `BEGIN` with statements of its own behind it, and not `BEGIN [WORK | TRANSACTION] [NAME x]`.
fn is_scripting_block(statement: &str) -> bool {
    words(statement)
        .nth(1)
        .is_some_and(|word| !["work", "transaction", "name"].iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// The words from the first one behind comments on.
fn words(statement: &str) -> impl Iterator<Item = &str> {
    let first = first_word(statement);
    let all = statement.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    all.skip_while(move |word| !word.eq_ignore_ascii_case(&first))
}

#[cfg(test)]
mod tests {
    use super::{Kind, kind};

    #[test]
    fn statements_are_told_apart_by_what_they_do_to_a_transaction() {
        let cases = [
            ("begin", Kind::Begin),
            ("/* q */ begin transaction", Kind::Begin),
            ("BEGIN WORK NAME t1", Kind::Begin),
            ("start transaction", Kind::Begin),
            ("begin select 1", Kind::Other),
            ("-- note\ncommit", Kind::End),
            ("rollback work", Kind::End),
            ("insert overwrite into t select 1", Kind::Rows),
            ("merge into t using s on a = b when matched then delete", Kind::Rows),
            ("truncate table t", Kind::Definition),
            ("create or replace table t as (select 1)", Kind::Definition),
            ("with x as (select 1) select * from x", Kind::Other),
            ("show tables", Kind::Other),
            ("alter session set timezone = 'UTC'", Kind::Other),
        ];
        for (statement, expected) in cases {
            assert_eq!(kind(statement), expected, "{statement}");
        }
    }
}
