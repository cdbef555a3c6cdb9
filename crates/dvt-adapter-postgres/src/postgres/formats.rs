//! Types that travel as text: from the wire's binary form to PostgreSQL's canonical text, and back.
//!
//! Source: PostgreSQL's `…_send` and `…_recv` functions, and its output functions for the text.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Appends the text of one value.
pub(crate) type ToText = fn(&[u8], &mut Vec<u8>) -> Result<(), &'static str>;

/// The text of a `char(n)` without its trailing blanks.
pub(crate) fn without_padding(value: &[u8], text: &mut Vec<u8>) -> Result<(), &'static str> {
    let length = value.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    text.extend_from_slice(&value[..length]);
    Ok(())
}

/// Appends the binary form of one value.
pub(crate) type ToBinary = fn(&str, &mut Vec<u8>) -> Result<(), &'static str>;

const BROKEN: &str = "has an unexpected binary form";
const HEX: &[u8; 16] = b"0123456789abcdef";

fn push_hex(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

pub(crate) fn uuid_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    if bytes.len() != 16 {
        return Err(BROKEN);
    }
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        push_hex(*byte, out);
    }
    Ok(())
}

pub(crate) fn uuid_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    hex_to_binary(text, &['-'], 16, out).ok_or("is not a uuid")
}

/// Hex digits with separators, of exactly this many bytes.
fn hex_to_binary(text: &str, separators: &[char], length: usize, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let mut high = None;
    for character in text.chars().filter(|character| !separators.contains(character)) {
        let digit = u8::try_from(character.to_digit(16)?).ok()?;
        match high.take() {
            None => high = Some(digit),
            Some(first) => out.push(first << 4 | digit),
        }
    }
    (high.is_none() && out.len() - start == length).then_some(())
}

/// A version byte, then the text.
pub(crate) fn jsonb_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    match bytes.split_first() {
        Some((1, text)) => {
            out.extend_from_slice(text);
            Ok(())
        }
        _ => Err(BROKEN),
    }
}

pub(crate) fn jsonb_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    out.push(1);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(crate) fn inet_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let [family, prefix, is_cidr, _, address @ ..] = bytes else { return Err(BROKEN) };
    let (text, full) = match (family, address.len()) {
        (2, 4) => (Ipv4Addr::from(<[u8; 4]>::try_from(address).map_err(|_| BROKEN)?).to_string(), 32),
        (3, 16) => (Ipv6Addr::from(<[u8; 16]>::try_from(address).map_err(|_| BROKEN)?).to_string(), 128),
        _ => return Err(BROKEN),
    };
    out.extend_from_slice(text.as_bytes());
    if *prefix != full || *is_cidr == 1 {
        out.extend_from_slice(format!("/{prefix}").as_bytes());
    }
    Ok(())
}

pub(crate) fn inet_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    network_to_binary(text, false, out).ok_or("is not an inet address")
}

pub(crate) fn cidr_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    network_to_binary(text, true, out).ok_or("is not a cidr address")
}

fn network_to_binary(text: &str, is_cidr: bool, out: &mut Vec<u8>) -> Option<()> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let (family, octets) = match address.parse::<std::net::IpAddr>().ok()? {
        std::net::IpAddr::V4(address) => (2, address.octets().to_vec()),
        std::net::IpAddr::V6(address) => (3, address.octets().to_vec()),
    };
    let full = octets.len() as u8 * 8;
    let prefix = prefix.unwrap_or(full);
    if prefix > full {
        return None;
    }
    out.extend_from_slice(&[family, prefix, u8::from(is_cidr), octets.len() as u8]);
    out.extend_from_slice(&octets);
    Some(())
}

/// Six or eight bytes.
pub(crate) fn mac_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        push_hex(*byte, out);
    }
    Ok(())
}

pub(crate) fn mac_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    let length = if digits == 16 { 8 } else { 6 };
    hex_to_binary(text, &[':', '-', '.'], length, out).ok_or("is not a hardware address")
}

/// A bit count, then the bits from the highest.
pub(crate) fn bit_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (length, bits) = bytes.split_first_chunk::<4>().ok_or(BROKEN)?;
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| BROKEN)?;
    if bits.len() != length.div_ceil(8) {
        return Err(BROKEN);
    }
    out.extend((0..length).map(|bit| b'0' + (bits[bit / 8] >> (7 - bit % 8) & 1)));
    Ok(())
}

pub(crate) fn bit_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let length = i32::try_from(text.len()).map_err(|_| "is too long")?;
    out.extend_from_slice(&length.to_be_bytes());
    for chunk in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (index, digit) in chunk.iter().enumerate() {
            match digit {
                b'0' => {}
                b'1' => byte |= 0x80 >> index,
                _ => return Err("is not a string of 0 and 1"),
            }
        }
        out.push(byte);
    }
    Ok(())
}

/// Microseconds, then the zone in seconds west of Greenwich.
pub(crate) fn timetz_to_text(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let bytes: [u8; 12] = bytes.try_into().map_err(|_| BROKEN)?;
    let [time @ .., a, b, c, d] = bytes;
    let (time, zone) = (i64::from_be_bytes(time), i32::from_be_bytes([a, b, c, d]));
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    let (sign, zone) = if zone <= 0 { ('+', -zone) } else { ('-', zone) };
    text.push_str(&format!("{sign}{:02}", zone / 3600));
    if zone % 3600 != 0 {
        text.push_str(&format!(":{:02}", zone / 60 % 60));
    }
    if zone % 60 != 0 {
        text.push_str(&format!(":{:02}", zone % 60));
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(crate) fn timetz_to_binary(text: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    parse_timetz(text, out).ok_or("is not a time with time zone")
}

fn parse_timetz(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let text = text.trim();
    let text = text.strip_suffix(['Z', 'z']).map_or_else(|| text.to_owned(), |time| format!("{time}+00"));
    let at = text.rfind(['+', '-'])?;
    let (time, zone) = text.split_at(at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let numbers = |text: &str| text.split(':').map(|part| part.trim().parse::<i64>().ok()).collect::<Option<Vec<_>>>();
    let [hours, minutes, seconds] = numbers(time)?[..] else { return None };
    if fraction.len() > 6 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let microseconds = format!("{fraction:0<6}").parse::<i64>().ok()?;
    let zone_numbers = numbers(&zone[1..])?;
    let zone_seconds = zone_numbers.iter().zip([3600, 60, 1]).map(|(number, unit)| number * unit).sum::<i64>();
    let in_range = (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0..=60).contains(&seconds);
    if !in_range || zone_numbers.len() > 3 || zone_seconds >= 16 * 3600 {
        return None;
    }
    let time = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + microseconds;
    let zone_seconds = if zone.starts_with('+') { -zone_seconds } else { zone_seconds };
    out.extend_from_slice(&time.to_be_bytes());
    out.extend_from_slice(&i32::try_from(zone_seconds).ok()?.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(to_text: ToText, to_binary: ToBinary, text: &str) {
        let (mut binary, mut back) = (Vec::new(), Vec::new());
        to_binary(text, &mut binary).unwrap();
        to_text(&binary, &mut back).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), text);
    }

    #[test]
    fn texts_come_back() {
        check(uuid_to_text, uuid_to_binary, "6fa459ea-ee8a-3ca4-894e-db77e160355e");
        check(inet_to_text, inet_to_binary, "192.168.0.1");
        check(inet_to_text, inet_to_binary, "192.168.0.1/24");
        check(inet_to_text, cidr_to_binary, "10.0.0.0/8");
        check(inet_to_text, inet_to_binary, "2001:db8::1/64");
        check(mac_to_text, mac_to_binary, "08:00:2b:01:02:03");
        check(mac_to_text, mac_to_binary, "08:00:2b:01:02:03:04:05");
        check(bit_to_text, bit_to_binary, "");
        check(bit_to_text, bit_to_binary, "1011000111");
        check(timetz_to_text, timetz_to_binary, "12:34:56.789+02");
        check(timetz_to_text, timetz_to_binary, "00:00:00-05:30");
        check(timetz_to_text, timetz_to_binary, "24:00:00+00:00:07");
        check(jsonb_to_text, jsonb_to_binary, r#"{"a": 1}"#);
    }

    #[test]
    fn other_texts_are_refused() {
        let refused: [(ToBinary, &str); 7] = [
            (uuid_to_binary, "6fa459ea"),
            (uuid_to_binary, "6fa459ea-ee8a-3ca4-894e-db77e160355x"),
            (inet_to_binary, "300.1.1.1"),
            (cidr_to_binary, "10.0.0.0/33"),
            (mac_to_binary, "08:00"),
            (bit_to_binary, "012"),
            (timetz_to_binary, "12:34"),
        ];
        for (to_binary, text) in refused {
            assert!(to_binary(text, &mut Vec::new()).is_err(), "{text}");
        }
    }
}
