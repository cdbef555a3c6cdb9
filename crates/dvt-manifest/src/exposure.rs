//! What is described but never run: exposures, groups, doc blocks.

use crate::{Config, DependsOn, RefCall, SourceCall, UniqueId};
use dvt_diagnostics::Span;
use serde_json::{Map, Value};

/// A `{% docs %}` block.
#[derive(Clone, Debug)]
pub struct Doc {
    pub unique_id: UniqueId,
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub block_contents: String,
}

/// `owner:` of an exposure or group: `name` and `email`, and whatever else was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owner {
    pub name: Option<String>,
    /// A text or a list of texts.
    pub email: Option<Value>,
    pub extra: Map<String, Value>,
}

/// A dashboard or another use of the data, which depends on nodes.
#[derive(Clone, Debug)]
pub struct Exposure {
    pub unique_id: UniqueId,
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// `dashboard`, `notebook`, `analysis`, `ml`, `application`.
    pub exposure_type: String,
    pub owner: Owner,
    pub description: String,
    pub label: Option<String>,
    pub maturity: Option<String>,
    pub url: Option<String>,
    pub meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub depends_on: DependsOn,
    pub refs: Vec<RefCall>,
    pub sources: Vec<SourceCall>,
    /// The metrics that it names: `[name]` or `[package, name]`.
    pub metrics: Vec<Vec<String>>,
    pub created_at: f64,
    pub span: Span,
}

/// A group of nodes with an owner.
#[derive(Clone, Debug)]
pub struct Group {
    pub unique_id: UniqueId,
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub owner: Owner,
    pub description: Option<String>,
    pub meta: Map<String, Value>,
    /// Everything configured; dbt hands a group what `models:` says for its path, too.
    pub config: Map<String, Value>,
}
