//! What every step of reading a project looks at.

use super::config::ConfigTrees;
use super::connections::{Connection, Connections};
use crate::cache::Files;
use crate::{ConfigFiles, Package, ProjectSettings};
use dvt_jinja::{Invocation, MacroLibrary, Phase, RenderContext, Vars};
use dvt_manifest::{Quoting, RelationStyle};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// One reading of a project: immutable, shared by the threads that parse.
pub(crate) struct Session<'a> {
    pub(crate) settings: &'a ProjectSettings,
    pub(crate) config: &'a ConfigFiles,
    pub(crate) packages: &'a [Package],
    /// The config trees of each package.
    pub(crate) trees: Vec<ConfigTrees>,
    /// What `var()` sees in each package.
    pub(crate) vars: Vec<Arc<Vars>>,
    pub(crate) connections: &'a Connections<'a>,
    pub(crate) library: Arc<MacroLibrary>,
    pub(crate) names: super::names::NameMacros,
    pub(crate) invocation: Arc<Invocation>,
    pub(crate) files: &'a Files,
    /// Seconds since 1970, for `created_at`.
    pub(crate) now: f64,
}

impl Session<'_> {
    pub(crate) fn package_name(&self, package: usize) -> &str {
        &self.packages[package].name
    }

    /// A flag of the root project's `flags:`, by dbt's name; what the command line says about it wins.
    pub(crate) fn project_flag(&self, name: &str, default: bool) -> bool {
        let from_flags = self.flag(name);
        let from_project = || self.packages[0].project.flags.get(name).and_then(Value::as_bool);
        from_flags.or_else(from_project).unwrap_or(default)
    }

    /// A flag of the command line, by dbt's name. That it was looked at is noted: the reading depends on it.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let found = self.settings.flag(name);
        self.invocation.uses.flag(name, found);
        found.and_then(Value::as_bool)
    }

    pub(crate) fn root_name(&self) -> &str {
        self.package_name(0)
    }

    /// A path inside a package, as messages show it: relative to the root project.
    pub(crate) fn shown(&self, package: usize, original_path: &str) -> String {
        shown_in(&self.packages[package].root, &self.packages[0].root, original_path)
    }

    /// A parse-phase context for a node of this package on this connection.
    pub(crate) fn context(&self, package: usize, connection: &Connection) -> RenderContext {
        let types: Vec<&str> = connection.facts.adapter_types.iter().map(String::as_str).collect();
        let mut context = RenderContext::new(Phase::Parse, &self.invocation, self.package_name(package), &types);
        context.target = connection.facts.target.clone();
        context.vars = Arc::clone(&self.vars[package]);
        context
    }

    /// How relations of nodes are written on a connection: the project's `quoting` above the dialect, the node's own
    /// `quoting` config above both.
    pub(crate) fn style(&self, connection: &Connection, own: Option<&Value>) -> RelationStyle {
        let mut style = Self::style_of(connection);
        let part = |key: &str, default: bool| {
            let said = own.and_then(|own| own.get(key)).or_else(|| self.config.project.quoting.get(key));
            said.and_then(Value::as_bool).unwrap_or(default)
        };
        let quoting = &mut style.quoting;
        quoting.database = part("database", quoting.database);
        quoting.schema = part("schema", quoting.schema);
        quoting.identifier = part("identifier", quoting.identifier);
        style
    }

    /// How a connection's relations are written where the project's `quoting` does not count: a source that a model reads.
    pub(crate) fn style_of(connection: &Connection) -> RelationStyle {
        let dialect = connection.facts.dialect;
        let is_quoted = dialect.quotes_names;
        RelationStyle {
            quoting: Quoting { database: is_quoted, schema: is_quoted, identifier: is_quoted },
            quote: dialect.quote,
            has_database: dialect.has_database,
        }
    }
}

pub(crate) fn shown_in(package_root: &Path, project_root: &Path, original_path: &str) -> String {
    crate::files::shown_path(&package_root.join(original_path), project_root)
}

/// What `var()` sees in a package: the command line, then what the root project says for the package and for all, then
/// the package's own.
pub(crate) fn package_vars(cli: &Map<String, Value>, packages: &[Package], package: usize) -> Vars {
    let own_name = &packages[package].name;
    let mut layers = vec![cli.clone()];
    let mut sources = vec![&packages[0]];
    if package != 0 {
        sources.push(&packages[package]);
    }
    for source in sources {
        if let Some(Value::Object(scoped)) = source.project.vars.get(own_name) {
            layers.push(scoped.clone());
        }
        layers.push(source.project.vars.clone());
    }
    Vars { layers }
}
