//! MySQL's types and Arrow's: how a column is read, and what holds an Arrow field in a new table.
//!
//! | MySQL | Arrow | logical |
//! |---|---|---|
//! | `tinyint` … `bigint` (`unsigned`) | `Int8` … `Int64` (`UInt8` … `UInt64`) | |
//! | `tinyint(1)`, `boolean` | `Int8`: the server stores any number of -128..127 in it | |
//! | `bit(1)` / `bit(n)` | `Boolean` / `Utf8` of `0` and `1` | - / bit |
//! | `decimal(p,s)` | `Decimal128`, past 38 digits `Decimal256` | |
//! | `float`, `double` | `Float32`, `Float64` | |
//! | `date`, `datetime` | `Date32`, `Timestamp(µs)` | |
//! | `timestamp` | `Timestamp(µs, UTC)` | |
//! | `time` | `Int64`, microseconds: it is a span, up to 838 hours, also negative | time span |
//! | `year` | `Int16` | year |
//! | `char(n)`, `varchar(n)`, `text` kinds | `Utf8` | char(n), varchar(n), - |
//! | `enum`, `set`, `json`, MariaDB's `uuid`, `inet4`, `inet6` | `Utf8` | enum, -, json, uuid, network |
//! | `binary`, `varbinary`, `blob` kinds | `Binary` | |
//!
//! Written: see [`column_type`]. Text goes to columns of the schema's default collation, as a `CREATE TABLE … AS` of the
//! user's would have it. Source: MySQL manual, "Data Types"; MariaDB knowledge base, "Data Types".

use crate::client::{BINARY_CHARSET, Column, code, flag};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    ColumnDescription, LogicalType, TextComparison, UnsupportedType, logical_type, native_type, with_types,
};

/// A `varchar` of more characters cannot be declared with four bytes a character.
const LONGEST_VARCHAR: u64 = 16_383;
const WIDEST_DECIMAL: u8 = 65;
const DEEPEST_SCALE: i8 = 30;

/// The head of a type text and the numbers in its brackets: `decimal(10,2) unsigned` is `decimal`, `[10, 2]`, unsigned.
pub(crate) struct TypeText {
    pub(crate) base: String,
    pub(crate) numbers: Vec<u64>,
    pub(crate) is_unsigned: bool,
}

impl TypeText {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let numbers = match (text.find('('), text.find(')')) {
            (Some(open), Some(close)) if open < close => {
                text[open + 1..close].split(',').filter_map(|number| number.trim().parse().ok()).collect()
            }
            _ => Vec::new(),
        };
        let tail = text.rsplit(')').next().unwrap_or_default();
        let is_unsigned = tail.split_whitespace().any(|word| word == "unsigned" || word == "zerofill");
        let base = match &text[..end] {
            "integer" => "int",
            "dec" | "numeric" | "fixed" => "decimal",
            "real" => "double",
            "bool" | "boolean" => "tinyint",
            base => base,
        };
        Self { base: base.to_owned(), numbers, is_unsigned }
    }

    pub(crate) fn number(&self, index: usize) -> Option<u64> {
        self.numbers.get(index).copied()
    }

    pub(crate) fn is_binary(&self) -> bool {
        matches!(self.base.as_str(), "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob")
    }

    /// Digits of a second that the type keeps.
    pub(crate) fn second_digits(&self) -> u32 {
        self.number(0).map_or(0, |digits| digits.min(6) as u32)
    }
}

/// A column as `information_schema.columns` has it.
pub(crate) fn of_catalog(
    adapter_type: &str,
    name: &str,
    column_type: &str,
    collation: Option<&str>,
    is_nullable: bool,
    is_json_text: bool,
) -> ColumnDescription {
    // MariaDB keeps JSON as text; what says so is its check.
    let column_type = if is_json_text { "json" } else { column_type };
    let text = TypeText::parse(column_type);
    let read = arrow_type(&text);
    let field = read.map(|(data_type, logical)| {
        with_types(Field::new(name, data_type, is_nullable), adapter_type, column_type, logical)
    });
    ColumnDescription {
        name: name.to_owned(),
        native_type: column_type.to_owned(),
        field,
        comparison: comparison(&text, collation),
    }
}

fn arrow_type(text: &TypeText) -> Result<(DataType, Option<LogicalType>), String> {
    let plain = |data_type| Ok((data_type, None));
    let signed = |signed, unsigned| Ok((if text.is_unsigned { unsigned } else { signed }, None));
    match text.base.as_str() {
        "tinyint" => signed(DataType::Int8, DataType::UInt8),
        "smallint" => signed(DataType::Int16, DataType::UInt16),
        "mediumint" | "int" => signed(DataType::Int32, DataType::UInt32),
        "bigint" => signed(DataType::Int64, DataType::UInt64),
        "float" => plain(DataType::Float32),
        "double" => plain(DataType::Float64),
        "decimal" => plain(decimal_type(text.number(0).unwrap_or(10), text.number(1).unwrap_or(0))),
        "date" => plain(DataType::Date32),
        "datetime" => plain(DataType::Timestamp(TimeUnit::Microsecond, None)),
        "timestamp" => plain(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        "time" => Ok((DataType::Int64, Some(LogicalType::TimeSpan))),
        "year" => Ok((DataType::Int16, Some(LogicalType::Year))),
        "char" => Ok((DataType::Utf8, Some(LogicalType::Char(text.number(0).unwrap_or(1))))),
        "varchar" => Ok((DataType::Utf8, text.number(0).map(LogicalType::Varchar))),
        "tinytext" | "text" | "mediumtext" | "longtext" | "set" => plain(DataType::Utf8),
        "enum" => Ok((DataType::Utf8, Some(LogicalType::Enum))),
        "json" => Ok((DataType::Utf8, Some(LogicalType::Json))),
        "uuid" => Ok((DataType::Utf8, Some(LogicalType::Uuid))),
        "inet4" | "inet6" => Ok((DataType::Utf8, Some(LogicalType::Network))),
        "bit" if text.number(0).unwrap_or(1) == 1 => plain(DataType::Boolean),
        "bit" => Ok((DataType::Utf8, Some(LogicalType::Bit))),
        _ if text.is_binary() => plain(DataType::Binary),
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" => {
            Err(format!("type `{}` is spatial; read it as text with `ST_AsText(…)` in a view", text.base))
        }
        other => Err(format!("type `{other}` has no Arrow counterpart; cast it in a view")),
    }
}

fn decimal_type(precision: u64, scale: u64) -> DataType {
    let precision = precision.clamp(1, u64::from(WIDEST_DECIMAL)) as u8;
    let scale = scale.min(DEEPEST_SCALE as u64) as i8;
    if precision <= 38 { DataType::Decimal128(precision, scale) } else { DataType::Decimal256(precision, scale) }
}

/// `=` of a PAD SPACE collation takes `'a'` and `'a '` for equal, so even `utf8mb4_bin` is loose; only the collations
/// that say NO PAD and compare bytes are not.
fn comparison(text: &TypeText, collation: Option<&str>) -> TextComparison {
    match text.base.as_str() {
        // They sort by a number behind the label, or by the kinds of their values.
        "enum" | "set" | "json" => {
            TextComparison::Loose { collation: format!("{} ({})", collation.unwrap_or("none"), text.base) }
        }
        "uuid" | "inet4" | "inet6" => TextComparison::BinaryEquality,
        // `0x00` is padded away in comparisons of `binary(n)` only by the type itself: values have full length.
        _ => match collation {
            None | Some("binary") => TextComparison::Binary,
            Some(
                "utf8mb4_0900_bin" | "utf8mb4_nopad_bin" | "utf8mb3_nopad_bin" | "utf8_nopad_bin" | "ascii_nopad_bin",
            ) => TextComparison::Binary,
            Some(nopad) if nopad.ends_with("_nopad_bin") => TextComparison::BinaryEquality,
            Some(collation) => TextComparison::Loose { collation: collation.to_owned() },
        },
    }
}

/// A result column as the protocol describes it. Its collation is not told, so text is taken to compare loosely.
pub(crate) fn of_result(adapter_type: &str, column: &Column) -> ColumnDescription {
    let native = native_text(column);
    let text = TypeText::parse(&native);
    let is_text = matches!(arrow_type(&text), Ok((DataType::Utf8, _)));
    let field = arrow_type(&text).map(|(data_type, logical)| {
        with_types(Field::new(&column.name, data_type, !column.is_not_null()), adapter_type, &native, logical)
    });
    ColumnDescription {
        name: column.name.clone(),
        native_type: native,
        field,
        comparison: if is_text {
            TextComparison::Loose { collation: "not told for a query's column".to_owned() }
        } else {
            TextComparison::Binary
        },
    }
}

/// The type text that would declare this result column.
fn native_text(column: &Column) -> String {
    let integer = |name: &str| if column.is_unsigned() { format!("{name} unsigned") } else { name.to_owned() };
    let with_digits = |name: &str| match column.decimals {
        0 => name.to_owned(),
        digits => format!("{name}({})", digits.min(6)),
    };
    let is_binary = column.charset == BINARY_CHARSET;
    // Four bytes a character: results are sent in utf8mb4.
    let characters = column.length / 4;
    match column.code {
        code::TINY => integer("tinyint"),
        code::SHORT => integer("smallint"),
        code::INT24 => integer("mediumint"),
        code::LONG => integer("int"),
        code::LONGLONG => integer("bigint"),
        code::FLOAT => "float".to_owned(),
        code::DOUBLE => "double".to_owned(),
        code::DECIMAL | code::NEWDECIMAL => {
            let signs = u32::from(column.decimals > 0) + u32::from(!column.is_unsigned());
            let precision = column.length.saturating_sub(signs).clamp(1, u32::from(WIDEST_DECIMAL));
            format!("decimal({precision},{})", column.decimals.min(DEEPEST_SCALE as u8))
        }
        code::DATE => "date".to_owned(),
        code::TIME => with_digits("time"),
        code::DATETIME => with_digits("datetime"),
        code::TIMESTAMP => with_digits("timestamp"),
        code::YEAR => "year".to_owned(),
        code::BIT => format!("bit({})", column.length.max(1)),
        code::JSON => "json".to_owned(),
        code::GEOMETRY => "geometry".to_owned(),
        code::NULL => "varchar(1)".to_owned(),
        _ if column.flags & flag::ENUM != 0 || column.code == code::ENUM => "enum".to_owned(),
        _ if column.flags & flag::SET != 0 || column.code == code::SET => "set".to_owned(),
        code::STRING if is_binary => format!("binary({})", column.length.max(1)),
        code::VAR_STRING if is_binary => format!("varbinary({})", column.length.max(1)),
        code::STRING if u64::from(characters) <= 255 => format!("char({})", characters.max(1)),
        code::VAR_STRING | code::STRING if u64::from(characters) <= LONGEST_VARCHAR => {
            format!("varchar({})", characters.max(1))
        }
        code::TINY_BLOB | code::BLOB | code::MEDIUM_BLOB | code::LONG_BLOB if is_binary => "longblob".to_owned(),
        code::TINY_BLOB | code::BLOB | code::MEDIUM_BLOB | code::LONG_BLOB | code::VAR_STRING | code::STRING => {
            "longtext".to_owned()
        }
        other => format!("type_{other:#04x}"),
    }
}

/// The type text of a new column that holds this field's values exactly.
///
/// An instant (`Timestamp` with a zone) becomes `datetime(6)` in UTC: MySQL's own `timestamp` ends in 2038, so it is
/// taken only for columns that were one. A time of day becomes `time(6)`, a uuid `char(36)`. A blank-padded text of
/// another engine becomes `varchar(n)`, since MySQL's `char` gives values back without their trailing blanks.
pub(crate) fn column_type(adapter_type: &str, field: &Field) -> Result<String, UnsupportedType> {
    let refuse = |reason: &str| {
        Err(UnsupportedType {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            adapter_type: adapter_type.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if let Some(native) = own_native(adapter_type, field) {
        return Ok(native);
    }
    let varchar =
        |length: u64| if length <= LONGEST_VARCHAR { format!("varchar({length})") } else { "longtext".into() };
    let logical = logical_type(field);
    Ok(match (field.data_type(), logical) {
        (DataType::Boolean, _) => "tinyint(1)".to_owned(),
        (DataType::Int16, Some(LogicalType::Year)) => "smallint".to_owned(),
        (DataType::Int8, _) => "tinyint".to_owned(),
        (DataType::Int16, _) => "smallint".to_owned(),
        (DataType::Int32, _) => "int".to_owned(),
        (DataType::Int64, Some(LogicalType::TimeSpan)) => "time(6)".to_owned(),
        (DataType::Int64, _) => "bigint".to_owned(),
        (DataType::UInt8, _) => "tinyint unsigned".to_owned(),
        (DataType::UInt16, _) => "smallint unsigned".to_owned(),
        (DataType::UInt32, _) => "int unsigned".to_owned(),
        (DataType::UInt64, _) => "bigint unsigned".to_owned(),
        (DataType::Float32, _) => "float".to_owned(),
        (DataType::Float16 | DataType::Float64, _) => "double".to_owned(),
        // The widest that keeps 28 digits behind the point; a value with more than 37 before it is an error of the load.
        (DataType::Decimal256(..), Some(LogicalType::Numeric)) => "decimal(65,28)".to_owned(),
        (
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale),
            _,
        ) => {
            // A negative scale means zeros before the point.
            let digits = u16::from(*precision) + u16::from((-*scale).max(0).unsigned_abs());
            if digits > u16::from(WIDEST_DECIMAL) || *scale > DEEPEST_SCALE {
                return refuse("`decimal` holds at most 65 digits, 30 of them behind the point");
            }
            // A scale wider than the precision needs digits for the zeros behind the point.
            format!("decimal({},{})", digits.max(u16::from((*scale).max(0).unsigned_abs())), (*scale).max(0))
        }
        (DataType::Date32 | DataType::Date64, _) => "date".to_owned(),
        // Of nanoseconds, values of whole microseconds fit; others are errors of the load.
        (DataType::Timestamp(..), _) => "datetime(6)".to_owned(),
        (DataType::Time32(_) | DataType::Time64(_), _) => "time(6)".to_owned(),
        (DataType::Duration(_), _) => return refuse("a duration has no exact type; cast it to a number"),
        (DataType::Interval(_), _) => return refuse("there is no interval type; cast it to text"),
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, logical) => match logical {
            Some(LogicalType::Varchar(length) | LogicalType::Char(length)) => varchar(length),
            Some(LogicalType::Uuid) => "char(36)".to_owned(),
            Some(LogicalType::Json | LogicalType::Jsonb) => "json".to_owned(),
            Some(LogicalType::Enum) => "varchar(255)".to_owned(),
            Some(LogicalType::Network) => "varchar(64)".to_owned(),
            Some(LogicalType::TimeWithTimeZone) => "varchar(32)".to_owned(),
            _ => "longtext".to_owned(),
        },
        (DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), _) => {
            "longblob".to_owned()
        }
        (DataType::Null, _) => "varchar(1)".to_owned(),
        (DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..), _) => {
            return refuse("there is no array type; turn it into text or JSON in the model");
        }
        (DataType::Struct(_) | DataType::Map(..), _) => {
            return refuse("there is no nested type; turn it into JSON in the model");
        }
        _ => return refuse("it has no counterpart"),
    })
}

/// The native text of a column that came from MySQL or MariaDB, where the other one knows it too.
fn own_native(adapter_type: &str, field: &Field) -> Option<String> {
    let (native, is_same) = match native_type(field, adapter_type) {
        Some(native) => (native, true),
        None => (native_type(field, if adapter_type == "mysql" { "mariadb" } else { "mysql" })?, false),
    };
    let text = TypeText::parse(native);
    // The labels of a result column are not told.
    if matches!(text.base.as_str(), "enum" | "set") && !native.contains('(') {
        return None;
    }
    if !is_same && matches!(text.base.as_str(), "uuid" | "inet4" | "inet6") {
        return None;
    }
    // An expression may have changed the Arrow type and kept the metadata.
    let (expected, _) = arrow_type(&text).ok()?;
    (&expected == field.data_type()).then(|| native.to_owned())
}

#[cfg(test)]
mod tests;
