//! Aliases that stand twice: a subquery of `--empty` or `--sample` has one from dbt, and the model's own text may give another.

/// How dbt's aliases of such subqueries begin, behind the closing parenthesis.
const OWN: [&str; 2] = [") _dbt_limit_subq_", ") _dbt_et_filter_subq_"];

/// What may follow a table that has no alias.
const NO_ALIASES: [&str; 38] = [
    "and",
    "anti",
    "asof",
    "cross",
    "else",
    "end",
    "except",
    "fetch",
    "for",
    "full",
    "global",
    "group",
    "having",
    "inner",
    "intersect",
    "into",
    "join",
    "lateral",
    "left",
    "limit",
    "minus",
    "natural",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "pivot",
    "qualify",
    "returning",
    "right",
    "semi",
    "set",
    "straight_join",
    "tablesample",
    "union",
    "unpivot",
    "using",
];

/// Takes dbt's alias away wherever the model gives one itself. Spaces stay in its place, so that every other byte keeps its
/// own.
pub(crate) fn keep_own_aliases(sql: String) -> String {
    let mut found = Vec::new();
    for beginning in OWN {
        for (at, _) in sql.match_indices(beginning) {
            let rest = &sql[at + beginning.len()..];
            let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
            if gives_alias(&rest[length..]) {
                found.push(at + 1..at + beginning.len() + length);
            }
        }
    }
    if found.is_empty() {
        return sql;
    }
    let mut kept = sql;
    for range in found {
        let spaces = " ".repeat(range.len());
        kept.replace_range(range, &spaces);
    }
    kept
}

/// Whether the text begins with an alias.
fn gives_alias(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with(['"', '`', '[']) {
        return true;
    }
    let word = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or_default();
    let word = word.to_lowercase();
    word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
        && word != "where"
        && word != "window"
        && !NO_ALIASES.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::keep_own_aliases;

    #[test]
    fn one_alias_stays_and_nothing_else_moves() {
        let subquery = "(select * from \"a\" where false limit 0) _dbt_limit_subq_a";
        for alias in ["a1", "as a1", "AS \"A 1\"", "`a`"] {
            let sql = format!("select 1 from {subquery} {alias} join {subquery} on true");
            let kept = keep_own_aliases(sql.clone());
            assert_eq!(kept.len(), sql.len());
            assert_eq!(kept.matches("_dbt_limit_subq_a").count(), 1, "{kept}");
            assert!(
                kept.ends_with("join (select * from \"a\" where false limit 0) _dbt_limit_subq_a on true"),
                "{kept}"
            );
        }
        for end in ["", "\nwhere x", " left join b", ", b", ")", " ORDER BY 1", " union all"] {
            let sql = format!("select 1 from {subquery}{end}");
            assert_eq!(keep_own_aliases(sql.clone()), sql);
        }
    }
}
