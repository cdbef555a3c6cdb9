//! Seeds: CSV files as dbt reads them, typed by looking at every value, streamed as Arrow.
//!
//! In: a file and the seed's config. Out: a [`SeedFile`] (columns, row count) after a first pass, and its rows as batches
//! after a second. Memory holds one batch at a time. A problem names the file and the line.
//!
//! Source: dbt docs, "Seed configurations"; the order of types and the words for NULL are those of dbt's seed reader.

mod blank_lines;
mod exact;
mod fit;
mod infer;
mod rows;
mod values;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

pub(crate) use fit::cast_type;
pub(crate) use infer::{SeedFile, read_seed};
pub(crate) use rows::{collect_batches, stream_rows};
pub(crate) use values::Kind;

use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// How a seed's file is to be read.
#[derive(Clone, Debug)]
pub(crate) struct SeedOptions {
    pub(crate) path: PathBuf,
    /// The path as messages show it.
    pub(crate) shown_path: String,
    pub(crate) delimiter: u8,
    /// `column_types`: name to the engine's type text. These columns are read as text.
    pub(crate) column_types: IndexMap<String, String>,
}

/// Why a seed cannot be read. `line` counts from 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("seed `{path}` cannot be read: {cause}")]
    Io { path: String, cause: std::io::Error },

    #[error("seed `{path}` has no header line")]
    NoHeader { path: String },

    #[error("row at line {line} of seed `{path}` has {found} values, but the header names {expected} columns")]
    TooManyValues { path: String, line: u64, found: usize, expected: usize },

    #[error("line {line} of seed `{path}` is not valid UTF-8")]
    NotUtf8 { path: String, line: u64 },

    #[error("column `{column}` of seed `{path}` holds a number with {digits} digits at line {line}; 76 is the most")]
    NumberTooLong { path: String, line: u64, column: String, digits: usize },

    #[error("value `{value}` of column `{column}` at line {line} of seed `{path}` does not fit type {column_type}")]
    DoesNotFit { path: String, line: u64, column: String, column_type: String, value: String },

    #[error("seed `{path}` changed while it was read (line {line}, column `{column}`)")]
    Changed { path: String, line: u64, column: String },

    #[error("`delimiter` of seed `{path}` must be one ASCII character, but it is {found}")]
    Delimiter { path: String, found: String },
}

impl SeedError {
    fn line(&self) -> Option<u64> {
        match self {
            Self::TooManyValues { line, .. }
            | Self::NotUtf8 { line, .. }
            | Self::NumberTooLong { line, .. }
            | Self::DoesNotFit { line, .. }
            | Self::Changed { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// The error at its line of the user's file.
    pub(crate) fn diagnostic(&self, file: &Path, shown_path: &str) -> Diagnostic {
        let mut diagnostic = Diagnostic::error("seed-file", self.to_string());
        if let Some(line) = self.line()
            && let Some(source) = small_file(file, shown_path)
        {
            diagnostic = diagnostic.label(Span::line(&source, usize::try_from(line).unwrap_or(usize::MAX)), "");
        }
        match self {
            Self::TooManyValues { .. } => diagnostic.help("quote a value that contains the delimiter"),
            Self::NumberTooLong { column, .. } => {
                diagnostic.help(format!("give `{column}` a text type in `column_types`"))
            }
            Self::DoesNotFit { column, .. } => {
                diagnostic.help(format!("correct the value, or give `{column}` another type in `column_types`"))
            }
            Self::NotUtf8 { .. } => diagnostic.help("save the file as UTF-8"),
            _ => diagnostic,
        }
    }
}

/// The file's text for a message; nothing for a file too large to be shown from.
pub(crate) fn small_file(file: &Path, shown_path: &str) -> Option<std::sync::Arc<SourceFile>> {
    const LARGEST: u64 = 8 << 20;
    let metadata = std::fs::metadata(file).ok()?;
    if metadata.len() > LARGEST {
        return None;
    }
    let bytes = std::fs::read(file).ok()?;
    Some(SourceFile::new(shown_path, String::from_utf8_lossy(&bytes)))
}
