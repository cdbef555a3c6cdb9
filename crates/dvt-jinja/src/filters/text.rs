//! Filters on text.

use crate::error::{Flow, raise};
use crate::methods::{format, strings};
use crate::value::repr;
use crate::{Args, Value};

/// Applies a text filter; `None` when the name is none of them.
pub(super) fn apply(name: &str, value: &Value, args: &mut Args) -> Option<Result<Value, Flow>> {
    let known = matches!(
        name,
        "string"
            | "lower"
            | "upper"
            | "capitalize"
            | "title"
            | "trim"
            | "replace"
            | "indent"
            | "format"
            | "truncate"
            | "wordcount"
            | "wordwrap"
            | "center"
            | "escape"
            | "e"
            | "forceescape"
            | "urlencode"
            | "striptags"
            | "pprint"
            | "filesizeformat"
            | "xmlattr"
    );
    known.then(|| run(name, value, args))
}

fn run(name: &str, value: &Value, args: &mut Args) -> Result<Value, Flow> {
    let text = value.to_string();
    let result = match name {
        "lower" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "capitalize" => strings::capitalize(&text),
        "title" => title(&text),
        "trim" => match args.optional_str("chars")? {
            Some(characters) => text.trim_matches(|character| characters.contains(character)).to_owned(),
            None => text.trim().to_owned(),
        },
        "replace" => {
            let (old, new) = (args.required("old")?.to_string(), args.required("new")?.to_string());
            let count = args.optional_int("count")?.map(usize::try_from).and_then(Result::ok);
            strings::replace(&text, &old, &new, count)?
        }
        "indent" => {
            let width = args.optional("width")?.unwrap_or(Value::Int(4));
            let (first, blank) = (args.flag("first", false)?, args.flag("blank", false)?);
            let prefix = match &width {
                Value::Str(prefix) => prefix.to_string(),
                other => {
                    " ".repeat(other.as_int().and_then(|width| usize::try_from(width).ok()).unwrap_or(0).min(1000))
                }
            };
            indent(&text, &prefix, first, blank)
        }
        "format" => {
            let positional = args.rest();
            let keyword = std::mem::take(&mut args.keyword);
            let values = if keyword.is_empty() {
                Value::tuple(positional)
            } else {
                Value::dict(keyword.into_iter().map(|(key, value)| (Value::Str(key), value)).collect())
            };
            format::percent(&text, &values).map_err(raise)?
        }
        "truncate" => {
            let length = args.optional_int("length")?.unwrap_or(255).max(0);
            let length = usize::try_from(length).unwrap_or(255);
            let kill_words = args.flag("killwords", false)?;
            let end = args.optional_str("end")?.unwrap_or_else(|| "...".into());
            let leeway = usize::try_from(args.optional_int("leeway")?.unwrap_or(5).max(0)).unwrap_or(5);
            truncate(&text, length, kill_words, &end, leeway)
        }
        "wordcount" => {
            args.finish()?;
            let words = text.split(|character: char| !character.is_alphanumeric() && character != '_');
            return Ok(Value::from(words.filter(|word| !word.is_empty()).count()));
        }
        "wordwrap" => {
            let width = usize::try_from(args.optional_int("width")?.unwrap_or(79).max(1)).unwrap_or(79);
            let breaks_long = args.flag("break_long_words", true)?;
            let newline = args.optional_str("wrapstring")?.unwrap_or_else(|| "\n".into());
            text.lines().map(|line| wrap(line, width, breaks_long).join(&newline)).collect::<Vec<_>>().join(&newline)
        }
        "center" => {
            let width = usize::try_from(args.optional_int("width")?.unwrap_or(80).clamp(0, 100_000)).unwrap_or(80);
            let missing = width.saturating_sub(text.chars().count());
            let left = missing / 2 + (missing & width & 1);
            format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left))
        }
        "escape" | "e" | "forceescape" => text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#39;")
            .replace('"', "&#34;"),
        "urlencode" => urlencode(value),
        "striptags" => strip_tags(&text),
        "pprint" => repr(value),
        "filesizeformat" => {
            let is_binary = args.flag("binary", false)?;
            file_size(crate::value::to_float(value).unwrap_or(0.0), is_binary)
        }
        "xmlattr" => {
            let entries = value.as_dict().unwrap_or_default();
            let attributes = entries.iter().filter(|(_, value)| !value.is_none() && !value.is_undefined());
            attributes.map(|(key, value)| format!(" {key}=\"{value}\"")).collect()
        }
        _ => text,
    };
    args.finish()?;
    Ok(Value::from(result))
}

/// Jinja's `title`: words are separated by blank space, `-` and opening brackets.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut starts_word = true;
    for character in text.chars() {
        if starts_word {
            titled.extend(character.to_uppercase());
        } else {
            titled.extend(character.to_lowercase());
        }
        starts_word = character.is_whitespace() || matches!(character, '-' | '(' | '{' | '[' | '<');
    }
    titled
}

fn indent(text: &str, prefix: &str, first: bool, blank: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let wants_prefix = if index == 0 { first } else { blank || !line.trim().is_empty() };
        if wants_prefix {
            out.push_str(prefix);
        }
        out.push_str(line);
    }
    out
}

fn truncate(text: &str, length: usize, kill_words: bool, end: &str, leeway: usize) -> String {
    if text.chars().count() <= length + leeway {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    if kill_words {
        return kept + end;
    }
    let cut = kept.rsplit_once(' ').map_or(kept.as_str(), |(before, _)| before);
    format!("{cut}{end}")
}

fn wrap(line: &str, width: usize, breaks_long: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split_whitespace() {
        let mut word = word.to_owned();
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut current));
        }
        while breaks_long && word.chars().count() > width {
            lines.push(word.chars().take(width).collect());
            word = word.chars().skip(width).collect();
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(&word);
    }
    lines.push(current);
    lines
}

fn urlencode(value: &Value) -> String {
    let quote = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' | b'/' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            })
            .collect()
    };
    match value.as_dict() {
        Some(dict) => {
            let pairs = dict.iter().map(|(key, value)| {
                let plus = |text: String| quote(&text).replace("%20", "+").replace('/', "%2F");
                format!("{}={}", plus(key.to_string()), plus(value.to_string()))
            });
            pairs.collect::<Vec<_>>().join("&")
        }
        None => quote(&value.to_string()),
    }
}

fn strip_tags(text: &str) -> String {
    let mut out = String::new();
    let mut is_tag = false;
    for character in text.chars() {
        match character {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            other if !is_tag => out.push(other),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn file_size(bytes: f64, is_binary: bool) -> String {
    let (base, units) = if is_binary {
        (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB"])
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB"])
    };
    if bytes < base {
        return if bytes == 1.0 { "1 Byte".to_owned() } else { format!("{bytes} Bytes") };
    }
    let mut size = bytes / base;
    let mut unit = units[0];
    for next in &units[1..] {
        if size < base {
            break;
        }
        size /= base;
        unit = next;
    }
    format!("{size:.1} {unit}")
}
