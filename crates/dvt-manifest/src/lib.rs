//! The nouns and the graph: node, source, macro, relation; selection, order, artifact JSON.
//!
//! In: what the project reader found. Out: a [`Manifest`] that answers who depends on whom, which nodes a selector means,
//! and in which order they run; and dbt's artifacts as JSON text. Only [`write_atomically`] touches the file system;
//! nothing here reads a template or asks a database.

mod artifact;
mod checksum;
mod config;
mod exposure;
mod function;
mod graph;
mod macro_definition;
mod manifest;
mod node;
mod python_json;
mod relation;
mod resource;
pub mod selection;
mod semantic;
mod source;
pub mod state;
mod unit_test;

pub use artifact::{
    Catalog, CatalogColumn, CatalogTable, DBT_VERSION, FreshnessResult, FreshnessResults, NodeNow, OsiDocument,
    OsiError, OsiIssue, OsiIssueKind, RunResult, RunResults, RunStatus, Timing, WriteError, write_atomically,
    write_atomically_with, write_new, write_quickly,
};
pub use checksum::Checksum;
pub use config::{Config, ConfigError};
pub use exposure::{Doc, Exposure, Group, Owner};
pub use function::{FunctionArgument, FunctionCall, FunctionInfo, FunctionOverload, FunctionReturns};
pub use graph::{Graph, Schedule};
pub use macro_definition::{Macro, MacroArgument, MacroKind};
pub use manifest::{Disabled, Manifest, ManifestMetadata};
pub use node::{
    Column, Compiled, DependsOn, InjectedCte, Node, RefCall, SourceCall, TestInfo, TestMetadata, compare_versions,
    version_text,
};
pub use python_json::python_json;
pub use relation::{Include, Quoting, Relation, RelationKind, RelationStyle};
pub use resource::{Access, ResourceType, UniqueId, UnknownResourceType};
pub use semantic::SemanticNode;
pub use source::{Source, SourceFreshness, SourceQuoting, Threshold};
pub use state::DeferRelation;
pub use unit_test::{FixtureFormat, UnitTest, UnitTestInput, UnitTestOverrides, UnitTestRows};

pub use indexmap::IndexMap;
