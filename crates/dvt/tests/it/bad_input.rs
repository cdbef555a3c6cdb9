//! What a user does wrong is named, in the user's own file, and nothing half written is left.

use crate::pitfalls::two_files;
use crate::project::{Project, output};
use dvt_test_support::closed_port;

/// A project with one model of this text.
fn model(text: &str) -> Project {
    two_files().file("models/m.sql", text)
}

#[test]
fn a_column_that_a_source_does_not_have_is_shown_in_the_users_file() {
    model("select\n    a.id,\n    a.vv\nfrom {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id\n")
        .dvt("run")
        .exits(1)
        .says("error[unknown-column]")
        .says("vv")
        .says("models/m.sql:3:")
        .says("`id`");
}

#[test]
fn every_unknown_ref_and_source_is_reported_in_one_run() {
    let outcome = two_files()
        .file("models/one.sql", "select * from {{ ref('oen') }}")
        .file("models/two.sql", "select * from {{ source('l', 'aa') }}")
        .dvt("parse")
        .exits(2);
    outcome
        .says("models/one.sql:1")
        .says("'oen'")
        .says("did you mean `one`?")
        .says("models/two.sql:1")
        .says("'l.aa'")
        .says("did you mean `a`?");
}

#[test]
fn an_unknown_macro_is_shown_where_it_is_called() {
    // dbt forgives unknown names while it reads the project, so that a model may define them under a condition.
    let project = Project::new().file(
        "models/three.sql",
        "select 1 as one,
  {{ no_such_macro() }} as two",
    );
    // As dbt does: a model that fails is 1, a compile that cannot go on is 2.
    for (command, code) in [("run", 1), ("compile", 2)] {
        project.dvt(command).exits(code).says("models/three.sql:2:").says("no_such_macro");
    }
}

#[test]
fn a_cycle_names_its_members() {
    Project::new()
        .file("models/one.sql", "select * from {{ ref('two') }}")
        .file("models/two.sql", "select * from {{ ref('one') }}")
        .dvt("parse")
        .exits(2)
        .says("cycle")
        .says("one")
        .says("two");
}

#[test]
fn two_models_of_one_name_are_shown_with_both_files() {
    Project::new()
        .file("models/a/same.sql", "select 1 as one")
        .file("models/b/same.sql", "select 2 as two")
        .dvt("parse")
        .exits(2)
        .says("models/a/same.sql")
        .says("models/b/same.sql");
}

#[test]
fn a_config_of_the_wrong_type_points_at_its_place() {
    Project::new()
        .file("models/m.sql", "select 1 as one")
        .file("models/m.yml", "models:\n  - name: m\n    config:\n      enabled: maybe\n")
        .dvt("parse")
        .exits(2)
        .says("models/m.yml:4")
        .says("enabled");
}

#[test]
fn yaml_jinja_and_sql_errors_have_a_line() {
    Project::new().file("models/m.yml", "models:\n  - name: [\n").dvt("parse").exits(2).says("models/m.yml:");
    model("select 1 as one,\n  {{ 'open }}\n").dvt("parse").exits(2).says("models/m.sql:2");
    model("{% if true %}\nselect 1 as one\n").dvt("parse").exits(2).says("models/m.sql:");
    model("select a.id\nfrom {{ source('l', 'a') }} as a\njoin {{ source('r', 'b') }} as b onn b.id = a.id\n")
        .dvt("run")
        .exits(1)
        .says("models/m.sql:3");
}

#[test]
fn all_broken_models_of_a_run_are_reported_together() {
    let join = "from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id";
    two_files()
        .file("models/one.sql", &format!("select a.nope1 {join}"))
        .file("models/two.sql", &format!("select a.nope2 {join}"))
        .file("models/three.sql", &format!("select a.id {join}"))
        .dvt("run")
        .exits(1)
        .says("nope1")
        .says("nope2")
        .says("models/one.sql:1:")
        .says("models/two.sql:1:")
        .says("PASS=1 WARN=0 ERROR=2");
}

#[test]
fn a_missing_table_is_named_with_its_connection() {
    let project = model("select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id");
    project.sqlite("right.db", "drop table b");
    project.dvt("run").exits(1).says("right").says("b").says("models/m.sql:1:");
    assert_eq!(project.rows("target.db", "select name from sqlite_master"), Vec::<String>::new());
}

#[test]
fn a_database_that_is_down_is_named_and_the_password_is_not() {
    let port = closed_port();
    let project = model("select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id").profile(
        "lite",
        &format!(
            "    lite: {{type: sqlite, path: target.db}}
    left: {{type: sqlite, path: left.db}}
    right: {{type: postgres, host: 127.0.0.1, port: {port}, user: u, password: hunter2, dbname: d, schema: main, connect_timeout: 2, retries: 0}}
"
        ),
    );
    project.dvt("run").exits(1).says("right").says(&port.to_string()).never_says("hunter2").never_says("panicked");
    assert!(!project.text("logs/dbt.log").contains("hunter2"));
    assert!(!project.text("target/run_results.json").contains("hunter2"));
}

#[test]
fn a_wrong_password_is_said_to_be_one() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let outputs = format!("    pg: {}\n", output(&database, "public").replace(&database.password, "hunter2-wrong"));
    let project = Project::new().profile("pg", &outputs).file("models/m.sql", "select 1 as one");
    // Nothing can be run: dbt's exit code is 2, and there are no results.
    project
        .dvt("run")
        .exits(2)
        .says("connection `pg`")
        .says("password")
        .says("Database Error")
        .never_says("hunter2-wrong");
    assert!(!project.path("target/run_results.json").exists());
    project.dvt("test").exits(0);
    let project = project.file("tests/t.sql", "select 1 as one where false");
    project.dvt("test").exits(2).says("Database Error").never_says("hunter2-wrong");
}

#[test]
fn a_construct_that_cannot_keep_its_meaning_is_refused_by_name() {
    model(
        "select a.id, no_such_function(b.v) as x from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    )
    .dvt("run")
    .exits(1)
    .says("no_such_function")
    .says("models/m.sql:1:");
}

#[test]
fn a_verdict_that_is_no_truth_value_is_an_error_of_the_test() {
    let project = Project::new()
        .file("models/a.sql", "select 1 as id union all select null")
        .file("models/s.yml", "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [not_null]\n")
        .file(
            "macros/get_test_sql.sql",
            "{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
             select {{ fail_calc }} as failures, 'n' as should_warn,
               case when {{ fail_calc }} {{ error_if }} then '{{ var('wrong', 'maybe') }}' else 'no' end as should_error
             from ({{ main_sql }}) as t {% endmacro %}",
        );
    project.dvt("run").exits(0);
    project.dvt("test").exits(1).says("Macro 'get_test_sql' returns 'maybe'.  It is not type 'bool'");
    assert_eq!(project.json("target/run_results.json")["results"][0]["status"], "error");
    project.dvt_with(&["test", "--vars", "wrong: 'on'"]).exits(1).says("Got 1 result, configured to fail if != 0");
    project.dvt_with(&["test", "--vars", "wrong: 'off'"]).exits(0);
}

#[test]
fn what_yaml_cannot_know_is_no_value_there() {
    let project = Project::new().file("models/a.sql", "select 1 as id").file(
        "models/s.yml",
        "models:
  - name: a
    columns:
      - name: id
        data_tests:
          - not_null:
              config: {where: \"id in (select id from {{ ref('a') }})\"}
",
    );
    let wrong = project.dvt("parse").exits(2);
    wrong
        .says("Invalid generic test configuration given in models/s.yml")
        .says("'ref' is undefined")
        .says("models/s.yml:7");
    let empty = "sources:\n  - name: s\n    tables:\n      - name: t\n        loaded_at_field: ''\n";
    let wrong = Project::new().file("models/s.yml", empty).dvt("parse").exits(2);
    wrong.says("loaded_at_field cannot be an empty string.").says("models/s.yml:5");
    let project = Project::new()
        .file("models/a.sql", "select 1 as id")
        .file("models/b.sql", "select * from {{ ref('a') }}")
        .file(
            "models/s.yml",
            "unit_tests:
  - name: t
    model: b
    given:
      - {input: \"ref('a', label='x')\", rows: [{id: 1}]}
    expect: {rows: [{id: 1}]}
",
        );
    project.dvt("run").exits(0);
    project.dvt("test").exits(1).says("Unit test given inputs must be either a 'ref', 'source' or 'this' call");
}
