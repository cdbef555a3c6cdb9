//! Random histories of sources, run by run, against models that see everything: no row lost, none doubled.
//!
//! Each run inserts, updates and deletes rows on two connections, some with times behind the watermark; a run may be killed
//! at a random moment, and what dvt keeps beside the project may be lost. `DVT_ORACLE_RUNS` says how many runs a history has,
//! `DVT_ORACLE_SEED` where the drawing begins.

use crate::incremental::{on, rows};
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Numbers that look random and come again with the same seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Runs dvt, and kills it after a while if `within` says so. Whether it ended by itself, and well.
fn run(project: &Project, words: &[&str], killed_after: Option<Duration>) -> bool {
    let Some(wait) = killed_after else {
        project.dvt_with(words).exits(0);
        return true;
    };
    let mut command = project.command(&project.path("."), words);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("dvt starts");
    std::thread::sleep(wait);
    let _ = child.kill();
    child.wait().expect("dvt ends").success()
}

const SOURCES: &str = "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
";

/// The model of what the two tables hold.
#[derive(Default)]
struct World {
    /// id → (version, label of the right side)
    a: BTreeMap<u64, (u64, u64)>,
    b: BTreeMap<u64, u64>,
    clock: u64,
    ids: u64,
}

impl World {
    /// Changes both sides at random. Rows of `a` carry a version that grows with every change of any of them: a watermark.
    fn step(&mut self, draw: &mut Draw, project: &Project, deletes: bool) {
        let (mut left, mut right) = (String::new(), String::new());
        if self.b.is_empty() {
            for key in 0..5 {
                self.b.insert(key, key * 10);
                writeln!(right, "insert into b values ({key}, {});", key * 10).expect("memory");
            }
        }
        for _ in 0..draw.below(6) {
            self.clock += 1;
            let (clock, key) = (self.clock, draw.below(5));
            let known: Vec<u64> = self.a.keys().copied().collect();
            match draw.below(if deletes { 4 } else { 3 }) {
                0 | 1 => {
                    self.ids += 1;
                    self.a.insert(self.ids, (clock, key));
                    writeln!(left, "insert into a values ({}, {clock}, {key}, {});", self.ids, at(clock))
                        .expect("memory");
                }
                2 if !known.is_empty() => {
                    let id = known[draw.below(known.len() as u64) as usize];
                    self.a.insert(id, (clock, key));
                    writeln!(left, "update a set version = {clock}, k = {key}, at = {} where id = {id};", at(clock))
                        .expect("memory");
                }
                _ if deletes && !known.is_empty() => {
                    let id = known[draw.below(known.len() as u64) as usize];
                    self.a.remove(&id);
                    writeln!(left, "delete from a where id = {id};").expect("memory");
                }
                _ => {}
            }
        }
        project.sqlite("left.db", &format!("begin; {left} commit;"));
        project.sqlite("right.db", &format!("begin; {right} commit;"));
    }

    fn expected(&self) -> String {
        let row = |(id, (version, key)): (&u64, &(u64, u64))| format!("{id} {version} {}", self.b[key]);
        self.a.iter().map(row).collect::<Vec<_>>().join("|")
    }
}

/// The clock as a time of day.
fn at(clock: u64) -> String {
    format!("datetime('2024-01-01', '+{clock} seconds')")
}

fn start(engine: &str) -> Option<Project> {
    let project = on(engine)?.file("models/sources.yml", SOURCES);
    project.sqlite("left.db", "create table a (id integer, version integer, k integer, at timestamp)");
    project.sqlite("right.db", "create table b (k integer, label integer)");
    Some(project)
}

/// A kill at a random moment of a run; most of them fall into the work.
fn kill(draw: &mut Draw) -> Option<Duration> {
    (draw.below(3) == 0).then(|| Duration::from_millis(draw.below(400)))
}

/// What dvt keeps beside the project is lost: a new machine.
fn lose_state(draw: &mut Draw, project: &Project) {
    if draw.below(4) == 0 {
        for folder in [".dvt", "target", "logs"] {
            let _ = std::fs::remove_dir_all(project.path(folder));
        }
    }
}

fn incremental_history(engine: &str, config: &str, watermark: &str) {
    let Some(project) = start(engine) else { return };
    // Only what is built of all rows loses those that the source has lost.
    let deletes = config.contains("insert_overwrite");
    let project = project.file(
        "models/m.sql",
        &format!(
            "{{{{ config(materialized='incremental', {config}) }}}}
select a.id, a.version, b.label from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.k = a.k
{{% if is_incremental() %}} where {watermark} {{% endif %}}"
        ),
    );
    let seed = number("DVT_ORACLE_SEED", 7);
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::default();
    let runs = number("DVT_ORACLE_RUNS", 5);
    for step in 0..runs {
        world.step(&mut draw, &project, deletes);
        run(&project, &["run"], kill(&mut draw));
        lose_state(&mut draw, &project);
        world.step(&mut draw, &project, deletes);
        run(&project, &["run"], None);
        let query = "select id, version, label from {{ ref('m') }} order by id";
        assert_eq!(rows(&project, query), world.expected(), "run {step} of seed {seed} on {engine}: {config}");
    }
}

const SINCE: &str = "a.version > (select coalesce(max(t.version), 0) from {{ this }} as t)";
const UNKNOWN: &str = "not exists (select 1 from {{ this }} as t where t.id = a.id and t.version = a.version)";

#[test]
fn a_history_of_merges_loses_and_doubles_nothing() {
    incremental_history("pg", "unique_key='id', incremental_strategy='merge'", SINCE);
    incremental_history("my", "unique_key='id', incremental_strategy='merge'", UNKNOWN);
}

#[test]
fn a_history_of_replaced_rows_loses_and_doubles_nothing() {
    incremental_history("my", "unique_key='id'", SINCE);
    incremental_history("pg", "unique_key='id'", UNKNOWN);
}

#[test]
fn a_history_on_files_loses_and_doubles_nothing() {
    incremental_history("lite", "unique_key=['id'], incremental_strategy='merge'", SINCE);
    incremental_history("lake", "unique_key='id', incremental_strategy='delete+insert'", SINCE);
}

#[test]
fn a_history_of_overwrites_is_the_last_state_of_the_sources() {
    incremental_history("lake", "incremental_strategy='insert_overwrite'", "1 = 1");
}

/// Events of five days, changed, moved and deleted at will; each run builds every day anew.
fn batch_history(engine: &str) {
    let Some(project) = on(engine) else { return };
    let project = project.file("models/sources.yml", &SOURCES.replace("{name: a}", "{name: a, config: {event_time: at}}")).file(
        "models/m.sql",
        "{{ config(materialized='incremental', incremental_strategy='microbatch', unique_key='id', event_time='at', batch_size='day',
           begin='2024-01-01') }}
with a as (select * from {{ source('l', 'a') }})
select a.id, a.at, b.label from a join {{ source('r', 'b') }} as b on b.k = a.k",
    );
    project.sqlite("left.db", "create table a (id integer, at timestamp, k integer)");
    project.sqlite(
        "right.db",
        "create table b (k integer, label integer); insert into b values (0, 10), (1, 11), (2, 12)",
    );
    let seed = number("DVT_ORACLE_SEED", 7);
    let mut draw = Draw(seed.wrapping_mul(0x9fb2_1c65_1e98_df25) | 1);
    let mut events: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let days = ["run", "--event-time-start", "2024-01-01", "--event-time-end", "2024-01-06"];
    for step in 0..number("DVT_ORACLE_RUNS", 3) {
        let mut sql = String::from("begin;");
        for _ in 0..=draw.below(8) {
            // Late ones too: any of the five days, down to the last microsecond.
            let second = draw.below(5 * 86_400);
            let (id, key) = (draw.below(30), draw.below(3));
            // PostgreSQL's batches are merged, as dbt has it: what the source deletes stays there.
            let deletes = draw.below(5) == 0;
            if deletes && engine == "pg" {
                continue;
            }
            writeln!(sql, "delete from a where id = {id};").expect("memory");
            if deletes {
                events.remove(&id);
                continue;
            }
            events.insert(id, (second, key));
            writeln!(
                sql,
                "insert into a values ({id}, datetime('2024-01-01', '+{second} seconds') || '.999999', {key});"
            )
            .expect("memory");
        }
        project.sqlite("left.db", &format!("{sql} commit;"));
        if !run(&project, &days, kill(&mut draw)) {
            lose_state(&mut draw, &project);
            run(&project, &days, None);
        }
        let query = "select id, label from {{ ref('m') }} order by id";
        let expected: Vec<String> = events.iter().map(|(id, (_, key))| format!("{id} {}", key + 10)).collect();
        assert_eq!(rows(&project, query), expected.join("|"), "run {step} of seed {seed} on {engine}");
    }
}

#[test]
fn a_history_of_batches_is_the_last_state_of_the_sources() {
    for engine in ["lite", "my"] {
        batch_history(engine);
    }
}

#[test]
fn a_history_of_batches_on_postgres_and_a_lake_is_the_last_state_of_the_sources() {
    for engine in ["pg", "lake"] {
        batch_history(engine);
    }
}

/// Appended rows are versions that never change: what a killed run may have committed must not come again.
fn append_history(engine: &str) {
    let Some(project) = start(engine) else { return };
    let project = project.file(
        "models/m.sql",
        "{{ config(materialized='incremental', incremental_strategy='append') }}
select a.id, a.version, b.label from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.k = a.k
{% if is_incremental() %} where a.version > (select coalesce(max(t.version), 0) from {{ this }} as t) {% endif %}",
    );
    let seed = number("DVT_ORACLE_SEED", 7);
    let mut draw = Draw(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    let mut world = World::default();
    let mut seen: BTreeSet<(u64, u64)> = BTreeSet::new();
    for step in 0..number("DVT_ORACLE_RUNS", 5) {
        world.step(&mut draw, &project, false);
        let ended = run(&project, &["run"], kill(&mut draw));
        if !ended {
            run(&project, &["run"], None);
        }
        lose_state(&mut draw, &project);
        seen.extend(world.a.iter().map(|(id, (version, _))| (*version, *id)));
        let expected: Vec<String> = seen.iter().map(|(version, id)| format!("{version} {id}")).collect();
        let query = "select version, id from {{ ref('m') }} order by version, id";
        assert_eq!(rows(&project, query), expected.join("|"), "run {step} of seed {seed} on {engine}");
    }
}

#[test]
fn a_history_of_appends_loses_and_doubles_nothing() {
    for engine in ["pg", "lake"] {
        append_history(engine);
    }
}

/// One version of a row in a snapshot.
#[derive(Clone, Debug, PartialEq)]
struct Version {
    value: (u64, u64),
    is_open: bool,
    is_deleted: bool,
}

/// What a snapshot of `a` should hold, by key; versions in order.
#[derive(Default)]
struct Scd2(BTreeMap<u64, Vec<Version>>);

impl Scd2 {
    fn see(&mut self, a: &BTreeMap<u64, (u64, u64)>, hard_deletes: &str) {
        for (id, value) in a {
            let versions = self.0.entry(*id).or_default();
            match versions.last_mut() {
                Some(last) if last.is_open && last.value == *value && !last.is_deleted => continue,
                Some(last) => last.is_open = false,
                None => {}
            }
            versions.push(Version { value: *value, is_open: true, is_deleted: false });
        }
        if hard_deletes == "ignore" {
            return;
        }
        for (_, versions) in self.0.iter_mut().filter(|(id, _)| !a.contains_key(id)) {
            let Some(last) = versions.last_mut().filter(|last| last.is_open && !last.is_deleted) else { continue };
            last.is_open = false;
            if hard_deletes == "new_record" {
                let gone = Version { is_open: true, is_deleted: true, ..last.clone() };
                versions.push(gone);
            }
        }
    }

    fn expected(&self, marks: bool) -> Vec<String> {
        let mut rows = Vec::new();
        for (id, versions) in &self.0 {
            for version in versions {
                let state = if version.is_open { "open" } else { "ended" };
                let mark = match (marks, version.is_deleted) {
                    (false, _) => "",
                    (true, true) => " True",
                    (true, false) => " False",
                };
                rows.push(format!("{id} {} {}{mark} {state}", version.value.0, version.value.1));
            }
        }
        rows.sort();
        rows
    }
}

fn snapshot_history(engine: &str, strategy: &str, hard_deletes: &str) {
    let Some(project) = start(engine) else { return };
    let project = project.file(
        "snapshots/kept.yml",
        &format!(
            "snapshots:
  - name: kept
    relation: source('l', 'a')
    config: {{{strategy}, hard_deletes: {hard_deletes}}}
"
        ),
    );
    let seed = number("DVT_ORACLE_SEED", 7);
    let mut draw = Draw(seed.wrapping_mul(0xda94_2042_e4dd_58b5) | 1);
    let (mut world, mut model) = (World::default(), Scd2::default());
    let marks = hard_deletes == "new_record";
    let mark = if marks { ", dbt_is_deleted" } else { "" };
    let query = format!(
        "select id, version, k{mark}, case when dbt_valid_to is null then 'open' else 'ended' end as state \
         from {{{{ ref('kept') }}}}"
    );
    for step in 0..number("DVT_ORACLE_RUNS", 4) {
        world.step(&mut draw, &project, true);
        // A snapshot that is killed has seen the source or has not; the next one, of the same source, leaves no difference.
        run(&project, &["snapshot"], kill(&mut draw));
        lose_state(&mut draw, &project);
        run(&project, &["snapshot"], None);
        model.see(&world.a, hard_deletes);
        let mut found: Vec<String> =
            rows(&project, &query).split('|').filter(|row| !row.is_empty()).map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, model.expected(marks), "run {step} of seed {seed} on {engine}: {strategy}, {hard_deletes}");
    }
}

const CHECK: &str = "strategy: check, unique_key: id, check_cols: [version, k]";
const TIMED: &str = "strategy: timestamp, unique_key: id, updated_at: at";
const COMPOSITE: &str = "strategy: check, unique_key: [id], check_cols: all";

#[test]
fn a_history_of_snapshots_is_that_of_the_source() {
    snapshot_history("pg", CHECK, "ignore");
    snapshot_history("pg", COMPOSITE, "new_record");
    snapshot_history("my", TIMED, "invalidate");
}

#[test]
fn a_history_of_snapshots_on_files_is_that_of_the_source() {
    snapshot_history("lite", TIMED, "new_record");
    snapshot_history("lake", CHECK, "new_record");
}
