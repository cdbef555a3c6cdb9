//! A file of the user's as it was read, and a range in it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A file's text with the path a message shows (relative to the project where that is possible).
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub path: String,
    pub text: String,
}

impl SourceFile {
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Line and column of a byte offset, both counted from 1; the column counts characters.
    /// An offset past the end, or inside a character, gives the nearest position before it.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &self.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// Byte offset of a line and column counted from 1; past the end gives the end of the line or text.
    #[must_use]
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let mut start = 0;
        for _ in 1..line {
            match self.text[start..].find('\n') {
                Some(newline) => start += newline + 1,
                None => return self.text.len(),
            }
        }
        let end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        self.text[start..end].char_indices().nth(column.saturating_sub(1)).map_or(end, |(index, _)| start + index)
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path, self.text.len())
    }
}

/// The smallest text that is wrong: a byte range of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub file: Arc<SourceFile>,
    pub range: Range<usize>,
}

impl Span {
    #[must_use]
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { file: Arc::clone(file), range }
    }

    /// The whole line (from 1), without its indentation and line end.
    #[must_use]
    pub fn line(file: &Arc<SourceFile>, line: usize) -> Self {
        let start = file.offset(line, 1);
        let end = file.text[start..].find('\n').map_or(file.text.len(), |newline| start + newline);
        let text = &file.text[start..end];
        let indent = text.len() - text.trim_start().len();
        Self::new(file, start + indent..start + text.trim_end().len().max(indent))
    }
}
