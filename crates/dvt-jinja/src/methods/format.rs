//! Python's two ways of formatting text: `'%s' % x` and `'{}'.format(x)`.

use crate::value::{MAX_TEXT, TOO_LARGE, lock, repr};
use crate::{Decimal, Value};
use indexmap::IndexMap;
use std::sync::Arc;

/// How a value is laid out: the part behind `%` or `:`.
#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    is_alternate: bool,
    has_zero: bool,
    width: usize,
    separator: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// The widest field that is written; more is a mistake.
const MAX_WIDTH: usize = 100_000;

/// `template % values`.
pub(crate) fn percent(template: &str, values: &Value) -> Result<String, String> {
    let mut positional: Vec<Value> = match values {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    positional.reverse();
    let is_tuple = matches!(values, Value::Tuple(_));
    let mut used_mapping = false;
    let mut out = String::with_capacity(template.len());
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if out.len() > MAX_TEXT {
            return Err(TOO_LARGE.to_owned());
        }
        if character != '%' {
            out.push(character);
            continue;
        }
        let mut key = None;
        if characters.next_if_eq(&'(').is_some() {
            let mut name = String::new();
            loop {
                match characters.next() {
                    Some(')') => break,
                    Some(part) => name.push(part),
                    None => return Err("incomplete format key".to_owned()),
                }
            }
            key = Some(name);
        }
        let mut spec = Spec::default();
        while let Some(flag) = characters.next_if(|flag| matches!(flag, '-' | '+' | ' ' | '0' | '#')) {
            match flag {
                '-' => spec.align = Some('<'),
                '0' => spec.has_zero = true,
                '#' => spec.is_alternate = true,
                sign => spec.sign = Some(sign),
            }
        }
        let mut star = |characters: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>, String> {
            if characters.next_if_eq(&'*').is_some() {
                let value = positional.pop().ok_or("not enough arguments for format string")?;
                let number = value.as_int().ok_or("* wants int")?;
                return Ok(Some(usize::try_from(number).unwrap_or(0)));
            }
            let mut digits = String::new();
            while let Some(digit) = characters.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            Ok(digits.parse().ok())
        };
        spec.width = star(&mut characters)?.unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            spec.precision = Some(star(&mut characters)?.unwrap_or(0));
        }
        while characters.next_if(|modifier| matches!(modifier, 'l' | 'h' | 'L')).is_some() {}
        let kind = characters.next().ok_or("incomplete format")?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match &key {
            Some(name) => {
                used_mapping = true;
                let Value::Dict(dict) = values else {
                    return Err("format requires a mapping".to_owned());
                };
                lock(dict).get_str(name).cloned().ok_or_else(|| format!("KeyError: '{name}'"))?
            }
            None => positional.pop().ok_or("not enough arguments for format string")?,
        };
        spec.width = spec.width.min(MAX_WIDTH);
        if spec.align.is_none() {
            spec.align = Some('>');
        }
        if spec.has_zero && spec.align != Some('<') && !matches!(kind, 's' | 'r' | 'a') {
            spec.fill = Some('0');
            spec.align = Some('=');
        }
        let text = match kind {
            's' => value.to_string(),
            'r' | 'a' => repr(&value),
            'c' => match &value {
                Value::Str(text) => text.to_string(),
                other => other
                    .as_int()
                    .and_then(|code| char::from_u32(u32::try_from(code).ok()?))
                    .map(String::from)
                    .ok_or("%c requires int or char")?,
            },
            'd' | 'i' | 'u' => {
                let number = truncated(&value)
                    .ok_or_else(|| format!("%{kind} format: a real number is required, not {}", value.type_name()))?;
                spec.kind = Some('d');
                out.push_str(&format_value(&Value::Int(number), &spec)?);
                continue;
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' | 'x' | 'X' | 'o' => {
                spec.kind = Some(kind);
                if crate::value::to_float(&value).is_none() {
                    return Err(format!("must be real number, not {}", value.type_name()));
                }
                out.push_str(&format_value(&value, &spec)?);
                continue;
            }
            other => return Err(format!("unsupported format character '{other}'")),
        };
        let text: String = match spec.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        };
        out.push_str(&pad(&text, &spec, '>'));
    }
    if out.len() > MAX_TEXT {
        return Err(TOO_LARGE.to_owned());
    }
    let is_unused = !used_mapping && !positional.is_empty() && (is_tuple || !matches!(values, Value::Dict(_)));
    if is_unused {
        return Err("not all arguments converted during string formatting".to_owned());
    }
    Ok(out)
}

fn truncated(value: &Value) -> Option<i128> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "int(float) cuts the fraction")]
        Value::Float(number) if number.is_finite() => Some(*number as i128),
        Value::Decimal(number) => number.truncate(),
        other => other.as_int(),
    }
}

/// `template.format_map(fields)`.
///
/// # Errors
/// The words of Python's error: a field that is not there, a brace that is not closed.
pub fn fill_fields(template: &str, fields: &serde_json::Map<String, serde_json::Value>) -> Result<String, String> {
    let fields: IndexMap<Arc<str>, Value> =
        fields.iter().map(|(key, value)| (Arc::from(key.as_str()), Value::from(value))).collect();
    str_format(template, &[], &fields)
}

/// `template % fields`.
///
/// # Errors
/// The words of Python's error: a field that is not there, a value that its form does not fit.
pub fn fill_percent(template: &str, fields: &serde_json::Map<String, serde_json::Value>) -> Result<String, String> {
    percent(template, &Value::from(fields))
}

/// `template.format(*positional, **keyword)`.
pub(crate) fn str_format(
    template: &str,
    positional: &[Value],
    keyword: &IndexMap<Arc<str>, Value>,
) -> Result<String, String> {
    let mut next_index = 0;
    format_fields(template, positional, keyword, &mut next_index, 0)
}

fn format_fields(
    template: &str,
    positional: &[Value],
    keyword: &IndexMap<Arc<str>, Value>,
    next_index: &mut usize,
    depth: usize,
) -> Result<String, String> {
    if depth > 2 {
        return Err("Max string recursion exceeded".to_owned());
    }
    let mut out = String::with_capacity(template.len());
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if out.len() > MAX_TEXT {
            return Err(TOO_LARGE.to_owned());
        }
        match character {
            '{' if characters.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if characters.next_if_eq(&'}').is_some() => out.push('}'),
            '}' => return Err("Single '}' encountered in format string".to_owned()),
            '{' => {
                let mut field = String::new();
                let mut level = 1;
                for part in characters.by_ref() {
                    match part {
                        '{' => level += 1,
                        '}' => level -= 1,
                        _ => {}
                    }
                    if level == 0 {
                        break;
                    }
                    field.push(part);
                }
                if level > 0 {
                    return Err("expected '}' before end of string".to_owned());
                }
                let (name, spec) = field.split_once(':').unwrap_or((&field, ""));
                let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
                let value = field_value(name, positional, keyword, next_index)?;
                let value = match conversion {
                    "" => value,
                    "r" | "a" => Value::from(repr(&value)),
                    "s" => Value::from(value.to_string()),
                    other => return Err(format!("Unknown conversion specifier '{other}'")),
                };
                let spec = format_fields(spec, positional, keyword, next_index, depth + 1)?;
                let own = match &value {
                    Value::Object(object) if !spec.is_empty() => object.formatted(&spec),
                    _ => None,
                };
                match own {
                    Some(text) => out.push_str(&text),
                    None => out.push_str(&format_value(&value, &parse_spec(&spec)?)?),
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

fn field_value(
    name: &str,
    positional: &[Value],
    keyword: &IndexMap<Arc<str>, Value>,
    next_index: &mut usize,
) -> Result<Value, String> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(end);
    let out_of_range = || "Replacement index out of range for positional args tuple".to_owned();
    let mut value = if first.is_empty() {
        *next_index += 1;
        positional.get(*next_index - 1).cloned().ok_or_else(out_of_range)?
    } else if let Ok(index) = first.parse::<usize>() {
        positional.get(index).cloned().ok_or_else(out_of_range)?
    } else {
        keyword.get(first).cloned().ok_or_else(|| format!("KeyError: '{first}'"))?
    };
    while !rest.is_empty() {
        let (part, after) = if let Some(inner) = rest.strip_prefix('[') {
            inner.split_once(']').ok_or("Missing ']' in format string")?
        } else {
            let inner = &rest[1..];
            inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
        };
        let found = match &value {
            Value::Dict(dict) => lock(dict).get_str(part).cloned(),
            Value::Object(object) => object.attribute(part),
            other => part.parse::<usize>().ok().and_then(|index| other.iterate()?.get(index).cloned()),
        };
        value = found.ok_or_else(|| format!("'{}' object has no attribute '{part}'", value.type_name()))?;
        rest = after;
    }
    Ok(value)
}

fn parse_spec(text: &str) -> Result<Spec, String> {
    let mut spec = Spec::default();
    let characters: Vec<char> = text.chars().collect();
    let mut index = 0;
    let is_align = |character: Option<&char>| matches!(character, Some('<' | '>' | '^' | '='));
    if is_align(characters.get(1)) {
        spec.fill = Some(characters[0]);
        spec.align = Some(characters[1]);
        index = 2;
    } else if is_align(characters.first()) {
        spec.align = Some(characters[0]);
        index = 1;
    }
    if let Some(sign @ ('+' | '-' | ' ')) = characters.get(index) {
        spec.sign = Some(*sign);
        index += 1;
    }
    if characters.get(index) == Some(&'#') {
        spec.is_alternate = true;
        index += 1;
    }
    if characters.get(index) == Some(&'0') {
        spec.has_zero = true;
        if spec.align.is_none() {
            spec.fill = Some('0');
            spec.align = Some('=');
        }
        index += 1;
    }
    let number = |index: &mut usize| -> Option<usize> {
        let start = *index;
        while characters.get(*index).is_some_and(char::is_ascii_digit) {
            *index += 1;
        }
        characters[start..*index].iter().collect::<String>().parse().ok()
    };
    spec.width = number(&mut index).unwrap_or(0).min(MAX_WIDTH);
    if let Some(separator @ (',' | '_')) = characters.get(index) {
        spec.separator = Some(*separator);
        index += 1;
    }
    if characters.get(index) == Some(&'.') {
        index += 1;
        spec.precision = Some(number(&mut index).ok_or("Format specifier missing precision")?.min(MAX_WIDTH));
    }
    if let Some(kind) = characters.get(index) {
        spec.kind = Some(*kind);
        index += 1;
    }
    if index < characters.len() {
        return Err(format!("Invalid format specifier '{text}'"));
    }
    Ok(spec)
}

fn format_value(value: &Value, spec: &Spec) -> Result<String, String> {
    let kind = spec.kind;
    let unknown =
        || format!("Unknown format code '{}' for object of type '{}'", kind.unwrap_or(' '), value.type_name());
    match value {
        Value::Int(_) | Value::Bool(_) if !matches!(kind, Some('f' | 'F' | 'e' | 'E' | 'g' | 'G' | '%')) => {
            if matches!(value, Value::Bool(_)) && kind.is_none() && spec.width == 0 {
                return Ok(value.to_string());
            }
            let number = value.as_int().unwrap_or(0);
            let magnitude = number.unsigned_abs();
            let digits = match kind {
                None | Some('d' | 'n') => group(&magnitude.to_string(), spec.separator),
                Some('x') => format!("{}{magnitude:x}", if spec.is_alternate { "0x" } else { "" }),
                Some('X') => format!("{}{magnitude:X}", if spec.is_alternate { "0X" } else { "" }),
                Some('o') => format!("{}{magnitude:o}", if spec.is_alternate { "0o" } else { "" }),
                Some('b') => format!("{}{magnitude:b}", if spec.is_alternate { "0b" } else { "" }),
                Some('c') => {
                    return Ok(char::from_u32(number.try_into().unwrap_or(0)).map(String::from).unwrap_or_default());
                }
                _ => return Err(unknown()),
            };
            Ok(pad_number(number < 0, &digits, spec))
        }
        Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::Decimal(_) => {
            let number = crate::value::to_float(value).unwrap_or(f64::NAN);
            let precision = spec.precision.unwrap_or(6);
            let magnitude = number.abs();
            let digits = match kind {
                Some('f' | 'F') => match value {
                    Value::Decimal(decimal) => {
                        fixed_decimal(decimal, precision).unwrap_or_else(|| format!("{magnitude:.precision$}"))
                    }
                    _ => format!("{magnitude:.precision$}"),
                },
                Some('%') => format!("{:.precision$}%", magnitude * 100.0),
                Some('e') => exponent(magnitude, precision, 'e'),
                Some('E') => exponent(magnitude, precision, 'E'),
                Some('g' | 'G') => general(magnitude, precision),
                None => match (value, spec.precision) {
                    (_, Some(precision)) => general(magnitude, precision),
                    (Value::Decimal(decimal), None) => decimal.as_str().trim_start_matches('-').to_owned(),
                    _ => crate::value::float_repr(magnitude),
                },
                _ => return Err(unknown()),
            };
            let digits = match (spec.separator, digits.split_once('.')) {
                (None, _) => digits,
                (Some(_), Some((whole, fraction))) => format!("{}.{fraction}", group(whole, spec.separator)),
                (Some(_), None) => group(&digits, spec.separator),
            };
            Ok(pad_number(number.is_sign_negative() && !number.is_nan(), &digits, spec))
        }
        Value::Str(text) if matches!(kind, None | Some('s')) => {
            let text: String = text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
            Ok(pad(&text, spec, '<'))
        }
        Value::Str(_) => Err(unknown()),
        other => Ok(pad(&other.to_string(), spec, '<')),
    }
}

fn fixed_decimal(decimal: &Decimal, precision: usize) -> Option<String> {
    let scale = decimal.scale();
    if scale > precision {
        return None;
    }
    let unscaled = decimal.unscaled(precision)?;
    Some(Decimal::from_unscaled(unscaled.checked_abs()?, precision).as_str().to_owned())
}

fn exponent(number: f64, precision: usize, letter: char) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}{letter}{sign}{digits:0>2}")
}

fn general(number: f64, precision: usize) -> String {
    let precision = precision.max(1);
    let text = format!("{number:.*e}", precision - 1);
    let power: i32 = text.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let trimmed = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if power < -4 || power >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let text = exponent(number, precision - 1, 'e');
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{power}", trimmed(mantissa.to_owned()));
    }
    let decimals = usize::try_from(i64::try_from(precision).unwrap_or(6) - 1 - i64::from(power)).unwrap_or(0);
    trimmed(format!("{number:.decimals$}"))
}

fn group(digits: &str, separator: Option<char>) -> String {
    let Some(separator) = separator else {
        return digits.to_owned();
    };
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

fn pad_number(is_negative: bool, digits: &str, spec: &Spec) -> String {
    let sign = match (is_negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    if spec.align == Some('=') {
        let missing = spec.width.saturating_sub(sign.len() + digits.len());
        let fill = spec.fill.unwrap_or(' ').to_string().repeat(missing);
        return format!("{sign}{fill}{digits}");
    }
    pad(&format!("{sign}{digits}"), spec, '>')
}

fn pad(text: &str, spec: &Spec, default_align: char) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    if missing == 0 {
        return text.to_owned();
    }
    let fill = spec.fill.unwrap_or(' ').to_string();
    let left = match spec.align.unwrap_or(default_align) {
        '<' => 0,
        '^' => missing / 2,
        _ => missing,
    };
    format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left))
}
