//! Checks `catalogs.yml`, in both of dbt's forms.
//!
//! A catalog says where tables of a lakehouse format are written. No connection of dvt writes into one: what is wrong in the
//! file is told in dbt's words, and a file that is right is refused, or warned of, because nothing would come of it.

use super::value_renderer;
use crate::files::{read_text, shown_path};
use crate::yaml::{Yaml, load_yaml};
use crate::{ConfigFiles, ProjectSettings};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile};
use std::collections::HashSet;
use std::sync::Arc;

const FILE_NAME: &str = "catalogs.yml";
const KEYS: [&str; 4] = ["name", "type", "table_format", "config"];
const TABLE_FORMATS: [&str; 2] = ["default", "iceberg"];

/// Types on which dbt writes into catalogs.
const WITH_CATALOGS: [&str; 4] = ["snowflake", "bigquery", "databricks", "spark"];

/// The first catalog, with what dbt says where the adapter has none.
type First<'y> = Option<(&'y Yaml, String)>;

/// # Errors
/// The file is wrong, or names a catalog that the default connection cannot write into.
pub(crate) fn check(
    settings: &ProjectSettings,
    config: &ConfigFiles,
    adapter_type: &str,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostics> {
    let root = &config.project.root;
    let path = root.join(FILE_NAME);
    let Some(file) = read_text(&path, &shown_path(&path, root))? else { return Ok(()) };
    let tree = load_yaml(&file, warnings)?;
    let mut problems = Vec::new();
    let tree = value_renderer(settings).tree(&file, &tree, &mut Vec::new(), &|_| true, &mut problems);
    if !problems.is_empty() {
        return Err(Diagnostics(problems));
    }
    let of_v2 = config.project.flags.get("use_catalogs_v2").and_then(serde_json::Value::as_bool).unwrap_or(false);
    let checker = Checker { file: &file, adapter_type };
    let first = if of_v2 { checker.second_form(&tree)? } else { checker.first_form(&tree)? };
    let Some((entry, message)) = first else { return Ok(()) };
    if WITH_CATALOGS.contains(&adapter_type) {
        let message = format!("dvt writes into no catalog on {adapter_type} yet: {} has no effect", file.path);
        warnings.push(Diagnostic::warning("unused-catalog", message).label(entry.span(&file), "this catalog"));
        return Ok(());
    }
    let diagnostic = checker.wrong(entry, message).note(format!("nothing is written into a catalog on {adapter_type}"));
    Err(diagnostic
        .help("leave catalogs.yml out, and `catalog_name` of the models: tables are then made as usual")
        .into())
}

struct Checker<'a> {
    file: &'a Arc<SourceFile>,
    adapter_type: &'a str,
}

impl Checker<'_> {
    fn wrong(&self, place: &Yaml, message: String) -> Diagnostic {
        Diagnostic::error("wrong-catalog", message).label(place.span(self.file), "here")
    }

    fn entries<'y>(&self, tree: &'y Yaml) -> Result<&'y [Yaml], Diagnostic> {
        if tree.is_null() {
            return Err(self.wrong(tree, format!("The file at {} is empty", self.file.path)));
        }
        match tree.get("catalogs") {
            None => Ok(&[]),
            Some(list) => list.as_list().ok_or_else(|| {
                self.wrong(list, format!("'catalogs' in catalogs.yml must be a list, got {}", list.kind()))
            }),
        }
    }

    fn name(&self, entry: &Yaml) -> Result<String, Diagnostic> {
        let name = entry.get_set("name").and_then(Yaml::scalar_text).filter(|name| !name.trim().is_empty());
        name.ok_or_else(|| self.wrong(entry, "catalogs[].name must be a non-empty string".to_owned()))
    }

    /// Each catalog with its `write_integrations`, of which one is active.
    fn first_form<'y>(&self, tree: &'y Yaml) -> Result<First<'y>, Diagnostic> {
        let mut first = None;
        for entry in self.entries(tree)? {
            let name = self.name(entry)?;
            let integrations = entry.get_set("write_integrations").and_then(Yaml::as_list).unwrap_or_default();
            let mut names: Vec<String> = Vec::new();
            for integration in integrations {
                let own = self.name(integration)?;
                if names.contains(&own) {
                    let message = format!(
                        "Catalog '{name}' cannot have multiple 'write_integrations' with the same name: '{own}'."
                    );
                    return Err(self.wrong(integration, message));
                }
                names.push(own);
            }
            let active = entry.get_set("active_write_integration");
            let active_name = active.and_then(Yaml::scalar_text).filter(|name| !name.is_empty());
            match active_name {
                None if names.len() != 1 => {
                    let message = format!(
                        "Catalog '{name}' must specify an 'active_write_integration' when multiple \
                         'write_integrations' are provided."
                    );
                    return Err(self.wrong(entry, message));
                }
                Some(got) if !names.contains(&got) => {
                    let message = format!(
                        "Catalog '{name}' must specify an 'active_write_integration' from its set of defined \
                         'write_integrations': ['{}']. Got: '{got}'.",
                        names.join("', '")
                    );
                    return Err(self.wrong(active.unwrap_or(entry), message));
                }
                _ => {}
            }
            let kind = integrations.iter().find_map(|integration| integration.get_set("catalog_type"));
            first.get_or_insert((entry, kind.and_then(Yaml::scalar_text).unwrap_or_default()));
        }
        Ok(first.map(|(entry, kind)| {
            (entry, format!("Catalog type is not supported.\nReceived: {kind}\nExpected one of: "))
        }))
    }

    /// Each catalog with its type, its table format and a config for each platform.
    fn second_form<'y>(&self, tree: &'y Yaml) -> Result<First<'y>, Diagnostic> {
        let unknown: Vec<&str> = tree
            .as_map()
            .map_or_else(Vec::new, |map| map.keys().map(String::as_str).filter(|key| *key != "catalogs").collect());
        if !unknown.is_empty() {
            let message = format!(
                "Unknown top-level keys in catalogs.yml: ['{}']. Only 'catalogs' is allowed",
                unknown.join("', '")
            );
            return Err(self.wrong(tree, message));
        }
        let entries = self.entries(tree)?;
        let mut names = HashSet::new();
        for entry in entries {
            let name = self.catalog(entry)?;
            if !names.insert(name.clone()) {
                return Err(self.wrong(entry, format!("Duplicate catalog name '{name}' in catalogs.yml")));
            }
        }
        Ok(entries.first().map(|entry| {
            let message = format!(
                "Adapter '{}' does not support catalogs.yml v2 yet. Use catalogs.yml v1 or upgrade to a supported adapter \
                 version.",
                self.adapter_type
            );
            (entry, message)
        }))
    }

    fn catalog(&self, entry: &Yaml) -> Result<String, Diagnostic> {
        let Some(map) = entry.as_map() else {
            let message = format!("Each entry in catalogs.yml 'catalogs' must be a mapping, got {}", entry.kind());
            return Err(self.wrong(entry, message));
        };
        let unknown: Vec<&str> = map.keys().map(String::as_str).filter(|key| !KEYS.contains(key)).collect();
        if !unknown.is_empty() {
            let message = format!(
                "Unknown keys in catalog entry: ['{}']. Allowed keys: ['config', 'name', 'table_format', 'type']",
                unknown.join("', '")
            );
            return Err(self.wrong(entry, message));
        }
        let missing: Vec<&str> = KEYS.into_iter().filter(|key| !map.contains_key(*key)).collect();
        if !missing.is_empty() {
            let message = format!("Missing required keys in catalog entry: ['{}']", missing.join("', '"));
            return Err(self.wrong(entry, message));
        }
        let name = self.name(entry)?;
        let format = entry.get("table_format").and_then(Yaml::scalar_text).unwrap_or_default();
        if !TABLE_FORMATS.contains(&format.to_lowercase().as_str()) {
            let message = format!("Invalid table_format '{format}'. Must be one of ['{}']", TABLE_FORMATS.join("', '"));
            return Err(self.wrong(entry.get("table_format").unwrap_or(entry), message));
        }
        let platforms = entry
            .get("config")
            .and_then(Yaml::as_map)
            .ok_or_else(|| self.wrong(entry, format!("Catalog '{name}' config must be a mapping")))?;
        let odd = platforms.iter().find(|(_, platform)| !platform.value.is_null() && platform.value.as_map().is_none());
        match odd {
            Some((platform, _)) => {
                Err(self.wrong(entry, format!("Catalog '{name}' config.{platform} must be a mapping")))
            }
            None => Ok(name.trim().to_owned()),
        }
    }
}
