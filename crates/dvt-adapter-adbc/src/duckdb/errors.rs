//! DuckDB's messages as classes. The driver tells no codes; each message begins with its kind, which is stable.
//! Source: DuckDB's `ExceptionType` and the docs' "Errors".

use dvt_adapter::{AdapterError, ErrorClass};

/// The first line of the message, with its class.
pub(crate) fn adapter_error(connection: &str, message: &str) -> AdapterError {
    // The excerpt of the statement is left out: what is shown to the user shows it.
    let whole = message.split("\n\nLINE ").next().unwrap_or(message).trim();
    let line = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let (kind, words) = line.split_once(" Error: ").unwrap_or(("", &line));
    let class = class_of(kind, words);
    let error = AdapterError::new(class, connection, line.clone());
    match class {
        ErrorClass::Constraint => match words.strip_prefix("NOT NULL constraint failed: ") {
            Some(column) => {
                let column = column.rsplit_once('.').map_or(column, |(_, column)| column);
                error.with_column(column)
            }
            None => error,
        },
        ErrorClass::Unreachable if words.contains("lock on file") => error.with_hint(
            "another process has the file open; DuckDB lets one process write at a time: close it there, or open it \
             read-only in both",
        ),
        ErrorClass::Other if kind == "Out of Memory" => {
            error.with_hint("raise `memory_limit` in `settings` of this output, or lower its `threads`")
        }
        _ => error,
    }
}

fn class_of(kind: &str, words: &str) -> ErrorClass {
    let has = |text: &str| words.contains(text);
    match kind {
        "Parser" | "Syntax" => ErrorClass::Syntax,
        "INTERRUPT" => ErrorClass::Cancelled,
        "Constraint" => ErrorClass::Constraint,
        "Conversion" | "Out of Range" => ErrorClass::ValueDoesNotFit,
        "Permission" => ErrorClass::Permission,
        "HTTP" | "Connection" => ErrorClass::Unreachable,
        _ if has("onflict on ") || has("write-write conflict") || has("Failed to commit") => ErrorClass::Conflict,
        "Catalog" | "Binder" => {
            let is_missing = has("does not exist") || has("not found");
            let names_relation = ["Table ", "View ", "Schema "].iter().any(|kind| words.starts_with(kind));
            if is_missing && (names_relation || has("Referenced table")) {
                ErrorClass::MissingRelation
            } else if (has("Referenced column") && is_missing) || has("does not have a column named") {
                ErrorClass::MissingColumn
            } else if words.starts_with("Catalog ") && is_missing {
                ErrorClass::MissingDatabase
            } else if kind == "Binder" && has("olumn") && is_missing {
                ErrorClass::MissingColumn
            } else {
                ErrorClass::Other
            }
        }
        "IO" if has("Permission denied") => ErrorClass::Permission,
        "IO" if has("lock on file") || has("Cannot open file") || has("Could not establish connection") => {
            ErrorClass::Unreachable
        }
        "Invalid Input" if has("read-only") => ErrorClass::Permission,
        _ => ErrorClass::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::adapter_error;
    use dvt_adapter::ErrorClass;

    #[test]
    fn messages_have_classes() {
        let check = |message: &str, class: ErrorClass| {
            let error = adapter_error("duck", message);
            assert_eq!(error.class, class, "{message}");
            assert!(!error.message.contains('\n') && !error.message.contains("LINE"), "{error}");
        };
        check("Parser Error: syntax error at or near \"selekt\"\n\nLINE 1: selekt 1\n        ^", ErrorClass::Syntax);
        check(
            "Catalog Error: Table with name nope does not exist!\nDid you mean \"pg_enum\"?\n\nLINE 1: select",
            ErrorClass::MissingRelation,
        );
        check("Catalog Error: Scalar Function with name f does not exist!", ErrorClass::Other);
        check("Binder Error: Referenced column \"nope\" not found in FROM clause!", ErrorClass::MissingColumn);
        check("Binder Error: Catalog \"x\" does not exist!", ErrorClass::MissingDatabase);
        check("TransactionContext Error: Catalog write-write conflict on alter with \"a1\"", ErrorClass::Conflict);
        check("IO Error: Could not set lock on file \"/x.db\": Conflicting lock is held", ErrorClass::Unreachable);
        check("INTERRUPT Error: Interrupted!", ErrorClass::Cancelled);
        let error = adapter_error("duck", "Constraint Error: NOT NULL constraint failed: u.i");
        assert_eq!((error.class, error.column.as_deref()), (ErrorClass::Constraint, Some("i")));
    }
}
