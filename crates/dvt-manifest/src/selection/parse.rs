//! From one word of `--select` to a criterion.

use super::spec::IndirectSelection;
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
    /// The tests that come along; `None` for what the command asks for.
    pub indirect: Option<IndirectSelection>,
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
    Function,
    /// What changed since the artifacts of `--state`.
    State,
    /// How nodes ended in the run of `--state`.
    Result,
    /// Which sources have newer data than `--state` knew.
    SourceStatus,
    /// A selector of `selectors.yml`.
    Selector,
}

/// What the user asked for makes no sense. The wording of most is dbt's, which tools look for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("'{method}' is not a valid method name")]
    UnknownMethod { raw: String, method: String, nearest: Option<&'static str> },
    #[error("Invalid selector spec \"{raw}\"")]
    Malformed { raw: String },
    #[error("Invalid node spec {raw} - \"@\" prefix and \"+\" suffix are incompatible")]
    AtWithChildren { raw: String },
    #[error("`{raw}` selects by {method} without saying what for")]
    NoValue { raw: String, method: String },
    #[error("Invalid resource_type selector \"{value}\"")]
    ResourceType { raw: String, value: String },
    #[error("Invalid test type selector {value}: expected \"generic\", \"singular\", \"unit\", or \"data\"")]
    TestType { raw: String, value: String },
    #[error("Invalid version type selector {value}: expected one of: \"latest\", \"prerelease\", \"old\", or \"none\"")]
    Version { raw: String, value: String },
    #[error(
        "Invalid source selector value \"{value}\". Sources must be of the form `${{source_name}}`, `${{source_name}}.${{target_name}}`, or `${{package_name}}.${{source_name}}.${{target_name}}"
    )]
    SourceParts { raw: String, value: String },
    #[error(
        "Invalid {kind} selector value \"{value}\". {title} must be of the form ${{{word}_name}} or ${{{word}_package.{word}_name}}"
    )]
    NameParts { kind: &'static str, title: &'static str, word: &'static str, value: String },
    #[error("Got a state selector method, but no comparison manifest")]
    NoComparisonManifest,
    #[error("Got an invalid selector \"{value}\", expected one of \"{known}\"")]
    UnknownStateCheck { value: String, known: String },
    #[error("No comparison run_results")]
    NoComparisonResults,
    #[error("No previous state comparison freshness results in sources.json")]
    NoPreviousFreshness,
    #[error("No current state comparison freshness results in sources.json")]
    NoCurrentFreshness,
    #[error("Selector '{pattern}' did not match any selector in selectors.yml")]
    NoSuchSelector { pattern: String, known: Vec<String> },
    #[error("Could not find selector named {name}, expected one of [{}]", quoted(known))]
    UnknownSelector { name: String, known: Vec<String> },
    #[error("Circular dependency detected in selector: {name}")]
    CircularSelector { name: String },
    #[error(
        "Breaking Change to Contract Error in model {name} ({path})\n  While comparing to previous project state, dbt detected a breaking change to an enforced contract.\n    - {}\n  Consider making an additive (non-breaking) change instead, if possible.\n  Otherwise, create a new model version: https://docs.getdbt.com/docs/collaborate/govern/model-versions",
        changes.join("\n    - ")
    )]
    BreakingChange { name: String, path: String, changes: Vec<String> },
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

impl SelectionError {
    /// What to do next, as a sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownMethod { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}:`?")),
            Self::UnknownMethod { nearest: None, .. } => Some(format!("the methods are {}", METHODS.join(", "))),
            Self::AtWithChildren { .. } => Some("`@` already takes all children: take one of the two away".to_owned()),
            Self::NoComparisonManifest => {
                Some("name the folder with an earlier run's manifest.json with `--state`".to_owned())
            }
            Self::NoComparisonResults => {
                Some("name the folder with an earlier run's run_results.json with `--state`".to_owned())
            }
            Self::NoPreviousFreshness => {
                Some("name the folder with an earlier `source freshness`'s sources.json with `--state`".to_owned())
            }
            Self::NoCurrentFreshness => Some("run `dvt source freshness` first".to_owned()),
            Self::NoSuchSelector { pattern: name, known } | Self::UnknownSelector { name, known } => {
                did_you_mean(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"))
            }
            _ => None,
        }
    }
}

const METHODS: [&str; 23] = [
    "access",
    "config",
    "exposure",
    "file",
    "fqn",
    "function",
    "group",
    "metric",
    "package",
    "path",
    "resource_type",
    "result",
    "saved_query",
    "selector",
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

/// A criterion taken apart, each part as it was written. What dbt keeps of a selector in the manifest.
pub(super) struct CriterionText<'a> {
    pub(super) childrens_parents: bool,
    /// The digits before `+`.
    pub(super) parents: Option<&'a str>,
    pub(super) method: Option<&'a str>,
    pub(super) value: &'a str,
    /// The digits after `+`.
    pub(super) children: Option<&'a str>,
}

impl<'a> CriterionText<'a> {
    /// dbt's grammar: `@`, or `+` with an optional number; a method and a colon; the value; `+` with an optional number.
    pub(super) fn of(raw: &'a str) -> Result<Self, SelectionError> {
        if raw.contains('\n') {
            return Err(SelectionError::Malformed { raw: raw.to_owned() });
        }
        let (childrens_parents, rest) = match raw.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (parents, rest) = match rest[digits..].strip_prefix('+') {
            Some(after) => (Some(&rest[..digits]), after),
            None => (None, rest),
        };
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
        let (method, rest) = match rest.split_once(':') {
            Some((method, value)) if !method.is_empty() && method.chars().all(is_word) => (Some(method), value),
            _ => (None, rest),
        };
        let trailing = rest.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (children, value) = match rest[..rest.len() - trailing].strip_suffix('+') {
            Some(before) => (Some(&rest[rest.len() - trailing..]), before),
            None => (None, rest),
        };
        Ok(Self { childrens_parents, parents, method, value, children })
    }

    /// The method's name: as written, or dbt's guess.
    pub(super) fn method_name(&self) -> &str {
        self.method.unwrap_or_else(|| default_method(self.value).0)
    }
}

impl Criterion {
    /// One criterion of the command line.
    ///
    /// # Errors
    /// An unknown method, `@` together with children, a line break.
    pub fn parse(raw: &str) -> Result<Self, SelectionError> {
        let text = CriterionText::of(raw)?;
        // A depth that no number holds is deeper than any graph.
        let depth = |digits: &str| (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX));
        let criterion = Self {
            raw: raw.to_owned(),
            method: match text.method {
                Some(method) => Method::parse(raw, method)?,
                None => default_method(text.value).1,
            },
            value: text.value.to_owned(),
            childrens_parents: text.childrens_parents,
            parents: text.parents.map(depth),
            children: text.children.map(depth),
            indirect: None,
        };
        criterion.checked()
    }

    pub(super) fn checked(self) -> Result<Self, SelectionError> {
        if self.childrens_parents && self.children.is_some() {
            return Err(SelectionError::AtWithChildren { raw: self.raw });
        }
        Ok(self)
    }
}

impl Method {
    /// A method by its name, with the way into the config behind the first dot.
    pub(super) fn parse(raw: &str, text: &str) -> Result<Self, SelectionError> {
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
            "function" => Self::Function,
            "state" => Self::State,
            "result" => Self::Result,
            "source_status" => Self::SourceStatus,
            "selector" => Self::Selector,
            _ => {
                return Err(SelectionError::UnknownMethod {
                    raw: raw.to_owned(),
                    method: name.to_owned(),
                    nearest: did_you_mean(name, METHODS),
                });
            }
        })
    }
}

/// dbt's guess for a bare word: a path, a file name, or a name.
pub(super) fn default_method(value: &str) -> (&'static str, Method) {
    let lower = value.to_lowercase();
    if value.contains(std::path::MAIN_SEPARATOR) || value.contains('/') {
        ("path", Method::Path)
    } else if [".sql", ".py", ".csv"].iter().any(|extension| lower.ends_with(extension)) {
        ("file", Method::File)
    } else {
        ("fqn", Method::Fqn)
    }
}
