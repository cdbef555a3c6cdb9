//! What kinds of things a project holds, and how each is named across the graph.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// dbt's identifier across the graph: `model.package.name`, `source.package.source.table`, `test.package.name.hash`.
pub type UniqueId = String;

/// dbt's node types, as they are spelled in artifacts and in `resource_type:` selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    Model,
    Analysis,
    Test,
    Snapshot,
    Operation,
    Seed,
    /// What `show --inline` and `compile --inline` run.
    SqlOperation,
    Doc,
    Source,
    Macro,
    Exposure,
    Metric,
    Group,
    SavedQuery,
    SemanticModel,
    UnitTest,
    Function,
}

impl ResourceType {
    pub const ALL: [Self; 17] = [
        Self::Model,
        Self::Analysis,
        Self::Test,
        Self::Snapshot,
        Self::Operation,
        Self::Seed,
        Self::SqlOperation,
        Self::Doc,
        Self::Source,
        Self::Macro,
        Self::Exposure,
        Self::Metric,
        Self::Group,
        Self::SavedQuery,
        Self::SemanticModel,
        Self::UnitTest,
        Self::Function,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Analysis => "analysis",
            Self::Test => "test",
            Self::Snapshot => "snapshot",
            Self::Operation => "operation",
            Self::Seed => "seed",
            Self::SqlOperation => "sql_operation",
            Self::Doc => "doc",
            Self::Source => "source",
            Self::Macro => "macro",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::Group => "group",
            Self::SavedQuery => "saved_query",
            Self::SemanticModel => "semantic_model",
            Self::UnitTest => "unit_test",
            Self::Function => "function",
        }
    }

    /// Whether `ref()` can name it.
    #[must_use]
    pub fn is_refable(self) -> bool {
        matches!(self, Self::Model | Self::Seed | Self::Snapshot)
    }

    /// Whether running it leaves a relation in a database (an ephemeral model is the exception its config tells).
    #[must_use]
    pub fn is_relational(self) -> bool {
        self.is_refable()
    }

    /// Whether dbt runs SQL for it in `build`.
    #[must_use]
    pub fn is_executable(self) -> bool {
        matches!(
            self,
            Self::Model
                | Self::Seed
                | Self::Snapshot
                | Self::Test
                | Self::Analysis
                | Self::Operation
                | Self::SqlOperation
                | Self::UnitTest
                | Self::Function
        )
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no resource type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a resource type")]
pub struct UnknownResourceType {
    pub text: String,
}

impl FromStr for ResourceType {
    type Err = UnknownResourceType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|resource_type| resource_type.as_str() == text)
            .ok_or_else(|| UnknownResourceType { text: text.to_owned() })
    }
}

/// Who may `ref()` a model: its group, its project, everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Private,
    #[default]
    Protected,
    Public,
}

impl Access {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Protected => "protected",
            Self::Public => "public",
        }
    }
}
