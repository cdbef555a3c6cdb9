//! Redshift's types: what they are called, and what they travel as.
//!
//! Source: Amazon Redshift developer guide, "Data types"; a `varchar` is as long as its bytes, a `numeric` has 38 digits at most.

use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    LogicalType, TextComparison, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type, with_types,
};
use tokio_postgres::types::{Kind as DriverKind, Type};

pub(crate) const ADAPTER_TYPE: &str = "redshift";

/// The longest text that a column holds, in bytes.
pub(crate) const LONGEST_TEXT: u32 = 65_535;

/// The longest binary value that a column holds, in bytes.
const LONGEST_BINARY: u32 = 1_024_000;

/// For `numeric` of another database whose digits are not declared.
const WIDEST_NUMERIC: &str = "numeric(38,20)";

/// A type as Redshift names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RedType {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Oid,
    Real,
    Double,
    Numeric {
        precision: u8,
        scale: i8,
    },
    /// Of an expression, whose digits are not told.
    AnyNumeric,
    /// Bytes.
    Char(Option<u32>),
    /// Bytes.
    Varchar(Option<u32>),
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Super,
    Varbyte(Option<u32>),
    /// Intervals, geometry, sketches, and whatever comes.
    Other(String),
}

impl RedType {
    /// What a catalog or a user writes: `character varying(25)`, `numeric(10,2)`, `timestamp without time zone`.
    pub(crate) fn parse(native: &str) -> Self {
        let text = native.trim().to_ascii_lowercase();
        let (name, numbers) = match (text.find('('), text.find(')')) {
            (Some(open), Some(close)) if open < close => {
                let numbers: Vec<u32> =
                    text[open + 1..close].split(',').filter_map(|number| number.trim().parse().ok()).collect();
                (format!("{}{}", text[..open].trim_end(), &text[close + 1..]), numbers)
            }
            _ => (text, Vec::new()),
        };
        let length = numbers.first().copied();
        match name.as_str() {
            "boolean" | "bool" => Self::Boolean,
            "smallint" | "int2" => Self::SmallInt,
            "integer" | "int" | "int4" => Self::Integer,
            "bigint" | "int8" => Self::BigInt,
            "oid" => Self::Oid,
            "real" | "float4" => Self::Real,
            "double precision" | "float8" | "float" | "double" => Self::Double,
            "numeric" | "decimal" => {
                let precision = length.and_then(|number| u8::try_from(number).ok());
                let scale = numbers.get(1).map_or(Some(0), |number| i8::try_from(*number).ok());
                match (precision, scale) {
                    (Some(precision @ 1..=76), Some(scale)) => Self::Numeric { precision, scale },
                    _ => Self::AnyNumeric,
                }
            }
            "character" | "char" | "nchar" | "bpchar" => Self::Char(length),
            "character varying" | "varchar" | "nvarchar" => Self::Varchar(length),
            "text" | "name" | "string" | "\"char\"" | "information_schema.sql_identifier" => Self::Varchar(None),
            "date" => Self::Date,
            "time without time zone" | "time" => Self::Time,
            "time with time zone" | "timetz" => Self::TimeTz,
            "timestamp without time zone" | "timestamp" => Self::Timestamp,
            "timestamp with time zone" | "timestamptz" => Self::TimestampTz,
            "super" => Self::Super,
            "binary varying" | "varbyte" | "varbinary" | "bytea" => Self::Varbyte(length),
            _ => Self::Other(native.trim().to_owned()),
        }
    }

    /// What the server says of a result's column.
    pub(crate) fn of(driver_type: &Type, modifier: i32) -> Self {
        if let DriverKind::Domain(base) = driver_type.kind() {
            return Self::of(base, modifier);
        }
        let packed = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
        match driver_type.oid() {
            16 => Self::Boolean,
            20 => Self::BigInt,
            21 => Self::SmallInt,
            23 => Self::Integer,
            26 => Self::Oid,
            700 => Self::Real,
            701 => Self::Double,
            // "char", name, text, unknown
            18 | 19 | 25 | 705 => Self::Varchar(None),
            1042 => Self::Char(packed),
            1043 => Self::Varchar(packed),
            1082 => Self::Date,
            1083 => Self::Time,
            1114 => Self::Timestamp,
            1184 => Self::TimestampTz,
            1266 => Self::TimeTz,
            1700 => match packed.map(|packed| (u8::try_from(packed >> 16), i8::try_from(packed & 0x7ff))) {
                Some((Ok(precision @ 1..=76), Ok(scale))) => Self::Numeric { precision, scale },
                _ => Self::AnyNumeric,
            },
            4000 => Self::Super,
            6551 => Self::Varbyte(packed),
            _ => match Self::parse(driver_type.name()) {
                Self::Varbyte(_) => Self::Varbyte(packed),
                other => other,
            },
        }
    }

    /// Redshift's own text for the type.
    pub(crate) fn native(&self) -> String {
        let sized = |name: &str, length: &Option<u32>| match length {
            Some(length) => format!("{name}({length})"),
            None => name.to_owned(),
        };
        match self {
            Self::Boolean => "boolean".to_owned(),
            Self::SmallInt => "smallint".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::BigInt => "bigint".to_owned(),
            Self::Oid => "oid".to_owned(),
            Self::Real => "real".to_owned(),
            Self::Double => "double precision".to_owned(),
            Self::Numeric { precision, scale } => format!("numeric({precision},{scale})"),
            Self::AnyNumeric => "numeric".to_owned(),
            Self::Char(length) => sized("character", length),
            Self::Varchar(length) => sized("character varying", length),
            Self::Date => "date".to_owned(),
            Self::Time => "time without time zone".to_owned(),
            Self::TimeTz => "time with time zone".to_owned(),
            Self::Timestamp => "timestamp without time zone".to_owned(),
            Self::TimestampTz => "timestamp with time zone".to_owned(),
            Self::Super => "super".to_owned(),
            Self::Varbyte(length) => sized("varbyte", length),
            Self::Other(name) => name.clone(),
        }
    }

    /// The Arrow type that holds every value, and what it does not say; or why there is none.
    pub(crate) fn arrow(&self) -> Result<(DataType, Option<LogicalType>), String> {
        Ok(match self {
            Self::Boolean => (DataType::Boolean, None),
            Self::SmallInt => (DataType::Int16, None),
            Self::Integer => (DataType::Int32, None),
            Self::BigInt | Self::Oid => (DataType::Int64, None),
            Self::Real => (DataType::Float32, None),
            Self::Double => (DataType::Float64, None),
            Self::Numeric { precision, scale } if *precision <= 38 => (DataType::Decimal128(*precision, *scale), None),
            Self::Numeric { precision, scale } => (DataType::Decimal256(*precision, *scale), None),
            Self::AnyNumeric => (UNCONSTRAINED_NUMERIC, Some(LogicalType::Numeric)),
            Self::Char(Some(length)) => (DataType::Utf8, Some(LogicalType::Char(u64::from(*length)))),
            // As long as a text can be says nothing about it.
            Self::Varchar(Some(length)) if *length < LONGEST_TEXT => {
                (DataType::Utf8, Some(LogicalType::Varchar(u64::from(*length))))
            }
            Self::Char(None) | Self::Varchar(_) => (DataType::Utf8, None),
            Self::Date => (DataType::Date32, None),
            Self::Time => (DataType::Time64(TimeUnit::Microsecond), None),
            Self::TimeTz => (DataType::Utf8, Some(LogicalType::TimeWithTimeZone)),
            Self::Timestamp => (DataType::Timestamp(TimeUnit::Microsecond, None), None),
            Self::TimestampTz => (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), None),
            Self::Super => (DataType::Utf8, Some(LogicalType::Json)),
            Self::Varbyte(_) => (DataType::Binary, None),
            Self::Other(name) => {
                return Err(format!(
                    "Redshift's type {name} has no exact counterpart; cast the column in a view or a model there"
                ));
            }
        })
    }

    /// How Redshift compares values that travel as text: blanks at the end of a text do not count, and a column may have a
    /// collation without case, which its catalog does not show.
    /// Source: developer guide, "Character types", "Significance of trailing blanks"; "COLLATE".
    pub(crate) fn comparison(&self) -> TextComparison {
        let loose = |name: &str| TextComparison::Loose { collation: name.to_owned() };
        match self {
            Self::Char(_) | Self::Varchar(_) => loose("blank-padded"),
            Self::Super => loose("super"),
            Self::TimeTz => loose("timetz"),
            Self::Varbyte(_) => loose("varbyte"),
            Self::Other(name) => loose(name),
            _ => TextComparison::Binary,
        }
    }

    /// A field of this type.
    pub(crate) fn field(&self, name: &str, is_nullable: bool) -> Result<Field, String> {
        let (data_type, logical) = self.arrow()?;
        Ok(with_types(Field::new(name, data_type, is_nullable), ADAPTER_TYPE, &self.native(), logical))
    }
}

/// The type of a new column for this field's values; see [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    let refuse = |reason: &str| UnsupportedType {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
        adapter_type: ADAPTER_TYPE.to_owned(),
        reason: reason.to_owned(),
    };
    if let Some(native) = native_type(field, ADAPTER_TYPE) {
        match RedType::parse(native) {
            // Without its length or digits a type of a new column would be shorter than the values.
            RedType::Varchar(None) | RedType::Char(None) | RedType::AnyNumeric | RedType::Varbyte(None) => {}
            RedType::Other(_) => return Err(refuse("Redshift's own type does not travel")),
            known => return Ok(known.native()),
        }
    }
    // A character takes up to four bytes.
    let characters = |length: u64| match u32::try_from(length.saturating_mul(4)) {
        Ok(bytes @ 1..=LONGEST_TEXT) => format!("character varying({bytes})"),
        _ => longest_text(),
    };
    match logical_type(field) {
        Some(LogicalType::Varchar(length) | LogicalType::Char(length)) => return Ok(characters(length)),
        Some(LogicalType::Numeric) => return Ok(WIDEST_NUMERIC.to_owned()),
        Some(LogicalType::Uuid) => return Ok("character varying(36)".to_owned()),
        // The document's own text: a `super` keeps neither its spacing nor doubled keys.
        Some(
            LogicalType::Json
            | LogicalType::Jsonb
            | LogicalType::Xml
            | LogicalType::Enum
            | LogicalType::Network
            | LogicalType::Bit,
        ) => return Ok(longest_text()),
        Some(LogicalType::TimeWithTimeZone) => return Ok("time with time zone".to_owned()),
        Some(LogicalType::Year) => return Ok("smallint".to_owned()),
        Some(LogicalType::TimeSpan) => return Err(refuse("a length of time has no column type that is loaded")),
        None => {}
    }
    arrow_column_type(field.data_type()).map_err(refuse)
}

fn longest_text() -> String {
    format!("character varying({LONGEST_TEXT})")
}

fn arrow_column_type(data_type: &DataType) -> Result<String, &'static str> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => "smallint",
        DataType::UInt16 | DataType::Int32 => "integer",
        DataType::UInt32 | DataType::Int64 => "bigint",
        DataType::UInt64 => "numeric(20,0)",
        DataType::Float16 | DataType::Float32 => "real",
        DataType::Float64 => "double precision",
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let (precision, scale) = (i32::from(*precision), i32::from(*scale));
            let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
            // The most digits after the point that a column has.
            if precision > 38 || scale > 37 {
                return Err("a numeric has 38 digits at most, 37 of them after the point");
            }
            return Ok(format!("numeric({precision},{scale})"));
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => return Ok(longest_text()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            return Ok(format!("varbyte({LONGEST_BINARY})"));
        }
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Dictionary(_, values) => return arrow_column_type(values),
        DataType::Interval(_) => return Err("an interval of months, days and time is two types there"),
        _ => return Err("no type holds it"),
    };
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_catalogs_write_them() {
        let check = |native: &str, expected: &str| assert_eq!(RedType::parse(native).native(), expected);
        check("character varying(256)", "character varying(256)");
        check("VARCHAR(12)", "character varying(12)");
        check("character(3)", "character(3)");
        check("numeric(10, 2)", "numeric(10,2)");
        check("numeric", "numeric");
        check("decimal(18)", "numeric(18,0)");
        check("timestamp without time zone", "timestamp without time zone");
        check("timestamptz", "timestamp with time zone");
        check("binary varying(100)", "varbyte(100)");
        check("intervaly2m", "intervaly2m");
    }

    #[test]
    fn new_columns_hold_every_value() {
        let check = |field: Field, expected: &str| assert_eq!(column_type(&field).unwrap(), expected);
        let text = |logical| with_types(Field::new("c", DataType::Utf8, true), "postgres", "x", logical);
        check(text(Some(LogicalType::Varchar(10))), "character varying(40)");
        check(text(Some(LogicalType::Varchar(20_000))), "character varying(65535)");
        check(text(Some(LogicalType::Jsonb)), "character varying(65535)");
        check(text(None), "character varying(65535)");
        check(Field::new("c", DataType::Decimal256(38, 2), true), "numeric(38,2)");
        check(Field::new("c", DataType::Decimal128(3, -2), true), "numeric(5,0)");
        check(RedType::parse("varchar(7)").field("c", true).unwrap(), "character varying(7)");
        check(RedType::parse("super").field("c", true).unwrap(), "super");
        check(RedType::parse("varchar").field("c", true).unwrap(), "character varying(65535)");
        check(RedType::parse("numeric").field("c", true).unwrap(), WIDEST_NUMERIC);
        for data_type in [DataType::Decimal256(39, 2), DataType::Decimal128(38, 38)] {
            let refused = column_type(&Field::new("c", data_type, true)).unwrap_err();
            assert!(refused.to_string().contains("38 digits at most"), "{refused}");
        }
    }
}
