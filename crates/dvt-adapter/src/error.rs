//! What can go wrong at a database, in classes that a caller can act on.

use crate::RelationName;
use std::error::Error;
use std::fmt;

/// What kind of failure it is. The leaf decides, since it saw the engine's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Nothing answered at the address.
    Unreachable,
    Authentication,
    /// The certificate or the handshake was refused.
    Tls,
    Permission,
    MissingDatabase,
    MissingRelation,
    MissingColumn,
    Syntax,
    /// A constraint of the target refused a row.
    Constraint,
    /// A value cannot be held by the type it should go to.
    ValueDoesNotFit,
    /// A type has no faithful counterpart.
    UnsupportedType,
    Timeout,
    Cancelled,
    /// The connection broke in mid-work; for a commit the outcome is unknown.
    ConnectionLost,
    /// Deadlock or serialization failure: the same work may succeed when repeated.
    Conflict,
    /// A profile key is missing, unknown or has the wrong type.
    Configuration,
    Other,
}

/// A failure at one connection. `message` is one line that makes sense alone; it never holds a password or a row.
#[derive(Debug)]
pub struct AdapterError {
    pub class: ErrorClass,
    /// The profile output's name.
    pub connection: String,
    pub message: String,
    /// The engine's own code (SQLSTATE, MySQL errno), when there is one.
    pub code: Option<String>,
    pub relation: Option<Box<RelationName>>,
    pub column: Option<String>,
    /// Byte offset in the SQL that was sent, when the engine tells it.
    pub position: Option<usize>,
    /// What to do, as a sentence.
    pub hint: Option<String>,
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl AdapterError {
    #[must_use]
    pub fn new(class: ErrorClass, connection: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            class,
            connection: connection.into(),
            message: message.into(),
            code: None,
            relation: None,
            column: None,
            position: None,
            hint: None,
            cause: None,
        }
    }

    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    #[must_use]
    pub fn with_relation(mut self, relation: RelationName) -> Self {
        self.relation = Some(Box::new(relation));
        self
    }

    #[must_use]
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    #[must_use]
    pub fn with_position(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Whether the same work may succeed when it is simply repeated.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.class,
            ErrorClass::Unreachable | ErrorClass::ConnectionLost | ErrorClass::Conflict | ErrorClass::Timeout
        )
    }
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection `{}`: {}", self.connection, self.message)?;
        if let Some(relation) = &self.relation
            && !self.message.contains(&relation.identifier)
        {
            write!(f, " (relation `{relation}`)")?;
        }
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        Ok(())
    }
}

impl Error for AdapterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
