//! `ls`, `selectors.yml`, `--state`, `--defer`, `clone` and `retry` of the binary.

use crate::project::Project;
use serde_json::Value;

fn shop() -> Project {
    Project::new()
        // SQLite declares a type for a cast only, and another connection reads no column without one.
        .file("models/a.sql", "select cast(1 as integer) as id")
        .file("models/b.sql", "select id + 1 as id from {{ ref('a') }}")
        .file("models/marts/c.sql", "{{ config(tags=['nightly']) }} select * from {{ ref('b') }}")
        .file(
            "models/all.yml",
            "version: 2\nmodels:\n  - name: a\n    columns: [{name: id, data_tests: [not_null]}]\n\
             sources:\n  - name: raw\n    tables: [{name: orders}]\n\
             exposures:\n  - name: board\n    type: dashboard\n    owner: {name: me}\n    depends_on: [ref('c')]\n",
        )
        .file(
            "selectors.yml",
            "selectors:\n  - name: nightly\n    definition: '+tag:nightly'\n  - name: mine\n    default: \"{{ target.name == 'left' }}\"\n    definition: {method: fqn, value: a}\n",
        )
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn ls_lists_in_every_form() {
    let project = shop();
    let listed = project.dvt("ls");
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(
        lines(&listed.stdout),
        ["exposure:shop.board", "shop.a", "shop.b", "shop.marts.c", "source:shop.raw.orders", "shop.not_null_a_id"]
    );
    assert_eq!(lines(&project.dvt("ls --resource-type model --output name").stdout), ["a", "b", "c"]);
    assert_eq!(lines(&project.dvt("ls -s c --output path").stdout), ["models/marts/c.sql"]);
    assert_eq!(lines(&project.dvt("ls --models +b --output name").stdout), ["a", "b"]);
    let json = project.dvt("ls -s b --output json --output-keys name config.materialized unique_id");
    assert_eq!(
        json.stdout.trim(),
        r#"{"name": "b", "config.materialized": "table", "unique_id": "model.shop.b"}"#,
        "spaced as dbt does"
    );
    let json = project.dvt("ls -s b --output json");
    let json: serde_json::Map<String, Value> = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(
        json.keys().collect::<Vec<_>>(),
        [
            "name",
            "resource_type",
            "package_name",
            "original_file_path",
            "unique_id",
            "alias",
            "config",
            "tags",
            "depends_on",
            "direct_parents"
        ]
    );
    let variable = shop().variable("DBT_RESOURCE_TYPES", "exposure source");
    assert_eq!(lines(&variable.dvt("ls").stdout), ["exposure:shop.board", "source:shop.raw.orders"]);
    let nothing = project.dvt("ls -s nowhere");
    assert_eq!(nothing.code, 0);
    assert!(nothing.stderr.contains("'nowhere' does not match any enabled nodes"), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("No nodes selected!"), "{}", nothing.stderr);
}

#[test]
fn selectors_of_the_project_select() {
    let project = shop();
    assert_eq!(
        lines(&project.dvt("ls --selector nightly --resource-type model --output name").stdout),
        ["a", "b", "c"]
    );
    // The default is Jinja, and counts only where nothing is said.
    assert_eq!(lines(&project.dvt("ls --target left --resource-type model --output name").stdout), ["a"]);
    assert_eq!(
        lines(&project.dvt("ls --target left --exclude a --resource-type model --output name").stdout),
        ["b", "c"]
    );
    let both = project.dvt("ls --selector nightly --select a");
    assert!(both.stderr.contains("being ignored for node selection because --selector is provided"), "{}", both.stderr);
    let unknown = project.dvt("ls --selector nightli");
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("Could not find selector named nightli"), "{}", unknown.stderr);
    assert!(unknown.stderr.contains("did you mean `nightly`?"), "{}", unknown.stderr);
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(project.path("target/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["selectors"]["nightly"]["definition"]["method"], "tag");
    project.write("selectors.yml", "selectors:\n  - name: x\n    definition: [a]\n");
    let wrong = project.dvt("ls");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("Could not parse selector file data"), "{}", wrong.stderr);
}

#[test]
fn unselected_inputs_are_read_from_the_environment_of_the_state() {
    let project = shop();
    let prod = project.dvt("run --target left");
    assert_eq!(prod.code, 0, "{}{}", prod.stdout, prod.stderr);
    std::fs::create_dir_all(project.path("prod")).unwrap();
    std::fs::copy(project.path("target/manifest.json"), project.path("prod/manifest.json")).unwrap();
    project.sqlite("left.db", "update a set id = 40");
    let without = project.dvt("run -s b --defer");
    assert_eq!(without.code, 2);
    assert!(without.stderr.contains("--state or --defer-state are required for deferral"), "{}", without.stderr);
    // `a` is nowhere on this target: its rows come from the other file, over a federated route.
    let deferred = project.dvt("run -s b --defer --state prod");
    assert_eq!(deferred.code, 0, "{}{}", deferred.stdout, deferred.stderr);
    assert_eq!(project.rows("target.db", "select id from b"), [r#"{"id":41}"#]);
    // Once it is here, it is read here, unless the other environment is favoured.
    assert_eq!(project.dvt("run -s a").code, 0);
    assert_eq!(project.dvt("run -s b --defer --state prod").code, 0);
    assert_eq!(project.rows("target.db", "select id from b"), [r#"{"id":2}"#]);
    assert_eq!(project.dvt("run -s b --defer --favor-state --state prod").code, 0);
    assert_eq!(project.rows("target.db", "select id from b"), [r#"{"id":41}"#]);
    project.write("models/b.sql", "select id + 2 as id from {{ ref('a') }}");
    let changed = project.dvt("ls -s state:modified+ --state prod --resource-type model --output name");
    assert_eq!(lines(&changed.stdout), ["b", "c"], "{}", changed.stderr);
}

#[test]
fn retry_runs_again_what_did_not_end_well() {
    let project = shop();
    let nothing = project.dvt("retry");
    assert_eq!(nothing.code, 2);
    assert!(nothing.stderr.contains("Could not find previous run in 'target' target directory"), "{}", nothing.stderr);
    project.write("models/b.sql", "select nope from {{ ref('a') }}");
    let failed = project.dvt_with(&["run", "--vars", "{x: 1}"]);
    assert_eq!(failed.code, 1, "{}{}", failed.stdout, failed.stderr);
    project.write("models/b.sql", "select id + {{ var('x') }} as id from {{ ref('a') }}");
    let retried = project.dvt("retry");
    assert_eq!(retried.code, 0, "{}{}", retried.stdout, retried.stderr);
    assert_eq!(project.rows("target.db", "select id from c"), [r#"{"id":2}"#]);
    let results = std::fs::read_to_string(project.path("target/run_results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let ids: Vec<&str> =
        results["results"].as_array().unwrap().iter().map(|result| result["unique_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["model.shop.b", "model.shop.c"]);
    assert_eq!(results["args"]["which"], "run");
    let again = project.dvt("retry");
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(format!("{}{}", again.stdout, again.stderr).contains("Nothing to do"), "{}{}", again.stdout, again.stderr);
}

#[test]
fn retry_goes_on_where_a_killed_run_stopped() {
    let project = shop();
    assert_eq!(project.dvt("run -s a").code, 0);
    // What a process leaves that is killed while it builds `b`.
    project.write(
        "target/.dvt/journal/killed.jsonl",
        "{\"event\":\"run_started\",\"invocation_id\":\"killed\",\"command\":\"run\",\"at\":\"2999-01-01T00:00:00.000000Z\",\"args\":{\"which\":\"run\"},\"selected\":[\"model.shop.a\",\"model.shop.b\",\"model.shop.c\"]}\n\
         {\"event\":\"node_finished\",\"unique_id\":\"model.shop.a\",\"status\":\"success\",\"message\":null,\"at\":\"2999-01-01T00:00:01Z\"}\n\
         {\"event\":\"node_started\",\"unique_id\":\"model.shop.b\",\"route\":\"pushdown\",\"at\":\"2999-01-01T00:00:01Z\"}\n",
    );
    project.sqlite("target.db", "update a set id = 6");
    let retried = project.dvt("retry");
    assert_eq!(retried.code, 0, "{}{}", retried.stdout, retried.stderr);
    assert_eq!(project.rows("target.db", "select id from a"), [r#"{"id":6}"#], "what had ended is left alone");
    assert_eq!(project.rows("target.db", "select id from c"), [r#"{"id":7}"#]);
}
