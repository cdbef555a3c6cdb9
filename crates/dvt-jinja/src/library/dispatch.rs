//! Which macro a name means: lookup order, `adapter.dispatch`, materializations.

use super::{Definition, GLOBAL_PACKAGE, MacroLibrary};
use indexmap::IndexMap;
use std::sync::Arc;

/// The `dispatch:` entries of `dbt_project.yml`: search order by macro namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DispatchConfig {
    pub search_order: IndexMap<String, Vec<String>>,
    /// The adapter types of the default target, most specific first: a macro's dependencies are read with them.
    pub adapter_types: Vec<String>,
}

/// A dispatch found no macro of these names; in the order they were tried.
#[derive(Debug)]
pub(crate) struct NotFound {
    pub(crate) searched: Vec<String>,
}

impl MacroLibrary {
    /// The macro that a bare name means for a node of `package`.
    pub(crate) fn lookup(&self, package: &str, name: &str) -> Option<&Arc<Definition>> {
        if let Some(definition) = self.packages.get(package).and_then(|macros| macros.get(name))
            && !self.is_internal(package)
        {
            return Some(definition);
        }
        if package != self.root_project
            && let Some(definition) = self.packages.get(&self.root_project).and_then(|macros| macros.get(name))
        {
            return Some(definition);
        }
        self.internal.get(name)
    }

    /// `package.name`, where `dbt` stands for all internal packages.
    pub(crate) fn lookup_in(&self, package: &str, name: &str) -> Option<&Arc<Definition>> {
        if package == GLOBAL_PACKAGE {
            return self.internal.get(name);
        }
        self.packages.get(package)?.get(name)
    }

    /// The macro that dbt notes for a call it only reads: of the package itself, else of the root project, else of any
    /// installed package (the last one wins), else a built-in one.
    pub(crate) fn lookup_static(&self, package: &str, name: &str) -> Option<&Arc<Definition>> {
        let of = |package: &str| self.packages.get(package).and_then(|macros| macros.get(name));
        if let Some(definition) = of(package).or_else(|| of(&self.root_project)) {
            return Some(definition);
        }
        self.installed.get(name).or_else(|| self.internal.get(name))
    }

    /// Whether `name.` can stand before a macro.
    pub(crate) fn has_package(&self, name: &str) -> bool {
        name == GLOBAL_PACKAGE || self.packages.contains_key(name)
    }

    #[must_use]
    pub fn is_internal(&self, package: &str) -> bool {
        self.internal_packages.iter().any(|internal| internal == package)
    }

    /// Names of all macros that a node of `package` can call bare, for suggestions.
    pub(crate) fn visible_names(&self, package: &str) -> impl Iterator<Item = &str> {
        let own = self.packages.get(package).into_iter().flat_map(|macros| macros.keys());
        let root = self.packages.get(&self.root_project).into_iter().flat_map(|macros| macros.keys());
        own.chain(root).chain(self.internal.keys()).map(String::as_str)
    }

    /// Names of one package's macros, for suggestions.
    pub(crate) fn names_in<'a>(&'a self, package: &str) -> Vec<&'a str> {
        if package == GLOBAL_PACKAGE {
            return self.internal.keys().map(String::as_str).collect();
        }
        self.packages.get(package).into_iter().flat_map(|macros| macros.keys()).map(String::as_str).collect()
    }

    /// `adapter.dispatch(name, namespace)` for a node of `package`.
    pub(crate) fn dispatch(
        &self,
        package: &str,
        adapter_types: &[String],
        name: &str,
        namespace: Option<&str>,
    ) -> Result<&Arc<Definition>, NotFound> {
        let packages: Vec<Option<String>> = match namespace {
            None => vec![None],
            Some(namespace) => match self.dispatch.search_order.get(namespace) {
                Some(order) => order.iter().cloned().map(Some).collect(),
                None if self.has_package(namespace) => {
                    vec![Some(self.root_project.clone()), Some(namespace.to_owned())]
                }
                // As dbt has it: what is no package is no place to look in, so the macro is looked for everywhere.
                None => vec![None],
            },
        };
        let mut searched = Vec::new();
        for search_package in &packages {
            for prefix in adapter_types.iter().map(String::as_str).chain(["default"]) {
                let full_name = format!("{prefix}__{name}");
                let found = match search_package {
                    None => self.lookup(package, &full_name),
                    Some(search_package) => self.lookup_in(search_package, &full_name),
                };
                if let Some(definition) = found {
                    return Ok(definition);
                }
                searched.push(match search_package {
                    None => full_name,
                    Some(search_package) => format!("{search_package}.{full_name}"),
                });
            }
        }
        // dbt finds what stands beside the macro that asks, where a generic test of a package asks without a namespace.
        if namespace.is_none() {
            for prefix in adapter_types.iter().map(String::as_str).chain(["default"]) {
                let full_name = format!("{prefix}__{name}");
                let in_packages =
                    self.packages.iter().filter_map(|(package, macros)| Some((package, macros.get(&full_name)?)));
                if let Some((_, definition)) = in_packages.min_by_key(|(package, _)| *package) {
                    return Ok(definition);
                }
            }
        }
        Err(NotFound { searched })
    }

    /// The materialization of this name for an adapter: the root project's before a package's before a built-in one, and
    /// within each the adapter's own before the default. (A package may not override a built-in one: dbt's flag
    /// `require_explicit_package_overrides_for_builtin_materializations`, which is on.)
    #[must_use]
    pub fn find_materialization(&self, name: &str, adapter_types: &[String]) -> Option<&Definition> {
        let names: Vec<String> = adapter_types
            .iter()
            .map(String::as_str)
            .chain(["default"])
            .map(|adapter_type| format!("materialization_{name}_{adapter_type}"))
            .collect();
        let in_package = |package: &str| {
            let macros = self.packages.get(package)?;
            names.iter().find_map(|name| macros.get(name))
        };
        if let Some(definition) = in_package(&self.root_project) {
            return Some(definition);
        }
        if let Some(definition) = names.iter().find_map(|name| self.internal.get(name)) {
            return Some(definition);
        }
        self.definitions
            .values()
            .map(|definition| definition.package.as_str())
            .filter(|package| !self.is_internal(package) && *package != self.root_project)
            .find_map(in_package)
            .map(AsRef::as_ref)
    }

    /// The names of all materializations.
    #[must_use]
    pub fn materialization_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .definitions
            .values()
            .filter(|definition| definition.kind == super::DefinitionKind::Materialization)
            .filter_map(|definition| definition.name.strip_prefix("materialization_")?.rsplit_once('_'))
            .map(|(name, _)| name.to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
