//! Saved queries and their exports.

use super::words::EXPORT_DESTINATIONS;
use super::{OwnConfig, Reading, filter_json};
use crate::yaml::{Yaml, map_to_json};
use dvt_manifest::{Config, ResourceType, SemanticNode};
use serde_json::{Map, Value, json};

impl Reading<'_, '_> {
    /// An entry under `saved_queries:`.
    pub(super) fn saved_query(&mut self) -> Vec<SemanticNode> {
        let entry = self.entry;
        let yaml = &entry.yaml;
        let before = self.problems.len();
        let own = OwnConfig::Yaml(yaml.get_set("config"));
        let mut node = self.node(ResourceType::SavedQuery, &entry.name, own, entry.name_span.clone());
        let Some(params) = yaml.get_set("query_params").cloned() else {
            self.invalid(yaml, "'query_params' is a required property");
            return Vec::new();
        };
        let metrics = self.reader().texts(&params, "metrics").unwrap_or_default();
        let group_by = self.reader().texts(&params, "group_by").unwrap_or_default();
        let order_by = self.reader().texts(&params, "order_by").unwrap_or_default();
        let limit = params.get_set("limit").map(Yaml::to_json);
        node.body.insert(
            "query_params".to_owned(),
            json!({
                "metrics": metrics,
                "group_by": group_by,
                "where": filter_json(&params, "where"),
                "order_by": order_by,
                "limit": limit,
            }),
        );
        let items: Vec<Yaml> = self.reader().list(yaml, "exports").map(<[Yaml]>::to_vec).unwrap_or_default();
        let exports: Vec<Value> = items.iter().filter_map(|item| self.export(item, &node.config)).collect();
        node.body.insert("exports".to_owned(), Value::Array(exports));
        node.description = self.description(yaml);
        node.label = self.reader().text(yaml, "label");
        let mut tags = self.reader().texts(yaml, "tags").unwrap_or_default();
        tags.extend(node.config.tags());
        tags.sort();
        tags.dedup();
        node.tags = tags;
        if self.problems.len() > before { Vec::new() } else { vec![node] }
    }

    /// One export: what it says over what the saved query's config says, and where it lands.
    fn export(&mut self, yaml: &Yaml, config: &Config) -> Option<Value> {
        let name = self.required(yaml, "name")?;
        let written: Map<String, Value> = self.reader().map(yaml, "config").map(map_to_json).unwrap_or_default();
        let said = |key: &str| {
            let own = written.get(key).filter(|value| !value.is_null());
            own.or_else(|| config.get(key).filter(|value| !value.is_null())).cloned()
        };
        let export_as = match said("export_as") {
            Some(Value::String(text)) => self.word(yaml, &text, EXPORT_DESTINATIONS, "export destination")?,
            _ => {
                self.invalid(yaml, "'export_as' is a required property");
                return None;
            }
        };
        let text = |key: &str| said(key).and_then(|value| value.as_str().map(str::to_owned));
        let schema = text("schema_name").or_else(|| text("schema"));
        let place = self.export_place(&name, text("database").as_deref(), text("alias").as_deref());
        Some(json!({
            "name": name,
            "config": {
                "export_as": export_as,
                "schema_name": schema.or(place.0),
                "alias": text("alias").or(Some(place.2)),
                "database": place.1,
            },
            "unrendered_config": written,
        }))
    }

    /// Schema, database and name as the project's macros make them. dbt gives them no custom schema: an export's own
    /// schema is taken as it is.
    fn export_place(
        &mut self,
        name: &str,
        database: Option<&str>,
        alias: Option<&str>,
    ) -> (Option<String>, Option<String>, String) {
        let session = self.session;
        let Ok(connection) = session.connections.get(session.connections.default_name()) else {
            return (None, None, name.to_owned());
        };
        let package = self.entry.package;
        let mut call = |macro_name: &str, custom: Option<&str>| {
            let packages = [session.root_name(), session.package_name(package)];
            let own = packages.iter().find_map(|package| session.library.get_in_package(package, macro_name));
            let id = own.map_or(macro_name, |definition| definition.unique_id.as_str());
            let custom = custom.map_or(dvt_jinja::Value::None, dvt_jinja::Value::str);
            let node = dvt_jinja::Value::from(&json!({"name": name, "resource_type": "saved_query", "version": null}));
            let context = session.context(package, &connection);
            let args = dvt_jinja::Args::new(macro_name, vec![custom, node]);
            let bridge = std::sync::Arc::clone(&connection.bridge);
            match dvt_jinja::call_macro(&session.library, &context, bridge, id, args) {
                Ok(called) => match called.value.to_json() {
                    Ok(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
                    _ => None,
                },
                Err(error) => {
                    self.problems.push(error.diagnostic().note(format!("called to name export `{name}`")));
                    None
                }
            }
        };
        let own_schema = call("generate_schema_name", None);
        let own_alias = call("generate_alias_name", alias).unwrap_or_else(|| name.to_owned());
        let own_database = call("generate_database_name", database);
        (own_schema, own_database, own_alias)
    }
}
