//! BigQuery's types: what they are called, and what they travel as.
//!
//! Source: GoogleSQL reference, "Data types", "Parameterized data types"; REST reference, `TableFieldSchema`.

use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{LogicalType, TextComparison, UnsupportedType, logical_type, native_type, with_types};
use serde_json::{Value, json};

use crate::profile::ADAPTER_TYPE;

/// A type as GoogleSQL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BigType {
    Int64,
    Float64,
    /// Digits and those after the point, and whether they are declared.
    Numeric(u8, i8, bool),
    BigNumeric(u8, i8, bool),
    Bool,
    /// Characters.
    String(Option<u64>),
    Bytes(Option<u64>),
    Date,
    Time,
    DateTime,
    Timestamp,
    Json,
    /// Arrays, structs, GEOGRAPHY, INTERVAL, RANGE: what has no exact counterpart.
    Other(String),
}

impl BigType {
    /// What a user or a catalog writes: `NUMERIC(10, 2)`, `STRING(25)`, `ARRAY<INT64>`.
    pub(crate) fn parse(native: &str) -> Self {
        let text = native.trim().to_ascii_uppercase();
        if text.contains('<') {
            return Self::Other(native.trim().to_owned());
        }
        let (name, numbers) = match (text.find('('), text.find(')')) {
            (Some(open), Some(close)) if open < close => {
                let numbers: Vec<u64> =
                    text[open + 1..close].split(',').filter_map(|number| number.trim().parse().ok()).collect();
                (text[..open].trim().to_owned(), numbers)
            }
            _ => (text, Vec::new()),
        };
        let first = numbers.first().copied();
        let digits = |default: (u8, i8)| match (first, numbers.get(1).copied().unwrap_or(0)) {
            (Some(precision), scale) => match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(precision @ 1..=76), Ok(scale)) => Some((precision, scale, true)),
                _ => None,
            },
            (None, _) => Some((default.0, default.1, false)),
        };
        match name.as_str() {
            "INT64" | "INTEGER" | "INT" | "SMALLINT" | "BIGINT" | "TINYINT" | "BYTEINT" => Self::Int64,
            "FLOAT64" | "FLOAT" => Self::Float64,
            "NUMERIC" | "DECIMAL" => {
                digits((38, 9)).map_or_else(|| Self::Other(native.to_owned()), |(p, s, is)| Self::Numeric(p, s, is))
            }
            "BIGNUMERIC" | "BIGDECIMAL" => {
                digits((76, 38)).map_or_else(|| Self::Other(native.to_owned()), |(p, s, is)| Self::BigNumeric(p, s, is))
            }
            "BOOL" | "BOOLEAN" => Self::Bool,
            "STRING" => Self::String(first),
            "BYTES" => Self::Bytes(first),
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "DATETIME" => Self::DateTime,
            "TIMESTAMP" => Self::Timestamp,
            "JSON" => Self::Json,
            _ => Self::Other(native.trim().to_owned()),
        }
    }

    /// A field of a result's or table's schema.
    pub(crate) fn of_schema(field: &Value) -> Self {
        let native = native_of(field);
        Self::parse(&native)
    }

    /// GoogleSQL's own text for the type.
    pub(crate) fn native(&self) -> String {
        let sized = |name: &str, length: &Option<u64>| match length {
            Some(length) => format!("{name}({length})"),
            None => name.to_owned(),
        };
        let digits = |name: &str, precision: &u8, scale: &i8, is_declared: &bool| match (is_declared, scale) {
            (false, _) => name.to_owned(),
            (true, 0) => format!("{name}({precision})"),
            (true, scale) => format!("{name}({precision}, {scale})"),
        };
        match self {
            Self::Int64 => "INT64".to_owned(),
            Self::Float64 => "FLOAT64".to_owned(),
            Self::Numeric(precision, scale, is_declared) => digits("NUMERIC", precision, scale, is_declared),
            Self::BigNumeric(precision, scale, is_declared) => digits("BIGNUMERIC", precision, scale, is_declared),
            Self::Bool => "BOOL".to_owned(),
            Self::String(length) => sized("STRING", length),
            Self::Bytes(length) => sized("BYTES", length),
            Self::Date => "DATE".to_owned(),
            Self::Time => "TIME".to_owned(),
            Self::DateTime => "DATETIME".to_owned(),
            Self::Timestamp => "TIMESTAMP".to_owned(),
            Self::Json => "JSON".to_owned(),
            Self::Other(text) => text.clone(),
        }
    }

    /// The Arrow type that holds every value, and what it does not say; or why there is none.
    pub(crate) fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
        Ok(match self {
            Self::Int64 => (DataType::Int64, None),
            Self::Float64 => (DataType::Float64, None),
            Self::Numeric(precision, scale, _) | Self::BigNumeric(precision, scale, _) if *precision <= 38 => {
                (DataType::Decimal128(*precision, *scale), None)
            }
            Self::Numeric(precision, scale, _) | Self::BigNumeric(precision, scale, _) => {
                (DataType::Decimal256(*precision, *scale), None)
            }
            Self::Bool => (DataType::Boolean, None),
            Self::String(Some(length)) => (DataType::Utf8, Some(LogicalType::Varchar(*length))),
            Self::String(None) => (DataType::Utf8, None),
            Self::Bytes(_) => (DataType::Binary, None),
            Self::Date => (DataType::Date32, None),
            Self::Time => (DataType::Time64(TimeUnit::Microsecond), None),
            Self::DateTime => (DataType::Timestamp(TimeUnit::Microsecond, None), None),
            Self::Timestamp => (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None),
            Self::Json => (DataType::Utf8, Some(LogicalType::Json)),
            Self::Other(text) => {
                return Err(format!(
                    "BigQuery's type {text} has no exact counterpart; write it as text in a view or a model there \
                     (to_json_string)"
                ));
            }
        })
    }

    /// A column's collation shows in no schema field of a query, so `und:ci` is asked of tables alone (`collation`).
    pub(crate) fn comparison(&self, collation: Option<&str>) -> TextComparison {
        let loose = |name: &str| TextComparison::Loose { collation: name.to_owned() };
        match (self, collation) {
            (Self::String(_), Some(collation)) if !collation.is_empty() => loose(collation),
            (Self::Json, _) => loose("json"),
            (Self::Other(name), _) => loose(name),
            _ => TextComparison::Binary,
        }
    }

    pub(crate) fn field(&self, name: &str, is_nullable: bool) -> Result<Field, String> {
        let (data_type, logical) = self.arrow()?;
        Ok(with_types(Field::new(name, data_type, is_nullable), ADAPTER_TYPE, &self.native(), logical))
    }

    /// The field of a load job's schema.
    pub(crate) fn schema(&self, name: &str, is_nullable: bool) -> Value {
        let mode = if is_nullable { "NULLABLE" } else { "REQUIRED" };
        let native = self.native();
        let bare = native.split('(').next().unwrap_or_default();
        let mut field = json!({"name": name, "type": bare, "mode": mode});
        match self {
            Self::String(Some(length)) | Self::Bytes(Some(length)) => field["maxLength"] = json!(length.to_string()),
            Self::Numeric(precision, scale, true) | Self::BigNumeric(precision, scale, true) => {
                field["precision"] = json!(precision.to_string());
                field["scale"] = json!(scale.to_string());
            }
            _ => {}
        }
        field
    }
}

/// The type's text of a schema field: `ARRAY<STRUCT<a INT64>>`.
pub(crate) fn native_of(field: &Value) -> String {
    let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| field.get(key).and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let name = match text("type") {
        "INTEGER" => "INT64",
        "FLOAT" => "FLOAT64",
        "BOOLEAN" => "BOOL",
        "RECORD" => "STRUCT",
        other => other,
    };
    let whole = match (name, number("maxLength"), number("precision"), number("scale")) {
        ("STRUCT", ..) => {
            let fields = field.get("fields").and_then(Value::as_array);
            let fields = fields.into_iter().flatten().map(|inner| {
                format!("{} {}", inner.get("name").and_then(Value::as_str).unwrap_or_default(), native_of(inner))
            });
            format!("STRUCT<{}>", fields.collect::<Vec<_>>().join(", "))
        }
        ("RANGE", ..) => {
            format!("RANGE<{}>", field.pointer("/rangeElementType/type").and_then(Value::as_str).unwrap_or_default())
        }
        (_, Some(length), ..) => format!("{name}({length})"),
        (_, _, Some(precision), None | Some(0)) => format!("{name}({precision})"),
        (_, _, Some(precision), Some(scale)) => format!("{name}({precision}, {scale})"),
        _ => name.to_owned(),
    };
    if text("mode") == "REPEATED" { format!("ARRAY<{whole}>") } else { whole }
}

/// The type of a new column for this field's values; see [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    let refuse = |reason: &str| UnsupportedType {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
        adapter_type: ADAPTER_TYPE.to_owned(),
        reason: reason.to_owned(),
    };
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && let known = BigType::parse(native)
        && known.arrow().is_ok()
    {
        return Ok(known.native());
    }
    match logical_type(field) {
        Some(LogicalType::Varchar(length @ 1..)) => return Ok(format!("STRING({length})")),
        // 38 digits on either side: what does not fit is an error of the load.
        Some(LogicalType::Numeric) => return Ok("BIGNUMERIC".to_owned()),
        // The document's own text: JSON keeps neither its spacing nor its order.
        Some(
            LogicalType::Varchar(_)
            | LogicalType::Char(_)
            | LogicalType::Uuid
            | LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Xml
            | LogicalType::Enum
            | LogicalType::Network
            | LogicalType::Bit
            | LogicalType::TimeWithTimeZone,
        ) => return Ok("STRING".to_owned()),
        Some(LogicalType::Year) => return Ok("INT64".to_owned()),
        Some(LogicalType::TimeSpan) => return Err(refuse("a length of time has no column type that is loaded")),
        None => {}
    }
    arrow_column_type(field.data_type()).map_err(refuse)
}

fn arrow_column_type(data_type: &DataType) -> Result<String, &'static str> {
    let name = match data_type {
        DataType::Boolean => "BOOL",
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => "INT64",
        DataType::UInt64 => "NUMERIC(20)",
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "FLOAT64",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
            let (precision, whole) = (precision.max(1), (precision - scale).max(0));
            let digits = if scale == 0 { format!("({precision})") } else { format!("({precision}, {scale})") };
            return match (whole, scale) {
                (..=29, ..=9) => Ok(format!("NUMERIC{digits}")),
                (..=38, ..=38) => Ok(format!("BIGNUMERIC{digits}")),
                _ => Err("a BIGNUMERIC has 38 digits before the point and 38 after it"),
            };
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "STRING",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "BYTES",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(_, None) => "DATETIME",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP",
        DataType::Dictionary(_, values) => return arrow_column_type(values),
        DataType::Interval(_) => return Err("an interval is not loaded; compute with numbers"),
        _ => return Err("a nested value is not loaded; write it as JSON where it comes from"),
    };
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_the_api_and_as_users_write_them() {
        let check = |text: &str, expected: &str| assert_eq!(BigType::parse(text).native(), expected, "{text}");
        check("integer", "INT64");
        check("numeric(10,2)", "NUMERIC(10, 2)");
        check("NUMERIC", "NUMERIC");
        check("bignumeric(40)", "BIGNUMERIC(40)");
        check("string(7)", "STRING(7)");
        check("array<string>", "array<string>");
        let of = |field: Value| native_of(&field);
        assert_eq!(of(json!({"type": "NUMERIC", "precision": "10", "scale": "2"})), "NUMERIC(10, 2)");
        assert_eq!(of(json!({"type": "STRING", "maxLength": "7", "mode": "REPEATED"})), "ARRAY<STRING(7)>");
        let inner = json!([{"name": "a", "type": "INTEGER"}, {"name": "b", "type": "FLOAT", "mode": "REPEATED"}]);
        assert_eq!(of(json!({"type": "RECORD", "fields": inner})), "STRUCT<a INT64, b ARRAY<FLOAT64>>");
    }

    #[test]
    fn values_from_elsewhere_get_a_type_that_holds_them() {
        let check = |data_type: DataType, expected: &str| {
            let found = column_type(&Field::new("c", data_type.clone(), true));
            assert_eq!(found.unwrap_or_else(|error| error.reason), expected, "{data_type}");
        };
        check(DataType::Decimal128(38, 9), "NUMERIC(38, 9)");
        check(DataType::Decimal128(38, 2), "BIGNUMERIC(38, 2)");
        check(DataType::Decimal128(18, 18), "BIGNUMERIC(18, 18)");
        check(DataType::Decimal256(76, 38), "BIGNUMERIC(76, 38)");
        check(DataType::Decimal256(60, 20), "a BIGNUMERIC has 38 digits before the point and 38 after it");
        check(DataType::UInt64, "NUMERIC(20)");
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), "DATETIME");
        let own = BigType::parse("STRING(10)").field("c", true).unwrap();
        assert_eq!(column_type(&own).unwrap(), "STRING(10)");
    }
}
