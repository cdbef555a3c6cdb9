//! SQLite's result codes as classes. Source: sqlite.org, "Result and Error Codes".

use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use rusqlite::ErrorCode;

pub(crate) fn adapter_error(settings: &Settings, error: rusqlite::Error) -> AdapterError {
    let connection = settings.connection.as_str();
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.unwrap_or_else(|| failure.to_string());
            of_code(connection, failure.code, failure.extended_code, message)
        }
        rusqlite::Error::SqlInputError { error, msg, offset, .. } => {
            let mut error = of_code(connection, error.code, error.extended_code, msg);
            error.position = usize::try_from(offset).ok();
            error
        }
        other => AdapterError::new(ErrorClass::Other, connection, other.to_string()).with_cause(other),
    }
}

fn of_code(connection: &str, code: ErrorCode, extended: i32, message: String) -> AdapterError {
    let class = match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => ErrorClass::Conflict,
        ErrorCode::OperationInterrupted => ErrorClass::Cancelled,
        ErrorCode::ConstraintViolation => ErrorClass::Constraint,
        ErrorCode::TypeMismatch | ErrorCode::TooBig => ErrorClass::ValueDoesNotFit,
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied => {
            ErrorClass::Permission
        }
        ErrorCode::CannotOpen => ErrorClass::Unreachable,
        _ => of_message(&message),
    };
    let mut error = AdapterError::new(class, connection, message.clone()).with_code(extended.to_string());
    if class == ErrorClass::Constraint {
        // `NOT NULL constraint failed: table.column`
        error.column = message.rsplit_once('.').map(|(_, column)| column.to_owned());
    }
    match code {
        ErrorCode::DatabaseBusy => error.with_hint(
            "another process writes to the file; SQLite has one writer at a time, and WAL mode lets readers go on",
        ),
        ErrorCode::NotADatabase => error.with_hint("check `path` of this output: the file is not a SQLite database"),
        _ => error,
    }
}

/// SQLite has one code for all mistakes in SQL; its messages are stable.
fn of_message(message: &str) -> ErrorClass {
    let message = message.to_lowercase();
    if message.contains("no such table") || message.contains("no such view") {
        ErrorClass::MissingRelation
    } else if message.contains("no such column") || message.contains("has no column named") {
        ErrorClass::MissingColumn
    } else if message.contains("unknown database") {
        ErrorClass::MissingDatabase
    } else if message.contains("syntax error")
        || message.contains("incomplete input")
        || message.contains("unrecognized token")
    {
        ErrorClass::Syntax
    } else {
        ErrorClass::Other
    }
}

pub(crate) fn cancelled(settings: &Settings) -> AdapterError {
    AdapterError::new(ErrorClass::Cancelled, settings.connection.as_str(), "cancelled")
}
