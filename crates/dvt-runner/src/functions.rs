//! Functions of the database: what a `function()` call means.

use crate::failure::NodeError;
use crate::run::Run;
use dvt_diagnostics::Diagnostic;
use dvt_jinja::RefRequest;
use dvt_manifest::{Node, Relation, RelationKind};
use std::sync::Arc;

impl Run {
    /// The name of a function as SQL on this connection calls it.
    pub(crate) fn resolve_function(
        self: &Arc<Self>,
        node: &Node,
        connection: &str,
        request: &RefRequest,
    ) -> Result<Relation, Diagnostic> {
        let functions = &self.project().manifest.functions;
        let parsed = node.functions.iter().find(|call| call.name == request.name && call.package == request.package);
        let function = match parsed.and_then(|call| call.unique_id.as_ref()) {
            Some(unique_id) => functions.get(unique_id),
            None => {
                let of = |package: &str| {
                    functions.values().find(|node| node.name == request.name && node.package_name == package)
                };
                match &request.package {
                    Some(package) => of(package),
                    None => of(&self.project().config.project.name)
                        .or_else(|| of(&node.package_name))
                        .or_else(|| functions.values().find(|node| node.name == request.name)),
                }
            }
        };
        let Some(function) = function else {
            return Err(Diagnostic::error(
                "unknown-function",
                format!(
                    "Compilation Error\n  {} depends on a function named '{}' which was not found",
                    node.unique_id, request.name
                ),
            )
            .label(node.span.clone(), "")
            .help("describe it under `functions:` and put its body into the functions folder"));
        };
        if function.connection != connection {
            return Err(Diagnostic::error(
                "function-across-connections",
                format!(
                    "`{}` calls function `{}`, which is on connection `{}` and not on `{connection}`",
                    node.name, function.name, function.connection
                ),
            )
            .label(node.span.clone(), "")
            .help("a function works where it was created: create another one there, or move the model"));
        }
        let deferred = self.deferred(function).map_err(NodeError::into_first)?;
        Ok(deferred.unwrap_or_else(|| function.relation()).with_kind(RelationKind::Function))
    }
}
