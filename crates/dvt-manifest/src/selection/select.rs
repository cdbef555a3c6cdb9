//! Criteria, graph operators and the tests that come along.

use super::earlier::{by_result, by_source_status};
use super::member::Member;
use super::method::matching;
use super::parse::{Criterion, Method, SelectionError};
use super::set::NodeSet;
use super::spec::{IndirectSelection, SelectionGroup, SelectionSpec, SetOperation};
use super::{Selectors, fnmatch};
use crate::state::{PreviousState, StateComparison};
use crate::{Graph, Manifest, ResourceType, UniqueId};
use dvt_diagnostics::{Diagnostic, Event, kinds};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What the command line asks for.
#[derive(Clone, Debug, Default)]
pub struct SelectionRequest {
    /// `--select`; empty for everything.
    pub select: Vec<String>,
    pub exclude: Vec<String>,
    /// `--selector`: a selector of `selectors`, in place of `select` and `exclude`.
    pub selector: Option<String>,
    pub indirect: IndirectSelection,
    /// Only these kinds, once everything is selected; `None` for all.
    pub resource_types: Option<Vec<ResourceType>>,
    /// Models without SQL too: `ls` shows them, nothing runs them.
    pub include_empty: bool,
    /// `selectors.yml`. Its default is used when neither `select` nor `exclude` says anything.
    pub selectors: Arc<Selectors>,
    /// The artifacts of `--state`.
    pub previous: Option<Arc<PreviousState>>,
    /// The project's folder, for `path:`.
    pub project_root: Option<PathBuf>,
    /// What differs in comparing with the artifacts of `--state`.
    pub comparison: StateSettings,
}

/// Settings of the comparison with earlier artifacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateSettings {
    /// Seeds above this size are known by their path; for messages.
    pub maximum_seed_size_mib: u64,
    /// `state_modified_compare_more_unrendered_values`: sources are compared as they were written, not as rendered.
    pub compares_unrendered: bool,
}

impl Default for StateSettings {
    fn default() -> Self {
        Self { maximum_seed_size_mib: 1, compares_unrendered: true }
    }
}

/// What it means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    pub ids: BTreeSet<UniqueId>,
    /// dbt's warning for each criterion that matches nothing, and what the comparison with `--state` warns of.
    pub warnings: Vec<Diagnostic>,
    /// The selector of `selectors.yml` that was taken because the command named nothing.
    pub default_selector: Option<String>,
}

/// Selected directly, and tests that would come along if more were selected.
struct Found {
    direct: NodeSet,
    indirect: NodeSet,
}

/// Finds the nodes that a command works on.
///
/// # Errors
/// [`SelectionError`] for a criterion that makes no sense. One that merely matches nothing is a warning.
pub fn select(manifest: &Manifest, graph: &Graph, request: &SelectionRequest) -> Result<Selected, SelectionError> {
    let mut selector = Selector {
        manifest,
        graph,
        request,
        members: Member::all(manifest, graph),
        comparison: None,
        open_selectors: Vec::new(),
        warnings: Vec::new(),
    };
    let mut default_selector = None;
    let named = match &request.selector {
        Some(name) => Some(name.as_str()),
        None if request.select.is_empty() && request.exclude.is_empty() => {
            default_selector = request.selectors.default_name().map(str::to_owned);
            default_selector.as_deref()
        }
        None => None,
    };
    let found = match named {
        Some(name) => {
            let spec = request.selectors.get(name).ok_or_else(|| SelectionError::UnknownSelector {
                name: name.to_owned(),
                known: request.selectors.names(),
            })?;
            selector.open_selectors.push(name.to_owned());
            selector.selected(spec)?
        }
        None => {
            let everything = NodeSet::full(selector.members.len());
            let included = if request.select.is_empty() {
                Found { indirect: everything.clone(), direct: everything }
            } else {
                selector.find(&SelectionSpec::parse(&request.select)?)?
            };
            let direct = if request.exclude.is_empty() {
                included.direct
            } else {
                included.direct.difference(&selector.find(&SelectionSpec::parse(&request.exclude)?)?.direct)
            };
            selector.filtered(direct)
        }
    };
    let ids = found.iter().map(|position| graph.ids()[position].clone()).collect();
    Ok(Selected { ids, warnings: selector.warnings, default_selector })
}

/// One selection at work.
pub(crate) struct Selector<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) graph: &'a Graph,
    pub(crate) request: &'a SelectionRequest,
    /// By graph position.
    pub(crate) members: Vec<Option<Member<'a>>>,
    /// Made by the first `state:`.
    comparison: Option<StateComparison<'a>>,
    /// The selectors of `selectors.yml` that are being resolved, outermost first.
    open_selectors: Vec<String>,
    warnings: Vec<Diagnostic>,
}

impl<'a> Selector<'a> {
    /// A whole selection: found, and reduced to what the command works on.
    fn selected(&mut self, spec: &SelectionSpec) -> Result<NodeSet, SelectionError> {
        let found = self.find(spec)?;
        Ok(self.filtered(found.direct))
    }

    fn filtered(&self, found: NodeSet) -> NodeSet {
        let mut kept = NodeSet::empty(self.members.len());
        for position in found.iter() {
            let is_wanted = self.members.get(position).and_then(Option::as_ref).is_some_and(|member| {
                let kinds = self.request.resource_types.as_ref();
                kinds.is_none_or(|kinds| kinds.contains(&member.resource_type))
                    && (self.request.include_empty || !member.is_empty())
            });
            if is_wanted {
                kept.insert(position);
            }
        }
        kept
    }

    fn find(&mut self, spec: &SelectionSpec) -> Result<Found, SelectionError> {
        match spec {
            SelectionSpec::Criterion(criterion) => self.find_criterion(criterion),
            SelectionSpec::Group(group) => self.find_group(group),
        }
    }

    fn find_group(&mut self, group: &SelectionGroup) -> Result<Found, SelectionError> {
        let mut combined: Option<Found> = None;
        for part in &group.parts {
            let found = self.find(part)?;
            let all = found.indirect.union(&found.direct);
            combined = Some(match (combined, group.operation) {
                (None, _) => Found { direct: found.direct, indirect: all },
                (Some(so_far), SetOperation::Union) => {
                    Found { direct: so_far.direct.union(&found.direct), indirect: so_far.indirect.union(&all) }
                }
                (Some(so_far), SetOperation::Intersection) => Found {
                    direct: so_far.direct.intersection(&found.direct),
                    indirect: so_far.indirect.intersection(&all),
                },
                (Some(so_far), SetOperation::Difference) => Found {
                    direct: so_far.direct.difference(&found.direct),
                    indirect: so_far.indirect.difference(&all),
                },
            });
        }
        let nothing = || NodeSet::empty(self.members.len());
        let mut found = combined.unwrap_or_else(|| Found { direct: nothing(), indirect: nothing() });
        if group.incorporates {
            found.direct = self.incorporate(found.direct, &found.indirect);
        }
        if let Some(raw) = &group.expected
            && found.direct.is_empty()
        {
            let message = format!("The selection criterion '{raw}' does not match any enabled nodes");
            let event =
                Event::new(kinds::NO_NODES_FOR_SELECTION_CRITERIA, message.clone()).with("spec_raw", raw.as_str());
            self.warnings.push(Diagnostic::warning("nothing-selected", message).event(event));
        }
        Ok(found)
    }

    fn find_criterion(&mut self, criterion: &Criterion) -> Result<Found, SelectionError> {
        let matched = match criterion.method {
            Method::State => self.by_state(&criterion.value)?,
            Method::Result => by_result(self, &criterion.value)?,
            Method::SourceStatus => by_source_status(self, &criterion.value)?,
            Method::Selector => self.by_selector(&criterion.value)?,
            _ => matching(self, criterion)?,
        };
        let mut selected = matched.clone();
        if criterion.childrens_parents {
            let with_children = self.reach(&matched, None, Graph::children_at).union(&matched);
            selected = selected.union(&self.reach(&with_children, None, Graph::parents_at)).union(&with_children);
        }
        if let Some(depth) = criterion.parents {
            selected = selected.union(&self.reach(&matched, depth, Graph::parents_at));
        }
        if let Some(depth) = criterion.children {
            selected = selected.union(&self.reach(&matched, depth, Graph::children_at));
        }
        let mode = criterion.indirect.unwrap_or(self.request.indirect);
        // A selector has brought its tests itself, and may have left some out on purpose.
        if mode == IndirectSelection::Empty || criterion.method == Method::Selector {
            return Ok(Found { direct: selected, indirect: NodeSet::empty(self.members.len()) });
        }
        Ok(self.with_tests(selected, mode))
    }

    /// All that is reached from these over the edges, up to `depth` steps: a starting point only if another leads to it.
    fn reach(&self, from: &NodeSet, depth: Option<usize>, edges: fn(&Graph, usize) -> &[usize]) -> NodeSet {
        let mut reached = NodeSet::empty(self.members.len());
        let mut layer: Vec<usize> = from.iter().collect();
        let mut steps = 0;
        while !layer.is_empty() && depth.is_none_or(|depth| steps < depth) {
            let mut next = Vec::new();
            for position in layer {
                next.extend(edges(self.graph, position).iter().copied().filter(|&other| reached.insert(other)));
            }
            layer = next;
            steps += 1;
        }
        reached
    }

    /// The tests right below the selected nodes: selected along, or kept in mind.
    fn with_tests(&self, selected: NodeSet, mode: IndirectSelection) -> Found {
        let reach = self.readable(&selected, mode, true);
        let mut found = Found { direct: selected.clone(), indirect: NodeSet::empty(self.members.len()) };
        for position in selected.iter() {
            for &child in self.graph.children_at(position) {
                let Some(test) = self.members[child].as_ref().filter(|member| member.is_test()) else { continue };
                if mode == IndirectSelection::Eager || self.reads_only(test, &reach) {
                    found.direct.insert(child);
                } else {
                    found.indirect.insert(child);
                }
            }
        }
        found
    }

    /// After sets were combined, tests that were only kept in mind may have all their inputs now.
    fn incorporate(&self, direct: NodeSet, indirect: &NodeSet) -> NodeSet {
        let mode = self.request.indirect;
        if !matches!(mode, IndirectSelection::Cautious | IndirectSelection::Buildable) {
            return direct;
        }
        let reach = self.readable(&direct, mode, false);
        let mut direct = direct;
        for position in indirect.iter() {
            let is_complete = self.members[position]
                .as_ref()
                .is_some_and(|member| member.as_node().is_some() && self.reads_only(member, &reach));
            if is_complete {
                direct.insert(position);
            }
        }
        direct
    }

    /// What a test may read to come along.
    fn readable(&self, selected: &NodeSet, mode: IndirectSelection, with_sources: bool) -> NodeSet {
        let mut reach = selected.clone();
        if mode == IndirectSelection::Buildable {
            reach = reach.union(&self.reach(selected, None, Graph::parents_at));
            if with_sources {
                for position in self.manifest.sources.keys().filter_map(|id| self.graph.position(id)) {
                    reach.insert(position);
                }
            }
        }
        reach
    }

    fn reads_only(&self, member: &Member<'_>, reach: &NodeSet) -> bool {
        member.depends_on().iter().all(|id| self.graph.position(id).is_some_and(|position| reach.contains(position)))
    }

    /// The selectors of `selectors.yml` whose names match the pattern, each a whole selection of its own.
    fn by_selector(&mut self, pattern: &str) -> Result<NodeSet, SelectionError> {
        let request = self.request;
        let mut names: Vec<String> =
            request.selectors.names().into_iter().filter(|name| fnmatch(name, pattern)).collect();
        names.sort_unstable();
        if names.is_empty() {
            return Err(SelectionError::NoSuchSelector {
                pattern: pattern.to_owned(),
                known: request.selectors.names(),
            });
        }
        let mut found = NodeSet::empty(self.members.len());
        for name in names {
            if self.open_selectors.contains(&name) {
                return Err(SelectionError::CircularSelector { name });
            }
            let Some(spec) = request.selectors.get(&name) else { continue };
            self.open_selectors.push(name);
            let selected = self.selected(spec)?;
            self.open_selectors.pop();
            found = found.union(&selected);
        }
        Ok(found)
    }

    fn by_state(&mut self, check: &str) -> Result<NodeSet, SelectionError> {
        let mut comparison = match self.comparison.take() {
            Some(comparison) => comparison,
            None => {
                let previous = self.request.previous.as_ref().and_then(|previous| previous.manifest.as_ref());
                let previous = previous.ok_or(SelectionError::NoComparisonManifest)?;
                StateComparison::new(self.manifest, previous, self.request.comparison)
            }
        };
        let mut found = NodeSet::empty(self.members.len());
        for position in comparison.search(&self.members, check)? {
            found.insert(position);
        }
        for warning in comparison.take_warnings() {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        self.comparison = Some(comparison);
        Ok(found)
    }
}
