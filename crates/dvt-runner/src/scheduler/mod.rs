//! Decides what runs when: dependency order, dbt's priority, slots, skips, fail-fast, cancel.
//!
//! In: tasks with their dependencies, and a function that runs one. Out: a call per task that finished or was skipped.
//! It knows nothing about models or databases.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

mod slots;
#[cfg(test)]
mod tests;

pub(crate) use slots::{Slot, Slots};

/// One thing to run. Tasks are named by their place in the slice.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) unique_id: String,
    /// Places of the tasks that must succeed before.
    pub(crate) dependencies: Vec<usize>,
    /// The connection that it writes to: at most [`Limits::per_group`] of one group run at once.
    pub(crate) group: String,
    /// Whether it counts in `1 of N`.
    pub(crate) is_counted: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How many run at once.
    pub(crate) slots: Arc<Slots>,
    /// Groups without an entry share only the overall limit.
    pub(crate) per_group: HashMap<String, usize>,
}

/// Why a task did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// Something that it depends on failed: the place of the task that failed first.
    Upstream(usize),
    FailFast,
    /// The run was cancelled before it started.
    Cancelled,
}

/// How a finished task counts for those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Succeeded,
    /// What depends on it is skipped.
    Failed,
    /// What depends on it is skipped, and everything else that has not started too.
    FailedFast,
    /// What depends on it runs, but everything that has not started is skipped.
    StopsAll,
}

/// What the scheduler tells, in the order it happens.
#[derive(Debug)]
pub(crate) enum Event<R> {
    /// `position` counts from 1 in the order of starting.
    Finished {
        task: usize,
        position: usize,
        result: R,
    },
    Skipped {
        task: usize,
        position: usize,
        why: Skip,
    },
    /// The task panicked; the text is the panic's.
    Panicked {
        task: usize,
        position: usize,
        slot: usize,
        panic: String,
    },
}

/// Where and as which number a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) task: usize,
    /// From 1, in the order of starting: dbt's `1 of N`.
    pub(crate) position: usize,
    /// From 1: dbt's thread number.
    pub(crate) slot: usize,
}

/// Runs all tasks. After a cancel nothing new starts, what runs is waited for, and the rest is told as skipped. Returns
/// whether nothing was cut short.
pub(crate) async fn run_tasks<R, F, S, E>(
    tasks: &[Task],
    limits: &Limits,
    cancel: &CancellationToken,
    start: S,
    mut on_event: E,
) -> bool
where
    R: Send + 'static,
    F: Future<Output = R> + Send + 'static,
    S: Fn(Place) -> F,
    E: FnMut(&Event<R>) -> Verdict,
{
    let mut state = State::new(tasks);
    let mut running: JoinSet<R> = JoinSet::new();
    let mut places: HashMap<tokio::task::Id, (Place, Slot)> = HashMap::new();
    let mut busy = vec![0usize; state.groups.len()];
    let room: Vec<Option<usize>> =
        state.groups.iter().map(|group| limits.per_group.get(group).map(|limit| (*limit).max(1))).collect();
    let mut failed_fast = false;
    loop {
        let mut lacks_slot = false;
        while !cancel.is_cancelled() {
            let has_room = |group: usize| room[group].is_none_or(|limit| busy[group] < limit);
            let Some(task) = state.next(|group| failed_fast || has_room(group)) else {
                break;
            };
            let why = match state.failed_upstream[task] {
                Some(upstream) => Some(Skip::Upstream(upstream)),
                None if failed_fast => Some(Skip::FailFast),
                None => None,
            };
            if let Some(why) = why {
                let position = state.start(task, tasks);
                on_event(&Event::Skipped { task, position, why });
                state.complete(task, None);
                continue;
            }
            let Some(slot) = limits.slots.try_take() else {
                lacks_slot = true;
                break;
            };
            let position = state.start(task, tasks);
            busy[state.group_of[task]] += 1;
            let place = Place { task, position, slot: slot.number };
            let handle = running.spawn(start(place));
            places.insert(handle.id(), (place, slot));
        }
        // A task may hold more slots than its own, and give those back before it ends.
        let joined = tokio::select! {
            joined = running.join_next_with_id() => joined,
            () = limits.slots.freed(), if lacks_slot && !running.is_empty() => continue,
        };
        let Some(joined) = joined else {
            break;
        };
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let (place, slot) = places.remove(&id).expect("every spawned task has a place");
        drop(slot);
        busy[state.group_of[place.task]] -= 1;
        let event = match joined {
            Ok((_, result)) => Event::Finished { task: place.task, position: place.position, result },
            Err(error) => Event::Panicked {
                task: place.task,
                position: place.position,
                slot: place.slot,
                panic: panic_text(error),
            },
        };
        let verdict = on_event(&event);
        failed_fast |= matches!(verdict, Verdict::FailedFast | Verdict::StopsAll);
        let failed = matches!(verdict, Verdict::Failed | Verdict::FailedFast);
        state.complete(place.task, failed.then_some(place.task));
    }
    let unstarted: Vec<usize> = (0..tasks.len()).filter(|task| !state.started[*task]).collect();
    for &task in &unstarted {
        let position = state.start(task, tasks);
        on_event(&Event::Skipped { task, position, why: Skip::Cancelled });
    }
    unstarted.is_empty()
}

fn panic_text(error: tokio::task::JoinError) -> String {
    if !error.is_panic() {
        return "the task was aborted".to_owned();
    }
    let payload = error.into_panic();
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

struct State {
    groups: Vec<String>,
    /// Each task's place in `groups`.
    group_of: Vec<usize>,
    /// dbt's priority, as one number for each task: how deep the task lies in the selected graph; ties go by unique id.
    rank: Vec<usize>,
    /// The task of each rank.
    by_rank: Vec<usize>,
    waits_for: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    failed_upstream: Vec<Option<usize>>,
    /// The ranks of the tasks that wait for nothing any more, by group: a group without room is passed over as a whole.
    ready: Vec<BTreeSet<usize>>,
    /// Those among them that will be skipped, and so need no room.
    skips: BTreeSet<usize>,
    started: Vec<bool>,
    position: usize,
}

impl State {
    fn new(tasks: &[Task]) -> Self {
        let mut dependents = vec![Vec::new(); tasks.len()];
        for (place, task) in tasks.iter().enumerate() {
            for &dependency in &task.dependencies {
                dependents[dependency].push(place);
            }
        }
        let waits_for: Vec<usize> = tasks.iter().map(|task| task.dependencies.len()).collect();
        let depths = depths(&waits_for, &dependents);
        let mut by_rank: Vec<usize> = (0..tasks.len()).collect();
        by_rank.sort_by(|&left, &right| {
            let key = |task: usize| (depths[task], tasks[task].unique_id.as_str(), task);
            key(left).cmp(&key(right))
        });
        let mut rank = vec![0; tasks.len()];
        for (place, &task) in by_rank.iter().enumerate() {
            rank[task] = place;
        }
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut groups = Vec::new();
        let group_of = tasks
            .iter()
            .map(|task| {
                *places.entry(task.group.as_str()).or_insert_with(|| {
                    groups.push(task.group.clone());
                    groups.len() - 1
                })
            })
            .collect();
        let mut state = Self {
            ready: vec![BTreeSet::new(); groups.len()],
            skips: BTreeSet::new(),
            groups,
            group_of,
            rank,
            by_rank,
            failed_upstream: vec![None; tasks.len()],
            started: vec![false; tasks.len()],
            position: 0,
            waits_for,
            dependents,
        };
        for task in 0..tasks.len() {
            if state.waits_for[task] == 0 {
                let rank = state.rank[task];
                state.queue(task).insert(rank);
            }
        }
        state
    }

    /// Where the task stands when it waits for nothing any more. By then all that it depends on is done, so whether it is
    /// skipped does not change.
    fn queue(&mut self, task: usize) -> &mut BTreeSet<usize> {
        if self.failed_upstream[task].is_some() { &mut self.skips } else { &mut self.ready[self.group_of[task]] }
    }

    /// Takes the task out of the queue and gives it its number.
    fn start(&mut self, task: usize, tasks: &[Task]) -> usize {
        let rank = self.rank[task];
        self.queue(task).remove(&rank);
        self.started[task] = true;
        self.position += usize::from(tasks[task].is_counted);
        self.position
    }

    /// The first task of those that are skipped or whose group has room.
    fn next(&self, has_room: impl Fn(usize) -> bool) -> Option<usize> {
        let ready = self.ready.iter().enumerate().filter(|(group, ready)| !ready.is_empty() && has_room(*group));
        let first = ready.filter_map(|(_, ready)| ready.first()).chain(self.skips.first()).min()?;
        Some(self.by_rank[*first])
    }

    /// Frees what waited for the task; with `failed`, those are to be skipped.
    fn complete(&mut self, task: usize, failed: Option<usize>) {
        let cause = failed.or(self.failed_upstream[task]);
        for dependent in self.dependents[task].clone() {
            if self.failed_upstream[dependent].is_none() {
                self.failed_upstream[dependent] = cause;
            }
            self.waits_for[dependent] -= 1;
            if self.waits_for[dependent] == 0 {
                let rank = self.rank[dependent];
                self.queue(dependent).insert(rank);
            }
        }
    }
}

/// The length of the longest way to each task from a task without dependencies.
fn depths(waits_for: &[usize], dependents: &[Vec<usize>]) -> Vec<usize> {
    let mut depths = vec![0; waits_for.len()];
    let mut waits_for = waits_for.to_vec();
    let mut open: Vec<usize> = (0..waits_for.len()).filter(|task| waits_for[*task] == 0).collect();
    while let Some(task) = open.pop() {
        for &dependent in &dependents[task] {
            depths[dependent] = depths[dependent].max(depths[task] + 1);
            waits_for[dependent] -= 1;
            if waits_for[dependent] == 0 {
                open.push(dependent);
            }
        }
    }
    depths
}
