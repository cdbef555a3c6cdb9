//! A unit test's SQL: the model's template over CTEs of the given rows.

use super::inputs::{UnitInput, written_rows};
use crate::bridge::NodeBridge;
use crate::compile::CompiledNode;
use crate::failure::{FailedAt, NodeError, from_render};
use crate::run::Run;
use dvt_diagnostics::{Diagnostic, SourceFile};
use dvt_jinja::{Args, Bridge, Invocation, RenderContext, Template, Value, Vars, call_macro, render, render_template};
use dvt_manifest::{InjectedCte, Node, Relation, UnitTest, UnitTestOverrides};
use dvt_sql::inject_ctes;
use serde_json::Value as Json;
use std::sync::Arc;

/// Renders the model with the test's inputs and overrides. Blocks.
pub(super) fn compile_unit_test(
    run: &Arc<Run>,
    test: &UnitTest,
    node: &Arc<Node>,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<CompiledNode, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&test.span) };
    let inputs = bridge.expect_unit_inputs()?;
    let template =
        Template::parse_range(&node.template, node.template_range.clone()).map_err(|error| from_render(error, at))?;
    let mut context = run.context(node, bridge.connection(), thread_id);
    context.this = inputs.this();
    if let Some(overrides) = &test.overrides {
        override_context(&mut context, overrides);
    }
    let outside: Arc<dyn Bridge> = Arc::clone(bridge) as Arc<dyn Bridge>;
    let rendered =
        render_template(run.library(), &context, outside, &template).map_err(|error| from_render(error, at))?;
    let mut pairs = Vec::new();
    let mut extra_ctes = Vec::new();
    for input in inputs.take_asked() {
        let sql = fixture_sql(run, node, input, bridge, thread_id)?;
        let name = Relation::cte(&input.cte).render();
        extra_ctes.push(InjectedCte { id: input.node.unique_id.clone(), sql: format!(" {name} as (\n{sql}\n)") });
        pairs.push((name, sql));
    }
    let injected = inject_ctes(&rendered.text, &pairs, bridge.dialect());
    Ok(CompiledNode::over_fixtures(injected, rendered.source_map, extra_ctes))
}

/// What the test replaces: variables, environment variables, macros.
fn override_context(context: &mut RenderContext, overrides: &UnitTestOverrides) {
    if !overrides.vars.is_empty() {
        let mut layers = vec![overrides.vars.clone()];
        layers.extend(context.vars.layers.iter().cloned());
        context.vars = Arc::new(Vars { layers });
    }
    if !overrides.env_vars.is_empty() {
        let mut invocation: Invocation = (*context.invocation).clone();
        for (name, value) in &overrides.env_vars {
            let text = match value {
                Json::String(text) => text.clone(),
                other => Value::from(other).to_string(),
            };
            invocation.env.insert(name.clone(), text);
        }
        context.invocation = Arc::new(invocation);
    }
    for (name, value) in &overrides.macros {
        context.macro_overrides.insert(name.clone(), Value::from(value));
    }
}

/// One input's rows as SQL.
fn fixture_sql(
    run: &Arc<Run>,
    node: &Arc<Node>,
    input: &UnitInput,
    bridge: &Arc<NodeBridge>,
    thread_id: &str,
) -> Result<String, NodeError> {
    let at = FailedAt { compiled: None, node: Some(&input.span) };
    let serving = bridge.reading_as(&input.node);
    let outside: Arc<dyn Bridge> = serving as Arc<dyn Bridge>;
    let mut context = run.context(&input.node, &node.connection, thread_id);
    context.this = Some(input.relation.clone());
    if let Json::String(sql) = &input.rows.rows {
        let file = SourceFile::new(input.span.file.path.clone(), sql.as_str());
        return render(run.library(), &context, outside, &file)
            .map(|rendered| rendered.text)
            .map_err(|error| from_render(error, at));
    }
    let types = input.types.as_ref().map_or(Value::None, |types| Value::from(&Json::Object(types.clone())));
    if let Some(deferred) = &input.deferred {
        context.variables.insert("defer_relation".to_owned(), Value::relation(deferred.clone()));
    }
    let rows = written_rows(&input.rows, bridge.dialect().name);
    let args = Args::new("get_fixture_sql", vec![Value::from(&rows), types]);
    let called = call_macro(run.library(), &context, outside, "get_fixture_sql", args)
        .map_err(|error| located(from_render(error, at), input))?;
    Ok(called.value.to_string().trim().to_owned())
}

/// Says where the rows stand and what to do about a relation that is not there.
fn located(mut error: NodeError, input: &UnitInput) -> NodeError {
    if let Some(first) = error.diagnostics.first_mut() {
        if first.labels.first().is_none_or(|label| label.span.file.path != input.span.file.path) {
            first.labels.insert(
                0,
                dvt_diagnostics::Label { span: input.span.clone(), text: "the rows of this input".to_owned() },
            );
        }
        if first.message.contains("the relation doesn't exist") {
            let help = match input.node.config.is_ephemeral() && input.is_this {
                true => "build the model first: `dvt run --empty` is enough",
                false => "build it first (`dvt run --empty` is enough), or give its rows as `format: sql`",
            };
            add_help(first, help);
        }
    }
    error
}

fn add_help(diagnostic: &mut Diagnostic, help: &str) {
    if diagnostic.help.is_empty() {
        diagnostic.help.push(help.to_owned());
    }
}
