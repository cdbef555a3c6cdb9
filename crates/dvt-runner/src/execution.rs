//! A command over the graph, from its first event to its artifacts: dbt's `execute_with_hooks`.

use crate::artifacts::write_artifacts;
use crate::failure::NodeError;
use crate::hooks::{HookTime, run_hooks};
use crate::journal::{Entry, Journal, journal_folder};
use crate::landing::recover;
use crate::member::{Described, Member, run_member};
use crate::outcome::{NodeResult, RunOutcome, SkipCause, Status};
use crate::reporter::RunStarted;
use crate::run::{Run, lock, now};
use crate::scheduler::{Event, Limits, Skip, Task, Verdict, run_tasks};
use crate::schemas::create_schemas;
use crate::settings::RunCommand;
use dvt_diagnostics::{Diagnostic, kinds};
use dvt_manifest::{Graph, ResourceType, UniqueId};
use dvt_staging::Staging;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Members in the order of the queue, each with the places of those it waits for.
struct Queue {
    members: Vec<Member>,
    waits_for: Vec<Vec<usize>>,
}

pub(crate) async fn run_whole(run: &Arc<Run>) -> RunOutcome {
    let begun = Instant::now();
    let mut diagnostics = Vec::new();
    let queue = match queue_of(run) {
        Ok(queue) => queue,
        Err(error) => {
            diagnostics.extend(error.diagnostics);
            Queue { members: Vec::new(), waits_for: Vec::new() }
        }
    };
    let total = queue.members.iter().filter(|member| !member.is_ephemeral()).count();
    let command = run.request.command;
    if diagnostics.is_empty() {
        run.reporter().run_started(&RunStarted {
            command: command.as_str(),
            total: queue.members.len(),
            threads: run.settings().threads.max(1),
            target: run.project().config.profile.target.clone(),
        });
    }
    let mut results = Vec::new();
    let mut reached_all = true;
    let mut could_not_go_on = !diagnostics.is_empty();
    if !queue.members.is_empty() {
        let runs_hooks = run.runs_hooks();
        let mut is_ready = true;
        if let Err(error) = prepare(run, &queue.members).await {
            return give_up(run, begun, results, error).await;
        }
        if runs_hooks {
            let (hooks, done) = run_hooks(run, HookTime::Start, &[]).await;
            results = hooks;
            if let Err(error) = done {
                return give_up(run, begun, results, error).await;
            }
            let failed = results.iter().any(|hook| hook.status.is_failure());
            is_ready = !failed || !run.flag("SKIP_NODES_IF_ON_RUN_START_FAILS", true);
        }
        if is_ready {
            let hooks = results.len();
            reached_all = run_queue(run, &queue, total, &mut results).await;
            if !command.is_ordered() {
                // Nobody waited for anybody: which one was first means nothing.
                let ids = queue.members.iter().map(Member::unique_id).enumerate();
                let places: HashMap<&str, usize> = ids.map(|(place, id)| (id, place)).collect();
                results[hooks..].sort_by_key(|result| places.get(result.unique_id.as_str()).copied());
            }
        } else {
            for (index, member) in queue.members.iter().filter(|member| !member.is_ephemeral()).enumerate() {
                let result = skipped(member, SkipCause::Hook);
                run.reporter().node_finished(index + 1, total, &result);
                results.push(result);
            }
        }
        if runs_hooks && diagnostics.is_empty() && !run.interrupted() {
            let (hooks, done) = run_hooks(run, HookTime::End, &results).await;
            results.extend(hooks);
            if let Err(error) = done {
                diagnostics.extend(error.diagnostics);
                could_not_go_on = true;
            }
        }
    }
    run.stop_sparks().await;
    diagnostics.extend(clean_up(run).await);
    let mut outcome = RunOutcome {
        invocation_id: run.invocation().invocation_id.clone(),
        started_at: run.started_at(),
        elapsed_seconds: begun.elapsed().as_secs_f64(),
        stopped_early: !reached_all,
        cancelled: run.interrupted(),
        could_not_go_on,
        results,
        order: queue.members.iter().map(|member| member.unique_id().to_owned()).collect(),
        diagnostics,
    };
    let only_compiles = matches!(command, RunCommand::Compile | RunCommand::Show | RunCommand::Docs | RunCommand::Plan);
    // dbt ends such a command with its first error and writes nothing.
    if only_compiles && outcome.results.iter().any(|result| result.status.is_failure()) {
        outcome.could_not_go_on = true;
    }
    let keeps_results = !(only_compiles && outcome.could_not_go_on) && run.request.writes_artifacts;
    if run.settings().write_artifacts && keeps_results {
        outcome.diagnostics.extend(write_artifacts(run, &outcome));
    }
    outcome.diagnostics.extend(close_journal(run));
    for diagnostic in &outcome.diagnostics {
        run.reporter().diagnostic(diagnostic);
    }
    run.reporter().run_finished(&outcome);
    outcome
}

/// The end of a command that cannot even begin: no artifacts, and what is wrong with it.
async fn give_up(run: &Arc<Run>, begun: Instant, results: Vec<NodeResult>, error: NodeError) -> RunOutcome {
    let mut diagnostics = error.diagnostics;
    diagnostics.extend(clean_up(run).await);
    diagnostics.extend(close_journal(run));
    let outcome = RunOutcome {
        invocation_id: run.invocation().invocation_id.clone(),
        started_at: run.started_at(),
        elapsed_seconds: begun.elapsed().as_secs_f64(),
        stopped_early: true,
        cancelled: run.interrupted(),
        could_not_go_on: true,
        results,
        order: Vec::new(),
        diagnostics,
    };
    for diagnostic in &outcome.diagnostics {
        run.reporter().diagnostic(diagnostic);
    }
    run.reporter().run_finished(&outcome);
    outcome
}

/// What the command runs of the selected, in dbt's order.
fn queue_of(run: &Arc<Run>) -> Result<Queue, NodeError> {
    if run.request.inline.is_some() {
        return Ok(Queue { members: vec![Member::Node(Arc::new(run.inline_node()?))], waits_for: vec![Vec::new()] });
    }
    let command = run.request.command;
    let chosen: BTreeMap<UniqueId, Member> = run
        .request
        .selected
        .iter()
        .filter_map(|id| member_of(run, id))
        .filter(|member| command.runs(member.resource_type()))
        .map(|member| (member.unique_id().to_owned(), member))
        .collect();
    let gates = command == RunCommand::Build;
    // A unit test runs right before its model, and is no part of the graph's order.
    let queued: BTreeSet<UniqueId> =
        chosen.iter().filter(|(_, member)| !gates || !is_unit_test(member)).map(|(id, _)| id.clone()).collect();
    let manifest = &run.project().manifest;
    let graph = Graph::new(manifest);
    let graph = if gates { graph.with_test_edges(manifest) } else { graph };
    let schedule = graph.schedule(&queued);
    let unit_tests = if gates { tests_by_model(&chosen) } else { BTreeMap::new() };
    let mut ids: Vec<UniqueId> = Vec::with_capacity(chosen.len());
    for id in schedule.order {
        if let Some(tests) = unit_tests.get(&id) {
            ids.extend(tests.iter().cloned());
        }
        ids.push(id);
    }
    ids.extend(unit_tests.iter().filter(|(model, _)| !queued.contains(*model)).flat_map(|(_, tests)| tests.clone()));
    let places: HashMap<&str, usize> = ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    let found = |id: &UniqueId| places.get(id.as_str()).copied();
    let model_of: HashMap<&str, &UniqueId> =
        unit_tests.iter().flat_map(|(model, tests)| tests.iter().map(move |test| (test.as_str(), model))).collect();
    let waits_for = ids
        .iter()
        .map(|id| {
            if !command.is_ordered() {
                return Vec::new();
            }
            let model = model_of.get(id.as_str()).copied().unwrap_or(id);
            let mut waits: Vec<usize> = schedule.waits_for.get(model).into_iter().flatten().filter_map(found).collect();
            if let Some(tests) = unit_tests.get(id) {
                waits.extend(tests.iter().filter_map(found));
            }
            waits
        })
        .collect();
    let members = ids.iter().filter_map(|id| chosen.get(id).cloned()).collect();
    Ok(Queue { members, waits_for })
}

fn is_unit_test(member: &Member) -> bool {
    matches!(member, Member::UnitTest(_))
}

fn tests_by_model(chosen: &BTreeMap<UniqueId, Member>) -> BTreeMap<UniqueId, Vec<UniqueId>> {
    let mut by_model: BTreeMap<UniqueId, Vec<UniqueId>> = BTreeMap::new();
    for member in chosen.values() {
        if let Member::UnitTest(test) = member {
            let model = test.depends_on.nodes.first().cloned().unwrap_or_default();
            by_model.entry(model).or_default().push(test.unique_id.clone());
        }
    }
    by_model
}

/// The thing behind an id; `None` for what no command runs.
fn member_of(run: &Run, id: &str) -> Option<Member> {
    let manifest = &run.project().manifest;
    if let Some(node) = manifest.nodes.get(id) {
        return Some(Member::Node(Arc::new(node.clone())));
    }
    if let Some(function) = manifest.functions.get(id) {
        return Some(Member::Node(Arc::new(function.clone())));
    }
    if let Some(test) = manifest.unit_tests.get(id) {
        return Some(Member::UnitTest(Arc::new(test.clone())));
    }
    if let Some(source) = manifest.sources.get(id) {
        return Some(Member::Source(Arc::new(source.clone())));
    }
    let described = |name: &str, resource_type| {
        Member::Described(Described { unique_id: id.to_owned(), name: name.to_owned(), resource_type })
    };
    let exposure = manifest.exposures.get(id).map(|exposure| described(&exposure.name, ResourceType::Exposure));
    exposure.or_else(|| manifest.saved_queries.get(id).map(|query| described(&query.name, ResourceType::SavedQuery)))
}

/// What must be there before the first node: the journal, what the dead left cleaned up, the schemas.
///
/// # Errors
/// No journal can be written, or no connection that a node works on can be had: then dbt has no results either.
async fn prepare(run: &Arc<Run>, members: &[Member]) -> Result<(), NodeError> {
    if !run.request.command.writes() {
        return Ok(());
    }
    start_journal(run).await?;
    create_schemas(run, members).await;
    let needed: BTreeSet<&str> =
        members.iter().map(|member| member.connection(run)).filter(|connection| !connection.is_empty()).collect();
    let broken = lock(&run.broken);
    if needed.is_empty() || !needed.iter().all(|connection| broken.contains_key(*connection)) {
        return Ok(());
    }
    let diagnostics = needed.iter().filter_map(|connection| broken.get(*connection)).map(as_database_error).collect();
    Err(NodeError { diagnostics, is_retryable: false })
}

/// The diagnostic under the headline that dbt gives it.
fn as_database_error(diagnostic: &Diagnostic) -> Diagnostic {
    let text = diagnostic.event.as_ref().map_or(&diagnostic.message, |event| &event.message);
    let message = format!("Database Error\n  {}", text.replace('\n', "\n  "));
    diagnostic.clone().event(dvt_diagnostics::Event::new(kinds::MAIN_ENCOUNTERED_ERROR, message))
}

/// Begins the journal of a run that changes databases, after what dead runs left was cleaned up.
pub(crate) async fn start_journal(run: &Arc<Run>) -> Result<(), NodeError> {
    let folder = journal_folder(run.target_path());
    recover(run, &folder).await?;
    let journal = Journal::create(&folder, &run.invocation().invocation_id)?;
    journal.record(&Entry::RunStarted {
        invocation_id: run.invocation().invocation_id.clone(),
        command: run.request.command.as_str().to_owned(),
        at: now(),
        args: run.settings().args.clone(),
        selected: run.request.selected.clone(),
    })?;
    run.set_journal(journal)
}

/// Runs the queue; whether nothing was cut short.
async fn run_queue(run: &Arc<Run>, queue: &Queue, total: usize, results: &mut Vec<NodeResult>) -> bool {
    let members = &queue.members;
    let tasks: Vec<Task> = members
        .iter()
        .zip(&queue.waits_for)
        .map(|(member, waits_for)| Task {
            unique_id: member.unique_id().to_owned(),
            group: member.connection(run).to_owned(),
            dependencies: waits_for.clone(),
            is_counted: !member.is_ephemeral(),
        })
        .collect();
    let limits: Limits = run.limits();
    run_tasks(
        &tasks,
        &limits,
        run.cancel(),
        |place| run_member(Arc::clone(run), members[place.task].clone(), place, total),
        |event| {
            let (member, position, result) = match event {
                Event::Finished { task, position, result } => (&members[*task], *position, result.clone()),
                Event::Skipped { task, position, why } => {
                    let cause = match why {
                        Skip::Upstream(cause) if members[*cause].is_ephemeral() => {
                            SkipCause::Ephemeral(members[*cause].unique_id().to_owned())
                        }
                        Skip::Upstream(cause) => SkipCause::Upstream(members[*cause].unique_id().to_owned()),
                        Skip::FailFast => SkipCause::FailFast,
                        Skip::Cancelled => SkipCause::Interrupted,
                    };
                    (&members[*task], *position, skipped(&members[*task], cause))
                }
                Event::Panicked { task, position, slot, panic } => {
                    let mut result = members[*task].blank_result(Status::Error);
                    result.thread_id = crate::node::thread_name(*slot);
                    result.message = Some(format!("dvt itself failed: {panic}"));
                    result.diagnostics = vec![Diagnostic::error("internal", format!("dvt itself failed: {panic}"))];
                    (&members[*task], *position, result)
                }
            };
            let verdict = verdict_of(run, member, &result);
            if member.is_ephemeral() && !run.request.keeps_ephemerals {
                run.ephemerals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(result);
                return verdict;
            }
            run.reporter().node_finished(position, total, &result);
            results.push(result);
            verdict
        },
    )
    .await
}

/// dbt's rules: what depends on an error is skipped; in `build` also what depends on a failed test or a skipped node.
fn verdict_of(run: &Run, member: &Member, result: &NodeResult) -> Verdict {
    let gates = run.request.command == RunCommand::Build;
    let failed = match result.status {
        Status::Error | Status::PartialSuccess | Status::RuntimeError => true,
        Status::Fail => gates,
        _ => false,
    };
    let is_wrong = failed || result.status == Status::Fail;
    let skips = failed && !member.continues_on_error();
    if is_wrong && run.settings().fail_fast {
        run.stop().cancel();
        return if skips { Verdict::FailedFast } else { Verdict::StopsAll };
    }
    if skips { Verdict::Failed } else { Verdict::Succeeded }
}

/// The result of a member that did not run.
fn skipped(member: &Member, cause: SkipCause) -> NodeResult {
    let mut result = member.blank_result(Status::Skipped);
    result.message = match &cause {
        SkipCause::Ephemeral(model) => Some(format!(
            "Compilation Error in {}, caused by compilation error in referenced ephemeral model {model}",
            member.unique_id()
        )),
        SkipCause::FailFast => Some("Skipping due to fail_fast".to_owned()),
        SkipCause::Interrupted => Some("Skipping because the run was interrupted".to_owned()),
        SkipCause::Upstream(_) | SkipCause::Hook => None,
    };
    result.skip_cause = Some(cause);
    result
}

/// Says that the run has ended and its results are written: nobody has to look for them in the journal.
pub(crate) fn close_journal(run: &Run) -> Option<Diagnostic> {
    let error = run.record(&Entry::RunFinished { at: now() }).err()?;
    Some(Diagnostic::warning("journal", error.to_string()))
}

/// Removes what was staged.
async fn clean_up(run: &Arc<Run>) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let stagings: Vec<Arc<Staging>> = lock(&run.stagings).values().cloned().collect();
    for staging in stagings {
        if let Err(error) = staging.remove_all().await {
            diagnostics
                .push(Diagnostic::warning("staging-left", format!("staged tables could not be removed: {error}")));
        }
    }
    diagnostics
}
