//! What dvt says: dbt's events by name in the log file, warnings as the user wants them, settings from every place.

use crate::project::Project;
use serde_json::{Value, json};

fn shop() -> Project {
    Project::new()
        .file("models/a.sql", "{{ config(meta={'owner': 'me'}) }} select 1 as id")
        .file("models/b.sql", "select nothing from {{ ref('a') }}")
        .file("models/c.sql", "select * from {{ ref('b') }}")
}

/// The JSON lines of the log file.
fn logged(project: &Project) -> Vec<Value> {
    project.text("logs/dbt.log").lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn named<'l>(lines: &'l [Value], name: &str) -> Vec<&'l Value> {
    lines.iter().filter(|line| line["info"]["name"] == name).collect()
}

#[test]
fn the_log_file_has_dbts_events_with_their_nodes() {
    let project = shop();
    project.dvt_env(&[("DBT_ENV_CUSTOM_ENV_RUN", "7")], "run --log-format-file json").exits(1);
    let lines = logged(&project);
    for line in &lines {
        assert_eq!(line["info"]["extra"], json!({"RUN": "7"}));
        assert_eq!(line["info"]["invocation_id"], lines[0]["info"]["invocation_id"]);
    }
    assert_eq!(lines[0]["info"]["name"], "MainReportVersion");
    assert_eq!(lines[0]["info"]["code"], "A001");
    let started = named(&lines, "NodeStart");
    assert_eq!(started.len(), 3, "a skipped node starts too");
    let info = &started[0]["data"]["node_info"];
    assert_eq!((&info["unique_id"], &info["node_name"]), (&json!("model.shop.a"), &json!("a")));
    assert_eq!((&info["meta"], &info["materialized"]), (&json!({"owner": "me"}), &json!("table")));
    assert_eq!(info["node_relation"]["alias"], "a");
    let queries = named(&lines, "SQLQuery");
    assert!(queries.iter().any(|query| query["data"]["sql"].as_str().unwrap().contains("select 1 as id")));
    assert!(queries.iter().all(|query| query["data"]["node_info"]["unique_id"].is_string()));
    let finished = named(&lines, "NodeFinished");
    assert_eq!(finished[0]["data"]["run_result"]["status"], "success");
    assert_eq!(finished[1]["data"]["node_info"]["node_status"], "error");
    let failure = named(&lines, "RunResultError")[0];
    assert_eq!(failure["info"]["level"], "error");
    let message = failure["data"]["msg"].as_str().unwrap();
    assert!(message.starts_with("Database Error in model b (models/b.sql)\n  "), "{message}");
    assert_eq!(named(&lines, "SkippingDetails")[0]["data"]["node_name"], "c");
    assert_eq!(named(&lines, "StatsLine")[0]["data"]["stats"]["skip"], 1);
    assert_eq!(named(&lines, "Formatting").len(), 7);
    assert_eq!(named(&lines, "CommandCompleted")[0]["data"]["success"], false);
    assert_eq!(project.result("model.shop.b")["message"], message);
}

#[test]
fn a_failed_node_reads_as_dbt_prints_it() {
    let outcome = shop().dvt("run").exits(1);
    outcome
        .says("2 of 3 ERROR creating sql table model main.b")
        .says("3 of 3 SKIP relation main.c")
        .says("Completed with 1 error, 0 partial successes, and 0 warnings:")
        .says("[ERROR]: in model b (models/b.sql)")
        .says("  Database Error in model b (models/b.sql)")
        .says("  compiled code at target/compiled/shop/models/b.sql")
        .says("Done. PASS=1 WARN=0 ERROR=1 SKIP=1 NO-OP=0 REUSED=0 TOTAL=3");
}

#[test]
fn warnings_are_said_silenced_or_errors() {
    let project = shop().file("models/w.sql", "{{ exceptions.warn('careful') }} select 1 as id");
    let run = |flags: &str| project.dvt(&format!("run --select w {flags}"));
    let options = |options: &str| project.dvt_with(&["run", "--select", "w", "--warn-error-options", options]);
    run("").exits(0).says("[WARNING]: careful");
    let twice = shop()
        .file("models/w.sql", "{% do exceptions.warn('careful') %}{{ exceptions.warn('careful') }} select 1 as id");
    assert_eq!(twice.dvt("parse").exits(0).stdout.matches("[WARNING]: careful").count(), 2, "as often as it is said");
    run("--warn-error").exits(2).never_says("[WARNING]: careful").says("careful");
    options("{silence: [JinjaLogWarning]}").exits(0).never_says("careful");
    options("{error: [JinjaLogWarning]}").exits(2);
    options("{error: all, warn: [JinjaLogWarning]}").exits(0).says("[WARNING]: careful");
    options("{error: [NoSuchThing]}").exits(2).says("NoSuchThing is not a valid dbt error name.");
    options("[1]").exits(2).says("is not valid YAML");
    project.dvt("run --select nothing_here --warn-error").exits(2);
    let from_project = project.file(
        "dbt_project.yml",
        "name: shop\nprofile: shop\nflags:\n  warn_error_options:\n    silence: [JinjaLogWarning]\n",
    );
    from_project.dvt("run --select w").exits(0).never_says("careful");
    from_project.dvt("run --select w --warn-error").exits(2).says("not allowed with argument warn_error");
}

#[test]
fn deprecations_are_said_once_and_summed_up() {
    let project = shop();
    project
        .dvt("run -m a")
        .exits(0)
        .says("[WARNING][ModelParamUsageDeprecation]: Deprecated functionality")
        .says("[WARNING][DeprecationsSummary]: Deprecated functionality")
        .says("- ModelParamUsageDeprecation: 1 occurrence");
    project.dvt_env(&[("DBT_NO_PRINT", "1")], "run -s a").exits(0).says("`DBT_NO_PRINT` has been renamed");
    project.dvt_env(&[("DBT_ENGINE_MINE", "1")], "run -s a").exits(0).says("variable `DBT_ENGINE_MINE`");
    project.dvt_with(&["run", "-m", "a", "--warn-error-options", "{error: [Deprecations]}"]).exits(2);
    let profiles = format!("config:\n  quiet: true\n{}", project.text("profiles.yml"));
    let both = project.file("profiles.yml", &profiles);
    both.dvt("run -s a").exits(0).never_says("Completed").never_says("Deprecated functionality");
}

#[test]
fn levels_formats_and_places_of_the_log() {
    let project = shop();
    project.dvt("run -s a --quiet").exits(0).never_says("Running with").never_says("Done.");
    assert!(project.text("logs/dbt.log").contains("[info ] [MainThread]: Done. PASS=1"));
    project.dvt("run -s a --log-level none").exits(0).never_says("Done.");
    project.dvt("run -s a --log-path elsewhere --log-level-file warn").exits(0);
    assert_eq!(project.text("elsewhere/dbt.log"), "");
    let screen = project.dvt("--log-format json run -s a").exits(0).stdout;
    for line in screen.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["info"]["name"].is_string());
    }
    let colored = project.dvt("--use-colors run -s a").exits(0).stdout;
    assert!(colored.contains("\u{1b}[32mCompleted successfully\u{1b}[0m"), "{colored}");
    project.dvt("run -s a --debug").exits(0).says("On model.shop.a: ").says("Began running node model.shop.a");
}

#[test]
fn settings_come_from_dotenv_and_the_users_own_file() {
    let project = shop().file(".env", "DBT_QUIET=true\nMY_ID=41\n");
    let project = project.file("models/e.sql", "select {{ env_var('MY_ID') }} as id");
    project.dvt("run -s e").exits(0).never_says("Done.");
    assert_eq!(project.rows("target.db", "select * from e"), ["{\"id\":41}"]);
    project.dvt_env(&[("DBT_QUIET", "false"), ("MY_ID", "42")], "run -s e").exits(0).says("Done.");
    assert_eq!(project.rows("target.db", "select * from e"), ["{\"id\":42}"]);
    let project = shop();
    std::fs::create_dir_all(project.root().join("home/.dbt")).unwrap();
    std::fs::write(project.root().join("home/.dbt/user_settings.yml"), "flags: {quiet: true}\n").unwrap();
    project.dvt("run -s a").exits(0).never_says("Done.");
    project.dvt("run -s a --no-quiet").exits(0).says("Done.");
}

#[test]
fn contradicting_flags_are_usage_errors() {
    let project = shop();
    for (line, words) in [
        ("--debug run --debug", "debug was provided both before and after the subcommand"),
        ("compile --select a --inline x", "inline: not allowed with argument select"),
        ("run --event-time-start 2026-01-01", "`--event-time-end` must also be present"),
        ("run --project-dir nowhere", "Path 'nowhere' does not exist."),
        ("nonsense", "No such command 'nonsense'."),
    ] {
        project.dvt(line).exits(2).says("Usage: ").says(words);
    }
}

#[test]
fn artifacts_are_written_when_a_project_is_read_and_when_a_command_ends() {
    let project = Project::new().file("models/a.sql", "select 1 as id");
    let written = |command: &str| -> Vec<String> {
        project.dvt(&format!("{command} --log-format-file json --log-path {}", command.replace(' ', "-")));
        let log = project.text(&format!("{}/dbt.log", command.replace(' ', "-")));
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        let of = |line: &&Value| line["data"]["artifact_type"].as_str().expect("a type").to_owned();
        named(&lines, "ArtifactWritten").iter().map(of).collect()
    };
    let read = ["WritableManifest", "SemanticManifest", "OsiDocument"];
    assert_eq!(written("parse"), read);
    assert_eq!(written("compile"), [&read[..], &read[..], &["RunExecutionResult"]].concat());
    assert_eq!(written("docs generate"), [&read[..], &["RunExecutionResult", "CatalogArtifact"]].concat());
    assert_eq!(project.json("target/osi_document.json")["version"], "0.1.1");

    // However a command ends, the manifest is that of what was read.
    let project =
        project.file("models/b.sql", "select 1 as id").file("macros/m.sql", "{% macro m() %}{{ 1 / 0 }}{% endmacro %}");
    project.dvt("run-operation m").exits(1);
    assert!(project.json("target/manifest.json")["nodes"]["model.shop.b"].is_object());
    // A state that is the target folder is what was there before.
    let project = project.file("models/c.sql", "select 1 as id");
    project.dvt("ls --select state:new --state target").exits(0).says("shop.c").never_says("shop.b");
}

#[test]
fn clones_operations_and_hooks_read_as_in_dbt() {
    let project = Project::new()
        .file("models/a.sql", "select 1 as id")
        .file("macros/m.sql", "{% macro m() %}{{ exceptions.raise_compiler_error('no way') }}{% endmacro %}");
    project
        .dvt("run-operation m")
        .exits(1)
        .says("Encountered an error while running operation: Compilation Error in macro m (macros/m.sql)\n  no way");
    let message = project.json("target/run_results.json")["results"][0]["message"].clone();
    assert!(message.as_str().is_some_and(|message| message.starts_with("Compilation Error in macro m")), "{message}");
    project.dvt_with(&["run-operation", "--sql", "select 1"]).exits(0).says("1 of 1 START executing inline_query ....");
    let id = project.json("target/run_results.json")["results"][0]["unique_id"].clone();
    assert_eq!(id, "sql_operation.shop.inline_query");
    project
        .dvt_with(&["compile", "--inline", "select * from {{ ref('nope') }}"])
        .exits(2)
        .says("depends on a node named 'nope' which was not found")
        .never_says("Nothing to do");
}
