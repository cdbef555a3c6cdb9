//! Which `generate_…_name` macros are dvt's own, and what those gave before: a project of thousands of nodes asks them the
//! same few questions again and again.

use dvt_jinja::{GLOBAL_PACKAGE, MacroLibrary};
use dvt_manifest::Node;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The answers of dvt's own macros, which look at the target and the custom name only. A macro that the project, a package
/// or an adapter replaces is called for every node, as dbt does.
#[derive(Debug, Default)]
pub(crate) struct NameMacros {
    own: Vec<&'static str>,
    answers: Mutex<HashMap<Question, Option<String>>>,
}

/// The macro, the connection and the custom name.
type Question = (&'static str, String, Option<String>);

const NAMES: [&str; 3] = ["generate_database_name", "generate_schema_name", "generate_alias_name"];

impl NameMacros {
    pub(crate) fn new(library: &MacroLibrary) -> Self {
        let is_own = |name: &&str| {
            let suffix = format!("__{name}");
            library
                .definitions()
                .filter(|definition| definition.name == **name || definition.name.ends_with(&suffix))
                .all(|definition| definition.package == GLOBAL_PACKAGE)
        };
        Self { own: NAMES.into_iter().filter(is_own).collect(), answers: Mutex::default() }
    }

    /// The name without asking a macro, where that is certain.
    pub(crate) fn known(
        &self,
        macro_name: &str,
        connection: &str,
        custom: Option<&str>,
        node: &Node,
    ) -> Option<Option<String>> {
        let own = self.own.iter().copied().find(|own| *own == macro_name)?;
        if own == "generate_alias_name" {
            // The macro's own answer where nothing is said: the node's name.
            return (custom.is_none() && node.version.is_none()).then(|| Some(node.name.clone()));
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&(own, connection.to_owned(), custom.map(str::to_owned))).cloned()
    }

    /// Keeps what a macro answered.
    pub(crate) fn keep(&self, macro_name: &str, connection: &str, custom: Option<&str>, answer: Option<&str>) {
        let Some(own) = self.own.iter().copied().find(|own| *own == macro_name && *own != "generate_alias_name") else {
            return;
        };
        let key = (own, connection.to_owned(), custom.map(str::to_owned));
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(key, answer.map(str::to_owned));
    }
}
