//! Where template variables live.

use crate::Value;
use crate::value::lock;
use dvt_diagnostics::SourceFile;
use std::sync::{Arc, Mutex};

/// The variables of a template, macro call, loop iteration or block; the outer ones are found through `parent`.
#[derive(Debug)]
pub(crate) struct Scope {
    variables: Mutex<Vec<(Arc<str>, Value)>>,
    parent: Option<Arc<Scope>>,
    pub(crate) file: Arc<SourceFile>,
}

impl Scope {
    /// The outermost scope of a template or library macro.
    pub(crate) fn root(file: &Arc<SourceFile>) -> Arc<Self> {
        Arc::new(Self { variables: Mutex::default(), parent: None, file: Arc::clone(file) })
    }

    /// A scope inside this one, in the same file.
    pub(crate) fn inner(self: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { variables: Mutex::default(), parent: Some(Arc::clone(self)), file: Arc::clone(&self.file) })
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            let variables = lock(&scope.variables);
            if let Some((_, value)) = variables.iter().rev().find(|(known, _)| **known == *name) {
                return Some(value.clone());
            }
            drop(variables);
            scope = scope.parent.as_deref()?;
        }
    }

    /// Assigns in this scope; outer variables of the name are hidden, not changed.
    pub(crate) fn set(&self, name: &Arc<str>, value: Value) {
        let mut variables = lock(&self.variables);
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, slot)) => *slot = value,
            None => variables.push((Arc::clone(name), value)),
        }
    }

    /// The names that are in reach, for suggestions.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = lock(&self.variables).iter().map(|(name, _)| Arc::clone(name)).collect();
        if let Some(parent) = &self.parent {
            names.extend(parent.names());
        }
        names
    }
}
