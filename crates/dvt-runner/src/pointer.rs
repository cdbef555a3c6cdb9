//! The view under a versioned model's own name that reads its latest version.
//!
//! Wanted by `latest_version_pointer: {enabled, alias}` in the model's config, or for every versioned model by the flag
//! `latest_version_pointer_enabled_by_default`. It is made when the latest version was built, by the view materialization
//! of the connection: with the model's grants, without its hooks and comments.

use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::node::{Job, blocking, node_comment};
use crate::run::Run;
use crate::settings::RunCommand;
use dvt_diagnostics::{Diagnostic, SourceFile};
use dvt_jinja::{Args, Bridge, Value, call_macro};
use dvt_manifest::{Node, Relation, ResourceType, version_text};
use serde_json::{Value as Json, json};
use std::sync::Arc;

const ALIAS_MACRO: &str = "generate_latest_version_pointer_alias";

/// Whether building this node makes the view.
pub(crate) fn has_pointer(run: &Run, node: &Node) -> bool {
    let is_latest = match (&node.version, &node.latest_version) {
        (Some(version), Some(latest)) => version_text(version) == version_text(latest),
        _ => false,
    };
    let builds = matches!(run.request.command, RunCommand::Run | RunCommand::Build);
    builds
        && is_latest
        && node.resource_type == ResourceType::Model
        && match setting(node, "enabled") {
            Some(Json::Bool(enabled)) => *enabled,
            _ => run.flag("LATEST_VERSION_POINTER_ENABLED_BY_DEFAULT", false),
        }
}

fn setting<'n>(node: &'n Node, key: &str) -> Option<&'n Json> {
    node.config.get("latest_version_pointer")?.get(key)
}

impl Job<'_> {
    /// Makes the view over `relation`, which is the model as it was just built.
    ///
    /// # Errors
    /// The view would take the model's own name, or the database refuses it.
    pub(crate) async fn point_to_latest(&self, relation: &Relation) -> Result<(), NodeError> {
        let name = self.pointer_name().await?;
        if collides(relation, &name) {
            let message = format!(
                "Cannot create latest version pointer: the latest version of '{}' is already aliased to '{name}'. Set \
                 `latest_version_pointer: enabled: false` or remove the conflicting alias.",
                self.node.name
            );
            return Err(Diagnostic::error("latest-version-pointer", message).label(self.node.span.clone(), "").into());
        }
        let sql = format!("select * from {}", relation.render());
        let mut pointer = (*self.node).clone();
        pointer.unique_id.push_str("__latest_version_pointer");
        pointer.alias = name;
        pointer.raw_code.clone_from(&sql);
        pointer.template = SourceFile::new(pointer.original_file_path.clone(), sql.as_str());
        pointer.template_range = 0..sql.len();
        pointer.relation_name = None;
        pointer.config.set("materialized", json!("view"));
        pointer.config.set("persist_docs", json!({}));
        for hooks in ["pre-hook", "post-hook"] {
            pointer.config.set(hooks, json!([]));
        }
        let pointer = Arc::new(pointer);
        let comment = node_comment(self.run, &pointer)?;
        let bridge = NodeBridge::new(self.run, &pointer, &self.adapter, comment);
        self.materialize(&pointer, &bridge, &Arc::new(CompiledNode::over_clone(sql)), None).await?;
        Ok(())
    }

    /// The view's name: what the project's macro makes of the configured alias.
    async fn pointer_name(&self) -> Result<String, NodeError> {
        let alias =
            setting(&self.node, "alias").and_then(Json::as_str).map(str::trim).filter(|alias| !alias.is_empty());
        let bridge = NodeBridge::new(self.run, &self.node, &self.adapter, node_comment(self.run, &self.node)?);
        let (run, node, thread_id) = (Arc::clone(self.run), Arc::clone(&self.node), self.thread_id.clone());
        let alias = alias.map_or(Value::None, Value::str);
        blocking(move || {
            let context = run.context(&node, &node.connection, &thread_id);
            let model = context.node.as_deref().map_or(Value::None, Value::from);
            let outside: Arc<dyn Bridge> = Arc::clone(&bridge) as Arc<dyn Bridge>;
            let args = Args::new(ALIAS_MACRO, vec![alias, model]);
            let called = call_macro(run.library(), &context, outside, ALIAS_MACRO, args);
            bridge.abandon();
            let at = FailedAt { compiled: None, node: Some(&node.span) };
            Ok(called.map_err(|error| from_render(error, at))?.value.to_string().trim().to_owned())
        })
        .await
    }
}

/// Whether the view would be the model itself.
fn collides(relation: &Relation, name: &str) -> bool {
    let own = relation.identifier.as_deref().unwrap_or_default();
    if relation.quoting.identifier { own == name } else { own.eq_ignore_ascii_case(name) }
}
