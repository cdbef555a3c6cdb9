//! What executors of another engine need to read this database by pgjdbc, and in which form each type travels.

use crate::errors::from_driver;
use crate::pool::Pool;
use crate::postgres::database::set_role;
use crate::settings::{Settings, TlsMode};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    AdapterError, ColumnDescription, Hold, JdbcAccess, JdbcColumn, JdbcForm, JdbcPurpose, LogicalType, logical_type,
};
use dvt_sql::POSTGRES;
use std::fmt::Write as _;
use std::sync::Arc;

/// What a moment without zone is in microseconds since 1970. Whole numbers all the way, so exact in every version; the
/// infinities are errors.
const MOMENT: &str = "(({}::pg_catalog.date - date '1970-01-01')::int8 * 86400000000 + extract(hour from {})::int8 * 3600000000 \
     + extract(minute from {})::int8 * 60000000 + extract(microseconds from {})::int8)";

const INSTANT: &str = "((({} at time zone 'UTC')::pg_catalog.date - date '1970-01-01')::int8 * 86400000000 \
     + extract(hour from {} at time zone 'UTC')::int8 * 3600000000 \
     + extract(minute from {} at time zone 'UTC')::int8 * 60000000 \
     + extract(microseconds from {} at time zone 'UTC')::int8)";

const TIME: &str = "(extract(hour from {})::int8 * 3600000000 + extract(minute from {})::int8 * 60000000 \
     + extract(microseconds from {})::int8)";

/// How types travel to executors. What is not here does not: intervals, arrays, networks, `time with time zone`, `money` and
/// whatever else has no form of which both sides are known to make the same.
const FORMS: &[(&str, JdbcForm, &str)] = &[
    ("boolean", JdbcForm::Boolean, "{}"),
    ("smallint", JdbcForm::Integer, "{}::int8"),
    ("integer", JdbcForm::Integer, "{}::int8"),
    ("bigint", JdbcForm::Integer, "{}"),
    ("oid", JdbcForm::Integer, "{}::int8"),
    ("real", JdbcForm::Float, "{}"),
    ("double precision", JdbcForm::Double, "{}"),
    ("numeric", JdbcForm::Digits, "{}::text"),
    ("text", JdbcForm::Text, "{}"),
    ("character varying", JdbcForm::Text, "{}::text"),
    // The cast drops the blanks that pad it, as dvt's own reading does.
    ("character", JdbcForm::Text, "{}::text"),
    ("citext", JdbcForm::Text, "{}::text"),
    ("name", JdbcForm::Text, "{}::text"),
    ("\"char\"", JdbcForm::Text, "{}::text"),
    ("uuid", JdbcForm::Text, "{}::text"),
    ("json", JdbcForm::Text, "{}::text"),
    ("jsonb", JdbcForm::Text, "{}::text"),
    ("xml", JdbcForm::Text, "{}::text"),
    ("bit", JdbcForm::Text, "{}::text"),
    ("bit varying", JdbcForm::Text, "{}::text"),
    ("bytea", JdbcForm::Bytes, "{}"),
    ("date", JdbcForm::Days, "({} - date '1970-01-01')"),
    ("time without time zone", JdbcForm::Microseconds, TIME),
    ("timestamp without time zone", JdbcForm::Microseconds, MOMENT),
    ("timestamp with time zone", JdbcForm::Microseconds, INSTANT),
];

/// Settings of a session that change what SQL means or gives; executors get those of dvt's own.
const SESSION: &[&str] = &["TimeZone", "DateStyle", "IntervalStyle", "search_path", "bytea_output", "lc_monetary"];

/// The type text without length or precision: `timestamp(3) without time zone` is `timestamp without time zone`.
fn base(native: &str) -> String {
    match (native.find('('), native.rfind(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &native[..open], &native[close + 1..]),
        _ => native.to_owned(),
    }
}

/// See [`dvt_adapter::Adapter::jdbc_column`].
pub(crate) fn column(column: &ColumnDescription) -> Result<JdbcColumn, String> {
    let field = column.field.as_ref().map_err(Clone::clone)?;
    if logical_type(field) == Some(LogicalType::Enum) {
        return Ok(JdbcColumn::new(JdbcForm::Text, "{}::text"));
    }
    let base = base(&column.native_type);
    FORMS
        .iter()
        .find(|(name, ..)| *name == base)
        .map(|(_, form, sql)| JdbcColumn::new(*form, sql))
        .ok_or_else(|| format!("a value of type {} is not known to come over JDBC unchanged", column.native_type))
}

/// See [`dvt_adapter::Adapter::jdbc_parameter`]. A text becomes what the column is by the type's own input function.
pub(crate) fn parameter(column_type: &str, field: &Field) -> Result<JdbcForm, String> {
    let base = base(column_type);
    let refused = || Err(format!("a value of type {column_type} is not known to go over JDBC unchanged"));
    Ok(match (field.data_type(), base.as_str()) {
        (DataType::Boolean, "boolean") => JdbcForm::Boolean,
        (DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64, "smallint" | "integer" | "bigint") => {
            JdbcForm::Integer
        }
        (DataType::Float32, "real") => JdbcForm::Float,
        (DataType::Float64, "double precision") => JdbcForm::Double,
        (DataType::Decimal128(..) | DataType::Decimal256(..) | DataType::UInt64, "numeric") => JdbcForm::Digits,
        (
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            "text" | "character varying" | "uuid" | "json" | "jsonb" | "xml",
        ) => JdbcForm::Text,
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView, "bytea") => JdbcForm::Bytes,
        (DataType::Date32, "date") => JdbcForm::DateText,
        (DataType::Timestamp(TimeUnit::Microsecond, None), "timestamp without time zone" | "timestamp") => {
            JdbcForm::MomentText
        }
        (DataType::Timestamp(TimeUnit::Microsecond, Some(_)), "timestamp with time zone" | "timestamptz") => {
            JdbcForm::InstantText
        }
        _ => return refused(),
    })
}

/// See [`dvt_adapter::Adapter::jdbc_obstacle`].
pub(crate) fn obstacle(settings: &Settings, executors_are_here: bool) -> Option<String> {
    let tls = &settings.tls;
    if settings.is_unix_socket() {
        return Some("the profile leads to a Unix socket, which no JDBC driver opens".to_owned());
    }
    if tls.certificate.is_some() {
        return Some("the profile logs in by a client certificate, in a form that the driver does not read".to_owned());
    }
    if executors_are_here {
        return None;
    }
    if matches!(settings.host.as_str(), "localhost" | "127.0.0.1" | "::1") {
        return Some(format!("`host: {}` leads elsewhere from the executors' machines", settings.host));
    }
    (tls.root_certificate.is_some() || matches!(tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull))
        .then(|| "the certificates that the profile names are on this machine".to_owned())
}

/// See [`dvt_adapter::Adapter::jdbc_access`]. All that read under one access see the snapshot of one open transaction.
pub(crate) async fn access(pool: &Arc<Pool>, purpose: JdbcPurpose) -> Result<JdbcAccess, AdapterError> {
    let settings = &pool.connector.settings;
    let (session_sql, snapshot) = match purpose {
        JdbcPurpose::Read => {
            let (sql, hold) = shared_session(pool).await?;
            (sql, Some(hold))
        }
        JdbcPurpose::Load => (String::new(), None),
    };
    let mut properties = vec![
        ("ApplicationName".to_owned(), settings.application_name.clone()),
        ("sslmode".to_owned(), mode_name(settings.tls.mode).to_owned()),
        ("gssEncMode".to_owned(), "disable".to_owned()),
        ("connectTimeout".to_owned(), settings.connect_timeout.as_secs().to_string()),
        ("tcpKeepAlive".to_owned(), "true".to_owned()),
    ];
    if let Some(path) = &settings.tls.root_certificate {
        properties.push(("sslrootcert".to_owned(), path.display().to_string()));
    }
    if purpose == JdbcPurpose::Load {
        // A text is whatever its column is; many rows go in one statement.
        properties.push(("stringtype".to_owned(), "unspecified".to_owned()));
        properties.push(("reWriteBatchedInserts".to_owned(), "true".to_owned()));
        if let Some(role) = &settings.role {
            let role = role.replace('\\', "\\\\").replace(' ', "\\ ");
            properties.push(("options".to_owned(), format!("-c role={role}")));
        }
    }
    let host = if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
    Ok(JdbcAccess {
        url: format!("jdbc:postgresql://{host}:{}/{}", settings.port, in_url(&settings.database)),
        user: settings.user.clone(),
        password: settings.password.clone(),
        properties,
        session_sql,
        snapshot,
    })
}

/// Opens a transaction whose snapshot others may take, and writes what a session does to take it and to be like dvt's own.
async fn shared_session(pool: &Arc<Pool>) -> Result<(String, Arc<Hold>), AdapterError> {
    let settings = &pool.connector.settings;
    let failed = |error| from_driver(&settings.connection, error, None);
    let lease = pool.take().await?;
    let begin = "begin transaction isolation level repeatable read, read only; \
                 set local idle_in_transaction_session_timeout = 0";
    lease.client.batch_execute(begin).await.map_err(failed)?;
    let exported = lease.client.query_one("select pg_catalog.pg_export_snapshot()", &[]).await.map_err(failed)?;
    let exported: String = exported.try_get(0).map_err(failed)?;
    let mut sql = format!(
        "set transaction isolation level repeatable read, read only; set transaction snapshot {}",
        POSTGRES.string_literal(&exported)
    );
    if let Some(role) = set_role(&pool.connector.settings) {
        let _ = write!(sql, "; {role}");
    }
    for name in SESSION {
        let asked = "select pg_catalog.current_setting($1, true)";
        let value = lease.client.query_one(asked, &[name]).await.map_err(failed)?;
        let value: Option<String> = value.try_get(0).map_err(failed)?;
        if let Some(value) = value {
            let (name, value) = (POSTGRES.string_literal(name), POSTGRES.string_literal(&value));
            let _ = write!(sql, "; select pg_catalog.set_config({name}, {value}, true)");
        }
    }
    Ok((sql, Arc::new(Hold::new(lease))))
}

fn mode_name(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Disable => "disable",
        TlsMode::Allow => "allow",
        TlsMode::Prefer => "prefer",
        TlsMode::Require => "require",
        TlsMode::VerifyCa => "verify-ca",
        TlsMode::VerifyFull => "verify-full",
    }
}

/// A name as a part of a URL.
fn in_url(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_adapter::{TextComparison, with_types};

    fn described(native: &str, data_type: DataType, logical: Option<LogicalType>) -> ColumnDescription {
        ColumnDescription {
            name: "c".to_owned(),
            native_type: native.to_owned(),
            field: Ok(with_types(Field::new("c", data_type, true), "postgres", native, logical)),
            comparison: TextComparison::Binary,
        }
    }

    #[test]
    fn types_travel_in_forms_that_no_driver_can_change_or_not_at_all() {
        let form = |native: &str| column(&described(native, DataType::Utf8, None)).map(|column| column.form);
        assert_eq!(form("numeric(15,2)"), Ok(JdbcForm::Digits));
        assert_eq!(form("timestamp(3) without time zone"), Ok(JdbcForm::Microseconds));
        assert_eq!(form("timestamp with time zone"), Ok(JdbcForm::Microseconds));
        assert_eq!(form("character varying(10)"), Ok(JdbcForm::Text));
        assert_eq!(form("bit varying(5)"), Ok(JdbcForm::Text));
        for refused in ["interval", "integer[]", "inet", "cidr", "time with time zone", "money", "point", "int4range"] {
            assert!(form(refused).is_err(), "{refused}");
        }
        let mood = column(&described("mood", DataType::Utf8, Some(LogicalType::Enum))).unwrap();
        assert_eq!(mood.over("q.c0"), "q.c0::text");
    }

    #[test]
    fn no_type_has_two_forms() {
        for (index, (name, ..)) in FORMS.iter().enumerate() {
            assert!(FORMS[index + 1..].iter().all(|(other, ..)| other != name), "{name}");
        }
    }

    #[test]
    fn only_what_the_columns_own_input_makes_of_a_text_is_handed_over_as_one() {
        let utf8 = Field::new("c", DataType::Utf8, true);
        assert_eq!(parameter("uuid", &utf8), Ok(JdbcForm::Text));
        assert_eq!(parameter("character varying(3)", &utf8), Ok(JdbcForm::Text));
        assert!(parameter("interval", &utf8).is_err());
        assert!(parameter("inet", &utf8).is_err());
        let micros = Field::new("c", DataType::Int64, true);
        assert!(parameter("time without time zone", &micros).is_err());
    }

    #[test]
    fn names_in_urls_are_escaped() {
        assert_eq!(in_url("a b/ü?x=1"), "a%20b%2F%C3%BC%3Fx%3D1");
    }
}
