//! Who depends on whom: neighbours, cycles, and the order in which nodes run.

use crate::{Manifest, ResourceType, UniqueId};
use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// The dependencies of a manifest, both ways. Built once; the manifest must not change its `depends_on` afterwards.
#[derive(Clone, Debug)]
pub struct Graph {
    ids: Vec<UniqueId>,
    positions: HashMap<UniqueId, usize>,
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
}

/// Selected nodes in an order that respects their dependencies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// By level, then by unique id: dbt's order with one thread.
    pub order: Vec<UniqueId>,
    /// For each selected node the selected nodes it has to wait for, also where nodes that are not selected lie between.
    pub waits_for: IndexMap<UniqueId, Vec<UniqueId>>,
}

impl Graph {
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        let ids: Vec<UniqueId> = manifest.graph_ids().cloned().collect();
        let positions: HashMap<UniqueId, usize> =
            ids.iter().enumerate().map(|(position, id)| (id.clone(), position)).collect();
        let mut parents = vec![Vec::new(); ids.len()];
        let mut children = vec![Vec::new(); ids.len()];
        for (position, id) in ids.iter().enumerate() {
            for parent in manifest.parents(id) {
                if let Some(&parent) = positions.get(parent)
                    && !parents[position].contains(&parent)
                {
                    parents[position].push(parent);
                    children[parent].push(position);
                }
            }
        }
        Self { ids, positions, parents, children }
    }

    /// With dbt's edges for `build`: a node waits for the tests of everything upstream of it, where those tests read
    /// nothing but what is upstream too. Where a node upstream waits for a test already, no edge of its own is added.
    #[must_use]
    pub fn with_test_edges(mut self, manifest: &Manifest) -> Self {
        let is_test: Vec<bool> = self
            .ids
            .iter()
            .map(|id| matches!(manifest.resource_type(id), Some(ResourceType::Test | ResourceType::UnitTest)))
            .collect();
        let ancestors = self.ancestor_sets(&is_test);
        let waits = |position: usize, read: &[usize]| {
            !is_test[position] && read.iter().all(|&parent| ancestors[position].contains(parent))
        };
        // An exposure or a metric has nothing to wait with.
        let can_wait = |position: usize| {
            let id = &self.ids[position];
            manifest.nodes.contains_key(id) || manifest.functions.contains_key(id)
        };
        let mut edges = Vec::new();
        for test in (0..self.ids.len()).filter(|&position| is_test[position]) {
            let read = &self.parents[test];
            let candidates = match read.as_slice() {
                [] => Vec::new(),
                [only] => self.children[*only].clone(),
                _ => (0..self.ids.len()).collect(),
            };
            for position in candidates {
                let is_first = || !self.parents[position].iter().any(|&parent| waits(parent, read));
                if can_wait(position) && waits(position, read) && is_first() {
                    edges.push((test, position));
                }
            }
        }
        for (test, position) in edges {
            if !self.parents[position].contains(&test) {
                self.parents[position].push(test);
                self.children[test].push(position);
            }
        }
        self
    }

    /// What each id depends on, directly or not; nothing is read through a test. The graph must have no cycle.
    fn ancestor_sets(&self, is_test: &[bool]) -> Vec<Ancestors> {
        let words = self.ids.len().div_ceil(64);
        let mut sets = vec![Ancestors(Vec::new()); self.ids.len()];
        let mut waiting: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut open: Vec<usize> = (0..self.ids.len()).filter(|&position| waiting[position] == 0).collect();
        while let Some(position) = open.pop() {
            let mut set = Ancestors(vec![0; words]);
            for &parent in &self.parents[position] {
                set.insert(parent);
                set.extend(&sets[parent]);
            }
            if !is_test[position] {
                sets[position] = set;
            }
            for &child in &self.children[position] {
                waiting[child] -= 1;
                if waiting[child] == 0 {
                    open.push(child);
                }
            }
        }
        sets
    }

    #[must_use]
    pub fn contains(&self, unique_id: &str) -> bool {
        self.positions.contains_key(unique_id)
    }

    /// Every id of the graph; its index is the id's position.
    #[must_use]
    pub fn ids(&self) -> &[UniqueId] {
        &self.ids
    }

    #[must_use]
    pub fn position(&self, unique_id: &str) -> Option<usize> {
        self.positions.get(unique_id).copied()
    }

    /// The positions of the direct dependencies.
    #[must_use]
    pub fn parents_at(&self, position: usize) -> &[usize] {
        self.parents.get(position).map_or(&[], Vec::as_slice)
    }

    /// The positions of the direct dependants.
    #[must_use]
    pub fn children_at(&self, position: usize) -> &[usize] {
        self.children.get(position).map_or(&[], Vec::as_slice)
    }

    /// The direct dependants, in the order of the manifest.
    pub fn children(&self, unique_id: &str) -> impl Iterator<Item = &UniqueId> {
        self.neighbours(unique_id, &self.children)
    }

    /// The direct dependencies.
    pub fn parents(&self, unique_id: &str) -> impl Iterator<Item = &UniqueId> {
        self.neighbours(unique_id, &self.parents)
    }

    fn neighbours<'a>(&'a self, unique_id: &str, edges: &'a [Vec<usize>]) -> impl Iterator<Item = &'a UniqueId> {
        self.positions
            .get(unique_id)
            .into_iter()
            .flat_map(move |&position| edges[position].iter().map(|&id| &self.ids[id]))
    }

    /// All that these depend on, up to `depth` steps, without the starting points (unless one depends on another).
    #[must_use]
    pub fn ancestors(&self, from: &BTreeSet<UniqueId>, depth: Option<usize>) -> BTreeSet<UniqueId> {
        self.reach_ids(from, depth, &self.parents)
    }

    /// All that depend on these, up to `depth` steps.
    #[must_use]
    pub fn descendants(&self, from: &BTreeSet<UniqueId>, depth: Option<usize>) -> BTreeSet<UniqueId> {
        self.reach_ids(from, depth, &self.children)
    }

    fn reach_ids(&self, from: &BTreeSet<UniqueId>, depth: Option<usize>, edges: &[Vec<usize>]) -> BTreeSet<UniqueId> {
        let start: Vec<usize> = from.iter().filter_map(|id| self.positions.get(id).copied()).collect();
        self.reach(&start, depth, edges).into_iter().map(|position| self.ids[position].clone()).collect()
    }

    fn reach(&self, start: &[usize], depth: Option<usize>, edges: &[Vec<usize>]) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        // Breadth first, so that a node is met by its shortest way before a depth limit cuts a longer one.
        let mut visited: BTreeSet<usize> = start.iter().copied().collect();
        let mut queue: VecDeque<(usize, usize)> = start.iter().map(|&position| (position, 0)).collect();
        while let Some((position, distance)) = queue.pop_front() {
            if depth.is_some_and(|depth| distance >= depth) {
                continue;
            }
            for &next in &edges[position] {
                reached.insert(next);
                if visited.insert(next) {
                    queue.push_back((next, distance + 1));
                }
            }
        }
        reached
    }

    /// One cycle, if there is any: each id depends on the next one, and the last on the first.
    #[must_use]
    pub fn find_cycle(&self) -> Option<Vec<UniqueId>> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; self.ids.len()];
        for root in 0..self.ids.len() {
            if marks[root] != Mark::New {
                continue;
            }
            // A path with, for each id on it, the next parent to look at; no recursion, so a long chain is no problem.
            let mut path: Vec<(usize, usize)> = vec![(root, 0)];
            marks[root] = Mark::Open;
            while let Some((position, next)) = path.last_mut() {
                let Some(&parent) = self.parents[*position].get(*next) else {
                    marks[*position] = Mark::Done;
                    path.pop();
                    continue;
                };
                *next += 1;
                match marks[parent] {
                    Mark::Done => {}
                    Mark::New => {
                        marks[parent] = Mark::Open;
                        path.push((parent, 0));
                    }
                    Mark::Open => {
                        let start = path.iter().position(|&(id, _)| id == parent).unwrap_or_default();
                        return Some(path[start..].iter().map(|&(id, _)| self.ids[id].clone()).collect());
                    }
                }
            }
        }
        None
    }

    /// The selected nodes in the order dbt's queue hands them out: by level in the graph of the selected, then by unique
    /// id. Ids that the graph does not know are left out. The graph must have no cycle.
    #[must_use]
    pub fn schedule(&self, selected: &BTreeSet<UniqueId>) -> Schedule {
        let chosen: BTreeSet<usize> = selected.iter().filter_map(|id| self.positions.get(id).copied()).collect();
        let mut waits_for: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for &position in &chosen {
            let mut found = BTreeSet::new();
            let mut visited = BTreeSet::new();
            let mut queue: Vec<usize> = self.parents[position].clone();
            while let Some(parent) = queue.pop() {
                if !visited.insert(parent) {
                    continue;
                }
                if chosen.contains(&parent) {
                    found.insert(parent);
                } else {
                    queue.extend(&self.parents[parent]);
                }
            }
            waits_for.insert(position, found);
        }
        let mut dependants: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
        for (&position, parents) in &waits_for {
            waiting.insert(position, parents.len());
            for &parent in parents {
                dependants.entry(parent).or_default().push(position);
            }
        }
        let mut level: Vec<usize> =
            waiting.iter().filter(|&(_, &count)| count == 0).map(|(&position, _)| position).collect();
        let mut order = Vec::with_capacity(chosen.len());
        while !level.is_empty() {
            level.sort_by(|&left, &right| self.ids[left].cmp(&self.ids[right]));
            let mut next = Vec::new();
            for &position in &level {
                order.push(self.ids[position].clone());
                for &child in dependants.get(&position).map_or(&[][..], Vec::as_slice) {
                    if let Some(count) = waiting.get_mut(&child) {
                        *count -= 1;
                        if *count == 0 {
                            next.push(child);
                        }
                    }
                }
            }
            level = next;
        }
        let waits_for = order
            .iter()
            .map(|id| {
                let parents = &waits_for[&self.positions[id]];
                (id.clone(), parents.iter().map(|&parent| self.ids[parent].clone()).collect())
            })
            .collect();
        Schedule { order, waits_for }
    }

    /// dbt's `parent_map` of `manifest.json`: every id with its sorted dependencies.
    #[must_use]
    pub fn parent_map(&self) -> Map<String, Value> {
        self.parents_json().to_map()
    }

    /// The same, to be written out.
    pub(crate) fn parents_json(&self) -> EdgeMap<'_> {
        EdgeMap { ids: &self.ids, edges: &self.parents }
    }

    /// dbt's `child_map`.
    #[must_use]
    pub fn child_map(&self) -> Map<String, Value> {
        self.children_json().to_map()
    }

    pub(crate) fn children_json(&self) -> EdgeMap<'_> {
        EdgeMap { ids: &self.ids, edges: &self.children }
    }

    /// dbt's summary of the graph: every id by its place, with its type and the places of those that depend on it.
    #[must_use]
    pub fn summary(&self, manifest: &Manifest) -> Map<String, Value> {
        let entry = |(position, id): (usize, &UniqueId)| {
            let kind = manifest.resource_type(id).map(ResourceType::as_str);
            let mut summary = Map::new();
            summary.insert("name".to_owned(), Value::from(id.as_str()));
            summary.insert("type".to_owned(), Value::from(kind));
            if !self.children[position].is_empty() {
                summary.insert("succ".to_owned(), Value::from(self.children[position].clone()));
            }
            (position.to_string(), Value::Object(summary))
        };
        self.ids.iter().enumerate().map(entry).collect()
    }
}

/// Every id with its sorted neighbours on one side.
pub(crate) struct EdgeMap<'a> {
    ids: &'a [UniqueId],
    edges: &'a [Vec<usize>],
}

impl<'a> EdgeMap<'a> {
    fn entries(&self) -> impl Iterator<Item = (&'a UniqueId, Vec<&'a str>)> {
        let ids = self.ids;
        ids.iter().zip(self.edges).map(move |(id, neighbours)| {
            let mut neighbours: Vec<&str> = neighbours.iter().map(|&position| ids[position].as_str()).collect();
            neighbours.sort_unstable();
            (id, neighbours)
        })
    }

    fn to_map(&self) -> Map<String, Value> {
        self.entries().map(|(id, neighbours)| (id.clone(), Value::from(neighbours))).collect()
    }
}

impl Serialize for EdgeMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
    }
}

/// A set of positions.
#[derive(Clone, Debug)]
struct Ancestors(Vec<u64>);

impl Ancestors {
    fn insert(&mut self, position: usize) {
        self.0[position / 64] |= 1 << (position % 64);
    }

    fn extend(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn contains(&self, position: usize) -> bool {
        self.0.get(position / 64).is_some_and(|word| word & (1 << (position % 64)) != 0)
    }
}
