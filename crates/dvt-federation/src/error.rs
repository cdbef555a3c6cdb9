//! Why a query could not be planned, with the place in its SQL.

use std::ops::Range;

/// A place in the compiled SQL, both counted from 1 (columns in characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    pub line: usize,
    pub column: usize,
}

/// Why a query cannot be federated. Every variant names the user's own thing.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the SQL cannot be parsed as {dialect}: {message}")]
    Syntax { dialect: &'static str, message: String, location: Option<Location> },

    #[error("a model is one query, and this is {found}")]
    NotAQuery { found: String },

    #[error("relation `{name}` is not known")]
    UnknownRelation { name: String, known: Vec<String>, location: Option<Location> },

    #[error("column `{name}` does not exist{}", relation.as_ref().map(|relation| format!(" in {relation}")).unwrap_or_default())]
    UnknownColumn { name: String, relation: Option<String>, known: Vec<String>, location: Option<Location> },

    #[error("column `{name}` is ambiguous")]
    AmbiguousColumn { name: String, location: Option<Location> },

    #[error("function `{name}` of {dialect} has no translation with the same meaning")]
    UnknownFunction { name: String, dialect: &'static str, suggestion: Option<String>, location: Option<Location> },

    #[error("{construct} is not supported in a query across connections")]
    Unsupported { construct: String, hint: Option<String>, location: Option<Location> },

    #[error("column `{column}` of {relation} cannot be read: {reason}")]
    UnreadableColumn { column: String, relation: String, reason: String },

    #[error("{message}")]
    Invalid { message: String, location: Option<Location> },
}

impl PlanError {
    /// The place in the compiled SQL, when it is known.
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        match self {
            Self::Syntax { location, .. }
            | Self::UnknownRelation { location, .. }
            | Self::UnknownColumn { location, .. }
            | Self::AmbiguousColumn { location, .. }
            | Self::UnknownFunction { location, .. }
            | Self::Unsupported { location, .. }
            | Self::Invalid { location, .. } => *location,
            Self::NotAQuery { .. } | Self::UnreadableColumn { .. } => None,
        }
    }

    /// The bytes of the compiled SQL that are wrong: the identifier or word at [`PlanError::location`].
    #[must_use]
    pub fn range(&self, sql: &str) -> Option<Range<usize>> {
        let location = self.location()?;
        let mut start = 0;
        for _ in 1..location.line {
            start += sql.get(start..)?.find('\n')? + 1;
        }
        let line = sql.get(start..)?.lines().next().unwrap_or_default();
        let start = start + line.char_indices().nth(location.column.checked_sub(1)?).map_or(line.len(), |(at, _)| at);
        let rest = sql.get(start..)?;
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '"' | '`' | '$');
        let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len()).max(1);
        Some(start..(start + length).min(sql.len()))
    }

    /// The stable id of the diagnostic.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "sql-syntax",
            Self::NotAQuery { .. } => "not-a-query",
            Self::UnknownRelation { .. } => "unknown-relation",
            Self::UnknownColumn { .. } => "unknown-column",
            Self::AmbiguousColumn { .. } => "ambiguous-column",
            Self::UnknownFunction { .. } => "unknown-function",
            Self::Unsupported { .. } => "unsupported-construct",
            Self::UnreadableColumn { .. } => "unreadable-column",
            Self::Invalid { .. } => "invalid-query",
        }
    }

    /// Facts that help, as notes.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::UnknownColumn { known, relation, .. } if !known.is_empty() => {
                let owner =
                    relation.as_deref().map_or_else(|| "the columns in reach".to_owned(), |_| "its columns".to_owned());
                vec![format!(
                    "{owner} are {}",
                    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
                )]
            }
            Self::UnknownRelation { known, .. } if !known.is_empty() => {
                vec![format!("the query reads {}", known.join(", "))]
            }
            _ => Vec::new(),
        }
    }

    /// What to do, as sentences.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::UnknownColumn { name, known, .. } => {
                let bare = name.rsplit('.').next().unwrap_or(name);
                dvt_diagnostics::did_you_mean(bare, known.iter().map(|known| known.rsplit('.').next().unwrap_or(known)))
                    .map(|known| format!("did you mean `{known}`?"))
                    .into_iter()
                    .collect()
            }
            Self::UnknownFunction { suggestion, .. } => {
                let mut help: Vec<String> =
                    suggestion.iter().map(|suggestion| format!("did you mean `{suggestion}`?")).collect();
                help.push(
                    "compute it in a model on the connection where the data lives, and read that model here".to_owned(),
                );
                help
            }
            Self::Unsupported { hint, .. } => hint.iter().cloned().collect(),
            Self::UnreadableColumn { column, .. } => {
                vec![format!(
                    "cast `{column}` to a supported type in a model on its own connection, or do not select it"
                )]
            }
            _ => Vec::new(),
        }
    }
}
