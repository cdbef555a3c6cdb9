//! What the API and the engine say, as classes with a next step.
//!
//! A refusal is JSON with a `reason`; the engine's messages say where in the text: `… at [3:14]`.
//! Source: BigQuery's documentation, "Error messages".

use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use serde_json::Value;

/// A request that the API refused.
pub(crate) fn of_answer(settings: &Settings, status: u16, body: &str) -> AdapterError {
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        let message = format!("`{}` answered HTTP {status}", settings.endpoint);
        let class = if status >= 500 { ErrorClass::Unreachable } else { ErrorClass::Other };
        return AdapterError::new(class, &settings.connection, message);
    };
    let reason = answer.pointer("/error/errors/0/reason").and_then(Value::as_str);
    let message = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
    let reason = match (status, reason) {
        (401, _) => "authError",
        (_, Some(reason)) => reason,
        (403, None) => "accessDenied",
        (404, None) => "notFound",
        _ => "",
    };
    made(settings, reason, message, None)
}

/// A job that failed, with the text that it ran.
pub(crate) fn of_job(settings: &Settings, failure: &Value, sql: Option<&str>) -> AdapterError {
    let text = |key: &str| failure.get(key).and_then(Value::as_str).unwrap_or_default();
    made(settings, text("reason"), text("message"), sql)
}

fn made(settings: &Settings, reason: &str, message: &str, sql: Option<&str>) -> AdapterError {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = if line.is_empty() { format!("BigQuery refused: {reason}") } else { line };
    let class = class_of(reason, message);
    let mut error = AdapterError::new(class, &settings.connection, shown);
    if !reason.is_empty() {
        error = error.with_code(reason);
    }
    if class == ErrorClass::MissingColumn
        && let Some(column) = unrecognized(message)
    {
        error = error.with_column(column);
    }
    if let Some(position) = sql.and_then(|sql| position_in(sql, message)) {
        error = error.with_position(position);
    }
    match hint_of(settings, class, reason, message) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn class_of(reason: &str, message: &str) -> ErrorClass {
    let lower = message.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    match reason {
        "authError" => return ErrorClass::Authentication,
        "accessDenied" => return ErrorClass::Permission,
        "stopped" => return ErrorClass::Cancelled,
        "timeout" => return ErrorClass::Timeout,
        "notFound" if has(&["dataset", "project"]) && !has(&["table "]) => return ErrorClass::MissingDatabase,
        "notFound" => return ErrorClass::MissingRelation,
        _ => {}
    }
    if has(&["syntax error"]) {
        ErrorClass::Syntax
    } else if has(&["unrecognized name", "not found inside", "is not present in table", "column name"])
        && !has(&["ambiguous"])
    {
        ErrorClass::MissingColumn
    } else if has(&["could not serialize", "concurrent update", "due to concurrent"]) {
        ErrorClass::Conflict
    } else if has(&["required field", "cannot be null", "cannot hold null", "null value"]) {
        ErrorClass::Constraint
    } else if has(&[
        "bad int64",
        "bad double",
        "bad bool",
        "bad numeric",
        "invalid date",
        "invalid timestamp",
        "invalid datetime",
        "invalid time",
        "could not cast",
        "could not convert",
        "could not parse",
        "out of range",
        "overflow",
        "division by zero",
        "error while reading data",
        "has maximum length",
        "invalid json",
    ]) {
        ErrorClass::ValueDoesNotFit
    } else {
        ErrorClass::Other
    }
}

fn hint_of(settings: &Settings, class: ErrorClass, reason: &str, message: &str) -> Option<String> {
    match class {
        ErrorClass::Authentication => {
            Some("check `method` and the credentials of this output; a token may have run out".to_owned())
        }
        ErrorClass::Permission => Some(format!(
            "it takes roles/bigquery.jobUser on the project `{}`, and roles/bigquery.dataEditor on the dataset of a target \
             or dataViewer on that of a source",
            settings.execution_project
        )),
        ErrorClass::MissingDatabase if message.contains("location") => Some(format!(
            "`location` of this output is {}; it has to be that of the dataset",
            settings.location.as_deref().unwrap_or("not given")
        )),
        ErrorClass::Conflict => Some("another job changed the table in between; run it again".to_owned()),
        _ if reason == "bytesBilledLimitExceeded" => {
            Some("raise `maximum_bytes_billed` of this output, or read less".to_owned())
        }
        _ if matches!(reason, "quotaExceeded" | "rateLimitExceeded") => {
            Some("use fewer threads, or ask for a higher quota".to_owned())
        }
        _ => None,
    }
}

/// `x` in `Unrecognized name: x at [1:8]`, and its like.
fn unrecognized(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("Unrecognized name: ").or_else(|| message.split_once("Name "))?;
    let name = rest.split([' ', ';']).next()?.trim_matches('`');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The byte that `at [line:column]` speaks of; both count from 1, columns in characters.
pub(crate) fn position_in(sql: &str, message: &str) -> Option<usize> {
    let (_, rest) = message.rsplit_once("at [")?;
    let (line, column) = rest.split_once(']')?.0.split_once(':')?;
    let (line, column): (usize, usize) = (line.parse().ok()?, column.parse().ok()?);
    let start: usize = sql.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let in_line = sql.get(start..)?.char_indices().nth(column.checked_sub(1)?).map_or(0, |(offset, _)| offset);
    Some(start + in_line)
}

/// Somebody answered, but not as BigQuery does.
pub(crate) fn not_bigquery(settings: &Settings) -> AdapterError {
    let message = format!("`{}` does not answer as BigQuery does", settings.endpoint);
    AdapterError::new(ErrorClass::Configuration, &settings.connection, message).with_hint("check `api_endpoint`")
}

/// The request did not get through.
pub(crate) fn of_transport(settings: &Settings, error: &reqwest::Error) -> AdapterError {
    let mut cause: &dyn std::error::Error = error;
    let mut words = Vec::new();
    while let Some(inner) = cause.source() {
        cause = inner;
        words.push(cause.to_string());
    }
    // The outer errors repeat the address; the innermost says what happened.
    let what =
        words.pop().unwrap_or_else(|| if error.is_timeout() { "no answer in time".into() } else { "no answer".into() });
    let all = words.join(" ").to_ascii_lowercase() + &what.to_ascii_lowercase();
    let is_tls = all.contains("certificate") || all.contains("tls") || all.contains("handshake");
    let class = match () {
        () if is_tls => ErrorClass::Tls,
        () if error.is_connect() => ErrorClass::Unreachable,
        () if error.is_timeout() => ErrorClass::Timeout,
        () => ErrorClass::ConnectionLost,
    };
    AdapterError::new(class, &settings.connection, format!("`{}`: {what}", settings.endpoint))
        .with_hint("check that this machine reaches it, by way of a proxy (HTTPS_PROXY) if there is one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn failures_have_classes_columns_and_places() {
        let output = json!({"type": "bigquery", "method": "oauth", "project": "p", "dataset": "d"});
        let settings =
            Settings::from_profile("bq", output.as_object().unwrap(), Path::new("."), &BTreeMap::new()).unwrap();
        let check = |reason: &str, message: &str, class: ErrorClass| {
            let error =
                of_job(&settings, &json!({"reason": reason, "message": message}), Some("select a,\n  ü, b from t"));
            assert_eq!((error.class, error.code.as_deref()), (class, Some(reason)), "{message}");
            error
        };
        let error = check("invalidQuery", "Unrecognized name: b at [2:6]", ErrorClass::MissingColumn);
        assert_eq!((error.column.as_deref(), error.position), (Some("b"), Some(16)));
        check("invalidQuery", "Syntax error: Unexpected identifier \"selekt\" at [1:1]", ErrorClass::Syntax);
        check("notFound", "Not found: Table p:d.t was not found in location US", ErrorClass::MissingRelation);
        check("notFound", "Not found: Dataset p:d was not found in location EU", ErrorClass::MissingDatabase);
        check("invalidQuery", "Bad int64 value: x", ErrorClass::ValueDoesNotFit);
        check("accessDenied", "Access Denied: Project p: User does not have", ErrorClass::Permission);
        check("stopped", "Job execution was cancelled: User requested cancellation", ErrorClass::Cancelled);
        let answer =
            r#"{"error": {"code": 401, "message": "Invalid Credentials", "errors": [{"reason": "authError"}]}}"#;
        assert_eq!(of_answer(&settings, 401, answer).class, ErrorClass::Authentication);
        assert_eq!(of_answer(&settings, 502, "<html>").class, ErrorClass::Unreachable);
    }
}
