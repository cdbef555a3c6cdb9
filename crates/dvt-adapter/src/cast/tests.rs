use super::{CastProblem, strict_cast};
use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Int16Type, TimeUnit};
use std::sync::Arc;

fn integers(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from(values))
}

fn texts(values: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

fn misfit(values: &ArrayRef, to: &DataType) -> String {
    match strict_cast(values, to) {
        Err(CastProblem::ValueDoesNotFit { value, .. }) => value,
        other => panic!("{other:?}"),
    }
}

#[test]
fn integers_keep_their_value_or_fail() {
    let cast = strict_cast(&integers(vec![Some(1), None, Some(-32768)]), &DataType::Int16).unwrap();
    assert_eq!(cast.as_primitive::<Int16Type>().iter().collect::<Vec<_>>(), [Some(1), None, Some(-32768)]);
    assert_eq!(misfit(&integers(vec![Some(1), Some(40_000)]), &DataType::Int16), "40000");
    assert_eq!(misfit(&integers(vec![None, Some(-1)]), &DataType::UInt64), "-1");
    // 2^53 + 1 has no double.
    assert_eq!(misfit(&integers(vec![Some(1 << 53), Some((1 << 53) + 1)]), &DataType::Float64), "9007199254740993");
}

#[test]
fn fractions_are_not_rounded() {
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN), None]));
    let cast = strict_cast(&floats, &DataType::Float32).unwrap();
    assert!(cast.as_primitive::<Float32Type>().value(1).is_nan() && cast.is_null(2));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 0.1]));
    assert_eq!(misfit(&floats, &DataType::Float32), "0.1");
    assert_eq!(misfit(&floats, &DataType::Int64), "0.5");
    let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![1200, 1234]).with_precision_and_scale(10, 3).unwrap());
    assert_eq!(misfit(&decimals, &DataType::Decimal128(10, 1)), "1.234");
    let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![1200]).with_precision_and_scale(10, 3).unwrap());
    let cast = strict_cast(&decimals, &DataType::Decimal128(5, 1)).unwrap();
    assert_eq!(cast.as_primitive::<Decimal128Type>().value(0), 12);
}

#[test]
fn text_is_parsed_exactly() {
    let cast = strict_cast(&texts(vec![Some("12.50"), Some("-7"), None]), &DataType::Decimal128(4, 1)).unwrap();
    assert_eq!(cast.as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(), [Some(125), Some(-70), None]);
    assert_eq!(misfit(&texts(vec![Some("1.25")]), &DataType::Decimal128(4, 1)), "1.25");
    assert_eq!(misfit(&texts(vec![Some("1234.5")]), &DataType::Decimal128(4, 1)), "1234.5");
    assert_eq!(misfit(&texts(vec![Some("x")]), &DataType::Int64), "x");
    assert_eq!(misfit(&texts(vec![Some("2024-13-01")]), &DataType::Date32), "2024-13-01");
}

#[test]
fn time_zones_are_not_guessed() {
    let local: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![1]));
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    assert!(matches!(strict_cast(&local, &zoned), Err(CastProblem::NoSuchCast { .. })));
    assert_eq!(misfit(&local, &DataType::Timestamp(TimeUnit::Millisecond, None)), "1970-01-01T00:00:00.000001");
    assert!(matches!(strict_cast(&integers(vec![Some(1)]), &DataType::Date32), Err(CastProblem::NoSuchCast { .. })));
}
