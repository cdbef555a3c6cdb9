//! What a node's templates are rendered with.

use crate::run::Run;
use dvt_jinja::{Phase, RenderContext, Value, Vars};
use dvt_manifest::{Node, Relation, ResourceType};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

impl Run {
    /// The context of a node on a connection: its own, or that of the node which reads it as a CTE.
    pub(crate) fn context(&self, node: &Node, connection: &str, thread_id: &str) -> RenderContext {
        let facts = self.project().connections.get(connection);
        let adapter_types: Vec<&str> = match (facts, self.connections().get(connection)) {
            (Some(facts), _) => facts.adapter_types.iter().map(String::as_str).collect(),
            (None, Some(adapter)) => vec![adapter.adapter_type()],
            (None, None) => Vec::new(),
        };
        let mut context = RenderContext::new(Phase::Run, self.invocation(), &node.package_name, &adapter_types);
        context.target = facts.map(|facts| facts.target.clone()).unwrap_or_default();
        context.node = Some(Arc::new(node.to_json()));
        context.config = node.config.0.clone();
        if node.resource_type == ResourceType::Snapshot {
            context.config.insert("snapshot_table_column_names".to_owned(), snapshot_columns(node));
        }
        context.vars = self.vars(&node.package_name);
        context.thread_id = thread_id.to_owned();
        for (name, value) in [("database", node.database.as_deref()), ("schema", Some(node.schema.as_str()))] {
            context.variables.insert(name.to_owned(), value.map_or(Value::None, Value::str));
        }
        context
    }

    /// Where `var()` of a package's templates looks: the command line, then the root project, then the package.
    fn vars(&self, package: &str) -> Arc<Vars> {
        let project = self.project();
        let own_of = |vars: &Map<String, Json>| vars.get(package).and_then(Json::as_object).cloned();
        let root = &project.config.project.vars;
        let mut layers = vec![self.settings().cli_vars.clone()];
        layers.extend(own_of(root));
        layers.push(root.clone());
        if package != project.config.project.name
            && let Some(installed) = project.packages.iter().find(|installed| installed.name == package)
        {
            layers.extend(own_of(&installed.project.vars));
            layers.push(installed.project.vars.clone());
        }
        Arc::new(Vars { layers })
    }

    /// The context of a materialization: what dbt puts beside a model's own.
    pub(crate) fn materialization_context(
        &self,
        node: &Node,
        sql: &str,
        landing: Option<&Relation>,
        thread_id: &str,
    ) -> RenderContext {
        let mut context = self.context(node, &node.connection, thread_id);
        let this = node.relation();
        let mut set = |name: &str, value: Value| {
            context.variables.insert(name.to_owned(), value);
        };
        set("sql", Value::str(sql));
        set("compiled_code", Value::str(sql));
        set("pre_hooks", Value::from(hooks_json(node, "pre-hook")));
        set("post_hooks", Value::from(hooks_json(node, "post-hook")));
        set("database", this.database.as_deref().map_or(Value::None, Value::str));
        set("schema", this.schema.as_deref().map_or(Value::None, Value::str));
        set("identifier", this.identifier.as_deref().map_or(Value::None, Value::str));
        if let Some(deferred) = self.deferred_relation(node) {
            set("defer_relation", Value::relation(deferred));
        }
        set("landing", landing.map_or(Value::None, |landing| Value::relation(landing.clone())));
        context.this = Some(this);
        if let Some(model) = context.node.as_mut().map(Arc::make_mut).and_then(Json::as_object_mut) {
            model.insert("compiled".to_owned(), Json::Bool(true));
            model.insert("compiled_code".to_owned(), json!(sql));
        }
        context
    }
}

/// The columns that a snapshot adds, by dbt's names: those of `snapshot_meta_column_names`, else dbt's own.
fn snapshot_columns(node: &Node) -> Json {
    let configured = node.config.get("snapshot_meta_column_names").and_then(Json::as_object);
    let names = ["dbt_valid_to", "dbt_valid_from", "dbt_scd_id", "dbt_updated_at", "dbt_is_deleted"];
    let column = |name: &str| {
        let given = configured.and_then(|configured| configured.get(name)).and_then(Json::as_str);
        given.filter(|given| !given.is_empty()).unwrap_or(name).to_owned()
    };
    Json::Object(names.into_iter().map(|name| (name.to_owned(), Json::String(column(name)))).collect())
}

/// A node's hooks as `run_hooks` takes them.
fn hooks_json(node: &Node, key: &str) -> Json {
    let hooks = node.config.hooks(key);
    Json::Array(
        hooks
            .into_iter()
            .enumerate()
            .map(|(index, (sql, transaction))| json!({"sql": sql, "transaction": transaction, "index": index}))
            .collect(),
    )
}
