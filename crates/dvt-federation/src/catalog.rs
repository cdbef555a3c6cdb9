//! The relations a query reads, as the binder sees them.

use crate::bind::swapped_case;
use crate::pushdown::{Columns, Exactness, RemoteColumn, Rules, Writer, push_predicate};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableSource, TableType};
use dvt_adapter::{ColumnDescription, RelationDescription};
use dvt_sql::{Dialect, IdentifierCase};
use std::collections::HashSet;
use std::sync::Arc;

/// Metadata of a column that cannot be read: the reason. Reading it is an error; having it in the table is not.
pub(crate) const UNREADABLE: &str = "dvt:unreadable";

/// A relation of a query: how the query names it, where it lives, and what its catalog says.
#[derive(Clone, Debug)]
pub struct CatalogRelation {
    /// The parts of the name in the query, without quotes, as they are compared.
    pub sql_name: Vec<String>,
    pub connection: String,
    pub adapter_type: String,
    pub dialect: &'static Dialect,
    pub description: RelationDescription,
    /// What the user calls it, for messages: `source('crm', 'customers')` or a model's name.
    pub display_name: String,
}

/// A relation on a connection as DataFusion's planner sees it; it decides which predicates may be sent.
#[derive(Debug)]
pub(crate) struct ForeignTable {
    pub(crate) relation: CatalogRelation,
    schema: SchemaRef,
    /// As expressions over this relation alone use them.
    columns: Vec<RemoteColumn>,
    /// Whether predicates may be sent at all.
    takes_predicates: bool,
}

impl ForeignTable {
    /// `quoted_names` are the identifiers that the query writes in quotes: a name used that way keeps its case.
    pub(crate) fn new(relation: CatalogRelation, quoted_names: &HashSet<String>, takes_predicates: bool) -> Self {
        let columns = &relation.description.columns;
        let folded: Vec<String> = columns.iter().map(|column| column.name.to_lowercase()).collect();
        let fields: Vec<Field> = columns
            .iter()
            .zip(&folded)
            .map(|(column, lower)| {
                let is_unique = folded.iter().filter(|other| *other == lower).count() == 1;
                let ignores_case = relation.dialect.unquoted == IdentifierCase::Insensitive;
                // Who writes no quotes means the name in upper case there, and the binder's lower case here.
                let folds_upper = relation.dialect.unquoted == IdentifierCase::FoldsUpper;
                let is_upper = column.name.to_uppercase() == column.name && !quoted_names.contains(&column.name);
                let swapped = swapped_case(&column.name);
                let name = if folds_upper && (is_upper || !is_unique) {
                    &swapped
                } else if ignores_case && is_unique && !quoted_names.contains(&column.name) {
                    lower
                } else {
                    &column.name
                };
                match &column.field {
                    Ok(field) => field.clone().with_name(name),
                    Err(reason) => Field::new(name, DataType::Null, true)
                        .with_metadata([(UNREADABLE.to_owned(), reason.clone())].into()),
                }
            })
            .collect();
        let statistics = &relation.description.statistics;
        let columns = columns
            .iter()
            .map(|description| {
                let mut column = RemoteColumn::stored(0, description, relation.dialect);
                column.distinct = statistics.columns.get(&description.name).and_then(|known| known.distinct);
                column
            })
            .collect();
        Self { relation, schema: Arc::new(Schema::new(fields)), columns, takes_predicates }
    }

    /// Writes predicates over this relation alone.
    pub(crate) fn writer(&self) -> Writer<'_> {
        Writer {
            columns: self,
            dialect: self.relation.dialect,
            rules: Rules::of(&self.relation.adapter_type),
            connection: &self.relation.connection,
        }
    }

    /// The column that the query knows by this name, as its database calls it.
    pub(crate) fn stored_name(&self, name: &str) -> Option<&str> {
        let index = self.schema.index_of(name).ok()?;
        Some(&self.relation.description.columns.get(index)?.name)
    }

    /// The column behind a field of [`TableSource::schema`], by position.
    pub(crate) fn column(&self, index: usize) -> &ColumnDescription {
        &self.relation.description.columns[index]
    }
}

impl Columns for ForeignTable {
    /// The column that the query knows by this name.
    fn find(&self, column: &Column) -> Option<&RemoteColumn> {
        self.schema.index_of(&column.name).ok().map(|index| &self.columns[index])
    }
}

impl TableSource for ForeignTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters
            .iter()
            .map(|filter| match push_predicate(filter, &self.writer()) {
                _ if !self.takes_predicates => TableProviderFilterPushDown::Unsupported,
                Ok(pushed) if pushed.exactness == Exactness::Exact => TableProviderFilterPushDown::Exact,
                Ok(_) => TableProviderFilterPushDown::Inexact,
                Err(_) => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }
}
