//! What DuckDB's driver delivers, turned into the Arrow types of `types.rs`.
//!
//! Sessions run with `arrow_lossless_conversion`: values that Arrow has no type for come as bytes with an extension name
//! (without it a `HUGEINT` of 39 digits or a time with zone would come wrong, without a word).

use super::types::DuckType;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal256Builder, ListArray, MapArray, StringBuilder, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Field, Int8Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, i256,
};
use dvt_adapter::strict_cast;
use std::fmt::Write as _;
use std::sync::Arc;

/// DuckDB's type of a delivered column.
pub(crate) fn delivered_type(field: &Field) -> DuckType {
    let metadata = field.metadata();
    match metadata.get("ARROW:extension:name").map(String::as_str) {
        None => {}
        Some("arrow.bool8") => return DuckType::Boolean,
        Some("arrow.uuid") => return DuckType::Uuid,
        Some("arrow.json") => return DuckType::Json,
        Some("arrow.opaque") => {
            let name = metadata
                .get("ARROW:extension:metadata")
                .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok())
                .and_then(|value| value.get("type_name")?.as_str().map(str::to_uppercase))
                .unwrap_or_default();
            return match name.as_str() {
                "HUGEINT" => DuckType::HugeInt,
                "UHUGEINT" => DuckType::UHugeInt,
                "BIT" => DuckType::Bit,
                "TIME_TZ" => DuckType::TimeTz,
                _ => DuckType::Other(name),
            };
        }
        Some(other) => return DuckType::Other(other.to_owned()),
    }
    of_arrow(field.data_type())
}

fn of_arrow(data_type: &DataType) -> DuckType {
    match data_type {
        DataType::Boolean => DuckType::Boolean,
        DataType::Int8 => DuckType::TinyInt,
        DataType::Int16 => DuckType::SmallInt,
        DataType::Int32 | DataType::Null => DuckType::Integer,
        DataType::Int64 => DuckType::BigInt,
        DataType::UInt8 => DuckType::UTinyInt,
        DataType::UInt16 => DuckType::USmallInt,
        DataType::UInt32 => DuckType::UInteger,
        DataType::UInt64 => DuckType::UBigInt,
        DataType::Float32 => DuckType::Float,
        DataType::Float64 => DuckType::Double,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => DuckType::Decimal(*precision, *scale),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DuckType::Varchar,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DuckType::Blob,
        DataType::Dictionary(..) => DuckType::Enum,
        DataType::Date32 => DuckType::Date,
        DataType::Time64(TimeUnit::Nanosecond) => DuckType::TimeNs,
        DataType::Time64(_) => DuckType::Time,
        DataType::Timestamp(_, Some(_)) => DuckType::TimestampTz,
        DataType::Timestamp(TimeUnit::Second, None) => DuckType::TimestampS,
        DataType::Timestamp(TimeUnit::Millisecond, None) => DuckType::TimestampMs,
        DataType::Timestamp(TimeUnit::Microsecond, None) => DuckType::Timestamp,
        DataType::Timestamp(TimeUnit::Nanosecond, None) => DuckType::TimestampNs,
        DataType::Interval(_) => DuckType::Interval,
        DataType::List(item) | DataType::LargeList(item) => DuckType::List(Box::new(delivered_type(item))),
        DataType::FixedSizeList(item, length) => DuckType::Array(Box::new(delivered_type(item)), *length),
        DataType::Struct(fields) => {
            DuckType::Struct(fields.iter().map(|field| (field.name().clone(), delivered_type(field))).collect())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                DuckType::Map(Box::new(delivered_type(&pair[0])), Box::new(delivered_type(&pair[1])))
            }
            other => DuckType::Other(other.to_string()),
        },
        other => DuckType::Other(other.to_string()),
    }
}

/// The values as [`DuckType::arrow`] says, or why one of them has no such form.
pub(crate) fn decode(values: &ArrayRef, of: &DuckType) -> Result<ArrayRef, String> {
    let (natural, _) = of.arrow()?;
    let decoded: ArrayRef = match of {
        DuckType::Boolean => match values.data_type() {
            DataType::Int8 => {
                let bytes = values.as_primitive::<Int8Type>();
                Arc::new(bytes.iter().map(|byte| byte.map(|byte| byte != 0)).collect::<BooleanArray>())
            }
            _ => Arc::clone(values),
        },
        DuckType::HugeInt => huge(values, |bytes| i256::from_i128(i128::from_le_bytes(bytes)))?,
        DuckType::UHugeInt => huge(values, |bytes| i256::from_parts(u128::from_le_bytes(bytes), 0))?,
        DuckType::Uuid => texts(values, uuid_text)?,
        DuckType::Bit => texts(values, bit_text)?,
        DuckType::TimeTz => texts(values, time_with_zone_text)?,
        DuckType::Date => {
            let days = values.as_primitive::<Date32Type>();
            if days.iter().flatten().any(|day| day == i32::MAX || day == -i32::MAX) {
                return Err("`infinity` is no date elsewhere".to_owned());
            }
            Arc::clone(values)
        }
        DuckType::Timestamp
        | DuckType::TimestampS
        | DuckType::TimestampMs
        | DuckType::TimestampNs
        | DuckType::TimestampTz => {
            if is_infinite(values) {
                return Err("`infinity` is no time elsewhere".to_owned());
            }
            match values.data_type() {
                // Only the name of the session's zone is replaced: the instants are UTC's.
                DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
                    Arc::new(values.as_primitive::<TimestampMicrosecondType>().clone().with_timezone("UTC"))
                }
                _ => Arc::clone(values),
            }
        }
        DuckType::List(item) | DuckType::Array(item, _) => list(values, item)?,
        DuckType::Struct(fields) => {
            let rows = values.as_struct();
            let columns = rows.columns().iter().zip(fields).map(|(column, (_, of))| decode(column, of));
            let DataType::Struct(fields) = &natural else { return Err("not a struct".to_owned()) };
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let rows = StructArray::try_new_with_length(fields.clone(), columns, rows.nulls().cloned(), rows.len());
            Arc::new(rows.map_err(|error| error.to_string())?)
        }
        DuckType::Map(key, value) => {
            let map = values.as_map();
            let DataType::Map(entries, _) = &natural else { return Err("not a map".to_owned()) };
            let DataType::Struct(pair) = entries.data_type() else { return Err("not a map".to_owned()) };
            let columns = vec![decode(map.keys(), key)?, decode(map.values(), value)?];
            let rows = StructArray::try_new(pair.clone(), columns, None).map_err(|error| error.to_string())?;
            let map = MapArray::try_new(Arc::clone(entries), map.offsets().clone(), rows, map.nulls().cloned(), false);
            Arc::new(map.map_err(|error| error.to_string())?)
        }
        _ => Arc::clone(values),
    };
    if *decoded.data_type() == natural {
        return Ok(decoded);
    }
    strict_cast(&decoded, &natural).map_err(|problem| problem.to_string())
}

fn is_infinite(values: &ArrayRef) -> bool {
    macro_rules! any {
        ($kind:ty) => {
            values.as_primitive::<$kind>().iter().flatten().any(|value| value == i64::MAX || value == -i64::MAX)
        };
    }
    match values.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => any!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => any!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => any!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => any!(TimestampNanosecondType),
        _ => false,
    }
}

fn list(values: &ArrayRef, of: &DuckType) -> Result<ArrayRef, String> {
    let field = |items: &ArrayRef| Arc::new(Field::new("item", items.data_type().clone(), true));
    let rows = match values.data_type() {
        DataType::FixedSizeList(_, length) => {
            let rows = values.as_fixed_size_list();
            let items = decode(rows.values(), of)?;
            let length = usize::try_from(*length).map_err(|_| "an array of a negative length".to_owned())?;
            let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(length, rows.len()));
            ListArray::try_new(field(&items), offsets, items, rows.nulls().cloned())
        }
        DataType::List(_) => {
            let rows = values.as_list::<i32>();
            let items = decode(rows.values(), of)?;
            ListArray::try_new(field(&items), rows.offsets().clone(), items, rows.nulls().cloned())
        }
        other => return Err(format!("a list came as {other}")),
    };
    Ok(Arc::new(rows.map_err(|error| error.to_string())?))
}

fn huge(values: &ArrayRef, number: impl Fn([u8; 16]) -> i256) -> Result<ArrayRef, String> {
    let Some(bytes) = values.as_fixed_size_binary_opt().filter(|bytes| bytes.value_length() == 16) else {
        return Err(format!("a 128-bit integer came as {}", values.data_type()));
    };
    let mut numbers = Decimal256Builder::with_capacity(values.len()).with_data_type(super::types::HUGE);
    for row in bytes.iter() {
        numbers.append_option(row.and_then(|row| Some(number(row.try_into().ok()?))));
    }
    Ok(Arc::new(numbers.finish()))
}

/// Text made of each value's bytes.
fn texts(values: &ArrayRef, text: impl Fn(&[u8]) -> Option<String>) -> Result<ArrayRef, String> {
    let row_bytes = |row: usize| -> Option<&[u8]> {
        match values.data_type() {
            DataType::FixedSizeBinary(_) => Some(values.as_fixed_size_binary().value(row)),
            DataType::Binary => Some(values.as_binary::<i32>().value(row)),
            _ => None,
        }
    };
    if matches!(values.data_type(), DataType::Utf8) {
        return Ok(Arc::clone(values));
    }
    let mut texts = StringBuilder::new();
    for row in 0..values.len() {
        if values.is_null(row) {
            texts.append_null();
            continue;
        }
        match row_bytes(row).and_then(&text) {
            Some(text) => texts.append_value(text),
            None => return Err(format!("a value came in a form that is not known ({})", values.data_type())),
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn uuid_text(bytes: &[u8]) -> Option<String> {
    let number = u128::from_be_bytes(bytes.try_into().ok()?);
    let digits = format!("{number:032x}");
    Some([&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

/// The first byte counts the unused bits at the beginning of the second.
fn bit_text(bytes: &[u8]) -> Option<String> {
    let (unused, bytes) = bytes.split_first()?;
    let mut text = String::with_capacity(bytes.len() * 8);
    for byte in bytes {
        write!(text, "{byte:08b}").ok()?;
    }
    text.get(usize::from(*unused)..).map(str::to_owned)
}

/// 40 bits of microseconds, then 24 bits of the largest offset less the offset in seconds.
fn time_with_zone_text(bytes: &[u8]) -> Option<String> {
    const LARGEST_OFFSET: i64 = 16 * 60 * 60 - 1;
    let bits = u64::from_le_bytes(bytes.try_into().ok()?);
    let offset = LARGEST_OFFSET - i64::try_from(bits & 0xFF_FFFF).ok()?;
    let micros = bits >> 24;
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    let sign = if offset < 0 { '-' } else { '+' };
    let offset = offset.unsigned_abs();
    write!(text, "{sign}{:02}", offset / 3600).ok()?;
    if !offset.is_multiple_of(3600) {
        write!(text, ":{:02}", offset / 60 % 60).ok()?;
    }
    if !offset.is_multiple_of(60) {
        write!(text, ":{:02}", offset % 60).ok()?;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{bit_text, time_with_zone_text, uuid_text};

    #[test]
    fn bytes_become_texts() {
        assert_eq!(bit_text(&[5, 0xFD]).as_deref(), Some("101"));
        assert_eq!(bit_text(&[0, 0x0F, 0xF0]).as_deref(), Some("0000111111110000"));
        let zoned = |micros: u64, offset: i64| {
            let bits = (micros << 24) | u64::try_from(57_599 - offset).unwrap();
            time_with_zone_text(&bits.to_le_bytes()).unwrap()
        };
        assert_eq!(time_with_zone_text(&[0xdf, 0xc4, 0x00, 0xc0, 0x78, 0xe8, 0xdd, 0x00]).unwrap(), "01:02:03+02");
        assert_eq!(zoned(500_000, -(5 * 3600 + 30 * 60)), "00:00:00.5-05:30");
        assert_eq!(zoned(86_399_999_999, 0), "23:59:59.999999+00");
        let uuid = u128::from_str_radix("6fa459eaee8a3ca4894edb77e160355e", 16).unwrap();
        assert_eq!(uuid_text(&uuid.to_be_bytes()).unwrap(), "6fa459ea-ee8a-3ca4-894e-db77e160355e");
    }
}
