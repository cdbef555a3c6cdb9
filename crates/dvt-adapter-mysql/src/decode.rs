//! Rows of the protocol into Arrow columns, exactly or not at all.
//!
//! A column's wire form (from the server's column definition) and the Arrow type that was asked for choose a reader once;
//! per value there is one branch and no allocation. What the Arrow type cannot hold ends the stream: nothing is rounded,
//! cut or turned into NULL. Source: MySQL manual, "Binary Protocol Value", "Binary Protocol Resultset Row".

use crate::client::{BINARY_CHARSET, Column, Pieces, code};
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
use std::sync::Arc;

/// A value or a column that cannot be delivered as asked.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// `None`: the row itself is broken.
    pub(crate) column: Option<String>,
    pub(crate) reason: String,
}

/// Which protocol the rows come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Binary,
    Text,
}

/// Collects rows into batches of one schema.
pub(crate) struct RowDecoder {
    schema: SchemaRef,
    columns: Vec<ColumnDecoder>,
    rows: usize,
    bytes: usize,
    form: Form,
}

struct ColumnDecoder {
    name: String,
    is_nullable: bool,
    wire: Wire,
    sink: Sink,
}

/// How a value lies in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Int {
        bytes: u8,
        is_unsigned: bool,
    },
    Float,
    Double,
    Date,
    /// `datetime` and `timestamp`.
    Moment,
    Span,
    /// Digits as text.
    Decimal,
    /// So many bits, in whole bytes.
    Bit(u32),
    Text,
    Bytes,
    Null,
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

/// A value taken from a row, before it goes to its column.
enum Value<'a> {
    Int(i64),
    UInt(u64),
    Float(f32),
    Double(f64),
    /// Microseconds since 1970.
    Moment(i64),
    /// Days since 1970.
    Date(i32),
    /// Microseconds.
    Span(i64),
    Decimal(&'a [u8]),
    Bit(&'a [u8], u32),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Null,
}

impl RowDecoder {
    /// # Errors
    /// When the numbers of columns differ, or a column cannot become the type that the schema declares.
    pub(crate) fn new(schema: SchemaRef, columns: &[Column], form: Form) -> Result<Self, Misfit> {
        if schema.fields().len() != columns.len() {
            return Err(Misfit {
                column: None,
                reason: format!("{} columns were asked for and {} came", schema.fields().len(), columns.len()),
            });
        }
        let columns = columns
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| {
                Ok(ColumnDecoder {
                    name: field.name().clone(),
                    is_nullable: field.is_nullable(),
                    wire: Wire::of(column),
                    sink: Sink::new(field).ok_or_else(|| Misfit {
                        column: Some(field.name().clone()),
                        reason: format!("MySQL has no type that is read as {}", field.data_type()),
                    })?,
                })
            })
            .collect::<Result<Vec<_>, Misfit>>()?;
        Ok(Self { schema, columns, rows: 0, bytes: 0, form })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the rows since the last batch, as they came.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes one row's packet.
    pub(crate) fn push(&mut self, packet: &[u8]) -> Result<(), Misfit> {
        self.rows += 1;
        self.bytes += packet.len();
        let cut = || Misfit { column: None, reason: "a row of the server's answer is cut".to_owned() };
        let mut pieces = Pieces(packet);
        let nulls = match self.form {
            Form::Binary => {
                // The mark of a row, then a bit a column that begins at the third.
                pieces.take(1).ok_or_else(cut)?;
                pieces.take((self.columns.len() + 9) / 8).ok_or_else(cut)?
            }
            Form::Text => &[],
        };
        for (index, column) in self.columns.iter_mut().enumerate() {
            let value = match self.form {
                Form::Binary if nulls[(index + 2) / 8] & (1 << ((index + 2) % 8)) != 0 => Ok(Value::Null),
                Form::Binary => column.wire.read(&mut pieces),
                Form::Text => column.wire.read_text(&mut pieces),
            };
            let result = match value {
                Ok(Value::Null) if column.is_nullable => {
                    column.sink.push_null();
                    Ok(())
                }
                Ok(Value::Null) => Err("it holds NULL, and the column is declared without NULLs".to_owned()),
                Ok(value) => column.sink.push(value),
                Err(reason) => Err(reason),
            };
            if let Err(reason) = result {
                return Err(Misfit { column: Some(column.name.clone()), reason });
            }
        }
        Ok(())
    }

    /// The rows so far as a batch; the decoder is empty then.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, Misfit> {
        let arrays = self
            .columns
            .iter_mut()
            .zip(self.schema.fields())
            .map(|(column, field)| column.sink.finish(field))
            .collect::<Vec<_>>();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| Misfit { column: None, reason: error.to_string() })
    }
}

impl Wire {
    fn of(column: &Column) -> Self {
        let int = |bytes| Self::Int { bytes, is_unsigned: column.is_unsigned() };
        match column.code {
            code::TINY => int(1),
            code::SHORT => int(2),
            code::YEAR => Self::Int { bytes: 2, is_unsigned: true },
            code::LONG | code::INT24 => int(4),
            code::LONGLONG => int(8),
            code::FLOAT => Self::Float,
            code::DOUBLE => Self::Double,
            code::DATE => Self::Date,
            code::DATETIME | code::TIMESTAMP => Self::Moment,
            code::TIME => Self::Span,
            code::DECIMAL | code::NEWDECIMAL => Self::Decimal,
            code::BIT => Self::Bit(column.length),
            code::NULL => Self::Null,
            code::JSON => Self::Text,
            code::GEOMETRY => Self::Bytes,
            _ if column.charset == BINARY_CHARSET => Self::Bytes,
            _ => Self::Text,
        }
    }

    #[inline]
    fn read<'a>(self, pieces: &mut Pieces<'a>) -> Result<Value<'a>, String> {
        self.read_binary(pieces).unwrap_or_else(|| Err(CUT.to_owned()))
    }

    #[inline]
    fn read_binary<'a>(self, pieces: &mut Pieces<'a>) -> Option<Result<Value<'a>, String>> {
        Some(Ok(match self {
            Self::Int { bytes: 4, is_unsigned: false } => Value::Int(i64::from(pieces.u32()? as i32)),
            Self::Int { bytes: 8, is_unsigned: false } => {
                Value::Int(i64::from_le_bytes(pieces.take(8)?.try_into().ok()?))
            }
            Self::Int { bytes: 8, .. } => Value::UInt(u64::from_le_bytes(pieces.take(8)?.try_into().ok()?)),
            Self::Int { bytes: 4, .. } => Value::Int(i64::from(pieces.u32()?)),
            Self::Int { bytes: 2, is_unsigned: false } => Value::Int(i64::from(pieces.u16()? as i16)),
            Self::Int { bytes: 2, .. } => Value::Int(i64::from(pieces.u16()?)),
            Self::Int { is_unsigned: false, .. } => Value::Int(i64::from(pieces.u8()? as i8)),
            Self::Int { .. } => Value::Int(i64::from(pieces.u8()?)),
            Self::Float => Value::Float(f32::from_le_bytes(pieces.take(4)?.try_into().ok()?)),
            Self::Double => Value::Double(f64::from_le_bytes(pieces.take(8)?.try_into().ok()?)),
            Self::Decimal => Value::Decimal(pieces.sized()?),
            Self::Bit(width) => Value::Bit(pieces.sized()?, width),
            Self::Text => Value::Text(pieces.sized()?),
            Self::Bytes => Value::Bytes(pieces.sized()?),
            Self::Date | Self::Moment => {
                let length = usize::from(pieces.u8()?);
                let mut parts = Pieces(pieces.take(length)?);
                let (year, month, day) = match length {
                    0 => (0, 0, 0),
                    _ => (parts.u16()?, parts.u8()?, parts.u8()?),
                };
                let (hour, minute, second) = match length {
                    0..=4 => (0, 0, 0),
                    _ => (parts.u8()?, parts.u8()?, parts.u8()?),
                };
                let micros = if length > 7 { parts.u32()? } else { 0 };
                let days = match days_of(year, month, day) {
                    Some(days) => days,
                    None => return Some(Err(no_such_day(year, month, day))),
                };
                if self == Self::Date {
                    Value::Date(days)
                } else {
                    let seconds = u32::from(hour) * 3600 + u32::from(minute) * 60 + u32::from(second);
                    Value::Moment(i64::from(days) * 86_400_000_000 + i64::from(seconds) * 1_000_000 + i64::from(micros))
                }
            }
            Self::Span => {
                let length = usize::from(pieces.u8()?);
                let mut parts = Pieces(pieces.take(length)?);
                if length == 0 {
                    return Some(Ok(Value::Span(0)));
                }
                let is_negative = parts.u8()? != 0;
                let days = i64::from(parts.u32()?);
                let (hours, minutes, seconds) = (parts.u8()?, parts.u8()?, parts.u8()?);
                let micros = if length > 8 { parts.u32()? } else { 0 };
                let seconds = days * 86_400 + i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
                let span = seconds * 1_000_000 + i64::from(micros);
                Value::Span(if is_negative { -span } else { span })
            }
            Self::Null => return Some(Err("a value came for a column of NULLs".to_owned())),
        }))
    }

    /// A value of the text protocol: everything is written out.
    fn read_text<'a>(self, pieces: &mut Pieces<'a>) -> Result<Value<'a>, String> {
        let Some(bytes) = crate::client::text_value(pieces).map_err(|_| CUT.to_owned())? else {
            return Ok(Value::Null);
        };
        let text = || std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned());
        let broken = || format!("`{}` was not expected here", String::from_utf8_lossy(bytes));
        Ok(match self {
            Self::Int { bytes: 8, is_unsigned: true } => Value::UInt(text()?.parse().map_err(|_| broken())?),
            Self::Int { .. } => Value::Int(text()?.parse().map_err(|_| broken())?),
            Self::Float => Value::Float(text()?.parse().map_err(|_| broken())?),
            Self::Double => Value::Double(text()?.parse().map_err(|_| broken())?),
            Self::Decimal => Value::Decimal(bytes),
            Self::Bit(width) => Value::Bit(bytes, width),
            Self::Text => Value::Text(bytes),
            Self::Bytes => Value::Bytes(bytes),
            Self::Date => {
                let (days, rest) = text_day(text()?).ok_or_else(broken)?;
                if !rest.is_empty() {
                    return Err(broken());
                }
                Value::Date(days.map_err(|reason| reason.to_owned())?)
            }
            Self::Moment => {
                let (days, rest) = text_day(text()?).ok_or_else(broken)?;
                let time = rest.strip_prefix([' ', 'T']).and_then(text_span).ok_or_else(broken)?;
                Value::Moment(i64::from(days?) * 86_400_000_000 + time)
            }
            Self::Span => Value::Span(text_span(text()?).ok_or_else(broken)?),
            Self::Null => return Err("a value came for a column of NULLs".to_owned()),
        })
    }
}

const CUT: &str = "the row is cut";

fn no_such_day(year: u16, month: u8, day: u8) -> String {
    let what = if (year, month, day) == (0, 0, 0) { "the zero date" } else { "no day of the calendar" };
    format!("`{year:04}-{month:02}-{day:02}` is {what}; turn it into NULL or a date in SQL, as with `nullif`")
}

/// Days since 1970, `None` for a day that is not in the calendar (MySQL stores zeros and, if told so, 31 February).
#[inline]
fn days_of(year: u16, month: u8, day: u8) -> Option<i32> {
    const BEFORE: [i32; 12] = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u8::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if day == 0 || day > longest {
        return None;
    }
    // Years begin in March, so that the leap day is their last.
    let year = i32::from(year) - i32::from(month < 3);
    let day_of_year = BEFORE[usize::from(month) - 1] + i32::from(day) - 1;
    Some(year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
}

/// `YYYY-MM-DD` at the start of a text, and what follows it.
fn text_day(text: &str) -> Option<(Result<i32, String>, &str)> {
    let (head, rest) = text.split_at_checked(10)?;
    let mut parts = head.split('-');
    let (year, month, day) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((days_of(year, month, day).ok_or_else(|| no_such_day(year, month, day)), rest))
}

/// `[-]HHH:MM:SS[.ffffff]` in microseconds.
fn text_span(text: &str) -> Option<i64> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let micros = match fraction.len() {
        0 => 0,
        digits @ 1..=6 => fraction.parse::<i64>().ok()? * 10i64.pow(6 - digits as u32),
        _ => return None,
    };
    let span = (hours * 3600 + minutes * 60 + seconds) * 1_000_000 + micros;
    Some(if is_negative { -span } else { span })
}

impl Sink {
    fn new(field: &Field) -> Option<Self> {
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
                let builder = PrimitiveBuilder::new().with_data_type(field.data_type().clone());
                Self::Decimal128(builder, *precision, *scale)
            }
            DataType::Decimal256(precision, scale) => {
                let builder = PrimitiveBuilder::new().with_data_type(field.data_type().clone());
                Self::Decimal256(builder, *precision, *scale)
            }
            DataType::Date32 => Self::Date(PrimitiveBuilder::new()),
            data_type @ DataType::Timestamp(unit, _) => {
                let data_type = data_type.clone();
                match unit {
                    TimeUnit::Second => Self::Second(PrimitiveBuilder::new().with_data_type(data_type)),
                    TimeUnit::Millisecond => Self::Millisecond(PrimitiveBuilder::new().with_data_type(data_type)),
                    TimeUnit::Microsecond => Self::Microsecond(PrimitiveBuilder::new().with_data_type(data_type)),
                    TimeUnit::Nanosecond => Self::Nanosecond(PrimitiveBuilder::new().with_data_type(data_type)),
                }
            }
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(PrimitiveBuilder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Null => Self::Null(0),
            _ => return None,
        })
    }

    #[inline]
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

    #[inline]
    fn push(&mut self, value: Value<'_>) -> Result<(), String> {
        match self {
            Self::Int8(builder) => push_int(builder, value),
            Self::Int16(builder) => push_int(builder, value),
            Self::Int32(builder) => push_int(builder, value),
            Self::Int64(builder) => match value {
                Value::Int(value) | Value::Span(value) => {
                    builder.append_value(value);
                    Ok(())
                }
                other => push_int(builder, other),
            },
            Self::UInt8(builder) => push_int(builder, value),
            Self::UInt16(builder) => push_int(builder, value),
            Self::UInt32(builder) => push_int(builder, value),
            Self::UInt64(builder) => match value {
                Value::UInt(value) => {
                    builder.append_value(value);
                    Ok(())
                }
                other => push_int(builder, other),
            },
            Self::Text(builder) => match value {
                Value::Text(bytes) => {
                    builder.append_value(std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?);
                    Ok(())
                }
                other => {
                    builder.append_value(as_text(&other)?);
                    Ok(())
                }
            },
            Self::Decimal128(builder, precision, scale) => {
                builder.append_value(match value {
                    Value::Decimal(text) => parse_decimal(text, *precision, *scale)?,
                    other => parse_decimal(as_number_text(&other)?.as_bytes(), *precision, *scale)?,
                });
                Ok(())
            }
            Self::Decimal256(builder, precision, scale) => {
                let text = match value {
                    Value::Decimal(text) => std::borrow::Cow::Borrowed(text),
                    other => std::borrow::Cow::Owned(as_number_text(&other)?.into_bytes()),
                };
                builder.append_value(parse_wide_decimal(&text, *precision, *scale)?);
                Ok(())
            }
            Self::Date(builder) => match value {
                Value::Date(days) => {
                    builder.append_value(days);
                    Ok(())
                }
                Value::Moment(micros) if micros % 86_400_000_000 == 0 => {
                    builder.append_value((micros / 86_400_000_000) as i32);
                    Ok(())
                }
                other => Err(unlike(&other, "a date")),
            },
            Self::Microsecond(builder) => {
                builder.append_value(moment(value)?);
                Ok(())
            }
            Self::Nanosecond(builder) => {
                let micros = moment(value)?;
                let nanos = micros.checked_mul(1000).ok_or("the date lies outside of what nanoseconds can count")?;
                builder.append_value(nanos);
                Ok(())
            }
            Self::Millisecond(builder) => {
                builder.append_value(whole(moment(value)?, 1000)?);
                Ok(())
            }
            Self::Second(builder) => {
                builder.append_value(whole(moment(value)?, 1_000_000)?);
                Ok(())
            }
            Self::Time(builder) => match value {
                Value::Span(micros @ 0..86_400_000_000) => {
                    builder.append_value(micros);
                    Ok(())
                }
                Value::Span(_) => Err("the span is no time of one day".to_owned()),
                other => Err(unlike(&other, "a time")),
            },
            Self::Float64(builder) => {
                builder.append_value(match value {
                    Value::Double(value) => value,
                    Value::Float(value) => f64::from(value),
                    // Digits become the nearest double, as the server's own cast has it.
                    Value::Decimal(text) => {
                        let text = std::str::from_utf8(text).map_err(|_| "it is no number".to_owned())?;
                        text.parse().map_err(|_| format!("`{text}` is no number"))?
                    }
                    Value::Int(value) if value.unsigned_abs() <= 1 << 53 => value as f64,
                    Value::UInt(value) if value <= 1 << 53 => value as f64,
                    other => return Err(unlike(&other, "a floating number")),
                });
                Ok(())
            }
            Self::Float32(builder) => {
                builder.append_value(match value {
                    Value::Float(value) => value,
                    Value::Double(value) if f64::from(value as f32).to_bits() == value.to_bits() => value as f32,
                    Value::Int(value) if value.unsigned_abs() <= 1 << 24 => value as f32,
                    other => return Err(unlike(&other, "a short floating number")),
                });
                Ok(())
            }
            Self::Boolean(builder) => {
                builder.append_value(match value {
                    Value::Int(0) | Value::UInt(0) => false,
                    Value::Int(1) | Value::UInt(1) => true,
                    Value::Bit(bytes, _) if bytes.iter().rev().skip(1).all(|byte| *byte == 0) => {
                        match bytes.last().copied().unwrap_or(0) {
                            0 => false,
                            1 => true,
                            _ => return Err("the bits are neither 0 nor 1".to_owned()),
                        }
                    }
                    other => return Err(unlike(&other, "a truth value (0 or 1)")),
                });
                Ok(())
            }
            Self::Bytes(builder) => match value {
                Value::Bytes(bytes) | Value::Bit(bytes, _) | Value::Text(bytes) => {
                    builder.append_value(bytes);
                    Ok(())
                }
                other => Err(unlike(&other, "bytes")),
            },
            Self::Null(_) => Err(unlike(&value, "NULL")),
        }
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

#[inline]
fn push_int<T>(builder: &mut PrimitiveBuilder<T>, value: Value<'_>) -> Result<(), String>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i64> + TryFrom<u64> + TryFrom<i128>,
{
    let fitting = match value {
        Value::Int(value) => T::Native::try_from(value).ok(),
        Value::UInt(value) => T::Native::try_from(value).ok(),
        // `sum` and the like of whole numbers come as digits.
        Value::Decimal(text) => T::Native::try_from(parse_decimal(text, 38, 0)?).ok(),
        Value::Bit(bytes, _) if bytes.len() <= 8 => {
            T::Native::try_from(bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte))).ok()
        }
        ref other => return Err(unlike(other, "a whole number")),
    };
    let fitting = fitting.ok_or_else(|| unlike(&value, &format!("{}", T::DATA_TYPE)))?;
    builder.append_value(fitting);
    Ok(())
}

fn moment(value: Value<'_>) -> Result<i64, String> {
    match value {
        Value::Moment(micros) => Ok(micros),
        Value::Date(days) => Ok(i64::from(days) * 86_400_000_000),
        other => Err(unlike(&other, "a timestamp")),
    }
}

fn whole(micros: i64, unit: i64) -> Result<i64, String> {
    if micros % unit == 0 {
        Ok(micros / unit)
    } else {
        Err("its fraction of a second is finer than the type".to_owned())
    }
}

fn unlike(value: &Value<'_>, what: &str) -> String {
    match value {
        Value::Int(value) => format!("{value} is not {what}"),
        Value::UInt(value) => format!("{value} is not {what}"),
        Value::Float(value) => format!("{value} is not {what}"),
        Value::Double(value) => format!("{value} is not {what}"),
        Value::Decimal(text) => format!("{} is not {what}", String::from_utf8_lossy(text)),
        Value::Moment(_) => format!("a timestamp is not {what}"),
        Value::Date(_) => format!("a date is not {what}"),
        Value::Span(_) => format!("a time is not {what}"),
        Value::Text(_) => format!("text is not {what}"),
        Value::Bytes(_) => format!("binary data is not {what}"),
        Value::Bit(..) => format!("a bit value is not {what}"),
        Value::Null => format!("NULL is not {what}"),
    }
}

/// Whole numbers and exact digits as text; nothing else is a number without loss.
fn as_number_text(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(value) => Ok(value.to_string()),
        Value::UInt(value) => Ok(value.to_string()),
        other => Err(unlike(other, "a decimal number")),
    }
}

fn as_text(value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Int(value) => Ok(value.to_string()),
        Value::UInt(value) => Ok(value.to_string()),
        Value::Decimal(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        Value::Bytes(bytes) => String::from_utf8(bytes.to_vec()).map_err(|_| "binary data is not text".to_owned()),
        Value::Bit(bytes, width) => bit_text(bytes, *width as usize),
        other => Err(unlike(other, "text")),
    }
}

/// The bits of a `bit(n)` value as `0` and `1`, most significant first.
fn bit_text(bytes: &[u8], width: usize) -> Result<String, String> {
    let all: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let cut = all.len().saturating_sub(width);
    if all[..cut].contains('1') {
        return Err("it has more bits than its type".to_owned());
    }
    Ok(format!("{:0>width$}", &all[cut..]))
}

/// Digits as an integer of the scale; extra zeros behind the point may go, digits may not.
#[inline]
fn parse_decimal(text: &[u8], precision: u8, scale: i8) -> Result<i128, String> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut number: i128 = 0;
    let mut behind: Option<i32> = None;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                let digit = i128::from(byte - b'0');
                if let Some(places) = &mut behind {
                    if *places >= i32::from(scale) {
                        if digit != 0 {
                            return Err(format!("{} has more than {scale} digits behind the point", shown()));
                        }
                        continue;
                    }
                    *places += 1;
                }
                number = number
                    .checked_mul(10)
                    .and_then(|number| number.checked_add(digit))
                    .ok_or_else(|| format!("{} has more than 38 digits", shown()))?;
            }
            b'.' if behind.is_none() => behind = Some(0),
            _ => return Err(format!("`{}` is no number", shown())),
        }
    }
    let missing = i32::from(scale) - behind.unwrap_or(0);
    if missing > 0 {
        number = 10i128
            .checked_pow(missing as u32)
            .and_then(|factor| number.checked_mul(factor))
            .ok_or_else(|| format!("{} does not fit decimal({precision},{scale})", shown()))?;
    } else if missing < 0 {
        let factor = 10i128.pow(missing.unsigned_abs());
        if number % factor != 0 {
            return Err(format!("{} does not fit decimal({precision},{scale})", shown()));
        }
        number /= factor;
    }
    if precision < 38 && number >= 10i128.pow(u32::from(precision)) {
        return Err(format!("{} does not fit decimal({precision},{scale})", shown()));
    }
    Ok(if is_negative { -number } else { number })
}

fn parse_wide_decimal(text: &[u8], precision: u8, scale: i8) -> Result<i256, String> {
    let shown = std::str::from_utf8(text).map_err(|_| "it is no number".to_owned())?;
    let misfit = || format!("{shown} does not fit decimal({precision},{scale})");
    let (whole, fraction) = shown.split_once('.').unwrap_or((shown, ""));
    let places = usize::try_from(scale).map_err(|_| misfit())?;
    let (kept, lost) = fraction.split_at(fraction.len().min(places));
    if lost.bytes().any(|digit| digit != b'0') {
        return Err(misfit());
    }
    let digits = format!("{whole}{kept:0<places$}");
    let significant = digits.trim_start_matches(['-', '+']).trim_start_matches('0').len();
    if significant > usize::from(precision) {
        return Err(misfit());
    }
    i256::from_string(&digits).ok_or_else(misfit)
}

#[cfg(test)]
mod tests;
