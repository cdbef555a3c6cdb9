//! Values of columns with a configured type, read here as the engine would read their text: only in the forms about which
//! there is no doubt. With any other form the engine itself reads the text.

use arrow::datatypes::{DataType, TimeUnit};

/// The Arrow type of a column of this PostgreSQL type, if its values can be read here.
/// Source: PostgreSQL manual, "Data Types".
pub(super) fn exact_type(column_type: &str) -> Option<DataType> {
    let text = column_type.trim().to_ascii_lowercase();
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name.trim(), Some(rest.trim_end().strip_suffix(')')?)),
        None => (text.as_str(), None),
    };
    match (name, arguments) {
        ("smallint" | "int2", None) => Some(DataType::Int16),
        ("integer" | "int" | "int4", None) => Some(DataType::Int32),
        ("bigint" | "int8", None) => Some(DataType::Int64),
        ("double precision" | "float8", None) => Some(DataType::Float64),
        ("boolean" | "bool", None) => Some(DataType::Boolean),
        ("date", None) => Some(DataType::Date32),
        ("timestamp" | "timestamp without time zone", None) => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("text" | "varchar" | "character varying", None) => Some(DataType::Utf8),
        ("varchar" | "character varying", Some(length)) => length.trim().parse::<u32>().ok().map(|_| DataType::Utf8),
        ("numeric" | "decimal", Some(arguments)) => {
            let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
            let (precision, scale) = (precision.trim().parse::<u8>().ok()?, scale.trim().parse::<i8>().ok()?);
            let fits = (1..=38).contains(&precision) && scale >= 0 && scale.unsigned_abs() <= precision;
            fits.then_some(DataType::Decimal128(precision, scale))
        }
        _ => None,
    }
}

/// A whole number: digits with at most a sign.
pub(super) fn exact_integer(text: &str) -> Option<i64> {
    text.trim_ascii().parse().ok()
}

/// Digits with at most a sign and a point, rounded half away from zero to `scale` digits as the engine does; none that
/// has more than `precision` digits then.
pub(super) fn exact_decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim_ascii().as_bytes();
    let (is_negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let scale = usize::from(scale.unsigned_abs());
    if let Some(value) = short_decimal(digits, scale) {
        let value = i128::from(value);
        return (value < 10_i128.pow(u32::from(precision))).then_some(if is_negative { -value } else { value });
    }
    let (mut value, mut after_point, mut seen, mut rounds_up) = (0_i128, None::<usize>, false, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen = true;
                if after_point.is_none_or(|count| count < scale) {
                    value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
                } else if after_point == Some(scale) {
                    rounds_up = *byte >= b'5';
                }
                after_point = after_point.map(|count| count + 1);
            }
            b'.' if after_point.is_none() => after_point = Some(0),
            _ => return None,
        }
    }
    if !seen {
        return None;
    }
    for _ in after_point.unwrap_or(0)..scale {
        value = value.checked_mul(10)?;
    }
    value += i128::from(rounds_up);
    (value < 10_i128.pow(u32::from(precision))).then_some(if is_negative { -value } else { value })
}

/// The usual number: at most 18 digits, a point among them, and no more behind it than the type has.
fn short_decimal(digits: &[u8], scale: usize) -> Option<u64> {
    let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || fraction.len() > scale || whole.len() + scale > 18 {
        return None;
    }
    let add = |sum: u64, digit: &u8| digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'));
    let value = whole.iter().chain(fraction).try_fold(0, add)?;
    Some(value * 10_u64.pow(u32::try_from(scale - fraction.len()).ok()?))
}

/// `YYYY-MM-DD`, with all its digits; days since 1970.
pub(super) fn exact_date(text: &str) -> Option<i32> {
    let text = text.trim_ascii().as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
    };
    let (year, month, day) = (number(&[*y1, *y2, *y3, *y4])?, number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_since_1970(year, month, day))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counted in years that begin with March, so that a leap day is a year's last.
fn days_since_1970(year: u32, month: u32, day: u32) -> i32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // 1970-01-01 is day 719,469 of this count. Years have four digits.
    days.cast_signed() - 719_469
}

/// `YYYY-MM-DD hh:mm:ss`, with a `T` too, and at most six digits of a fraction; microseconds since 1970.
pub(super) fn exact_timestamp(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    let (date, time) = (exact_date(text.get(..10)?)?, text.get(10..)?.strip_prefix(['T', ' '])?);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else { return None };
    let two = |tens: &u8, ones: &u8| {
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 || (fraction.is_empty() && time.contains('.')) {
        return None;
    }
    let micros = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))?;
    Some((i64::from(date) * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

/// A number in plain or scientific digits.
pub(super) fn exact_float(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let is_plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    // What overflows to infinity, or underflows to zero, is the engine's error to raise.
    let value = text.parse::<f64>().ok().filter(|value| is_plain && value.is_finite())?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    (value != 0.0 || !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))).then_some(value)
}

pub(super) fn exact_boolean(text: &str) -> Option<bool> {
    match text.trim_ascii() {
        "true" | "TRUE" | "True" | "t" => Some(true),
        "false" | "FALSE" | "False" | "f" => Some(false),
        _ => None,
    }
}

/// Whether the value can be read here as `data_type`.
pub(super) fn is_exact(data_type: &DataType, text: &str) -> bool {
    match data_type {
        DataType::Int16 => exact_integer(text).is_some_and(|value| i16::try_from(value).is_ok()),
        DataType::Int32 => exact_integer(text).is_some_and(|value| i32::try_from(value).is_ok()),
        DataType::Int64 => exact_integer(text).is_some(),
        DataType::Decimal128(precision, scale) => exact_decimal(text, *precision, *scale).is_some(),
        DataType::Float64 => exact_float(text).is_some(),
        DataType::Date32 => exact_date(text).is_some(),
        DataType::Timestamp(..) => exact_timestamp(text).is_some(),
        DataType::Boolean => exact_boolean(text).is_some(),
        DataType::Utf8 => !text.as_bytes().contains(&0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_their_names() {
        let decimal = Some(DataType::Decimal128(15, 2));
        assert_eq!(exact_type("NUMERIC(15, 2)"), decimal);
        assert_eq!(exact_type("decimal(15,2)"), decimal);
        assert_eq!(exact_type("numeric"), None);
        assert_eq!(exact_type("numeric(50,2)"), None);
        assert_eq!(exact_type("numeric(5,-2)"), None);
        assert_eq!(exact_type("character varying(3)"), Some(DataType::Utf8));
        assert_eq!(exact_type("char(3)"), None);
        assert_eq!(exact_type("timestamp with time zone"), None);
        assert_eq!(exact_type("integer[]"), None);
    }

    #[test]
    fn decimals_are_rounded_as_the_server_rounds_them() {
        let two = |text| exact_decimal(text, 5, 2);
        assert_eq!(two("1"), Some(100));
        assert_eq!(two(" -1.5 "), Some(-150));
        assert_eq!(two("1.005"), Some(101));
        assert_eq!(two("-1.005"), Some(-101));
        assert_eq!(two("1.0049"), Some(100));
        assert_eq!(two(".5"), Some(50));
        assert_eq!(two("5."), Some(500));
        assert_eq!(two("999.994"), Some(99_999));
        assert_eq!(two("999.995"), None);
        assert_eq!(two("1e3"), None);
        assert_eq!(two("."), None);
        assert_eq!(two("-"), None);
        assert_eq!(exact_decimal("2.5", 3, 0), Some(3));
    }

    #[test]
    fn days_are_counted_as_the_calendar_counts_them() {
        use chrono::NaiveDate;
        let mut day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        while let Some(next) = day.succ_opt().filter(|next| next.format("%Y").to_string().len() == 4) {
            let days = day.signed_duration_since(NaiveDate::default()).num_days();
            assert_eq!(exact_date(&day.to_string()).map(i64::from), Some(days), "{day}");
            day = next;
        }
        for text in ["1900-02-29", "2001-02-29", "2000-02-30", "2024-04-31", "2024-00-01", "2024-13-01", "2024-01-00"] {
            assert_eq!(exact_date(text), None, "{text}");
        }
        assert!(exact_date("2000-02-29").is_some());
    }

    #[test]
    fn only_forms_without_doubt_are_read() {
        assert_eq!(exact_date("1970-01-02"), Some(1));
        for text in ["1970-1-2", "01/02/1970", "0000-01-01", "1970-02-30", "today"] {
            assert_eq!(exact_date(text), None, "{text}");
        }
        assert_eq!(exact_timestamp("1970-01-01 00:00:01.5"), Some(1_500_000));
        for text in [
            "1970-01-01",
            "1970-01-01 24:00:00",
            "1970-01-01 00:00:60",
            "1970-01-01 00:00:00+01",
            "1970-01-01 00:00:00.",
        ] {
            assert_eq!(exact_timestamp(text), None, "{text}");
        }
        assert_eq!(exact_float("1e400"), None);
        assert_eq!(exact_float("1e-400"), None);
        assert_eq!(exact_float("0e9"), Some(0.0));
        assert_eq!(exact_float("infinity"), None);
        assert_eq!(exact_boolean("yes"), None);
        assert_eq!(exact_integer("0x10"), None);
    }
}
