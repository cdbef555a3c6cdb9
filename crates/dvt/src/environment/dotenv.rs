//! `.env` files: `NAME=value` lines with quotes, comments, `export` and `${NAME}`, as python-dotenv reads them.

use std::collections::BTreeMap;

/// The variables that the text sets, in its order. A line that says nothing readable is skipped. `${NAME}` and
/// `${NAME:-default}` read `known` first, then what the file has set before.
pub(super) fn read(text: &str, known: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        let (binding, after) = binding(rest);
        rest = after;
        let Some((name, value, expands)) = binding else { continue };
        let value = if expands { expanded(&value, known, &found) } else { value };
        found.push((name, value));
    }
    found
}

type Binding = Option<(String, String, bool)>;

/// One binding and what follows it. Values in single quotes are not expanded.
fn binding(text: &str) -> (Binding, &str) {
    let text = text.trim_start();
    if text.starts_with('#') {
        return (None, after_line(text));
    }
    let line_end = text.find('\n').unwrap_or(text.len());
    let Some(equals) = text[..line_end].find('=') else { return (None, after_line(text)) };
    let name = text[..equals].trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim).trim_matches('\'');
    if name.is_empty() || name.contains(char::is_whitespace) {
        return (None, after_line(text));
    }
    let value = text[equals + 1..].trim_start_matches([' ', '\t']);
    for quote in ['\'', '"'] {
        if let Some(inner) = value.strip_prefix(quote)
            && let Some((value, after)) = quoted(inner, quote)
        {
            return (Some((name.to_owned(), value, quote == '"')), after_line(after));
        }
    }
    let line = value.lines().next().unwrap_or_default();
    let line = if value.starts_with(['\n', '\r']) { "" } else { line };
    let bare = match line.find(" #").or_else(|| line.find("\t#")) {
        Some(comment) => &line[..comment],
        None if line.starts_with('#') => "",
        None => line,
    };
    (Some((name.to_owned(), bare.trim_end().to_owned(), true)), after_line(value))
}

fn after_line(text: &str) -> &str {
    text.find('\n').map_or("", |newline| &text[newline + 1..])
}

/// The text up to the closing quote, with its escapes undone, and what follows the quote.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some((value, &text[at + 1..]));
        }
        if character != '\\' {
            value.push(character);
            continue;
        }
        let Some((_, escaped)) = characters.next() else { break };
        match (quote, escaped) {
            (_, '\\' | '\'') | ('"', '"') => value.push(escaped),
            ('"', 'n') => value.push('\n'),
            ('"', 'r') => value.push('\r'),
            ('"', 't') => value.push('\t'),
            _ => value.extend(['\\', escaped]),
        }
    }
    None
}

fn expanded(value: &str, known: &BTreeMap<String, String>, found: &[(String, String)]) -> String {
    let mut text = String::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else { break };
        text.push_str(&rest[..start]);
        let inner = &rest[start + 2..start + length];
        let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
        let set = found.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value);
        text.push_str(known.get(name).or(set).map_or(default, String::as_str));
        rest = &rest[start + length + 1..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let known = BTreeMap::from([("HOME".to_owned(), "/home/u".to_owned())]);
        let found = read(text, &known);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn lines_quotes_comments_and_expansions() {
        check(
            "A=1\nB = two words \nexport C=3 # why\n# no\n\nD=\n",
            &[("A", "1"), ("B", "two words"), ("C", "3"), ("D", "")],
        );
        check(
            "A='x # $y ${HOME}'\nB=\"a\\nb\" # c\nC='it\\'s'\n",
            &[("A", "x # $y ${HOME}"), ("B", "a\nb"), ("C", "it's")],
        );
        check(
            "A=\"two\nlines\"\nB=${HOME}/x\nC=${NONE:-d}-${B}\n",
            &[("A", "two\nlines"), ("B", "/home/u/x"), ("C", "d-/home/u/x")],
        );
        check("nonsense\nA=a#b\nB='open\nC=3", &[("A", "a#b"), ("B", "'open"), ("C", "3")]);
        check("\u{feff}A=1\r\nB=2\r\n", &[("A", "1"), ("B", "2")]);
    }
}
