//! Arrow values as SQLite stores them, in the forms that `values.rs` reads back.

use crate::profile::Settings;
use crate::types::arrow_type;
use crate::values::RowCollector;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit, UInt64Type,
};
use dvt_adapter::{AdapterError, ErrorClass, LoadColumn, LoadRequest};
use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::io::Write;
use std::sync::Arc;

/// A value that its column cannot hold.
#[derive(Debug)]
pub(crate) struct Misfit {
    column: String,
    reason: String,
}

impl Misfit {
    pub(crate) fn error(self, settings: &Settings, request: &LoadRequest) -> AdapterError {
        let message = format!("column `{}` of {} cannot be loaded: {}", self.column, request.on_behalf_of, self.reason);
        AdapterError::new(ErrorClass::ValueDoesNotFit, settings.connection.as_str(), message)
            .with_column(self.column)
            .with_relation(request.relation.clone())
    }
}

#[derive(Debug)]
pub(crate) enum InsertError {
    Misfit(Misfit),
    Sqlite(rusqlite::Error),
}

pub(crate) struct Encoder {
    columns: Vec<Column>,
}

struct Column {
    name: String,
    is_nullable: bool,
    form: Form,
    /// The type that the declared word is read as, where it is not the field's: each value has to be that, too.
    declared: Option<SchemaRef>,
}

/// How a column's values are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Whole numbers and truth values.
    Integer,
    /// Digits as text: past what an integer holds.
    Unsigned,
    Real,
    /// Digits as text; numeric affinity makes a number of them where the declared type says so.
    Decimal,
    Date,
    /// Units a second; whether an offset is written.
    Moment {
        per_second: i64,
        has_zone: bool,
    },
    Time {
        per_second: i64,
    },
    Text,
    Blob,
    Null,
}

impl Form {
    fn of(field: &Field) -> Option<Self> {
        let per_second = |unit: &TimeUnit| match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
        Some(match field.data_type() {
            DataType::Dictionary(_, values) => {
                return Self::of(&Field::new(field.name(), values.as_ref().clone(), true));
            }
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Self::Integer,
            DataType::UInt64 => Self::Unsigned,
            DataType::Float16 | DataType::Float32 | DataType::Float64 => Self::Real,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Self::Decimal
            }
            DataType::Date32 => Self::Date,
            DataType::Date64 => Self::Moment { per_second: 1_000, has_zone: false },
            DataType::Timestamp(unit, zone) => Self::Moment { per_second: per_second(unit), has_zone: zone.is_some() },
            DataType::Time32(unit) | DataType::Time64(unit) => Self::Time { per_second: per_second(unit) },
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Blob
            }
            DataType::Null => Self::Null,
            _ => return None,
        })
    }

    /// The batch's column in the one Arrow type that this form reads.
    fn normal(self, array: &ArrayRef) -> Option<ArrayRef> {
        let array = match array.data_type() {
            DataType::Dictionary(_, values) => cast(array, values).ok()?,
            _ => array.clone(),
        };
        let to = match (self, array.data_type()) {
            (Self::Unsigned, _) => DataType::UInt64,
            (Self::Real, _) => DataType::Float64,
            (Self::Decimal, DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale)) => {
                DataType::Decimal128(38, *scale)
            }
            (Self::Decimal, _) => return Some(array),
            (Self::Date | Self::Time { .. }, DataType::Date32 | DataType::Time32(_)) => {
                return cast(&cast(&array, &DataType::Int32).ok()?, &DataType::Int64).ok();
            }
            (Self::Integer | Self::Date | Self::Moment { .. } | Self::Time { .. }, _) => DataType::Int64,
            (Self::Text, _) => DataType::LargeUtf8,
            (Self::Blob, _) => DataType::LargeBinary,
            (Self::Null, _) => return Some(array),
        };
        cast(&array, &to).ok()
    }
}

impl Encoder {
    pub(crate) fn new(columns: &[LoadColumn], schema: &SchemaRef) -> Result<Self, Misfit> {
        if columns.len() != schema.fields().len() {
            return Err(Misfit {
                column: columns.first().map(|column| column.name.clone()).unwrap_or_default(),
                reason: format!("{} columns were declared and {} are delivered", columns.len(), schema.fields().len()),
            });
        }
        let columns = columns.iter().zip(schema.fields()).map(|(column, field)| {
            let form = Form::of(field).ok_or_else(|| Misfit {
                column: column.name.clone(),
                reason: format!("values of type {} have no stored form", field.data_type()),
            })?;
            let declared = match arrow_type(&column.column_type) {
                Ok((data_type, _)) if &data_type != field.data_type() => {
                    Some(Arc::new(Schema::new(vec![Field::new(&column.name, data_type, true)])))
                }
                _ => None,
            };
            Ok(Column { name: column.name.clone(), is_nullable: column.nullable, form, declared })
        });
        Ok(Self { columns: columns.collect::<Result<_, _>>()? })
    }

    /// Inserts all rows of the batch; the bytes of their texts and blobs, and eight for any other value.
    pub(crate) fn insert(&self, batch: &RecordBatch, statement: &mut Statement<'_>) -> Result<u64, InsertError> {
        let arrays = self
            .columns
            .iter()
            .zip(batch.columns())
            .map(|(column, array)| {
                column.form.normal(array).ok_or_else(|| {
                    let reason = format!("values of type {} have no stored form", array.data_type());
                    InsertError::Misfit(Misfit { column: column.name.clone(), reason })
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut checks: Vec<Option<RowCollector>> = self
            .columns
            .iter()
            .map(|column| column.declared.clone().and_then(|declared| RowCollector::new(declared).ok()))
            .collect();
        let mut bytes = 0;
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            for (index, (column, array)) in self.columns.iter().zip(&arrays).enumerate() {
                scratch.clear();
                let value = column.value(array, row, &mut scratch).map_err(InsertError::Misfit)?;
                if let Some(check) = &mut checks[index] {
                    check.push(std::iter::once(value)).map_err(|misfit| {
                        InsertError::Misfit(Misfit { column: column.name.clone(), reason: misfit.reason })
                    })?;
                }
                bytes += match value {
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
                    _ => 8,
                };
                statement.raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(value)).map_err(InsertError::Sqlite)?;
            }
            statement.raw_execute().map_err(InsertError::Sqlite)?;
        }
        Ok(bytes)
    }
}

impl Column {
    fn misfit(&self, reason: String) -> Misfit {
        Misfit { column: self.name.clone(), reason }
    }

    fn value<'a>(&self, array: &'a ArrayRef, row: usize, scratch: &'a mut Vec<u8>) -> Result<ValueRef<'a>, Misfit> {
        if array.is_null(row) || self.form == Form::Null {
            if self.is_nullable {
                return Ok(ValueRef::Null);
            }
            return Err(self.misfit("a NULL came for a column without NULLs".to_owned()));
        }
        let int = || array.as_primitive::<Int64Type>().value(row);
        match self.form {
            Form::Integer => return Ok(ValueRef::Integer(int())),
            Form::Real => {
                let number = array.as_primitive::<Float64Type>().value(row);
                // SQLite would store NULL.
                if number.is_nan() {
                    return Err(self.misfit("SQLite has no NaN".to_owned()));
                }
                return Ok(ValueRef::Real(number));
            }
            Form::Text => return Ok(ValueRef::Text(array.as_string::<i64>().value(row).as_bytes())),
            Form::Blob => return Ok(ValueRef::Blob(array.as_binary::<i64>().value(row))),
            Form::Unsigned => put(scratch, format_args!("{}", array.as_primitive::<UInt64Type>().value(row))),
            Form::Decimal => match array.data_type() {
                DataType::Decimal256(..) => {
                    let text = array.as_primitive::<Decimal256Type>().value_as_string(row);
                    put(scratch, format_args!("{text}"));
                }
                _ => {
                    let text = array.as_primitive::<Decimal128Type>().value_as_string(row);
                    put(scratch, format_args!("{text}"));
                }
            },
            Form::Date => self.put_date(int(), scratch)?,
            Form::Moment { per_second, has_zone } => {
                let per_day = 86_400 * per_second;
                self.put_date(int().div_euclid(per_day), scratch)?;
                scratch.push(b' ');
                put_clock(scratch, int().rem_euclid(per_day), per_second);
                if has_zone {
                    scratch.extend_from_slice(b"+00:00");
                }
            }
            Form::Time { per_second } => {
                let units = int();
                if !(0..86_400 * per_second).contains(&units) {
                    return Err(self.misfit("it is no time of one day".to_owned()));
                }
                put_clock(scratch, units, per_second);
            }
            Form::Null => {}
        }
        Ok(ValueRef::Text(scratch))
    }

    fn put_date(&self, days: i64, scratch: &mut Vec<u8>) -> Result<(), Misfit> {
        let (year, month, day) = civil(days);
        if !(0..=9999).contains(&year) {
            return Err(self.misfit(format!("the year {year} is not one from 0 to 9999")));
        }
        put(scratch, format_args!("{year:04}-{month:02}-{day:02}"));
        Ok(())
    }
}

fn put(scratch: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    scratch.write_fmt(text).expect("writing to memory does not fail");
}

/// `HH:MM:SS`, with as many digits behind as are not zero, in threes.
fn put_clock(scratch: &mut Vec<u8>, units: i64, per_second: i64) {
    let seconds = units / per_second;
    put(scratch, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    let nanos = units % per_second * (1_000_000_000 / per_second);
    if nanos % 1_000 != 0 {
        put(scratch, format_args!(".{nanos:09}"));
    } else if nanos % 1_000_000 != 0 {
        put(scratch, format_args!(".{:06}", nanos / 1_000));
    } else if nanos != 0 {
        put(scratch, format_args!(".{:03}", nanos / 1_000_000));
    }
}

/// Year, month and day of a day counted from 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    // 400 years from a first of March repeat.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
