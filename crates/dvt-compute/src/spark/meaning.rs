//! What every session is set to, so that the same SQL means the same on every server.

/// Whatever the server's defaults and the compute's `config` say: without these the same
/// SQL has another meaning.
const FIXED: &[(&str, &str)] = &[
    ("spark.sql.ansi.enabled", "true"),
    ("spark.sql.session.timeZone", "UTC"),
    ("spark.sql.caseSensitive", "true"),
    // `${name}` in a text would be replaced.
    ("spark.sql.variable.substitute", "false"),
    ("spark.sql.parser.escapedStringLiterals", "false"),
    ("spark.sql.ansi.doubleQuotedIdentifiers", "false"),
    ("spark.sql.ansi.enforceReservedKeywords", "false"),
    // A number that is grouped or ordered by is a value, not a column's place.
    ("spark.sql.groupByOrdinal", "false"),
    ("spark.sql.orderByOrdinal", "false"),
    // An exact number that does not fit is an error, never a rounded one.
    ("spark.sql.decimalOperations.allowPrecisionLoss", "false"),
    ("spark.sql.timestampType", "TIMESTAMP_LTZ"),
    ("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.int96RebaseModeInRead", "CORRECTED"),
    ("spark.sql.parquet.mergeSchema", "false"),
    ("spark.sql.files.ignoreMissingFiles", "false"),
    ("spark.sql.files.ignoreCorruptFiles", "false"),
    ("spark.sql.execution.arrow.useLargeVarTypes", "false"),
    // It reads one side of a join a second time, and a table that is read over JDBC may be another by then.
    ("spark.sql.optimizer.runtime.bloomFilter.enabled", "false"),
    // A plan's text goes to the server's event log and pages; what logs in to a database does not.
    ("spark.sql.redaction.string.regex", r#"(?is)key:\s*"(password|user)"\s*value:\s*"(?:[^"\\]|\\.)*""#),
];

/// The compute's settings that a session takes, then those that decide what SQL means.
pub(super) fn session_settings(config: &[(String, String)]) -> Vec<(String, String)> {
    for (key, _) in config.iter().filter(|(key, _)| !key.starts_with("spark.sql.")) {
        tracing::warn!(
            key,
            "a remote Spark keeps its own; only settings of sessions (`spark.sql.…`) can be given to it"
        );
    }
    let fixed = FIXED.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    config.iter().filter(|(key, _)| key.starts_with("spark.sql.")).cloned().chain(fixed).collect()
}
