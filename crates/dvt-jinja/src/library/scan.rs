//! Finds the blocks at the top of a file (`macro`, `test`, `materialization`, `snapshot`, `docs`) without parsing what
//! is between them, as dbt does: `macro_sql` is the text from tag to tag.

use std::ops::Range;

/// A block from its opening to its closing tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: &'static str,
    /// The whole block with its tags.
    pub(crate) whole: Range<usize>,
    /// The same with the blank space that `{%-` before it and `-%}` behind it take away: dbt's `macro_sql`.
    pub(crate) trimmed: Range<usize>,
    /// What stands between the keyword and the end of the opening tag.
    pub(crate) header: Range<usize>,
    /// What stands between the tags, with blank space removed where the tags ask for it.
    pub(crate) body: Range<usize>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanError {
    pub(crate) message: String,
    pub(crate) range: Range<usize>,
}

/// A `{% … %}` tag.
struct Tag<'a> {
    range: Range<usize>,
    keyword: &'a str,
    /// After the keyword, before the end marker.
    rest: Range<usize>,
    trims_before: bool,
    trims_after: bool,
}

/// The blocks whose keywords are in `kinds`, in order. Other tags and text between blocks are passed over.
pub(crate) fn blocks(text: &str, kinds: &[&'static str]) -> Result<Vec<Block>, ScanError> {
    let mut blocks = Vec::new();
    let mut position = 0;
    while let Some(tag) = next_tag(text, position)? {
        let before = position;
        position = tag.range.end;
        let Some(kind) = kinds.iter().copied().find(|kind| *kind == tag.keyword) else {
            continue;
        };
        let end_keyword = end_keyword(kind);
        let mut depth = 1;
        let end = loop {
            let Some(inner) = next_tag(text, position)? else {
                return Err(ScanError {
                    message: format!("`{{% {kind} %}}` is not closed: `{{% {end_keyword} %}}` is missing"),
                    range: tag.range,
                });
            };
            position = inner.range.end;
            if inner.keyword == end_keyword {
                depth -= 1;
                if depth == 0 {
                    break inner;
                }
            } else if inner.keyword == kind && kind == "macro" {
                depth += 1;
            }
        };
        let mut body = tag.range.end..end.range.start;
        if tag.trims_after {
            body.start += text[body.clone()].len() - text[body.clone()].trim_start().len();
        }
        if end.trims_before {
            body.end = body.start + text[body.clone()].trim_end().len();
        }
        let mut trimmed = tag.range.start..end.range.end;
        if tag.trims_before {
            // dbt reads the file without the blank space around it.
            let before = before.max(text.len() - text.trim_start().len());
            trimmed.start = before + text[before..trimmed.start].trim_end().len();
        }
        if end.trims_after {
            let rest = &text[trimmed.end..];
            position = trimmed.end + rest.len() - rest.trim_start().len();
            trimmed.end = position.min(text.trim_end().len());
        }
        blocks.push(Block { kind, whole: tag.range.start..end.range.end, trimmed, header: tag.rest, body });
    }
    Ok(blocks)
}

/// The tags at the top of a file that open no block of these kinds, with their keywords: nothing comes of them.
pub(crate) fn stray_tags(text: &str, kinds: &[&str]) -> Vec<(String, Range<usize>)> {
    let mut stray = Vec::new();
    let mut open: Option<(String, usize)> = None;
    let mut position = 0;
    // What is wrong with the file is said when its blocks are read.
    while let Ok(Some(tag)) = next_tag(text, position) {
        position = tag.range.end;
        open = match open {
            Some((kind, depth)) if tag.keyword == end_keyword(&kind) => (depth > 1).then(|| (kind, depth - 1)),
            Some((kind, depth)) if tag.keyword == kind && kind == "macro" => Some((kind, depth + 1)),
            Some(block) => Some(block),
            None if kinds.contains(&tag.keyword) => Some((tag.keyword.to_owned(), 1)),
            None => {
                stray.push((tag.keyword.to_owned(), tag.range));
                None
            }
        };
    }
    stray
}

fn end_keyword(kind: &str) -> String {
    format!("end{kind}")
}

/// The next block tag from `position` on; comments, expressions and raw blocks are passed over.
fn next_tag(text: &str, mut position: usize) -> Result<Option<Tag<'_>>, ScanError> {
    loop {
        let Some(found) = text[position..].find('{') else {
            return Ok(None);
        };
        let start = position + found;
        let rest = &text[start..];
        if rest.starts_with("{#") {
            let Some(end) = rest.find("#}") else {
                return Err(ScanError {
                    message: "comment is not closed: `#}` is missing".to_owned(),
                    range: start..start + 2,
                });
            };
            position = start + end + 2;
        } else if rest.starts_with("{{") {
            position = end_of_expression(text, start, "}}")?;
        } else if rest.starts_with("{%") {
            let end = end_of_expression(text, start, "%}")?;
            let tag = read_tag(text, start..end);
            if tag.keyword == "raw" {
                position = end_of_raw(text, &tag)?;
                continue;
            }
            return Ok(Some(tag));
        } else {
            position = start + 1;
        }
    }
}

fn read_tag(text: &str, range: Range<usize>) -> Tag<'_> {
    // A tag has both its marks; what is between them may be nothing.
    let inner = text.get(range.start + 2..range.end - 2).unwrap_or_default();
    let trims_before = inner.starts_with('-');
    let trims_after = inner.ends_with('-') && inner.len() > 1;
    let start = range.start + 2 + usize::from(inner.starts_with(['-', '+']));
    let end = range.end - 2 - usize::from(inner.len() > 1 && inner.ends_with(['-', '+']));
    let content = &text[start..end.max(start)];
    let leading = content.len() - content.trim_start().len();
    let word = content.trim_start();
    let length = word.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(word.len());
    let keyword_start = start + leading;
    Tag {
        keyword: &text[keyword_start..keyword_start + length],
        rest: keyword_start + length..end.max(keyword_start + length),
        range,
        trims_before,
        trims_after,
    }
}

/// The offset behind the end marker of a tag or expression; markers inside string literals do not count.
fn end_of_expression(text: &str, start: usize, marker: &str) -> Result<usize, ScanError> {
    let bytes = text.as_bytes();
    let mut position = start + 2;
    let mut braces = 0usize;
    while position < bytes.len() {
        match bytes[position] {
            quote @ (b'\'' | b'"') => {
                let opening = position;
                position += 1;
                while position < bytes.len() && bytes[position] != quote {
                    position += if bytes[position] == b'\\' { 2 } else { 1 };
                }
                if position >= bytes.len() {
                    return Err(ScanError {
                        message: "string literal is not closed".to_owned(),
                        range: opening..opening + 1,
                    });
                }
                position += 1;
            }
            b'{' => {
                braces += 1;
                position += 1;
            }
            b'}' if braces > 0 => {
                braces -= 1;
                position += 1;
            }
            _ if text.is_char_boundary(position) && text[position..].starts_with(marker) => {
                return Ok(position + marker.len());
            }
            _ => position += 1,
        }
    }
    Err(ScanError { message: format!("`{marker}` is missing"), range: start..start + 2 })
}

fn end_of_raw(text: &str, tag: &Tag<'_>) -> Result<usize, ScanError> {
    let mut position = tag.range.end;
    while let Some(found) = text[position..].find("{%") {
        let start = position + found;
        let inner = text[start + 2..].trim_start_matches(['-', '+']).trim_start();
        if let Some(after) = inner.strip_prefix("endraw")
            && let Some(end) = after.find("%}")
        {
            return Ok(text.len() - after.len() + end + 2);
        }
        position = start + 2;
    }
    Err(ScanError {
        message: "`{% raw %}` is not closed: `{% endraw %}` is missing".to_owned(),
        range: tag.range.clone(),
    })
}

/// The innermost block tag that has no end, and its keyword.
pub(crate) fn unclosed_tag(text: &str) -> Option<(Range<usize>, &str)> {
    const BLOCKS: &[&str] = &["if", "for", "macro", "call", "filter", "set", "with", "block", "autoescape"];
    let mut open: Vec<(Range<usize>, &str)> = Vec::new();
    let mut position = 0;
    while let Ok(Some(tag)) = next_tag(text, position) {
        position = tag.range.end;
        if let Some(ended) = tag.keyword.strip_prefix("end") {
            if open.last().is_some_and(|(_, keyword)| *keyword == ended) {
                open.pop();
            }
        } else if BLOCKS.contains(&tag.keyword) && !(tag.keyword == "set" && text[tag.rest.clone()].contains('=')) {
            open.push((tag.range, tag.keyword));
        }
    }
    open.pop()
}

/// Changes to a text that let minijinja's parser take what Jinja takes: `{% do expression %}` becomes an assignment to
/// an unused name, and `value[a, b]` becomes `value[(a, b)]`. Ranges are in order and do not overlap.
pub(crate) fn jinja_forms(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut edits = Vec::new();
    let mut position = 0;
    while let Some(found) = text[position..].find('{') {
        let start = position + found;
        let rest = &text[start..];
        if rest.starts_with("{#") {
            position = rest.find("#}").map_or(text.len(), |end| start + end + 2);
            continue;
        }
        let marker = match rest.get(..2) {
            Some("{{") => "}}",
            Some("{%") => "%}",
            _ => {
                position = start + 1;
                continue;
            }
        };
        let Ok(end) = end_of_expression(text, start, marker) else {
            return edits;
        };
        position = end;
        if marker == "%}" {
            let tag = read_tag(text, start..end);
            if tag.keyword == "raw" {
                position = end_of_raw(text, &tag).unwrap_or(text.len());
                continue;
            }
            if tag.keyword == "do" {
                edits.push((tag.rest.start - 2..tag.rest.start, "set __dvt_done ="));
            }
        }
        let first = edits.len();
        tuple_subscripts(text, start + 2..end - 2, &mut edits);
        wide_blanks(text, start + 2..end - 2, &mut edits);
        plus_signs(text, start + 2..end - 2, &mut edits);
        edits[first..].sort_by_key(|(range, _)| range.start);
    }
    edits
}

/// Finds the signs of positive numbers (`+1`), inside of one tag and outside of texts. One at either end of the tag is about
/// blanks around it.
fn plus_signs(text: &str, range: Range<usize>, edits: &mut Vec<(Range<usize>, &'static str)>) {
    let inner = &text[range.clone()];
    let mut quote = None;
    let mut is_escaped = false;
    for (place, character) in inner.char_indices() {
        match quote {
            Some(open) => {
                if character == open && !is_escaped {
                    quote = None;
                }
                is_escaped = character == '\\' && !is_escaped;
            }
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character == '+' => {
                let (before, after) = (&inner[..place], &inner[place + 1..]);
                let is_at_an_end = before.is_empty() || after.trim().is_empty();
                if !is_at_an_end && !ends_a_value(before.trim_end()) {
                    edits.push((range.start + place..range.start + place + 1, " "));
                }
            }
            None => {}
        }
    }
}

/// Finds blanks that only Unicode knows, such as one that does not break a line, inside of one tag and outside of texts.
fn wide_blanks(text: &str, range: Range<usize>, edits: &mut Vec<(Range<usize>, &'static str)>) {
    let mut quote = None;
    let mut is_escaped = false;
    for (place, character) in text[range.clone()].char_indices() {
        let start = range.start + place;
        match quote {
            Some(open) => {
                if character == open && !is_escaped {
                    quote = None;
                }
                is_escaped = character == '\\' && !is_escaped;
            }
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character.is_whitespace() && !character.is_ascii() => {
                edits.push((start..start + character.len_utf8(), " "));
            }
            None => {}
        }
    }
}

/// Finds subscripts with a comma in them, inside of one tag.
fn tuple_subscripts(text: &str, range: Range<usize>, edits: &mut Vec<(Range<usize>, &'static str)>) {
    /// An open bracket: where, whether it is a subscript, whether a comma was met.
    struct Open(usize, bool, bool);
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let mut position = range.start;
    let mut found = Vec::new();
    while position < range.end {
        let byte = bytes[position];
        match byte {
            b'\'' | b'"' => {
                position += 1;
                while position < range.end && bytes[position] != byte {
                    position += if bytes[position] == b'\\' { 2 } else { 1 };
                }
            }
            b'[' => open.push(Open(position, ends_a_value(&text[range.start..position]), false)),
            b'(' | b'{' => open.push(Open(position, false, false)),
            b',' => {
                if let Some(Open(_, _, has_comma)) = open.last_mut() {
                    *has_comma = true;
                }
            }
            b')' | b']' | b'}' => {
                if let Some(Open(start, true, true)) = open.pop() {
                    found.push((start + 1..start + 1, "("));
                    found.push((position..position, ")"));
                }
            }
            _ => {}
        }
        position += 1;
    }
    found.sort_by_key(|(range, _)| range.start);
    edits.extend(found);
}

/// Whether the text before a `[` ends a value, so that the bracket is a subscript and not a list.
fn ends_a_value(before: &str) -> bool {
    const OPERATORS: &[&str] = &["in", "is", "not", "and", "or", "if", "else", "do", "elif"];
    let word_start = before
        .rfind(|character: char| !character.is_alphanumeric() && character != '_')
        .map_or(0, |index| index + before[index..].chars().next().map_or(1, char::len_utf8));
    let word = &before[word_start..];
    if word.is_empty() { before.ends_with([')', ']', '}', '\'', '"']) } else { !OPERATORS.contains(&word) }
}

/// The docs blocks of a markdown file. What is around and between them is markdown: braces mean nothing there.
pub(crate) fn docs(text: &str) -> Result<Vec<Block>, ScanError> {
    let mut blocks = Vec::new();
    let mut position = 0;
    while let Some(tag) = next_named_tag(text, position, "docs") {
        let Some(end) = next_named_tag(text, tag.range.end, "enddocs") else {
            return Err(ScanError {
                message: "`{% docs %}` is not closed: `{% enddocs %}` is missing".to_owned(),
                range: tag.range,
            });
        };
        position = end.range.end;
        blocks.push(Block {
            kind: "docs",
            whole: tag.range.start..end.range.end,
            trimmed: tag.range.start..end.range.end,
            header: tag.rest,
            body: tag.range.end..end.range.start,
        });
    }
    Ok(blocks)
}

/// The next tag with this keyword, whatever stands before it.
fn next_named_tag<'a>(text: &'a str, position: usize, keyword: &str) -> Option<Tag<'a>> {
    let mut position = position;
    loop {
        let start = position + text[position..].find("{%")?;
        let end = start + 2 + text[start + 2..].find("%}")? + 2;
        let tag = read_tag(text, start..end);
        if tag.keyword == keyword {
            return Some(tag);
        }
        position = start + 2;
    }
}
