//! Whether a text fits the type that the user configured for its column: found out here, with the line, and not by an
//! engine that would cut it or keep it as it is.

/// What is asked of each value of a column with a configured type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The engine decides.
    Any,
    Integer,
    Number,
    /// Text of at most this many characters.
    Length(usize),
}

impl Fit {
    /// What the engine's type text asks for.
    pub(super) fn of(column_type: &str) -> Self {
        let text = column_type.trim().to_ascii_lowercase();
        let (name, rest) = text.split_once('(').map_or((text.as_str(), None), |(name, rest)| (name, Some(rest)));
        let name = name.trim();
        let first_word = name.split_whitespace().next().unwrap_or_default();
        match first_word {
            "int" | "integer" | "smallint" | "bigint" | "tinyint" | "mediumint" | "int2" | "int4" | "int8"
            | "int16" | "int32" | "int64" => Self::Integer,
            "numeric" | "decimal" | "real" | "double" | "float" | "float4" | "float8" => Self::Number,
            "varchar" | "char" | "character" | "nvarchar" | "nchar" => rest
                .and_then(|rest| rest.split(')').next())
                .and_then(|length| length.trim().parse().ok())
                .map_or(Self::Any, Self::Length),
            _ => Self::Any,
        }
    }

    /// Whether a value that could be read as the column's exact type fits for that reason alone.
    pub(super) fn is_met_by_exact_values(self) -> bool {
        !matches!(self, Self::Length(_))
    }

    /// Blanks at the end do not count against a length: SQL drops them.
    pub(super) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Integer => text.trim().parse::<i128>().is_ok(),
            Self::Number => text.trim().parse::<f64>().is_ok(),
            Self::Length(length) => text.len() <= length || text.trim_end_matches(' ').chars().count() <= length,
        }
    }
}

/// The type to cast a text to, so that the assignment to `column_type` then refuses what is too long: an explicit cast of
/// PostgreSQL or Redshift to a type with a length cuts without a word. Source: PostgreSQL manual, "Character Types", "Bit String
/// Types".
pub(crate) fn cast_type(column_type: &str, dialect_name: &str) -> String {
    if !matches!(dialect_name, "postgres" | "redshift") {
        return column_type.to_owned();
    }
    let mut plain = String::with_capacity(column_type.len());
    let mut depth = 0_usize;
    for character in column_type.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            other if depth == 0 => plain.push(other),
            _ => {}
        }
    }
    let lower = plain.trim().to_ascii_lowercase();
    if dialect_name == "redshift" {
        // There a type of text without a length has 256 bytes, and a numeric without digits none after the point.
        let texts = ["char", "character", "bpchar", "nchar", "varchar", "character varying", "nvarchar", "text"];
        return if texts.contains(&lower.as_str()) { "varchar(65535)".to_owned() } else { column_type.to_owned() };
    }
    match lower.as_str() {
        "char" | "character" | "bpchar" => "text".to_owned(),
        "bit" => "bit varying".to_owned(),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(column_type: &str, fits: &[&str], does_not: &[&str]) {
        let fit = Fit::of(column_type);
        for text in fits {
            assert!(fit.accepts(text), "{text} should fit {column_type}");
        }
        for text in does_not {
            assert!(!fit.accepts(text), "{text} should not fit {column_type}");
        }
    }

    #[test]
    fn values_fit_their_types_or_not() {
        check("integer", &["1", " -7 ", "007"], &["abcd", "1.5", "1e3"]);
        check("bigint unsigned", &["1"], &["x"]);
        check("numeric(10, 2)", &["1", "1.239", "1e3"], &["x", "1,5"]);
        check("double precision", &["1.5"], &["x"]);
        check("character varying(3)", &["abc", "äöü", "abc  "], &["abcd"]);
        check("varchar(3)", &["abc"], &["abcd"]);
        check("text", &["anything at all"], &[]);
        check("varchar", &["anything at all"], &[]);
    }

    #[test]
    fn a_cast_never_cuts() {
        assert_eq!(cast_type("varchar(3)", "postgres"), "varchar");
        assert_eq!(cast_type("character(3)", "postgres"), "text");
        assert_eq!(cast_type("bit(3)", "postgres"), "bit varying");
        assert_eq!(cast_type("numeric(10, 2)", "postgres"), "numeric");
        assert_eq!(cast_type("timestamp(3) with time zone", "postgres"), "timestamp with time zone");
        assert_eq!(cast_type("varchar(3)", "redshift"), "varchar(65535)");
        assert_eq!(cast_type("numeric(10, 2)", "redshift"), "numeric(10, 2)");
        assert_eq!(cast_type("decimal(10, 2)", "filesystem"), "decimal(10, 2)");
    }
}
