//! A macro, as the manifest shows it.

use crate::UniqueId;
use dvt_diagnostics::Span;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MacroKind {
    Macro,
    Materialization,
    /// A generic test.
    Test,
}

/// A macro, materialization or generic test, with dbt's field names.
#[derive(Clone, Debug)]
pub struct Macro {
    pub unique_id: UniqueId,
    /// As dbt names it: `test_unique`, `materialization_table_default`, `generate_schema_name`.
    pub name: String,
    pub kind: MacroKind,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub macro_sql: String,
    /// The macros it calls, where that is known before it runs.
    pub depends_on: Vec<UniqueId>,
    pub description: String,
    pub meta: Map<String, Value>,
    pub docs: Map<String, Value>,
    pub patch_path: Option<String>,
    pub arguments: Vec<MacroArgument>,
    pub created_at: f64,
    /// Of a materialization: `["sql"]` when it says nothing.
    pub supported_languages: Option<Vec<String>>,
    pub span: Option<Span>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MacroArgument {
    pub name: String,
    pub argument_type: Option<String>,
    pub description: String,
}
