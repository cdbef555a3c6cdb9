//! All macros of an invocation: the built-in package, the adapters' packages, installed packages, the project.

mod builtin;
mod dispatch;
mod load;
mod scan;

pub use builtin::builtin_macro_files;
pub use dispatch::DispatchConfig;
pub(crate) use dispatch::NotFound;
pub(crate) use scan::{jinja_forms, unclosed_tag};

use crate::engine::ir::MacroBody;
use crate::rendered::AskedName;
use dvt_diagnostics::{Diagnostics, SourceFile, Span};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;

/// The package of dvt's own global macros.
pub const GLOBAL_PACKAGE: &str = "dbt";

/// A file of macros (or of generic tests) of one package.
#[derive(Clone, Debug)]
pub struct MacroFile {
    pub package: String,
    pub file: Arc<SourceFile>,
}

impl MacroFile {
    #[must_use]
    pub fn new(package: &str, file: Arc<SourceFile>) -> Self {
        Self { package: package.to_owned(), file }
    }
}

/// What a definition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefinitionKind {
    Macro,
    Materialization,
    /// A generic test; its macro is named `test_<name>`.
    Test,
}

/// One macro, materialization or generic test.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `macro.<package>.<name>`.
    pub unique_id: String,
    pub package: String,
    /// dbt's name of the macro: `test_unique`, `materialization_table_default`.
    pub name: String,
    pub kind: DefinitionKind,
    /// dbt's `macro_sql`: the block with its tags, as written.
    pub macro_sql: String,
    /// Parameter names in order.
    pub arguments: Vec<String>,
    /// Of a materialization: `["sql"]` when it says nothing.
    pub supported_languages: Option<Vec<String>>,
    /// The whole block in its file.
    pub span: Span,
    /// Unique ids of macros that the body names, as far as that is known without running it.
    pub depends_on: Vec<String>,
    pub(crate) body: Arc<MacroBody>,
}

/// A docs block (`{% docs name %}…{% enddocs %}`) met while reading macro files or markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocsBlock {
    pub name: String,
    /// The content between the tags, without surrounding blank space.
    pub text: String,
    pub span: Span,
}

/// A snapshot block (`{% snapshot name %}…{% endsnapshot %}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotBlock {
    pub name: String,
    /// The whole block.
    pub span: Span,
    /// The content between the tags: the template to render.
    pub body: Span,
}

/// All macros of an invocation. Immutable, shared by threads.
#[derive(Debug)]
pub struct MacroLibrary {
    /// By unique id, in order of loading.
    pub(crate) definitions: IndexMap<String, Arc<Definition>>,
    /// By package, then by name.
    packages: HashMap<String, HashMap<String, Arc<Definition>>>,
    /// The packages behind `dbt.`, most specific first: adapter packages, then `dbt`.
    internal_packages: Vec<String>,
    /// The macros of the internal packages by name, overrides applied.
    internal: HashMap<String, Arc<Definition>>,
    /// The macros of all other packages by name; of two with one name, the package that was loaded last.
    installed: HashMap<String, Arc<Definition>>,
    root_project: String,
    dispatch: DispatchConfig,
}

impl MacroLibrary {
    /// Reads macro files. `internal_packages` are the adapter packages in order of precedence (`["dbt_mysql"]`); the
    /// global package [`GLOBAL_PACKAGE`] is always the last of them. The files of these packages are handed in like any
    /// other: see [`builtin_macro_files`].
    ///
    /// # Errors
    /// One diagnostic per malformed file and per macro name that a package defines twice.
    pub fn load(
        files: &[MacroFile],
        root_project: &str,
        dispatch: DispatchConfig,
        internal_packages: &[&str],
    ) -> Result<Self, Diagnostics> {
        load::load(files, root_project, dispatch, internal_packages)
    }

    /// A library with nothing but the built-in package: for YAML files before the project is known.
    #[must_use]
    pub fn empty(root_project: &str) -> Self {
        Self {
            definitions: IndexMap::new(),
            packages: HashMap::new(),
            internal_packages: vec![GLOBAL_PACKAGE.to_owned()],
            internal: HashMap::new(),
            installed: HashMap::new(),
            root_project: root_project.to_owned(),
            dispatch: DispatchConfig::default(),
        }
    }

    /// Every definition, in order of loading.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().map(AsRef::as_ref)
    }

    /// A definition by unique id.
    #[must_use]
    pub fn get(&self, unique_id: &str) -> Option<&Definition> {
        self.definitions.get(unique_id).map(AsRef::as_ref)
    }

    /// A definition of one package by name.
    #[must_use]
    pub fn get_in_package(&self, package: &str, name: &str) -> Option<&Definition> {
        self.packages.get(package)?.get(name).map(AsRef::as_ref)
    }

    /// The macro that a bare name means for a node of `package`: that package's own, the root project's, a built-in.
    #[must_use]
    pub fn find(&self, package: &str, name: &str) -> Option<&Definition> {
        self.lookup(package, name).map(AsRef::as_ref)
    }

    /// The generic test that a name in a properties file means: `unique`, `dbt_utils.at_least_one`.
    #[must_use]
    pub fn find_test(&self, package: &str, namespace: Option<&str>, name: &str) -> Option<&Definition> {
        let macro_name = format!("test_{name}");
        match namespace {
            Some(namespace) => self.lookup_in(namespace, &macro_name).map(AsRef::as_ref),
            None => self.find(package, &macro_name),
        }
    }

    /// The macro that dbt notes for a generic test: the package's own of this name, the root project's, any package's, a
    /// built-in one; a namespace before the name does not count here.
    #[must_use]
    pub fn noted_test(&self, package: &str, name: &str) -> Option<&Definition> {
        self.lookup_static(package, &format!("test_{name}")).map(AsRef::as_ref)
    }

    /// These macros and all that they name, however deep.
    #[must_use]
    pub fn with_dependencies(&self, unique_ids: &[&str]) -> std::collections::HashSet<String> {
        let mut found = std::collections::HashSet::new();
        let mut open: Vec<&str> = unique_ids.to_vec();
        while let Some(unique_id) = open.pop() {
            if found.insert(unique_id.to_owned())
                && let Some(definition) = self.get(unique_id)
            {
                open.extend(definition.depends_on.iter().map(String::as_str));
            }
        }
        found
    }

    #[must_use]
    pub fn root_project(&self) -> &str {
        &self.root_project
    }

    /// The definition that is called in a source text's spans, for tools: the macros named in `asked`.
    pub fn called<'a>(&'a self, asked: &'a [AskedName]) -> impl Iterator<Item = &'a Definition> {
        asked.iter().filter_map(|name| self.get(&name.name))
    }

    /// The snapshot blocks of a file.
    ///
    /// # Errors
    /// A block without an end, at its place.
    pub fn snapshot_blocks(file: &Arc<SourceFile>) -> Result<Vec<SnapshotBlock>, Diagnostics> {
        load::snapshot_blocks(file)
    }

    /// The tags of a file that stand outside of its blocks and mean nothing there, by keyword.
    #[must_use]
    pub fn stray_tags(file: &Arc<SourceFile>, kinds: &[&str]) -> Vec<(String, Span)> {
        let stray = scan::stray_tags(&file.text, kinds).into_iter();
        stray.map(|(keyword, range)| (keyword, Span::new(file, range))).collect()
    }

    /// The docs blocks of a markdown file.
    ///
    /// # Errors
    /// A block without an end, at its place.
    pub fn docs_blocks(file: &Arc<SourceFile>) -> Result<Vec<DocsBlock>, Diagnostics> {
        load::docs_blocks(file)
    }
}
