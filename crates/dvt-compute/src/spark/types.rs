//! How values of the plan's types are held in Spark. A type that Spark lacks is held as staging stores it: as a number or a
//! text that comes back as exactly the same value.

use arrow::datatypes::{DataType, TimeUnit};
use dvt_spark::SparkFailure;

/// What Spark may do with a value of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// Hand it through.
    Opaque,
    /// Tell equal ones: each value has one form.
    Equal,
    /// Order it too.
    Ordered,
    /// Everything: it is Spark's own type.
    Own,
}

pub(super) fn held(data_type: &DataType) -> Held {
    match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Null => Held::Own,
        DataType::Timestamp(TimeUnit::Microsecond, None) => Held::Own,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if matches!(zone.as_ref(), "UTC" | "+00:00") => {
            Held::Own
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && *scale >= 0 =>
        {
            Held::Own
        }
        DataType::Dictionary(_, values) => held(values),
        DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Timestamp(..)
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Held::Ordered,
        // A text with all digits of its scale.
        DataType::Decimal256(..) => Held::Equal,
        _ => Held::Opaque,
    }
}

/// The Arrow type that a value of this type has in Parquet files and in Spark's answers.
pub(super) fn stored(data_type: &DataType) -> Result<DataType, SparkFailure> {
    dvt_delta::stored_type(data_type)
        .map_err(|reason| SparkFailure::refused(format!("a value of type {data_type} ({reason})")))
}

/// The Spark type that holds values of this type.
pub(super) fn spark_type(data_type: &DataType) -> Result<String, SparkFailure> {
    name_of_stored(&stored(data_type)?)
}

/// The Spark type of a stored Arrow type.
pub(super) fn name_of_stored(stored: &DataType) -> Result<String, SparkFailure> {
    Ok(match stored {
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Int8 => "TINYINT".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INT".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float32 => "FLOAT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Utf8 => "STRING".to_owned(),
        DataType::Binary => "BINARY".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(_, None) => "TIMESTAMP_NTZ".to_owned(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP".to_owned(),
        DataType::List(item) => format!("ARRAY<{}>", name_of_stored(item.data_type())?),
        DataType::Struct(fields) => {
            let fields: Result<Vec<String>, SparkFailure> = fields
                .iter()
                .map(|field| Ok(format!("{}: {}", quoted(field.name()), name_of_stored(field.data_type())?)))
                .collect();
            format!("STRUCT<{}>", fields?.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                format!("MAP<{}, {}>", name_of_stored(pair[0].data_type())?, name_of_stored(pair[1].data_type())?)
            }
            other => return Err(SparkFailure::refused(format!("a map of {other}"))),
        },
        other => return Err(SparkFailure::refused(format!("a value of type {other}"))),
    })
}

/// An identifier in backticks.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The columns of a stored table as Spark's DDL writes them.
pub(super) fn ddl(stored: &arrow::datatypes::Schema) -> Result<String, SparkFailure> {
    let columns: Result<Vec<String>, SparkFailure> = stored
        .fields()
        .iter()
        .map(|field| Ok(format!("{} {}", quoted(field.name()), name_of_stored(field.data_type())?)))
        .collect();
    Ok(columns?.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spark_lacks_is_held_in_another_form() {
        let check = |data_type: DataType, name: &str, may: Held| {
            assert_eq!((spark_type(&data_type).unwrap().as_str(), held(&data_type)), (name, may), "{data_type}");
        };
        check(DataType::Decimal128(12, 2), "DECIMAL(12,2)", Held::Own);
        check(DataType::Decimal256(76, 28), "STRING", Held::Equal);
        check(DataType::UInt64, "DECIMAL(20,0)", Held::Ordered);
        check(DataType::Timestamp(TimeUnit::Microsecond, None), "TIMESTAMP_NTZ", Held::Own);
        check(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "TIMESTAMP", Held::Own);
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), "BIGINT", Held::Ordered);
        check(DataType::Time64(TimeUnit::Microsecond), "BIGINT", Held::Ordered);
    }
}
