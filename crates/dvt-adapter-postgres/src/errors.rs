//! What the driver and the server say, as the contract's errors.
//!
//! Source: PostgreSQL manual, "PostgreSQL Error Codes".

use dvt_adapter::{AdapterError, ErrorClass, RelationName};
use std::error::Error as _;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition};

/// The driver's error at this connection. `sql` is the text that was sent, for the position.
pub(crate) fn from_driver(connection: &str, error: Error, sql: Option<&str>) -> AdapterError {
    if let Some(database_error) = error.as_db_error() {
        return from_server(connection, database_error, sql);
    }
    let class = if error.is_closed() {
        ErrorClass::ConnectionLost
    } else if let Some(cause) = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
        if cause.kind() == std::io::ErrorKind::TimedOut { ErrorClass::Timeout } else { ErrorClass::ConnectionLost }
    } else {
        ErrorClass::Other
    };
    let message = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    AdapterError::new(class, connection, message).with_cause(error)
}

fn from_server(connection: &str, error: &DbError, sql: Option<&str>) -> AdapterError {
    let code = error.code().code();
    let mut message = error.message().to_owned();
    if let Some(detail) = error.detail()
        && !may_show_a_row(code)
    {
        message = format!("{message} ({detail})");
    }
    let mut mapped = AdapterError::new(class_of(code), connection, message.replace('\n', " ")).with_code(code);
    if let Some(column) = error.column() {
        mapped = mapped.with_column(column);
    }
    if let Some(table) = error.table() {
        mapped = mapped.with_relation(RelationName::new(None, error.schema(), table));
    }
    if let Some(hint) = error.hint() {
        mapped = mapped.with_hint(hint);
    }
    if let (Some(ErrorPosition::Original(position)), Some(sql)) = (error.position(), sql) {
        mapped = mapped.with_position(byte_offset(sql, *position));
    }
    mapped
}

/// Details of constraint and data errors quote the row that failed.
fn may_show_a_row(code: &str) -> bool {
    code.starts_with("23") || code.starts_with("22")
}

/// The server counts characters, from 1.
fn byte_offset(sql: &str, position: u32) -> usize {
    let characters = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
    sql.char_indices().nth(characters).map_or(sql.len(), |(offset, _)| offset)
}

/// SQLSTATE to class, the exact codes before their groups.
pub(crate) fn class_of(code: &str) -> ErrorClass {
    match code {
        "28000" | "28P01" => ErrorClass::Authentication,
        "42501" => ErrorClass::Permission,
        "3D000" => ErrorClass::MissingDatabase,
        "42P01" | "3F000" => ErrorClass::MissingRelation,
        "42703" => ErrorClass::MissingColumn,
        "42601" => ErrorClass::Syntax,
        "57014" => ErrorClass::Cancelled,
        "25P03" | "57P05" | "55P03" => ErrorClass::Timeout,
        "40001" | "40P01" => ErrorClass::Conflict,
        "57P01" | "57P02" => ErrorClass::ConnectionLost,
        "57P03" | "53300" => ErrorClass::Unreachable,
        _ => match code.get(..2) {
            Some("08") => ErrorClass::ConnectionLost,
            Some("22") => ErrorClass::ValueDoesNotFit,
            Some("23") => ErrorClass::Constraint,
            Some("28") => ErrorClass::Authentication,
            Some("40") => ErrorClass::Conflict,
            _ => ErrorClass::Other,
        },
    }
}

/// The column that the server's context names: `COPY t, line 3, column amount: "x"`.
pub(crate) fn column_in_context<'a>(context: &str, columns: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (_, rest) = context.split_once(", column ")?;
    columns
        .filter(|column| {
            rest.strip_prefix(*column).is_some_and(|after| after.is_empty() || after.starts_with([':', '\n']))
        })
        .max_by_key(|column| column.len())
}

pub(crate) fn cancelled(connection: &str) -> AdapterError {
    AdapterError::new(ErrorClass::Cancelled, connection, "cancelled")
}
