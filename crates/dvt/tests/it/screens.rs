//! Whole screens, as a user sees them. `SNAPSHOTS=overwrite` rewrites them; read the diff before accepting it.

use crate::pitfalls::two_files;
use crate::project::{Outcome, Project};
use snapbox::{assert_data_eq, str};

/// The screen with times, durations and temporary folders replaced.
fn screen(project: &Project, text: &str) -> String {
    let text = text.replace(&project.root().display().to_string(), "[FOLDER]");
    let mut shown = String::new();
    for line in text.lines() {
        let is_time = line.len() >= 8
            && line.bytes().take(8).enumerate().all(|(at, byte)| match at {
                2 | 5 => byte == b':',
                _ => byte.is_ascii_digit(),
            });
        shown += if is_time { "[TIME]" } else { "" };
        shown += &without_seconds(if is_time { &line[8..] } else { line });
        shown += "\n";
    }
    shown
}

/// `in 0.12s` and `1.53 seconds (1.53s)` change with each run.
fn without_seconds(line: &str) -> String {
    let is_number = |word: &str| {
        word.split_once('.').is_some_and(|(whole, part)| {
            !whole.is_empty() && part.len() == 2 && whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit())
        })
    };
    let words = line.split(' ').map(|word| {
        let bare = word.trim_start_matches('(').trim_end_matches(['.', ')', ']', ',']);
        match bare.strip_suffix('s') {
            Some(number) if is_number(number) => word.replace(bare, "[SECONDS]"),
            _ if is_number(bare) => word.replace(bare, "[SECONDS]"),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn both(project: &Project, outcome: &Outcome) -> String {
    screen(project, &format!("{}--- stderr\n{}", outcome.stdout, outcome.stderr))
}

fn macros_uncounted(text: String) -> String {
    let Some(end) = text.find(" macros") else { return text };
    let start = text[..end].rfind(' ').map_or(0, |space| space + 1);
    format!("{}[COUNT]{}", &text[..start], &text[end..])
}

#[test]
fn a_run() {
    let project = two_files()
        .file(
            "models/joined.sql",
            "select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        )
        .file("models/few.sql", "{{ config(materialized='view') }} select * from {{ ref('joined') }} where id < 4");
    let outcome = project.dvt("run").exits(0);
    assert_data_eq!(
        macros_uncounted(both(&project, &outcome)),
        str![[r#"
[TIME]  Running with dvt=0.1.0 (dbt=1.12.6)
[TIME]  Unable to do partial parsing because saved manifest not found. Starting full parse.
[TIME]  Found 2 models, 2 sources, [COUNT] macros
[TIME]
[TIME]  Concurrency: 2 threads (target='lite')
[TIME]
[TIME]  1 of 2 START sql table model main.joined ....................................... [RUN]
[TIME]  1 of 2 OK created sql table model main.joined .................................. [SELECT 100 in [SECONDS], federate: 200 rows read, 2.3 kB]
[TIME]  2 of 2 START sql view model main.few ........................................... [RUN]
[TIME]  2 of 2 OK created sql view model main.few ...................................... [OK in [SECONDS]]
[TIME]
[TIME]  Finished running 1 table model, 1 view model in 0 hours 0 minutes and [SECONDS] seconds ([SECONDS]).
[TIME]
[TIME]  federate  main.joined  left, right -> lite
[TIME]  pushdown  main.few     on lite
[TIME]
[TIME]  Completed successfully
[TIME]
[TIME]  Done. PASS=2 WARN=0 ERROR=0 SKIP=0 NO-OP=0 REUSED=0 TOTAL=2
--- stderr

"#]]
    );
}

#[test]
fn a_column_that_does_not_exist() {
    let project = two_files().file(
        "models/marts/totals.sql",
        "select\n    a.id,\n    sum(b.vv) as total\nfrom {{ source('l', 'a') }} as a\njoin {{ source('r', 'b') }} as b on b.id = a.id\ngroup by a.id\n",
    );
    let outcome = project.dvt("run").exits(1);
    assert_data_eq!(
        screen(&project, &outcome.stderr),
        str![[r#"
error[unknown-column]: column `vv` does not exist in `b`
 --> models/marts/totals.sql:3:9
  |
3 |     sum(b.vv) as total
  |         ^^^^
  |
  = note: its columns are `id`, `v`
help: did you mean `v`?


"#]]
    );
}

#[test]
fn mistakes_in_a_project() {
    let project = two_files()
        .file("models/one.sql", "select * from {{ ref('tow') }}\n")
        .file("models/two.sql", "{{ config(materialized='tabel') }}\nselect * from {{ source('l', 'b') }}\n")
        .file("models/two.yml", "models:\n  - name: two\n    config:\n      enabled: maybe\n");
    let outcome = project.dvt("parse").exits(2);
    assert_data_eq!(
        screen(&project, &outcome.stderr),
        str![[r#"
error[unknown-ref]: Model 'model.shop.one' (models/one.sql) depends on a node named 'tow' which was not found
 --> models/one.sql:1:18
  |
1 | select * from {{ ref('tow') }}
  |                  ^^^^^^^^^^ no model, seed or snapshot of this name

error[wrong-type]: config `enabled` of model `two` must be true or false: 'maybe' is not of type 'boolean'
 --> models/two.yml:4:7
  |
4 |       enabled: maybe
  |       ^^^^^^^ set here


"#]]
    );
}

#[test]
fn a_debug_that_fails() {
    let project = Project::new().profile(
        "lite",
        "    lite: {type: sqlite, path: target.db}\n    lost: {type: sqlite, path: nowhere/x.db}\n    odd: {type: orcale}\n",
    );
    let outcome = project.dvt("debug --debug-target").exits(1);
    let shown = both(&project, &outcome);
    let (lines, _) = shown.split_once("--- stderr").unwrap_or((&shown, ""));
    let without_ms: String = lines
        .lines()
        .filter(|line| !line.contains("  dvt path: ") && !line.contains("  os info: "))
        .map(|line| match (line.rfind(" ("), line.ends_with(" ms)")) {
            (Some(at), true) => format!("{} ([MS])\n", &line[..at]),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_data_eq!(
        without_ms,
        str![[r#"
[TIME]  Running with dvt=0.1.0 (dbt=1.12.6)
[TIME]  dbt version: 1.12.6
[TIME]  dvt version: 0.1.0
[TIME]  Using profiles dir at [FOLDER]/shop
[TIME]  Using profiles.yml file at [FOLDER]/shop/profiles.yml
[TIME]  Using dbt_project.yml file at [FOLDER]/shop/dbt_project.yml
[TIME]  adapter type: sqlite
[TIME]  adapter version: 0.1.0
[TIME]  Connection:
[TIME]    path: target.db
[TIME]    schema: main
[TIME]    threads: 1
[TIME]    database: database
[TIME]    Connection test: [OK connection ok]

connection  lite  OK    sqlite://[FOLDER]/shop/target.db ([MS])
connection  lost  FAIL  connection `lost`: the folder `[FOLDER]/shop/nowhere` does not exist (sqlite://[FOLDER]/shop/nowhere/x.db)
                        -> check `path` of this output, or make the folder
connection  odd   FAIL  profiles.yml:6:5: error[unknown-connection-type]: `orcale` is no type of connection that dvt has
                        -> the types are postgres, redshift, bigquery, mysql, mariadb, sqlite, duckdb, snowflake, databricks, spark, adbc, filesystem, s3, gcs, azure; read but not run: trino, athena
[TIME]
[TIME]  2 checks failed

"#]]
    );
}

#[test]
fn help_of_run() {
    let project = Project::new();
    let outcome = project.dvt("run --help").exits(0);
    assert_data_eq!(
        outcome.stdout,
        str![[r#"
Build the selected models, each on its own connection

Usage: dvt run [OPTIONS]

Options:
  -h, --help  Print help

Selection:
  -s, --select <SELECTOR>...     The nodes to take: names, paths, tag:x, source:x, config.x:y, with
                                 + for parents and children [alias: -m]
      --exclude <SELECTOR>...    The nodes to leave out, in the words of --select
      --selector <NAME>          A named selector of selectors.yml
  -f, --full-refresh             Drop and create what otherwise keeps its identity: tables are
                                 rebuilt, incremental models start anew
      --empty                    Read every ref() and source() without rows: tables come out empty,
                                 with their columns
      --event-time-start <TIME>  Where microbatch models start, inclusive: 2026-01-31, or with a
                                 time behind T
      --event-time-end <TIME>    Where microbatch models end, exclusive
      --sample <WINDOW>          Read only a window of each input by its event_time: '3 days', or
                                 '{start: 2026-01-01, end: 2026-01-03}'

Federation:
  -c, --compute <NAME>  The compute of computes.yml to join on; wins over the models' own config
  -b, --bucket <NAME>   The bucket of buckets.yml to stage in; wins over the models' own config

Global flags:
  -t, --target <NAME>              The default target: an output of the profile
      --profile <NAME>             The profile, when it is not the one that dbt_project.yml names
      --profiles-dir <FOLDER>      The folder of profiles.yml [default: the project, ~/.dvt, ~/.dbt]
      --project-dir <FOLDER>       The folder of dbt_project.yml [default: the current folder and
                                   its parents]
      --target-path <FOLDER>       Where compiled SQL and artifacts go [default: target]
      --log-path <FOLDER>          Where dbt.log goes [default: logs]
      --vars <YAML>                Variables for var(), as YAML: '{start: 2026-01-01}'
      --threads <COUNT>            Nodes that run at the same time [default: the target's threads]
      --log-level <LEVEL>          What the screen shows: debug, info, warn, error, none [default:
                                   info]
      --log-level-file <LEVEL>     What logs/dbt.log gets [default: debug]
      --log-format <FORMAT>        Lines on the screen as text or as one JSON object each [default:
                                   text]
      --log-format-file <FORMAT>   Lines in logs/dbt.log as text, debug or as one JSON object each
                                   [default: debug]
      --printer-width <COLUMNS>    Columns that a log line is padded to [default: 80]
      --warn-error-options <YAML>  Which warnings are errors and which are silent, as YAML: '{error:
                                   all, warn: [NoNodesForSelectionCriteria]}'
      --state <FOLDER>             A folder with the artifacts of an earlier run: what state:
                                   compares with, and what --defer reads from
      --defer-state <FOLDER>       The folder for --defer, when it is another than --state
      --indirect-selection <MODE>  Which tests come along with a selected node: eager, cautious,
                                   buildable, empty [default: eager]
  -x, --fail-fast                  Stop at the first node that fails
      --warn-error                 Treat warnings as errors
  -q, --quiet                      Print only errors, and the data that was asked for
  -d, --debug                      Show what dvt does, with the SQL it sends
      --no-use-colors              No colours on the screen
      --no-use-colors-file         No colours in the log file
      --no-write-json              Write no manifest.json and run_results.json
      --no-print                   Hide what print() says
      --defer                      Read unselected inputs from the environment of --state
      --favor-state                Read unselected inputs from --state even where they exist here
      --no-introspect              Let no template query a database while it is compiled
      --no-partial-parse           Read the whole project anew, without what the last run remembers
      --no-version-check           Do not check require-dbt-version
      --show-all-deprecations      Show every deprecation, not each kind once
      --no-populate-cache          Do not list the relations of the targets before the first node
      --cache-selected-only        List the relations of the selected nodes' schemas only
      --log-cache-events           Log the relation cache

"#]]
    );
}
