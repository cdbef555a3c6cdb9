//! The planner's complaints in the words of SQL.

/// Arrow's names of types, the longer before those they begin with.
const TYPES: [(&str, &str); 15] = [
    ("LargeUtf8", "text"),
    ("Utf8View", "text"),
    ("Utf8", "text"),
    ("Boolean", "boolean"),
    ("Int16", "smallint"),
    ("Int32", "integer"),
    ("Int64", "bigint"),
    ("Float32", "real"),
    ("Float64", "double precision"),
    ("Decimal128", "numeric"),
    ("Decimal256", "numeric"),
    ("Date32", "date"),
    ("Interval(MonthDayNano)", "interval"),
    ("Timestamp(µs, \"UTC\")", "timestamp with time zone"),
    ("Timestamp(µs)", "timestamp"),
];

/// The message as a database would put it.
pub(crate) fn in_words(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("Projections require unique expression names but the expression \"")
        && let Some((column, _)) = rest.split_once('"')
    {
        return format!(
            "column `{}` stands more than once in a select list: give one of them another name",
            last(column)
        );
    }
    if message.contains("must appear in the GROUP BY clause")
        && let Some((_, rest)) = message.split_once("column \"")
        && let Some((column, _)) = rest.split_once('"')
    {
        return format!(
            "column `{}` must appear in the GROUP BY clause or be used in an aggregate function",
            last(column)
        );
    }
    let mut words = message.to_owned();
    for (name, word) in TYPES {
        words = words.replace(name, word);
    }
    if let Some(rest) = words.strip_prefix("Cannot coerce arithmetic expression ")
        && let Some((operation, _)) = rest.split_once(" to valid types")
    {
        return format!("operator does not exist: {operation}");
    }
    words
}

/// What is not supported, without the planner's own "is not supported".
pub(crate) fn construct(message: &str) -> &str {
    let message = message.strip_prefix("Unsupported ").unwrap_or(message);
    [
        "is not yet supported",
        "is not supported yet",
        "is not supported",
        "not supported yet",
        "not supported",
        "is not implemented",
    ]
    .iter()
    .find_map(|ending| message.trim_end_matches(['.', ' ']).strip_suffix(ending))
    .map_or(message, str::trim_end)
}

fn last(column: &str) -> &str {
    column.rsplit('.').next().unwrap_or(column)
}

#[cfg(test)]
mod tests {
    use super::{construct, in_words};

    #[test]
    fn complaints_name_columns_and_types_as_sql_does() {
        let said = [
            (
                "Projections require unique expression names but the expression \"wh.shop.c.id\" at position 0 and …",
                "column `id` stands more than once in a select list: give one of them another name",
            ),
            (
                "Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column \"c.id\" must \
                 appear in the GROUP BY clause or must be part of an aggregate function, currently only …",
                "column `id` must appear in the GROUP BY clause or be used in an aggregate function",
            ),
            (
                "Cannot coerce arithmetic expression Utf8 + Int64 to valid types",
                "operator does not exist: text + bigint",
            ),
        ];
        for (message, words) in said {
            assert_eq!(in_words(message), words);
        }
        assert_eq!(construct("Unsupported SQL type money"), "SQL type money");
        assert_eq!(construct("UNNEST with ordinality is not supported yet"), "UNNEST with ordinality");
    }
}
