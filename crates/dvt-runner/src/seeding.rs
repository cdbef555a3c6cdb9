//! Seeds: a file's rows in a table that dbt's own seed macros make.
//!
//! Where the engine's sessions add rows, and each value can be read here as the engine would read it, the rows go straight
//! into the table, within the macros' transaction. Elsewhere they wait in a landing relation, and the engine reads them.

use crate::bridge::{NodeBridge, SeedRows, SeedSource};
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_adapter};
use crate::federated::load_columns;
use crate::inputs::stored_name;
use crate::journal::Entry;
use crate::node::{Job, Work, blocking};
use crate::reporter::Phase;
use crate::seed::{SeedError, SeedFile, SeedOptions, read_seed, small_file, stream_rows};
use arrow::datatypes::{Schema, SchemaRef};
use dvt_adapter::{BatchStream, LoadColumn, LoadRequest};
use dvt_diagnostics::{Diagnostic, Span};
use dvt_jinja::Materialized;
use dvt_manifest::{Node, Relation};
use futures::StreamExt;
use serde_json::{Map, Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many bytes of a file say what the others are like.
const SAMPLE: u64 = 4 << 20;

/// A table that was made of a file.
struct Seeded {
    materialized: Materialized,
    rows: u64,
}

impl Job<'_> {
    /// A seed: a pass over its file for the types, then dbt's own seed macros, with the rows of a second pass. Of a large file
    /// the first pass sees the beginning, if the rest can turn out otherwise without a trace.
    pub(crate) async fn seed(
        &self,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
        work: &mut Work,
    ) -> Result<(), NodeError> {
        let sample = self.may_foretell().then_some(SAMPLE);
        let mut file = Arc::new(self.first_pass(sample).await?);
        let mut seeded = self.seed_rows(&file, bridge, compiled).await?;
        if seeded.is_none() {
            self.progress.restart();
            file = Arc::new(self.first_pass(None).await?);
            seeded = self.seed_rows(&file, bridge, compiled).await?;
        }
        let Some(Seeded { materialized, rows }) = seeded else {
            let path = self.node.original_file_path.clone();
            let error = SeedError::Changed { path, line: 1, column: String::new() };
            return Err(Diagnostic::error("seed-file", error.to_string()).into());
        };
        self.note(&materialized, work)?;
        // The macros count the rows that they see; these are all that were loaded.
        if let Some(code) = work.response.get("code").and_then(Json::as_str) {
            let message = format!("{code} {rows}");
            work.message = Some(message.clone());
            work.response.insert("_message".to_owned(), json!(message));
            work.response.insert("rows_affected".to_owned(), json!(rows));
        }
        Ok(())
    }

    /// Whether the table may be made twice: what the first attempt did is rolled back with its transaction, as long as nothing of
    /// the user's own took part.
    fn may_foretell(&self) -> bool {
        let has_hooks = ["pre-hook", "post-hook"].iter().any(|key| !self.node.config.hooks(key).is_empty());
        let has_own_materialization = self.run.library().definitions().any(|definition| {
            definition.name.contains("materialization_seed")
                && definition.package != "dbt"
                && !definition.package.starts_with("dbt_")
        });
        self.adapter.session_appends()
            && !self.run.has_own_seed_macros()
            && !has_own_materialization
            && !has_hooks
            && !self.run.flag("EMPTY", false)
    }

    async fn first_pass(&self, sample: Option<u64>) -> Result<SeedFile, NodeError> {
        let options = seed_options(&self.node)?;
        let (path, shown) = (options.path.clone(), options.shown_path.clone());
        let node_span = self.node.span.clone();
        blocking(move || {
            read_seed(options, sample).map_err(|error: SeedError| {
                let mut diagnostic = error.diagnostic(&path, &shown);
                if diagnostic.labels.is_empty() && !node_span.file.text.is_empty() {
                    diagnostic = diagnostic.label(node_span, "");
                }
                diagnostic.into()
            })
        })
        .await
    }

    /// Makes the table. `None`: a row turned out other than the first ones foretold, and nothing is left of the attempt.
    async fn seed_rows(
        &self,
        file: &Arc<SeedFile>,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
    ) -> Result<Option<Seeded>, NodeError> {
        if file.is_whole {
            self.warn_of_file(file);
        }
        let is_empty = self.run.flag("EMPTY", false);
        let schema = file.schema();
        let columns = load_columns(self.adapter.as_ref(), &self.node, &schema)?;
        let node = with_column_types(&self.node, &columns, self.adapter.adapter_type());
        let (counted, turned_out) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let rows_of = |schema: &SchemaRef| -> BatchStream {
            let rows = match is_empty {
                true => futures::stream::empty().boxed(),
                false => {
                    let connection = self.node.connection.clone();
                    stream_rows(Arc::clone(file), Arc::clone(schema), connection, Arc::clone(&turned_out))
                }
            };
            let (progress, counted) = (Arc::clone(&self.progress), Arc::clone(&counted));
            let rows = rows.inspect(move |batch| {
                if let Ok(batch) = batch {
                    progress.written(batch);
                    counted.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                }
            });
            rows.boxed()
        };
        self.progress.phase(Phase::Load);
        let direct = self.direct_schema(file).await?;
        let materialized = if let Some(schema) = direct {
            let rows = SeedRows::Stream { rows: Some(rows_of(&schema)), schema };
            bridge.set_seed(SeedSource { file: Arc::clone(file), rows });
            self.materialize(&node, bridge, compiled, None).await
        } else if file.is_whole {
            let landing = self.run.landing_relation(&self.node);
            let published = self.seed_by_landing(file, &node, columns, &landing, rows_of(&schema), bridge, compiled);
            let published = published.await;
            self.leave(&landing, false).await?;
            published
        } else {
            return Ok(None);
        };
        if materialized.is_err() && turned_out.load(Ordering::Acquire) {
            tracing::debug!(seed = %self.node.unique_id, "the types of the first rows are not those of all; begun anew");
            return Ok(None);
        }
        if !file.is_whole {
            self.warn_of_file(file);
        }
        Ok(Some(Seeded { materialized: materialized?, rows: counted.load(Ordering::Relaxed) }))
    }

    fn warn_of_file(&self, file: &SeedFile) {
        for column in &file.unknown_types {
            let warning = Diagnostic::warning(
                "unknown-column",
                format!("`column_types` of seed `{}` names `{column}`, which the file does not have", self.node.name),
            );
            self.run.reporter().diagnostic(&warning);
        }
        if let Some(line) = file.short_row {
            self.warn_of_short_row(&file.options, line);
        }
    }

    /// The types in which the file's values go straight into the seed's table; `None` where the engine has to read them.
    async fn direct_schema(&self, file: &SeedFile) -> Result<Option<SchemaRef>, NodeError> {
        if !self.adapter.session_appends() || self.run.has_own_seed_macros() {
            return Ok(None);
        }
        let Some(schema) = file.exact_schema() else { return Ok(None) };
        let is_made_anew =
            self.node.config.boolean("full_refresh").unwrap_or_else(|| self.run.flag("FULL_REFRESH", false));
        if is_made_anew {
            return Ok(Some(schema));
        }
        // A table of an earlier run is kept, with the types that it has.
        let name = stored_name(&self.node.relation(), self.adapter.dialect());
        let at = FailedAt { compiled: None, node: Some(&self.node.span) };
        let found = self.adapter.describe(&[name]).await.map_err(|error| from_adapter(&error, None, at))?;
        let fits = match found.into_iter().flatten().next() {
            Some(table) => holds_types(&table.schema(), &schema),
            None => true,
        };
        Ok(fits.then_some(schema))
    }

    /// The rows into a landing relation, and from there into the table.
    #[expect(clippy::too_many_arguments, reason = "each is one thing that the two ways of a seed share")]
    async fn seed_by_landing(
        &self,
        file: &Arc<SeedFile>,
        node: &Arc<Node>,
        columns: Vec<LoadColumn>,
        landing: &Relation,
        rows: BatchStream,
        bridge: &Arc<NodeBridge>,
        compiled: &Arc<CompiledNode>,
    ) -> Result<Materialized, NodeError> {
        let name = stored_name(landing, self.adapter.dialect());
        self.run.record(&Entry::LandingPlanned {
            unique_id: self.node.unique_id.clone(),
            connection: self.node.connection.clone(),
            relation: name.clone(),
        })?;
        let request = LoadRequest {
            relation: name,
            columns,
            schema: file.schema(),
            on_behalf_of: self.node.relation().render(),
            options: self.node.config.0.clone(),
        };
        let loaded = self.adapter.load(request, rows, self.run.stop().child_token()).await;
        let at = FailedAt { compiled: None, node: Some(&self.node.span) };
        loaded.map_err(|error| from_adapter(&error, None, at))?;
        self.progress.phase(Phase::Publish);
        let rows = SeedRows::Landed(landing.clone());
        bridge.set_seed(SeedSource { file: Arc::clone(file), rows });
        self.materialize(node, bridge, compiled, Some(landing)).await
    }

    fn warn_of_short_row(&self, options: &SeedOptions, line: u64) {
        let mut warning = Diagnostic::warning(
            "short-row",
            format!(
                "line {line} of seed `{}` has fewer values than there are columns; the rest is NULL",
                options.shown_path
            ),
        );
        if let Some(source) = small_file(&options.path, &options.shown_path) {
            warning = warning.label(Span::line(&source, usize::try_from(line).unwrap_or(usize::MAX)), "");
        }
        self.run.reporter().diagnostic(&warning);
    }
}

/// Whether a table that is there has these columns in these types.
fn holds_types(table: &Schema, wanted: &Schema) -> bool {
    wanted.fields().iter().all(|field| {
        let found = table.fields().iter().find(|found| found.name().eq_ignore_ascii_case(field.name()));
        found.is_some_and(|found| found.data_type() == field.data_type())
    })
}

fn seed_options(node: &Node) -> Result<SeedOptions, NodeError> {
    let delimiter = node.config.text("delimiter").unwrap_or(",");
    let [delimiter] = delimiter.as_bytes() else {
        let error = SeedError::Delimiter { path: node.original_file_path.clone(), found: format!("{delimiter:?}") };
        return Err(Diagnostic::error("seed-file", error.to_string()).label(node.span.clone(), "").into());
    };
    let column_types = node
        .config
        .get("column_types")
        .and_then(Json::as_object)
        .map(|types| {
            let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            types.iter().map(|(name, value)| (name.clone(), text(value))).collect()
        })
        .unwrap_or_default();
    Ok(SeedOptions {
        path: PathBuf::from(node.root_path.as_deref().unwrap_or(".")).join(&node.original_file_path),
        shown_path: node.original_file_path.clone(),
        delimiter: *delimiter,
        column_types,
    })
}

/// The seed with the engine's type for every column: the macros create the table with these.
fn with_column_types(node: &Arc<Node>, columns: &[LoadColumn], adapter_type: &str) -> Arc<Node> {
    let mut types: Map<String, Json> =
        node.config.get("column_types").and_then(Json::as_object).cloned().unwrap_or_default();
    for column in columns {
        let of_values = column.column_type.as_str();
        let column_type = match adapter_type {
            // Whole numbers of a seed are wide there, however small they are.
            "databricks" | "spark" if of_values == "int" => "bigint",
            _ => of_values,
        };
        types.entry(column.name.clone()).or_insert_with(|| json!(column_type));
    }
    let mut typed = (**node).clone();
    typed.config.set("column_types", Json::Object(types));
    Arc::new(typed)
}
