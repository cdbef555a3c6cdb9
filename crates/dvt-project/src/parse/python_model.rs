//! Python models: the calls on `dbt` that a file makes, read without running it.
//!
//! dbt takes literal arguments only, so a reader of tokens is enough: texts, numbers, `True`, `False`, `None`, lists,
//! tuples and dictionaries. Source: dbt docs, "Python models".

use serde_json::{Map, Number, Value};
use std::ops::Range;

/// One call: `dbt.ref("a", v=1)`.
#[derive(Debug, PartialEq)]
pub(crate) struct PythonCall {
    /// `ref`, `source`, `config`, `config.get`, `config.meta_get`.
    pub(crate) function: &'static str,
    pub(crate) positional: Vec<Value>,
    pub(crate) keyword: Vec<(String, Value)>,
    pub(crate) range: Range<usize>,
}

/// What is wrong, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct PythonError {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
}

const FUNCTIONS: &[&str] = &["config.meta_get", "config.get", "config", "ref", "source"];

/// The calls of a file, in order; and a check of its `model` function.
pub(crate) fn read(text: &str) -> Result<Vec<PythonCall>, PythonError> {
    let (calls, models) = scan(text)?;
    if !text.trim().is_empty() && models != 1 {
        return Err(PythonError {
            message: format!("dbt allows exactly one model defined per python file, found {models}"),
            range: 0..text.len().min(1),
        });
    }
    Ok(calls)
}

/// The calls, and how many functions are named `model`.
fn scan(text: &str) -> Result<(Vec<PythonCall>, usize), PythonError> {
    let mut reader = Reader { text, position: 0 };
    let mut calls = Vec::new();
    let mut models = 0;
    while let Some(next) = reader.rest().chars().next() {
        let start = reader.position;
        if next == '#' {
            reader.skip_line();
        } else if next == '\'' || next == '"' {
            reader.string(false)?;
        } else if next.is_alphabetic() || next == '_' {
            let word = reader.word();
            if reader.rest().starts_with(['\'', '"']) && word.len() <= 2 && is_prefix(word) {
                // The expressions of an f-string may call, too.
                let is_formatted = word.contains(['f', 'F']);
                let inner = reader.string(word.contains(['r', 'R']))?;
                if is_formatted {
                    let offset = start;
                    let inner = scan(&inner).map(|(calls, _)| calls).unwrap_or_default();
                    calls.extend(inner.into_iter().map(|call| PythonCall { range: offset..offset + 1, ..call }));
                }
            } else if word == "def" {
                reader.blank();
                if reader.word() == "model" {
                    models += 1;
                    reader.check_model(start)?;
                }
            } else if word == "dbt"
                && !text[..start].trim_end().ends_with('.')
                && let Some(function) = reader.function()
            {
                let (positional, keyword) = reader.arguments(start)?;
                calls.push(PythonCall { function, positional, keyword, range: start..reader.position });
            }
        } else {
            reader.position += next.len_utf8();
        }
    }
    Ok((calls, models))
}

fn is_prefix(word: &str) -> bool {
    word.chars().all(|next| matches!(next.to_ascii_lowercase(), 'r' | 'b' | 'f' | 'u'))
}

struct Reader<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.position..]
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.position += rest.find('\n').map_or(rest.len(), |end| end + 1);
    }

    /// Over blank space, line ends and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|next: char| next.is_whitespace() || next == '\\');
            self.position += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.skip_line();
        }
    }

    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
        self.position += length;
        &rest[..length]
    }

    fn take(&mut self, token: char) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.position += token.len_utf8();
        }
        is_there
    }

    fn error<T>(&self, message: &str, start: usize) -> Result<T, PythonError> {
        Err(PythonError { message: message.to_owned(), range: start..(start + 1).min(self.text.len()) })
    }

    /// `model(dbt, session)`.
    fn check_model(&mut self, start: usize) -> Result<(), PythonError> {
        self.blank();
        if !self.take('(') {
            return self.error("Invalid syntax after `def model`", start);
        }
        let rest = self.rest();
        let Some(end) = rest.find(')') else { return self.error("Invalid syntax in the arguments of `model`", start) };
        let names: Vec<&str> = rest[..end]
            .split(',')
            .map(|name| name.split([':', '=']).next().unwrap_or_default().trim())
            .filter(|name| !name.is_empty())
            .collect();
        if names.first().is_some_and(|name| *name != "dbt") {
            return self.error("'dbt' not provided for model as the first argument", start);
        }
        if names.len() != 2 {
            return self.error("model function should have two args, `dbt` and a session to current warehouse", start);
        }
        Ok(())
    }

    /// `.ref(` and its like, after `dbt`; the position is then behind the parenthesis.
    fn function(&mut self) -> Option<&'static str> {
        let before = self.position;
        let rest = self.rest().strip_prefix('.')?;
        for function in FUNCTIONS {
            if let Some(after) = rest.strip_prefix(function)
                && let Some(after) = after.trim_start().strip_prefix('(')
            {
                self.position = self.text.len() - after.len();
                return Some(function);
            }
        }
        self.position = before;
        None
    }

    #[allow(clippy::type_complexity, reason = "positional and keyword arguments")]
    fn arguments(&mut self, start: usize) -> Result<(Vec<Value>, Vec<(String, Value)>), PythonError> {
        let (mut positional, mut keyword) = (Vec::new(), Vec::new());
        loop {
            self.blank();
            if self.take(')') {
                return Ok((positional, keyword));
            }
            let before = self.position;
            let name = self.word().to_owned();
            self.blank();
            if !name.is_empty() && self.rest().starts_with('=') && !self.rest().starts_with("==") {
                self.position += 1;
                keyword.push((name, self.value(start)?));
            } else {
                self.position = before;
                positional.push(self.value(start)?);
            }
            self.blank();
            if !self.take(',') && !self.rest().starts_with(')') {
                return self.not_literal(start);
            }
        }
    }

    fn not_literal<T>(&self, start: usize) -> Result<T, PythonError> {
        self.error(
            "Error when trying to literal_eval an arg to dbt.ref(), dbt.source(), dbt.config() or dbt.config.get(): in a \
             dbt python model, their arguments only support Python literal structures",
            start,
        )
    }

    fn value(&mut self, start: usize) -> Result<Value, PythonError> {
        self.blank();
        let rest = self.rest();
        let Some(next) = rest.chars().next() else { return self.not_literal(start) };
        match next {
            '\'' | '"' => {
                let mut text = self.string(false)?;
                // Texts that stand side by side are one.
                loop {
                    self.blank();
                    if !self.rest().starts_with(['\'', '"']) {
                        return Ok(Value::String(text));
                    }
                    text.push_str(&self.string(false)?);
                }
            }
            '[' | '(' => {
                self.position += 1;
                let close = if next == '[' { ']' } else { ')' };
                let mut items = Vec::new();
                loop {
                    self.blank();
                    if self.take(close) {
                        return Ok(Value::Array(items));
                    }
                    items.push(self.value(start)?);
                    self.blank();
                    if !self.take(',') && !self.rest().starts_with(close) {
                        return self.not_literal(start);
                    }
                }
            }
            '{' => {
                self.position += 1;
                let mut map = Map::new();
                loop {
                    self.blank();
                    if self.take('}') {
                        return Ok(Value::Object(map));
                    }
                    let key = match self.value(start)? {
                        Value::String(key) => key,
                        other => super::python_text::python_str(&other),
                    };
                    self.blank();
                    if !self.take(':') {
                        return self.not_literal(start);
                    }
                    let value = self.value(start)?;
                    map.insert(key, value);
                    self.blank();
                    if !self.take(',') && !self.rest().starts_with('}') {
                        return self.not_literal(start);
                    }
                }
            }
            next if next.is_ascii_digit() || matches!(next, '-' | '+' | '.') => {
                let length = rest
                    .find(|next: char| !next.is_ascii_alphanumeric() && !matches!(next, '.' | '-' | '+' | '_'))
                    .unwrap_or(rest.len());
                let text = rest[..length].replace('_', "");
                let number = match text.parse::<i64>() {
                    Ok(number) => Some(Number::from(number)),
                    Err(_) => text.parse::<f64>().ok().and_then(Number::from_f64),
                };
                let Some(number) = number else { return self.not_literal(start) };
                self.position += length;
                Ok(Value::Number(number))
            }
            _ => {
                let word = self.word();
                match word {
                    "True" => Ok(Value::Bool(true)),
                    "False" => Ok(Value::Bool(false)),
                    "None" => Ok(Value::Null),
                    prefix
                        if is_prefix(prefix)
                            && !prefix.contains(['f', 'F'])
                            && self.rest().starts_with(['\'', '"']) =>
                    {
                        self.string(prefix.contains(['r', 'R'])).map(Value::String)
                    }
                    _ => self.not_literal(start),
                }
            }
        }
    }

    /// The text of a string literal; the position is then behind it.
    fn string(&mut self, is_raw: bool) -> Result<String, PythonError> {
        let start = self.position;
        let rest = self.rest();
        let Some(quote) = rest.chars().next() else { return self.error("Invalid syntax", start) };
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let delimiter = if rest.starts_with(&triple) { triple } else { quote.to_string() };
        let mut text = String::new();
        let mut characters = rest[delimiter.len()..].char_indices();
        while let Some((index, next)) = characters.next() {
            let at = delimiter.len() + index;
            if rest[at..].starts_with(&delimiter) {
                self.position = start + at + delimiter.len();
                return Ok(text);
            }
            if next == '\n' && delimiter.len() == 1 {
                break;
            }
            if next != '\\' || is_raw {
                text.push(next);
                continue;
            }
            match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('\n') | None => {}
                Some(escaped @ ('\\' | '\'' | '"')) => text.push(escaped),
                Some(other) => {
                    text.push('\\');
                    text.push(other);
                }
            }
        }
        self.error("a text is not closed", start)
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn calls_with_literals_are_read() {
        let calls = read(
            "import pandas as pd  # dbt.ref('no')\n\
             def model(dbt, session):\n    '''dbt.ref(\"no\")'''\n    dbt.config(materialized='table', packages=[\"numpy\", 'a' 'b'], x={'k': (1, None)},)\n    \
             a = dbt.ref('a', v=2).join(dbt.ref(\n        'p', 'b'))\n    s = f\"{dbt.source('s', 't')}\"\n    \
             n = dbt.config.get('n', 1) or mydbt.ref('no')\n    return a\n",
        )
        .unwrap();
        let found: Vec<_> =
            calls.iter().map(|call| (call.function, json!(call.positional), json!(call.keyword))).collect();
        assert_eq!(
            found,
            [
                (
                    "config",
                    json!([]),
                    json!([["materialized", "table"], ["packages", ["numpy", "ab"]], ["x", {"k": [1, null]}]])
                ),
                ("ref", json!(["a"]), json!([["v", 2]])),
                ("ref", json!(["p", "b"]), json!([])),
                ("source", json!(["s", "t"]), json!([])),
                ("config.get", json!(["n", 1]), json!([])),
            ]
        );
    }

    #[test]
    fn what_is_not_a_model_is_refused() {
        for (text, expected) in [
            ("x = 1", "exactly one model"),
            ("def model(session, dbt):\n  pass", "'dbt' not provided"),
            ("def model(dbt):\n  pass", "two args"),
            ("def model(dbt, session):\n  return dbt.ref(name)", "literal"),
        ] {
            let message = read(text).unwrap_err().message;
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
