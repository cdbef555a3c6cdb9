//! What runs in which order, what is skipped, what the artifacts say; and runs that are killed.

use crate::project::{Project, output, postgres_rows};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// `name: status` of every result, sorted.
fn statuses(project: &Project) -> Vec<String> {
    let results = project.json("target/run_results.json");
    let mut lines: Vec<String> = results["results"]
        .as_array()
        .expect("results is a list")
        .iter()
        .map(|result| {
            let id = result["unique_id"].as_str().unwrap_or_default();
            let parts: Vec<&str> = id.split('.').collect();
            format!("{}: {}", parts.get(2).copied().unwrap_or(id), result["status"].as_str().unwrap_or_default())
        })
        .collect();
    lines.sort();
    lines
}

fn gated() -> Project {
    Project::new()
        .file("seeds/raw.csv", "id,v\n1,a\n1,b\n")
        .file("models/a.sql", "select * from {{ ref('raw') }}")
        .file("models/b.sql", "select * from {{ ref('a') }}")
        .file("models/c.sql", "select 1 as id")
        .file(
            "models/schema.yml",
            "models:
  - name: a
    columns:
      - name: id
        data_tests:
          - unique: {name: a_is_unique}
          - not_null: {name: a_is_there}
  - name: b
    columns:
      - name: id
        data_tests:
          - not_null: {name: b_is_there}
",
        )
}

#[test]
fn in_build_a_failing_test_keeps_what_depends_on_its_model_from_being_built() {
    let project = gated();
    project.dvt("build").exits(1);
    assert_eq!(
        statuses(&project),
        [
            "a: success",
            "a_is_there: pass",
            "a_is_unique: fail",
            "b: skipped",
            "b_is_there: skipped",
            "c: success",
            "raw: success",
        ]
    );
    let failed = project.json("target/run_results.json");
    let failed = failed["results"]
        .as_array()
        .and_then(|results| results.iter().find(|result| result["status"] == "fail").cloned());
    let failed = failed.expect("a test failed");
    assert_eq!(failed["message"], "Got 1 result, configured to fail if != 0");
    assert_eq!(failed["failures"], 1);
}

#[test]
fn in_run_and_test_a_failing_test_keeps_nothing_from_running() {
    let project = gated();
    project.dvt("seed").exits(0);
    project.dvt("run").exits(0);
    project.dvt("test").exits(1);
    assert_eq!(statuses(&project), ["a_is_there: pass", "a_is_unique: fail", "b_is_there: pass"]);
}

#[test]
fn on_error_continue_lets_what_depends_on_a_failed_model_run() {
    let project = Project::new()
        .file("models/a.sql", "{{ config(on_error='continue') }} select * from nowhere")
        .file("models/b.sql", "-- depends_on: {{ ref('a') }}\nselect 1 as id")
        .file("models/c.sql", "select * from nowhere")
        .file("models/d.sql", "-- depends_on: {{ ref('c') }}\nselect 1 as id");
    project.dvt("run").exits(1);
    assert_eq!(statuses(&project), ["a: error", "b: success", "c: error", "d: skipped"]);
}

#[test]
fn hooks_share_a_session_see_the_results_and_have_rows_of_their_own() {
    let project = Project::new().file("models/a.sql", "select 1 as id").file(
        "dbt_project.yml",
        "name: shop
version: \"1.0\"
profile: shop
on-run-start:
  - \"create temp table seen as select 1 as n\"
  - \"create table started as select n from seen\"
on-run-end:
  - \"create table ended as select '{{ results | map(attribute='status') | join(',') }}' as statuses, {{ schemas | length }} as schemas\"
",
    );
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select n from started"), [r#"{"n":1}"#]);
    assert_eq!(project.rows("target.db", "select * from ended"), [r#"{"statuses":"success","schemas":1}"#]);
    let hooks: Vec<String> = statuses(&project).into_iter().filter(|line| line.contains("on-run")).collect();
    assert_eq!(hooks, ["shop-on-run-end-0: success", "shop-on-run-start-0: success", "shop-on-run-start-1: success"]);
    assert_eq!(project.result("operation.shop.shop-on-run-end-0")["message"], "shop.on-run-end.0 passed");
}

#[test]
fn after_a_hook_that_fails_the_other_hooks_and_the_nodes_are_skipped() {
    let project = Project::new().file("models/a.sql", "select 1 as id").file(
        "dbt_project.yml",
        "name: shop\nversion: \"1.0\"\nprofile: shop\non-run-start:\n  - \"select * from nowhere\"\n  - \"select 1\"\n",
    );
    project.dvt("run").exits(1);
    assert_eq!(statuses(&project), ["a: skipped", "shop-on-run-start-0: error", "shop-on-run-start-1: skipped"]);
}

#[test]
fn fail_fast_skips_what_has_not_run() {
    let project = Project::new()
        .file("models/a.sql", "select * from nowhere")
        .file("models/b.sql", "select 1 as id")
        .file("models/c.sql", "select 1 as id");
    project.dvt("run --fail-fast --threads 1").exits(1);
    assert_eq!(statuses(&project), ["a: error", "b: skipped", "c: skipped"]);
    assert_eq!(project.result("model.shop.b")["message"], "Skipping due to fail_fast");
}

#[test]
fn freshness_is_measured_and_written_as_dbt_writes_it() {
    let Some(database) = dvt_test_support::postgres() else { return };
    database.sql(
        "create table fresh as select now() as at; create table old as select now() - interval '30 hours' as at;
         create table stale as select timestamp '2020-01-01' as at; create table empty as select now() as at limit 0",
    );
    let project = Project::new().profile("pg", &format!("    pg: {}\n", output(&database, "public"))).file(
        "models/sources.yml",
        "sources:
  - name: l
    schema: public
    config:
      loaded_at_field: at
      freshness: {warn_after: {count: 1, period: day}, error_after: {count: 2, period: day}}
    tables: [{name: fresh}, {name: old}, {name: stale}, {name: empty}, {name: gone}]
",
    );
    project.dvt("source freshness").exits(1);
    let sources = project.json("target/sources.json");
    let mut statuses: Vec<String> = sources["results"]
        .as_array()
        .expect("results is a list")
        .iter()
        .map(|result| format!("{} {}", result["unique_id"].as_str().unwrap_or_default(), result["status"]))
        .collect();
    statuses.sort();
    // What could not be asked is in no list, as in dbt.
    assert_eq!(
        statuses,
        [
            r#"source.shop.l.empty "error""#,
            r#"source.shop.l.fresh "pass""#,
            r#"source.shop.l.old "warn""#,
            r#"source.shop.l.stale "error""#,
        ]
    );
    project.dvt("source freshness --select source:l.fresh source:l.old -o out/mine.json").exits(0);
    let mine = project.json("out/mine.json");
    assert_eq!(mine["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(mine["results"][0]["criteria"]["warn_after"], serde_json::json!({"count": 1, "period": "day"}));
}

#[test]
fn an_operation_rolls_back_what_nobody_committed_and_tells_its_result() {
    let project = Project::new().file(
        "macros/m.sql",
        "{% macro make(name) %}{% do run_query('create table ' ~ name ~ ' as select 1 as n') %}{% endmacro %}
         {% macro wrong() %}{% do run_query('select * from nowhere') %}{% endmacro %}",
    );
    project.dvt_with(&["run-operation", "make", "--args", "{name: made}"]).exits(0);
    assert_eq!(project.rows("target.db", "select n from made"), [r#"{"n":1}"#]);
    assert_eq!(project.result("macro.shop.make")["status"], "success");
    project.dvt("run-operation wrong").exits(1);
    assert_eq!(project.result("macro.shop.wrong")["status"], "error");
    let missing = project.dvt("run-operation mak").exits(2);
    assert!(missing.stderr.contains("dbt could not find a macro with the name 'mak' in any package"), "{missing:?}");
    project.dvt_with(&["run-operation", "--sql", "create table other as select 2 as n"]).exits(0);
    assert_eq!(project.rows("target.db", "select n from other"), [r#"{"n":2}"#]);
}

#[test]
fn the_catalog_holds_every_connections_relations() {
    let project = Project::new()
        .file("models/a.sql", "select 1 as id, 'x' as name")
        .file("models/b.sql", "{{ config(target='right', materialized='view') }} select 2 as other")
        .file("models/sources.yml", "sources: [{name: l, connection: left, schema: main, tables: [{name: t}]}]");
    project.sqlite("left.db", "create table t (n integer)");
    project.dvt("run").exits(0);
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    let columns = |kind: &str, id: &str| -> Vec<String> {
        catalog[kind][id]["columns"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    assert_eq!(columns("nodes", "model.shop.a"), ["id", "name"]);
    assert_eq!(columns("nodes", "model.shop.b"), ["other"]);
    assert_eq!(columns("sources", "source.shop.l.t"), ["n"]);
    assert_eq!(catalog["errors"], Value::Null);
    project.dvt("docs generate --empty-catalog").exits(0);
    assert_eq!(project.json("target/catalog.json")["nodes"], serde_json::json!({}));
}

/// Kills builds of many models at odd moments; after `retry` every node is right and nothing of ours is left.
/// `DVT_KILLS` says how often (20 for the full test).
#[test]
fn a_build_that_is_killed_is_finished_by_retry() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let kills: u32 = std::env::var("DVT_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let models = if kills > 2 { 200 } else { 40 };
    for kill in 0..kills {
        let schema = format!("kill_{kill}");
        let project = Project::new().profile("pg", &format!("    pg: {}\n", output(&database, &schema)));
        project.write("seeds/raw.csv", "id\n1\n2\n3\n");
        for model in 0..models {
            let from = if model % 10 == 0 { "raw".to_owned() } else { format!("m{}", model - 1) };
            project.write(
                &format!("models/m{model}.sql"),
                &format!("select id + 1 as id from {{{{ ref('{from}') }}}} where pg_sleep(0.005) is not null"),
            );
        }
        let folder = project.path(".");
        let started = Instant::now();
        let mut child = project
            .command(&folder, &["build"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dvt starts");
        // Never before the journal is there, and each time a little later.
        while !has_begun(&project) && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(u64::from(kill) * 97 % 700 + 30));
        let _ = child.kill();
        let ended = child.wait().expect("the process ends");
        if !ended.success() {
            project.dvt("retry").exits(0);
        }
        let rows = postgres_rows(
            &database,
            &format!(
                "select count(*) as tables, count(*) filter (where relname !~ '^(m[0-9]+|raw)$') as others \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where n.nspname = '{schema}' and relkind in ('r', 'v')"
            ),
        );
        assert_eq!(rows, [format!(r#"{{"others": 0, "tables": {}}}"#, models + 1)], "kill {kill}");
        let last = models - 1;
        let sums = postgres_rows(&database, &format!("select sum(id) as sum from {schema}.m{last}"));
        assert_eq!(sums, [r#"{"sum": 36}"#], "kill {kill}");
    }
}

/// Whether a journal says that a run has begun.
fn has_begun(project: &Project) -> bool {
    let Ok(journals) = std::fs::read_dir(project.path("target/.dvt/journal")) else { return false };
    journals
        .filter_map(Result::ok)
        .any(|entry| std::fs::read_to_string(entry.path()).is_ok_and(|text| text.contains("node_started")))
}

const POINTED: &str = "version: 2
models:
  - name: dim
    latest_version: 2
    config:
      latest_version_pointer: {enabled: true}
    versions:
      - v: 1
      - v: 2
";

#[test]
fn a_latest_version_has_a_view_under_the_models_own_name() {
    let versions = |project: Project, properties: &str| {
        project
            .file("models/dim_v1.sql", "{{ config(materialized='table') }} select 1 as id")
            .file(
                "models/dim_v2.sql",
                "{{ config(materialized='table', post_hook='drop table if exists gone') }} select 2 as id",
            )
            .file("models/schema.yml", properties)
    };
    let relation = |project: &Project, name: &str| {
        project.rows("target.db", &format!("select type, sql from sqlite_master where name = '{name}'")).join(" ")
    };
    let project = versions(Project::new(), POINTED);
    project.dvt("run --select dim.v1").exits(0);
    assert_eq!(relation(&project, "dim"), "", "only the latest version makes it");
    project.dvt("run").exits(0);
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select id from dim"), [r#"{"id":2}"#]);
    assert!(relation(&project, "dim").starts_with(r#"{"type":"view""#), "{}", relation(&project, "dim"));
    assert_eq!(statuses(&project), ["dim: success", "dim: success"]);

    // Another name; and none where the flag wants one but the model does not.
    let project = versions(Project::new(), &POINTED.replace("enabled: true", "enabled: true, alias: newest"));
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select id from newest"), [r#"{"id":2}"#]);
    let flag =
        "name: shop\nversion: \"1.0\"\nprofile: shop\nflags: {latest_version_pointer_enabled_by_default: true}\n";
    let project = versions(Project::new(), &POINTED.replace("{enabled: true}", "false")).file("dbt_project.yml", flag);
    project.dvt("run").exits(0);
    assert_eq!(relation(&project, "dim"), "");
    let project = versions(Project::new(), &POINTED.replace("{enabled: true}", "{}")).file("dbt_project.yml", flag);
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select id from dim"), [r#"{"id":2}"#]);

    let own_name = POINTED.replace("      - v: 2\n", "      - v: 2\n        config: {alias: dim}\n");
    let project = versions(Project::new(), &own_name);
    project.dvt("run").exits(1).says("the latest version of 'dim' is already aliased to 'dim'");
    assert_eq!(project.rows("target.db", "select id from dim"), [r#"{"id":2}"#]);
}
