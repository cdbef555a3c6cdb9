//! Databricks' types: their texts, the Arrow types that their values travel as, and the types for values from elsewhere.
//!
//! Source: Databricks' SQL language reference, "Data types". Nested values and variants travel as JSON text.

use crate::profile::ADAPTER_TYPE;
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    LogicalType, TextComparison, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type, with_types,
};

/// A `numeric` without precision and scale becomes this; a value with more digits is an error that names the column.
const WIDEST_DECIMAL: &str = "decimal(38,18)";

/// A type as Databricks writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BrickType {
    Boolean,
    /// Bits.
    Integer(u8),
    Float,
    Double,
    Decimal(u8, i8),
    Text(Option<LogicalType>),
    Binary,
    Date,
    /// An instant.
    Timestamp,
    TimestampNtz,
    /// `array<…>`, `map<…>`, `struct<…>`.
    Nested,
    Variant,
    /// The type of NULL alone.
    Void,
    Other(String),
}

impl BrickType {
    /// Reads a type's text: `decimal(10,2)`, `BIGINT`, `array<string>`, `string collate UTF8_LCASE`.
    pub(crate) fn parse(text: &str) -> Self {
        let lower = text.trim().to_ascii_lowercase();
        let end = lower.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(lower.len());
        let (name, rest) = lower.split_at(end);
        let numbers: Vec<u64> = match rest.trim().strip_prefix('(').and_then(|rest| rest.split_once(')')) {
            Some((numbers, _)) => numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect(),
            None => Vec::new(),
        };
        match name {
            "boolean" => Self::Boolean,
            "tinyint" | "byte" => Self::Integer(8),
            "smallint" | "short" => Self::Integer(16),
            "int" | "integer" => Self::Integer(32),
            "bigint" | "long" => Self::Integer(64),
            "float" | "real" => Self::Float,
            "double" => Self::Double,
            "decimal" | "dec" | "numeric" => match numbers.as_slice() {
                [] => Self::Decimal(10, 0),
                [precision @ 1..=38] => Self::Decimal(u8::try_from(*precision).unwrap_or(38), 0),
                [precision @ 1..=38, scale] if scale <= precision => {
                    Self::Decimal(u8::try_from(*precision).unwrap_or(38), i8::try_from(*scale).unwrap_or(0))
                }
                _ => Self::Other(text.trim().to_owned()),
            },
            "string" => Self::Text(None),
            "varchar" => Self::Text(numbers.first().map(|length| LogicalType::Varchar(*length))),
            "char" | "character" => Self::Text(numbers.first().map(|length| LogicalType::Char(*length))),
            "binary" => Self::Binary,
            "date" => Self::Date,
            "timestamp" | "timestamp_ltz" => Self::Timestamp,
            "timestamp_ntz" => Self::TimestampNtz,
            "array" | "map" | "struct" => Self::Nested,
            "variant" => Self::Variant,
            "void" => Self::Void,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// Whether values are asked for as JSON text.
    pub(crate) fn travels_as_json(&self) -> bool {
        matches!(self, Self::Nested | Self::Variant)
    }

    /// The Arrow type that values travel as and what it cannot say, or why they cannot travel.
    pub(crate) fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
        Ok(match self {
            Self::Boolean => (DataType::Boolean, None),
            Self::Integer(8) => (DataType::Int8, None),
            Self::Integer(16) => (DataType::Int16, None),
            Self::Integer(32) => (DataType::Int32, None),
            Self::Integer(_) => (DataType::Int64, None),
            Self::Float => (DataType::Float32, None),
            Self::Double => (DataType::Float64, None),
            Self::Decimal(precision, scale) => (DataType::Decimal128(*precision, *scale), None),
            Self::Text(logical) => (DataType::Utf8, logical.clone()),
            Self::Binary => (DataType::Binary, None),
            Self::Date => (DataType::Date32, None),
            Self::Timestamp => (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None),
            Self::TimestampNtz => (DataType::Timestamp(TimeUnit::Microsecond, None), None),
            Self::Nested | Self::Variant => (DataType::Utf8, Some(LogicalType::Json)),
            Self::Void => {
                return Err("it holds nothing but NULL and has no type; cast it in a view or a model there".to_owned());
            }
            Self::Other(text) => {
                return Err(format!(
                    "Databricks' type {text} has no exact counterpart; cast the column in a view or a model there"
                ));
            }
        })
    }
}

/// The field that a column of this native type is read as, or why it cannot be read.
pub(crate) fn field_of(name: &str, native: &str, nullable: bool) -> Result<Field, String> {
    let (data_type, logical) = BrickType::parse(native).arrow()?;
    Ok(with_types(Field::new(name, data_type, nullable), ADAPTER_TYPE, native, logical))
}

/// How text of this native type is compared.
pub(crate) fn comparison_of(native: &str) -> TextComparison {
    let lower = native.to_ascii_lowercase();
    match lower.split_once(" collate ").map(|(_, collation)| collation.trim().to_owned()) {
        None => TextComparison::Binary,
        Some(collation) if collation == "utf8_binary" => TextComparison::Binary,
        Some(collation) => TextComparison::Loose { collation: collation.to_uppercase() },
    }
}

/// See [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && BrickType::parse(native).arrow().is_ok_and(|(data_type, _)| data_type == *field.data_type())
    {
        return Ok(native.to_owned());
    }
    let by_meaning = match logical_type(field) {
        Some(LogicalType::Numeric) if *field.data_type() == UNCONSTRAINED_NUMERIC => WIDEST_DECIMAL,
        // A document's text stays what it is; VARIANT would write its numbers anew.
        Some(
            LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Varchar(_)
            | LogicalType::Char(_)
            | LogicalType::Uuid
            | LogicalType::Enum
            | LogicalType::Network
            | LogicalType::TimeWithTimeZone
            | LogicalType::Bit
            | LogicalType::Xml,
        ) => "string",
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
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "int",
        DataType::Int64 | DataType::UInt32 => "bigint",
        DataType::UInt64 => "decimal(20,0)",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "binary",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            return Err("Databricks' timestamps have microseconds; round the value, or keep it as text".to_owned());
        }
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            return Ok(format!("decimal({precision},{scale})"));
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => {
            return Err("Databricks' decimals have at most 38 digits".to_owned());
        }
        DataType::Dictionary(_, values) => return type_text(values),
        DataType::Time32(_) | DataType::Time64(_) => {
            return Err("Databricks' tables have no time of day; keep it as text".to_owned());
        }
        DataType::Interval(_) | DataType::Duration(_) => {
            return Err("Databricks' tables hold no intervals; compute with numbers".to_owned());
        }
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Struct(_)
        | DataType::Map(..) => {
            return Err("a nested value has no exact counterpart; write it as JSON where it comes from".to_owned());
        }
        _ => return Err("Databricks has no such type".to_owned()),
    };
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_catalog_and_as_users_write_them() {
        let check = |text: &str, expected: BrickType| assert_eq!(BrickType::parse(text), expected, "{text}");
        check("decimal(10,2)", BrickType::Decimal(10, 2));
        check("DECIMAL", BrickType::Decimal(10, 0));
        check("decimal(40,2)", BrickType::Other("decimal(40,2)".to_owned()));
        check("BIGINT", BrickType::Integer(64));
        check("string collate UTF8_LCASE", BrickType::Text(None));
        check("varchar(20)", BrickType::Text(Some(LogicalType::Varchar(20))));
        check("TIMESTAMP", BrickType::Timestamp);
        check("timestamp_ntz", BrickType::TimestampNtz);
        check("array<struct<a:int>>", BrickType::Nested);
        check("interval day to second", BrickType::Other("interval day to second".to_owned()));
    }

    #[test]
    fn values_from_elsewhere_get_a_type_that_holds_them() {
        let check = |data_type: DataType, expected: &str| {
            let found = column_type(&Field::new("c", data_type.clone(), true));
            assert_eq!(found.unwrap_or_else(|error| error.reason), expected, "{data_type}");
        };
        check(DataType::UInt64, "decimal(20,0)");
        check(DataType::Decimal256(38, 10), "decimal(38,10)");
        check(DataType::Decimal256(60, 2), "Databricks' decimals have at most 38 digits");
        check(DataType::Timestamp(TimeUnit::Millisecond, None), "timestamp_ntz");
        let own = field_of("c", "array<int>", true).unwrap();
        assert_eq!(column_type(&own).unwrap(), "array<int>");
        assert_eq!(
            comparison_of("string collate UTF8_LCASE"),
            TextComparison::Loose { collation: "UTF8_LCASE".to_owned() }
        );
        assert_eq!(comparison_of("string"), TextComparison::Binary);
    }
}
