//! A source table: data that is there before dbt runs.

use crate::{Column, Config, Relation, RelationStyle, UniqueId};
use dvt_diagnostics::Span;
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// One table of a source, with dbt's field names.
#[derive(Clone, Debug)]
pub struct Source {
    pub unique_id: UniqueId,
    pub source_name: String,
    /// The table's name in `source(source_name, name)`.
    pub name: String,
    pub package_name: String,
    pub path: String,
    pub original_file_path: String,
    pub fqn: Vec<String>,
    /// The profile output it lives on.
    pub connection: String,
    pub database: Option<String>,
    pub schema: String,
    /// The table's name in the database.
    pub identifier: String,
    pub relation_name: Option<String>,
    /// As said in the file: `None` for the adapter's default.
    pub quoting: SourceQuoting,
    pub source_description: String,
    pub description: String,
    /// The docs blocks of the description.
    pub doc_blocks: Vec<UniqueId>,
    pub loader: String,
    pub loaded_at_field: Option<String>,
    pub loaded_at_query: Option<String>,
    /// `None` when freshness is switched off (`freshness: null`); without thresholds when nothing is said.
    pub freshness: Option<SourceFreshness>,
    pub external: Option<Value>,
    /// What stands for the table in SQL where its rows are in a file that the engine reads: `'raw/*.parquet'`.
    pub external_location: Option<String>,
    pub columns: IndexMap<String, Column>,
    pub meta: Map<String, Value>,
    pub source_meta: Map<String, Value>,
    pub tags: Vec<String>,
    pub config: Config,
    pub unrendered_config: Map<String, Value>,
    pub unrendered_database: Option<String>,
    pub unrendered_schema: Option<String>,
    pub patch_path: Option<String>,
    pub created_at: f64,
    /// The table's name in the properties file.
    pub span: Span,
    /// How its connection writes relations; `quoting` of the source stands above it.
    pub style: RelationStyle,
}

/// Which name parts the user wants quoted; `None` leaves it to the adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceQuoting {
    pub database: Option<bool>,
    pub schema: Option<bool>,
    pub identifier: Option<bool>,
    pub column: Option<bool>,
}

/// dbt's freshness thresholds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceFreshness {
    pub warn_after: Threshold,
    pub error_after: Threshold,
    pub filter: Option<String>,
}

/// One threshold. What is switched off is told from what nobody said: the manifest and the criteria of `sources.json` do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Threshold {
    #[default]
    Unsaid,
    /// `warn_after: null`.
    Off,
    After {
        count: i64,
        /// `minute`, `hour` or `day`.
        period: String,
    },
}

impl SourceFreshness {
    /// Whether an age can be too old at all.
    #[must_use]
    pub fn has_threshold(&self) -> bool {
        [&self.warn_after, &self.error_after].iter().any(|threshold| matches!(threshold, Threshold::After { .. }))
    }
}

impl Source {
    /// The source's relation as what reads it writes it: its own `quoting` above its engine's, without the project's.
    #[must_use]
    pub fn relation(&self) -> Relation {
        let mut relation = self.style.apply(Relation::new(
            &self.connection,
            self.database.as_deref(),
            Some(&self.schema),
            Some(&self.identifier),
        ));
        relation.external.clone_from(&self.external_location);
        let quoting = &mut relation.quoting;
        quoting.database = self.quoting.database.unwrap_or(quoting.database);
        quoting.schema = self.quoting.schema.unwrap_or(quoting.schema);
        quoting.identifier = self.quoting.identifier.unwrap_or(quoting.identifier);
        relation
    }
}
