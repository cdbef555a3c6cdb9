//! From Arrow columns to the binary form of values: one typed reader per column and batch.

use crate::collect::Misfit;
use crate::postgres::decode::{EPOCH_DAYS, EPOCH_MICROSECONDS};
use crate::postgres::formats::{self, ToBinary};
use crate::postgres::numeric::{encode_i128, encode_i256};
use crate::postgres::types::Kind;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, PrimitiveArray, StringArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};

/// Reads one column of a batch; the column has the kind's own Arrow type.
pub(crate) enum Encoder<'a> {
    Boolean(&'a BooleanArray),
    Int2(&'a Int16Array),
    Int4(&'a Int32Array),
    Int8(&'a Int64Array),
    Oid(&'a Int64Array),
    Float4(&'a Float32Array),
    Float8(&'a Float64Array),
    Decimal128 { values: &'a Decimal128Array, scale: i8 },
    Decimal256 { values: &'a Decimal256Array, scale: i8, is_minimal: bool },
    Text { values: &'a StringArray, limit: Option<u32> },
    Binary(&'a BinaryArray),
    Formatted(&'a StringArray, ToBinary),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
    Interval(&'a IntervalMonthDayNanoArray),
    List { values: &'a ListArray, items: Box<Encoder<'a>>, item_oid: u32 },
}

impl<'a> Encoder<'a> {
    /// `None` when the column does not have the kind's Arrow type.
    pub(crate) fn new(kind: &Kind, column: &'a ArrayRef) -> Option<Self> {
        let formatted =
            |to_binary: ToBinary| column.as_string_opt::<i32>().map(|values| Self::Formatted(values, to_binary));
        match kind {
            Kind::Boolean => column.as_boolean_opt().map(Self::Boolean),
            Kind::Int2 => column.as_primitive_opt::<Int16Type>().map(Self::Int2),
            Kind::Int4 => column.as_primitive_opt::<Int32Type>().map(Self::Int4),
            Kind::Int8 => column.as_primitive_opt::<Int64Type>().map(Self::Int8),
            Kind::Oid => column.as_primitive_opt::<Int64Type>().map(Self::Oid),
            Kind::Float4 => column.as_primitive_opt::<Float32Type>().map(Self::Float4),
            Kind::Float8 => column.as_primitive_opt::<Float64Type>().map(Self::Float8),
            Kind::Numeric { .. } | Kind::UnconstrainedNumeric => {
                let is_minimal = *kind == Kind::UnconstrainedNumeric;
                match column.data_type() {
                    DataType::Decimal128(_, scale) => {
                        let values = column.as_primitive_opt::<Decimal128Type>()?;
                        Some(Self::Decimal128 { values, scale: *scale })
                    }
                    DataType::Decimal256(_, scale) => {
                        let values = column.as_primitive_opt::<Decimal256Type>()?;
                        Some(Self::Decimal256 { values, scale: *scale, is_minimal })
                    }
                    _ => None,
                }
            }
            Kind::BlankPadded | Kind::AsText => {
                column.as_string_opt::<i32>().map(|values| Self::Text { values, limit: None })
            }
            Kind::Text { limit } => column.as_string_opt::<i32>().map(|values| Self::Text { values, limit: *limit }),
            Kind::Binary => column.as_binary_opt::<i32>().map(Self::Binary),
            Kind::Date => column.as_primitive_opt::<Date32Type>().map(Self::Date),
            Kind::Time => column.as_primitive_opt::<Time64MicrosecondType>().map(Self::Time),
            Kind::Timestamp | Kind::TimestampTz => {
                column.as_primitive_opt::<TimestampMicrosecondType>().map(Self::Timestamp)
            }
            Kind::Interval => column.as_primitive_opt::<IntervalMonthDayNanoType>().map(Self::Interval),
            Kind::TimeTz => formatted(formats::timetz_to_binary),
            Kind::Uuid => formatted(formats::uuid_to_binary),
            Kind::Jsonb => formatted(formats::jsonb_to_binary),
            Kind::Inet { is_cidr: true } => formatted(formats::cidr_to_binary),
            Kind::Inet { is_cidr: false } => formatted(formats::inet_to_binary),
            Kind::MacAddress => formatted(formats::mac_to_binary),
            Kind::Bit => formatted(formats::bit_to_binary),
            Kind::Array { element, element_oid } => {
                let values = column.as_list_opt::<i32>()?;
                let items = Box::new(Encoder::new(element, values.values())?);
                Some(Self::List { values, items, item_oid: *element_oid })
            }
        }
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(values) => values.is_null(row),
            Self::Int2(values) => values.is_null(row),
            Self::Int4(values) => values.is_null(row),
            Self::Int8(values) | Self::Oid(values) => values.is_null(row),
            Self::Float4(values) => values.is_null(row),
            Self::Float8(values) => values.is_null(row),
            Self::Decimal128 { values, .. } => values.is_null(row),
            Self::Decimal256 { values, .. } => values.is_null(row),
            Self::Text { values, .. } | Self::Formatted(values, _) => values.is_null(row),
            Self::Binary(values) => values.is_null(row),
            Self::Date(values) => values.is_null(row),
            Self::Time(values) => values.is_null(row),
            Self::Timestamp(values) => values.is_null(row),
            Self::Interval(values) => values.is_null(row),
            Self::List { values, .. } => values.is_null(row),
        }
    }

    /// Appends the length (-1: NULL) and the bytes of one value.
    #[inline]
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if self.is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return Ok(());
        }
        match self {
            Self::Boolean(values) => sized(out, [u8::from(values.value(row))]),
            Self::Int2(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Int4(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Int8(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Oid(values) => {
                sized(out, u32::try_from(values.value(row)).map_err(|_| "is no object id")?.to_be_bytes());
            }
            Self::Float4(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Float8(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Decimal128 { values, scale } => {
                measured(out, |out| {
                    encode_i128(values.value(row), *scale, false, out);
                    Ok(())
                })?;
            }
            Self::Decimal256 { values, scale, is_minimal } => {
                measured(out, |out| {
                    encode_i256(values.value(row), *scale, *is_minimal, out);
                    Ok(())
                })?;
            }
            Self::Text { values, limit } => {
                let value = values.value(row);
                if let Some(limit) = limit
                    && value.len() > *limit as usize
                    && value.chars().count() > *limit as usize
                {
                    return Err("has more characters than the column allows");
                }
                length(out, value.len())?;
                out.extend_from_slice(value.as_bytes());
            }
            Self::Binary(values) => {
                length(out, values.value(row).len())?;
                out.extend_from_slice(values.value(row));
            }
            Self::Formatted(values, to_binary) => measured(out, |out| to_binary(values.value(row), out))?,
            Self::Date(values) => {
                sized(out, values.value(row).checked_sub(EPOCH_DAYS).ok_or("is too far away")?.to_be_bytes());
            }
            Self::Time(values) => sized(out, values.value(row).to_be_bytes()),
            Self::Timestamp(values) => {
                let microseconds = values.value(row).checked_sub(EPOCH_MICROSECONDS).ok_or("is too far away")?;
                sized(out, microseconds.to_be_bytes());
            }
            Self::Interval(values) => {
                let value = values.value(row);
                if value.nanoseconds % 1000 != 0 {
                    return Err("has nanoseconds, which PostgreSQL's interval does not keep");
                }
                out.extend_from_slice(&16_i32.to_be_bytes());
                out.extend_from_slice(&(value.nanoseconds / 1000).to_be_bytes());
                out.extend_from_slice(&value.days.to_be_bytes());
                out.extend_from_slice(&value.months.to_be_bytes());
            }
            Self::List { values, items, item_oid } => {
                let offsets = values.value_offsets();
                let (first, last) = (offsets[row] as usize, offsets[row + 1] as usize);
                measured(out, |out| write_items(first, last, items, *item_oid, out))?;
            }
        }
        Ok(())
    }
}

fn write_items(first: usize, last: usize, items: &Encoder<'_>, item_oid: u32, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let dimensions = i32::from(last > first);
    let has_nulls = i32::from((first..last).any(|item| items.is_null(item)));
    for number in [dimensions, has_nulls, item_oid.cast_signed()] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    if dimensions == 1 {
        length(out, last - first)?;
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    (first..last).try_for_each(|item| items.write(item, out))
}

#[inline]
fn length(out: &mut Vec<u8>, length: usize) -> Result<(), Misfit> {
    out.extend_from_slice(&i32::try_from(length).map_err(|_| "is too long")?.to_be_bytes());
    Ok(())
}

#[inline]
fn sized<const N: usize>(out: &mut Vec<u8>, value: [u8; N]) {
    out.extend_from_slice(&(N as i32).to_be_bytes());
    out.extend_from_slice(&value);
}

/// A value whose length is known once it is written.
#[inline]
fn measured(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Misfit>) -> Result<(), Misfit> {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    let length = i32::try_from(out.len() - at - 4).map_err(|_| "is too long")?;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}
