//! What a plain scalar means in YAML 1.1, as PyYAML reads it: `yes` is a boolean, `1_000` a number, `1e3` a text.
//!
//! Source: the YAML 1.1 type repository (bool, int, float, null) and PyYAML's documented resolver. Dates stay text:
//! dbt prints them as they were written.

use super::YamlValue;
use serde_json::Number;

/// The value of an untagged plain scalar.
pub(super) fn resolve(text: &str) -> YamlValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return YamlValue::Null,
        _ => {}
    }
    if let Some(value) = boolean(text) {
        return YamlValue::Bool(value);
    }
    // Every number starts with one of these; most scalars do not.
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return YamlValue::Text(text.to_owned());
    }
    integer(text).or_else(|| float(text)).map_or_else(|| YamlValue::Text(text.to_owned()), YamlValue::Number)
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// An integer of YAML 1.1; `None` too when it does not fit 64 bits (it then stays the text that was written).
pub(super) fn integer(text: &str) -> Option<Number> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let radix = |digits: &str, radix: u32| -> Option<u64> {
        let digits: String = digits.chars().filter(|&digit| digit != '_').collect();
        (!digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)))
            .then(|| u64::from_str_radix(&digits, radix).ok())
            .flatten()
    };
    let magnitude = if digits == "0" {
        0
    } else if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        radix(hexadecimal, 16)?
    } else if let Some(octal) = digits.strip_prefix('0') {
        radix(octal, 8)?
    } else if digits.contains(':') {
        sexagesimal(digits)?
    } else if digits.starts_with(|first: char| first.is_ascii_digit()) {
        radix(digits, 10)?
    } else {
        return None;
    };
    if is_negative {
        // i64::MIN has no positive counterpart.
        0_i64.checked_sub_unsigned(magnitude).map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

/// `190:20:30`, base sixty.
fn sexagesimal(digits: &str) -> Option<u64> {
    let mut value: u64 = 0;
    for (index, part) in digits.split(':').enumerate() {
        let plain: String = part.chars().filter(|&digit| index > 0 || digit != '_').collect();
        if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let part: u64 = plain.parse().ok()?;
        if index > 0 && (part > 59 || plain.len() > 2) {
            return None;
        }
        value = value.checked_mul(60)?.checked_add(part)?;
    }
    Some(value)
}

/// A float of YAML 1.1: it needs a point, and its exponent a sign. JSON has no infinity: those stay text.
pub(super) fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(position) => (&unsigned[..position], Some(&unsigned[position + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let starts_well = if whole.is_empty() {
        fraction.starts_with(|first: char| first.is_ascii_digit())
    } else {
        whole.starts_with(|first: char| first.is_ascii_digit())
    };
    if !starts_well || !digits(whole) || !digits(fraction) {
        return None;
    }
    if let Some(exponent) = exponent {
        let signed = exponent.strip_prefix(['-', '+'])?;
        if signed.is_empty() || !signed.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    let plain: String = text.chars().filter(|&character| character != '_').collect();
    plain.parse::<f64>().ok().and_then(Number::from_f64)
}
