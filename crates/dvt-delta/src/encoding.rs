//! How an Arrow schema is kept in a Delta table, which has fewer types.
//!
//! Each column is stored as the nearest type that Delta has and that holds every value; the Arrow schema itself, with the
//! fields' metadata, is kept in the table's configuration, and reading turns the stored columns back into exactly it.
//! Another engine sees ordinary Delta columns:
//!
//! | Arrow | Delta |
//! |---|---|
//! | UInt8, UInt16, UInt32, UInt64 | short, int, long, decimal(20,0) |
//! | Decimal of more than 38 digits; with a negative scale | string; decimal with scale 0 |
//! | Float16 | float |
//! | Time, Duration, Date64, Timestamp(Nanosecond) | int or long: the number Arrow holds |
//! | Timestamp(Second, Millisecond), other time zones | timestamp or timestamp_ntz in microseconds |
//! | Interval | int, or a struct of its numbers |
//! | LargeUtf8, Utf8View, LargeBinary, BinaryView, FixedSizeBinary | string, binary |
//! | LargeList, FixedSizeList | array |
//! | Dictionary | its values |
//! | Null | string, all NULL |

mod arrays;
mod schema_text;

pub use arrays::{decode, encode};
pub(crate) use schema_text::{schema_from_text, schema_to_text};

use crate::{DeltaError, DeltaErrorKind};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit, UnionMode};
use std::collections::HashSet;
use std::sync::Arc;

/// A table's columns as its users see them, and as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableColumns {
    pub(crate) arrow: SchemaRef,
    /// Same length and order. A column that is stored as it is keeps its metadata here too.
    pub(crate) stored: SchemaRef,
}

impl TableColumns {
    /// # Errors
    /// [`DeltaErrorKind::UnsupportedType`] with the column's name.
    pub(crate) fn new(arrow: &SchemaRef) -> Result<Self, DeltaError> {
        if arrow.fields().is_empty() {
            return Err(DeltaError::new(
                DeltaErrorKind::UnsupportedType,
                "laying out a table",
                "a Delta table needs at least one column",
            ));
        }
        let names = stored_names(arrow.fields());
        let fields = arrow
            .fields()
            .iter()
            .zip(names)
            .map(|(field, name)| {
                let data_type = stored_type(field.data_type()).map_err(|reason| {
                    DeltaError::new(
                        DeltaErrorKind::UnsupportedType,
                        "laying out a table",
                        format!(
                            "column `{}` of type {} cannot be kept in a Delta table: {reason}",
                            field.name(),
                            field.data_type()
                        ),
                    )
                    .with_column(field.name())
                })?;
                let nullable = field.is_nullable() || field.data_type() == &DataType::Null;
                let stored = Field::new(&name, data_type, nullable);
                let same = name == *field.name() && stored.data_type() == field.data_type();
                Ok(if same { stored.with_metadata(field.metadata().clone()) } else { stored })
            })
            .collect::<Result<Vec<_>, DeltaError>>()?;
        Ok(Self { arrow: Arc::clone(arrow), stored: Arc::new(Schema::new(fields)) })
    }

    /// Whether a column is stored as it is.
    pub(crate) fn is_plain(&self, index: usize) -> bool {
        let (arrow, stored) = (self.arrow.field(index), self.stored.field(index));
        arrow.name() == stored.name() && arrow.data_type() == stored.data_type()
    }

    /// The stored schema without metadata: what Delta's own schema says.
    pub(crate) fn delta_schema(&self) -> Schema {
        Schema::new(
            self.stored
                .fields()
                .iter()
                .map(|field| field.as_ref().clone().with_metadata([].into()))
                .collect::<Vec<_>>(),
        )
    }
}

/// Whether every column can be kept.
///
/// # Errors
/// [`DeltaErrorKind::UnsupportedType`] with the name of the first column that cannot.
pub fn check_schema(schema: &SchemaRef) -> Result<(), DeltaError> {
    TableColumns::new(schema).map(|_| ())
}

/// The columns as they are stored: names and types of the Parquet files.
///
/// # Errors
/// As [`check_schema`].
pub fn stored_schema(schema: &SchemaRef) -> Result<SchemaRef, DeltaError> {
    TableColumns::new(schema).map(|columns| columns.stored)
}

/// Delta names are unique without case, and files without column mapping allow no blanks and brackets in them. A name
/// that breaks this is stored under another; its own is in the Arrow schema.
fn stored_names(fields: &Fields) -> Vec<String> {
    let plain = |name: &str| {
        !name.is_empty()
            && !name.chars().any(|c| c.is_control() || matches!(c, ' ' | ',' | ';' | '{' | '}' | '(' | ')' | '='))
    };
    let mut taken: HashSet<String> = HashSet::new();
    let mut names: Vec<Option<String>> = fields
        .iter()
        .map(|field| (plain(field.name()) && taken.insert(field.name().to_lowercase())).then(|| field.name().clone()))
        .collect();
    for (index, name) in names.iter_mut().enumerate() {
        if name.is_none() {
            let mut candidate = format!("column_{}", index + 1);
            while !taken.insert(candidate.clone()) {
                candidate.push('_');
            }
            *name = Some(candidate);
        }
    }
    names.into_iter().flatten().collect()
}

/// The Arrow type of what is stored, or why there is none.
///
/// # Errors
/// The reason, for a sentence that names the column.
pub fn stored_type(data_type: &DataType) -> Result<DataType, String> {
    let utc = || Some("UTC".into());
    Ok(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary => data_type.clone(),
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            if *scale < 0 {
                // Delta has no negative scale: the zeros are written out.
                let digits = precision.saturating_add(scale.unsigned_abs());
                if digits > 38 {
                    return Err("its values have more than 38 digits before the point".into());
                }
                DataType::Decimal128(digits, 0)
            } else if *precision <= 38 {
                DataType::Decimal128(*precision, *scale)
            } else {
                DataType::Utf8
            }
        }
        DataType::Date64 | DataType::Time64(_) | DataType::Duration(_) => DataType::Int64,
        DataType::Time32(_) | DataType::Interval(IntervalUnit::YearMonth) => DataType::Int32,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => DataType::Int64,
        DataType::Timestamp(_, None) => DataType::Timestamp(TimeUnit::Microsecond, None),
        DataType::Timestamp(_, Some(_)) => DataType::Timestamp(TimeUnit::Microsecond, utc()),
        DataType::Interval(IntervalUnit::DayTime) => DataType::Struct(
            vec![Field::new("days", DataType::Int32, false), Field::new("milliseconds", DataType::Int32, false)].into(),
        ),
        DataType::Interval(IntervalUnit::MonthDayNano) => DataType::Struct(
            vec![
                Field::new("months", DataType::Int32, false),
                Field::new("days", DataType::Int32, false),
                Field::new("nanoseconds", DataType::Int64, false),
            ]
            .into(),
        ),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            DataType::List(stored_child("element", item)?)
        }
        DataType::Struct(fields) => {
            if fields.is_empty() {
                return Err("a struct without fields".into());
            }
            let names = stored_names(fields);
            let stored: Result<Vec<_>, String> =
                fields.iter().zip(names).map(|(field, name)| stored_child(&name, field)).collect();
            DataType::Struct(stored?.into())
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                let (key, value) = (stored_child("key", &pair[0])?, stored_child("value", &pair[1])?);
                let entries = Field::new("key_value", DataType::Struct(vec![key, value].into()), false);
                DataType::Map(Arc::new(entries), false)
            }
            _ => return Err("a map without keys and values".into()),
        },
        DataType::Dictionary(_, values) => stored_type(values)?,
        DataType::Union(_, UnionMode::Sparse | UnionMode::Dense) => return Err("unions have no counterpart".into()),
        DataType::ListView(_) | DataType::LargeListView(_) | DataType::RunEndEncoded(_, _) => {
            return Err("this layout is not kept; deliver it as a plain array or list".into());
        }
    })
}

fn stored_child(name: &str, field: &Field) -> Result<FieldRef, String> {
    let nullable = field.is_nullable() || field.data_type() == &DataType::Null;
    Ok(Arc::new(Field::new(name, stored_type(field.data_type())?, nullable)))
}
