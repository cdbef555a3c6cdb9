//! What a selection says: criteria, and how they are combined.

use super::parse::{Criterion, SelectionError};

/// Which tests of selected nodes come along although nobody named them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndirectSelection {
    /// A test of any selected node.
    #[default]
    Eager,
    /// A test all of whose inputs are selected.
    Cautious,
    /// A test whose inputs are selected or upstream of what is selected.
    Buildable,
    /// None.
    Empty,
}

impl IndirectSelection {
    /// dbt's word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

/// Criteria combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionSpec {
    Criterion(Criterion),
    Group(SelectionGroup),
}

/// Several selections as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionGroup {
    pub operation: SetOperation,
    pub parts: Vec<SelectionSpec>,
    /// Whether tests that were only kept in mind are looked at again once the parts are combined, by the mode that the
    /// command asks for. dbt does so for the words of the command line and not for `selectors.yml`.
    pub incorporates: bool,
    /// The word as it was written, where a group that matches nothing is worth a warning.
    pub expected: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOperation {
    Union,
    Intersection,
    /// The first part without the others.
    Difference,
}

impl SelectionSpec {
    /// A group of `selectors.yml`.
    pub(super) fn group(operation: SetOperation, parts: Vec<SelectionSpec>) -> Self {
        Self::Group(SelectionGroup { operation, parts, incorporates: false, expected: None })
    }

    /// The words of one or more `--select` arguments: blanks unite, commas intersect.
    ///
    /// # Errors
    /// The first word that is no criterion.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Self, SelectionError> {
        let mut union = Vec::new();
        for word in arguments.iter().flat_map(|argument| argument.as_ref().split(' ')) {
            let parts = word
                .split(',')
                .map(|part| Criterion::parse(part).map(Self::Criterion))
                .collect::<Result<Vec<_>, _>>()?;
            union.push(Self::Group(SelectionGroup {
                operation: SetOperation::Intersection,
                parts,
                incorporates: true,
                expected: Some(word.to_owned()),
            }));
        }
        Ok(Self::Group(SelectionGroup {
            operation: SetOperation::Union,
            parts: union,
            incorporates: true,
            expected: None,
        }))
    }
}
