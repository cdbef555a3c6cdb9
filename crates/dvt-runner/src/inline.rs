//! Nodes that no file of the project holds: `--inline`, and work of the run itself.

use crate::failure::NodeError;
use crate::inputs::find_node;
use crate::run::Run;
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::{ParseBridge, Phase, RefRequest, Template, render_template};
use dvt_manifest::{Manifest, Node, RefCall, ResourceType, SourceCall};
use serde_json::{Map, Value};
use std::sync::Arc;

impl Run {
    /// A node for work of the run itself, such as dropping what a dead run left.
    pub(crate) fn operation_node(&self, name: &str, connection: &str) -> Node {
        let project = &self.project().config.project;
        let file = SourceFile::new("", "");
        let target = self.connections().get(connection).map(|adapter| adapter.target_values()).unwrap_or_default();
        let text = |key: &str| target.get(key).and_then(Value::as_str).map(str::to_owned);
        Node {
            unique_id: format!("operation.{}.{name}", project.name),
            resource_type: ResourceType::SqlOperation,
            name: name.to_owned(),
            package_name: project.name.clone(),
            path: name.to_owned(),
            original_file_path: name.to_owned(),
            fqn: vec![project.name.clone(), name.to_owned()],
            connection: connection.to_owned(),
            database: text("database"),
            schema: text("schema").unwrap_or_default(),
            alias: name.to_owned(),
            relation_name: None,
            checksum: dvt_manifest::Checksum::of_text(""),
            config: dvt_manifest::Config::default(),
            unrendered_config: Map::new(),
            tags: Vec::new(),
            description: String::new(),
            columns: dvt_manifest::IndexMap::new(),
            meta: Map::new(),
            group: None,
            docs: Map::new(),
            patch_path: None,
            build_path: None,
            created_at: 0.0,
            raw_code: String::new(),
            language: "sql".to_owned(),
            refs: Vec::new(),
            sources: Vec::new(),
            metrics: Vec::new(),
            functions: Vec::new(),
            depends_on: dvt_manifest::DependsOn::default(),
            compiled: dvt_manifest::Compiled::default(),
            contract_checksum: None,
            access: dvt_manifest::Access::default(),
            constraints: Vec::new(),
            version: None,
            defer_relation: None,
            latest_version: None,
            deprecation_date: None,
            primary_key: Vec::new(),
            time_spine: None,
            doc_blocks: Vec::new(),
            function: None,
            test: None,
            root_path: None,
            index: None,
            span: Span::new(&file, 0..0),
            template: Arc::clone(&file),
            template_range: 0..0,
            style: dvt_manifest::RelationStyle::default(),
            file,
        }
    }

    /// The node of `--inline`: parsed now, with what it reads.
    pub(crate) fn inline_node(&self) -> Result<Node, NodeError> {
        self.inline_node_of(self.request.inline.as_deref().unwrap_or_default())
    }

    /// A node of this text: what it reads is looked up now.
    pub(crate) fn inline_node_of(&self, text: &str) -> Result<Node, NodeError> {
        let connection = self.project().config.profile.target.clone();
        let mut node = self.operation_node("inline_query", &connection);
        node.unique_id = format!("sql_operation.{}.inline_query", node.package_name);
        node.file = SourceFile::new("<inline>", text);
        node.span = Span::new(&node.file, 0..node.file.text.len());
        node.template = Arc::clone(&node.file);
        node.template_range = 0..node.file.text.len();
        let at = crate::failure::FailedAt { compiled: None, node: Some(&node.span) };
        let wrong = |error| crate::failure::from_render(error, at);
        let template = Template::parse(&node.file).map_err(wrong)?;
        let mut context = self.context(&node, &connection, "main");
        context.phase = Phase::Parse;
        let dialect = self.adapter(&connection)?.dialect();
        let bridge = Arc::new(ParseBridge::new(&connection, dialect));
        let asked = render_template(self.library(), &context, bridge, &template).map_err(wrong)?.asked;
        let manifest = &self.project().manifest;
        let mut diagnostics = Vec::new();
        let mut depends_on = Vec::new();
        for call in asked.refs {
            match find_node(manifest, &call.request, &node.package_name) {
                Some(found) => {
                    depends_on.push(found.unique_id.clone());
                    node.refs.push(ref_call(&call.request, &call.span, &found.unique_id));
                }
                None => diagnostics.push(
                    Diagnostic::error(
                        "unknown-ref",
                        depends_on_nothing(&node, &format!("node named '{}'", call.request.name)),
                    )
                    .label(call.span, ""),
                ),
            }
        }
        for call in asked.sources {
            match find_source(manifest, &call.source_name, &call.table_name) {
                Some(unique_id) => {
                    depends_on.push(unique_id.clone());
                    node.sources.push(SourceCall {
                        source_name: call.source_name,
                        table_name: call.table_name,
                        span: call.span,
                        unique_id: Some(unique_id),
                    });
                }
                None => diagnostics.push(
                    Diagnostic::error(
                        "unknown-source",
                        depends_on_nothing(&node, &format!("source named '{}.{}'", call.source_name, call.table_name)),
                    )
                    .label(call.span, ""),
                ),
            }
        }
        if !diagnostics.is_empty() {
            return Err(NodeError { diagnostics, is_retryable: false });
        }
        node.depends_on.nodes = depends_on;
        node.raw_code = template.text().to_owned();
        Ok(node)
    }
}

/// dbt's sentence about a text that asks for what the project does not have.
fn depends_on_nothing(node: &Node, wanted: &str) -> String {
    format!("Sql_Operation '{}' (from remote system.sql) depends on a {wanted} which was not found", node.unique_id)
}

fn ref_call(request: &RefRequest, span: &Span, unique_id: &str) -> RefCall {
    RefCall {
        name: request.name.clone(),
        package: request.package.clone(),
        version: request.version.clone().map(Value::String),
        span: span.clone(),
        unique_id: Some(unique_id.to_owned()),
    }
}

fn find_source(manifest: &Manifest, source_name: &str, table_name: &str) -> Option<String> {
    manifest
        .sources
        .values()
        .find(|source| source.source_name == source_name && source.name == table_name)
        .map(|source| source.unique_id.clone())
}
