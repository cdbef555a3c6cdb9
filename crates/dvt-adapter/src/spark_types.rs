//! The types of Spark's SQL, which Databricks has too: their texts, the Arrow types that their values travel as, and the types
//! for values from elsewhere.
//!
//! Source: Databricks' SQL language reference and Spark's SQL reference, "Data types". Nested values and variants travel as
//! JSON text.

use crate::{
    ColumnDescription, LogicalType, TextComparison, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type,
    with_types,
};
use arrow::datatypes::{DataType, Field, TimeUnit};

/// A `numeric` without precision and scale becomes this; a value with more digits is an error that names the column.
const WIDEST_DECIMAL: &str = "decimal(38,18)";

/// A type as the engine writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SparkType {
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

impl SparkType {
    /// Reads a type's text: `decimal(10,2)`, `BIGINT`, `array<string>`, `string collate UTF8_LCASE`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
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
            // Its fields beyond the first are not told.
            "array" | "map" | "struct" if lower.contains(" more fields>") => Self::Other(text.trim().to_owned()),
            "array" | "map" | "struct" => Self::Nested,
            "variant" => Self::Variant,
            "void" => Self::Void,
            _ => Self::Other(text.trim().to_owned()),
        }
    }

    /// Whether values are asked for as JSON text.
    #[must_use]
    pub fn travels_as_json(&self) -> bool {
        matches!(self, Self::Nested | Self::Variant)
    }

    /// The Arrow type that values travel as and what it cannot say, or why they cannot travel.
    ///
    /// # Errors
    /// The reason why they cannot.
    pub fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
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
                    "the type {text} has no exact counterpart; cast the column in a view or a model there"
                ));
            }
        })
    }
}

/// An adapter type that has these types.
#[derive(Clone, Copy, Debug)]
pub struct SparkTypes {
    pub adapter_type: &'static str,
    /// `Spark's`, for messages.
    pub whose: &'static str,
}

impl SparkTypes {
    /// The field that a column of this native type is read as.
    ///
    /// # Errors
    /// The reason why it cannot be read.
    pub fn field(&self, name: &str, native: &str, nullable: bool) -> Result<Field, String> {
        let (data_type, logical) = SparkType::parse(native).arrow()?;
        Ok(with_types(Field::new(name, data_type, nullable), self.adapter_type, native, logical))
    }

    /// A column as a catalog tells it.
    #[must_use]
    pub fn column(&self, name: String, native: String, nullable: bool) -> ColumnDescription {
        let comparison = match SparkType::parse(&native) {
            // Literals are padded before they are compared with it.
            SparkType::Text(Some(LogicalType::Char(_))) => TextComparison::Loose { collation: "CHAR".to_owned() },
            SparkType::Text(_) => comparison_of(&native),
            _ => TextComparison::Binary,
        };
        ColumnDescription { field: self.field(&name, &native, nullable), name, native_type: native, comparison }
    }

    /// See [`crate::Adapter::column_type`].
    ///
    /// # Errors
    /// No type holds the field's values without loss.
    pub fn column_type(&self, field: &Field) -> Result<String, UnsupportedType> {
        if let Some(native) = native_type(field, self.adapter_type)
            && SparkType::parse(native).arrow().is_ok_and(|(data_type, _)| data_type == *field.data_type())
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
                return self.type_text(field.data_type()).map_err(|reason| UnsupportedType {
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                    adapter_type: self.adapter_type.to_owned(),
                    reason,
                });
            }
        };
        Ok(by_meaning.to_owned())
    }

    /// The type that holds an Arrow type's values exactly.
    fn type_text(&self, data_type: &DataType) -> Result<String, String> {
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
                return Err(format!(
                    "{} timestamps have microseconds; round the value, or keep it as text",
                    self.whose
                ));
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
                return Err(format!("{} decimals have at most 38 digits", self.whose));
            }
            DataType::Dictionary(_, values) => return self.type_text(values),
            DataType::Time32(_) | DataType::Time64(_) => {
                return Err(format!("{} tables have no time of day; keep it as text", self.whose));
            }
            DataType::Interval(_) | DataType::Duration(_) => {
                return Err(format!("{} tables hold no intervals; compute with numbers", self.whose));
            }
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Map(..) => {
                return Err("a nested value has no exact counterpart; write it as JSON where it comes from".to_owned());
            }
            _ => return Err("the engine has no such type".to_owned()),
        };
        Ok(text.to_owned())
    }
}

/// How text of this native type is compared.
#[must_use]
fn comparison_of(native: &str) -> TextComparison {
    let lower = native.to_ascii_lowercase();
    match lower.split_once(" collate ").map(|(_, collation)| collation.trim().to_owned()) {
        None => TextComparison::Binary,
        Some(collation) if collation == "utf8_binary" => TextComparison::Binary,
        Some(collation) => TextComparison::Loose { collation: collation.to_uppercase() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: SparkTypes = SparkTypes { adapter_type: "databricks", whose: "Databricks'" };

    #[test]
    fn types_are_read_as_the_catalog_and_as_users_write_them() {
        let check = |text: &str, expected: SparkType| assert_eq!(SparkType::parse(text), expected, "{text}");
        check("decimal(10,2)", SparkType::Decimal(10, 2));
        check("DECIMAL", SparkType::Decimal(10, 0));
        check("decimal(40,2)", SparkType::Other("decimal(40,2)".to_owned()));
        check("BIGINT", SparkType::Integer(64));
        check("string collate UTF8_LCASE", SparkType::Text(None));
        check("varchar(20)", SparkType::Text(Some(LogicalType::Varchar(20))));
        check("TIMESTAMP", SparkType::Timestamp);
        check("timestamp_ntz", SparkType::TimestampNtz);
        check("array<struct<a:int>>", SparkType::Nested);
        check("interval day to second", SparkType::Other("interval day to second".to_owned()));
    }

    #[test]
    fn values_from_elsewhere_get_a_type_that_holds_them() {
        let check = |data_type: DataType, expected: &str| {
            let found = TYPES.column_type(&Field::new("c", data_type.clone(), true));
            assert_eq!(found.unwrap_or_else(|error| error.reason), expected, "{data_type}");
        };
        check(DataType::UInt64, "decimal(20,0)");
        check(DataType::Decimal256(38, 10), "decimal(38,10)");
        check(DataType::Decimal256(60, 2), "Databricks' decimals have at most 38 digits");
        check(DataType::Timestamp(TimeUnit::Millisecond, None), "timestamp_ntz");
        let own = TYPES.field("c", "array<int>", true).unwrap();
        assert_eq!(TYPES.column_type(&own).unwrap(), "array<int>");
        assert_eq!(
            comparison_of("string collate UTF8_LCASE"),
            TextComparison::Loose { collation: "UTF8_LCASE".to_owned() }
        );
        assert_eq!(comparison_of("string"), TextComparison::Binary);
    }
}
