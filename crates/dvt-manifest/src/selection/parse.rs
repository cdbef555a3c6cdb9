//! From the words of `--select` to criteria.

use dvt_diagnostics::did_you_mean;

/// One criterion: a method and its value, with graph operators around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// As it was written, for messages.
    pub raw: String,
    pub method: Method,
    pub value: String,
    /// `@x`: x, all that depends on it, and all that those depend on.
    pub childrens_parents: bool,
    /// `+x` or `2+x`.
    pub parents: Option<Depth>,
    /// `x+` or `x+2`.
    pub children: Option<Depth>,
}

/// How far a graph operator reaches; `None` is all the way.
pub type Depth = Option<usize>;

/// How a criterion finds its nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    Fqn,
    Tag,
    Group,
    Access,
    Source,
    Path,
    File,
    Package,
    /// `config.materialized`, `config.meta.owner`: the way into the config.
    Config(Vec<String>),
    ResourceType,
    TestType,
    TestName,
    Exposure,
    UnitTest,
    Version,
    Metric,
    SemanticModel,
    SavedQuery,
}

/// Criteria combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionSpec {
    Criterion(Criterion),
    Union(Vec<SelectionSpec>),
    Intersection(Vec<SelectionSpec>),
}

/// What the user asked for makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("`{method}` is not a selection method (in `{raw}`)")]
    UnknownMethod { raw: String, method: String, nearest: Option<&'static str> },
    #[error("`{raw}` selects by {method}, which needs the artifacts of an earlier run")]
    NeedsState { raw: String, method: String },
    #[error("`{raw}` has both `@` and a `+` behind it: `@` already takes all children")]
    AtWithChildren { raw: String },
    #[error("`{raw}` selects by {method} without saying what for")]
    NoValue { raw: String, method: String },
    #[error("`{value}` is not a value of {method} (in `{raw}`): {known}")]
    UnknownValue { raw: String, method: &'static str, value: String, known: &'static str },
    #[error("`{raw}` names a source with more than the three parts package, source and table")]
    SourceParts { raw: String },
    #[error("`{raw}` is not a valid path pattern: {reason}")]
    PathPattern { raw: String, reason: String },
    #[error("`{raw}` reaches further than a number can say")]
    Depth { raw: String },
}

impl SelectionError {
    /// What to do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownMethod { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}:`?")),
            Self::UnknownMethod { nearest: None, .. } => Some(format!("the methods are {}", METHODS.join(", "))),
            Self::NeedsState { .. } => Some("select by name, tag or path instead".to_owned()),
            Self::AtWithChildren { .. } => Some("take one of the two away".to_owned()),
            _ => None,
        }
    }
}

const METHODS: [&str; 21] = [
    "access",
    "config",
    "exposure",
    "file",
    "fqn",
    "group",
    "metric",
    "package",
    "path",
    "resource_type",
    "result",
    "saved_query",
    "semantic_model",
    "source",
    "source_status",
    "state",
    "tag",
    "test_name",
    "test_type",
    "unit_test",
    "version",
];

impl SelectionSpec {
    /// The words of one or more `--select` arguments: blanks unite, commas intersect.
    ///
    /// # Errors
    /// The first word that is no criterion.
    pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Self, SelectionError> {
        let mut union = Vec::new();
        for word in arguments.iter().flat_map(|argument| argument.as_ref().split_whitespace()) {
            let mut parts = word
                .split(',')
                .map(|part| Criterion::parse(part).map(SelectionSpec::Criterion))
                .collect::<Result<Vec<_>, _>>()?;
            union.push(match parts.len() {
                1 => parts.remove(0),
                _ => SelectionSpec::Intersection(parts),
            });
        }
        Ok(Self::Union(union))
    }
}

impl Criterion {
    /// One criterion: `@`, or `+` with an optional number; a method and a colon; the value; `+` with an optional number.
    ///
    /// # Errors
    /// An unknown method, `@` together with children, a depth that is no number.
    pub fn parse(raw: &str) -> Result<Self, SelectionError> {
        let (childrens_parents, rest) = match raw.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let depth = |digits: &str| -> Result<Depth, SelectionError> {
            if digits.is_empty() {
                return Ok(None);
            }
            digits.parse().map(Some).map_err(|_| SelectionError::Depth { raw: raw.to_owned() })
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (parents, rest) = match rest[digits..].strip_prefix('+') {
            Some(after) => (Some(depth(&rest[..digits])?), after),
            None => (None, rest),
        };
        let (method_text, rest) = match rest.split_once(':') {
            Some((method, value))
                if !method.is_empty()
                    && method
                        .chars()
                        .all(|character| character.is_alphanumeric() || matches!(character, '_' | '.')) =>
            {
                (Some(method), value)
            }
            _ => (None, rest),
        };
        let trailing = rest.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (children, value) = match rest[..rest.len() - trailing].strip_suffix('+') {
            Some(before) => (Some(depth(&rest[rest.len() - trailing..])?), before),
            None => (None, rest),
        };
        if childrens_parents && children.is_some() {
            return Err(SelectionError::AtWithChildren { raw: raw.to_owned() });
        }
        let method = match method_text {
            Some(text) => Method::parse(raw, text)?,
            None => Method::of_value(value),
        };
        Ok(Self { raw: raw.to_owned(), method, value: value.to_owned(), childrens_parents, parents, children })
    }
}

impl Method {
    fn parse(raw: &str, text: &str) -> Result<Self, SelectionError> {
        let (name, arguments) = match text.split_once('.') {
            Some((name, rest)) => (name, rest.split('.').map(str::to_owned).collect()),
            None => (text, Vec::new()),
        };
        Ok(match name {
            "fqn" => Self::Fqn,
            "tag" => Self::Tag,
            "group" => Self::Group,
            "access" => Self::Access,
            "source" => Self::Source,
            "path" => Self::Path,
            "file" => Self::File,
            "package" => Self::Package,
            "config" if arguments.is_empty() => {
                return Err(SelectionError::NoValue { raw: raw.to_owned(), method: "config".to_owned() });
            }
            "config" => Self::Config(arguments),
            "resource_type" => Self::ResourceType,
            "test_type" => Self::TestType,
            "test_name" => Self::TestName,
            "exposure" => Self::Exposure,
            "unit_test" => Self::UnitTest,
            "version" => Self::Version,
            "metric" => Self::Metric,
            "semantic_model" => Self::SemanticModel,
            "saved_query" => Self::SavedQuery,
            "state" | "result" | "source_status" => {
                return Err(SelectionError::NeedsState { raw: raw.to_owned(), method: name.to_owned() });
            }
            _ => {
                return Err(SelectionError::UnknownMethod {
                    raw: raw.to_owned(),
                    method: name.to_owned(),
                    nearest: did_you_mean(name, METHODS),
                });
            }
        })
    }

    /// dbt's guess for a bare word: a path, a file name, or a name.
    fn of_value(value: &str) -> Self {
        let is_file = |extension: &str| value.len() > extension.len() && value.to_lowercase().ends_with(extension);
        if value.contains(std::path::MAIN_SEPARATOR) || value.contains('/') {
            Self::Path
        } else if is_file(".sql") || is_file(".py") || is_file(".csv") {
            Self::File
        } else {
            Self::Fqn
        }
    }
}
