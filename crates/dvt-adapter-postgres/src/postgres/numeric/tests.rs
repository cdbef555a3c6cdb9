use super::{decode_i128, decode_i256, encode_i128, encode_i256};
use arrow::datatypes::i256;

/// Digits and exponent arithmetic by hand: what the server would send for a number written as text.
fn wire(text: &str) -> Vec<u8> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = format!("{whole:0>width$}", width = whole.len().div_ceil(4) * 4);
    let padded = format!("{fraction:0<width$}", width = fraction.len().div_ceil(4) * 4);
    let digits: Vec<u16> = format!("{whole}{padded}")
        .as_bytes()
        .chunks(4)
        .map(|group| std::str::from_utf8(group).unwrap().parse().unwrap())
        .collect();
    let weight = (whole.len() / 4) as i16 - 1;
    let lead = digits.iter().take_while(|digit| **digit == 0).count();
    let tail = digits.iter().rev().take_while(|digit| **digit == 0).count();
    let (kept, weight) = if lead == digits.len() {
        (&digits[..0], 0)
    } else {
        (&digits[lead..digits.len() - tail], weight - lead as i16)
    };
    let mut bytes = Vec::new();
    bytes.extend((kept.len() as u16).to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(if is_negative { 0x4000_u16 } else { 0 }.to_be_bytes());
    bytes.extend((fraction.len() as u16).to_be_bytes());
    kept.iter().for_each(|digit| bytes.extend(digit.to_be_bytes()));
    bytes
}

fn check(text: &str, precision: u8, scale: i8, expected: i128) {
    assert_eq!(decode_i128(&wire(text), precision, scale), Ok(expected), "{text}");
    assert_eq!(decode_i256(&wire(text), 76, scale), Ok(i256::from_i128(expected)), "{text}");
    let mut bytes = Vec::new();
    encode_i128(expected, scale, false, &mut bytes);
    assert_eq!(decode_i128(&bytes, precision, scale), Ok(expected), "{text} encoded");
    let mut wide = Vec::new();
    encode_i256(i256::from_i128(expected), scale, false, &mut wide);
    assert_eq!(bytes, wide);
}

#[test]
fn numbers_come_and_go() {
    check("0", 10, 2, 0);
    check("0.00", 10, 2, 0);
    check("1.5", 10, 2, 150);
    check("-1.05", 10, 2, -105);
    check("12345.678", 10, 3, 12_345_678);
    check("0.0001", 10, 4, 1);
    check("0.00012", 10, 5, 12);
    check("100000000", 10, 0, 100_000_000);
    check("99999999999999999999999999999.999999999", 38, 9, 10_i128.pow(38) - 1);
    check("-99999999999999999999999999999999999999", 38, 0, 1 - 10_i128.pow(38));
    check("0.99999999999999999999999999999999999999", 38, 38, 10_i128.pow(38) - 1);
    check("9999.0001", 12, 6, 9_999_000_100);
}

#[test]
fn what_does_not_fit_is_refused() {
    assert_eq!(decode_i128(&wire("1.005"), 10, 2), Err("has more digits after the point"));
    assert_eq!(decode_i128(&wire("12345.00"), 4, 0), Err("has too many digits"));
    assert_eq!(decode_i128(&wire("1.00"), 10, 0), Ok(1));
    assert_eq!(decode_i128(&[0, 0, 0, 0, 0xC0, 0, 0, 0], 10, 2), Err("is NaN"));
    assert_eq!(decode_i128(&[0, 0, 0, 0, 0xD0, 0, 0, 0], 10, 2), Err("is infinite"));
    assert_eq!(decode_i128(&[0, 9, 0], 10, 2), Err("is not a numeric value"));
    let long = format!("{}.5", "9".repeat(100));
    assert_eq!(decode_i256(&wire(&long), 76, 28), Err("has too many digits"));
    assert_eq!(decode_i256(&wire("0.00000000000000000000000000001"), 76, 28), Err("has more digits after the point"));
}

#[test]
fn seventy_six_digits() {
    let nines = "9".repeat(48) + "." + &"9".repeat(28);
    let value = i256::from_string(&"9".repeat(76)).unwrap();
    assert_eq!(decode_i256(&wire(&nines), 76, 28), Ok(value));
    let mut bytes = Vec::new();
    encode_i256(value.wrapping_neg(), 28, true, &mut bytes);
    assert_eq!(bytes, wire(&format!("-{nines}")));
}

#[test]
fn minimal_scale_is_what_a_person_would_write() {
    for (value, scale, text) in [
        (15_000_i128, 4, "1.5"),
        (10, 1, "1"),
        (0, 5, "0"),
        (1, 5, "0.00001"),
        (123_000_000, 6, "123"),
        (1_234_560_000, 8, "12.3456"),
    ] {
        let mut bytes = Vec::new();
        encode_i128(value, scale, true, &mut bytes);
        assert_eq!(bytes, wire(text), "{text}");
    }
}
