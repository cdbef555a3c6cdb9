//! Filters of metrics: SQL with calls in `{{ }}` that name dimensions, entities and metrics.
//!
//! Only these calls are known: a filter is no template that could do anything else.

use super::osi_document::{OsiError, list, text};
use serde_json::Value;

/// The conditions of `where_filters` intersections as one; `None` where there is none.
pub(super) fn filters_sql(filters: &[Option<&Value>]) -> Result<Option<String>, OsiError> {
    let mut found = Vec::new();
    for condition in filters.iter().flatten().flat_map(|filter| list(filter, "where_filters")) {
        let template = text(condition, "where_sql_template").unwrap_or_default();
        let sql = render(template).ok_or_else(|| OsiError::Filter { filter: template.to_owned() })?;
        let sql = sql.trim();
        if !sql.is_empty() {
            found.push(sql.to_owned());
        }
    }
    Ok(match found.len() {
        0 | 1 => found.pop(),
        _ => Some(found.iter().map(|sql| format!("({sql})")).collect::<Vec<_>>().join(" AND ")),
    })
}

/// The template with each call replaced by the column that it names.
fn render(template: &str) -> Option<String> {
    let (mut done, mut rest) = (String::new(), template);
    while let Some(place) = rest.find("{{") {
        let end = place + rest[place..].find("}}")?;
        done.push_str(&rest[..place]);
        done.push_str(&Call { rest: rest[place + 2..end].trim_matches('-') }.column()?);
        rest = &rest[end + 2..];
    }
    let is_plain = !rest.contains("{%") && !done.contains("{%");
    is_plain.then(|| done + rest)
}

/// What is still to be read of one call.
struct Call<'a> {
    rest: &'a str,
}

/// A value that a call is given, with its name if it has one.
struct Argument {
    name: Option<String>,
    value: Vec<String>,
}

impl Call<'_> {
    /// `Dimension('order__status').grain('day')` is `order__status__day`.
    fn column(mut self) -> Option<String> {
        let kind = self.word()?;
        let arguments = self.arguments()?;
        let named = |name: &str| arguments.iter().find(|argument| argument.name.as_deref() == Some(name));
        let at = |place: usize| arguments.get(place).filter(|argument| argument.name.is_none());
        let one = |argument: Option<&Argument>| argument.and_then(|argument| argument.value.first().cloned());
        let name = one(at(0).or_else(|| named("name")))?;
        let (path_at, grain_at) = match kind.as_str() {
            "Dimension" | "Entity" => (1, None),
            "TimeDimension" => (2, Some(1)),
            "Metric" => (usize::MAX, None),
            _ => return None,
        };
        let path = at(path_at).or_else(|| named("entity_path")).map_or(&[][..], |argument| &argument.value);
        let mut parts: Vec<String> = path.to_vec();
        parts.push(name);
        let mut suffix = grain_at.and_then(|place| one(at(place).or_else(|| named("time_granularity_name"))));
        while self.eat('.') {
            let method = self.word()?;
            let value = one(self.arguments()?.first());
            match method.as_str() {
                "grain" | "date_part" if kind != "Metric" && kind != "Entity" => suffix = Some(value?),
                "descending" => {}
                _ => return None,
            }
        }
        parts.extend(suffix.map(|suffix| suffix.to_lowercase()));
        self.rest.trim().is_empty().then(|| parts.join("__"))
    }

    fn eat(&mut self, letter: char) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(letter) else { return false };
        self.rest = rest;
        true
    }

    fn word(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_')).unwrap_or(rest.len());
        self.rest = &rest[end..];
        (end > 0).then(|| rest[..end].to_owned())
    }

    fn arguments(&mut self) -> Option<Vec<Argument>> {
        let mut found = Vec::new();
        if !self.eat('(') {
            return None;
        }
        while !self.eat(')') {
            let before = self.rest;
            let name = self.word().filter(|_| self.eat('='));
            if name.is_none() {
                self.rest = before;
            }
            found.push(Argument { name, value: self.value()? });
            if !self.eat(',') && !self.rest.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(found)
    }

    /// A text, a list of texts, or a bare word such as `True`.
    fn value(&mut self) -> Option<Vec<String>> {
        if self.eat('[') {
            let mut items = Vec::new();
            while !self.eat(']') {
                items.push(self.quoted()?);
                if !self.eat(',') && !self.rest.trim_start().starts_with(']') {
                    return None;
                }
            }
            return Some(items);
        }
        self.quoted().or_else(|| self.word()).map(|text| vec![text])
    }

    fn quoted(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let end = rest[1..].find(quote)?;
        let found = rest[1..=end].to_owned();
        self.rest = &rest[end + 2..];
        Some(found)
    }
}
