//! `catalog.json` v1: what the databases hold of a project's relations.

use super::DBT_VERSION;
use super::run_results::timestamp;
use crate::UniqueId;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One relation of the catalog.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogTable {
    /// `BASE TABLE`, `VIEW`, …, as the database calls it.
    pub kind: String,
    pub database: Option<String>,
    pub schema: String,
    pub name: String,
    pub comment: Option<String>,
    pub owner: Option<String>,
    pub columns: Vec<CatalogColumn>,
    /// dbt's statistics by id, without `has_stats`.
    pub stats: BTreeMap<String, Value>,
    pub unique_id: UniqueId,
}

/// One column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogColumn {
    pub kind: String,
    pub index: i64,
    pub name: String,
    pub comment: Option<String>,
}

/// The whole artifact.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub invocation_id: String,
    pub generated_at: DateTime<Utc>,
    pub invocation_started_at: DateTime<Utc>,
    pub env: Map<String, Value>,
    pub nodes: BTreeMap<UniqueId, CatalogTable>,
    pub sources: BTreeMap<UniqueId, CatalogTable>,
    /// `None` when nothing went wrong, as dbt writes it.
    pub errors: Option<Vec<String>>,
}

impl Catalog {
    /// The artifact's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let tables = |tables: &BTreeMap<UniqueId, CatalogTable>| -> Map<String, Value> {
            tables.iter().map(|(id, table)| (id.clone(), table.to_json())).collect()
        };
        json!({
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog/v1.json",
                "dbt_version": DBT_VERSION,
                "generated_at": timestamp(&self.generated_at),
                "invocation_id": self.invocation_id,
                "invocation_started_at": timestamp(&self.invocation_started_at),
                "env": self.env,
            },
            "nodes": tables(&self.nodes),
            "sources": tables(&self.sources),
            "errors": self.errors,
        })
        .to_string()
    }
}

impl CatalogTable {
    fn to_json(&self) -> Value {
        let columns: Map<String, Value> = self
            .columns
            .iter()
            .map(|column| {
                let json = json!({
                    "type": column.kind, "index": column.index, "name": column.name, "comment": column.comment,
                });
                (column.name.clone(), json)
            })
            .collect();
        let mut stats: Map<String, Value> = self.stats.clone().into_iter().collect();
        stats.insert(
            "has_stats".to_owned(),
            json!({
                "id": "has_stats",
                "label": "Has Stats?",
                "value": !self.stats.is_empty(),
                "include": false,
                "description": "Indicates whether there are statistics for this table",
            }),
        );
        json!({
            "metadata": {
                "type": self.kind,
                "schema": self.schema,
                "name": self.name,
                "database": self.database,
                "comment": self.comment,
                "owner": self.owner,
            },
            "columns": columns,
            "stats": stats,
            "unique_id": self.unique_id,
        })
    }
}
