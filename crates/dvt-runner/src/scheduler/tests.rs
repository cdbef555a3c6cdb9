//! Order, slots, skips, fail-fast, cancel and panics, on tasks that do nothing.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn tasks(edges: &[(&str, &str, &[&str])]) -> Vec<Task> {
    edges
        .iter()
        .map(|(id, group, dependencies)| Task {
            unique_id: (*id).to_owned(),
            group: (*group).to_owned(),
            is_counted: true,
            dependencies: dependencies
                .iter()
                .map(|name| edges.iter().position(|(other, _, _)| other == name).unwrap())
                .collect(),
        })
        .collect()
}

fn limits(overall: usize, per_group: &[(&str, usize)]) -> Limits {
    Limits {
        slots: Slots::new(overall),
        per_group: per_group.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect(),
    }
}

/// Runs the tasks, failing those named; gives a line per event.
async fn check(edges: &[(&str, &str, &[&str])], failing: &[&str], threads: usize, fail_fast: bool) -> String {
    let tasks = tasks(edges);
    let failing: Vec<String> = failing.iter().map(|name| (*name).to_owned()).collect();
    let ids: Vec<String> = tasks.iter().map(|task| task.unique_id.clone()).collect();
    let mut lines = Vec::new();
    run_tasks(
        &tasks,
        &limits(threads, &[]),
        &CancellationToken::new(),
        |place| {
            let ok = !failing.contains(&ids[place.task]);
            async move { ok }
        },
        |event| match event {
            Event::Finished { task, position, result } => {
                lines.push(format!("{position} {} {}", ids[*task], if *result { "ok" } else { "error" }));
                match (*result, fail_fast) {
                    (true, _) => Verdict::Succeeded,
                    (false, false) => Verdict::Failed,
                    (false, true) => Verdict::FailedFast,
                }
            }
            Event::Skipped { task, position, why } => {
                let why = match why {
                    Skip::Upstream(cause) => format!("after {}", ids[*cause]),
                    Skip::FailFast => "fail fast".to_owned(),
                    Skip::Cancelled => "cancelled".to_owned(),
                };
                lines.push(format!("{position} {} skip {why}", ids[*task]));
                Verdict::Failed
            }
            Event::Panicked { task, .. } => {
                lines.push(format!("{} panic", ids[*task]));
                Verdict::Failed
            }
        },
    )
    .await;
    lines.join("\n")
}

#[tokio::test]
async fn tasks_run_by_depth_and_then_by_name() {
    let edges: &[(&str, &str, &[&str])] =
        &[("z", "g", &["b"]), ("b", "g", &[]), ("a", "g", &[]), ("c", "g", &["a", "z"]), ("d", "g", &["a"])];
    assert_eq!(check(edges, &[], 1, false).await, "1 a ok\n2 b ok\n3 d ok\n4 z ok\n5 c ok");
}

#[tokio::test]
async fn what_hangs_on_a_failed_task_is_skipped_and_the_rest_runs() {
    let edges: &[(&str, &str, &[&str])] =
        &[("a", "g", &[]), ("b", "g", &["a"]), ("c", "g", &["b"]), ("d", "g", &[]), ("e", "g", &["c", "d"])];
    assert_eq!(
        check(edges, &["a"], 1, false).await,
        "1 a error\n3 b skip after a\n4 c skip after a\n2 d ok\n5 e skip after a"
    );
}

#[tokio::test]
async fn fail_fast_skips_everything_not_yet_started() {
    let edges: &[(&str, &str, &[&str])] = &[("a", "g", &[]), ("b", "g", &[]), ("c", "g", &["b"])];
    assert_eq!(check(edges, &["a"], 1, true).await, "1 a error\n2 b skip fail fast\n3 c skip fail fast");
}

#[tokio::test]
async fn no_more_tasks_of_a_group_run_at_once_than_its_limit() {
    let edges: &[(&str, &str, &[&str])] =
        &[("a", "one", &[]), ("b", "one", &[]), ("c", "many", &[]), ("d", "many", &[]), ("e", "one", &[])];
    let tasks = tasks(edges);
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let all = Arc::new(Mutex::new(0_usize));
    let groups: Vec<String> = tasks.iter().map(|task| task.group.clone()).collect();
    let finished = run_tasks(
        &tasks,
        &limits(4, &[("one", 1)]),
        &CancellationToken::new(),
        |place| {
            let is_one = groups[place.task] == "one";
            let (running, most, all) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&all));
            async move {
                if is_one {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                }
                *all.lock().unwrap() += 1;
            }
        },
        |_| Verdict::Succeeded,
    )
    .await;
    assert!(finished);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!(*all.lock().unwrap(), 5);
}

#[tokio::test]
async fn after_a_cancel_nothing_new_starts() {
    let edges: &[(&str, &str, &[&str])] = &[("a", "g", &[]), ("b", "g", &[]), ("c", "g", &[])];
    let tasks = tasks(edges);
    let cancel = CancellationToken::new();
    let mut seen = Vec::new();
    let inner = cancel.clone();
    let finished = run_tasks(
        &tasks,
        &limits(1, &[]),
        &cancel,
        move |_| {
            let cancel = inner.clone();
            async move { cancel.cancel() }
        },
        |event| {
            seen.push(match event {
                Event::Skipped { task, position, why: Skip::Cancelled } => format!("{position}: {task} was cancelled"),
                Event::Finished { task, position, .. } => format!("{position}: {task} finished"),
                other => format!("{other:?}"),
            });
            Verdict::Failed
        },
    )
    .await;
    assert!(!finished);
    assert_eq!(seen, ["1: 0 finished", "2: 1 was cancelled", "3: 2 was cancelled"]);
}

#[tokio::test]
async fn a_panic_counts_as_a_failure_of_that_task_alone() {
    let edges: &[(&str, &str, &[&str])] = &[("a", "g", &[]), ("b", "g", &["a"]), ("c", "g", &[])];
    let tasks = tasks(edges);
    let mut lines = Vec::new();
    run_tasks(
        &tasks,
        &limits(1, &[]),
        &CancellationToken::new(),
        |place| async move {
            assert!(place.task != 0, "boom");
        },
        |event| match event {
            Event::Panicked { panic, slot, .. } => {
                lines.push(format!("panic in {slot}: {panic}"));
                Verdict::Failed
            }
            Event::Skipped { task, .. } => {
                lines.push(format!("skip {task}"));
                Verdict::Failed
            }
            Event::Finished { task, .. } => {
                lines.push(format!("ok {task}"));
                Verdict::Succeeded
            }
        },
    )
    .await;
    assert_eq!(lines, ["panic in 1: boom", "skip 1", "ok 2"]);
}

#[tokio::test]
async fn a_task_that_holds_more_slots_keeps_others_waiting_until_it_gives_them_back() {
    let edges: &[(&str, &str, &[&str])] = &[("a", "g", &[]), ("b", "g", &[])];
    let tasks = tasks(edges);
    let limits = limits(2, &[]);
    let most = Arc::new(AtomicUsize::new(0));
    let running = Arc::new(AtomicUsize::new(0));
    let all = run_tasks(
        &tasks,
        &limits,
        &CancellationToken::new(),
        |place| {
            let slots = Arc::clone(&limits.slots);
            let extra = (place.task == 0).then(|| slots.try_take()).flatten();
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                drop(extra);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        },
        |_| Verdict::Succeeded,
    )
    .await;
    assert!(all);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}
