//! `numeric` on the wire: a sign, a weight and digits in base 10,000.
//!
//! Source: PostgreSQL's `numeric_send`: digit count, weight of the first digit, sign, display scale, digits, all 16 bits.

use arrow::datatypes::i256;

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Powers of ten that a `u128` holds.
const POWERS: [u128; 39] = {
    let mut powers = [1_u128; 39];
    let mut index = 1;
    while index < 39 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

fn field(bytes: &[u8], index: usize) -> Option<u16> {
    let at = index * 2;
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The number with `scale` digits after the point, if it is one and has no more; at most `precision` digits in all.
#[inline]
pub(crate) fn decode_i128(bytes: &[u8], precision: u8, scale: i8) -> Result<i128, &'static str> {
    let header = Header::read(bytes)?;
    // The exponent of the last digit group, in decimal digits, once the point has moved by the scale.
    let shift = 4 * (header.weight - header.count as i32 + 1) + i32::from(scale);
    let magnitude = if header.count <= 4 {
        let mut value = 0_u64;
        for digit in bytes[8..8 + header.count * 2].chunks_exact(2) {
            value = value * 10_000 + u64::from(u16::from_be_bytes([digit[0], digit[1]]));
        }
        Some(u128::from(value))
    } else {
        let mut value = Some(0_u128);
        for digit in bytes[8..8 + header.count * 2].chunks_exact(2) {
            let digit = u128::from(u16::from_be_bytes([digit[0], digit[1]]));
            value = value.and_then(|value| value.checked_mul(10_000)).and_then(|value| value.checked_add(digit));
        }
        value
    };
    let shifted = match magnitude {
        Some(0) => Some(0),
        Some(value) if shift >= 0 => {
            POWERS.get(shift.unsigned_abs() as usize).and_then(|power| value.checked_mul(*power))
        }
        Some(value) => match POWERS.get(shift.unsigned_abs() as usize) {
            Some(power) if value % power == 0 => Some(value / power),
            _ => return Err("has more digits after the point"),
        },
        None => None,
    };
    let Some(shifted) = shifted else {
        let wide = decode_i256(bytes, precision, scale)?;
        return wide.to_i128().ok_or("has too many digits");
    };
    if shifted >= POWERS.get(usize::from(precision)).copied().unwrap_or(u128::MAX) {
        return Err("has too many digits");
    }
    let value = i128::try_from(shifted).map_err(|_| "has too many digits")?;
    Ok(if header.is_negative { -value } else { value })
}

/// [`decode_i128`] for up to 76 digits.
pub(crate) fn decode_i256(bytes: &[u8], precision: u8, scale: i8) -> Result<i256, &'static str> {
    let header = Header::read(bytes)?;
    if header.count <= 8 {
        // 32 digits at most before they are shifted: mostly the narrow arithmetic does.
        let shift = 4 * (header.weight - header.count as i32 + 1) + i32::from(scale);
        if shift <= 6 {
            return decode_i128(bytes, precision.min(38), scale).map(i256::from_i128);
        }
    }
    let mut digits = String::with_capacity(header.count * 4 + 1);
    for digit in bytes[8..8 + header.count * 2].chunks_exact(2) {
        let digit = u16::from_be_bytes([digit[0], digit[1]]);
        digits.extend(format!("{digit:04}").chars());
    }
    let shift = 4 * (header.weight - header.count as i32 + 1) + i32::from(scale);
    if shift >= 0 {
        if digits.len() + shift.unsigned_abs() as usize > 400 {
            return if digits.bytes().all(|digit| digit == b'0') { Ok(i256::ZERO) } else { Err("has too many digits") };
        }
        digits.extend(std::iter::repeat_n('0', shift.unsigned_abs() as usize));
    } else {
        let kept = digits.len().saturating_sub(shift.unsigned_abs() as usize);
        if digits[kept..].bytes().any(|digit| digit != b'0') {
            return Err("has more digits after the point");
        }
        digits.truncate(kept);
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(i256::ZERO);
    }
    if significant.len() > usize::from(precision) {
        return Err("has too many digits");
    }
    let value = i256::from_string(significant).ok_or("has too many digits")?;
    Ok(if header.is_negative { value.wrapping_neg() } else { value })
}

struct Header {
    count: usize,
    weight: i32,
    is_negative: bool,
}

impl Header {
    #[inline]
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let broken = "is not a numeric value";
        let count = usize::from(field(bytes, 0).ok_or(broken)?);
        let weight = i32::from(field(bytes, 1).ok_or(broken)?.cast_signed());
        let sign = field(bytes, 2).ok_or(broken)?;
        if bytes.len() != 8 + count * 2 {
            return Err(broken);
        }
        match sign {
            POSITIVE => Ok(Self { count, weight, is_negative: false }),
            NEGATIVE => Ok(Self { count, weight, is_negative: true }),
            0xC000 => Err("is NaN"),
            0xD000 | 0xF000 => Err("is infinite"),
            _ => Err(broken),
        }
    }
}

/// Appends the wire form. `is_minimal` drops zeros at the end of the fraction, for `numeric` without scale.
pub(crate) fn encode_i128(value: i128, scale: i8, is_minimal: bool, out: &mut Vec<u8>) {
    let magnitude = value.unsigned_abs();
    let scale = u32::try_from(scale).unwrap_or(0);
    if scale > 32 {
        encode_digits(&magnitude.to_string(), value < 0, scale as usize, is_minimal, out);
        return;
    }
    let unit = POWERS[scale as usize];
    let (mut whole, fraction) = match (u64::try_from(magnitude), u64::try_from(unit)) {
        (Ok(magnitude), Ok(unit)) => (u128::from(magnitude / unit), u128::from(magnitude % unit)),
        _ => (magnitude / unit, magnitude % unit),
    };
    // Groups in base 10,000, least significant first.
    let mut groups = [0_u16; 24];
    let mut length = 0;
    let fraction_groups = scale.div_ceil(4) as usize;
    let mut fraction = fraction * POWERS[fraction_groups * 4 - scale as usize];
    for _ in 0..fraction_groups {
        groups[length] = remainder(&mut fraction);
        length += 1;
    }
    while whole > 0 {
        groups[length] = remainder(&mut whole);
        length += 1;
    }
    let whole_groups = length as i32 - fraction_groups as i32;
    write(&groups[..length], whole_groups, value < 0, scale as u16, is_minimal, out);
}

#[inline]
fn remainder(value: &mut u128) -> u16 {
    let (quotient, rest) = match u64::try_from(*value) {
        Ok(small) => (u128::from(small / 10_000), (small % 10_000) as u16),
        Err(_) => (*value / 10_000, (*value % 10_000) as u16),
    };
    *value = quotient;
    rest
}

/// [`encode_i128`] for up to 76 digits.
pub(crate) fn encode_i256(value: i256, scale: i8, is_minimal: bool, out: &mut Vec<u8>) {
    if let Some(narrow) = value.to_i128() {
        return encode_i128(narrow, scale, is_minimal, out);
    }
    let text = value.to_string();
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
    encode_digits(digits, is_negative, usize::try_from(scale).unwrap_or(0), is_minimal, out);
}

fn encode_digits(digits: &str, is_negative: bool, scale: usize, is_minimal: bool, out: &mut Vec<u8>) {
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    let whole = format!("{whole:0>width$}", width = whole.len().div_ceil(4) * 4);
    let fraction = format!("{fraction:0<width$}", width = scale.div_ceil(4) * 4);
    let joined = format!("{whole}{fraction}");
    let groups: Vec<u16> = joined
        .as_bytes()
        .rchunks(4)
        .map(|group| group.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0')))
        .collect();
    write(&groups, (whole.len() / 4) as i32, is_negative, scale as u16, is_minimal, out);
}

/// `groups` has the least significant first; `whole_groups` of them stand before the point.
fn write(groups: &[u16], whole_groups: i32, is_negative: bool, scale: u16, is_minimal: bool, out: &mut Vec<u8>) {
    let mut scale = scale;
    if is_minimal {
        scale = minimal_scale(groups, whole_groups, scale);
    }
    let low = groups.iter().take_while(|group| **group == 0).count();
    let high = groups.iter().rev().take_while(|group| **group == 0).count();
    if low == groups.len() {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&scale.to_be_bytes());
        return;
    }
    let kept = &groups[low..groups.len() - high];
    let weight = whole_groups - 1 - high as i32;
    out.extend_from_slice(&(kept.len() as u16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&if is_negative { NEGATIVE } else { POSITIVE }.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

fn minimal_scale(groups: &[u16], whole_groups: i32, scale: u16) -> u16 {
    let fraction_groups = (groups.len() as i32 - whole_groups).max(0) as usize;
    for (index, group) in groups[..fraction_groups].iter().enumerate() {
        if *group != 0 {
            let zeros = [1000, 100, 10].iter().filter(|unit| group % **unit == 0).count();
            return ((fraction_groups - index) * 4 - zeros).min(usize::from(scale)) as u16;
        }
    }
    0
}

#[cfg(test)]
mod tests;
