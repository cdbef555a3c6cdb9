//! Values of both protocols at their edges.

use super::{bit_text, days_of, parse_decimal, parse_wide_decimal, text_span};

#[test]
fn decimals_keep_all_digits_or_are_refused() {
    let check = |text: &str, precision, scale, expected: Result<i128, &str>| {
        let got = parse_decimal(text.as_bytes(), precision, scale);
        match expected {
            Ok(number) => assert_eq!(got, Ok(number), "{text}"),
            Err(reason) => assert!(got.as_ref().is_err_and(|error| error.contains(reason)), "{text}: {got:?}"),
        }
    };
    check("-123.45", 10, 2, Ok(-12_345));
    check("123", 10, 2, Ok(12_300));
    check("1.500", 10, 1, Ok(15));
    check("0.05", 2, 2, Ok(5));
    check("99999999999999999999999999999999999999", 38, 0, Ok(10i128.pow(38) - 1));
    check("1.25", 10, 1, Err("more than 1 digits"));
    check("100000000", 10, 2, Err("does not fit"));
    check("999999999999999999999999999999999999999", 38, 0, Err("38 digits"));
    check("1200", 4, -2, Ok(12));
    check("1250", 4, -2, Err("does not fit"));
    check("x", 4, 2, Err("no number"));
    assert_eq!(parse_wide_decimal(b"-0.10", 60, 20).map(|n| n.to_string()), Ok("-10000000000000000000".to_owned()));
    assert!(parse_wide_decimal(b"1.001", 60, 2).is_err());
}

#[test]
fn days_are_counted_from_1970() {
    assert_eq!(days_of(1970, 1, 1), Some(0));
    assert_eq!(days_of(2024, 2, 29), Some(19_782));
    assert_eq!(days_of(1, 1, 1), Some(-719_162));
    assert_eq!(days_of(9999, 12, 31), Some(2_932_896));
    for (year, month, day) in [(0, 0, 0), (2024, 0, 10), (2024, 13, 1), (2023, 2, 29), (2024, 4, 31), (2024, 1, 0)] {
        assert_eq!(days_of(year, month, day), None, "{year}-{month}-{day}");
    }
}

#[test]
fn spans_and_bits_are_read() {
    assert_eq!(text_span("-838:59:59"), Some(-3_020_399_000_000));
    assert_eq!(text_span("00:00:00.5"), Some(500_000));
    assert_eq!(text_span("1:2"), None);
    assert_eq!(bit_text(&[0b1, 0b1], 9).as_deref(), Ok("100000001"));
    assert_eq!(bit_text(&[0b101], 3).as_deref(), Ok("101"));
    assert!(bit_text(&[0b111], 2).is_err());
}
