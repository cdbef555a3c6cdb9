//! `dvt plan`: what each node would do, and why, for people and for tools.

use crate::pitfalls::two_files;
use crate::project::Project;
use serde_json::Value;

/// Models of every route, and what is no model.
fn every_route() -> Project {
    let project = two_files()
        .file("models/joined.sql", "{{ config(materialized='incremental', unique_key='id') }}
select a.id, b.v from {{ source('l', 'a') }} as a
join {{ source('r', 'b') }} as b on b.id = a.id
where a.id > 5 and substr(a.v, 1, 1) = 'a' and substr(b.v, 1, 1) = 'b'
{% if is_incremental() %}and a.id > (select max(id) from {{ this }}){% endif %}")
        .file("models/moved.sql", "select id, v from {{ source('l', 'a') }} where id between 3 and 4")
        .file("models/here.sql", "select id from {{ ref('numbers') }}")
        .file("models/part.sql", "{{ config(materialized='ephemeral') }}select id from {{ source('r', 'b') }}")
        .file("models/through.sql", "select p.id from {{ ref('part') }} as p")
        .file("models/later.sql", "select h.id, a.v from {{ ref('here') }} as h join {{ source('l', 'a') }} as a on a.id = h.id")
        .file("seeds/numbers.csv", "id\n1\n2\n")
        .file("snapshots/kept.sql", "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols='all') }}select * from {{ source('l', 'a') }}{% endsnapshot %}")
        .file("models/tests.yml", "models:
  - name: joined
    columns:
      - name: id
        data_tests: [unique, {relationships: {arguments: {to: \"source('r', 'b')\", field: id}}}]
");
    project.write(
        "tests/odd.sql",
        "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id where a.id < 0",
    );
    project
}

fn plan(project: &Project, words: &str) -> Value {
    let outcome = project.dvt(&format!("plan --output json {words}")).exits(0);
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}\n{}", outcome.stdout))
}

fn node<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let nodes = plan["nodes"].as_array().expect("nodes are a list");
    nodes.iter().find(|node| node["name"] == name).unwrap_or_else(|| panic!("{name} is not planned: {plan}"))
}

#[test]
fn every_node_has_a_route_and_a_reason() {
    let project = every_route();
    let plan = plan(&project, "");
    assert_eq!((&plan["shape"], &plan["target"]), (&Value::from(1), &Value::from("lite")));
    let mut routes: Vec<String> = plan["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let text = |key: &str| node[key].as_str().unwrap_or("-").to_owned();
            let name: String = text("name").chars().take(20).collect();
            format!(
                "{} {name}: {} as {}; {}",
                text("resource_type"),
                text("route"),
                text("materialized"),
                text("reason")
            )
        })
        .collect();
    routes.sort();
    let expected = [
        "model here: pushdown as table; all that it reads is on `lite`",
        "model joined: federate as incremental; it reads `left` and `right`, and its own connection is `lite`",
        "model later: federate as table; it reads `left` and `lite`",
        "model moved: transfer as table; all that it reads is on `left`, and its own connection is `lite`: rows move once",
        "model part: transfer as ephemeral; ephemeral: it runs as a part of what reads it",
        "model through: transfer as table; all that it reads is on `right`, and its own connection is `lite`: rows move once",
        "seed numbers: pushdown as seed; a file of the project, loaded into `lite`",
        "snapshot kept: transfer as snapshot; all that it reads is on `left`, and its own connection is `lite`: rows move once",
        "test odd: federate as test; it reads `left` and `right`, and its own connection is `lite`",
        "test relationships_joined: federate as test; it reads `lite` and `right`",
        "test unique_joined_id: pushdown as test; all that it reads is on `lite`",
    ];
    assert_eq!(routes, expected);
}

#[test]
fn an_input_says_what_is_sent_and_why_the_rest_is_not() {
    let project = every_route();
    let first = plan(&project, "--select joined");
    let joined = node(&first, "joined");
    assert_eq!(joined["reads"], serde_json::json!({"left": ["source('l', 'a')"], "right": ["source('r', 'b')"]}));
    let inputs = joined["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 2, "the first run reads no `this`");
    let left = &inputs[0];
    assert_eq!(left["columns"], serde_json::json!({"read": 2, "of": 2}));
    let right = &inputs[1];
    let kept: Vec<&str> =
        right["kept"].as_array().unwrap().iter().map(|kept| kept["predicate"].as_str().unwrap()).collect();
    assert!(kept.len() == 1 && kept[0].contains("substr"), "{right}");
    assert!(right["kept"][0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    // What is planned is what is done.
    project.dvt("seed").exits(0);
    project.dvt("run --select joined").exits(0);
    let log = project.text("logs/dbt.log");
    for input in inputs {
        let sql = input["sql"].as_str().unwrap();
        assert!(log.contains(sql), "{sql} was not sent\n{log}");
    }
    // Now there is a `this`, unless the model is to be built anew.
    let again = plan(&project, "--select joined");
    let connections = |planned: &Value| -> Vec<String> {
        let inputs = node(planned, "joined")["inputs"].as_array().unwrap().clone();
        let mut names: Vec<String> =
            inputs.iter().map(|input| input["connection"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(connections(&again), ["left", "lite", "right"]);
    assert_eq!(connections(&plan(&project, "--select joined --full-refresh")), ["left", "right"]);
}

#[test]
fn a_plan_writes_nothing_and_keeps_the_results_of_the_last_run() {
    let project = every_route();
    project.dvt("plan").exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from sqlite_master"), [r#"{"n":0}"#]);
    assert!(!project.path(".dvt").exists());
    assert!(!project.path("target/run_results.json").exists() && !project.path("target/compiled").exists());
    project.dvt("seed").exits(0);
    let results = project.text("target/run_results.json");
    project.dvt("plan").exits(0);
    assert_eq!(project.text("target/run_results.json"), results);
}

#[test]
fn what_is_not_built_yet_is_unknown_and_what_does_not_exist_is_an_error() {
    let project = every_route();
    let first = plan(&project, "--select later here");
    assert_eq!(node(&first, "later")["unplanned"], "not built yet: ref('here')");
    assert_eq!(node(&first, "later")["route"], "federate");
    project.dvt("build --select numbers here").exits(0);
    let second = plan(&project, "--select later");
    assert_eq!(node(&second, "later")["unplanned"], Value::Null);
    assert_eq!(node(&second, "later")["inputs"].as_array().unwrap().len(), 2);

    project.sqlite("left.db", "drop table a");
    project.dvt("plan --select joined").exits(2).says("source('l', 'a')").says("does not exist");
    project.write(
        "models/moved.sql",
        "select nothing from {{ source('r', 'b') }} as b join {{ source('l', 'a') }} as a on true",
    );
    project.dvt("plan --select moved --compute nowhere").exits(2);
    project.write("models/moved.sql", "select {{ nonsense( }}");
    project.dvt("plan").exits(2);
}

#[test]
fn staging_is_explained_as_it_will_be_done() {
    let project = two_files()
        .file("buckets.yml", "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: staging}\n    c: {type: filesystem, path: other, staging: always}\n")
        .file("computes.yml", "shop:\n  target: small\n  computes:\n    small: {type: datafusion, memory_limit: 256MB}\n    other: {type: datafusion}\n")
        .file("models/one.sql", "select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id")
        .file("models/self.sql", "select x.id from {{ source('l', 'a') }} as x join {{ source('l', 'a') }} as y on y.id = x.id join {{ source('r', 'b') }} as b on b.id = x.id");
    let alone = plan(&project, "--select one");
    let one = node(&alone, "one");
    assert_eq!((one["compute"]["name"].as_str(), one["bucket"]["name"].as_str()), (Some("small"), Some("b")));
    assert_eq!(one["staging"], "auto");
    assert!(one["inputs"].as_array().unwrap().iter().all(|input| input["delivery"] == "streamed"), "{one}");
    let both = plan(&project, "");
    let input = &node(&both, "one")["inputs"][0];
    assert_eq!((input["delivery"].as_str(), input["rows_from"].as_str()), (Some("staged"), Some("read")));
    assert!(input["delivery_reason"].as_str().unwrap().contains("`self`"), "{input}");

    let words = "--select one --bucket c --compute other";
    let elsewhere = plan(&project, words);
    let one = node(&elsewhere, "one");
    assert_eq!(
        (one["compute"]["said_by"].as_str(), one["bucket"]["said_by"].as_str()),
        (Some("--compute"), Some("--bucket"))
    );
    assert!(one["inputs"].as_array().unwrap().iter().all(|input| input["delivery"] == "staged"), "{one}");
    project.dvt(&format!("run {words}")).exits(0);
    let after = plan(&project, words);
    assert!(
        node(&after, "one")["inputs"].as_array().unwrap().iter().all(|input| input["rows_from"] == "reused"),
        "{after}"
    );
    project.sqlite("right.db", "insert into b values (101, 'b101')");
    let changed = plan(&project, words);
    let from: Vec<&str> = node(&changed, "one")["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| input["rows_from"].as_str().unwrap())
        .collect();
    assert_eq!(from, ["reused", "read"]);
}

#[test]
fn for_people_a_plan_is_text() {
    let project = every_route();
    let outcome = project.dvt("plan --select joined here").exits(0);
    for line in [
        "model here: pushdown -> \"main\".\"here\" on lite (table)\n  why       all that it reads is on `lite`",
        "model joined: federate -> \"main\".\"joined\" on lite (incremental)\n",
        "  input 1   source('l', 'a') on left (main.a)\n    sends     SELECT \"id\", \"v\" FROM \"main\".\"a\" WHERE ",
        "    columns   2 of 2\n",
        "    pushed    (\"id\" > 5)\n",
        "  (its function is not one that is sent)\n",
        "    streamed  one model reads it once, and it is cheap to read again\n",
        "  lands     in main on lite; then the materialization `incremental` reads it",
    ] {
        assert!(outcome.stdout.contains(line), "{line}\n{}", outcome.stdout);
    }
    let tests = project.dvt("plan --select odd").exits(0);
    assert!(tests.stdout.contains("  lands     nowhere: the engine counts the test's rows"), "{}", tests.stdout);
    assert!(!outcome.stdout.contains('\u{1b}'), "colours are for terminals");
}
