//! Stored values into Arrow columns: what the declared type says, exactly, or an error that shows the value.

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryBuilder, BooleanBuilder, PrimitiveBuilder, RecordBatch, RecordBatchOptions,
    StringBuilder, new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, SchemaRef, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type, i256,
};
use dvt_adapter::UnsupportedType;
use rusqlite::types::ValueRef;
use std::sync::Arc;

/// Digits that a REAL keeps through text and back.
const REAL_DIGITS: usize = 15;
const DAY: i64 = 86_400;
/// Seconds of the last moment of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;
const FIRST_SECOND: i64 = -62_167_219_200;

#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) column: String,
    pub(crate) reason: String,
}

/// Collects rows into batches of one schema.
pub(crate) struct RowCollector {
    schema: SchemaRef,
    sinks: Vec<Sink>,
    rows: usize,
    bytes: usize,
}

enum Sink {
    Boolean(BooleanBuilder),
    Int8(PrimitiveBuilder<Int8Type>),
    Int16(PrimitiveBuilder<Int16Type>),
    Int32(PrimitiveBuilder<Int32Type>),
    Int64(PrimitiveBuilder<Int64Type>),
    UInt8(PrimitiveBuilder<UInt8Type>),
    UInt16(PrimitiveBuilder<UInt16Type>),
    UInt32(PrimitiveBuilder<UInt32Type>),
    UInt64(PrimitiveBuilder<UInt64Type>),
    Float32(PrimitiveBuilder<Float32Type>),
    Float64(PrimitiveBuilder<Float64Type>),
    Decimal128(PrimitiveBuilder<Decimal128Type>, u8, i8),
    Decimal256(PrimitiveBuilder<Decimal256Type>, u8, i8),
    Date(PrimitiveBuilder<Date32Type>),
    Second(PrimitiveBuilder<TimestampSecondType>),
    Millisecond(PrimitiveBuilder<TimestampMillisecondType>),
    Microsecond(PrimitiveBuilder<TimestampMicrosecondType>),
    Nanosecond(PrimitiveBuilder<TimestampNanosecondType>),
    Time(PrimitiveBuilder<Time64MicrosecondType>),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Null(usize),
}

impl RowCollector {
    /// # Errors
    /// When SQLite has nothing that could be read as a column's type.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, UnsupportedType> {
        let sinks = schema
            .fields()
            .iter()
            .map(|field| {
                Sink::new(field).ok_or_else(|| UnsupportedType {
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                    adapter_type: crate::types::ADAPTER_TYPE.to_owned(),
                    reason: "no stored value is read as it".to_owned(),
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { schema, sinks, rows: 0, bytes: 0 })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push<'a>(&mut self, values: impl Iterator<Item = ValueRef<'a>>) -> Result<(), Misfit> {
        self.rows += 1;
        for (index, (value, sink)) in values.zip(&mut self.sinks).enumerate() {
            self.bytes += match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() + 8,
                _ => 8,
            };
            let field = self.schema.field(index);
            let result = match value {
                ValueRef::Null if field.is_nullable() => {
                    sink.push_null();
                    Ok(())
                }
                ValueRef::Null => Err("it holds NULL, and the column is declared without NULLs".to_owned()),
                value => sink.push(value),
            };
            result.map_err(|reason| Misfit { column: field.name().clone(), reason })?;
        }
        Ok(())
    }

    /// The rows so far as a batch; the collector is empty then.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, Misfit> {
        let arrays = self.sinks.iter_mut().zip(self.schema.fields()).map(|(sink, field)| sink.finish(field)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Misfit { column: String::new(), reason: error.to_string() })
    }
}

impl Sink {
    fn new(field: &Field) -> Option<Self> {
        let data_type = field.data_type().clone();
        Some(match field.data_type() {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Self::Int8(PrimitiveBuilder::new()),
            DataType::Int16 => Self::Int16(PrimitiveBuilder::new()),
            DataType::Int32 => Self::Int32(PrimitiveBuilder::new()),
            DataType::Int64 => Self::Int64(PrimitiveBuilder::new()),
            DataType::UInt8 => Self::UInt8(PrimitiveBuilder::new()),
            DataType::UInt16 => Self::UInt16(PrimitiveBuilder::new()),
            DataType::UInt32 => Self::UInt32(PrimitiveBuilder::new()),
            DataType::UInt64 => Self::UInt64(PrimitiveBuilder::new()),
            DataType::Float32 => Self::Float32(PrimitiveBuilder::new()),
            DataType::Float64 => Self::Float64(PrimitiveBuilder::new()),
            DataType::Decimal128(precision, scale) => {
                Self::Decimal128(PrimitiveBuilder::new().with_data_type(data_type), *precision, *scale)
            }
            DataType::Decimal256(precision, scale) => {
                Self::Decimal256(PrimitiveBuilder::new().with_data_type(data_type), *precision, *scale)
            }
            DataType::Date32 => Self::Date(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Second(PrimitiveBuilder::new().with_data_type(data_type)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Self::Millisecond(PrimitiveBuilder::new().with_data_type(data_type))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Microsecond(PrimitiveBuilder::new().with_data_type(data_type))
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                Self::Nanosecond(PrimitiveBuilder::new().with_data_type(data_type))
            }
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(PrimitiveBuilder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Null => Self::Null(0),
            _ => return None,
        })
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Int16(builder) => builder.append_null(),
            Self::Int32(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::UInt8(builder) => builder.append_null(),
            Self::UInt16(builder) => builder.append_null(),
            Self::UInt32(builder) => builder.append_null(),
            Self::UInt64(builder) => builder.append_null(),
            Self::Float32(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Decimal128(builder, ..) => builder.append_null(),
            Self::Decimal256(builder, ..) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Second(builder) => builder.append_null(),
            Self::Millisecond(builder) => builder.append_null(),
            Self::Microsecond(builder) => builder.append_null(),
            Self::Nanosecond(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
            Self::Null(count) => *count += 1,
        }
    }

    fn push(&mut self, value: ValueRef<'_>) -> Result<(), String> {
        match self {
            Self::Int8(builder) => push_int(builder, value)?,
            Self::Int16(builder) => push_int(builder, value)?,
            Self::Int32(builder) => push_int(builder, value)?,
            Self::Int64(builder) => push_int(builder, value)?,
            Self::UInt8(builder) => push_int(builder, value)?,
            Self::UInt16(builder) => push_int(builder, value)?,
            Self::UInt32(builder) => push_int(builder, value)?,
            Self::UInt64(builder) => match value {
                ValueRef::Text(text) => {
                    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                    builder.append_value(number.ok_or_else(|| unlike(value, "a whole number"))?);
                }
                value => push_int(builder, value)?,
            },
            Self::Float64(builder) => builder.append_value(real(value)?),
            Self::Float32(builder) => {
                let number = real(value)?;
                if number.is_finite() && f64::from(number as f32).to_bits() != number.to_bits() {
                    return Err(unlike(value, "a short floating number"));
                }
                builder.append_value(number as f32);
            }
            Self::Boolean(builder) => builder.append_value(match value {
                ValueRef::Integer(0) => false,
                ValueRef::Integer(1) => true,
                ValueRef::Text(text) if text.eq_ignore_ascii_case(b"true") => true,
                ValueRef::Text(text) if text.eq_ignore_ascii_case(b"false") => false,
                value => return Err(unlike(value, "a truth value (0 or 1)")),
            }),
            Self::Decimal128(builder, precision, scale) => {
                let number = decimal(value, *precision, *scale)?;
                builder.append_value(number.to_i128().ok_or_else(|| unlike(value, "a decimal"))?);
            }
            Self::Decimal256(builder, precision, scale) => builder.append_value(decimal(value, *precision, *scale)?),
            Self::Date(builder) => {
                let (seconds, nanos) = moment(value)?;
                if nanos != 0 || seconds.rem_euclid(DAY) != 0 {
                    return Err(unlike(value, "a date: it has a time of day"));
                }
                builder.append_value(seconds.div_euclid(DAY) as i32);
            }
            Self::Second(builder) => builder.append_value(units(value, 1)?),
            Self::Millisecond(builder) => builder.append_value(units(value, 1_000)?),
            Self::Microsecond(builder) => builder.append_value(units(value, 1_000_000)?),
            Self::Nanosecond(builder) => builder.append_value(units(value, 1_000_000_000)?),
            Self::Time(builder) => {
                let ValueRef::Text(text) = value else { return Err(unlike(value, "a time of day as text")) };
                let time = std::str::from_utf8(text).ok().and_then(clock);
                let (seconds, nanos) = time.ok_or_else(|| unlike(value, "a time of day (HH:MM:SS)"))?;
                if nanos % 1000 != 0 {
                    return Err(unlike(value, "a time of whole microseconds"));
                }
                builder.append_value(seconds * 1_000_000 + nanos / 1000);
            }
            Self::Text(builder) => match value {
                ValueRef::Text(text) => {
                    builder.append_value(std::str::from_utf8(text).map_err(|_| "its text is not UTF-8".to_owned())?);
                }
                ValueRef::Integer(number) => builder.append_value(number.to_string()),
                value => return Err(unlike(value, "text")),
            },
            Self::Bytes(builder) => match value {
                ValueRef::Blob(bytes) => builder.append_value(bytes),
                value => return Err(unlike(value, "a blob")),
            },
            Self::Null(_) => return Err(unlike(value, "NULL")),
        }
        Ok(())
    }

    fn finish(&mut self, field: &Field) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Int16(builder) => Arc::new(builder.finish()),
            Self::Int32(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::UInt8(builder) => Arc::new(builder.finish()),
            Self::UInt16(builder) => Arc::new(builder.finish()),
            Self::UInt32(builder) => Arc::new(builder.finish()),
            Self::UInt64(builder) => Arc::new(builder.finish()),
            Self::Float32(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal128(builder, ..) => Arc::new(builder.finish()),
            Self::Decimal256(builder, ..) => Arc::new(builder.finish()),
            Self::Date(builder) => Arc::new(builder.finish()),
            Self::Second(builder) => Arc::new(builder.finish()),
            Self::Millisecond(builder) => Arc::new(builder.finish()),
            Self::Microsecond(builder) => Arc::new(builder.finish()),
            Self::Nanosecond(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Bytes(builder) => Arc::new(builder.finish()),
            Self::Null(count) => new_null_array(field.data_type(), std::mem::take(count)),
        }
    }
}

fn push_int<T>(builder: &mut PrimitiveBuilder<T>, value: ValueRef<'_>) -> Result<(), String>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64>,
{
    let number = match value {
        ValueRef::Integer(number) => number,
        // What SQLite computed from whole numbers in REAL arithmetic.
        ValueRef::Real(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => number as i64,
        value => return Err(unlike(value, "a whole number")),
    };
    let fitting = T::Native::try_from(number).map_err(|_| unlike(value, &T::DATA_TYPE.to_string()))?;
    builder.append_value(fitting);
    Ok(())
}

fn real(value: ValueRef<'_>) -> Result<f64, String> {
    match value {
        ValueRef::Real(number) => Ok(number),
        ValueRef::Integer(number) if number.unsigned_abs() <= 1 << 53 => Ok(number as f64),
        value => Err(unlike(value, "a floating number")),
    }
}

/// The unscaled number. A REAL stands for its shortest text, which is what was put in as long as it has 15 digits.
fn decimal(value: ValueRef<'_>, precision: u8, scale: i8) -> Result<i256, String> {
    let text = match value {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) if number.is_finite() => {
            let text = number.to_string();
            let digits = text.trim_start_matches(['-', '0', '.']).bytes().filter(u8::is_ascii_digit).count();
            let zeros = if text.contains('.') { 0 } else { text.len() - text.trim_end_matches('0').len() };
            if digits - zeros.min(digits) > REAL_DIGITS {
                return Err(format!("the REAL {text} has more than {REAL_DIGITS} digits, so it is no exact decimal"));
            }
            text
        }
        ValueRef::Text(text) => std::str::from_utf8(text)
            .ok()
            .filter(|text| is_number(text))
            .ok_or_else(|| unlike(value, "a decimal"))?
            .to_owned(),
        value => return Err(unlike(value, "a decimal")),
    };
    let misfit = || format!("{text} does not fit decimal({precision},{scale})");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let places = usize::try_from(scale).map_err(|_| misfit())?;
    let (kept, lost) = fraction.split_at(fraction.len().min(places));
    if lost.bytes().any(|digit| digit != b'0') {
        return Err(misfit());
    }
    let digits = format!("{whole}{kept:0<places$}");
    if digits.trim_start_matches(['-', '0']).len() > usize::from(precision) {
        return Err(misfit());
    }
    i256::from_string(&digits).ok_or_else(misfit)
}

/// `-12.50`: a sign, digits, perhaps a point and digits.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

fn units(value: ValueRef<'_>, per_second: i64) -> Result<i64, String> {
    let (seconds, nanos) = moment(value)?;
    let per_unit = 1_000_000_000 / per_second;
    if nanos % per_unit != 0 {
        return Err(unlike(value, "a moment of so few digits behind the second"));
    }
    seconds
        .checked_mul(per_second)
        .and_then(|units| units.checked_add(nanos / per_unit))
        .ok_or_else(|| unlike(value, "a moment that its type can count"))
}

/// Seconds since 1970 and nanoseconds: ISO 8601 text (an offset is taken off, as SQLite's own functions do), or a whole
/// number of seconds.
fn moment(value: ValueRef<'_>) -> Result<(i64, i64), String> {
    match value {
        ValueRef::Integer(seconds @ FIRST_SECOND..=LAST_SECOND) => Ok((seconds, 0)),
        ValueRef::Text(text) => std::str::from_utf8(text)
            .ok()
            .and_then(iso_moment)
            .ok_or_else(|| unlike(value, "a date or moment (YYYY-MM-DD[ HH:MM[:SS[.fff]]])")),
        ValueRef::Real(_) => Err(unlike(value, "a date: Julian day numbers are rounded; use `datetime(x)` in a view")),
        value => Err(unlike(value, "a date or moment")),
    }
}

fn iso_moment(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    let (day, rest) = text.split_at_checked(10)?;
    let bytes = day.as_bytes();
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let days = days_of(day[..4].parse().ok()?, day[5..7].parse().ok()?, day[8..].parse().ok()?)?;
    let seconds = i64::from(days) * DAY;
    if rest.is_empty() {
        return Some((seconds, 0));
    }
    let rest = rest.strip_prefix([' ', 'T', 't'])?;
    let (time, offset) = match rest.find(['Z', 'z', '+', '-']) {
        None => (rest, 0),
        Some(start) => (rest[..start].trim_end(), offset(&rest[start..])?),
    };
    let (of_day, nanos) = clock(time)?;
    Some((seconds + of_day - offset, nanos))
}

/// `Z`, `+02:00`, `-0530`, `+02` in seconds.
fn offset(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = text.split_at_checked(1)?;
    let sign = match sign {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = match digits.len() {
        2 => 0,
        4 => digits.get(2..)?.parse().ok()?,
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `HH:MM[:SS[.fffffffff]]` in seconds and nanoseconds.
fn clock(text: &str) -> Option<(i64, i64)> {
    let two = |text: &str, limit: i64| -> Option<i64> {
        let number =
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())??;
        (number < limit).then_some(number)
    };
    let mut parts = text.splitn(3, ':');
    let hours = two(parts.next()?, 24)?;
    let minutes = two(parts.next()?, 60)?;
    let (seconds, nanos) = match parts.next() {
        None => (0, 0),
        Some(rest) => {
            let (seconds, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (kept, lost) = fraction.split_at(fraction.len().min(9));
            if lost.bytes().any(|digit| digit != b'0') {
                return None;
            }
            (two(seconds, 60)?, format!("{kept:0<9}").parse().ok()?)
        }
    };
    Some((hours * 3600 + minutes * 60 + seconds, nanos))
}

/// Days since 1970, `None` for a day that is not in the calendar.
fn days_of(year: i32, month: u32, day: u32) -> Option<i32> {
    const BEFORE: [i32; 12] = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day == 0 || day > longest {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let year = year - i32::from(month < 3);
    let day_of_year = BEFORE[month as usize - 1] + day as i32 - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
}

fn unlike(value: ValueRef<'_>, what: &str) -> String {
    match value {
        ValueRef::Null => format!("NULL is not {what}"),
        ValueRef::Integer(number) => format!("the INTEGER {number} is not {what}"),
        ValueRef::Real(number) => format!("the REAL {number} is not {what}"),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            let short: String = text.chars().take(40).collect();
            format!("the TEXT `{short}` is not {what}")
        }
        ValueRef::Blob(bytes) => format!("a BLOB of {} bytes is not {what}", bytes.len()),
    }
}

#[cfg(test)]
mod tests;
