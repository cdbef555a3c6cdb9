//! Declared types and Arrow's: how a column is read, and what holds an Arrow field in a new table.
//!
//! SQLite stores what it is given; a declared type is a word that decides the *affinity*, a preference. dvt reads each
//! column as its word says and refuses a value that is not that, naming it. The words, and how values lie in the file:
//!
//! | declared | Arrow | stored |
//! |---|---|---|
//! | `integer` and other words with INT | `Int64` | INTEGER |
//! | `byteint`, `int16`, `int32`, `uint8`, `uint16`, `uint32` | the type of that name | INTEGER |
//! | `unsigned64_text` | `UInt64` | TEXT: SQLite's integers end at 2^63 |
//! | `real`, `float`, `double` / `float32` | `Float64` / `Float32` | REAL, or a whole number |
//! | `numeric`, `decimal`, `number` without precision, `num` (a view's expression) | `Float64` | REAL or INTEGER, as SQLite computes |
//! | `decimal(p,s)` | `Decimal128`, past 38 digits `Decimal256` | INTEGER, or REAL of up to 15 digits (its shortest text) |
//! | `decimal_text(p,s)` | same | TEXT: numeric affinity would cut it to 15 digits |
//! | `boolean` | `Boolean` | 0 or 1, or `true`/`false` |
//! | `date` | `Date32` | `YYYY-MM-DD`, or seconds since 1970 |
//! | `datetime`, `timestamp` / `timestamptz` / `timestamp_ns` | `Timestamp(µs)` / `(µs, UTC)` / `(ns)` | ISO 8601 text, or seconds since 1970 |
//! | `time` | `Time64(µs)` | `HH:MM[:SS[.ffffff]]` |
//! | words with CHAR, CLOB or TEXT | `Utf8` | TEXT |
//! | `blob` | `Binary` | BLOB |
//! | `json`, `uuid` | `Utf8` | TEXT (JSON also a whole number) |
//! | none | refused: the column may hold anything | |
//!
//! A length in `varchar(n)` is not enforced by SQLite and promises nothing, so it does not travel to other engines.
//! Julian day numbers are refused: they are rounded. Source: sqlite.org, "Datatypes In SQLite", "Date And Time Functions".

use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    ColumnDescription, LogicalType, TextComparison, UnsupportedType, logical_type, native_type, with_types,
};

pub(crate) const ADAPTER_TYPE: &str = "sqlite";

/// Digits that a REAL keeps through text and back.
const REAL_DIGITS: u8 = 15;
/// Digits of every integer of 64 bits.
const INTEGER_DIGITS: u8 = 18;

/// The words of logical text types; all have TEXT affinity.
const LOGICAL_WORDS: &[(&str, LogicalType)] = &[
    ("uuid_text", LogicalType::Uuid),
    ("json_text", LogicalType::Json),
    ("jsonb_text", LogicalType::Jsonb),
    ("enum_text", LogicalType::Enum),
    ("network_text", LogicalType::Network),
    ("timetz_text", LogicalType::TimeWithTimeZone),
    ("bit_text", LogicalType::Bit),
    ("xml_text", LogicalType::Xml),
    ("uuid", LogicalType::Uuid),
    ("json", LogicalType::Json),
];

/// A column as the schema declares it.
pub(crate) fn of_declared(name: &str, declared: &str, is_nullable: bool, collation: Option<&str>) -> ColumnDescription {
    let read = arrow_type(declared);
    let comparison = comparison(&read, declared, collation);
    ColumnDescription {
        name: name.to_owned(),
        native_type: declared.to_owned(),
        field: read.map(|(data_type, logical)| {
            with_types(Field::new(name, data_type, is_nullable), ADAPTER_TYPE, declared, logical)
        }),
        comparison,
    }
}

/// The Arrow type of a declared one, or why there is none.
pub(crate) fn arrow_type(declared: &str) -> Result<(DataType, Option<LogicalType>), String> {
    let text = declared.trim().to_lowercase();
    let (base, numbers) = match text.split_once('(') {
        Some((base, rest)) => {
            let numbers = rest.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse::<u64>().ok());
            (base.trim(), numbers.collect())
        }
        None => (text.as_str(), Vec::new()),
    };
    let number = |index: usize| numbers.get(index).copied();
    if base.is_empty() || base == "any" {
        return Err(
            "the column has no declared type, so it may hold anything; cast it in a view: `cast(x as text)`".into()
        );
    }
    if let Some((_, logical)) = LOGICAL_WORDS.iter().find(|(word, _)| *word == base) {
        return Ok((DataType::Utf8, Some(logical.clone())));
    }
    let plain = |data_type| Ok((data_type, None));
    let utc = || Some("UTC".into());
    match base {
        "byteint" => return plain(DataType::Int8),
        "int16" => return plain(DataType::Int16),
        "int16_year" => return Ok((DataType::Int16, Some(LogicalType::Year))),
        "int32" => return plain(DataType::Int32),
        "uint8" => return plain(DataType::UInt8),
        "uint16" => return plain(DataType::UInt16),
        "uint32" => return plain(DataType::UInt32),
        "unsigned64_text" => return plain(DataType::UInt64),
        "bigint_time_span" => return Ok((DataType::Int64, Some(LogicalType::TimeSpan))),
        "float32" => return plain(DataType::Float32),
        "decimal" | "numeric" | "number" | "dec" | "decimal_text" => {
            return plain(match number(0) {
                Some(precision @ 1..=38) => DataType::Decimal128(precision as u8, scale_of(number(1))),
                Some(precision @ 39..=76) => DataType::Decimal256(precision as u8, scale_of(number(1))),
                Some(precision) => return Err(format!("{precision} digits are more than a decimal of Arrow has")),
                None if base == "decimal_text" => return Err("`decimal_text` needs a precision".to_owned()),
                None => DataType::Float64,
            });
        }
        "numeric_text" => return Ok((dvt_adapter::UNCONSTRAINED_NUMERIC, Some(LogicalType::Numeric))),
        "num" => return plain(DataType::Float64),
        "boolean" | "bool" => return plain(DataType::Boolean),
        "date" => return plain(DataType::Date32),
        "datetime" | "timestamp" | "timestamp without time zone" => {
            return plain(DataType::Timestamp(TimeUnit::Microsecond, None));
        }
        "timestamptz" | "timestamp with time zone" => {
            return plain(DataType::Timestamp(TimeUnit::Microsecond, utc()));
        }
        "timestamp_ns" => return plain(DataType::Timestamp(TimeUnit::Nanosecond, None)),
        "timestamptz_ns" => return plain(DataType::Timestamp(TimeUnit::Nanosecond, utc())),
        "time" => return plain(DataType::Time64(TimeUnit::Microsecond)),
        _ => {}
    }
    // SQLite's own rules, in its order.
    let has = |word: &str| base.contains(word);
    if has("int") {
        plain(DataType::Int64)
    } else if has("char") || has("clob") || has("text") || has("string") {
        plain(DataType::Utf8)
    } else if has("blob") || has("binary") {
        plain(DataType::Binary)
    } else if has("real") || has("floa") || has("doub") {
        plain(DataType::Float64)
    } else {
        Err(format!("the declared type `{declared}` is not known, so its values may be anything; cast it in a view"))
    }
}

fn scale_of(scale: Option<u64>) -> i8 {
    scale.unwrap_or(0).min(76) as i8
}

/// Columns whose stored form is not compared as their type would be (numbers as text, moments in several forms) say so
/// too: SQLite compares what is stored.
fn comparison(
    read: &Result<(DataType, Option<LogicalType>), String>,
    declared: &str,
    collation: Option<&str>,
) -> TextComparison {
    let loose = |collation: &str| TextComparison::Loose { collation: collation.to_owned() };
    match read {
        Ok((DataType::Utf8, _)) => match collation {
            Some(name) if name.eq_ignore_ascii_case("binary") => TextComparison::Binary,
            Some(name) => loose(name),
            None => loose("not told for a view's column"),
        },
        Ok((DataType::UInt64 | DataType::Decimal128(..) | DataType::Decimal256(..), _))
            if declared.to_lowercase().contains("text") =>
        {
            loose("numbers stored as text")
        }
        Ok((DataType::Date32 | DataType::Timestamp(..) | DataType::Time64(_) | DataType::Boolean, _)) => {
            loose("stored as text or number")
        }
        _ => TextComparison::Binary,
    }
}

/// The declared type of a new column that holds this field's values exactly.
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    let refuse = |reason: &str| {
        Err(UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            adapter_type: ADAPTER_TYPE.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && arrow_type(native).is_ok_and(|(data_type, _)| &data_type == field.data_type())
    {
        return Ok(native.to_owned());
    }
    let logical = logical_type(field);
    Ok(match (field.data_type(), &logical) {
        (DataType::Boolean, _) => "boolean".to_owned(),
        (DataType::Int8, _) => "byteint".to_owned(),
        (DataType::Int16, Some(LogicalType::Year)) => "int16_year".to_owned(),
        (DataType::Int16, _) => "int16".to_owned(),
        (DataType::Int32, _) => "int32".to_owned(),
        (DataType::Int64, Some(LogicalType::TimeSpan)) => "bigint_time_span".to_owned(),
        (DataType::Int64, _) => "bigint".to_owned(),
        (DataType::UInt8, _) => "uint8".to_owned(),
        (DataType::UInt16, _) => "uint16".to_owned(),
        (DataType::UInt32, _) => "uint32".to_owned(),
        (DataType::UInt64, _) => "unsigned64_text".to_owned(),
        (DataType::Float16 | DataType::Float32, _) => "float32".to_owned(),
        (DataType::Float64, _) => "double".to_owned(),
        (DataType::Decimal256(..), Some(LogicalType::Numeric)) => "numeric_text".to_owned(),
        (
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale),
            _,
        ) => match (*precision, *scale) {
            (_, scale) if scale < 0 => return refuse("a decimal of negative scale has no declared type; cast it"),
            (precision, 0) if precision <= INTEGER_DIGITS => format!("decimal({precision},0)"),
            (precision, scale) if precision <= REAL_DIGITS => format!("decimal({precision},{scale})"),
            (precision, scale) => format!("decimal_text({precision},{scale})"),
        },
        (DataType::Date32 | DataType::Date64, _) => "date".to_owned(),
        (DataType::Timestamp(TimeUnit::Nanosecond, zone), _) => {
            if zone.is_some() { "timestamptz_ns" } else { "timestamp_ns" }.to_owned()
        }
        (DataType::Timestamp(_, zone), _) => if zone.is_some() { "timestamptz" } else { "timestamp" }.to_owned(),
        (DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond), _) => "time".to_owned(),
        (DataType::Time64(_), _) => return refuse("times of day are kept in microseconds; cast it"),
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, logical) => match logical {
            Some(LogicalType::Varchar(length)) => format!("varchar({length})"),
            Some(LogicalType::Char(length)) => format!("char({length})"),
            Some(logical) => LOGICAL_WORDS
                .iter()
                .find(|(_, known)| known == logical)
                .map_or_else(|| "text".to_owned(), |(word, _)| (*word).to_owned()),
            None => "text".to_owned(),
        },
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), _) => {
            "blob".to_owned()
        }
        (DataType::Null, _) => "text".to_owned(),
        (DataType::Interval(_) | DataType::Duration(_), _) => {
            return refuse("there is no interval type; cast it to text or a number");
        }
        (DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..), _) => {
            return refuse("there is no array type; turn it into text or JSON in the model");
        }
        (DataType::Struct(_) | DataType::Map(..), _) => {
            return refuse("there is no nested type; turn it into JSON in the model");
        }
        _ => return refuse("it has no counterpart"),
    })
}

#[cfg(test)]
mod tests {
    use super::{arrow_type, column_type, of_declared};
    use arrow::datatypes::{DataType, Field, TimeUnit};
    use dvt_adapter::{LogicalType, TextComparison, with_types};

    #[test]
    fn declared_words_have_types() {
        let check =
            |declared: &str, expected: DataType| assert_eq!(arrow_type(declared).unwrap().0, expected, "{declared}");
        check("INTEGER", DataType::Int64);
        check("UNSIGNED BIG INT", DataType::Int64);
        check("VARCHAR(25)", DataType::Utf8);
        check("native character(70)", DataType::Utf8);
        check("DOUBLE PRECISION", DataType::Float64);
        check("NUMERIC", DataType::Float64);
        check("DECIMAL(10, 2)", DataType::Decimal128(10, 2));
        check("decimal_text(60,20)", DataType::Decimal256(60, 20));
        check("DATETIME", DataType::Timestamp(TimeUnit::Microsecond, None));
        check("BLOB", DataType::Binary);
        assert!(arrow_type("").unwrap_err().contains("no declared type"));
        assert!(arrow_type("geometry").unwrap_err().contains("not known"));
    }

    #[test]
    fn types_come_back_as_they_went() {
        let check = |data_type: DataType, logical: Option<LogicalType>, declared: &str| {
            let field = with_types(Field::new("c", data_type.clone(), true), "postgres", "x", logical);
            assert_eq!(column_type(&field).unwrap_or_else(|error| error.reason), declared);
            assert_eq!(arrow_type(declared).unwrap().0, data_type, "{declared}");
        };
        check(DataType::Int8, None, "byteint");
        check(DataType::UInt64, None, "unsigned64_text");
        check(DataType::Decimal128(10, 2), None, "decimal(10,2)");
        check(DataType::Decimal128(18, 0), None, "decimal(18,0)");
        check(DataType::Decimal128(38, 9), None, "decimal_text(38,9)");
        check(DataType::Decimal256(76, 28), Some(LogicalType::Numeric), "numeric_text");
        check(DataType::Utf8, Some(LogicalType::Jsonb), "jsonb_text");
        check(DataType::Utf8, Some(LogicalType::Varchar(9)), "varchar(9)");
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), None, "timestamp_ns");
    }

    #[test]
    fn collations_decide_how_text_compares() {
        let comparison = |collation| of_declared("c", "text", true, collation).comparison;
        assert_eq!(comparison(Some("BINARY")), TextComparison::Binary);
        assert_eq!(comparison(Some("NOCASE")), TextComparison::Loose { collation: "NOCASE".into() });
        assert_ne!(comparison(None), TextComparison::Binary);
    }
}
