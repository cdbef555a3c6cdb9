//! From text to tree: events of the YAML parser, with anchors, merge keys, and bounds against hostile files.

use super::{Entry, Yaml, YamlValue, scalar};
use dvt_diagnostics::{Diagnostic, SourceFile, Span, kinds};
use indexmap::IndexMap;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Deeper nesting is refused: no project needs it, and every walk over the tree recurses.
const MAX_DEPTH: usize = 100;
/// More values than this after aliases are expanded are refused.
const MAX_EXPANDED: usize = 200_000;

/// Reads the one document of a file. An empty file gives `Null`. Duplicate keys are warnings, as in dbt, and the last wins.
///
/// # Errors
/// The first thing that is no YAML, at its place.
pub(crate) fn load_yaml(file: &Arc<SourceFile>, warnings: &mut Vec<Diagnostic>) -> Result<Yaml, Diagnostic> {
    // dbt reads files without the blank space at their end: a last block of text has no newline.
    let text = file.text.trim_end();
    load_text(file, text, warnings).or_else(|error| match with_closed_brackets(text) {
        Some(text) => load_text(file, &text, warnings).map_err(|_| error),
        None => Err(error),
    })
}

/// The same text, as long, with each bracket that closes a list or a dictionary in a line of its own put into the line
/// above: YAML wants it indented, dbt's reader does not. `None` when there is no such line.
fn with_closed_brackets(text: &str) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_changed = false;
    for line in text.split('\n') {
        let closes = line.trim_start().starts_with(['}', ']']);
        match lines.last_mut().filter(|_| closes) {
            Some(above) => {
                *above = without_comment(above);
                above.push(' ');
                above.push_str(line);
                is_changed = true;
            }
            None => lines.push(line.to_owned()),
        }
    }
    is_changed.then(|| lines.join("\n"))
}

/// The line with blanks for its comment.
fn without_comment(line: &str) -> String {
    let mut quote = None;
    let mut before = ' ';
    let mut is_comment = false;
    line.chars()
        .map(|character| {
            match (quote, character) {
                (None, '"' | '\'') => quote = Some(character),
                (Some(open), _) if open == character => quote = None,
                (None, '#') if before.is_whitespace() => is_comment = true,
                _ => {}
            }
            before = character;
            if is_comment { ' ' } else { character }
        })
        .collect()
}

fn load_text(file: &Arc<SourceFile>, text: &str, warnings: &mut Vec<Diagnostic>) -> Result<Yaml, Diagnostic> {
    let mut loader = Loader {
        file,
        offsets: Offsets::new(&file.text),
        stack: Vec::new(),
        anchors: HashMap::new(),
        expanded: 0,
        document: None,
        warnings,
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| loader.syntax_error(&error))?;
        let range = loader.offsets.range(&span);
        loader.take(event, range)?;
    }
    Ok(loader.document.unwrap_or_else(Yaml::null))
}

struct Loader<'a> {
    file: &'a Arc<SourceFile>,
    offsets: Offsets,
    stack: Vec<Open>,
    /// Anchored values, with the number of values in them.
    anchors: HashMap<usize, (Yaml, usize)>,
    expanded: usize,
    document: Option<Yaml>,
    warnings: &'a mut Vec<Diagnostic>,
}

/// A collection that is being read.
struct Open {
    start: usize,
    anchor: usize,
    /// The number of values read before it, for the size of an anchored value.
    expanded_before: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Yaml>),
    Map {
        entries: IndexMap<String, Entry>,
        /// Values of `<<`, in order; they fill in what the map itself does not say.
        merges: Vec<Yaml>,
        key: Option<(Key, Range<usize>)>,
    },
}

enum Key {
    Name(String),
    Merge,
}

impl Loader<'_> {
    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.document.is_some() => Err(Diagnostic::error(
                "yaml-several-documents",
                format!("{} holds more than one YAML document", self.file.path),
            )
            .label(Span::new(self.file, range), "a second document starts here")
            .help("put each document into a file of its own")),
            Event::DocumentStart(_) => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                let range = self.trim(range);
                if self.waits_for_key() {
                    let is_merge = text == "<<" && style == ScalarStyle::Plain && tag.is_none();
                    let key = if is_merge { Key::Merge } else { Key::Name(text.into_owned()) };
                    return self.set_key(key, range);
                }
                let is_last = range.end >= self.file.text.trim_end().len();
                let text = match style {
                    // The parser ends a last block of text with a newline that is not there.
                    ScalarStyle::Literal | ScalarStyle::Folded if is_last => {
                        text.trim_end_matches('\n').to_owned().into()
                    }
                    _ => text,
                };
                let value = self.scalar(text, style, tag, &range)?;
                self.close_value(Yaml { value, range }, anchor, 1)
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Diagnostic::error(
                        "yaml-recursive-alias",
                        "an alias points into the value that holds it",
                    )
                    .label(Span::new(self.file, range), "this alias"));
                };
                if self.waits_for_key() {
                    let Some(name) = value.scalar_text() else {
                        return Err(self.key_is_no_scalar(range));
                    };
                    return self.set_key(Key::Name(name), range);
                }
                self.count(size, &range)?;
                self.close_value(value, 0, 0)
            }
            Event::SequenceStart(anchor, _) => self.open(range, anchor, OpenContent::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.open(range, anchor, OpenContent::Map { entries: IndexMap::new(), merges: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
        }
    }

    fn open(&mut self, range: Range<usize>, anchor: usize, content: OpenContent) -> Result<(), Diagnostic> {
        if self.waits_for_key() {
            return Err(self.key_is_no_scalar(range));
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(Diagnostic::error(
                "yaml-too-deep",
                format!("values are nested more than {MAX_DEPTH} levels deep"),
            )
            .label(Span::new(self.file, range), "the level that is too deep"));
        }
        self.stack.push(Open { start: range.start, anchor, expanded_before: self.expanded, content });
        Ok(())
    }

    fn close(&mut self, range: Range<usize>) -> Result<(), Diagnostic> {
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let value = match open.content {
            OpenContent::List(items) => YamlValue::List(items),
            OpenContent::Map { entries, merges, .. } => YamlValue::Map(self.merge(entries, merges)?),
        };
        let range = self.trim(open.start..range.end.max(open.start));
        let size = self.expanded - open.expanded_before + 1;
        let anchor = open.anchor;
        self.count(1, &range)?;
        let value = Yaml { value, range };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), size));
        }
        self.place(value)
    }

    fn close_value(&mut self, value: Yaml, anchor: usize, size: usize) -> Result<(), Diagnostic> {
        self.count(size, &value.range)?;
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), 1));
        }
        self.place(value)
    }

    /// Puts a finished value where it belongs: the list, the map entry, or the document.
    fn place(&mut self, value: Yaml) -> Result<(), Diagnostic> {
        let Some(open) = self.stack.last_mut() else {
            self.document = Some(value);
            return Ok(());
        };
        match &mut open.content {
            OpenContent::List(items) => items.push(value),
            OpenContent::Map { entries, merges, key } => match key.take() {
                Some((Key::Merge, _)) => merges.push(value),
                Some((Key::Name(name), key_range)) => {
                    if let Some(earlier) = entries.get(&name) {
                        let (line, column) = self.file.line_column(key_range.start);
                        // dbt counts without the empty lines at the start of a file.
                        let line = line - blank_lines_at_start(&self.file.text);
                        let place = format!("in \"<unicode string>\", line {line}, column {column}");
                        let description = format!("Duplicate key '{name}' {place}");
                        let event = dvt_diagnostics::Event::new(
                            kinds::DUPLICATE_YAML_KEYS_DEPRECATION,
                            format!("{description} in file `{}`", self.file.path),
                        )
                        .with("duplicate_description", description)
                        .with("file", self.file.path.to_string());
                        self.warnings.push(
                            Diagnostic::warning(
                                "yaml-duplicate-key",
                                format!("the key `{name}` stands twice in one dictionary; the last one counts"),
                            )
                            .event(event)
                            .label(Span::new(self.file, key_range.clone()), "again here")
                            .label(Span::new(self.file, earlier.key_range.clone()), "first here"),
                        );
                    }
                    entries.insert(name, Entry { key_range, value });
                }
                None => {}
            },
        }
        Ok(())
    }

    /// YAML's merge key: what a map says itself wins, and of several merged maps the first.
    fn merge(
        &self,
        mut entries: IndexMap<String, Entry>,
        merges: Vec<Yaml>,
    ) -> Result<IndexMap<String, Entry>, Diagnostic> {
        if merges.is_empty() {
            return Ok(entries);
        }
        for merged in merges {
            let range = merged.range.clone();
            let sources = match merged.value {
                YamlValue::List(items) => items,
                _ => vec![merged],
            };
            for source in sources {
                let YamlValue::Map(source) = source.value else {
                    return Err(Diagnostic::error("yaml-merge", "`<<` merges dictionaries only")
                        .label(Span::new(self.file, range), "this is no dictionary"));
                };
                for (key, entry) in source {
                    entries.entry(key).or_insert(entry);
                }
            }
        }
        Ok(entries)
    }

    fn waits_for_key(&self) -> bool {
        matches!(self.stack.last(), Some(Open { content: OpenContent::Map { key: None, .. }, .. }))
    }

    fn set_key(&mut self, name: Key, range: Range<usize>) -> Result<(), Diagnostic> {
        if let Some(Open { content: OpenContent::Map { key, .. }, .. }) = self.stack.last_mut() {
            *key = Some((name, range));
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        range: &Range<usize>,
    ) -> Result<YamlValue, Diagnostic> {
        let Some(tag) = tag else {
            return Ok(match style {
                ScalarStyle::Plain => scalar::resolve(&text),
                _ => YamlValue::Text(text.into_owned()),
            });
        };
        let wrong = |expected: &str| {
            Diagnostic::error("yaml-tag", format!("`{text}` is not {expected}"))
                .label(Span::new(self.file, range.clone()), "its tag asks for another type")
        };
        let suffix = if tag.is_yaml_core_schema() { tag.suffix.as_str() } else { "?" };
        match suffix {
            "str" => Ok(YamlValue::Text(text.into_owned())),
            "null" => Ok(YamlValue::Null),
            "bool" => scalar::boolean(&text).map(YamlValue::Bool).ok_or_else(|| wrong("a boolean")),
            "int" => scalar::integer(&text).map(YamlValue::Number).ok_or_else(|| wrong("an integer")),
            "float" => scalar::float(&text)
                .or_else(|| scalar::integer(&text))
                .map(YamlValue::Number)
                .ok_or_else(|| wrong("a float")),
            _ => Err(Diagnostic::error(
                "yaml-tag",
                format!("the YAML tag `{}{}` means nothing here", tag.handle, tag.suffix),
            )
            .label(Span::new(self.file, range.clone()), "tagged value")
            .help("quote the value if it is meant as text")),
        }
    }

    fn count(&mut self, values: usize, range: &Range<usize>) -> Result<(), Diagnostic> {
        self.expanded = self.expanded.saturating_add(values);
        if self.expanded > MAX_EXPANDED {
            return Err(Diagnostic::error(
                "yaml-too-large",
                format!("{} grows to more than {MAX_EXPANDED} values when its aliases are expanded", self.file.path),
            )
            .label(Span::new(self.file, range.clone()), "the expansion passes the bound here"));
        }
        Ok(())
    }

    fn key_is_no_scalar(&self, range: Range<usize>) -> Diagnostic {
        Diagnostic::error("yaml-key", "the key of a dictionary must be a text")
            .label(Span::new(self.file, range), "this is a collection")
            .help("Jinja in YAML stands in quotes: `\"{{ var('x') }}\"`")
    }

    fn syntax_error(&self, error: &saphyr_parser::ScanError) -> Diagnostic {
        let marker = error.marker();
        let is_too_deep = error.info().contains("recursion limit");
        let line = marker.line().max(1);
        let offset = self.file.offset(line, marker.col() + 1);
        let text = &self.file.text;
        let line_start = self.file.offset(line, 1);
        let line_end = text[line_start..].find('\n').map_or(text.len(), |newline| line_start + newline);
        let indentation = text[line_start..line_end].len() - text[line_start..line_end].trim_start().len();
        let tab = text[line_start..line_start + indentation].find('\t');
        let range = match tab {
            Some(tab) => line_start + tab..line_start + tab + 1,
            None => offset..text[offset..].chars().next().map_or(offset, |next| offset + next.len_utf8()),
        };
        if is_too_deep {
            return Diagnostic::error("yaml-too-deep", format!("values in {} are nested too deep", self.file.path))
                .label(Span::new(self.file, range), "the level that is too deep");
        }
        let mut diagnostic =
            Diagnostic::error("yaml-syntax", format!("{} is not valid YAML: {}", self.file.path, error.info()))
                .label(Span::new(self.file, range), "the reader stopped here");
        if tab.is_some() {
            diagnostic = diagnostic.help("indent with spaces: YAML allows no tabs there");
        } else if text[line_start..line_end].contains("{{") {
            diagnostic = diagnostic.help("Jinja in YAML stands in quotes: `\"{{ var('x') }}\"`");
        }
        diagnostic
    }

    /// The range without the blanks at its end (block collections end where the next token starts).
    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let Some(text) = self.file.text.get(range.clone()) else { return range };
        range.start..range.start + text.trim_end().len()
    }
}

fn blank_lines_at_start(text: &str) -> usize {
    text[..text.len() - text.trim_start().len()].matches('\n').count()
}

/// From the parser's positions in characters to bytes.
struct Offsets {
    /// Byte offset of each character, and the length; `None` for ASCII text, where they are the same.
    bytes: Option<Vec<u32>>,
    length: usize,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| {
            text.char_indices()
                .map(|(offset, _)| u32::try_from(offset).unwrap_or(u32::MAX))
                .chain([u32::try_from(text.len()).unwrap_or(u32::MAX)])
                .collect()
        });
        Self { bytes, length: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).map_or(self.length, |&offset| offset as usize),
            None => character.min(self.length),
        }
    }

    fn range(&self, span: &saphyr_parser::Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}
