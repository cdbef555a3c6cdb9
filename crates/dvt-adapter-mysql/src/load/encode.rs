//! Arrow values as the text that `LOAD DATA` reads, or as parameters of an insert; both are written from one place.
//!
//! What the column's type would quietly change is refused here: fractions of a second that it does not keep, NaN, years
//! outside of 1 to 9999. The server's own checks catch the rest.

use crate::pool::Pool;
use crate::types::TypeText;
use arrow::array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type, SchemaRef, TimeUnit, UInt64Type,
};
use dvt_adapter::{AdapterError, ErrorClass, LoadColumn, LoadRequest, LogicalType, logical_type};

/// A value that its column cannot hold.
#[derive(Debug)]
pub(super) struct Misfit {
    column: String,
    reason: String,
}

impl Misfit {
    pub(super) fn error(self, pool: &Pool, request: &LoadRequest) -> AdapterError {
        let message = format!("column `{}` of {} cannot be loaded: {}", self.column, request.on_behalf_of, self.reason);
        AdapterError::new(ErrorClass::ValueDoesNotFit, pool.settings.connection.as_str(), message)
            .with_column(self.column)
            .with_relation(request.relation.clone())
    }
}

/// How the text becomes the column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    Plain,
    /// Bytes as hexadecimal digits.
    Hex,
    /// `bit(n)`: a text would be taken for its bytes.
    Number,
}

pub(super) struct Encoder {
    columns: Vec<ColumnEncoder>,
}

struct ColumnEncoder {
    name: String,
    is_nullable: bool,
    layout: Layout,
    kind: Kind,
    /// Digits of a second that the column keeps.
    second_digits: u32,
}

/// What the column does with the value beyond writing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Span,
    Year,
    Bits,
}

/// Parameters of one insert: null bitmap, types, values.
pub(super) struct Parameters {
    pub(super) rows: usize,
    pub(super) body: Vec<u8>,
}

/// A batch's column, looked at once.
enum Values {
    Boolean(BooleanArray),
    Int(PrimitiveArray<Int64Type>),
    UInt(PrimitiveArray<UInt64Type>),
    Float32(PrimitiveArray<Float32Type>),
    Float64(PrimitiveArray<Float64Type>),
    Decimal128(PrimitiveArray<Decimal128Type>, i8),
    Decimal256(PrimitiveArray<Decimal256Type>, i8),
    /// Days.
    Date(PrimitiveArray<Int64Type>),
    /// Units since 1970, so many a second.
    Moment(PrimitiveArray<Int64Type>, i64),
    /// Units since midnight, so many a second.
    Time(PrimitiveArray<Int64Type>, i64),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Bytes(BinaryArray),
    LargeBytes(LargeBinaryArray),
    BytesView(BinaryViewArray),
    FixedBytes(FixedSizeBinaryArray),
    Null,
}

impl Encoder {
    pub(super) fn new(columns: &[LoadColumn], schema: &SchemaRef) -> Result<Self, Misfit> {
        if columns.len() != schema.fields().len() {
            return Err(Misfit {
                column: columns.first().map(|column| column.name.clone()).unwrap_or_default(),
                reason: format!("{} columns were declared and {} are delivered", columns.len(), schema.fields().len()),
            });
        }
        let columns = columns.iter().zip(schema.fields()).map(|(column, field)| {
            let text = TypeText::parse(&column.column_type);
            let is_bytes = matches!(
                field.data_type(),
                DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)
            );
            let is_span = logical_type(field) == Some(LogicalType::TimeSpan);
            let kind = match text.base.as_str() {
                "year" => Kind::Year,
                "bit" => Kind::Bits,
                "time" if is_span && field.data_type() == &DataType::Int64 => Kind::Span,
                _ => Kind::Plain,
            };
            let keeps_seconds = matches!(text.base.as_str(), "time" | "datetime" | "timestamp");
            ColumnEncoder {
                name: column.name.clone(),
                is_nullable: column.nullable,
                layout: match kind {
                    Kind::Bits => Layout::Number,
                    _ if is_bytes || text.is_binary() => Layout::Hex,
                    _ => Layout::Plain,
                },
                kind,
                second_digits: if keeps_seconds { text.second_digits() } else { 9 },
            }
        });
        Ok(Self { columns: columns.collect() })
    }

    pub(super) fn layouts(&self) -> impl Iterator<Item = Layout> {
        self.columns.iter().map(|column| column.layout)
    }

    fn values(&self, batch: &RecordBatch) -> Result<Vec<Values>, Misfit> {
        self.columns
            .iter()
            .zip(batch.columns())
            .map(|(column, array)| {
                Values::of(array).ok_or_else(|| Misfit {
                    column: column.name.clone(),
                    reason: format!("values of type {} have no form here", array.data_type()),
                })
            })
            .collect()
    }

    /// The batch as lines of a file, in pieces of about `chunk_bytes`.
    pub(super) fn file_chunks(&self, batch: &RecordBatch, chunk_bytes: usize) -> Result<Vec<Vec<u8>>, Misfit> {
        let values = self.values(batch)?;
        let mut chunks = Vec::new();
        let mut chunk = Vec::with_capacity(chunk_bytes + 4096);
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            for (index, (column, values)) in self.columns.iter().zip(&values).enumerate() {
                if index > 0 {
                    chunk.push(b'\t');
                }
                match values.text_at(row) {
                    Some(text) if column.layout == Layout::Plain => escape(&mut chunk, text),
                    _ => {
                        scratch.clear();
                        if column.write(values, row, &mut scratch)? {
                            chunk.extend_from_slice(&scratch);
                        } else {
                            chunk.extend_from_slice(b"\\N");
                        }
                    }
                }
            }
            // A table without columns cannot be made, so a line always has a field.
            chunk.push(b'\n');
            if chunk.len() >= chunk_bytes {
                chunks.push(std::mem::replace(&mut chunk, Vec::with_capacity(chunk_bytes + 4096)));
            }
        }
        if !chunk.is_empty() {
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// Rows from `start` on as the parameters of one insert; all are text, which the server converts as it does a file's.
    pub(super) fn parameters(
        &self,
        batch: &RecordBatch,
        start: usize,
        most_rows: usize,
        most_bytes: usize,
    ) -> Result<Parameters, Misfit> {
        const VAR_STRING: [u8; 2] = [0xfd, 0];
        let values = self.values(batch)?;
        let mut nulls = Vec::new();
        let mut body = Vec::new();
        let mut scratch = Vec::new();
        let mut rows = 0;
        while start + rows < batch.num_rows() && rows < most_rows && (rows == 0 || body.len() < most_bytes) {
            for (column, values) in self.columns.iter().zip(&values) {
                scratch.clear();
                let is_there = match values.text_at(start + rows) {
                    Some(text) if column.layout == Layout::Plain => {
                        scratch.extend_from_slice(text.as_bytes());
                        true
                    }
                    _ => column.write(values, start + rows, &mut scratch)?,
                };
                nulls.push(!is_there);
                if is_there {
                    crate::client::put_sized(&mut body, &scratch);
                }
            }
            rows += 1;
        }
        let mut parameters = vec![0; nulls.len().div_ceil(8)];
        for (index, is_null) in nulls.iter().enumerate() {
            parameters[index / 8] |= u8::from(*is_null) << (index % 8);
        }
        // New types follow.
        parameters.push(1);
        parameters.extend(VAR_STRING.repeat(nulls.len()));
        parameters.append(&mut body);
        Ok(Parameters { rows, body: parameters })
    }
}

impl ColumnEncoder {
    fn misfit(&self, reason: impl Into<String>) -> Misfit {
        Misfit { column: self.name.clone(), reason: reason.into() }
    }

    /// Writes a value that needs no escaping, or text for a hexadecimal column. `Ok(false)`: it is NULL.
    fn write(&self, values: &Values, row: usize, out: &mut Vec<u8>) -> Result<bool, Misfit> {
        if values.is_null(row) {
            if self.is_nullable {
                return Ok(false);
            }
            return Err(self.misfit("a NULL came for a column without NULLs"));
        }
        match values {
            Values::Boolean(array) => out.push(if array.value(row) { b'1' } else { b'0' }),
            Values::Int(array) => match self.kind {
                Kind::Span => self.write_span(array.value(row), 1_000_000, out)?,
                Kind::Year => {
                    let year = array.value(row);
                    if year != 0 && !(1901..=2155).contains(&year) {
                        return Err(self.misfit(format!("{year} is not 0 or a year from 1901 to 2155")));
                    }
                    put_padded(out, year.unsigned_abs(), 4);
                }
                _ => put_int(out, array.value(row)),
            },
            Values::UInt(array) => put_uint(out, array.value(row)),
            Values::Float32(array) => self.write_float(f64::from(array.value(row)), out)?,
            Values::Float64(array) => self.write_float(array.value(row), out)?,
            Values::Decimal128(array, scale) => put_decimal(out, &array.value(row).to_string(), *scale),
            Values::Decimal256(array, scale) => put_decimal(out, &array.value(row).to_string(), *scale),
            Values::Date(array) => self.write_date(array.value(row), out)?,
            Values::Moment(array, per_second) => {
                let value = array.value(row);
                let per_day = 86_400 * per_second;
                self.write_date(value.div_euclid(per_day), out)?;
                out.push(b' ');
                self.write_clock(value.rem_euclid(per_day), *per_second, out)?;
            }
            Values::Time(array, per_second) => self.write_span(array.value(row), *per_second, out)?,
            Values::Text(array) => self.write_text(array.value(row), out)?,
            Values::LargeText(array) => self.write_text(array.value(row), out)?,
            Values::TextView(array) => self.write_text(array.value(row), out)?,
            Values::Bytes(array) => put_hex(out, array.value(row)),
            Values::LargeBytes(array) => put_hex(out, array.value(row)),
            Values::BytesView(array) => put_hex(out, array.value(row)),
            Values::FixedBytes(array) => put_hex(out, array.value(row)),
            Values::Null => return Ok(false),
        }
        Ok(true)
    }

    fn write_text(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match self.kind {
            Kind::Bits => {
                let number = u64::from_str_radix(text, 2).map_err(|_| self.misfit("its text is not made of bits"))?;
                put_uint(out, number);
            }
            _ if self.layout == Layout::Hex => put_hex(out, text.as_bytes()),
            _ => out.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }

    fn write_float(&self, value: f64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if !value.is_finite() {
            return Err(self.misfit(format!("MySQL has no {value}")));
        }
        // The shortest digits that read back as the same number.
        out.extend_from_slice(format!("{value:e}").as_bytes());
        Ok(())
    }

    fn write_date(&self, days: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let (year, month, day) = civil(days);
        if !(1..=9999).contains(&year) {
            return Err(self.misfit(format!("the year {year} is not one from 1 to 9999")));
        }
        put_padded(out, year.unsigned_abs(), 4);
        out.push(b'-');
        put_padded(out, month, 2);
        out.push(b'-');
        put_padded(out, day, 2);
        Ok(())
    }

    fn write_span(&self, value: i64, per_second: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        if value < 0 {
            out.push(b'-');
        }
        let units = value.checked_abs().ok_or_else(|| self.misfit("the span is too long"))?;
        self.write_clock(units, per_second, out)
    }

    /// `HH:MM:SS[.ffffff]`; hours may pass 24.
    fn write_clock(&self, units: i64, per_second: i64, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let seconds = units / per_second;
        put_padded(out, (seconds / 3600).unsigned_abs(), 2);
        out.push(b':');
        put_padded(out, (seconds / 60 % 60).unsigned_abs(), 2);
        out.push(b':');
        put_padded(out, (seconds % 60).unsigned_abs(), 2);
        let nanos = units % per_second * (1_000_000_000 / per_second);
        if nanos != 0 {
            let kept = self.second_digits.min(6);
            if nanos % 10i64.pow(9 - kept) != 0 {
                return Err(self.misfit(format!("its fraction of a second is finer than the column's {kept} digits")));
            }
            out.push(b'.');
            put_padded(out, (nanos / 1000).unsigned_abs(), 6);
        }
        Ok(())
    }
}

impl Values {
    fn of(array: &ArrayRef) -> Option<Self> {
        let array = match array.data_type() {
            DataType::Dictionary(_, values) => cast(array, values).ok()?,
            _ => array.clone(),
        };
        let ints = |array: &ArrayRef| {
            let wide = cast(array, &DataType::Int64).ok()?;
            wide.as_any().downcast_ref::<PrimitiveArray<Int64Type>>().cloned()
        };
        fn of_type<T: Array + Clone + 'static>(array: &ArrayRef) -> Option<T> {
            array.as_any().downcast_ref::<T>().cloned()
        }
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
        Some(match array.data_type() {
            DataType::Boolean => Self::Boolean(of_type(&array)?),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Self::Int(ints(&array)?),
            DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
                Self::UInt(of_type(&cast(&array, &DataType::UInt64).ok()?)?)
            }
            DataType::Float16 | DataType::Float32 => Self::Float32(of_type(&cast(&array, &DataType::Float32).ok()?)?),
            DataType::Float64 => Self::Float64(of_type(&array)?),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
                let scale = *scale;
                Self::Decimal128(of_type(&cast(&array, &DataType::Decimal128(38, scale)).ok()?)?, scale)
            }
            DataType::Decimal128(_, scale) => Self::Decimal128(of_type(&array)?, *scale),
            DataType::Decimal256(_, scale) => Self::Decimal256(of_type(&array)?, *scale),
            DataType::Date32 => Self::Date(ints(&cast(&array, &DataType::Int32).ok()?)?),
            DataType::Date64 => Self::Moment(ints(&array)?, 1_000),
            DataType::Timestamp(unit, _) => Self::Moment(ints(&array)?, per_second(unit)),
            DataType::Time32(unit) => Self::Time(ints(&cast(&array, &DataType::Int32).ok()?)?, per_second(unit)),
            DataType::Time64(unit) => Self::Time(ints(&array)?, per_second(unit)),
            DataType::Utf8 => Self::Text(of_type(&array)?),
            DataType::LargeUtf8 => Self::LargeText(of_type(&array)?),
            DataType::Utf8View => Self::TextView(of_type(&array)?),
            DataType::Binary => Self::Bytes(of_type(&array)?),
            DataType::LargeBinary => Self::LargeBytes(of_type(&array)?),
            DataType::BinaryView => Self::BytesView(of_type(&array)?),
            DataType::FixedSizeBinary(_) => Self::FixedBytes(of_type(&array)?),
            DataType::Null => Self::Null,
            _ => return None,
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(array) => array.is_null(row),
            Self::Int(array) | Self::Date(array) | Self::Moment(array, _) | Self::Time(array, _) => array.is_null(row),
            Self::UInt(array) => array.is_null(row),
            Self::Float32(array) => array.is_null(row),
            Self::Float64(array) => array.is_null(row),
            Self::Decimal128(array, _) => array.is_null(row),
            Self::Decimal256(array, _) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::LargeText(array) => array.is_null(row),
            Self::TextView(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::LargeBytes(array) => array.is_null(row),
            Self::BytesView(array) => array.is_null(row),
            Self::FixedBytes(array) => array.is_null(row),
            Self::Null => true,
        }
    }

    /// A text that is not NULL.
    fn text_at(&self, row: usize) -> Option<&str> {
        match self {
            Self::Text(array) if array.is_valid(row) => Some(array.value(row)),
            Self::LargeText(array) if array.is_valid(row) => Some(array.value(row)),
            Self::TextView(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }
}

/// Appends text so that `LOAD DATA` reads it back byte for byte.
fn escape(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut clean = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'\\' => b"\\\\",
            b'\t' => b"\\t",
            b'\n' => b"\\n",
            0 => b"\\0",
            _ => continue,
        };
        out.extend_from_slice(&bytes[clean..index]);
        out.extend_from_slice(escaped);
        clean = index + 1;
    }
    out.extend_from_slice(&bytes[clean..]);
}

fn put_uint(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn put_int(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    put_uint(out, number.unsigned_abs());
}

fn put_padded(out: &mut Vec<u8>, number: u64, width: usize) {
    let start = out.len();
    put_uint(out, number);
    let missing = width.saturating_sub(out.len() - start);
    out.splice(start..start, std::iter::repeat_n(b'0', missing));
}

/// The digits of an unscaled number with the point where the scale says.
fn put_decimal(out: &mut Vec<u8>, unscaled: &str, scale: i8) {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    out.extend_from_slice(sign.as_bytes());
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        out.extend_from_slice(digits.as_bytes());
        out.extend(std::iter::repeat_n(b'0', places));
    } else if digits.len() > places {
        let (whole, fraction) = digits.split_at(digits.len() - places);
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', places - digits.len()));
        out.extend_from_slice(digits.as_bytes());
    }
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Year, month and day of a day counted from 1970.
fn civil(days: i64) -> (i64, u64, u64) {
    // 400 years from a first of March repeat.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

#[cfg(test)]
mod tests;
