//! What Spark says, as classes with a next step.
//!
//! Spark's messages begin with the name of an error condition in brackets. Source: Spark's documentation, "Error conditions".

use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_spark::SparkFailure;

/// A failure while nothing was being changed: the same may be asked again.
pub(crate) fn of(settings: &Settings, failure: &SparkFailure) -> AdapterError {
    let error = AdapterError::new(class_of(failure), &settings.connection, failure.to_string());
    let error = match failure {
        SparkFailure::Query { class: Some(condition), .. } => error.with_code(condition.clone()),
        _ => error,
    };
    let error = match (error.class, named(&error.message)) {
        (ErrorClass::MissingColumn, Some(column)) => error.with_column(column),
        _ => error,
    };
    match hint_of(settings, failure, error.class) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// A failure to get a session at all.
pub(crate) fn of_opening(settings: &Settings, failure: &SparkFailure) -> AdapterError {
    let mut error = of(settings, failure);
    if error.class == ErrorClass::ConnectionLost {
        error.class = ErrorClass::Unreachable;
    }
    error
}

/// A failure of a statement that changes something. If its answer was lost, what became of it is not known, and it must not be
/// sent again.
pub(crate) fn of_change(settings: &Settings, failure: &SparkFailure) -> AdapterError {
    let error = of(settings, failure);
    let is_lost = matches!(failure, SparkFailure::Unreachable { .. } | SparkFailure::Server { .. });
    if !(is_lost || error.class == ErrorClass::ConnectionLost) {
        return error;
    }
    let message = format!("{}; whether the statement took effect is not known", error.message);
    AdapterError::new(ErrorClass::Other, &settings.connection, message)
        .with_hint("look at the table before you run the model again; a table or view may be run again without harm")
}

/// The message with the place in the statement's text, if Spark tells one.
pub(crate) fn located(error: AdapterError, sql: &str) -> AdapterError {
    match position(&error.message, sql) {
        Some(position) => error.with_position(position),
        None => error,
    }
}

fn class_of(failure: &SparkFailure) -> ErrorClass {
    match failure {
        SparkFailure::Query { class, message } => class_of_query(class.as_deref().unwrap_or_default(), message),
        SparkFailure::Unreachable { is_silent: true, .. } => ErrorClass::Unreachable,
        SparkFailure::Unreachable { .. } | SparkFailure::Server { .. } => ErrorClass::ConnectionLost,
        SparkFailure::Authentication { .. } => ErrorClass::Authentication,
        SparkFailure::Distribution { .. } | SparkFailure::Settings { .. } => ErrorClass::Configuration,
        SparkFailure::Refused { .. } => ErrorClass::UnsupportedType,
        SparkFailure::Answer { .. } => ErrorClass::Other,
    }
}

fn class_of_query(condition: &str, message: &str) -> ErrorClass {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| condition.starts_with(prefix));
    match () {
        () if starts(&[
            "TABLE_OR_VIEW_NOT_FOUND",
            "DELTA_TABLE_NOT_FOUND",
            "DELTA_MISSING_DELTA_TABLE",
            "VIEW_NOT_FOUND",
        ]) =>
        {
            ErrorClass::MissingRelation
        }
        () if starts(&["UNRESOLVED_COLUMN", "FIELD_NOT_FOUND", "DELTA_COLUMN_NOT_FOUND"]) => ErrorClass::MissingColumn,
        () if starts(&["SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND", "REQUIRES_SINGLE_PART_NAMESPACE"]) => {
            ErrorClass::MissingDatabase
        }
        () if starts(&["PARSE_", "INVALID_SQL_SYNTAX", "UNSUPPORTED_STATEMENT"]) => ErrorClass::Syntax,
        () if starts(&["INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED"]) => ErrorClass::Permission,
        () if starts(&["DELTA_NOT_NULL", "DELTA_VIOLATE_CONSTRAINT", "NOT_NULL_ASSERT", "NOT_NULL_CONSTRAINT"]) => {
            ErrorClass::Constraint
        }
        () if starts(&["DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED", "CONCURRENT_"]) => {
            ErrorClass::Conflict
        }
        () if starts(&[
            "CAST_",
            "NUMERIC_VALUE_OUT_OF_RANGE",
            "ARITHMETIC_OVERFLOW",
            "EXCEED_LIMIT_LENGTH",
            "MALFORMED_RECORD",
        ]) =>
        {
            ErrorClass::ValueDoesNotFit
        }
        () if starts(&["OPERATION_CANCELED"]) => ErrorClass::Cancelled,
        // The session, or the server with it, has gone.
        () if starts(&["INVALID_HANDLE"]) => ErrorClass::ConnectionLost,
        () if message.contains("Permission denied") => ErrorClass::Permission,
        () => ErrorClass::Other,
    }
}

fn hint_of(settings: &Settings, failure: &SparkFailure, class: ErrorClass) -> Option<String> {
    Some(match failure {
        SparkFailure::Unreachable { .. } => {
            "check `host` and `port`, or `remote`, of this output, and that a Spark Connect server listens there; `connect_timeout` says how \
             long it is waited for"
                .to_owned()
        }
        SparkFailure::Authentication { .. } => "check `token` of this output, and `use_ssl: true` where the server wants TLS".to_owned(),
        SparkFailure::Query { class: Some(condition), message } => match condition.as_str() {
            "UNSUPPORTED_FEATURE.TABLE_OPERATION" | "NOT_SUPPORTED_COMMAND_FOR_V2_TABLE" => {
                "the table's format has no such operation: MERGE, UPDATE and DELETE want `file_format: delta` (or iceberg, hudi)"
                    .to_owned()
            }
            "DATA_SOURCE_NOT_FOUND" => {
                "the server lacks the jar of that `file_format`: for Delta it is io.delta:delta-spark, in `spark.jars.packages` of the server"
                    .to_owned()
            }
            _ if class == ErrorClass::MissingDatabase => {
                format!("`schema` of this output is `{}`; SHOW SCHEMAS lists those that are there", settings.schema)
            }
            _ if class == ErrorClass::Conflict => "another writer changed the table in between; run it again".to_owned(),
            _ if message.contains("already exists") && message.contains("location") => {
                "files of a table that was dropped before lie there: remove them, or choose another `location_root`".to_owned()
            }
            _ => return None,
        },
        SparkFailure::Query { .. } => return None,
        other => return other.hint(),
    })
}

/// The name in backticks behind `with name`.
fn named(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("with name `")?;
    let (name, _) = rest.split_once("` cannot be resolved")?;
    name.rsplit("`.`").next().map(str::to_owned)
}

/// `(line 2, pos 7)` as an offset: lines count from one, places from zero.
fn position(message: &str, sql: &str) -> Option<usize> {
    let (_, rest) = message.split_once("(line ")?;
    let (line, rest) = rest.split_once(", pos ")?;
    let place: usize = rest.split_once(')')?.0.parse().ok()?;
    let line: usize = line.parse().ok()?;
    let start = if line <= 1 { 0 } else { sql.match_indices('\n').nth(line - 2)?.0 + 1 };
    let text = sql.get(start..)?;
    let offset = text.char_indices().nth(place).map_or(text.len(), |(offset, _)| offset);
    Some(start + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks_conditions_become_classes() {
        let check =
            |condition: &str, expected: ErrorClass| assert_eq!(class_of_query(condition, ""), expected, "{condition}");
        check("TABLE_OR_VIEW_NOT_FOUND", ErrorClass::MissingRelation);
        check("UNRESOLVED_COLUMN.WITH_SUGGESTION", ErrorClass::MissingColumn);
        check("PARSE_SYNTAX_ERROR", ErrorClass::Syntax);
        check("CAST_INVALID_INPUT", ErrorClass::ValueDoesNotFit);
        check("DIVIDE_BY_ZERO", ErrorClass::Other);
    }

    #[test]
    fn a_place_is_an_offset_in_the_text() {
        let sql = "select é,\n  x y z";
        assert_eq!(position("Syntax error (line 2, pos 4)", sql), sql.find("y z"));
        assert_eq!(position("Syntax error (line 1, pos 8)", sql), sql.find(','));
        assert_eq!(position("Syntax error (line 9, pos 8)", sql), None);
        assert_eq!(named("A column with name `t`.`nope` cannot be resolved.").as_deref(), Some("nope"));
    }
}
