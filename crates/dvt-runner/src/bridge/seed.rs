//! The rows of a seed, as its materialization sees and loads them.

use super::{NodeBridge, lock};
use crate::failure::StatementError;
use crate::inputs::stored_name;
use crate::seed::{SeedFile, cast_type};
use crate::tables::table_of_seed;
use arrow::datatypes::SchemaRef;
use dvt_adapter::{AdapterError, AppendTarget, BatchStream, ErrorClass, Fetch};
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{BridgeError, SeedColumn, Table};
use dvt_manifest::Relation;
use futures::StreamExt;
use std::sync::Arc;

/// Rows of a seed that macros always see.
const SEED_ROWS_SHOWN: u64 = 10_000;

/// A seed's file, and where its rows come from when the macros want them in the table.
pub(crate) struct SeedSource {
    pub(crate) file: Arc<SeedFile>,
    pub(crate) rows: SeedRows,
}

pub(crate) enum SeedRows {
    /// They wait in a landing relation.
    Landed(Relation),
    /// They are read now, in the types of the table's columns; once.
    Stream { rows: Option<BatchStream>, schema: SchemaRef },
}

impl NodeBridge {
    pub(crate) fn set_seed(&self, seed: SeedSource) {
        *lock(&self.seed) = Some(seed);
    }
    pub(super) fn rows_of_seed(&self) -> Result<Table, BridgeError> {
        match &*lock(&self.seed) {
            // The rows go through `load_seed_rows`; only a macro of the user's own may want to see them all.
            Some(seed) => {
                let is_small = seed.file.is_whole && seed.file.rows <= SEED_ROWS_SHOWN;
                let wants_rows = is_small || self.run.has_own_seed_macros();
                table_of_seed(&seed.file, wants_rows && !self.run.flag("EMPTY", false))
            }
            None => Ok(Table::default()),
        }
    }

    pub(super) fn insert_seed_rows(&self, relation: &Relation, columns: &[SeedColumn]) -> Result<u64, BridgeError> {
        let mut seed = lock(&self.seed);
        let Some(seed) = seed.as_mut() else {
            return Err(Box::new(Diagnostic::error("not-a-seed", format!("`{}` has no rows to load", self.node.name))));
        };
        let dialect = self.adapter.dialect();
        // These engines convert on assignment and have no cast to most of their column types.
        let converts = matches!(dialect.name, "mysql" | "mariadb" | "sqlite");
        let is_quoted = self.node.config.boolean("quote_columns");
        let is_quoted = is_quoted.unwrap_or(dialect.unquoted != dvt_sql::IdentifierCase::FoldsUpper);
        let (mut names, mut values, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for (index, column) in columns.iter().enumerate() {
            let source = seed
                .file
                .columns
                .iter()
                .find(|source| source.name == column.name)
                .or_else(|| seed.file.columns.get(index))
                .ok_or_else(|| -> BridgeError {
                    Box::new(Diagnostic::error("unknown-column", format!("the seed has no column `{}`", column.name)))
                })?;
            names.push(if is_quoted { dialect.quote_identifier(&column.name) } else { column.name.clone() });
            let value = dialect.quote_identifier(&source.name);
            fields.push(source.name.clone());
            values.push(if converts || source.column_type.is_none() {
                value
            } else {
                format!("cast({value} as {})", cast_type(&column.column_type, dialect.name))
            });
        }
        let landing = match &mut seed.rows {
            SeedRows::Landed(landing) => landing.render(),
            SeedRows::Stream { rows, schema } => {
                let rows = rows.take().ok_or_else(|| -> BridgeError {
                    Box::new(Diagnostic::error("not-a-seed", format!("`{}` has been loaded already", self.node.name)))
                })?;
                return self.append_rows(relation, names, &fields, schema, rows);
            }
        };
        let sql =
            format!("insert into {relation} ({})\nselect {}\nfrom {landing}", names.join(", "), values.join(", "),);
        let executed = self.run_statement(&sql, true, Fetch::None)?;
        Ok(executed.response.rows_affected.and_then(|rows| u64::try_from(rows).ok()).unwrap_or(seed.file.rows))
    }
    /// Adds a seed's rows to its table within the node's transaction. `names` are the table's columns as SQL writes them,
    /// `fields` the file's columns that go into them.
    fn append_rows(
        &self,
        relation: &Relation,
        names: Vec<String>,
        fields: &[String],
        schema: &SchemaRef,
        rows: BatchStream,
    ) -> Result<u64, BridgeError> {
        let own = |error: arrow::error::ArrowError| -> BridgeError { Box::new(error) };
        let order: Vec<usize> =
            fields.iter().map(|field| schema.index_of(field)).collect::<Result<_, _>>().map_err(own)?;
        let target = AppendTarget {
            relation: stored_name(relation, self.adapter.dialect()),
            rendered: relation.render(),
            columns: names,
            schema: Arc::new(schema.project(&order).map_err(own)?),
        };
        let connection = self.node.connection.clone();
        let rows = rows.map(move |batch| {
            let ordered = batch?.project(&order);
            ordered.map_err(|error| AdapterError::new(ErrorClass::Other, connection.clone(), error.to_string()))
        });
        let mut slot = lock(&self.session);
        let handle = self.run.handle();
        let refused = |error: AdapterError| -> BridgeError { Box::new(StatementError { error, sql: String::new() }) };
        let session = self.opened(&mut slot.session).map_err(refused)?;
        if !session.in_transaction() {
            handle.block_on(session.begin()).map_err(refused)?;
        }
        let appended = handle.block_on(session.append(&target, rows.boxed()));
        Ok(appended.map_err(refused)?.rows)
    }
}
