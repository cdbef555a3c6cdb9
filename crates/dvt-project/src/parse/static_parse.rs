//! Models that need no rendering: nothing but `ref`, `source` and `config` with literal arguments in them.
//!
//! dbt reads such models with a parser of its own and renders the others. The two differ in what they write down
//! (`unrendered_config`, escapes in texts, repeated sources), so which one reads a model is part of the manifest.

use serde_json::{Map, Number, Value};
use std::ops::Range;

/// What a model asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct StaticParse {
    pub(crate) refs: Vec<StaticRef>,
    /// Source and table, each pair once.
    pub(crate) sources: Vec<(String, String, Range<usize>)>,
    /// Every keyword of every `config`, in order.
    pub(crate) configs: Vec<(String, Value, Range<usize>)>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct StaticRef {
    pub(crate) name: String,
    pub(crate) package: Option<String>,
    pub(crate) version: Option<Value>,
    /// The whole call, in the text.
    pub(crate) range: Range<usize>,
}

/// Reads the text; `None` when it must be rendered.
pub(crate) fn read(text: &str) -> Option<StaticParse> {
    let mut found = StaticParse::default();
    let mut position = 0;
    while let Some(offset) = text[position..].find('{') {
        let start = position + offset;
        let rest = &text[start..];
        if rest.starts_with("{%") {
            return None;
        }
        if rest.starts_with("{#") {
            position = start + rest.find("#}")? + 2;
        } else if rest.starts_with("{{") {
            let mut reader = Reader { text, position: start + 2 };
            reader.expression(&mut found)?;
            reader.blank();
            position = reader.take("}}").then_some(reader.position)?;
        } else {
            position = start + 1;
        }
    }
    Some(found)
}

struct Reader<'t> {
    text: &'t str,
    position: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, token: &str) -> bool {
        let is_there = self.rest().starts_with(token);
        if is_there {
            self.position += token.len();
        }
        is_there
    }

    fn word(&mut self) -> Option<String> {
        let rest = self.rest();
        let length = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(rest.len());
        let word = rest[..length].to_owned();
        if word.is_empty() || word.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        self.position += length;
        Some(word)
    }

    /// What stands between the braces: a call of the three, or a literal that means nothing.
    fn expression(&mut self, found: &mut StaticParse) -> Option<()> {
        self.blank();
        let start = self.position;
        if self.rest().starts_with(|first: char| !first.is_ascii_alphabetic() && first != '_') {
            return match self.number() {
                Some(_) => Some(()),
                None => self.literal().map(|_| ()),
            };
        }
        let name = self.word()?;
        if name == "True" || name == "False" {
            return Some(());
        }
        self.blank();
        if !self.take("(") {
            return None;
        }
        let (positional, keyword) = self.arguments()?;
        let range = start..self.position;
        match (name.as_str(), positional.as_slice()) {
            ("ref", [_] | [_, _]) => {
                let (package, name) = match positional.as_slice() {
                    [name] => (None, name),
                    [package, name, ..] => (Some(package.as_str()?.to_owned()), name),
                    [] => return None,
                };
                let version = match keyword.as_slice() {
                    [] => None,
                    [(key, value)] if matches!(key.as_str(), "version" | "v") => match value {
                        Value::Number(_) | Value::String(_) => Some(value.clone()),
                        _ => return None,
                    },
                    _ => return None,
                };
                let name = name.as_str()?.to_owned();
                found.refs.push(StaticRef { name, package, version, range });
            }
            ("source", [source, table]) if keyword.is_empty() => {
                let (source, table) = (source.as_str()?.to_owned(), table.as_str()?.to_owned());
                if !found.sources.iter().any(|known| (&known.0, &known.1) == (&source, &table)) {
                    found.sources.push((source, table, range));
                }
            }
            ("config", []) if !keyword.is_empty() => {
                for (key, value) in keyword {
                    let is_hook = matches!(key.as_str(), "pre_hook" | "post_hook");
                    if is_hook || !is_literal(&value) {
                        return None;
                    }
                    found.configs.push((key, value, range.clone()));
                }
            }
            _ => return None,
        }
        Some(())
    }

    #[allow(clippy::type_complexity, reason = "positional and keyword arguments")]
    fn arguments(&mut self) -> Option<(Vec<Value>, Vec<(String, Value)>)> {
        let (mut positional, mut keyword) = (Vec::new(), Vec::new());
        loop {
            self.blank();
            if self.take(")") {
                return Some((positional, keyword));
            }
            let start = self.position;
            match self.word() {
                Some(name) => {
                    self.blank();
                    if self.take("=") && !self.rest().starts_with('=') {
                        self.blank();
                        keyword.push((name, self.value()?));
                    } else {
                        self.position = start;
                        positional.push(self.value()?);
                    }
                }
                None => positional.push(self.value()?),
            }
            self.blank();
            if !self.take(",") && !self.rest().starts_with(')') {
                return None;
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.literal().or_else(|| self.number())
    }

    fn literal(&mut self) -> Option<Value> {
        let rest = self.rest();
        match rest.chars().next()? {
            quote @ ('\'' | '"') => {
                let mut is_escaped = false;
                let end = rest.char_indices().skip(1).find_map(|(index, next)| {
                    let ends = next == quote && !is_escaped;
                    is_escaped = next == '\\' && !is_escaped;
                    ends.then_some(index)
                })?;
                let text = rest[1..end].to_owned();
                self.position += end + 1;
                Some(Value::String(text))
            }
            '[' => {
                self.position += 1;
                let mut items = Vec::new();
                loop {
                    self.blank();
                    if self.take("]") {
                        return Some(Value::Array(items));
                    }
                    items.push(self.value()?);
                    self.blank();
                    if !self.take(",") && !self.rest().starts_with(']') {
                        return None;
                    }
                }
            }
            '{' => {
                self.position += 1;
                let mut map = Map::new();
                loop {
                    self.blank();
                    if self.take("}") {
                        return Some(Value::Object(map));
                    }
                    let Value::String(key) = self.literal()? else { return None };
                    self.blank();
                    if !self.take(":") {
                        return None;
                    }
                    self.blank();
                    map.insert(key, self.value()?);
                    self.blank();
                    if !self.take(",") && !self.rest().starts_with('}') {
                        return None;
                    }
                }
            }
            _ => {
                let start = self.position;
                let word = self.word()?;
                match word.as_str() {
                    "True" => Some(Value::Bool(true)),
                    "False" => Some(Value::Bool(false)),
                    _ => {
                        self.position = start;
                        None
                    }
                }
            }
        }
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let length = rest
            .char_indices()
            .find(|&(index, next)| !next.is_ascii_digit() && next != '.' && !(next == '-' && index == 0))
            .map_or(rest.len(), |(index, _)| index);
        let text = &rest[..length];
        let number = match text.parse::<i64>() {
            Ok(number) => Number::from(number),
            Err(_) => Number::from_f64(text.parse::<f64>().ok()?)?,
        };
        if rest[length..].starts_with(|next: char| next.is_alphanumeric() || next == '_') {
            return None;
        }
        self.position += length;
        Some(Value::Number(number))
    }
}

/// What `config` takes here: no numbers.
fn is_literal(value: &Value) -> bool {
    match value {
        Value::Number(_) => false,
        Value::Array(items) => items.iter().all(is_literal),
        Value::Object(map) => map.values().all(is_literal),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn literal_calls_need_no_rendering() {
        let found = read(
            "{# {{ ref('no') }} #}{{ config(a=['x', {'k': True}], b='x\\'y',) }}{{ ref('p', \"m\", v=1) }} {{ 'x' }}\n\
             {{source('s','t')}}{{ source('s', 't') }} { {{ ref ('z') }} }}",
        )
        .unwrap();
        let configs: Vec<_> = found.configs.iter().map(|(key, value, _)| (key.as_str(), value.clone())).collect();
        assert_eq!(configs, [("a", json!(["x", {"k": true}])), ("b", json!("x\\'y"))]);
        let refs: Vec<_> =
            found.refs.iter().map(|call| (call.package.as_deref(), call.name.as_str(), call.version.clone())).collect();
        assert_eq!(refs, [(Some("p"), "m", Some(json!(1))), (None, "z", None)]);
        assert_eq!(found.sources.len(), 1);
    }

    #[test]
    fn everything_else_is_rendered() {
        for text in [
            "{{ config(a=1) }}",
            "{{ config(a=true) }}",
            "{{ config(a=none) }}",
            "{{ config(a={'k': 1}) }}",
            "{{ config(post_hook='x') }}",
            "{{ config({'a': 'b'}) }}",
            "{{ config() }}",
            "{{ config(a=ref('x')) }}",
            "{{ config(**x) }}",
            "{{ ref(a) }}",
            "{{ ref('a').identifier }}",
            "{{ ref('a') | upper }}",
            "{{ ref('a', 'b', 'c') }}",
            "{{ ref('a', version=None) }}",
            "{{- ref('a') }}",
            "{{ ref('a') -}}",
            "{{ source('a') }}",
            "{% if x %}{% endif %}",
            "{{ this }}",
            "{{ var('x') }}",
            "{{ ref('a') ~ 'x' }}",
            "{{ ref('a') ",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
