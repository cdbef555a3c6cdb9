//! The vocabulary of types that cross between engines: an Arrow type, and in the field's metadata what Arrow cannot say.
//!
//! Every column that leaves a database carries [`NATIVE_TYPE`] (`postgres:character varying(25)`) and, where the Arrow
//! type alone would lose something, [`LOGICAL_TYPE`]. A target of the same adapter type recreates the native type; any
//! other asks for the logical type and takes its nearest. Metadata survives column references and aliases in a plan and
//! is dropped by expressions, which is exactly right: an expression's type is the engine's.

use arrow::datatypes::{DataType, Field};
use std::fmt;
use std::str::FromStr;

/// Metadata key: `<adapter type>:<the engine's own type text>`.
pub const NATIVE_TYPE: &str = "dvt:native_type";

/// Metadata key: a [`LogicalType`] in text form.
pub const LOGICAL_TYPE: &str = "dvt:logical_type";

/// How `numeric` without precision travels: 48 digits before the point and 28 after it. A value with more is an error
/// that names the column, never a rounded number.
pub const UNCONSTRAINED_NUMERIC: DataType = DataType::Decimal256(76, 28);

/// What a column means beyond its Arrow type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogicalType {
    /// Utf8: text of at most this many characters.
    Varchar(u64),
    /// Utf8: blank-padded text of this many characters; values travel as the engine's own protocol gives them.
    Char(u64),
    /// Decimal256: `numeric` without precision and scale.
    Numeric,
    /// Utf8: canonical lower-case form with hyphens.
    Uuid,
    /// Utf8: the document as text.
    Json,
    /// Utf8: like [`LogicalType::Json`], stored parsed (PostgreSQL `jsonb`).
    Jsonb,
    /// Utf8: a label of an enumeration.
    Enum,
    /// Utf8: an address (PostgreSQL `inet`, `cidr`, `macaddr`).
    Network,
    /// Utf8: `HH:MM:SS[.ffffff]±HH[:MM]`.
    TimeWithTimeZone,
    /// Utf8: a string of `0` and `1`.
    Bit,
    /// Utf8: XML text.
    Xml,
    /// Int16: a year (MySQL `year`).
    Year,
    /// Int64, microseconds: a signed duration that may pass 24 hours (MySQL `time`).
    TimeSpan,
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Numeric => f.write_str("numeric"),
            Self::Uuid => f.write_str("uuid"),
            Self::Json => f.write_str("json"),
            Self::Jsonb => f.write_str("jsonb"),
            Self::Enum => f.write_str("enum"),
            Self::Network => f.write_str("network"),
            Self::TimeWithTimeZone => f.write_str("time with time zone"),
            Self::Bit => f.write_str("bit"),
            Self::Xml => f.write_str("xml"),
            Self::Year => f.write_str("year"),
            Self::TimeSpan => f.write_str("time span"),
        }
    }
}

/// The text is not one that [`LogicalType`]'s `Display` writes.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a logical type")]
pub struct UnknownLogicalType(String);

impl FromStr for LogicalType {
    type Err = UnknownLogicalType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownLogicalType(text.to_owned());
        let length = |prefix: &str| {
            text.strip_prefix(prefix)
                .and_then(|rest| rest.strip_suffix(')'))
                .map(|digits| digits.parse().map_err(|_| unknown()))
        };
        if let Some(length) = length("varchar(") {
            return length.map(Self::Varchar);
        }
        if let Some(length) = length("char(") {
            return length.map(Self::Char);
        }
        Ok(match text {
            "numeric" => Self::Numeric,
            "uuid" => Self::Uuid,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "enum" => Self::Enum,
            "network" => Self::Network,
            "time with time zone" => Self::TimeWithTimeZone,
            "bit" => Self::Bit,
            "xml" => Self::Xml,
            "year" => Self::Year,
            "time span" => Self::TimeSpan,
            _ => return Err(unknown()),
        })
    }
}

/// The field with its native type, and its logical type if it has one, in the metadata.
#[must_use]
pub fn with_types(field: Field, adapter_type: &str, native: &str, logical: Option<LogicalType>) -> Field {
    let mut metadata = field.metadata().clone();
    metadata.insert(NATIVE_TYPE.to_owned(), format!("{adapter_type}:{native}"));
    if let Some(logical) = logical {
        metadata.insert(LOGICAL_TYPE.to_owned(), logical.to_string());
    }
    field.with_metadata(metadata)
}

/// The field's native type text if it came from an engine of this adapter type.
#[must_use]
pub fn native_type<'a>(field: &'a Field, adapter_type: &str) -> Option<&'a str> {
    field.metadata().get(NATIVE_TYPE)?.strip_prefix(adapter_type)?.strip_prefix(':')
}

/// The field's logical type, `None` when its Arrow type says all.
#[must_use]
pub fn logical_type(field: &Field) -> Option<LogicalType> {
    field.metadata().get(LOGICAL_TYPE)?.parse().ok()
}

/// A column has a type that the target cannot hold faithfully.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` of type {data_type} has no counterpart on {adapter_type}: {reason}")]
pub struct UnsupportedType {
    pub column: String,
    pub data_type: String,
    pub adapter_type: String,
    pub reason: String,
}
