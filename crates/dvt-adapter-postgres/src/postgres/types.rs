//! PostgreSQL's types: how each is read, which Arrow type it becomes, and which type a new column gets.
//!
//! | PostgreSQL | Arrow | remark |
//! |---|---|---|
//! | boolean, smallint, integer, bigint, real, double precision | Boolean, Int16, Int32, Int64, Float32, Float64 | |
//! | oid | Int64 | |
//! | numeric(p,s) | Decimal128(p,s), above 38 digits Decimal256(p,s) | `NaN` and infinities are errors |
//! | numeric | Decimal256(76,28), logical `numeric` | more digits are an error |
//! | text, citext, name, "char", varchar, char | Utf8 | varchar(n) and char(n) keep n |
//! | bytea | Binary | |
//! | date, time, timestamp, timestamptz | Date32, Time64(µs), Timestamp(µs), Timestamp(µs, UTC) | infinities and `24:00` are errors |
//! | interval | Interval(MonthDayNano) | above 292 years of hours an error |
//! | timetz, uuid, json, jsonb, xml, inet, cidr, macaddr, bit, enums | Utf8, with the logical type | canonical text |
//! | arrays of these | List | more than one dimension is an error |
//! | money, ranges, composites, geometry, full text, any other | Utf8 | as the server writes it in text |

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use dvt_adapter::{LogicalType, UNCONSTRAINED_NUMERIC, UnsupportedType, logical_type, native_type};
use std::sync::Arc;
use tokio_postgres::types::Kind as DriverKind;
use tokio_postgres::types::Type;

pub(crate) const ADAPTER_TYPE: &str = "postgres";

/// How a type's binary form is read and written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Boolean,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric {
        precision: u8,
        scale: i8,
    },
    UnconstrainedNumeric,
    /// Bytes that are the text; at most this many characters.
    Text {
        limit: Option<u32>,
    },
    /// `char(n)` on its way to another engine: without the blanks that pad it, which count in no comparison of the type.
    BlankPadded,
    Binary,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Jsonb,
    Inet {
        is_cidr: bool,
    },
    MacAddress,
    Bit,
    /// A type whose text the server reads and writes, for want of a binary form of ours.
    AsText,
    Array {
        element: Box<Kind>,
        element_oid: u32,
    },
}

/// A type as the catalog or the driver names it, domains resolved.
#[derive(Clone, Debug)]
pub(crate) struct TypeName {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) is_enum: bool,
    pub(crate) element: Option<Box<TypeName>>,
}

impl TypeName {
    pub(crate) fn of(driver_type: &Type) -> Self {
        match driver_type.kind() {
            DriverKind::Domain(base) => Self::of(base),
            DriverKind::Array(element) => Self {
                oid: driver_type.oid(),
                name: driver_type.name().to_owned(),
                is_enum: false,
                element: Some(Box::new(Self::of(element))),
            },
            kind => Self {
                oid: driver_type.oid(),
                name: driver_type.name().to_owned(),
                is_enum: matches!(kind, DriverKind::Enum(_)),
                element: None,
            },
        }
    }
}

/// How a type with this modifier is read, or why it cannot be.
pub(crate) fn kind_of(type_name: &TypeName, modifier: i32) -> Result<Kind, String> {
    if let Some(element) = &type_name.element
        && type_name.name != "oidvector"
        && type_name.name != "int2vector"
    {
        let kind = kind_of(element, modifier)?;
        if kind == Kind::AsText {
            return Ok(kind);
        }
        return Ok(Kind::Array { element: Box::new(kind), element_oid: element.oid });
    }
    if type_name.is_enum || type_name.name == "citext" {
        return Ok(Kind::Text { limit: None });
    }
    let limit = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
    Ok(match type_name.oid {
        16 => Kind::Boolean,
        17 => Kind::Binary,
        20 => Kind::Int8,
        21 => Kind::Int2,
        23 => Kind::Int4,
        // char, name, text, json, xml, unknown, void
        18 | 19 | 25 | 114 | 142 | 705 | 2278 => Kind::Text { limit: None },
        1042 | 1043 => Kind::Text { limit },
        26 => Kind::Oid,
        700 => Kind::Float4,
        701 => Kind::Float8,
        650 => Kind::Inet { is_cidr: true },
        869 => Kind::Inet { is_cidr: false },
        774 | 829 => Kind::MacAddress,
        1082 => Kind::Date,
        1083 => Kind::Time,
        1114 => Kind::Timestamp,
        1184 => Kind::TimestampTz,
        1186 => Kind::Interval,
        1266 => Kind::TimeTz,
        1560 | 1562 => Kind::Bit,
        1700 => numeric_kind(modifier)?,
        2950 => Kind::Uuid,
        3802 => Kind::Jsonb,
        _ => Kind::AsText,
    })
}

/// The modifier holds precision and scale; the scale may be negative or larger than the precision.
fn numeric_kind(modifier: i32) -> Result<Kind, String> {
    if modifier < 4 {
        return Ok(Kind::UnconstrainedNumeric);
    }
    let packed = modifier - 4;
    let precision = (packed >> 16) & 0xffff;
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    let (precision, scale) = if scale < 0 { (precision - scale, 0) } else { (precision.max(scale), scale) };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=76), Ok(scale)) => Ok(Kind::Numeric { precision, scale }),
        _ => Err(format!("numeric with {precision} digits is wider than 76 digits")),
    }
}

impl Kind {
    /// The Arrow type that holds every value of this kind.
    pub(crate) fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 | Self::Oid => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric { precision, scale } if *precision <= 38 => DataType::Decimal128(*precision, *scale),
            Self::Numeric { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::UnconstrainedNumeric => UNCONSTRAINED_NUMERIC,
            Self::Binary => DataType::Binary,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Text { .. }
            | Self::BlankPadded
            | Self::AsText
            | Self::TimeTz
            | Self::Uuid
            | Self::Jsonb
            | Self::Inet { .. }
            | Self::MacAddress
            | Self::Bit => DataType::Utf8,
            Self::Array { element, .. } => DataType::List(Arc::new(Field::new("item", element.arrow(), true))),
        }
    }
}

/// The microseconds of which a time column keeps multiples: `timestamp(3)` has 1000.
pub(crate) fn time_unit(type_name: &TypeName, modifier: i32) -> i64 {
    match (type_name.oid, u32::try_from(modifier)) {
        (1083 | 1114 | 1184, Ok(digits @ 0..=6)) => 10_i64.pow(6 - digits),
        _ => 1,
    }
}

/// What the Arrow type does not say.
pub(crate) fn logical_of(type_name: &TypeName, kind: &Kind) -> Option<LogicalType> {
    if type_name.is_enum {
        return Some(LogicalType::Enum);
    }
    match (kind, type_name.oid) {
        (Kind::Text { limit: Some(length) }, 1043) => Some(LogicalType::Varchar(u64::from(*length))),
        (Kind::Text { limit: Some(length) }, 1042) => Some(LogicalType::Char(u64::from(*length))),
        (Kind::Text { .. }, 114) => Some(LogicalType::Json),
        (Kind::Text { .. }, 142) => Some(LogicalType::Xml),
        (Kind::UnconstrainedNumeric, _) => Some(LogicalType::Numeric),
        (Kind::TimeTz, _) => Some(LogicalType::TimeWithTimeZone),
        (Kind::Uuid, _) => Some(LogicalType::Uuid),
        (Kind::Jsonb, _) => Some(LogicalType::Jsonb),
        (Kind::Inet { .. } | Kind::MacAddress, _) => Some(LogicalType::Network),
        (Kind::Bit, _) => Some(LogicalType::Bit),
        _ => None,
    }
}

/// Type names that exist in every database; a native type of another name may not be there.
const EVERYWHERE: &[&str] = &[
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "oid",
    "real",
    "double precision",
    "numeric",
    "text",
    "name",
    "\"char\"",
    "character varying",
    "character",
    "bpchar",
    "bytea",
    "date",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
    "uuid",
    "json",
    "jsonb",
    "xml",
    "inet",
    "cidr",
    "macaddr",
    "macaddr8",
    "bit",
    "bit varying",
    "money",
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tsrange",
    "tstzrange",
    "point",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
    "tsvector",
    "tsquery",
    "pg_lsn",
    "jsonpath",
];

/// The type of a new column for this field's values; see [`dvt_adapter::Adapter::column_type`].
pub(crate) fn column_type(field: &Field) -> Result<String, UnsupportedType> {
    if let Some(native) = native_type(field, ADAPTER_TYPE)
        && EVERYWHERE.contains(&without_modifier(native).as_str())
    {
        return Ok(native.to_owned());
    }
    let refuse = |reason: &str| UnsupportedType {
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
        adapter_type: ADAPTER_TYPE.to_owned(),
        reason: reason.to_owned(),
    };
    if let Some(logical) = logical_type(field) {
        return Ok(match logical {
            LogicalType::Varchar(length @ 1..=10_485_760) => format!("character varying({length})"),
            LogicalType::Char(length @ 1..=10_485_760) => format!("character({length})"),
            LogicalType::Varchar(_) | LogicalType::Char(_) | LogicalType::Enum | LogicalType::Network => {
                "text".to_owned()
            }
            LogicalType::Numeric => "numeric".to_owned(),
            LogicalType::Uuid => "uuid".to_owned(),
            LogicalType::Json => "json".to_owned(),
            LogicalType::Jsonb => "jsonb".to_owned(),
            LogicalType::TimeWithTimeZone => "time with time zone".to_owned(),
            LogicalType::Bit => "bit varying".to_owned(),
            LogicalType::Xml => "xml".to_owned(),
            LogicalType::Year => "smallint".to_owned(),
            LogicalType::TimeSpan => "interval".to_owned(),
        });
    }
    arrow_column_type(field.data_type()).map_err(refuse)
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
            return Ok(if scale < 0 {
                format!("numeric({},0)", precision - scale)
            } else {
                format!("numeric({},{scale})", precision.max(scale))
            });
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "text",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytea",
        DataType::Date32 | DataType::Date64 => "date",
        // Of nanoseconds, values of whole microseconds fit; others are errors of the load.
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone",
        DataType::Timestamp(_, None) => "timestamp without time zone",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Interval(_) => "interval",
        DataType::Dictionary(_, values) => return arrow_column_type(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            if matches!(item.data_type(), DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)) {
                return Err("lists of lists have no faithful array type");
            }
            let item = column_type(item).map_err(|_| "its items have no counterpart")?;
            return Ok(format!("{item}[]"));
        }
        _ => return Err("no type holds it"),
    };
    Ok(name.to_owned())
}

/// `character varying(25)[]` → `character varying`, `timestamp(3) without time zone` → `timestamp without time zone`.
fn without_modifier(native: &str) -> String {
    let native = native.trim_end_matches("[]");
    match (native.find('('), native.find(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &native[..open], &native[close + 1..]),
        _ => native.to_owned(),
    }
}

#[cfg(test)]
mod tests;
