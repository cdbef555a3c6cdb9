//! What the API and the engine say, as classes with a next step.
//!
//! The engine's messages begin with the name of an error condition in brackets and end with its SQLSTATE; refusals of the API
//! are JSON with an `error_code`. Source: Databricks' documentation, "Error conditions" and "SQLSTATE error codes"; REST API
//! reference, "Statement Execution" and "Errors".

use crate::profile::Settings;
use dvt_adapter::{AdapterError, ErrorClass};
use serde_json::Value;

/// A statement that failed: `status.error` and `status.sql_state` of its answer.
pub(crate) fn of_statement(settings: &Settings, status: &Value) -> AdapterError {
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (code, message) = (text("/error/error_code"), text("/error/message"));
    let state = match status.get("sql_state").and_then(Value::as_str) {
        Some(state) if !state.is_empty() => Some(state.to_owned()),
        _ => state_in(message),
    };
    let condition = condition_of(message);
    let class = class_of(condition, state.as_deref(), code, message);
    let shown = one_line(message);
    let shown = if shown.is_empty() { format!("the statement failed: {code}") } else { shown };
    let mut error = AdapterError::new(class, &settings.connection, shown);
    match (state, condition, code) {
        (Some(state), ..) => error = error.with_code(state),
        (None, Some(condition), _) => error = error.with_code(condition),
        (None, None, "") => {}
        (None, None, code) => error = error.with_code(code),
    }
    if class == ErrorClass::MissingColumn
        && let Some(column) = named(message)
    {
        error = error.with_column(column);
    }
    match hint_of(settings, class, condition) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// A request that the API refused: the status of its answer and what the body says.
pub(crate) fn of_answer(settings: &Settings, status: u16, body: &str) -> AdapterError {
    let connection = &settings.connection;
    let Ok(answer) = serde_json::from_str::<Value>(body) else {
        return not_a_workspace(settings, status);
    };
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = one_line(match (text("message"), text("error_description")) {
        ("", described) => described,
        (message, _) => message,
    });
    let code = match (text("error_code"), text("error")) {
        ("", other) => other.to_owned(),
        (code, _) => code.to_owned(),
    };
    let lower = message.to_ascii_lowercase();
    let is_about_token = lower.contains("token") || lower.contains("credential") || lower.contains("authenticat");
    let is_about_warehouse = lower.contains("endpoint") || lower.contains("warehouse");
    let (class, hint) = match status {
        401 => (ErrorClass::Authentication, Some(login_hint())),
        403 if is_about_token || code == "403" => (ErrorClass::Authentication, Some(login_hint())),
        403 => (
            ErrorClass::Permission,
            Some(format!("who this output logs in as needs CAN USE on the warehouse `{}`", settings.warehouse_id)),
        ),
        400 | 404 if is_about_warehouse => (
            ErrorClass::Configuration,
            Some(format!(
                "`http_path` names the warehouse `{}`; its connection details in the workspace show the right one",
                settings.warehouse_id
            )),
        ),
        400 if matches!(code.as_str(), "invalid_client" | "unauthorized_client" | "invalid_grant") => {
            (ErrorClass::Authentication, Some(login_hint()))
        }
        429 => (ErrorClass::Other, Some("the workspace is busy; use fewer threads, or try again later".to_owned())),
        503 => (ErrorClass::Unreachable, Some("the workspace is not available now; try again later".to_owned())),
        _ => (ErrorClass::Other, None),
    };
    let message = if message.is_empty() { format!("the workspace answered HTTP {status}") } else { message };
    let error = AdapterError::new(class, connection, message).with_code(if code.is_empty() {
        format!("HTTP {status}")
    } else {
        code
    });
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Somebody answered, but not as a workspace does.
pub(crate) fn not_a_workspace(settings: &Settings, status: u16) -> AdapterError {
    let message = format!("`{}` does not answer as a Databricks workspace does (HTTP {status})", settings.host);
    AdapterError::new(ErrorClass::Configuration, &settings.connection, message)
        .with_hint("check `host`: it is the name in the address of the workspace, without a path")
}

fn login_hint() -> String {
    "check `token`, or `client_id` and `client_secret`: it may have expired, or belong to another workspace than `host`"
        .to_owned()
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
    let hint = if is_tls {
        "the certificate of the host is not trusted: check `host`, the clock, and SSL_CERT_FILE where a proxy stands between"
    } else {
        "check `host`, and that this machine reaches it, by way of a proxy (HTTPS_PROXY) if there is one"
    };
    AdapterError::new(class, &settings.connection, format!("`{}`: {what}", settings.host)).with_hint(hint)
}

fn class_of(condition: Option<&str>, state: Option<&str>, code: &str, message: &str) -> ErrorClass {
    let condition = condition.unwrap_or_default();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| condition.starts_with(prefix));
    if starts(&["TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND", "DELTA_MISSING_DELTA_TABLE", "VIEW_NOT_FOUND"]) {
        return ErrorClass::MissingRelation;
    }
    if starts(&["UNRESOLVED_COLUMN", "FIELD_NOT_FOUND", "DELTA_COLUMN_NOT_FOUND"]) {
        return ErrorClass::MissingColumn;
    }
    if starts(&["SCHEMA_NOT_FOUND", "NO_SUCH_CATALOG", "CATALOG_NOT_FOUND", "NO_SUCH_SCHEMA"]) {
        return ErrorClass::MissingDatabase;
    }
    if starts(&["PARSE_SYNTAX_ERROR", "PARSE_EMPTY_STATEMENT"]) {
        return ErrorClass::Syntax;
    }
    if starts(&["INSUFFICIENT_PERMISSIONS", "PERMISSION_DENIED", "UNAUTHORIZED_ACCESS"]) {
        return ErrorClass::Permission;
    }
    if starts(&["DELTA_NOT_NULL", "DELTA_VIOLATE_CONSTRAINT", "NOT_NULL_CONSTRAINT"]) {
        return ErrorClass::Constraint;
    }
    if starts(&["DELTA_CONCURRENT", "DELTA_METADATA_CHANGED", "DELTA_PROTOCOL_CHANGED", "CONCURRENT_"]) {
        return ErrorClass::Conflict;
    }
    if starts(&[
        "CAST_",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "ARITHMETIC_OVERFLOW",
        "DELTA_EXCEED_CHAR_VARCHAR",
        "EXCEED_LIMIT_LENGTH",
    ]) {
        return ErrorClass::ValueDoesNotFit;
    }
    match state.unwrap_or_default() {
        "42P01" => ErrorClass::MissingRelation,
        "42703" => ErrorClass::MissingColumn,
        "42601" => ErrorClass::Syntax,
        "42501" => ErrorClass::Permission,
        "57014" => ErrorClass::Cancelled,
        state if state.starts_with("23") => ErrorClass::Constraint,
        "22003" | "22018" | "22007" | "22008" | "22001" => ErrorClass::ValueDoesNotFit,
        _ => match code {
            "CANCELLED" => ErrorClass::Cancelled,
            "DEADLINE_EXCEEDED" => ErrorClass::Timeout,
            "UNAUTHENTICATED" => ErrorClass::Authentication,
            "TEMPORARILY_UNAVAILABLE" | "WORKSPACE_TEMPORARILY_UNAVAILABLE" | "SERVICE_UNDER_MAINTENANCE" => {
                ErrorClass::Unreachable
            }
            "ABORTED" => ErrorClass::Conflict,
            _ if message.contains("PERMISSION_DENIED") || message.contains("does not have permission") => {
                ErrorClass::Permission
            }
            _ => ErrorClass::Other,
        },
    }
}

fn hint_of(settings: &Settings, class: ErrorClass, condition: Option<&str>) -> Option<String> {
    match class {
        ErrorClass::Permission => Some(
            "it takes USE CATALOG, USE SCHEMA, and SELECT or MODIFY on the table, and CREATE TABLE on the schema of the target"
                .to_owned(),
        ),
        ErrorClass::MissingDatabase => Some(format!(
            "`catalog` of this output is `{}`, `schema` is `{}`; SHOW SCHEMAS lists what this user sees",
            settings.catalog, settings.schema
        )),
        ErrorClass::Conflict => Some("another writer changed the table in between; run it again".to_owned()),
        _ if condition.is_some_and(|name| name.contains("WAREHOUSE")) => {
            Some(format!("look at the warehouse `{}` in the workspace: it may be stopped or deleted", settings.warehouse_id))
        }
        _ => None,
    }
}

/// `TABLE_OR_VIEW_NOT_FOUND` in `[TABLE_OR_VIEW_NOT_FOUND] The table …`; a subclass stands behind a dot.
fn condition_of(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('[')?;
    let (name, _) = rest.split_once(']')?;
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_.".contains(&byte));
    is_name.then_some(name)
}

fn state_in(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("SQLSTATE: ")?;
    let state: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    (state.len() == 5).then_some(state)
}

/// The first name in backquotes.
fn named(message: &str) -> Option<&str> {
    message.split('`').nth(1).filter(|name| !name.is_empty())
}

/// The message without line breaks, and without the plan or the trace that may follow it.
fn one_line(message: &str) -> String {
    let head = message.split("\n== SQL").next().unwrap_or(message);
    let head = head.split(";\n'").next().unwrap_or(head);
    head.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{of_answer, of_statement};
    use crate::profile::Settings;
    use dvt_adapter::ErrorClass;
    use serde_json::json;

    fn settings() -> Settings {
        let output = json!({"host": "h.example", "http_path": "/sql/1.0/warehouses/w1", "schema": "s", "token": "t"});
        Settings::from_profile("dbx", output.as_object().unwrap()).unwrap()
    }

    #[test]
    fn failed_statements_have_classes() {
        let check = |message: &str, state: Option<&str>, class: ErrorClass, code: &str| {
            let status = json!({"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": message}, "sql_state": state});
            let error = of_statement(&settings(), &status);
            assert_eq!((error.class, error.code.as_deref()), (class, Some(code)), "{message}");
            assert!(!error.message.contains('\n'));
        };
        check(
            "[TABLE_OR_VIEW_NOT_FOUND] The table or view `a`.`b` cannot be found. SQLSTATE: 42P01; line 1 pos 14;\n'Project [*]",
            None,
            ErrorClass::MissingRelation,
            "42P01",
        );
        check("[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column `x` …", Some("42703"), ErrorClass::MissingColumn, "42703");
        check("\n[PARSE_SYNTAX_ERROR] Syntax error at or near 'selekt'", Some("42601"), ErrorClass::Syntax, "42601");
        check("[CAST_INVALID_INPUT] The value 'x' …", Some("22018"), ErrorClass::ValueDoesNotFit, "22018");
        check("[DELTA_CONCURRENT_APPEND] Files were added", None, ErrorClass::Conflict, "DELTA_CONCURRENT_APPEND");
        check("[INSUFFICIENT_PERMISSIONS] Insufficient privileges", Some("42501"), ErrorClass::Permission, "42501");
        check("[DELTA_NOT_NULL_CONSTRAINT_VIOLATED] NOT NULL", Some("23502"), ErrorClass::Constraint, "23502");
        check("something odd", None, ErrorClass::Other, "BAD_REQUEST");
    }

    #[test]
    fn refusals_name_a_way_out() {
        let check = |status: u16, body: &str, class: ErrorClass, hint: &str| {
            let error = of_answer(&settings(), status, body);
            assert_eq!(error.class, class, "{body}");
            assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{:?}", error.hint);
        };
        check(403, r#"{"error_code":"403","message":"Invalid access token."}"#, ErrorClass::Authentication, "`token`");
        check(
            401,
            r#"{"error":"invalid_client","error_description":"x"}"#,
            ErrorClass::Authentication,
            "`client_secret`",
        );
        check(403, r#"{"error_code":"PERMISSION_DENIED","message":"You cannot"}"#, ErrorClass::Permission, "CAN USE");
        let missing = r#"{"error_code":"INVALID_PARAMETER_VALUE","message":"w1 is not a valid endpoint id."}"#;
        check(400, missing, ErrorClass::Configuration, "`http_path`");
        check(200, "<html>", ErrorClass::Configuration, "`host`");
    }
}
