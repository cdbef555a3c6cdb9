//! Values at the edges of every type, each with a name that an engine can refuse by.

use crate::{LogicalType, UNCONSTRAINED_NUMERIC, with_types};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, IntervalMonthDayNano, i256};
use std::sync::Arc;

/// One column of edge values. Row 0 is NULL everywhere.
pub struct Sample {
    pub name: &'static str,
    pub field: Field,
    pub values: ArrayRef,
}

/// Microseconds of `0001-01-01 00:00:00` and `9999-12-31 23:59:59.999999`, from 1970.
const FIRST_INSTANT: i64 = -62_135_596_800_000_000;
const LAST_INSTANT: i64 = 253_402_300_799_999_999;
const SOME_INSTANT: i64 = 1_709_210_096_123_456;

/// All samples, every one a column of its own.
#[must_use]
pub fn samples() -> Vec<Sample> {
    let mut samples = integers();
    samples.extend(fractions());
    samples.extend(texts());
    samples.extend(times());
    samples.extend(nested());
    samples
}

fn sample(name: &'static str, values: ArrayRef) -> Sample {
    Sample { name, field: Field::new(name, values.data_type().clone(), true), values }
}

fn logical(name: &'static str, values: ArrayRef, logical: LogicalType) -> Sample {
    let mut sample = sample(name, values);
    // An engine of another kind wrote it: only the logical type can be used.
    sample.field = with_types(sample.field, "conformance", "elsewhere", Some(logical));
    sample
}

fn integers() -> Vec<Sample> {
    vec![
        sample("boolean", Arc::new(BooleanArray::from(vec![None, Some(true), Some(false)]))),
        sample("int8", Arc::new(Int8Array::from(vec![None, Some(i8::MIN), Some(0), Some(i8::MAX)]))),
        sample("int16", Arc::new(Int16Array::from(vec![None, Some(i16::MIN), Some(-1), Some(i16::MAX)]))),
        sample("int32", Arc::new(Int32Array::from(vec![None, Some(i32::MIN), Some(1), Some(i32::MAX)]))),
        sample("int64", Arc::new(Int64Array::from(vec![None, Some(i64::MIN), Some(0), Some(i64::MAX)]))),
        sample("uint8", Arc::new(UInt8Array::from(vec![None, Some(0), Some(u8::MAX)]))),
        sample("uint16", Arc::new(UInt16Array::from(vec![None, Some(0), Some(u16::MAX)]))),
        sample("uint32", Arc::new(UInt32Array::from(vec![None, Some(0), Some(u32::MAX)]))),
        sample("uint64", Arc::new(UInt64Array::from(vec![None, Some(0), Some(u64::MAX)]))),
    ]
}

fn fractions() -> Vec<Sample> {
    let decimal = |name, precision, scale, values: Vec<Option<i128>>| {
        let array = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
        sample(name, Arc::new(array.expect("the samples fit their precision")))
    };
    let wide = |precision, scale, values: &[Option<&str>]| {
        let values = values.iter().map(|value| value.map(|digits| i256::from_string(digits).expect("digits")));
        let array = Decimal256Array::from_iter(values).with_precision_and_scale(precision, scale);
        Arc::new(array.expect("the samples fit their precision")) as ArrayRef
    };
    let thirty_eight_nines = 10_i128.pow(38) - 1;
    let DataType::Decimal256(numeric_precision, numeric_scale) = UNCONSTRAINED_NUMERIC else {
        unreachable!("it is declared as Decimal256")
    };
    vec![
        sample("float32", Arc::new(Float32Array::from(vec![None, Some(0.0), Some(-1.5), Some(f32::MAX), Some(0.1)]))),
        sample(
            "float64",
            Arc::new(Float64Array::from(vec![None, Some(0.0), Some(0.1), Some(f64::MAX), Some(f64::MIN_POSITIVE)])),
        ),
        sample(
            "float64_special",
            Arc::new(Float64Array::from(vec![None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY)])),
        ),
        decimal("decimal_10_2", 10, 2, vec![None, Some(0), Some(1), Some(-1), Some(9_999_999_999), Some(-10_000)]),
        decimal("decimal_20_0", 20, 0, vec![None, Some(99_999_999_999_999_999_999), Some(-7), Some(10_000)]),
        decimal(
            "decimal_18_18",
            18,
            18,
            vec![None, Some(1), Some(999_999_999_999_999_999), Some(-500_000_000_000_000_000)],
        ),
        decimal("decimal_38_9", 38, 9, vec![None, Some(thirty_eight_nines), Some(-thirty_eight_nines), Some(1)]),
        sample(
            "decimal_60_20",
            wide(
                60,
                20,
                &[
                    None,
                    Some("999999999999999999999999999999999999999999999999999999999999"),
                    Some("-1"),
                    Some("100000000000000000000"),
                ],
            ),
        ),
        logical(
            "numeric",
            wide(
                numeric_precision,
                numeric_scale,
                &[
                    None,
                    Some("0"),
                    Some("1"),
                    Some("-15000000000000000000000000000"),
                    Some("9999999999999999999999999999999999999999999999999999999999999999999999999999"),
                ],
            ),
            LogicalType::Numeric,
        ),
    ]
}

fn texts() -> Vec<Sample> {
    let text = |values: Vec<Option<&str>>| Arc::new(StringArray::from(values)) as ArrayRef;
    let long = "lorem ipsum ☕ ".repeat(20_000);
    vec![
        sample(
            "text",
            text(vec![None, Some(""), Some("NULL"), Some("\\N"), Some("plain"), Some(" blanks "), Some("00123")]),
        ),
        sample(
            "text_special",
            text(vec![
                None,
                Some("tab\tnewline\nreturn\rquote'double\"back\\slash"),
                Some("semicolon; comma, percent % underscore _ {brace}"),
                Some("Grüße, Ελληνικά, 日本語, עברית, 🦀👩‍👩‍👧"),
                Some("\u{1}\u{7f}\u{feff}"),
            ]),
        ),
        sample("text_long", text(vec![None, Some(&long), Some("short")])),
        logical("varchar", text(vec![None, Some(""), Some("twenty-five characters ü🦀")]), LogicalType::Varchar(25)),
        sample(
            "binary",
            Arc::new(BinaryArray::from(vec![
                None,
                Some(&b""[..]),
                Some(&b"\x00\x01\xff\x00"[..]),
                Some(&b"'\\\n"[..]),
            ])),
        ),
        logical("uuid", text(vec![None, Some("6fa459ea-ee8a-3ca4-894e-db77e160355e")]), LogicalType::Uuid),
        logical("json", text(vec![None, Some(r#"{"a": [1, 2.50, null], "b": "x"}"#), Some("[]")]), LogicalType::Json),
    ]
}

fn times() -> Vec<Sample> {
    let instants = vec![None, Some(0), Some(-1), Some(SOME_INSTANT), Some(FIRST_INSTANT), Some(LAST_INSTANT)];
    vec![
        // 1970-01-01, 0001-01-01, 9999-12-31, 2024-02-29, 1969-12-31.
        sample(
            "date",
            Arc::new(Date32Array::from(vec![None, Some(0), Some(-719_162), Some(2_932_896), Some(19_782), Some(-1)])),
        ),
        sample(
            "time",
            Arc::new(Time64MicrosecondArray::from(vec![
                None,
                Some(0),
                Some(1),
                Some(86_399_999_999),
                Some(45_296_123_456),
            ])),
        ),
        sample("timestamp", Arc::new(TimestampMicrosecondArray::from(instants.clone()))),
        sample("timestamp_utc", Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC"))),
        sample("timestamp_nanosecond", Arc::new(TimestampNanosecondArray::from(vec![None, Some(1), Some(-1)]))),
        sample(
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                None,
                Some(IntervalMonthDayNano::new(14, -3, 1_000)),
                Some(IntervalMonthDayNano::new(0, 0, -86_400_000_000_000)),
            ])),
        ),
    ]
}

fn nested() -> Vec<Sample> {
    let list = |name, item: DataType, values: ArrayRef| {
        let offsets = OffsetBuffer::from_lengths([0, 0, values.len()]);
        let nulls = NullBuffer::from(vec![false, true, true]);
        let item = Arc::new(Field::new("item", item, true));
        sample(name, Arc::new(ListArray::new(item, offsets, values, Some(nulls))))
    };
    vec![
        list("list_of_integers", DataType::Int64, Arc::new(Int64Array::from(vec![Some(1), None, Some(-3)]))),
        list(
            "list_of_texts",
            DataType::Utf8,
            Arc::new(StringArray::from(vec![Some("a,b"), None, Some("{\"quoted\\\"}"), Some("")])),
        ),
    ]
}
