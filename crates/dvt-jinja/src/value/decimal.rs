//! Exact decimals, as `numeric` results of a query carry them.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A decimal number in its text form: an optional sign, digits, an optional fraction.
#[derive(Clone, Debug)]
pub struct Decimal(Arc<str>);

impl Decimal {
    /// Reads a plain decimal (`-12.340`); `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = (!whole.is_empty() || !fraction.is_empty()) && all_digits(whole) && all_digits(fraction);
        is_number.then(|| Self(text.strip_prefix('+').unwrap_or(text).into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| !byte.is_ascii_digit() || byte == b'0')
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0.starts_with('-') && !self.is_zero()
    }

    /// Digits before the point without leading zeros, digits after it without trailing zeros.
    fn parts(&self) -> (&str, &str) {
        let digits = self.0.strip_prefix('-').unwrap_or(&self.0);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        (whole.trim_start_matches('0'), fraction.trim_end_matches('0'))
    }

    /// The number as an integer, `None` when it has a fraction or is too large.
    pub(crate) fn to_int_exact(&self) -> Option<i128> {
        let (whole, fraction) = self.parts();
        fraction.is_empty().then(|| self.truncate_parts(whole))?
    }

    /// The number cut towards zero.
    pub(crate) fn truncate(&self) -> Option<i128> {
        self.truncate_parts(self.parts().0)
    }

    fn truncate_parts(&self, whole: &str) -> Option<i128> {
        let magnitude: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        Some(if self.is_negative() { -magnitude } else { magnitude })
    }

    pub(crate) fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The unscaled integer at `scale` digits after the point.
    pub(crate) fn unscaled(&self, scale: usize) -> Option<i128> {
        let (whole, fraction) = self.parts();
        if fraction.len() > scale {
            return None;
        }
        let digits = format!("{whole}{fraction}{}", "0".repeat(scale - fraction.len()));
        let magnitude: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        Some(if self.is_negative() { -magnitude } else { magnitude })
    }

    /// Digits after the point, as written.
    pub(crate) fn scale(&self) -> usize {
        self.0.split_once('.').map_or(0, |(_, fraction)| fraction.len())
    }

    pub(crate) fn from_unscaled(unscaled: i128, scale: usize) -> Self {
        let sign = if unscaled < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale > 0 { "." } else { "" };
        Self(format!("{sign}{whole}{point}{fraction}").into())
    }

    /// The number at `places` digits after the point, ties to the even digit; `None` when it is too large.
    pub(crate) fn rounded(&self, places: usize) -> Option<Self> {
        let scale = self.scale();
        if scale <= places {
            return Some(Self::from_unscaled(self.unscaled(places)?, places));
        }
        let unit = 10i128.checked_pow(u32::try_from(scale - places).ok()?)?;
        let unscaled = self.unscaled(scale)?;
        let (quotient, rest) = (unscaled.div_euclid(unit), unscaled.rem_euclid(unit));
        let is_up = rest * 2 > unit || (rest * 2 == unit && quotient % 2 != 0);
        Some(Self::from_unscaled(quotient + i128::from(is_up), places))
    }

    /// The number without zeros at its end.
    pub(crate) fn normalized(&self) -> Option<Self> {
        let places = self.parts().1.len();
        Some(Self::from_unscaled(self.unscaled(places)?, places))
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_negative(), other.is_negative()) {
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            _ => {}
        }
        let ((whole, fraction), (other_whole, other_fraction)) = (self.parts(), other.parts());
        let magnitude = (whole.len(), whole, fraction).cmp(&(other_whole.len(), other_whole, other_fraction));
        if self.is_negative() { magnitude.reverse() } else { magnitude }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
