//! Functions that are computed value by value: a table of names, argument types and meanings, one function for all of them.
//!
//! In: a table of [`Meaning`]s, each with a plain function over [`Value`]s. Out: functions of the engine. A call whose
//! arguments fit no meaning is refused by name with its types; a NULL argument gives NULL unless the meaning says otherwise.

use super::meanings::{stored_date, stored_decimal, stored_moment, stored_time};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal256Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, i256,
};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The type of an argument or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    BigInt,
    Double,
    /// An exact number; as a result it has this scale.
    Exact(i8),
    Text,
    /// Text, or what has one form as text: whole and exact numbers, dates.
    Shown,
    Date,
    Timestamp,
    /// A timestamp, a date, or a text that is one; another text is NULL.
    AnyTime,
    /// An instant.
    Zoned,
    Interval,
    /// Anything, as the integer, real number or text that SQLite stores for it.
    Stored,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
    /// The unscaled number and its scale.
    Exact(i256, i8),
    Text(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since then.
    Timestamp(i64),
    Interval(IntervalMonthDayNano),
}

/// One meaning of a function, for arguments of these types.
pub(super) struct Meaning {
    pub(super) arguments: &'static [Kind],
    /// The type of any number of further arguments.
    pub(super) rest: Option<Kind>,
    pub(super) returns: Kind,
    /// Whether a NULL argument makes the result NULL.
    pub(super) is_strict: bool,
    pub(super) compute: fn(&[Value]) -> std::result::Result<Value, String>,
}

/// A function by its engine-wide name.
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) meanings: &'static [Meaning],
}

pub(super) const fn strict(
    arguments: &'static [Kind],
    returns: Kind,
    compute: fn(&[Value]) -> std::result::Result<Value, String>,
) -> Meaning {
    Meaning { arguments, rest: None, returns, is_strict: true, compute }
}

pub(super) fn functions(definitions: &'static [Definition]) -> impl Iterator<Item = Arc<ScalarUDF>> {
    definitions.iter().map(|definition| Arc::new(ScalarUDF::new_from_impl(RowFunction::of(definition))))
}

/// The function of this name among the definitions.
pub(super) fn function(definition: &'static Definition) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(RowFunction::of(definition)))
}

struct RowFunction {
    definition: &'static Definition,
    signature: Signature,
}

impl RowFunction {
    fn of(definition: &'static Definition) -> Self {
        Self { definition, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// The meaning that fits the types with the fewest conversions.
    fn choose(&self, types: &[DataType]) -> Result<&'static Meaning> {
        let fitting = self.definition.meanings.iter().filter_map(|meaning| Some((meaning.distance(types)?, meaning)));
        match fitting.min_by_key(|(distance, _)| *distance) {
            Some((_, meaning)) => Ok(meaning),
            None => {
                let types: Vec<String> = types.iter().map(ToString::to_string).collect();
                plan_err!(
                    "{}({}) is not supported in a query across connections",
                    self.definition.name,
                    types.join(", ")
                )
            }
        }
    }
}

impl std::fmt::Debug for RowFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.definition, other.definition)
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl Meaning {
    fn kinds(&self, count: usize) -> Option<Vec<Kind>> {
        let further = count.checked_sub(self.arguments.len())?;
        match self.rest {
            None if further > 0 => None,
            rest => Some(self.arguments.iter().copied().chain(rest.into_iter().cycle().take(further)).collect()),
        }
    }

    fn distance(&self, types: &[DataType]) -> Option<u32> {
        self.kinds(types.len())?.iter().zip(types).map(|(kind, data_type)| kind.distance(data_type)).sum()
    }
}

impl Kind {
    /// How far a type is from this one; `None` when values of it are not taken.
    fn distance(self, from: &DataType) -> Option<u32> {
        use DataType::{Boolean, Date32, Interval, LargeUtf8, Null, Time64, Timestamp, Utf8, Utf8View};
        match (self, from) {
            (_, Null) | (Self::Boolean, Boolean) | (Self::Text, Utf8 | LargeUtf8 | Utf8View) => Some(0),
            (Self::Date, Date32) | (Self::Timestamp, Timestamp(_, None)) | (Self::Zoned, Timestamp(_, Some(_))) => {
                Some(0)
            }
            (Self::Interval, Interval(_)) => Some(0),
            (
                Self::Stored,
                Boolean | Utf8 | LargeUtf8 | Utf8View | Date32 | Timestamp(..) | Time64(TimeUnit::Microsecond),
            ) => Some(0),
            (Self::Stored, from) if from.is_numeric() => Some(0),
            (Self::Shown | Self::AnyTime, Utf8 | LargeUtf8 | Utf8View) => Some(0),
            (Self::Shown, Date32) => Some(1),
            (Self::Shown, from) if from.is_integer() || from.is_decimal() => Some(1),
            (Self::AnyTime, Timestamp(_, None) | Date32) => Some(0),
            (Self::Timestamp, Date32) => Some(1),
            // Read as the clock of UTC.
            (Self::Timestamp, Timestamp(_, Some(_))) => Some(3),
            (Self::Integer, DataType::Int8 | DataType::Int16 | DataType::Int32) | (Self::BigInt, DataType::Int64) => {
                Some(0)
            }
            (Self::Integer | Self::BigInt, from) if from.is_integer() => Some(1),
            (Self::Exact(_), from) if from.is_decimal() => Some(0),
            (Self::Exact(_), from) if from.is_integer() => Some(1),
            (Self::Double, from) if from.is_floating() => Some(0),
            (Self::Double, from) if from.is_integer() => Some(2),
            _ => None,
        }
    }

    /// The type that a value of `from` is brought to before it is read.
    fn read_as(self, from: &DataType) -> DataType {
        match self {
            // A narrow integer stays narrow, so that the same meaning is chosen when it is computed.
            Self::Integer => match from {
                DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int32,
                _ => DataType::Int64,
            },
            Self::Stored => match from {
                DataType::Boolean | DataType::Date32 | DataType::Time64(_) => from.clone(),
                DataType::Timestamp(unit, zone) => DataType::Timestamp(*unit, zone.as_ref().map(|_| "UTC".into())),
                // Its integers end at 2^63.
                DataType::UInt64 => DataType::Utf8,
                DataType::Decimal32(precision, scale)
                | DataType::Decimal64(precision, scale)
                | DataType::Decimal128(precision, scale)
                | DataType::Decimal256(precision, scale) => DataType::Decimal256(*precision, *scale),
                from if from.is_integer() => DataType::Int64,
                from if from.is_floating() => DataType::Float64,
                _ => DataType::Utf8,
            },
            Self::Exact(_) => match from {
                DataType::Decimal32(_, scale)
                | DataType::Decimal64(_, scale)
                | DataType::Decimal128(_, scale)
                | DataType::Decimal256(_, scale) => DataType::Decimal256(76, *scale),
                _ => DataType::Decimal256(76, 0),
            },
            other => other.data_type(),
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Exact(scale) => DataType::Decimal128(38, scale),
            Self::Text | Self::Shown | Self::Stored => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp | Self::AnyTime => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Zoned => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let kinds = self.choose(types)?.kinds(types.len()).unwrap_or_default();
        Ok(kinds.iter().zip(types).map(|(kind, data_type)| kind.read_as(data_type)).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.choose(types)?.returns.data_type())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = arguments.args.iter().map(ColumnarValue::data_type).collect();
        let meaning = self.choose(&types)?;
        let kinds = meaning.kinds(types.len()).unwrap_or_default();
        let is_constant = arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { arguments.number_rows };
        let columns = arguments
            .args
            .iter()
            .zip(kinds)
            .map(|(argument, kind)| {
                let values = argument.to_array(rows)?;
                Ok((cast(&values, &kind.read_as(values.data_type()))?, kind))
            })
            .collect::<Result<Vec<_>>>()?;
        let mut results = Vec::with_capacity(rows);
        let mut values = Vec::with_capacity(columns.len());
        for row in 0..rows {
            values.clear();
            values.extend(columns.iter().map(|(column, kind)| read(column, *kind, row)));
            if meaning.is_strict && values.contains(&Value::Null) {
                results.push(Value::Null);
                continue;
            }
            match (meaning.compute)(&values) {
                Ok(value) => results.push(value),
                Err(message) => return exec_err!("{}: {message}", self.definition.name),
            }
        }
        let column = write(results, meaning.returns)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&column, 0)?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

fn read(column: &ArrayRef, kind: Kind, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match kind {
        Kind::Boolean => Value::Boolean(column.as_boolean().value(row)),
        Kind::Integer | Kind::BigInt => Value::Integer(match column.as_primitive_opt::<Int32Type>() {
            Some(narrow) => i64::from(narrow.value(row)),
            None => column.as_primitive::<Int64Type>().value(row),
        }),
        Kind::Double => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        Kind::Exact(_) => {
            let scale = match column.data_type() {
                DataType::Decimal256(_, scale) => *scale,
                _ => 0,
            };
            Value::Exact(column.as_primitive::<Decimal256Type>().value(row), scale)
        }
        Kind::Text | Kind::Shown => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        Kind::Date => Value::Date(column.as_primitive::<Date32Type>().value(row)),
        Kind::Timestamp | Kind::AnyTime | Kind::Zoned => {
            Value::Timestamp(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        Kind::Interval => Value::Interval(column.as_primitive::<IntervalMonthDayNanoType>().value(row)),
        Kind::Stored => stored(column, row),
    }
}

fn stored(column: &ArrayRef, row: usize) -> Value {
    match column.data_type() {
        DataType::Boolean => Value::Integer(i64::from(column.as_boolean().value(row))),
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        // It has no NaN.
        DataType::Float64 => match column.as_primitive::<Float64Type>().value(row) {
            number if number.is_nan() => Value::Null,
            number => Value::Double(number),
        },
        DataType::Decimal256(precision, scale) => {
            stored_decimal(column.as_primitive::<Decimal256Type>().value(row), *precision, *scale)
        }
        DataType::Date32 => stored_date(i64::from(column.as_primitive::<Date32Type>().value(row))),
        DataType::Time64(_) => stored_time(column.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Timestamp(unit, zone) => {
            let moment = match unit {
                TimeUnit::Second => column.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => column.as_primitive::<TimestampMillisecondType>().value(row),
                TimeUnit::Microsecond => column.as_primitive::<TimestampMicrosecondType>().value(row),
                TimeUnit::Nanosecond => column.as_primitive::<TimestampNanosecondType>().value(row),
            };
            stored_moment(moment, *unit, zone.is_some())
        }
        _ => Value::Text(column.as_string::<i32>().value(row).to_owned()),
    }
}

/// The values as a column; a value of another kind is a mistake in a table of meanings.
fn write(values: Vec<Value>, kind: Kind) -> Result<ArrayRef> {
    macro_rules! column {
        ($array:ty, $pattern:pat => $value:expr) => {
            Arc::new(
                values
                    .into_iter()
                    .map(|value| match value {
                        Value::Null => Ok(None),
                        $pattern => Ok(Some($value)),
                        other => exec_err!("{other:?} is not of the declared type"),
                    })
                    .collect::<Result<$array>>()?,
            )
        };
    }
    Ok(match kind {
        Kind::Boolean => column!(BooleanArray, Value::Boolean(value) => value),
        Kind::Integer => column!(Int32Array, Value::Integer(value) => match i32::try_from(value) {
            Ok(value) => value,
            Err(_) => return exec_err!("integer out of range: {value}"),
        }),
        Kind::BigInt => column!(Int64Array, Value::Integer(value) => value),
        Kind::Double => column!(Float64Array, Value::Double(value) => value),
        Kind::Exact(_) => {
            let numbers: Decimal128Array = values
                .into_iter()
                .map(|value| match value {
                    Value::Null => Ok(None),
                    Value::Exact(unscaled, _) => match unscaled.to_i128() {
                        Some(unscaled) => Ok(Some(unscaled)),
                        None => exec_err!("numeric field overflow"),
                    },
                    other => exec_err!("{other:?} is not of the declared type"),
                })
                .collect::<Result<_>>()?;
            Arc::new(numbers.with_data_type(kind.data_type()))
        }
        Kind::Text | Kind::Shown | Kind::Stored => column!(StringArray, Value::Text(value) => value),
        Kind::Date => column!(Date32Array, Value::Date(value) => value),
        Kind::Timestamp | Kind::AnyTime => column!(TimestampMicrosecondArray, Value::Timestamp(value) => value),
        Kind::Zoned => {
            let column: Arc<TimestampMicrosecondArray> =
                column!(TimestampMicrosecondArray, Value::Timestamp(value) => value);
            Arc::new(column.as_ref().clone().with_timezone("UTC"))
        }
        Kind::Interval => column!(IntervalMonthDayNanoArray, Value::Interval(value) => value),
    })
}
