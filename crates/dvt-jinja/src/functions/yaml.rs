//! `fromyaml`: YAML 1.1 as PyYAML's safe loader reads it.

use crate::engine::Interpreter;
use crate::error::Flow;
use crate::value::Dict;
use crate::{Args, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// `fromyaml(text, default)`.
pub(super) fn from_yaml(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let text = args.required("value")?;
    let default = args.optional("default")?.unwrap_or(Value::None);
    args.finish()?;
    Ok(text.as_str().and_then(parse).unwrap_or(default))
}

/// The first document; `None` when it is malformed.
fn parse(text: &str) -> Option<Value> {
    let mut loader = Loader { parser: Parser::new_from_str(text), anchors: HashMap::new(), depth: 0 };
    loop {
        let (event, _) = loader.parser.next_event()?.ok()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return Some(Value::None),
            other => {
                let value = loader.node(other)?;
                // What follows must be well-formed too.
                loop {
                    match loader.parser.next_event()?.ok()?.0 {
                        Event::StreamEnd => return Some(value),
                        Event::DocumentEnd => {}
                        _ => return None,
                    }
                }
            }
        }
    }
}

struct Loader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Value>,
    depth: usize,
}

impl Loader<'_> {
    fn node(&mut self, event: Event<'_>) -> Option<Value> {
        if self.depth > 100 {
            return None;
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.anchors.get(&anchor).cloned(),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.suffix == "str");
                let value = match style {
                    ScalarStyle::Plain if !is_text => resolve_plain(&text),
                    _ => Value::str(&*text),
                };
                (value, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                self.depth += 1;
                let mut items = Vec::new();
                loop {
                    match self.parser.next_event()?.ok()?.0 {
                        Event::SequenceEnd => break,
                        other => items.push(self.node(other)?),
                    }
                }
                self.depth -= 1;
                (Value::list(items), anchor)
            }
            Event::MappingStart(anchor, _) => {
                self.depth += 1;
                let mut dict = Dict::new();
                let mut merged = Vec::new();
                loop {
                    let key = match self.parser.next_event()?.ok()?.0 {
                        Event::MappingEnd => break,
                        other => self.node(other)?,
                    };
                    let next = self.parser.next_event()?.ok()?.0;
                    let value = self.node(next)?;
                    if key.as_str() == Some("<<") {
                        merged.push(value);
                    } else if !dict.insert(key, value) {
                        return None;
                    }
                }
                self.depth -= 1;
                for source in merged {
                    for (key, value) in source.as_dict()?.iter() {
                        if dict.get(key).is_none() {
                            dict.insert(key.clone(), value.clone());
                        }
                    }
                }
                (Value::dict(dict), anchor)
            }
            _ => return None,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Some(value)
    }
}

/// What YAML 1.1 reads in an unquoted text.
pub(super) fn resolve_plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::None,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    integer(text)
        .map(Value::Int)
        .or_else(|| float(text).map(Value::Float))
        .or_else(|| sexagesimal(text))
        .or_else(|| timestamp(text))
        .unwrap_or_else(|| Value::from(text))
}

/// Numbers to the base of sixty: `12:30:45`, `1:30.5`.
fn sexagesimal(text: &str) -> Option<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let digits = digits.strip_prefix('+').unwrap_or(digits).replace('_', "");
    let (whole, fraction) = digits.split_once('.').map_or((digits.as_str(), None), |(whole, part)| (whole, Some(part)));
    let mut parts = whole.split(':');
    let first = parts.next()?;
    let is_number = |part: &str| !part.is_empty() && part.len() < 10 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || (fraction.is_none() && first.starts_with('0')) || !whole.contains(':') {
        return None;
    }
    let mut number: i128 = first.parse().ok()?;
    for part in parts {
        if !is_number(part) || part.len() > 2 || part.parse::<u8>().ok()? > 59 {
            return None;
        }
        number = number.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    match fraction {
        None => Some(Value::Int(sign * number)),
        Some(part) if part.bytes().all(|byte| byte.is_ascii_digit()) => {
            let value: f64 = format!("{number}.{part}").parse().ok()?;
            Some(Value::Float(if sign < 0 { -value } else { value }))
        }
        Some(_) => None,
    }
}

/// Dates and times: `2020-01-31`, `2020-01-31 10:00:00.5`, `2020-01-31T10:00:00Z`.
fn timestamp(text: &str) -> Option<Value> {
    let digits_at = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !digits_at(0..4) || text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    if text.len() == 10 {
        return chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Value::date);
    }
    if let Ok(instant) = chrono::DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(Value::datetime_utc(instant.to_utc()));
    }
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .into_iter()
        .find_map(|format| chrono::NaiveDateTime::parse_from_str(text, format).ok())
        .map(Value::datetime)
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.replace('_', "");
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x") {
        (16, hex)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        (2, binary)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits.as_str())
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_number.then(|| i128::from_str_radix(digits, radix).ok()).flatten().map(|number| sign * number)
}

/// A float needs a point, and a sign in its exponent.
fn float(text: &str) -> Option<f64> {
    let text = text.replace('_', "");
    let body = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let is_plain = mantissa.contains('.')
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && exponent.is_none_or(|exponent| exponent.starts_with(['+', '-']));
    if is_plain { text.parse().ok() } else { None }
}
