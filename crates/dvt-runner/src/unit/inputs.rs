//! What a unit test gives its model in the place of what it reads.

use crate::bridge::NodeBridge;
use crate::failure::{FailedAt, NodeError, from_adapter};
use crate::inputs::{show_ref, stored_name};
use crate::run::Run;
use dvt_diagnostics::{Diagnostic, Span};
use dvt_jinja::RefRequest;
use dvt_manifest::{FixtureFormat, Node, Relation, ResourceType, Source, UnitTest, UnitTestInput, UnitTestRows};
use serde_json::{Map, Value as Json, json};
use std::sync::{Arc, Mutex, PoisonError};

/// The inputs of one unit test, and which of them the render asked for.
pub(crate) struct UnitInputs {
    inputs: Vec<UnitInput>,
    test_name: String,
    test_span: Span,
    asked: Mutex<Vec<usize>>,
}

/// One input: a relation replaced by rows.
pub(super) struct UnitInput {
    /// The model, seed, snapshot or source that is replaced.
    unique_id: String,
    pub(super) is_this: bool,
    /// The CTE's name without dbt's prefix.
    pub(super) cte: String,
    /// What the macros see as `model` while the rows are written as SQL.
    pub(super) node: Arc<Node>,
    /// The relation that is replaced; its columns type the rows.
    pub(super) relation: Relation,
    /// The relation of another environment, for the columns of one that is not here.
    pub(super) deferred: Option<Relation>,
    /// Column types in the model's own dialect, by name, where the relation lives on another connection.
    pub(super) types: Option<Map<String, Json>>,
    pub(super) rows: UnitTestRows,
    pub(super) span: Span,
}

impl UnitInputs {
    /// Looks the inputs up; describes those on other connections.
    pub(super) async fn new(run: &Arc<Run>, test: &UnitTest, model: &Node) -> Result<Self, NodeError> {
        let mut inputs: Vec<UnitInput> = Vec::with_capacity(test.given.len());
        for given in &test.given {
            let mut input = read_input(run, test, model, given).await?;
            // Two relations of one name are told apart.
            let taken = |name: &str| inputs.iter().any(|other| other.cte == name);
            if taken(&input.cte) {
                let free = (2..).map(|number| format!("{}_{number}", input.cte)).find(|name| !taken(name));
                input.cte = free.unwrap_or_default();
            }
            inputs.push(input);
        }
        Ok(Self { inputs, test_name: test.name.clone(), test_span: test.span.clone(), asked: Mutex::default() })
    }

    /// The CTE that stands for `ref(…)`.
    pub(crate) fn resolve_ref(&self, run: &Run, node: &Node, request: &RefRequest) -> Result<Relation, Diagnostic> {
        let found = run.resolve_ref(node, request)?;
        self.resolve(&found.unique_id, &show_ref(request), &request.name)
    }

    /// The CTE that stands for `source(…)`.
    pub(crate) fn resolve_source(
        &self,
        run: &Run,
        node: &Node,
        source_name: &str,
        table_name: &str,
    ) -> Result<Relation, Diagnostic> {
        let call = node.sources.iter().find(|call| call.source_name == source_name && call.table_name == table_name);
        let unique_id = call.and_then(|call| call.unique_id.clone()).or_else(|| {
            let sources = &run.project().manifest.sources;
            let is_meant = |source: &&Source| source.source_name == source_name && source.name == table_name;
            sources.values().find(is_meant).map(|source| source.unique_id.clone())
        });
        let shown = format!("source('{source_name}', '{table_name}')");
        self.resolve(&unique_id.unwrap_or_default(), &shown, &format!("{source_name}.{table_name}"))
    }

    /// The CTE of the input `this`, if there is one. It is then part of the query, asked for or not.
    pub(super) fn this(&self) -> Option<Relation> {
        let index = self.inputs.iter().position(|input| input.is_this)?;
        self.note(index);
        Some(Relation::cte(&self.inputs[index].cte))
    }

    /// The inputs that were asked for since the last call, in that order, each once.
    pub(super) fn take_asked(&self) -> Vec<&UnitInput> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        asked.into_iter().map(|index| &self.inputs[index]).collect()
    }

    fn note(&self, index: usize) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if !asked.contains(&index) {
            asked.push(index);
        }
    }

    fn resolve(&self, unique_id: &str, shown: &str, name: &str) -> Result<Relation, Diagnostic> {
        let index = self.inputs.iter().position(|input| !input.is_this && input.unique_id == unique_id);
        let index = index.or_else(|| self.inputs.iter().position(|input| input.unique_id == unique_id));
        match index {
            Some(index) => {
                self.note(index);
                Ok(Relation::cte(&self.inputs[index].cte))
            }
            None => {
                let kind = if unique_id.starts_with("source.") { "source" } else { "node" };
                Err(Diagnostic::error(
                    "unit-test-input",
                    format!(
                        "Compilation Error\n  Unit test '{}' depends on a {kind} named '{name}' which was not found \
                         among its inputs",
                        self.test_name
                    ),
                )
                .label(self.test_span.clone(), format!("gives no rows for {shown}"))
                .help(format!("add `- input: {shown}` with `rows: []` or the rows that it should hold")))
            }
        }
    }
}

async fn read_input(
    run: &Arc<Run>,
    test: &UnitTest,
    model: &Node,
    given: &UnitTestInput,
) -> Result<UnitInput, NodeError> {
    let manifest = &run.project().manifest;
    let is_this = given.input.trim() == "this";
    let unique_id = if is_this { Some(&model.unique_id) } else { given.unique_id.as_ref() };
    let Some(unique_id) = unique_id else {
        return Err(unknown_input(test, given).into());
    };
    let mut input = if let Some(node) = manifest.nodes.get(unique_id) {
        UnitInput {
            unique_id: unique_id.clone(),
            is_this,
            cte: plain(&node.alias),
            node: Arc::new(stand_in(model, node.clone())),
            relation: existing_relation(node),
            deferred: if run.defers() { run.deferred_relation(node) } else { None },
            types: None,
            rows: given.rows.clone(),
            span: given.span.clone(),
        }
    } else if let Some(source) = manifest.sources.get(unique_id) {
        UnitInput {
            unique_id: unique_id.clone(),
            is_this,
            cte: plain(&format!("{}__{}", source.source_name, source.name)),
            node: Arc::new(stand_in(model, node_of_source(model, source))),
            relation: source.relation(),
            deferred: None,
            types: None,
            rows: given.rows.clone(),
            span: given.span.clone(),
        }
    } else {
        return Err(unknown_input(test, given).into());
    };
    let connection = input.relation.connection.clone();
    if input.rows.rows.is_array() && !is_same_place(run, &connection, &model.connection) {
        input.types = Some(foreign_types(run, model, &input, &connection).await?);
    }
    Ok(input)
}

fn unknown_input(test: &UnitTest, given: &UnitTestInput) -> Diagnostic {
    let text = given.input.trim();
    // A call with arguments of a project's own `ref` counts for none without the flag that says so.
    let is_call = (text.starts_with("ref") || text.starts_with("source")) && !given.has_other_arguments();
    let message = if is_call {
        format!("Unit test '{}' had an input ({}) which was not found in the manifest.", test.name, given.input)
    } else {
        format!("Unit test given inputs must be either a 'ref', 'source' or 'this' call. Got: '{}'.", given.input)
    };
    Diagnostic::error("unit-test-input", message).label(given.span.clone(), "this input")
}

/// An ephemeral model has no relation of its own, but dbt looks for one all the same: it may have been built before it
/// became ephemeral.
fn existing_relation(node: &Node) -> Relation {
    let mut node = node.clone();
    if node.is_ephemeral() {
        node.config.set("materialized", json!("view"));
    }
    node.relation()
}

/// The node as templates see it while its rows are written: an ephemeral model of the replaced thing's name.
fn stand_in(model: &Node, mut node: Node) -> Node {
    node.resource_type = ResourceType::Model;
    node.config.set("materialized", json!("ephemeral"));
    node.original_file_path.clone_from(&model.original_file_path);
    node
}

fn node_of_source(model: &Node, source: &Source) -> Node {
    Node {
        unique_id: format!("model.{}.{}__{}", source.package_name, source.source_name, source.name),
        name: source.name.clone(),
        package_name: source.package_name.clone(),
        fqn: source.fqn.clone(),
        connection: source.connection.clone(),
        database: source.database.clone(),
        schema: source.schema.clone(),
        alias: source.identifier.clone(),
        style: source.style,
        ..model.clone()
    }
}

/// The rows as they are written into SQL. All values of CSV are texts, which the column's type makes what they are;
/// SQLite has columns without a type (every expression of a view), where a text that is a number must be one.
pub(super) fn written_rows(rows: &UnitTestRows, dialect: &str) -> Json {
    if rows.format != FixtureFormat::Csv || dialect != "sqlite" {
        return rows.rows.clone();
    }
    let number = |text: &str| -> Option<Json> {
        if let Ok(whole) = text.parse::<i64>() {
            return (whole.to_string() == text).then(|| json!(whole));
        }
        let fraction = text.parse::<f64>().ok()?;
        (fraction.to_string() == text).then(|| json!(fraction))
    };
    let mut written = rows.rows.clone();
    for row in written.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        for value in row.values_mut() {
            if let Some(number) = value.as_str().and_then(number) {
                *value = number;
            }
        }
    }
    written
}

/// A name that needs no quotes, whatever it is made from.
fn plain(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || letter == '_' { letter } else { '_' }).collect()
}

fn is_same_place(run: &Run, left: &str, right: &str) -> bool {
    left == right
        || match (run.connections().get(left), run.connections().get(right)) {
            (Some(left), Some(right)) => left.identity() == right.identity(),
            _ => false,
        }
}

/// The columns of a relation on another connection, with the types that the model's own engine would hold them in.
async fn foreign_types(
    run: &Arc<Run>,
    model: &Node,
    input: &UnitInput,
    connection: &str,
) -> Result<Map<String, Json>, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&input.span) };
    let (source, target) = (run.adapter(connection)?, run.adapter(&model.connection)?);
    let name = stored_name(&input.relation, source.dialect());
    let mut described =
        source.describe(std::slice::from_ref(&name)).await.map_err(|error| from_adapter(&error, None, at))?;
    let Some(described) = described.pop().flatten() else {
        return Err(Diagnostic::error(
            "unit-test-input",
            format!(
                "Not able to get columns for unit test '{}' from relation {} because the relation doesn't exist",
                input.node.name,
                input.relation.render()
            ),
        )
        .label(input.span.clone(), format!("is on connection `{connection}`"))
        .help("build it first, or give its rows as `format: sql`")
        .into());
    };
    let mut types = Map::new();
    for column in &described.columns {
        let column_type =
            column.field.clone().and_then(|field| target.column_type(&field).map_err(|error| error.to_string()));
        match column_type {
            Ok(column_type) => {
                types.insert(column.name.to_lowercase(), Json::String(column_type));
            }
            Err(problem) => tracing::debug!(column = column.name, problem, "a column that the model's engine lacks"),
        }
    }
    Ok(types)
}

impl NodeBridge {
    /// The inputs of the unit test that this bridge serves.
    pub(super) fn expect_unit_inputs(&self) -> Result<Arc<UnitInputs>, NodeError> {
        self.unit_inputs().ok_or_else(|| Diagnostic::error("internal", "a unit test without its inputs").into())
    }
}
