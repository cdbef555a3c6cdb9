//! What a CSV value can be read as.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};

/// The types a column may have, in the order in which dbt prefers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Date,
    /// `YYYY-MM-DD hh:mm:ss`.
    DateTime,
    /// ISO 8601 with a `T`.
    IsoDateTime,
    Boolean,
    Text,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Number, Self::Date, Self::DateTime, Self::IsoDateTime, Self::Boolean, Self::Text];

    /// Whether the value can be read as this type. NULL fits every type.
    pub(crate) fn accepts(self, text: &str) -> bool {
        is_null(text)
            || match self {
                Self::Number => parse_number(text).is_some(),
                Self::Date => parse_date(text).is_some(),
                Self::DateTime => parse_datetime(text).is_some(),
                Self::IsoDateTime => parse_iso_datetime(text).is_some(),
                Self::Boolean => parse_boolean(text).is_some(),
                Self::Text => true,
            }
    }
}

/// Nothing, blanks, or the word `null` in any case.
pub(crate) fn is_null(text: &str) -> bool {
    // Most values show by their first character that they are something.
    if text.bytes().next().is_some_and(|first| first.is_ascii_graphic() && !matches!(first, b'n' | b'N')) {
        return false;
    }
    let text = text.trim();
    text.is_empty() || text.eq_ignore_ascii_case("null")
}

/// Digits alone, with at most a minus before them, and few enough for 64 bits.
pub(super) fn plain_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

/// Digits with a point among them and at most a minus before them, that are no whole number.
pub(super) fn plain_fraction(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let point = digits.iter().position(|byte| !byte.is_ascii_digit()).filter(|at| digits[*at] == b'.')?;
    let fraction = &digits[point + 1..];
    let is_plain = point > 0 && fraction.iter().all(u8::is_ascii_digit) && fraction.iter().any(|byte| *byte != b'0');
    if is_plain { text.parse().ok() } else { None }
}

/// A number of any length, without loss.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Number {
    /// Sign and significant digits, without leading zeros; empty digits are zero.
    Whole { negative: bool, digits: String },
    /// Has a fraction, or is no finite number.
    Float(f64),
}

/// Signs of money that are ignored around a number.
const CURRENCY: &[char] =
    &['؋', '$', 'ƒ', '៛', '¥', '₡', '₱', '£', '€', '¢', '﷼', '₪', '₩', '₭', '₮', '₦', '฿', '₤', '₫'];

/// A number as dbt's seeds accept it: blanks, `%` and currency signs around it and `,` between its digits do not count.
pub(crate) fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim().trim_matches('%');
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text: String = text.trim_matches(CURRENCY).chars().filter(|character| *character != ',').collect();
    let text = text.trim();
    let (negative, text) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => (!negative, rest),
        (_, Some(rest)) => (negative, rest),
        _ => (negative, text),
    };
    let signed = |value: f64| if negative { -value } else { value };
    match text.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(Number::Float(signed(f64::INFINITY))),
        "nan" => return Some(Number::Float(f64::NAN)),
        _ => {}
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // How many of the digits stand after the point once the exponent has moved it.
    let scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
    let trailing_zeros = i64::try_from(digits.len() - digits.trim_end_matches('0').len()).ok()?;
    if digits.is_empty() {
        return Some(Number::Whole { negative: false, digits: String::new() });
    }
    if scale > trailing_zeros || scale < -400 {
        return format!("{mantissa}e{exponent}").parse().ok().map(|value| Number::Float(signed(value)));
    }
    let digits = if scale >= 0 {
        digits[..digits.len() - usize::try_from(scale).ok()?].to_owned()
    } else {
        format!("{digits}{}", "0".repeat(usize::try_from(-scale).ok()?))
    };
    Some(Number::Whole { negative, digits })
}

impl Number {
    pub(crate) fn to_f64(&self) -> f64 {
        match self {
            Self::Float(value) => *value,
            Self::Whole { .. } => self.to_text().parse().unwrap_or(f64::NAN),
        }
    }

    /// The digits with their sign; of a whole number.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Float(value) => value.to_string(),
            Self::Whole { digits, .. } if digits.is_empty() => "0".to_owned(),
            Self::Whole { negative: true, digits } => format!("-{digits}"),
            Self::Whole { negative: false, digits } => digits.clone(),
        }
    }
}

/// `YYYY-MM-DD`, with a month and day of one or two digits.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.trim().splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    NaiveDate::from_ymd_opt(digits(year, 4..=4)?.try_into().ok()?, digits(month, 1..=2)?, digits(day, 1..=2)?)
        .filter(|date| *date >= NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default())
}

/// `YYYY-MM-DD hh:mm:ss`.
pub(crate) fn parse_datetime(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.trim().split_once(char::is_whitespace)?;
    let mut parts = time.trim_start().splitn(3, ':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let time = NaiveTime::from_hms_opt(digits(hour, 1..=2)?, digits(minute, 1..=2)?, digits(second, 1..=2)?)?;
    Some(parse_date(date)?.and_time(time))
}

/// ISO 8601 with a `T`. A time zone moves it to UTC; digits beyond microseconds are cut.
pub(crate) fn parse_iso_datetime(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = text.trim().split_once('T')?;
    let date = match date.len() {
        10 => parse_date(date)?,
        8 => NaiveDate::from_ymd_opt(
            digits(date.get(..4)?, 4..=4)?.try_into().ok()?,
            digits(date.get(4..6)?, 2..=2)?,
            digits(date.get(6..)?, 2..=2)?,
        )?,
        _ => return None,
    };
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let offset_seconds = match zone {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = clock(&zone[1..])?;
            sign * i64::from(hours * 3600 + minutes * 60)
        }
    };
    let (time, fraction) = match time.split_once(['.', ',']) {
        Some((time, fraction)) => (time, fraction),
        None => (time, ""),
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (clock_text, second) = if time.contains(':') {
        match time.splitn(3, ':').collect::<Vec<_>>()[..] {
            [hour, minute, second] => (format!("{hour}:{minute}"), digits(second, 2..=2)?),
            _ => (time.to_owned(), 0),
        }
    } else {
        match time.len() {
            6 => (time.get(..4)?.to_owned(), digits(time.get(4..)?, 2..=2)?),
            _ => (time.to_owned(), 0),
        }
    };
    let (hour, minute) = clock(&clock_text)?;
    let microseconds = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(6)
        .fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, microseconds)?;
    let local = date.and_time(time);
    DateTime::from_timestamp_micros(local.and_utc().timestamp_micros().checked_sub(offset_seconds * 1_000_000)?)
        .map(|instant| instant.naive_utc())
}

/// `hh`, `hhmm` or `hh:mm`.
fn clock(text: &str) -> Option<(u32, u32)> {
    match text.split_once(':') {
        Some((hour, minute)) => Some((digits(hour, 2..=2)?, digits(minute, 2..=2)?)),
        None if text.len() == 4 => Some((digits(text.get(..2)?, 2..=2)?, digits(text.get(2..)?, 2..=2)?)),
        None => Some((digits(text, 2..=2)?, 0)),
    }
}

/// `true` or `false` in any case; nothing else.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<u32> {
    (length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}
