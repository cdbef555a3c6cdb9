//! What executors of another engine need to read this database by a JDBC driver, and in which form each type travels.

use crate::pool::{Pool, Purpose};
use crate::profile::{Settings, TlsMode};
use crate::types::TypeText;
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    AdapterError, ColumnDescription, JdbcAccess, JdbcColumn, JdbcForm, JdbcPurpose, LogicalType, RelationName,
    logical_type,
};
use dvt_sql::MYSQL;

/// How types travel to executors. What is not here does not: `time` (a span in words), `year`, spatial types.
///
/// Whole numbers are cast, since drivers take `tinyint(1)` for a truth value; `float` is widened, since the server's text of it
/// has six digits; dates and moments are texts, since `0000-00-00` has no number and would be NULL.
const FORMS: &[(&str, JdbcForm, &str)] = &[
    ("tinyint", JdbcForm::Integer, "CAST({} AS SIGNED)"),
    ("smallint", JdbcForm::Integer, "CAST({} AS SIGNED)"),
    ("mediumint", JdbcForm::Integer, "CAST({} AS SIGNED)"),
    ("int", JdbcForm::Integer, "CAST({} AS SIGNED)"),
    ("bigint", JdbcForm::Integer, "CAST({} AS SIGNED)"),
    ("float", JdbcForm::Double, "({} + 0e0)"),
    ("double", JdbcForm::Double, "({} + 0e0)"),
    ("decimal", JdbcForm::Digits, "CAST({} AS CHAR)"),
    ("date", JdbcForm::DateText, "CAST({} AS CHAR)"),
    ("datetime", JdbcForm::MomentText, "CAST({} AS CHAR)"),
    ("timestamp", JdbcForm::MomentText, "CAST({} AS CHAR)"),
    ("char", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("varchar", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("tinytext", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("text", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("mediumtext", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("longtext", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("json", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("enum", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("set", JdbcForm::Text, "CAST({} AS CHAR)"),
    ("binary", JdbcForm::Bytes, "CAST({} AS BINARY)"),
    ("varbinary", JdbcForm::Bytes, "CAST({} AS BINARY)"),
    ("tinyblob", JdbcForm::Bytes, "CAST({} AS BINARY)"),
    ("blob", JdbcForm::Bytes, "CAST({} AS BINARY)"),
    ("mediumblob", JdbcForm::Bytes, "CAST({} AS BINARY)"),
    ("longblob", JdbcForm::Bytes, "CAST({} AS BINARY)"),
];

/// See [`dvt_adapter::Adapter::jdbc_column`].
pub(crate) fn column(column: &ColumnDescription) -> Result<JdbcColumn, String> {
    let refused = || format!("a value of type {} is not known to come over JDBC unchanged", column.native_type);
    let field = column.field.as_ref().map_err(Clone::clone)?;
    let text = TypeText::parse(&column.native_type);
    match (text.base.as_str(), field.data_type()) {
        ("bit", DataType::Boolean) => return Ok(JdbcColumn::new(JdbcForm::Integer, "({} + 0)")),
        // No signed number holds all of them.
        ("bigint", DataType::UInt64) => return Ok(JdbcColumn::new(JdbcForm::Digits, "CAST({} AS CHAR)")),
        _ => {}
    }
    FORMS
        .iter()
        .find(|(name, ..)| *name == text.base)
        .map(|(_, form, sql)| JdbcColumn::new(*form, sql))
        .ok_or_else(refused)
}

/// See [`dvt_adapter::Adapter::jdbc_parameter`]. The server makes of a text what the column is, in strict mode.
pub(crate) fn parameter(column_type: &str, field: &Field) -> Result<JdbcForm, String> {
    let base = TypeText::parse(column_type).base;
    let refused = || Err(format!("a value of type {column_type} is not known to go over JDBC unchanged"));
    if matches!(logical_type(field), Some(LogicalType::Bit | LogicalType::TimeSpan)) {
        return refused();
    }
    Ok(match (field.data_type(), base.as_str()) {
        (DataType::Boolean, "tinyint") => JdbcForm::Boolean,
        (DataType::UInt64, "bigint") => JdbcForm::Digits,
        (whole, "tinyint" | "smallint" | "mediumint" | "int" | "bigint")
            if whole.is_integer() && *whole != DataType::UInt64 =>
        {
            JdbcForm::Integer
        }
        (DataType::Float64, "double") => JdbcForm::Double,
        (DataType::Decimal128(..) | DataType::Decimal256(..), "decimal") => JdbcForm::Digits,
        (
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "json" | "enum",
        ) => JdbcForm::Text,
        (
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView,
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob",
        ) => JdbcForm::Bytes,
        (DataType::Date32, "date") => JdbcForm::DateText,
        (DataType::Timestamp(TimeUnit::Microsecond, _), "datetime" | "timestamp") => JdbcForm::MomentText,
        _ => return refused(),
    })
}

/// See [`dvt_adapter::Adapter::jdbc_obstacle`].
pub(crate) fn obstacle(settings: &Settings, executors_are_here: bool) -> Option<String> {
    if settings.unix_socket.is_some() {
        return Some("the profile leads to a Unix socket, which no JDBC driver opens".to_owned());
    }
    if settings.tls.mode > TlsMode::Required || settings.tls.cert.is_some() {
        return Some("the profile names certificates, in a form that the driver does not read".to_owned());
    }
    let is_own = matches!(settings.host.as_str(), "localhost" | "127.0.0.1" | "::1");
    (is_own && !executors_are_here)
        .then(|| format!("`host: {}` leads elsewhere from the executors' machines", settings.host))
}

/// See [`dvt_adapter::Adapter::jdbc_access`]. Encrypted where dvt's own connection is.
pub(crate) async fn access(pool: &Pool, purpose: JdbcPurpose) -> Result<JdbcAccess, AdapterError> {
    let settings = &pool.settings;
    let own_purpose = if purpose == JdbcPurpose::Read { Purpose::Read } else { Purpose::Load };
    let mut client = pool.take(own_purpose).await?;
    let cipher = client.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'").await.map_err(|error| pool.error(error))?;
    let mode = client.rows("SELECT @@SESSION.sql_mode").await.map_err(|error| pool.error(error))?;
    pool.give_back(client);
    let is_encrypted = cipher.first().and_then(|row| row.get(1)?.as_deref()).is_some_and(|name| !name.is_empty());
    let mode = mode.first().and_then(|row| row.first()?.clone()).unwrap_or_default();
    let mut properties = vec![
        ("useSSL".to_owned(), is_encrypted.to_string()),
        ("connectTimeout".to_owned(), (settings.connect_timeout.as_secs() * 1000).to_string()),
        ("tcpKeepAlive".to_owned(), "true".to_owned()),
        // Each driver takes its own of these: MariaDB's answers to MySQL's scheme, MySQL's reads by a cursor.
        ("permitMysqlScheme".to_owned(), "true".to_owned()),
        ("useCursorFetch".to_owned(), "true".to_owned()),
    ];
    if is_encrypted {
        properties.push(("trustServerCertificate".to_owned(), "true".to_owned()));
    }
    if purpose == JdbcPurpose::Load {
        properties.push(("rewriteBatchedStatements".to_owned(), "true".to_owned()));
        let variables = format!("sql_mode='{mode}',time_zone='+00:00'");
        properties.push(("sessionVariables".to_owned(), variables));
    }
    let host = if settings.host.contains(':') { format!("[{}]", settings.host) } else { settings.host.clone() };
    Ok(JdbcAccess {
        url: format!("jdbc:mysql://{host}:{}/{}", settings.port, settings.schema),
        user: settings.user.clone(),
        password: settings.password.clone(),
        properties,
        session_sql: if purpose == JdbcPurpose::Read { pool.session_settings(Purpose::Read) } else { String::new() },
        snapshot: None,
    })
}

/// See [`dvt_adapter::Adapter::split`]: ranges of a primary key that begins with a whole number.
pub(crate) async fn split(pool: &Pool, relation: &RelationName, into: usize) -> Result<Vec<String>, AdapterError> {
    let schema = relation.schema.as_deref().unwrap_or(&pool.settings.schema);
    let key = format!(
        "SELECT c.column_name FROM information_schema.statistics s JOIN information_schema.columns c \
         ON c.table_schema = s.table_schema AND c.table_name = s.table_name AND c.column_name = s.column_name \
         WHERE s.table_schema = {} AND s.table_name = {} AND s.index_name = 'PRIMARY' AND s.seq_in_index = 1 \
         AND c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')",
        MYSQL.string_literal(schema),
        MYSQL.string_literal(&relation.identifier),
    );
    let mut client = pool.take(Purpose::Read).await?;
    let found = client.rows(&key).await.map_err(|error| pool.error(error))?;
    let Some(column) = found.first().and_then(|row| row.first()?.clone()) else {
        pool.give_back(client);
        return Ok(Vec::new());
    };
    let column = MYSQL.quote_identifier(&column);
    let table = MYSQL.quote_path([schema, relation.identifier.as_str()]);
    let ends = format!("SELECT MIN({column}), MAX({column}) FROM {table}");
    let ends = client.rows(&ends).await.map_err(|error| pool.error(error))?;
    pool.give_back(client);
    let number = |index: usize| ends.first()?.get(index)?.as_ref()?.parse::<i128>().ok();
    let (Some(least), Some(greatest)) = (number(0), number(1)) else { return Ok(Vec::new()) };
    Ok(ranges(&column, least, greatest, into))
}

/// Conditions on the key. The first and the last are open, so that together they hold every row.
fn ranges(column: &str, least: i128, greatest: i128, into: usize) -> Vec<String> {
    let into = i128::try_from(into.clamp(1, 256)).unwrap_or(1);
    let step = ((greatest - least) / into + 1).max(1);
    let starts: Vec<i128> = (1..into).map(|part| least + part * step).take_while(|start| *start <= greatest).collect();
    let (Some(first), Some(last)) = (starts.first(), starts.last()) else { return Vec::new() };
    let mut parts = vec![format!("{column} < {first}")];
    parts.extend(starts.windows(2).map(|pair| format!("{column} >= {} AND {column} < {}", pair[0], pair[1])));
    parts.push(format!("{column} >= {last}"));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use dvt_adapter::{TextComparison, with_types};

    fn described(native: &str, data_type: DataType) -> ColumnDescription {
        ColumnDescription {
            name: "c".to_owned(),
            native_type: native.to_owned(),
            field: Ok(with_types(Field::new("c", data_type, true), "mariadb", native, None)),
            comparison: TextComparison::Binary,
        }
    }

    #[test]
    fn types_travel_in_forms_that_no_driver_can_change_or_not_at_all() {
        let form = |native: &str, data_type| column(&described(native, data_type)).map(|column| column.form);
        assert_eq!(form("tinyint(1)", DataType::Int8), Ok(JdbcForm::Integer));
        assert_eq!(form("int(10) unsigned", DataType::UInt32), Ok(JdbcForm::Integer));
        assert_eq!(form("bigint(20) unsigned", DataType::UInt64), Ok(JdbcForm::Digits));
        assert_eq!(form("bit(1)", DataType::Boolean), Ok(JdbcForm::Integer));
        assert_eq!(form("datetime(6)", DataType::Timestamp(TimeUnit::Microsecond, None)), Ok(JdbcForm::MomentText));
        assert!(form("bit(8)", DataType::Utf8).is_err());
        assert!(form("time(6)", DataType::Int64).is_err());
        assert!(form("year", DataType::Int16).is_err());
    }

    #[test]
    fn keys_are_split_without_gaps() {
        assert_eq!(ranges("`id`", 1, 10, 3), ["`id` < 5", "`id` >= 5 AND `id` < 9", "`id` >= 9"]);
        assert_eq!(ranges("`id`", 5, 5, 4), Vec::<String>::new());
        assert_eq!(ranges("`id`", -9_223_372_036_854_775_808, 18_446_744_073_709_551_615, 2).len(), 2);
    }
}
