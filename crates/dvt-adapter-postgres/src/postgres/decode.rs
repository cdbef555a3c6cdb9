//! From the binary form of values to Arrow columns: one typed builder per column, chosen once.

use crate::collect::Misfit;
use crate::postgres::formats::{self, ToText};
use crate::postgres::numeric::{decode_i128, decode_i256};
use crate::postgres::types::Kind;
use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Decimal128Array, Decimal256Array, ListArray,
    NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, i256,
};
use std::sync::Arc;

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
pub(crate) const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

const BROKEN: Misfit = "has an unexpected binary form";

/// Collects one column of a batch.
pub(crate) enum Decoder {
    Boolean(BooleanBufferBuilder, NullBufferBuilder),
    Int2(Fixed<Int16Type>),
    Int4(Fixed<Int32Type>),
    Int8(Fixed<Int64Type>),
    Oid(Fixed<Int64Type>),
    Float4(Fixed<Float32Type>),
    Float8(Fixed<Float64Type>),
    Decimal128 { values: Vec<i128>, nulls: NullBufferBuilder, precision: u8, scale: i8 },
    Decimal256 { values: Vec<i256>, nulls: NullBufferBuilder, precision: u8, scale: i8 },
    Text(Bytes),
    Binary(Bytes),
    Formatted(Bytes, ToText),
    Date(Fixed<Date32Type>),
    Time(Fixed<Time64MicrosecondType>),
    Timestamp(Fixed<TimestampMicrosecondType>, bool),
    Interval(Fixed<IntervalMonthDayNanoType>),
    List { offsets: Vec<i32>, nulls: NullBufferBuilder, items: Box<Decoder> },
}

/// Values of one width.
pub(crate) struct Fixed<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
}

impl<T: ArrowPrimitiveType> Fixed<T> {
    fn new() -> Self {
        Self { values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }

    #[inline]
    fn push(&mut self, value: T::Native) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    #[inline]
    fn push_null(&mut self) {
        self.values.push(T::Native::default());
        self.nulls.append_null();
    }

    fn finish(&mut self) -> PrimitiveArray<T> {
        let capacity = self.values.len();
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(capacity));
        PrimitiveArray::new(ScalarBuffer::from(values), self.nulls.finish())
    }
}

/// Values of any length, one after the other.
pub(crate) struct Bytes {
    data: Vec<u8>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Bytes {
    fn new() -> Self {
        Self { data: Vec::new(), offsets: vec![0], nulls: NullBufferBuilder::new(0) }
    }

    #[inline]
    fn push(&mut self, value: &[u8]) -> Result<(), Misfit> {
        self.data.extend_from_slice(value);
        self.end_value()
    }

    #[inline]
    fn end_value(&mut self) -> Result<(), Misfit> {
        self.offsets.push(i32::try_from(self.data.len()).map_err(|_| "is too long")?);
        self.nulls.append_non_null();
        Ok(())
    }

    #[inline]
    fn push_null(&mut self) {
        self.offsets.push(self.offsets[self.offsets.len() - 1]);
        self.nulls.append_null();
    }

    fn finish(&mut self) -> (OffsetBuffer<i32>, Buffer, Option<arrow::buffer::NullBuffer>) {
        let data = std::mem::take(&mut self.data);
        self.data.reserve(data.len());
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(data), self.nulls.finish())
    }
}

impl Decoder {
    pub(crate) fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBufferBuilder::new(0), NullBufferBuilder::new(0)),
            Kind::Int2 => Self::Int2(Fixed::new()),
            Kind::Int4 => Self::Int4(Fixed::new()),
            Kind::Int8 => Self::Int8(Fixed::new()),
            Kind::Oid => Self::Oid(Fixed::new()),
            Kind::Float4 => Self::Float4(Fixed::new()),
            Kind::Float8 => Self::Float8(Fixed::new()),
            Kind::Numeric { precision, scale } if *precision <= 38 => Self::Decimal128 {
                values: Vec::new(),
                nulls: NullBufferBuilder::new(0),
                precision: *precision,
                scale: *scale,
            },
            Kind::Numeric { precision, scale } => Self::decimal256(*precision, *scale),
            Kind::UnconstrainedNumeric => match kind.arrow() {
                DataType::Decimal256(precision, scale) => Self::decimal256(precision, scale),
                _ => Self::decimal256(76, 28),
            },
            Kind::Text { .. } | Kind::AsText => Self::Text(Bytes::new()),
            Kind::BlankPadded => Self::Formatted(Bytes::new(), formats::without_padding),
            Kind::Binary => Self::Binary(Bytes::new()),
            Kind::Date => Self::Date(Fixed::new()),
            Kind::Time => Self::Time(Fixed::new()),
            Kind::Timestamp => Self::Timestamp(Fixed::new(), false),
            Kind::TimestampTz => Self::Timestamp(Fixed::new(), true),
            Kind::Interval => Self::Interval(Fixed::new()),
            Kind::TimeTz => Self::Formatted(Bytes::new(), formats::timetz_to_text),
            Kind::Uuid => Self::Formatted(Bytes::new(), formats::uuid_to_text),
            Kind::Jsonb => Self::Formatted(Bytes::new(), formats::jsonb_to_text),
            Kind::Inet { .. } => Self::Formatted(Bytes::new(), formats::inet_to_text),
            Kind::MacAddress => Self::Formatted(Bytes::new(), formats::mac_to_text),
            Kind::Bit => Self::Formatted(Bytes::new(), formats::bit_to_text),
            Kind::Array { element, .. } => {
                Self::List { offsets: vec![0], nulls: NullBufferBuilder::new(0), items: Box::new(Self::new(element)) }
            }
        }
    }

    fn decimal256(precision: u8, scale: i8) -> Self {
        Self::Decimal256 { values: Vec::new(), nulls: NullBufferBuilder::new(0), precision, scale }
    }

    /// Appends one value.
    #[inline]
    pub(crate) fn push(&mut self, value: &[u8]) -> Result<(), Misfit> {
        match self {
            Self::Boolean(values, nulls) => {
                let [value] = fixed(value)?;
                values.append(value != 0);
                nulls.append_non_null();
            }
            Self::Int2(column) => column.push(i16::from_be_bytes(fixed(value)?)),
            Self::Int4(column) => column.push(i32::from_be_bytes(fixed(value)?)),
            Self::Int8(column) => column.push(i64::from_be_bytes(fixed(value)?)),
            Self::Oid(column) => column.push(i64::from(u32::from_be_bytes(fixed(value)?))),
            Self::Float4(column) => column.push(f32::from_be_bytes(fixed(value)?)),
            Self::Float8(column) => column.push(f64::from_be_bytes(fixed(value)?)),
            Self::Decimal128 { values, nulls, precision, scale } => {
                values.push(decode_i128(value, *precision, *scale)?);
                nulls.append_non_null();
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                values.push(decode_i256(value, *precision, *scale)?);
                nulls.append_non_null();
            }
            Self::Text(column) | Self::Binary(column) => column.push(value)?,
            Self::Formatted(column, to_text) => {
                to_text(value, &mut column.data)?;
                column.end_value()?;
            }
            Self::Date(column) => column.push(date(fixed(value)?)?),
            Self::Time(column) => column.push(time(fixed(value)?)?),
            Self::Timestamp(column, _) => column.push(timestamp(fixed(value)?)?),
            Self::Interval(column) => column.push(interval(fixed(value)?)?),
            Self::List { offsets, nulls, items } => {
                let count = push_items(value, items)?;
                offsets.push(offsets[offsets.len() - 1].checked_add(count).ok_or("is too long")?);
                nulls.append_non_null();
            }
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        match self {
            Self::Boolean(values, nulls) => {
                values.append(false);
                nulls.append_null();
            }
            Self::Int2(column) => column.push_null(),
            Self::Int4(column) => column.push_null(),
            Self::Int8(column) | Self::Oid(column) => column.push_null(),
            Self::Float4(column) => column.push_null(),
            Self::Float8(column) => column.push_null(),
            Self::Decimal128 { values, nulls, .. } => {
                values.push(0);
                nulls.append_null();
            }
            Self::Decimal256 { values, nulls, .. } => {
                values.push(i256::ZERO);
                nulls.append_null();
            }
            Self::Text(column) | Self::Binary(column) | Self::Formatted(column, _) => column.push_null(),
            Self::Date(column) => column.push_null(),
            Self::Time(column) => column.push_null(),
            Self::Timestamp(column, _) => column.push_null(),
            Self::Interval(column) => column.push_null(),
            Self::List { offsets, nulls, .. } => {
                offsets.push(offsets[offsets.len() - 1]);
                nulls.append_null();
            }
        }
    }

    /// The column so far; the decoder starts anew.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef, Misfit> {
        Ok(match self {
            Self::Boolean(values, nulls) => Arc::new(BooleanArray::new(values.finish(), nulls.finish())),
            Self::Int2(column) => Arc::new(column.finish()),
            Self::Int4(column) => Arc::new(column.finish()),
            Self::Int8(column) | Self::Oid(column) => Arc::new(column.finish()),
            Self::Float4(column) => Arc::new(column.finish()),
            Self::Float8(column) => Arc::new(column.finish()),
            Self::Decimal128 { values, nulls, precision, scale } => {
                let values = ScalarBuffer::from(std::mem::take(values));
                let column = Decimal128Array::new(values, nulls.finish());
                Arc::new(column.with_precision_and_scale(*precision, *scale).map_err(|_| BROKEN)?)
            }
            Self::Decimal256 { values, nulls, precision, scale } => {
                let values = ScalarBuffer::from(std::mem::take(values));
                let column = Decimal256Array::new(values, nulls.finish());
                Arc::new(column.with_precision_and_scale(*precision, *scale).map_err(|_| BROKEN)?)
            }
            Self::Text(column) | Self::Formatted(column, _) => {
                let (offsets, data, nulls) = column.finish();
                Arc::new(StringArray::try_new(offsets, data, nulls).map_err(|_| "is not valid UTF-8")?)
            }
            Self::Binary(column) => {
                let (offsets, data, nulls) = column.finish();
                Arc::new(BinaryArray::new(offsets, data, nulls))
            }
            Self::Date(column) => Arc::new(column.finish()),
            Self::Time(column) => Arc::new(column.finish()),
            Self::Timestamp(column, false) => Arc::new(column.finish()),
            Self::Timestamp(column, true) => Arc::new(column.finish().with_timezone("UTC")),
            Self::Interval(column) => Arc::new(column.finish()),
            Self::List { offsets, nulls, items } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, vec![0])));
                let items = items.finish()?;
                let field = Arc::new(Field::new("item", items.data_type().clone(), true));
                Arc::new(ListArray::new(field, offsets, items, nulls.finish()))
            }
        })
    }
}

#[inline]
fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Misfit> {
    value.try_into().map_err(|_| BROKEN)
}

#[inline]
fn date(bytes: [u8; 4]) -> Result<i32, Misfit> {
    match i32::from_be_bytes(bytes) {
        i32::MAX | i32::MIN => Err("is an infinite date"),
        days => days.checked_add(EPOCH_DAYS).ok_or("is too far away"),
    }
}

#[inline]
fn time(bytes: [u8; 8]) -> Result<i64, Misfit> {
    match i64::from_be_bytes(bytes) {
        86_400_000_000.. => Err("is 24:00:00, which no clock shows"),
        microseconds => Ok(microseconds),
    }
}

#[inline]
fn timestamp(bytes: [u8; 8]) -> Result<i64, Misfit> {
    match i64::from_be_bytes(bytes) {
        i64::MAX | i64::MIN => Err("is an infinite timestamp"),
        microseconds => microseconds.checked_add(EPOCH_MICROSECONDS).ok_or("is too far away"),
    }
}

/// Microseconds, days, months.
fn interval(bytes: [u8; 16]) -> Result<IntervalMonthDayNano, Misfit> {
    let [t0, t1, t2, t3, t4, t5, t6, t7, d0, d1, d2, d3, m0, m1, m2, m3] = bytes;
    let microseconds = i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]);
    let nanoseconds = microseconds.checked_mul(1000).ok_or("is an interval of more than 292 years of hours")?;
    let (days, months) = (i32::from_be_bytes([d0, d1, d2, d3]), i32::from_be_bytes([m0, m1, m2, m3]));
    Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
}

/// Dimensions, a flag, the item type, then per dimension a length and a lower bound, then the items.
fn push_items(value: &[u8], items: &mut Decoder) -> Result<i32, Misfit> {
    let mut rest = value;
    let dimensions = take_i32(&mut rest)?;
    let _has_nulls = take_i32(&mut rest)?;
    let _item_type = take_i32(&mut rest)?;
    match dimensions {
        0 => return Ok(0),
        1 => {}
        _ => return Err("is an array of more than one dimension"),
    }
    let count = take_i32(&mut rest)?;
    if take_i32(&mut rest)? != 1 {
        return Err("is an array that does not start at 1");
    }
    for _ in 0..count {
        match usize::try_from(take_i32(&mut rest)?) {
            Ok(length) => {
                let (item, after) = rest.split_at_checked(length).ok_or(BROKEN)?;
                items.push(item)?;
                rest = after;
            }
            Err(_) => items.push_null(),
        }
    }
    Ok(count)
}

fn take_i32(bytes: &mut &[u8]) -> Result<i32, Misfit> {
    let (number, rest) = bytes.split_first_chunk::<4>().ok_or(BROKEN)?;
    *bytes = rest;
    Ok(i32::from_be_bytes(*number))
}
