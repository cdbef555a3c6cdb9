//! `modules.re`: Python's regular expressions on fancy-regex (look-around and back references work).

use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::Dict;
use crate::{Args, Object, Value};
use fancy_regex::{Captures, Regex};
use std::sync::Arc;

/// The module.
#[derive(Debug)]
pub(super) struct Re;

const FLAGS: &[(&str, i128)] = &[
    ("I", 2),
    ("IGNORECASE", 2),
    ("L", 4),
    ("LOCALE", 4),
    ("M", 8),
    ("MULTILINE", 8),
    ("S", 16),
    ("DOTALL", 16),
    ("U", 32),
    ("UNICODE", 32),
    ("X", 64),
    ("VERBOSE", 64),
    ("A", 256),
    ("ASCII", 256),
];

const FUNCTIONS: &[&str] = &["match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split"];

/// The functions of the module: those of a pattern, and two more.
const RE_FUNCTIONS: &[&str] =
    &["match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split", "compile", "escape"];

impl Object for Re {
    fn type_name(&self) -> &str {
        "module"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, value)| Value::Int(*value))
    }

    fn methods(&self) -> &'static [&'static str] {
        RE_FUNCTIONS
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        match name {
            "compile" => Some(args.required("pattern").and_then(|pattern| {
                let flags = args.optional_int("flags")?.unwrap_or(0);
                Ok(Value::object(Pattern::compile(&pattern, flags)?))
            })),
            "escape" => Some(args.required_str("pattern").map(|text| Value::from(escape(&text)))),
            _ if FUNCTIONS.contains(&name) => Some(args.required("pattern").and_then(|pattern| {
                let flags = args.keyword.shift_remove("flags");
                // Flags come last when they are given by position.
                let by_position = match name {
                    "sub" | "subn" => 3,
                    "split" => 2,
                    _ => 1,
                };
                let mut rest = args.rest();
                let flags = match flags {
                    Some(flags) => Some(flags),
                    None if rest.len() > by_position => rest.pop(),
                    None => None,
                };
                let flags = flags.and_then(|flags| flags.as_int()).unwrap_or(0);
                let pattern = match pattern.downcast::<Pattern>() {
                    Some(pattern) => Pattern { regex: Arc::clone(&pattern.regex), text: Arc::clone(&pattern.text) },
                    None => Pattern::compile(&pattern, flags)?,
                };
                let mut inner = Args::new(name, rest);
                inner.keyword = std::mem::take(&mut args.keyword);
                pattern.run(interpreter, name, &mut inner)
            })),
            _ => None,
        }
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A compiled pattern.
#[derive(Debug)]
struct Pattern {
    regex: Arc<Regex>,
    text: Arc<str>,
}

impl Pattern {
    fn compile(pattern: &Value, flags: i128) -> Result<Self, Flow> {
        let Value::Str(text) = pattern else {
            return Err(raise("first argument must be string or compiled pattern"));
        };
        let letters: String = [(2, 'i'), (8, 'm'), (16, 's'), (64, 'x')]
            .iter()
            .filter(|(bit, _)| flags & bit != 0)
            .map(|(_, c)| *c)
            .collect();
        let prefix = if letters.is_empty() { String::new() } else { format!("(?{letters})") };
        // Python's \Z is the very end; `$` also stands before a last line end, as it does here with (?m) off.
        let body = text.replace("\\Z", "\\z");
        let regex = Regex::new(&format!("{prefix}{body}"))
            .map_err(|error| raise(format!("the regular expression `{text}` is malformed: {error}")))?;
        Ok(Self { regex: Arc::new(regex), text: Arc::clone(text) })
    }

    fn failed(&self, error: &fancy_regex::Error) -> Flow {
        raise(format!("the regular expression `{}` failed: {error}", self.text))
    }

    fn first(&self, text: &Arc<str>, is_match: impl Fn(usize, usize) -> bool) -> Result<Value, Flow> {
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| self.failed(&error))?;
            let matches = captures.get(0).is_some_and(|whole| is_match(whole.start(), whole.end()));
            if matches {
                return Ok(Value::object(Match::of(&self.regex, text, &captures)));
            }
        }
        Ok(Value::None)
    }

    /// The pattern with an anchor, for `match` and `fullmatch`.
    fn anchored(&self, whole: bool) -> Result<Self, Flow> {
        let inner = self.regex.as_str();
        let (flags, body) = match inner.strip_prefix("(?").and_then(|rest| rest.split_once(')')) {
            Some((flags, body)) if !flags.is_empty() && flags.chars().all(|flag| "imsx".contains(flag)) => {
                (format!("(?{flags})"), body)
            }
            _ => (String::new(), inner),
        };
        let newline = if flags.contains('x') { "\n" } else { "" };
        let end = if whole { "\\z" } else { "" };
        let regex = Regex::new(&format!("{flags}\\A(?:{body}{newline}){end}")).map_err(|error| self.failed(&error))?;
        Ok(Self { regex: Arc::new(regex), text: Arc::clone(&self.text) })
    }

    fn run(&self, interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let result = match name {
            "sub" | "subn" => {
                let replacement = args.required("repl")?;
                let text = args.required_str("string")?;
                let count = args.optional_int("count")?.unwrap_or(0);
                let (replaced, number) = self.substitute(interpreter, &replacement, &text, count)?;
                if name == "sub" {
                    Value::from(replaced)
                } else {
                    Value::tuple(vec![Value::from(replaced), Value::from(number)])
                }
            }
            _ => {
                let text = args.required_str("string")?;
                match name {
                    "search" => self.first(&text, |_, _| true)?,
                    "match" => self.anchored(false)?.first(&text, |_, _| true)?,
                    "fullmatch" => self.anchored(true)?.first(&text, |_, _| true)?,
                    "findall" => Value::list(self.find_all(&text)?),
                    "finditer" => {
                        let mut matches = Vec::new();
                        for captures in self.regex.captures_iter(&text) {
                            let captures = captures.map_err(|error| self.failed(&error))?;
                            matches.push(Value::object(Match::of(&self.regex, &text, &captures)));
                        }
                        Value::list(matches)
                    }
                    _ => {
                        let limit = args.optional_int("maxsplit")?.unwrap_or(0);
                        Value::list(self.split(&text, limit)?)
                    }
                }
            }
        };
        args.finish()?;
        Ok(result)
    }

    fn find_all(&self, text: &str) -> Result<Vec<Value>, Flow> {
        let mut found = Vec::new();
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| self.failed(&error))?;
            let group = |index: usize| Value::from(captures.get(index).map_or("", |group| group.as_str()));
            found.push(match captures.len() {
                1 => group(0),
                2 => group(1),
                groups => Value::tuple((1..groups).map(group).collect()),
            });
        }
        Ok(found)
    }

    fn split(&self, text: &str, limit: i128) -> Result<Vec<Value>, Flow> {
        let mut parts = Vec::new();
        let (mut last, mut splits) = (0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| self.failed(&error))?;
            if limit > 0 && splits >= limit {
                break;
            }
            let Some(whole) = captures.get(0) else { continue };
            parts.push(Value::from(&text[last..whole.start()]));
            for index in 1..captures.len() {
                parts.push(captures.get(index).map_or(Value::None, |group| Value::from(group.as_str())));
            }
            last = whole.end();
            splits += 1;
        }
        parts.push(Value::from(&text[last..]));
        Ok(parts)
    }

    fn substitute(
        &self,
        interpreter: &mut Interpreter<'_>,
        replacement: &Value,
        text: &Arc<str>,
        count: i128,
    ) -> Result<(String, usize), Flow> {
        let mut out = String::with_capacity(text.len());
        let (mut last, mut number) = (0, 0);
        for captures in self.regex.captures_iter(text) {
            let captures = captures.map_err(|error| self.failed(&error))?;
            if count > 0 && number as i128 >= count {
                break;
            }
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(&text[last..whole.start()]);
            match replacement {
                Value::Str(template) => expand(template, &captures, &mut out)?,
                function => {
                    let matched = Value::object(Match::of(&self.regex, text, &captures));
                    let value = interpreter.call_value(function, &mut Args::new("repl", vec![matched]))?;
                    out.push_str(&value.to_string());
                }
            }
            last = whole.end();
            number += 1;
        }
        out.push_str(&text[last..]);
        Ok((out, number))
    }
}

/// Fills `\1`, `\g<1>` and `\g<name>`.
fn expand(template: &str, captures: &Captures<'_>, out: &mut String) -> Result<(), Flow> {
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('g') if characters.peek() == Some(&'<') => {
                characters.next();
                let name: String = characters.by_ref().take_while(|part| *part != '>').collect();
                let group = match name.parse::<usize>() {
                    Ok(index) => captures.get(index),
                    Err(_) => captures.name(&name),
                };
                out.push_str(group.map_or("", |group| group.as_str()));
            }
            Some(digit) if digit.is_ascii_digit() => {
                let mut digits = digit.to_string();
                if let Some(next) = characters.next_if(char::is_ascii_digit) {
                    digits.push(next);
                }
                let index: usize = digits.parse().unwrap_or(0);
                if index >= captures.len() {
                    return Err(raise(format!("invalid group reference {index}")));
                }
                out.push_str(captures.get(index).map_or("", |group| group.as_str()));
            }
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('\\') => out.push('\\'),
            Some(other) if other.is_ascii_alphabetic() => return Err(raise(format!("bad escape \\{other}"))),
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => return Err(raise("bad escape (end of pattern)")),
        }
    }
    Ok(())
}

impl Object for Pattern {
    fn type_name(&self) -> &str {
        "re.Pattern"
    }

    fn display(&self) -> String {
        format!("re.compile({})", crate::value::repr(&Value::Str(Arc::clone(&self.text))))
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        (name == "pattern").then(|| Value::Str(Arc::clone(&self.text)))
    }

    fn methods(&self) -> &'static [&'static str] {
        FUNCTIONS
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        FUNCTIONS.contains(&name).then(|| self.run(interpreter, name, args))
    }
}

/// A match: groups with their places, counted in characters as Python does.
#[derive(Debug)]
struct Match {
    text: Arc<str>,
    groups: Vec<Option<(usize, usize)>>,
    names: Vec<(String, usize)>,
}

impl Match {
    fn of(regex: &Regex, text: &Arc<str>, captures: &Captures<'_>) -> Self {
        let groups = (0..captures.len()).map(|index| captures.get(index).map(|group| (group.start(), group.end())));
        let names = regex.capture_names().enumerate().filter_map(|(index, name)| Some((name?.to_owned(), index)));
        Self { text: Arc::clone(text), groups: groups.collect(), names: names.collect() }
    }

    fn index(&self, key: &Value) -> Option<usize> {
        match key {
            Value::Str(name) => self.names.iter().find(|(known, _)| **known == **name).map(|(_, index)| *index),
            other => other.as_int().and_then(|index| usize::try_from(index).ok()).filter(|i| *i < self.groups.len()),
        }
    }

    fn group(&self, key: &Value) -> Result<Value, Flow> {
        let index = self.index(key).ok_or_else(|| raise("no such group"))?;
        Ok(self.groups[index].map_or(Value::None, |(start, end)| Value::from(&self.text[start..end])))
    }

    fn position(&self, offset: usize) -> Value {
        Value::from(self.text[..offset].chars().count())
    }
}

impl Object for Match {
    fn type_name(&self) -> &str {
        "re.Match"
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "string" => Some(Value::Str(Arc::clone(&self.text))),
            "lastindex" => Some(
                (1..self.groups.len())
                    .rev()
                    .find(|index| self.groups[*index].is_some())
                    .map_or(Value::None, Value::from),
            ),
            _ => None,
        }
    }

    fn item(&self, key: &Value) -> Option<Value> {
        self.group(key).ok()
    }

    fn methods(&self) -> &'static [&'static str] {
        &["group", "groups", "groupdict", "start", "end", "span"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        self.methods().contains(&name).then(|| {
            let positional = args.rest();
            let first = positional.first().cloned().unwrap_or(Value::Int(0));
            match name {
                "group" if positional.len() > 1 => {
                    Ok(Value::tuple(positional.iter().map(|key| self.group(key)).collect::<Result<_, _>>()?))
                }
                "group" => self.group(&first),
                "groups" => {
                    let default = positional.first().cloned().unwrap_or(Value::None);
                    let group = |index: usize| match self.groups[index] {
                        Some((start, end)) => Value::from(&self.text[start..end]),
                        None => default.clone(),
                    };
                    Ok(Value::tuple((1..self.groups.len()).map(group).collect()))
                }
                "groupdict" => {
                    let mut dict = Dict::new();
                    for (name, index) in &self.names {
                        dict.set(name, self.group(&Value::from(*index))?);
                    }
                    Ok(Value::dict(dict))
                }
                _ => {
                    let index = self.index(&first).ok_or_else(|| raise("no such group"))?;
                    let (start, end) = match self.groups[index] {
                        Some((start, end)) => (self.position(start), self.position(end)),
                        None => (Value::Int(-1), Value::Int(-1)),
                    };
                    Ok(match name {
                        "start" => start,
                        "end" => end,
                        _ => Value::tuple(vec![start, end]),
                    })
                }
            }
        })
    }
}
