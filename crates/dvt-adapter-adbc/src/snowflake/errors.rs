//! Snowflake's messages as classes. The driver writes the server's number and SQLSTATE into its messages.
//! Source: the driver's `errToAdbcErr`; Snowflake's documentation of error codes.

use dvt_adapter::{AdapterError, ErrorClass};

/// The first line of the message, with its class and the server's number.
pub(crate) fn adapter_error(connection: &str, message: &str) -> AdapterError {
    let whole = message.split("\n\nLINE ").next().unwrap_or(message);
    let line = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    // `[Snowflake] 002003 (42S02): 002003 (42S02): words. Vendor code: 2003. SQLSTATE: 42S02`
    let words = line.trim_start_matches("[Snowflake]").trim();
    let number = words.get(..6).filter(|number| number.bytes().all(|b| b.is_ascii_digit()));
    let state = words.split_once(" (").and_then(|(_, rest)| rest.get(..5));
    let mut text = words;
    while let Some((head, rest)) = text.split_once("): ")
        && head.len() <= 14
        && head.get(..6).is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
    {
        text = rest;
    }
    let text = text.split(" Vendor code: ").next().unwrap_or(text).trim();
    // The address of a request holds numbers that are other ones each time.
    let is_request = ["Post \"", "Get \""].iter().any(|verb| text.starts_with(verb));
    let text = text.split_once("\": ").filter(|_| is_request).map_or(text, |(_, rest)| rest);
    let class = class_of(number, state, text);
    let mut error = AdapterError::new(class, connection, text);
    if let Some(number) = number {
        error = error.with_code(number);
    }
    match class {
        ErrorClass::Authentication => error.with_hint(
            "check `user` and `password`, or the key, token or authenticator of this output; `account` must be the one \
             that they belong to",
        ),
        ErrorClass::Unreachable => error.with_hint(
            "check `account` (organisation-account, or locator.region.cloud), and that this machine reaches it, by way of \
             a proxy if there is one",
        ),
        _ => error,
    }
}

fn class_of(number: Option<&str>, state: Option<&str>, text: &str) -> ErrorClass {
    let lower = text.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    match number {
        Some("390100" | "390101" | "390144" | "390303" | "390318" | "394400" | "390422" | "390432") => {
            return ErrorClass::Authentication;
        }
        Some("000604" | "000605") => return ErrorClass::Cancelled,
        Some("000630") => return ErrorClass::Timeout,
        Some("000606") => return ErrorClass::Permission,
        Some("390189" | "390195" | "003001" | "003041") => return ErrorClass::Permission,
        Some("000625" | "000627") => return ErrorClass::Conflict,
        Some("100035" | "100038" | "100040" | "100046" | "100132" | "100078" | "100039") => {
            return ErrorClass::ValueDoesNotFit;
        }
        Some("100072") => return ErrorClass::Constraint,
        Some("001003") => return ErrorClass::Syntax,
        Some("000904") => return ErrorClass::MissingColumn,
        Some("002043") if has("referenced column") => return ErrorClass::MissingColumn,
        Some("002003" | "002043") => {
            return if has("database ") || has("catalog \"") {
                ErrorClass::MissingDatabase
            } else {
                ErrorClass::MissingRelation
            };
        }
        _ => {}
    }
    match state {
        Some("42S02" | "02000") => return ErrorClass::MissingRelation,
        Some("42501") => return ErrorClass::Permission,
        Some("28000") => return ErrorClass::Authentication,
        Some("57014") => return ErrorClass::Cancelled,
        _ => {}
    }
    if has("not null constraint") || has("null result in a non-nullable column") {
        ErrorClass::Constraint
    } else if has("incorrect username or password") || has("jwt token is invalid") || has("authentication") {
        ErrorClass::Authentication
    } else if has("x509") || has("certificate") || has("tls:") {
        ErrorClass::Tls
    } else if has("context deadline exceeded") || has("timed out") || has("timeout") {
        ErrorClass::Timeout
    } else if has("context canceled") {
        ErrorClass::Cancelled
    } else if has("no such host") || has("connection refused") || has("dial tcp") || has("no route to host") {
        ErrorClass::Unreachable
    } else if has("connection reset") || has("broken pipe") || has("eof") {
        ErrorClass::ConnectionLost
    } else {
        ErrorClass::Other
    }
}

#[cfg(test)]
mod tests {
    use super::adapter_error;
    use dvt_adapter::ErrorClass;

    #[test]
    fn messages_have_classes_and_lose_their_wrapping() {
        let check = |message: &str, class: ErrorClass, text: &str| {
            let error = adapter_error("snow", message);
            assert_eq!((error.class, error.message.as_str()), (class, text), "{message}");
        };
        check(
            "[Snowflake] 002003 (42S02): 002003 (42S02): Object 'NOPE' does not exist or not authorized.. Vendor code: 2003. \
             SQLSTATE: 42S02",
            ErrorClass::MissingRelation,
            "Object 'NOPE' does not exist or not authorized..",
        );
        check(
            "[Snowflake] 001003 (42000): SQL compilation error:\nsyntax error line 1",
            ErrorClass::Syntax,
            "SQL compilation error: syntax error line 1",
        );
        check(
            "[Snowflake] 390100 (08004): Incorrect username or password was specified.",
            ErrorClass::Authentication,
            "Incorrect username or password was specified.",
        );
        check(
            "dial tcp: lookup x.example: no such host",
            ErrorClass::Unreachable,
            "dial tcp: lookup x.example: no such host",
        );
        check(
            "[Snowflake] 000904 (42000): invalid identifier 'X'",
            ErrorClass::MissingColumn,
            "invalid identifier 'X'",
        );
    }
}
