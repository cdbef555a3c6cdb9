//! Numbers as SQLite reads them from text and writes them: `CAST`, `printf`, and what arithmetic makes of a text.
//!
//! A double has 18 digits when it is taken apart, 19 above a power of ten that its power of two is below; texts are made of
//! those, rounded half up. Source: sqlite.org, "Datatypes In SQLite", "Built-in printf()".

use super::super::super::rowwise::Value;

/// The number that a text begins with, and its length in bytes; spaces before it count.
fn beginning(text: &str) -> (&str, usize) {
    let bytes = text.as_bytes();
    let from = bytes.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let digits = |at: usize| bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = from + usize::from(matches!(bytes.get(from), Some(b'+' | b'-')));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        if whole + fraction > 0 {
            at += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return ("", 0);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    (&text[from..at], at)
}

/// The number that a text is as a whole, with spaces around it.
pub(super) fn whole_number(text: &str) -> Option<f64> {
    let (number, end) = beginning(text);
    let is_whole = text.as_bytes()[end..].iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0x0b);
    if number.is_empty() || !is_whole { None } else { number.parse().ok() }
}

/// A value where a real number is wanted.
#[expect(clippy::cast_precision_loss, reason = "as it converts")]
pub(super) fn number(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Text(text) => beginning(text).0.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

/// A value where a whole number is wanted: a fraction is cut off, what is too large is the largest.
#[expect(clippy::cast_possible_truncation, reason = "saturates, as it does there")]
pub(super) fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        Value::Double(number) => *number as i64,
        Value::Text(text) => {
            let text = text.trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '\u{b}');
            let sign = usize::from(text.starts_with(['+', '-']));
            let digits = text.as_bytes()[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return 0;
            }
            let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
            text[..sign + digits].parse().unwrap_or(limit)
        }
        _ => 0,
    }
}

/// The digits of a positive number: `0.d₁d₂…` times ten to the power of `point`.
#[derive(Clone, Debug)]
pub(super) struct Decimals {
    pub(super) digits: Vec<u8>,
    pub(super) point: i32,
}

/// How many digits are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// After the point.
    Fraction(i32),
    /// In all.
    Significant(i32),
}

impl Decimals {
    /// Of a finite number that is not negative. No more than `most` digits count.
    pub(super) fn of(number: f64, wanted: Wanted, most: i32) -> Self {
        if number == 0.0 {
            return Self { digits: vec![0], point: 1 };
        }
        // Fewer digits are cut off before they are rounded.
        let mut taken = match wanted {
            Wanted::Significant(count) if count < 17 => Self::taken(number, 40),
            _ => Self::taken(number, 17 + usize::from(is_past_its_power(number))),
        };
        let known = i32::try_from(taken.digits.len()).unwrap_or(40);
        let kept = match wanted {
            Wanted::Significant(count) => count,
            Wanted::Fraction(count) => {
                let kept = taken.point + count;
                if kept == 0 && taken.digits[0] >= 5 {
                    taken.digits.insert(0, 0);
                    taken.point += 1;
                    1
                } else {
                    kept
                }
            }
        };
        if kept > 0 && (kept < known || known > most) {
            let kept = kept.min(most);
            let kept = if kept == 17 { taken.shortened(number).unwrap_or(kept) } else { kept };
            taken.round(usize::try_from(kept).unwrap_or(0));
        }
        while taken.digits.len() > 1 && taken.digits.last() == Some(&0) {
            taken.digits.pop();
        }
        taken
    }

    /// So many digits after the first.
    fn taken(number: f64, more: usize) -> Self {
        let text = format!("{number:.more$e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = digits.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
        Self { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
    }

    /// How many digits are enough where the last ones of 17 are noise: `49.47` and not `49.469999999999999`.
    fn shortened(&self, number: f64) -> Option<i32> {
        let known = i32::try_from(self.digits.len()).unwrap_or(18);
        let (digits, is_up) = match &self.digits[13..16] {
            [_, 9, 9] => (self.digits[..14].iter().rposition(|digit| *digit != 9).map_or(0, |at| at + 1), true),
            [0, 0, 0] => (self.digits[..13].iter().rposition(|digit| *digit != 0).map_or(1, |at| at + 1), false),
            _ if self.point >= known => {
                (self.digits[..13].iter().rposition(|digit| *digit != 0).map_or(1, |at| at + 1), false)
            }
            _ => return None,
        };
        let shown = self.digits[..digits].iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
        let short = format!("{}e{}", shown + u64::from(is_up), self.point - i32::try_from(digits).unwrap_or(0));
        (short.parse() == Ok(number)).then_some(i32::try_from(digits).unwrap_or(0) + 1)
    }

    /// Rounds half up to so many digits.
    fn round(&mut self, kept: usize) {
        let is_up = self.digits.get(kept).is_some_and(|digit| *digit >= 5);
        self.digits.truncate(kept);
        if !is_up {
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
        self.point += 1;
    }

    /// Without an exponent, with so many digits after the point, or as many as there are.
    pub(super) fn plain(&self, fraction: i32, keeps_zeros: bool) -> String {
        let digit = |at: i32| {
            let digit = usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(0);
            char::from(b'0' + digit)
        };
        let mut text = String::new();
        if self.point <= 0 {
            text.push('0');
        }
        text.extend((0..self.point).map(digit));
        if fraction > 0 {
            text.push('.');
            text.extend((self.point..self.point + fraction).map(digit));
        }
        if !keeps_zeros && text.contains('.') {
            text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
        }
        text
    }

    /// With an exponent of at least two digits.
    pub(super) fn scientific(&self, fraction: i32, keeps_zeros: bool, letter: char) -> String {
        let exponent = self.point - 1;
        let mantissa = Self { digits: self.digits.clone(), point: 1 }.plain(fraction, keeps_zeros);
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}{letter}{sign}{:02}", exponent.abs())
    }
}

/// Whether the number is at a higher power of ten than the power of two at or below it.
fn is_past_its_power(number: f64) -> bool {
    let power = f64::from_bits(number.to_bits() & 0x7ff0_0000_0000_0000);
    power > 0.0 && Decimals::taken(power, 17).point < Decimals::taken(number, 17).point
}

/// A real number as text: up to 17 digits, always with a point.
pub(super) fn real_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let decimals = Decimals::of(number.abs(), Wanted::Significant(17), 20);
    let exponent = decimals.point - 1;
    let with_point = |text: String| if text.contains('.') { text } else { text + ".0" };
    let text = if (-4..=16).contains(&exponent) {
        with_point(decimals.plain(16 - exponent, false))
    } else {
        let mantissa = Decimals { digits: decimals.digits.clone(), point: 1 }.plain(16, false);
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", with_point(mantissa), exponent.abs())
    };
    if number < 0.0 { format!("-{text}") } else { text }
}

/// `round(number, digits)`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "within the bounds that are looked at"
)]
pub(super) fn rounded(number: f64, digits: i64) -> f64 {
    if !(-4_503_599_627_370_496.0..=4_503_599_627_370_496.0).contains(&number) {
        return number;
    }
    let digits = i32::try_from(digits.clamp(0, 30)).unwrap_or(0);
    if digits == 0 {
        let half = if number < 0.0 { -0.5 } else { 0.5 };
        return (number + half) as i64 as f64;
    }
    let text = Decimals::of(number.abs(), Wanted::Fraction(digits), 20).plain(digits, true);
    let rounded: f64 = text.parse().unwrap_or(number);
    if number < 0.0 { -rounded } else { rounded }
}
