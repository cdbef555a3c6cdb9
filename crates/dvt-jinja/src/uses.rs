//! What templates looked at that stands in no file: variables of the environment, flags, the clock.
//!
//! Whoever wants to use a result again must know that these still say the same. They are noted where they are looked at,
//! not where a render's result is read, so that nothing is missed.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Notes of one invocation, shared by all its renders. Clones note into the same place.
#[derive(Clone, Debug, Default)]
pub struct Uses(Arc<Mutex<Used>>);

/// What was looked at so far, and what it said.
#[derive(Clone, Default, PartialEq)]
pub struct Used {
    /// Variables of the environment; `None` for one that is not set.
    pub env: BTreeMap<String, Option<String>>,
    /// `flags`, by the name they were asked by; `None` for one that is not there.
    pub flags: BTreeMap<String, Option<Json>>,
    /// `run_started_at`, `invocation_id`, `datetime.now()`: what is never the same twice.
    pub clock: bool,
    /// `dbt_metadata_envs`.
    pub metadata_envs: bool,
    /// A function of `modules.itertools` was called.
    pub itertools: bool,
}

impl Uses {
    /// Notes a variable of the environment that was looked at.
    pub fn env(&self, name: &str, value: Option<&str>) {
        let mut used = self.lock();
        if !used.env.contains_key(name) {
            used.env.insert(name.to_owned(), value.map(str::to_owned));
        }
    }

    /// Notes a flag that was looked at, by a template or by the reader of a project.
    pub fn flag(&self, name: &str, value: Option<&Json>) {
        let mut used = self.lock();
        if !used.flags.contains_key(name) {
            used.flags.insert(name.to_owned(), value.cloned());
        }
    }

    pub(crate) fn clock(&self) {
        self.lock().clock = true;
    }

    /// Notes that `dbt_metadata_envs` was looked at.
    pub fn metadata_envs(&self) {
        self.lock().metadata_envs = true;
    }

    pub(crate) fn itertools(&self) {
        self.lock().itertools = true;
    }

    /// What was noted so far.
    #[must_use]
    pub fn so_far(&self) -> Used {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Used {
    /// Without the values of the environment, which may be passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Used")
            .field("env", &self.env.keys())
            .field("flags", &self.flags)
            .field("clock", &self.clock)
            .field("metadata_envs", &self.metadata_envs)
            .field("itertools", &self.itertools)
            .finish()
    }
}
