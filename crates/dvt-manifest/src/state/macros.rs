//! Which macros changed, and what calls them at any remove.

use super::PreviousManifest;
use crate::{Manifest, UniqueId};
use std::collections::HashSet;

/// The macros that changed or call one that did.
pub(super) struct ModifiedMacros<'a>(HashSet<&'a str>);

impl<'a> ModifiedMacros<'a> {
    /// Compares the text of every macro. The macros that come with dvt are compared only with a manifest of dvt's own:
    /// dbt's have other texts, and no change of the project is behind that.
    pub(super) fn new(manifest: &'a Manifest, previous: &PreviousManifest, built_in: impl Fn(&str) -> bool) -> Self {
        let compares_built_in = previous.is_from_dvt();
        let mut modified: HashSet<&str> = manifest
            .macros
            .values()
            .filter(|found| compares_built_in || !built_in(&found.package_name))
            .filter(|found| previous.macros.get(&found.unique_id).is_none_or(|old| old.macro_sql != found.macro_sql))
            .map(|found| found.unique_id.as_str())
            .collect();
        // Callers of callers, until nothing is added: each macro is looked at once per level of calls.
        loop {
            let callers: Vec<&str> = manifest
                .macros
                .values()
                .filter(|found| !modified.contains(found.unique_id.as_str()))
                .filter(|found| found.depends_on.iter().any(|called| modified.contains(called.as_str())))
                .map(|found| found.unique_id.as_str())
                .collect();
            if modified.is_empty() || callers.is_empty() {
                return Self(modified);
            }
            modified.extend(callers);
        }
    }

    pub(super) fn is_called_by(&self, macros: &[UniqueId]) -> bool {
        macros.iter().any(|called| self.0.contains(called.as_str()))
    }
}
