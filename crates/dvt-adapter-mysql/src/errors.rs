//! Which class of failure an error of the server is.
//! Source: MySQL manual, "Server Error Message Reference"; MariaDB knowledge base, "MariaDB Error Codes".

use crate::client::ClientError;
use crate::profile::{Settings, TlsMode};
use dvt_adapter::{AdapterError, ErrorClass};
use std::io::ErrorKind;

/// The error as the contract has it.
pub(crate) fn adapter_error(settings: &Settings, error: ClientError) -> AdapterError {
    let connection = settings.connection.as_str();
    let place = match &settings.unix_socket {
        Some(path) => path.display().to_string(),
        None => format!("{}:{}", settings.host, settings.port),
    };
    match error {
        ClientError::Connect(cause) => {
            let message = match cause.kind() {
                ErrorKind::TimedOut => {
                    format!("{place} did not answer within {} s", settings.connect_timeout.as_secs())
                }
                ErrorKind::ConnectionRefused => format!("nothing listens at {place}"),
                ErrorKind::NotFound => format!("there is no socket at {place}"),
                _ => format!("cannot reach {place}: {cause}"),
            };
            AdapterError::new(ErrorClass::Unreachable, connection, message)
                .with_hint("check host and port of this output, and that the server is up")
                .with_cause(cause)
        }
        ClientError::Io(cause) => AdapterError::new(
            ErrorClass::ConnectionLost,
            connection,
            format!("the connection to {place} broke: {cause}"),
        )
        .with_cause(cause),
        ClientError::Authentication(message) => AdapterError::new(ErrorClass::Authentication, connection, message),
        ClientError::Tls(message) => {
            let error = AdapterError::new(ErrorClass::Tls, connection, format!("TLS with {place} failed: {message}"));
            if settings.tls.mode >= TlsMode::VerifyCa {
                error.with_hint("`ssl_ca` has to name the authority that signed the server's certificate")
            } else {
                error
            }
        }
        ClientError::Protocol(message) => AdapterError::new(ErrorClass::Other, connection, message),
        ClientError::Server { errno, sqlstate, message } => {
            let column = column_in(&message);
            let mut error = AdapterError::new(class_of(errno, &sqlstate), connection, message)
                .with_code(format!("{errno} {sqlstate}"));
            if let Some(column) = column {
                error = error.with_column(column);
            }
            match errno {
                1045 | 1698 => error.with_hint("check `username` and `password` of this output"),
                1049 => error.with_hint(format!("`schema` of this output is `{}`", settings.schema)),
                1040 | 1203 | 1226 => error.with_hint("lower `threads`, or raise the server's `max_connections`"),
                1118 => error.with_hint(
                    "a row of MySQL holds 65,535 bytes beside its texts and blobs: cast wide `varchar` columns to `text`",
                ),
                2061 | 3159 => error.with_hint("the server wants TLS: set `sslmode: required`"),
                _ => error,
            }
        }
    }
}

/// The class of a server's error number; SQLSTATE decides where the number is not known.
pub(crate) fn class_of(errno: u16, sqlstate: &str) -> ErrorClass {
    match errno {
        1045 | 1130 | 1131 | 1132 | 1133 | 1698 | 1820 | 1862 | 3118 => ErrorClass::Authentication,
        1044 | 1142 | 1143 | 1227 | 1370 | 1410 | 1290 => ErrorClass::Permission,
        1008 | 1046 | 1049 => ErrorClass::MissingDatabase,
        1051 | 1109 | 1146 | 1932 => ErrorClass::MissingRelation,
        1054 | 1072 | 1166 => ErrorClass::MissingColumn,
        1064 | 1065 | 1149 => ErrorClass::Syntax,
        1022 | 1048 | 1062 | 1169 | 1216 | 1217 | 1364 | 1451 | 1452 | 1557 | 1586 | 1761 | 1762 | 3819 | 4025 => {
            ErrorClass::Constraint
        }
        1264 | 1265 | 1292 | 1366 | 1367 | 1406 | 1411 | 1416 | 1441 | 1690 | 3140 | 3141 | 4078 => {
            ErrorClass::ValueDoesNotFit
        }
        1074 | 1118 | 1426 | 1425 | 1427 => ErrorClass::UnsupportedType,
        1205 | 1213 | 1020 | 1412 | 1614 | 1637 | 3572 => ErrorClass::Conflict,
        1317 => ErrorClass::Cancelled,
        1028 | 1907 | 1969 | 3024 => ErrorClass::Timeout,
        1040 | 1129 | 1203 | 1226 => ErrorClass::Unreachable,
        1053 | 1077 | 1078 | 1079 | 1152 | 1153 | 1158 | 1159 | 1160 | 1161 | 1184 | 1927 => ErrorClass::ConnectionLost,
        3159 => ErrorClass::Tls,
        _ => match sqlstate.get(..2) {
            Some("08") => ErrorClass::ConnectionLost,
            Some("22") => ErrorClass::ValueDoesNotFit,
            Some("23") => ErrorClass::Constraint,
            Some("28") => ErrorClass::Authentication,
            Some("40") => ErrorClass::Conflict,
            _ => ErrorClass::Other,
        },
    }
}

/// The column that a message of the server names: `column 'x'`, or MariaDB's whole path in backticks.
pub(crate) fn column_in(message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once("column '") {
        return rest.split_once('\'').map(|(name, _)| name.rsplit('.').next().unwrap_or(name).to_owned());
    }
    let (_, rest) = message.split_once("column `")?;
    let path = rest.split_once(" at row").map_or(rest, |(path, _)| path);
    let name = path.rsplit("`.`").next().unwrap_or(path);
    Some(name.trim_end_matches('`').replace("``", "`"))
}

#[cfg(test)]
mod tests {
    use super::{class_of, column_in};
    use dvt_adapter::ErrorClass;

    #[test]
    fn numbers_come_before_states() {
        assert_eq!(class_of(1146, "42S02"), ErrorClass::MissingRelation);
        assert_eq!(class_of(1213, "40001"), ErrorClass::Conflict);
        assert_eq!(class_of(9999, "22003"), ErrorClass::ValueDoesNotFit);
        assert_eq!(class_of(9999, "HY000"), ErrorClass::Other);
    }

    #[test]
    fn columns_are_found_in_messages() {
        let check =
            |message: &str, column: Option<&str>| assert_eq!(column_in(message).as_deref(), column, "{message}");
        check("Out of range value for column 'a' at row 1", Some("a"));
        check("Incorrect integer value: 'x' for column 'b' at row 2", Some("b"));
        check("Incorrect string value: '\\xE6' for column `db`.`t`.`two words` at row 2", Some("two words"));
        check("Unknown column 't.c' in 'field list'", Some("c"));
        check("no name here", None);
    }
}
