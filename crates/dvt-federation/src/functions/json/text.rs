//! A JSON text, walked without making anything of it.

/// The length of the value at the start of the text; `None` when there is no whole value.
fn value_length(text: &str) -> Option<usize> {
    nested_length(text, 0)
}

fn nested_length(text: &str, depth: usize) -> Option<usize> {
    if depth > 500 {
        return None;
    }
    match text.as_bytes().first()? {
        b'"' => string_length(text),
        b'{' | b'[' => {
            let mut end = 0;
            let is_object = text.starts_with('{');
            for item in Items::nested(text, depth) {
                end = item?.end;
            }
            let rest = text.get(end.max(1)..)?;
            let closed = rest.trim_start_matches(BLANKS);
            closed.starts_with(if is_object { '}' } else { ']' }).then(|| text.len() - closed.len() + 1)
        }
        _ => {
            let length = text.find(|letter| matches!(letter, ',' | ']' | '}' | ':') || BLANKS.contains(&letter));
            let word = &text[..length.unwrap_or(text.len())];
            (matches!(word, "true" | "false" | "null") || is_number(word)).then_some(word.len())
        }
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

fn string_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(at + 1),
            control if u32::from(control) < 32 => return None,
            _ => {}
        }
    }
    None
}

fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

/// The members of an object or the elements of an array, in the order of the text.
struct Items<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    is_object: bool,
    is_first: bool,
}

struct Item<'t> {
    /// As it is written, with its quotes.
    key: Option<&'t str>,
    value: &'t str,
    /// Where the text goes on.
    end: usize,
}

impl<'t> Items<'t> {
    fn of(text: &'t str) -> Self {
        Self::nested(text, 0)
    }

    fn nested(text: &'t str, depth: usize) -> Self {
        Self { text, at: 1, depth, is_object: text.starts_with('{'), is_first: true }
    }

    fn skip_blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(BLANKS).len();
    }

    fn take(&mut self, letter: char) -> Option<()> {
        self.text[self.at..].starts_with(letter).then(|| self.at += 1)
    }

    fn item(&mut self) -> Option<Item<'t>> {
        if !self.is_first {
            self.take(',')?;
            self.skip_blanks();
        }
        self.is_first = false;
        let mut key = None;
        if self.is_object {
            let rest = &self.text[self.at..];
            if !rest.starts_with('"') {
                return None;
            }
            let length = string_length(rest)?;
            key = Some(&rest[..length]);
            self.at += length;
            self.skip_blanks();
            self.take(':')?;
            self.skip_blanks();
        }
        let rest = &self.text[self.at..];
        let length = nested_length(rest, self.depth + 1)?;
        self.at += length;
        Some(Item { key, value: &rest[..length], end: self.at })
    }
}

impl<'t> Iterator for Items<'t> {
    /// `None` for text that is no JSON.
    type Item = Option<Item<'t>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        self.skip_blanks();
        let rest = self.text.get(self.at..)?;
        if rest.is_empty() || rest.starts_with(if self.is_object { '}' } else { ']' }) {
            return None;
        }
        let item = self.item();
        if item.is_none() {
            self.at = self.text.len();
        }
        Some(item)
    }
}

pub(super) fn is_valid(text: &str) -> bool {
    let text = text.trim_matches(BLANKS);
    value_length(text) == Some(text.len())
}

/// `object`, `array`, `string`, `number`, `boolean` or `null`.
pub(super) fn kind(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// The last member of this name.
pub(super) fn member<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    if kind(text) != "object" {
        return None;
    }
    let members = Items::of(text).flatten().filter(|item| item.key.and_then(unquoted).as_deref() == Some(key));
    members.last().map(|item| item.value)
}

/// The element at a position from 0; a negative one counts from the end.
pub(super) fn element(text: &str, at: i64) -> Option<&str> {
    if kind(text) != "array" {
        return None;
    }
    let at = if at < 0 { i64::try_from(Items::of(text).count()).ok()? + at } else { at };
    Items::of(text).flatten().nth(usize::try_from(at).ok()?).map(|item| item.value)
}

pub(super) fn length(text: &str) -> Option<usize> {
    let text = text.trim();
    (kind(text) == "array").then(|| Items::of(text).count())
}

/// The members of an object by their names, or the elements of an array, in the order of the text.
pub(super) fn items(text: &str) -> impl Iterator<Item = (Option<String>, &str)> {
    Items::of(text.trim()).flatten().map(|item| (item.key.and_then(unquoted), item.value))
}

/// Whether an object has the key, an array the text, or a text is it.
pub(super) fn has(text: &str, key: &str) -> bool {
    let text = text.trim();
    match kind(text) {
        "object" => member(text, key).is_some(),
        "array" => Items::of(text).flatten().any(|item| unquoted(item.value).as_deref() == Some(key)),
        _ => unquoted(text).as_deref() == Some(key),
    }
}

/// The value as text: a string without its quotes, nothing for null.
pub(super) fn as_text(text: &str) -> Option<String> {
    match kind(text) {
        "null" => None,
        "string" => unquoted(text),
        _ => Some(text.to_owned()),
    }
}

/// The text that a string stands for; `None` for another value.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next()? {
            'b' => plain.push('\u{8}'),
            'f' => plain.push('\u{c}'),
            'n' => plain.push('\n'),
            'r' => plain.push('\r'),
            't' => plain.push('\t'),
            'u' => {
                let unit = hex(&mut letters)?;
                let code = if (0xd800..0xdc00).contains(&unit) {
                    (letters.next() == Some('\\') && letters.next() == Some('u')).then_some(())?;
                    let low = hex(&mut letters)?;
                    0x10000 + ((unit - 0xd800) << 10) + low.checked_sub(0xdc00)?
                } else {
                    unit
                };
                plain.push(char::from_u32(code)?);
            }
            other => plain.push(other),
        }
    }
    Some(plain)
}

fn hex(letters: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |code, _| Some(code * 16 + letters.next()?.to_digit(16)?))
}

/// The steps of `'{a,"b c",0}'`.
pub(super) fn path(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inner.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut steps = vec![String::new()];
    let (mut is_quoted, mut letters) = (false, inner.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => steps.last_mut()?.push(letters.next()?),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => steps.push(String::new()),
            ' ' if !is_quoted && steps.last()?.is_empty() => {}
            other => steps.last_mut()?.push(other),
        }
    }
    (!is_quoted).then_some(steps)
}

/// The text that jsonb has for the value: members by the length of their keys, then by bytes, the last of equal keys.
pub(super) fn canonical(text: &str) -> Option<String> {
    let text = text.trim_matches(BLANKS);
    let mut out = String::with_capacity(text.len());
    (value_length(text)? == text.len()).then_some(())?;
    write(text, &mut out)?;
    Some(out)
}

fn write(text: &str, out: &mut String) -> Option<()> {
    match kind(text) {
        "object" => {
            let mut members: Vec<(String, &str)> = Vec::new();
            for item in Items::of(text) {
                let item = item?;
                let key = unquoted(item.key?)?;
                members.retain(|(known, _)| *known != key);
                members.push((key, item.value));
            }
            members.sort_by(|(one, _), (two, _)| one.len().cmp(&two.len()).then_with(|| one.cmp(two)));
            out.push('{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                quote(&key, out);
                out.push_str(": ");
                write(value, out)?;
            }
            out.push('}');
        }
        "array" => {
            out.push('[');
            for (index, item) in Items::of(text).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(item?.value, out)?;
            }
            out.push(']');
        }
        "string" => quote(&unquoted(text)?, out),
        "number" => out.push_str(&plain_number(text)?),
        _ => out.push_str(text),
    }
    Some(())
}

/// The number without an exponent, its digits as written.
fn plain_number(text: &str) -> Option<String> {
    let (sign, number) = text.strip_prefix('-').map_or(("", text), |number| ("-", number));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    if exponent.abs() > 1000 {
        return None;
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count.max(0)).unwrap_or(0));
    let length = i32::try_from(digits.len()).ok()?;
    let plain = if point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else if point >= length {
        format!("{digits}{}", zeros(point - length))
    } else {
        let (before, after) = digits.split_at(usize::try_from(point).ok()?);
        format!("{before}.{after}")
    };
    let trimmed = plain.trim_start_matches('0');
    let plain = if trimmed.is_empty() || trimmed.starts_with('.') { format!("0{trimmed}") } else { trimmed.to_owned() };
    let is_zero = plain.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    Some(if is_zero { plain } else { format!("{sign}{plain}") })
}

/// Adds the text as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 32 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_without_changing_them() {
        let text = r#" {"a": {"b": [1.50, "x\"y", null, true]}, "c": "é\u00e9", "a b": [], "a": {"b": [2, -3]}}"#;
        let text = text.trim();
        assert!(is_valid(text));
        assert_eq!(member(text, "a").and_then(|a| member(a, "b")), Some("[2, -3]"));
        assert_eq!(member(text, "c").and_then(as_text), Some("éé".to_owned()));
        assert_eq!(member(text, "a b").and_then(length), Some(0));
        assert_eq!(element("[1.50, \"x\\\"y\", null]", -2).and_then(as_text), Some("x\"y".to_owned()));
        assert_eq!(element("[1]", 1), None);
        assert_eq!(member("[1]", "a"), None);
        for broken in ["{", "[1,]", "{\"a\"}", "01", "tru", "\"a", "1 2", "", "[1 2]", "{a: 1}"] {
            assert!(!is_valid(broken), "{broken}");
        }
    }

    /// The texts on the right are those of PostgreSQL 15.
    #[test]
    fn jsonb_has_one_text_for_a_value() {
        for (text, expected) in [
            (r#"{"bb":1,"a":2,"c":{"y":[],"x":1}}"#, r#"{"a": 2, "c": {"x": 1, "y": []}, "bb": 1}"#),
            (r#"[1.50,1e2,-0,2.5e-3,"a\u0041"]"#, r#"[1.50, 100, 0, 0.0025, "aA"]"#),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            (" null ", "null"),
        ] {
            assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(path(r#"{a,"b,c", 0}"#), Some(vec!["a".to_owned(), "b,c".to_owned(), "0".to_owned()]));
    }
}
