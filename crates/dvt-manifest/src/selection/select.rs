//! Criteria, graph operators and the tests that come along.

use super::method::matching;
use super::parse::{Criterion, SelectionError, SelectionSpec};
use crate::{Graph, Manifest, ResourceType, UniqueId};
use dvt_diagnostics::Diagnostic;
use std::collections::BTreeSet;

/// Which tests of selected nodes come along although nobody named them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndirectSelection {
    /// A test of any selected node.
    #[default]
    Eager,
    /// A test all of whose inputs are selected.
    Cautious,
    /// A test whose inputs are selected or upstream of what is selected.
    Buildable,
    /// None.
    Empty,
}

impl IndirectSelection {
    /// dbt's word for it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct SelectionRequest {
    /// `--select`; empty for everything.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    pub indirect: IndirectSelection,
    /// What the command can run; `None` for every kind.
    pub resource_types: Option<Vec<ResourceType>>,
}

/// What it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    pub ids: BTreeSet<UniqueId>,
    /// dbt's warning for each criterion that matches nothing.
    pub warnings: Vec<Diagnostic>,
}

/// Selected directly, and tests that would come along if more were selected.
#[derive(Clone, Default)]
struct Found {
    direct: BTreeSet<UniqueId>,
    indirect: BTreeSet<UniqueId>,
}

/// Finds the nodes that a command works on.
///
/// # Errors
/// [`SelectionError`] for a criterion that makes no sense. One that merely matches nothing is a warning.
pub fn select(manifest: &Manifest, graph: &Graph, request: &SelectionRequest) -> Result<Selected, SelectionError> {
    let mut selector = Selector { manifest, graph, indirect: request.indirect, warnings: Vec::new() };
    let mut found = if request.select.iter().all(|word| word.trim().is_empty()) {
        let everything: BTreeSet<UniqueId> = manifest.graph_ids().cloned().collect();
        Found { direct: everything, indirect: BTreeSet::new() }
    } else {
        selector.find(&SelectionSpec::parse(&request.select)?, true)?
    };
    let excluded = SelectionSpec::parse(&request.exclude)?;
    if excluded != SelectionSpec::Union(Vec::new()) {
        // dbt excludes eagerly whatever the flag says, so that an excluded model's tests go with it.
        selector.indirect = IndirectSelection::Eager;
        let excluded = selector.find(&excluded, false)?;
        selector.indirect = request.indirect;
        let all_found: BTreeSet<UniqueId> = found.direct.union(&found.indirect).cloned().collect();
        let all_excluded: BTreeSet<UniqueId> = excluded.direct.union(&excluded.indirect).cloned().collect();
        found = Found {
            direct: found.direct.difference(&excluded.direct).cloned().collect(),
            indirect: all_found.difference(&all_excluded).cloned().collect(),
        };
        found.direct = selector.incorporate(found.direct, &found.indirect);
    }
    let mut ids = found.direct;
    if let Some(resource_types) = &request.resource_types {
        ids.retain(|id| manifest.resource_type(id).is_some_and(|kind| resource_types.contains(&kind)));
    }
    Ok(Selected { ids, warnings: selector.warnings })
}

struct Selector<'a> {
    manifest: &'a Manifest,
    graph: &'a Graph,
    indirect: IndirectSelection,
    warnings: Vec<Diagnostic>,
}

impl Selector<'_> {
    fn find(&mut self, spec: &SelectionSpec, must_exist: bool) -> Result<Found, SelectionError> {
        let parts = match spec {
            SelectionSpec::Criterion(criterion) => {
                let found = self.find_criterion(criterion)?;
                if must_exist && found.direct.is_empty() {
                    self.warn_nothing(&criterion.raw);
                }
                return Ok(found);
            }
            SelectionSpec::Union(parts) | SelectionSpec::Intersection(parts) => parts,
        };
        let is_intersection = matches!(spec, SelectionSpec::Intersection(_));
        let mut combined: Option<Found> = None;
        for part in parts {
            // Of an intersection only the whole is expected to match something.
            let mut found = self.find(part, must_exist && !is_intersection)?;
            found.indirect.extend(found.direct.iter().cloned());
            combined = Some(match combined {
                None => found,
                Some(so_far) if is_intersection => Found {
                    direct: so_far.direct.intersection(&found.direct).cloned().collect(),
                    indirect: so_far.indirect.intersection(&found.indirect).cloned().collect(),
                },
                Some(so_far) => Found {
                    direct: so_far.direct.union(&found.direct).cloned().collect(),
                    indirect: so_far.indirect.union(&found.indirect).cloned().collect(),
                },
            });
        }
        let mut found = combined.unwrap_or_default();
        found.direct = self.incorporate(found.direct, &found.indirect);
        if must_exist && is_intersection && found.direct.is_empty() {
            let raw: Vec<&str> = parts
                .iter()
                .filter_map(|part| match part {
                    SelectionSpec::Criterion(criterion) => Some(criterion.raw.as_str()),
                    _ => None,
                })
                .collect();
            self.warn_nothing(&raw.join(","));
        }
        Ok(found)
    }

    fn warn_nothing(&mut self, raw: &str) {
        self.warnings.push(Diagnostic::warning(
            "nothing-selected",
            format!("The selection criterion '{raw}' does not match any enabled nodes"),
        ));
    }

    fn find_criterion(&self, criterion: &Criterion) -> Result<Found, SelectionError> {
        let matched = matching(self.manifest, criterion)?;
        let mut selected = matched.clone();
        if criterion.childrens_parents {
            let mut with_children = matched.clone();
            with_children.extend(self.graph.descendants(&matched, None));
            selected.extend(self.graph.ancestors(&with_children, None));
            selected.extend(with_children);
        }
        if let Some(depth) = criterion.parents {
            selected.extend(self.graph.ancestors(&matched, depth));
        }
        if let Some(depth) = criterion.children {
            selected.extend(self.graph.descendants(&matched, depth));
        }
        Ok(self.with_tests(selected))
    }

    /// The tests right below the selected nodes: selected along, or kept in mind.
    fn with_tests(&self, selected: BTreeSet<UniqueId>) -> Found {
        if self.indirect == IndirectSelection::Empty {
            return Found { direct: selected, indirect: BTreeSet::new() };
        }
        let reach = self.reach_of(&selected);
        let mut found = Found { direct: selected.clone(), indirect: BTreeSet::new() };
        for id in &selected {
            for child in self.graph.children(id) {
                if !self.is_test(child) {
                    continue;
                }
                let comes_along = self.indirect == IndirectSelection::Eager || self.reads_only(child, &reach);
                if comes_along {
                    found.direct.insert(child.clone());
                } else {
                    found.indirect.insert(child.clone());
                }
            }
        }
        found
    }

    /// After sets were combined, tests that were only kept in mind may have all their inputs now.
    fn incorporate(&self, direct: BTreeSet<UniqueId>, indirect: &BTreeSet<UniqueId>) -> BTreeSet<UniqueId> {
        if !matches!(self.indirect, IndirectSelection::Cautious | IndirectSelection::Buildable) {
            return direct;
        }
        let reach = self.reach_of(&direct);
        let coming: Vec<UniqueId> = indirect
            .iter()
            .filter(|id| !direct.contains(*id) && self.is_test(id) && self.reads_only(id, &reach))
            .cloned()
            .collect();
        let mut direct = direct;
        direct.extend(coming);
        direct
    }

    /// What a test may read to come along.
    fn reach_of(&self, selected: &BTreeSet<UniqueId>) -> BTreeSet<UniqueId> {
        let mut reach = selected.clone();
        if self.indirect == IndirectSelection::Buildable {
            reach.extend(self.graph.ancestors(selected, None));
            reach.extend(self.manifest.sources.keys().cloned());
        }
        reach
    }

    fn reads_only(&self, test: &str, reach: &BTreeSet<UniqueId>) -> bool {
        self.manifest.parents(test).iter().all(|parent| reach.contains(parent))
    }

    fn is_test(&self, id: &str) -> bool {
        matches!(self.manifest.resource_type(id), Some(ResourceType::Test | ResourceType::UnitTest))
    }
}
