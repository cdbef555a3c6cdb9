//! Snowflake's types: their texts, the Arrow types that their values travel as, and the types for values from elsewhere.
//!
//! Source: Snowflake's documentation, "Data types"; the driver's own table of types. Times and timestamps travel in
//! microseconds where their precision allows, else in nanoseconds, whose range the driver checks.

use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{LogicalType, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type, with_types};

pub(crate) const ADAPTER_TYPE: &str = "snowflake";

/// A `numeric` without precision and scale becomes this; a value with more digits is an error that names the column.
const WIDEST_DECIMAL: &str = "NUMBER(38,20)";

/// A type as Snowflake writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SnowType {
    Number(u8, i8),
    Float,
    Text,
    Boolean,
    Binary,
    Date,
    Time(u8),
    /// Without a zone.
    TimestampNtz(u8),
    /// An instant; `true` for `TIMESTAMP_TZ`, which keeps an offset beside it.
    TimestampZone(u8, bool),
    /// JSON: `VARIANT`, `OBJECT`, `ARRAY`.
    SemiStructured,
    Other(String),
}

impl SnowType {
    /// Reads a type's text: `NUMBER(10,2)`, `VARCHAR(16777216)`, `timestamp_ntz`, `double precision`.
    pub(crate) fn parse(text: &str) -> Self {
        let upper = text.trim().to_ascii_uppercase();
        let (name, numbers) = match upper.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.trim_end_matches(')')),
            None => (upper.as_str(), ""),
        };
        let numbers: Option<Vec<u8>> = match numbers {
            "" => Some(Vec::new()),
            text => text.split(',').map(|number| number.trim().parse().ok()).collect(),
        };
        // A length of text is no number that matters.
        let numbers = numbers.unwrap_or_default();
        let precision = || numbers.first().copied().filter(|precision| *precision <= 9).unwrap_or(9);
        match name {
            "NUMBER" | "DECIMAL" | "NUMERIC" | "DEC" | "FIXED" => match numbers.as_slice() {
                [] => Self::Number(38, 0),
                [precision] if (1..=38).contains(precision) => Self::Number(*precision, 0),
                [precision, scale] if (1..=38).contains(precision) && scale <= precision => {
                    Self::Number(*precision, i8::try_from(*scale).unwrap_or(0))
                }
                _ => Self::Other(text.trim().to_owned()),
            },
            "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "BYTEINT" => Self::Number(38, 0),
            "FLOAT" | "FLOAT4" | "FLOAT8" | "DOUBLE" | "DOUBLE PRECISION" | "REAL" => Self::Float,
            "VARCHAR" | "TEXT" | "STRING" | "CHAR" | "CHARACTER" | "NCHAR" | "NVARCHAR" | "NVARCHAR2"
            | "CHAR VARYING" | "NCHAR VARYING" => Self::Text,
            "BOOLEAN" | "BOOL" => Self::Boolean,
            "BINARY" | "VARBINARY" => Self::Binary,
            "DATE" => Self::Date,
            "TIME" => Self::Time(precision()),
            // What TIMESTAMP means is a parameter of the session; its default, and dbt's, is without a zone.
            "TIMESTAMP" | "DATETIME" | "TIMESTAMP_NTZ" | "TIMESTAMPNTZ" | "TIMESTAMP WITHOUT TIME ZONE" => {
                Self::TimestampNtz(precision())
            }
            "TIMESTAMP_LTZ" | "TIMESTAMPLTZ" | "TIMESTAMP WITH LOCAL TIME ZONE" => {
                Self::TimestampZone(precision(), false)
            }
            "TIMESTAMP_TZ" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => Self::TimestampZone(precision(), true),
            "VARIANT" | "OBJECT" | "ARRAY" => Self::SemiStructured,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// The Arrow type that values travel as and what it cannot say, or why they cannot travel.
    pub(crate) fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
        let unit = |precision: &u8| if *precision <= 6 { TimeUnit::Microsecond } else { TimeUnit::Nanosecond };
        Ok(match self {
            Self::Number(precision, scale) => (DataType::Decimal128(*precision, *scale), None),
            Self::Float => (DataType::Float64, None),
            Self::Text => (DataType::Utf8, None),
            Self::Boolean => (DataType::Boolean, None),
            Self::Binary => (DataType::Binary, None),
            Self::Date => (DataType::Date32, None),
            Self::Time(precision) => (DataType::Time64(unit(precision)), None),
            Self::TimestampNtz(precision) => (DataType::Timestamp(unit(precision), None), None),
            Self::TimestampZone(precision, _) => (DataType::Timestamp(unit(precision), Some("UTC".into())), None),
            Self::SemiStructured => (DataType::Utf8, Some(LogicalType::Json)),
            Self::Other(text) => {
                return Err(format!(
                    "Snowflake's type {text} has no exact counterpart; cast the column in a view or a model there"
                ));
            }
        })
    }
}

/// The field that a column of this native type is read as, or why it cannot be read.
pub(crate) fn field_of(name: &str, native: &str, nullable: bool) -> Result<Field, String> {
    let (data_type, logical) = SnowType::parse(native).arrow()?;
    Ok(with_types(Field::new(name, data_type, nullable), ADAPTER_TYPE, native, logical))
}

/// The native type of a delivered column, as the driver tells it.
pub(crate) fn delivered_native(field: &Field) -> String {
    let kind = ["logicalType", "SNOWFLAKE_TYPE"].iter().find_map(|key| field.metadata().get(*key));
    let kind = kind.map(|kind| kind.to_ascii_uppercase()).unwrap_or_default();
    match (kind.as_str(), field.data_type()) {
        (_, DataType::Decimal128(precision, scale)) => format!("NUMBER({precision},{scale})"),
        ("VARIANT" | "OBJECT" | "ARRAY", _) => kind,
        ("TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ", _) => format!("{kind}(9)"),
        (_, DataType::Timestamp(_, None)) => "TIMESTAMP_NTZ(9)".to_owned(),
        (_, DataType::Timestamp(_, Some(_))) => "TIMESTAMP_LTZ(9)".to_owned(),
        (_, DataType::Int64) => "NUMBER(38,0)".to_owned(),
        (_, DataType::Float64) => "FLOAT".to_owned(),
        (_, DataType::Boolean) => "BOOLEAN".to_owned(),
        (_, DataType::Binary) => "BINARY".to_owned(),
        (_, DataType::Date32) => "DATE".to_owned(),
        (_, DataType::Time64(_)) => "TIME(9)".to_owned(),
        (_, DataType::Utf8) => "VARCHAR".to_owned(),
        (_, other) => other.to_string(),
    }
}

/// See [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && SnowType::parse(native).arrow().is_ok_and(|(data_type, _)| data_type == *field.data_type())
    {
        return Ok(native.to_owned());
    }
    let by_meaning = match logical_type(field) {
        Some(LogicalType::Numeric) if *field.data_type() == UNCONSTRAINED_NUMERIC => WIDEST_DECIMAL,
        Some(LogicalType::Json | LogicalType::Jsonb) => "VARIANT",
        Some(
            LogicalType::Varchar(_)
            | LogicalType::Char(_)
            | LogicalType::Uuid
            | LogicalType::Enum
            | LogicalType::Network
            | LogicalType::TimeWithTimeZone
            | LogicalType::Bit
            | LogicalType::Xml,
        ) => "VARCHAR",
        Some(LogicalType::Year | LogicalType::TimeSpan | LogicalType::Numeric) | None => {
            return type_text(field.data_type()).map_err(|reason| UnsupportedType {
                column: field.name().clone(),
                data_type: field.data_type().to_string(),
                adapter_type: ADAPTER_TYPE.to_owned(),
                reason,
            });
        }
    };
    Ok(by_meaning.to_owned())
}

/// The type that holds an Arrow type's values exactly.
fn type_text(data_type: &DataType) -> Result<String, String> {
    let text = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Null => "NUMBER(38,0)",
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "FLOAT",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "BINARY",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(TimeUnit::Microsecond) => "TIME(6)",
        DataType::Time64(_) => "TIME(9)",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NTZ(9)",
        DataType::Timestamp(_, None) => "TIMESTAMP_NTZ(6)",
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => "TIMESTAMP_LTZ(9)",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP_LTZ(6)",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && (0..=37).contains(scale) =>
        {
            return Ok(format!("NUMBER({precision},{scale})"));
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            return Err("Snowflake's numbers have at most 38 digits, 37 of them after the point".to_owned());
        }
        DataType::Dictionary(_, values) => return type_text(values),
        DataType::Interval(_) => return Err("Snowflake has no intervals; compute with numbers".to_owned()),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => {
            return Err("a nested value has no exact counterpart; write it as JSON where it comes from".to_owned());
        }
        _ => return Err("Snowflake has no such type".to_owned()),
    };
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_catalog_and_as_users_write_them() {
        let check = |text: &str, expected: SnowType| assert_eq!(SnowType::parse(text), expected, "{text}");
        check("NUMBER(10,2)", SnowType::Number(10, 2));
        check("number", SnowType::Number(38, 0));
        check("decimal(5)", SnowType::Number(5, 0));
        check("VARCHAR(16777216)", SnowType::Text);
        check("timestamp_ntz", SnowType::TimestampNtz(9));
        check("TIMESTAMP_LTZ(6)", SnowType::TimestampZone(6, false));
        check("timestamp with time zone", SnowType::TimestampZone(9, true));
        check("ARRAY", SnowType::SemiStructured);
        check("GEOGRAPHY", SnowType::Other("GEOGRAPHY".to_owned()));
        check("NUMBER(50,2)", SnowType::Other("NUMBER(50,2)".to_owned()));
    }

    #[test]
    fn values_from_elsewhere_get_a_type_that_holds_them() {
        let check = |data_type: DataType, expected: &str| {
            let found = column_type(&Field::new("c", data_type.clone(), true));
            assert_eq!(found.unwrap_or_else(|error| error.reason), expected, "{data_type}");
        };
        check(DataType::Int64, "NUMBER(38,0)");
        check(DataType::Decimal128(38, 10), "NUMBER(38,10)");
        check(DataType::Decimal256(60, 2), "Snowflake's numbers have at most 38 digits, 37 of them after the point");
        check(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "TIMESTAMP_LTZ(6)");
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), "TIMESTAMP_NTZ(9)");
        let json = with_types(Field::new("c", DataType::Utf8, true), "postgres", "jsonb", Some(LogicalType::Jsonb));
        assert_eq!(column_type(&json).unwrap(), "VARIANT");
        let own = field_of("c", "VARCHAR(10)", true).unwrap();
        assert_eq!(column_type(&own).unwrap(), "VARCHAR(10)");
    }
}
