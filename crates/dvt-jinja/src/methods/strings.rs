//! Python's `str` methods.

use super::{characters, format};
use crate::error::{Flow, raise};
use crate::value::{MAX_TEXT, TOO_LARGE};
use crate::{Args, Value};
use std::sync::Arc;

pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isprintable",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

pub(super) fn call(text: &Arc<str>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
    if !NAMES.contains(&name) {
        return None;
    }
    Some(run(text, name, args))
}

fn run(text: &str, name: &str, args: &mut Args) -> Result<Value, Flow> {
    if name == "format" {
        let positional = args.rest();
        let result = format::str_format(text, &positional, &args.keyword).map_err(raise)?;
        return Ok(Value::from(result));
    }
    if name == "format_map" {
        let mapping = args.required("mapping")?;
        args.finish()?;
        let Some(mapping) = mapping.as_dict() else {
            return Err(args.wrong_type("mapping", "a mapping", &mapping));
        };
        let keyword = mapping.iter().map(|(key, value)| (Arc::from(key.to_string()), value.clone())).collect();
        return format::str_format(text, &[], &keyword).map(Value::from).map_err(raise);
    }
    let value = match name {
        "lower" => Value::from(text.to_lowercase()),
        "casefold" => Value::from(text.to_lowercase().replace('ß', "ss").replace('ſ', "s")),
        "translate" => {
            let table = args.required("table")?;
            translate(text, &table)?
        }
        "maketrans" => make_translation(args)?,
        "isprintable" => Value::Bool(text.chars().all(characters::is_printable)),
        "upper" => Value::from(text.to_uppercase()),
        "capitalize" => Value::from(capitalize(text)),
        "title" => Value::from(title(text)),
        "swapcase" => Value::from(swap_case(text)),
        "strip" | "lstrip" | "rstrip" => {
            let characters = args.optional_str("chars")?;
            let strips = |character: char| match &characters {
                Some(characters) => characters.contains(character),
                None => character.is_whitespace(),
            };
            Value::from(match name {
                "strip" => text.trim_matches(strips),
                "lstrip" => text.trim_start_matches(strips),
                _ => text.trim_end_matches(strips),
            })
        }
        "split" | "rsplit" => {
            let separator = args.optional_str("sep")?;
            let limit = args.optional_int("maxsplit")?.and_then(|limit| usize::try_from(limit).ok());
            Value::list(split(text, separator.as_deref(), limit, name == "rsplit")?)
        }
        "splitlines" => {
            let keeps_ends = args.flag("keepends", false)?;
            Value::list(characters::lines(text, keeps_ends).into_iter().map(Value::from).collect())
        }
        "partition" | "rpartition" => {
            let separator = args.required_str("sep")?;
            let found = if name == "partition" { text.find(&*separator) } else { text.rfind(&*separator) };
            let parts = match found {
                Some(index) => [&text[..index], &*separator, &text[index + separator.len()..]],
                None if name == "partition" => [text, "", ""],
                None => ["", "", text],
            };
            Value::tuple(parts.into_iter().map(Value::from).collect())
        }
        "replace" => {
            let (old, new) = (args.required_str("old")?, args.required_str("new")?);
            let count = args.optional_int("count")?.map(usize::try_from).and_then(Result::ok);
            Value::from(replace(text, &old, &new, count)?)
        }
        "startswith" | "endswith" => {
            let wanted = args.required("prefix")?;
            let test =
                |wanted: &str| if name == "startswith" { text.starts_with(wanted) } else { text.ends_with(wanted) };
            match &wanted {
                Value::Str(wanted) => Value::Bool(test(wanted)),
                Value::Tuple(options) => Value::Bool(options.iter().filter_map(Value::as_str).any(test)),
                other => return Err(args.wrong_type("prefix", "a string or a tuple of strings", other)),
            }
        }
        "removeprefix" => {
            let prefix = args.required_str("prefix")?;
            Value::from(text.strip_prefix(&*prefix).unwrap_or(text))
        }
        "removesuffix" => {
            let suffix = args.required_str("suffix")?;
            Value::from(text.strip_suffix(&*suffix).unwrap_or(text))
        }
        "find" | "rfind" | "index" | "rindex" => {
            let wanted = args.required_str("sub")?;
            let found = if name.starts_with('r') { text.rfind(&*wanted) } else { text.find(&*wanted) };
            match found {
                Some(index) => Value::from(text[..index].chars().count()),
                None if name.ends_with("index") => return Err(raise("substring not found")),
                None => Value::Int(-1),
            }
        }
        "count" => {
            let wanted = args.required_str("sub")?;
            let count = if wanted.is_empty() { text.chars().count() + 1 } else { text.matches(&*wanted).count() };
            Value::from(count)
        }
        "join" => {
            let items = args.required("iterable")?;
            let items = items.iterate().ok_or_else(|| args.wrong_type("iterable", "an iterable", &items))?;
            let mut parts = Vec::with_capacity(items.len());
            let mut length = 0usize;
            for (index, item) in items.iter().enumerate() {
                length = length.saturating_add(item.as_str().map_or(0, str::len) + text.len());
                if length > MAX_TEXT {
                    return Err(raise(TOO_LARGE));
                }
                match item {
                    Value::Str(part) => parts.push(part.to_string()),
                    other => {
                        return Err(raise(format!(
                            "sequence item {index}: expected str instance, {} found",
                            other.type_name()
                        )));
                    }
                }
            }
            Value::from(parts.join(text))
        }
        "zfill" => {
            let width = width(args)?;
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            let missing = width.saturating_sub(text.chars().count());
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing)))
        }
        "ljust" | "rjust" | "center" => {
            let width = width(args)?;
            let fill = args.optional_str("fillchar")?.unwrap_or_else(|| " ".into());
            let missing = width.saturating_sub(text.chars().count());
            let left = match name {
                "ljust" => 0,
                "rjust" => missing,
                _ => missing / 2 + (missing & width & 1),
            };
            Value::from(format!("{}{text}{}", fill.repeat(left), fill.repeat(missing - left)))
        }
        "expandtabs" => {
            let size = args.optional_int("tabsize")?.and_then(|size| usize::try_from(size).ok()).unwrap_or(8);
            Value::from(characters::expand_tabs(text, size.min(1000)))
        }
        "encode" => {
            args.rest();
            args.keyword.clear();
            Value::Bytes(text.as_bytes().into())
        }
        "isdecimal" => Value::Bool(all(text, characters::is_decimal)),
        "isdigit" => Value::Bool(all(text, characters::is_digit)),
        "isnumeric" => Value::Bool(all(text, char::is_numeric)),
        "isalpha" => Value::Bool(all(text, char::is_alphabetic)),
        "isalnum" => Value::Bool(all(text, char::is_alphanumeric)),
        "isspace" => Value::Bool(all(text, char::is_whitespace)),
        "isascii" => Value::Bool(text.is_ascii()),
        "islower" => Value::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)),
        "istitle" => Value::Bool(text.chars().any(char::is_alphabetic) && title(text) == *text),
        "isidentifier" => Value::Bool(
            text.starts_with(|character: char| character.is_alphabetic() || character == '_')
                && text.chars().all(|character| character.is_alphanumeric() || character == '_'),
        ),
        other => return Err(raise(format!("the string method '{other}' is not supported in templates"))),
    };
    args.finish()?;
    Ok(value)
}

/// `text.translate(table)`: a dict from code points to text, code points or none.
fn translate(text: &str, table: &Value) -> Result<Value, Flow> {
    let Some(table) = table.as_dict() else {
        return Err(raise(format!("'{}' object is no translation table", table.type_name())));
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match table.get(&Value::Int(i128::from(u32::from(character)))) {
            None => out.push(character),
            Some(Value::None) => {}
            Some(Value::Str(replacement)) => out.push_str(replacement),
            Some(other) => match code_point(other) {
                Some(replacement) => out.push(replacement),
                None => return Err(raise("character mapping must return integer, None or str")),
            },
        }
    }
    Ok(Value::from(out))
}

fn code_point(value: &Value) -> Option<char> {
    char::from_u32(u32::try_from(value.as_int()?).ok()?)
}

/// `str.maketrans(mapping)` or `str.maketrans(from, to, removed)`.
fn make_translation(args: &mut Args) -> Result<Value, Flow> {
    let code = |character: char| Value::Int(i128::from(u32::from(character)));
    let first = args.required("x")?;
    let mut table = crate::Dict::new();
    if let Some(mapping) = first.as_dict() {
        for (key, value) in mapping.iter() {
            let key = match key.as_str().map(|key| (key.chars().next(), key.chars().count())) {
                Some((Some(character), 1)) => code(character),
                Some(_) => return Err(raise("string keys in translate table must be of length 1")),
                None => key.clone(),
            };
            table.insert(key, value.clone());
        }
        return Ok(Value::dict(table));
    }
    let (from, to) = (first.to_string(), args.required_str("y")?);
    let removed = args.optional_str("z")?.unwrap_or_else(|| "".into());
    if from.chars().count() != to.chars().count() {
        return Err(raise("the first two maketrans arguments must have equal length"));
    }
    for (from, to) in from.chars().zip(to.chars()) {
        table.insert(code(from), code(to));
    }
    for character in removed.chars() {
        table.insert(code(character), Value::None);
    }
    Ok(Value::dict(table))
}

/// Python's `replace`; without a count, all are replaced.
pub(crate) fn replace(text: &str, old: &str, new: &str, count: Option<usize>) -> Result<String, Flow> {
    let found = text.matches(old).count().min(count.unwrap_or(usize::MAX));
    if found.saturating_mul(new.len()).saturating_add(text.len()) > MAX_TEXT {
        return Err(raise(TOO_LARGE));
    }
    Ok(count.map_or_else(|| text.replace(old, new), |count| text.replacen(old, new, count)))
}

fn width(args: &mut Args) -> Result<usize, Flow> {
    let width = args.optional_int("width")?.unwrap_or(0).clamp(0, 1_000_000);
    Ok(usize::try_from(width).unwrap_or(0))
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

fn split(text: &str, separator: Option<&str>, limit: Option<usize>, from_right: bool) -> Result<Vec<Value>, Flow> {
    let mut parts: Vec<&str> = match (separator, limit) {
        (Some(""), _) => return Err(raise("empty separator")),
        (Some(separator), None) => text.split(separator).collect(),
        (Some(separator), Some(limit)) if from_right => {
            let mut parts: Vec<&str> = text.rsplitn(limit + 1, separator).collect();
            parts.reverse();
            parts
        }
        (Some(separator), Some(limit)) => text.splitn(limit + 1, separator).collect(),
        (None, None) => text.split_whitespace().collect(),
        (None, Some(limit)) if from_right => {
            let mut parts = Vec::new();
            let mut rest = text.trim_end();
            while parts.len() < limit && !rest.is_empty() {
                let start = rest
                    .rfind(char::is_whitespace)
                    .map_or(0, |index| index + rest[index..].chars().next().map_or(1, char::len_utf8));
                parts.push(&rest[start..]);
                rest = rest[..start].trim_end();
            }
            if !rest.is_empty() {
                parts.push(rest);
            }
            parts.reverse();
            parts
        }
        (None, Some(limit)) => {
            let mut parts = Vec::new();
            let mut rest = text.trim_start();
            while parts.len() < limit && !rest.is_empty() {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                parts.push(&rest[..end]);
                rest = rest[end..].trim_start();
            }
            if !rest.is_empty() {
                parts.push(rest);
            }
            parts
        }
    };
    Ok(parts.drain(..).map(Value::from).collect())
}

/// First letter upper, the rest lower.
pub(crate) fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &characters.as_str().to_lowercase(),
        None => String::new(),
    }
}

/// Each word's first letter upper, as Python's `str.title`.
pub(crate) fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut is_inside = false;
    for character in text.chars() {
        if !character.is_alphabetic() {
            titled.push(character);
        } else if is_inside {
            titled.extend(character.to_lowercase());
        } else {
            titled.extend(character.to_uppercase());
        }
        is_inside = character.is_alphabetic();
    }
    titled
}

fn swap_case(text: &str) -> String {
    let swap = |character: char| -> String {
        if character.is_uppercase() { character.to_lowercase().collect() } else { character.to_uppercase().collect() }
    };
    text.chars().map(swap).collect()
}
