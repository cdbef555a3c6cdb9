//! Unit tests: a model, the rows its inputs are given, and the rows it must return.

use crate::{Config, DependsOn, UniqueId};
use dvt_diagnostics::Span;
use serde_json::{Map, Value};

/// A unit test, checked and with its rows read; of a versioned model there is one for each version it covers.
#[derive(Clone, Debug)]
pub struct UnitTest {
    pub unique_id: UniqueId,
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The tested model as the file says it: its name, maybe with a version.
    pub model: String,
    pub description: String,
    pub given: Vec<UnitTestInput>,
    pub expect: UnitTestRows,
    pub overrides: Option<UnitTestOverrides>,
    /// `{include, exclude}`.
    pub versions: Option<Value>,
    /// The model's version that this one tests.
    pub version: Option<Value>,
    pub config: Config,
    /// The tested model; after it the functions that it calls are looked up in the model itself.
    pub depends_on: DependsOn,
    pub checksum: Option<String>,
    /// The tested model's schema.
    pub schema: Option<String>,
    pub created_at: f64,
    pub span: Span,
}

/// One entry of `given`.
#[derive(Clone, Debug)]
pub struct UnitTestInput {
    /// `ref('orders')`, `source('crm', 'customers')` or `this`, as written.
    pub input: String,
    /// The model, seed, snapshot or source that it means; `None` when there is none, which is told when the test runs.
    pub unique_id: Option<UniqueId>,
    pub rows: UnitTestRows,
    /// Where `input` stands.
    pub span: Span,
}

impl UnitTestInput {
    /// Whether the call has named arguments that only a project's own `ref` or `source` can know.
    #[must_use]
    pub fn has_other_arguments(&self) -> bool {
        let mut quote = None;
        let mut word = String::new();
        for character in self.input.chars() {
            match (quote, character) {
                (Some(open), _) if open == character => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(character),
                (None, '=') if !matches!(word.trim(), "v" | "version") => return true,
                (None, '(' | ',' | '=') => word.clear(),
                (None, _) => word.push(character),
            }
        }
        false
    }
}

/// Rows that were written in a unit test or read from a fixture file.
#[derive(Clone, Debug)]
pub struct UnitTestRows {
    pub format: FixtureFormat,
    /// A list of dictionaries, or SQL text for [`FixtureFormat::Sql`].
    pub rows: Value,
    /// The name of the fixture file.
    pub fixture: Option<String>,
    pub span: Span,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FixtureFormat {
    #[default]
    Dict,
    Csv,
    Sql,
}

/// What a unit test replaces while its model is rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitTestOverrides {
    /// The value that a call of the macro gives, by `name` or `package.name`.
    pub macros: Map<String, Value>,
    pub vars: Map<String, Value>,
    pub env_vars: Map<String, Value>,
}

impl FixtureFormat {
    /// The format of this name in a properties file.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Dict, Self::Csv, Self::Sql].into_iter().find(|format| format.as_str() == name)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dict => "dict",
            Self::Csv => "csv",
            Self::Sql => "sql",
        }
    }
}

impl UnitTest {
    /// The name with the version of the model it tests: `adds_up_v2`.
    #[must_use]
    pub fn versioned_name(&self) -> String {
        match &self.version {
            Some(version) => format!("{}_v{}", self.name, crate::version_text(version)),
            None => self.name.clone(),
        }
    }

    /// The unique id of the model that is tested, once names are resolved.
    #[must_use]
    pub fn tested_model(&self) -> Option<&UniqueId> {
        self.depends_on.nodes.first()
    }
}
