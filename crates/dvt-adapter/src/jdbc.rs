//! How another engine's executors read a database and load into it, by the JDBC driver of that database.
//!
//! Drivers turn values into Java's types by rules of their own: dates go through calendars, instants through the JVM's time
//! zone, `tinyint(1)` becomes a boolean. So no value is left to them that they could change: a leaf says for each of its types
//! in which of a few plain forms the database itself writes the value, and both engines know these forms exactly.

use crate::Hold;
use dvt_diagnostics::Secret;
use std::sync::Arc;

/// A form in which a value travels. What the reader makes of it does not depend on settings of a JVM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JdbcForm {
    Boolean,
    /// A whole number of at most 64 bits, signed.
    Integer,
    Float,
    Double,
    Text,
    Bytes,
    /// An exact number as plain digits: `-12.50`, never with an exponent.
    Digits,
    /// A date as the number of days since 1970-01-01.
    Days,
    /// A date as `2024-02-29`.
    DateText,
    /// A moment, a time of day or a span as a number of microseconds; moments since 1970-01-01 00:00 UTC.
    Microseconds,
    /// A moment in UTC as `2024-02-29 12:00:00.000001`.
    MomentText,
    /// The same with its zone: `2024-02-29 12:00:00.000001+00`.
    InstantText,
}

/// One column of a query as it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JdbcColumn {
    pub form: JdbcForm,
    /// The database's SQL that writes the form; `{}` stands for the column.
    pub sql: &'static str,
}

impl JdbcColumn {
    #[must_use]
    pub fn new(form: JdbcForm, sql: &'static str) -> Self {
        Self { form, sql }
    }

    /// The expression over a column, which is written as the database's SQL wants it.
    #[must_use]
    pub fn over(&self, column: &str) -> String {
        self.sql.replace("{}", column)
    }
}

/// A driver that may do it: its class, and how its jar is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JdbcDriver {
    /// How users call it.
    pub name: &'static str,
    pub class: &'static str,
    /// What the file name of its jar begins with.
    pub jar: &'static str,
}

/// Every driver that a leaf names. The first whose jar is there is taken.
pub const JDBC_DRIVERS: &[JdbcDriver] = &[
    JdbcDriver { name: "postgresql", class: "org.postgresql.Driver", jar: "postgresql" },
    JdbcDriver { name: "mariadb", class: "org.mariadb.jdbc.Driver", jar: "mariadb-java-client" },
    JdbcDriver { name: "mysql", class: "com.mysql.cj.jdbc.Driver", jar: "mysql-connector-j" },
];

/// What an executor needs to open a session of the same meaning as dvt's own.
#[derive(Clone, Debug)]
pub struct JdbcAccess {
    pub url: String,
    pub user: String,
    pub password: Option<Secret>,
    /// Further options of the driver. No secrets.
    pub properties: Vec<(String, String)>,
    /// Run by each session before it reads.
    pub session_sql: String,
    /// While this is held, all sessions read one and the same state; `None`: each reads what is there when it begins.
    pub snapshot: Option<Arc<Hold>>,
}

/// What an executor is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JdbcPurpose {
    Read,
    Load,
}
