//! The words of a contract: types as dbt's drivers name them, so that families of types are compared.

/// The same in the words of dbt's PostgreSQL driver, which tools and warnings show.
pub(super) fn postgres_contract_type(native_type: &str) -> String {
    let (bare, suffix) = match native_type.strip_suffix("[]") {
        Some(element) => (element, "ARRAY"),
        None => (native_type, ""),
    };
    let bare = match (bare.find('('), bare.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", bare[..open].trim_end(), &bare[close + 1..])
        }
        _ => bare.to_owned(),
    };
    let word = match bare.as_str() {
        "smallint" | "integer" => "INTEGER",
        "bigint" => "LONGINTEGER",
        "real" | "double precision" => "FLOAT",
        "numeric" => "DECIMAL",
        "boolean" => "BOOLEAN",
        // One text is dbt's TEXT, an array of them the driver's STRINGARRAY.
        "text" | "character varying" | "character" | "name" | "\"char\"" if suffix.is_empty() => "TEXT",
        "text" | "character varying" | "character" | "name" | "\"char\"" => "STRING",
        "timestamp without time zone" => "DATETIME",
        "timestamp with time zone" => "DATETIMETZ",
        "time without time zone" | "time with time zone" => "TIME",
        "date" => "DATE",
        "interval" => "INTERVAL",
        "bytea" => "BINARY",
        "json" => "JSON",
        "jsonb" => "JSONB",
        other => match UNNAMED.iter().find(|(name, _)| *name == other && suffix.is_empty()) {
            Some((_, code)) => return format!("unknown type_code {code}"),
            None => return native_type.to_owned(),
        },
    };
    format!("{word}{suffix}")
}

/// Types for which dbt's PostgreSQL driver has no word, with the codes that it shows. Source: PostgreSQL's `pg_type.dat`.
const UNNAMED: [(&str, u32); 19] = [
    ("money", 790),
    ("uuid", 2950),
    ("xml", 142),
    ("inet", 869),
    ("cidr", 650),
    ("macaddr", 829),
    ("macaddr8", 774),
    ("bit", 1560),
    ("bit varying", 1562),
    ("point", 600),
    ("lseg", 601),
    ("path", 602),
    ("box", 603),
    ("polygon", 604),
    ("line", 628),
    ("circle", 718),
    ("tsvector", 3614),
    ("tsquery", 3615),
    ("jsonpath", 4072),
];

/// The family that a contract compares, as dbt's drivers name types: lengths and precisions do not count, nor the width of
/// a text, a small integer or a float. `numeric(10,2)` is `numeric`, `character varying(20)` is `text`.
pub(super) fn contract_type(native_type: &str) -> String {
    let bare = match (native_type.find('('), native_type.find(')')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", native_type[..open].trim_end(), &native_type[close + 1..])
        }
        _ => native_type.to_owned(),
    };
    match bare.to_lowercase().as_str() {
        "character varying" | "character" | "bpchar" | "name" | "varchar" | "char" | "text" | "tinytext"
        | "mediumtext" | "longtext" => "text".to_owned(),
        "smallint" | "integer" => "integer".to_owned(),
        "real" | "double precision" => "float".to_owned(),
        other => other.to_owned(),
    }
}
