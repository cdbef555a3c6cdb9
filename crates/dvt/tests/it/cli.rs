//! The commands and flags themselves.

use crate::pitfalls::two_files;
use crate::project::Project;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

fn shop() -> Project {
    Project::new()
        .file("models/staging/stg.sql", "{{ config(tags=['daily']) }} select 1 as id")
        .file("models/marts/mart.sql", "select * from {{ ref('stg') }}")
        .file("models/marts/top.sql", "{{ config(materialized='view') }} select * from {{ ref('mart') }}")
        .file("seeds/codes.csv", "id,code\n1,one\n2,two\n")
}

#[test]
fn version_names_both_versions() {
    for flag in ["--version", "-V", "-v"] {
        let outcome = Project::new().dvt(flag).exits(0);
        let lines: Vec<&str> = outcome.stdout.lines().collect();
        assert_eq!(lines[0], format!("dvt {}", env!("CARGO_PKG_VERSION")));
        assert!(lines[1].starts_with("compatible with dbt 1.12"), "{lines:?}");
    }
}

#[test]
fn help_names_every_command_and_each_has_its_own() {
    let help = Project::new().dvt("--help").exits(0).stdout;
    for command in [
        "init",
        "debug",
        "deps",
        "parse",
        "compile",
        "build",
        "run",
        "test",
        "seed",
        "snapshot",
        "show",
        "plan",
        "ls",
        "retry",
        "clone",
        "run-operation",
        "clean",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let own = Project::new().dvt(&format!("{command} --help")).exits(0).stdout;
        assert!(own.contains("Usage: dvt") && own.contains("--target"), "{own}");
    }
    assert!(Project::new().dvt("").exits(2).stderr.contains("Usage: dvt"));
}

#[test]
fn words_that_are_no_command_are_refused_by_name() {
    Project::new().dvt("rnu").exits(2).says("No such command 'rnu'.").says("did you mean `dvt run`?");
    Project::new().dvt("run --nonsense").exits(2).says("--nonsense");
}

#[test]
fn flags_of_dbts_internals_are_accepted() {
    shop()
        .dvt("--no-partial-parse run --no-version-check --static-parser --no-send-anonymous-usage-stats --cache-selected-only --select stg")
        .exits(0);
}

#[test]
fn selection_takes_names_operators_paths_and_tags() {
    let project = shop();
    let listed = |words: &str| {
        let mut lines: Vec<String> =
            project.dvt(&format!("ls --output name {words}")).exits(0).stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines.join(" ")
    };
    assert_eq!(listed(""), "codes mart stg top");
    assert_eq!(listed("--select mart"), "mart");
    assert_eq!(listed("-s +mart"), "mart stg");
    assert_eq!(listed("-m stg+1"), "mart stg");
    assert_eq!(listed("--select models/marts"), "mart top");
    assert_eq!(listed("--select tag:daily codes"), "codes stg");
    assert_eq!(listed("--exclude marts resource_type:seed"), "stg");
    assert_eq!(listed("--select config.materialized:view"), "top");
    assert_eq!(listed("--select stg+,path:models/marts"), "mart top");
    assert_eq!(listed("--resource-type seed"), "codes");
    project.dvt("ls --select nothing_like_it").exits(0).says("does not match any");
    project.dvt("run --select nothing_like_it").exits(0).says("Nothing to do.").never_says("Done.");
    project.dvt("ls --select bogus:x").exits(2).says("bogus").says("the methods are");
}

#[test]
fn ls_prints_data_and_nothing_else() {
    let project = shop();
    assert_eq!(
        project.dvt("ls --select stg mart --resource-type model").exits(0).stdout,
        "shop.marts.mart\nshop.staging.stg\n"
    );
    assert_eq!(project.dvt("ls --select stg --output path").exits(0).stdout, "models/staging/stg.sql\n");
    let json = project
        .dvt("ls --select stg --output json --output-keys name resource_type config.materialized")
        .exits(0)
        .stdout;
    assert_eq!(json, "{\"name\": \"stg\", \"resource_type\": \"model\", \"config.materialized\": \"table\"}\n");
    // As in dbt, keys without JSON mean nothing.
    assert_eq!(project.dvt("ls --select stg --output-keys name").exits(0).stdout, "shop.staging.stg\n");
}

#[test]
fn parse_writes_the_manifest_and_asks_no_database() {
    let project = shop()
        .profile("gone", "    gone: {type: postgres, host: 192.0.2.1, user: u, password: p, dbname: d, schema: s}\n");
    project.dvt("parse").exits(0).says("Found 3 models, 1 seed");
    assert!(project.json("target/manifest.json")["nodes"]["model.shop.mart"].is_object());
}

#[test]
fn compile_prints_the_sql_of_what_was_named() {
    let project = shop();
    project.dvt("compile --select mart").exits(0).says("Compiled node 'mart' is:").says("select * from");
    assert!(project.path("target/compiled/shop/models/marts/mart.sql").exists());
    let inline = project.dvt_with(&["compile", "--inline", "select {{ 1 + 1 }} as two"]).exits(0);
    assert!(inline.stdout.contains("select 2 as two"), "{}", inline.stdout);
}

#[test]
fn seed_run_and_show_on_one_database() {
    let project = shop();
    project.dvt("seed").exits(0).says("1 of 1 OK loaded seed file main.codes").says("[INSERT 2 in");
    project.dvt("run").exits(0).says("OK created sql view model main.top").says("TOTAL=3");
    assert_eq!(project.rows("target.db", "select * from top"), [r#"{"id":1}"#]);
    let shown = project.dvt("show --select codes --output json").exits(0);
    assert_eq!(
        shown.stdout.trim().parse::<serde_json::Value>().unwrap(),
        serde_json::json!({"node": "codes", "show": [{"id": 1, "code": "one"}, {"id": 2, "code": "two"}]})
    );
    project.dvt("show").exits(2).says("--inline");
}

#[test]
fn fail_fast_stops_at_the_first_failure() {
    let project = Project::new()
        .file("models/a_broken.sql", "select * from no_such_table")
        .file("models/b_after.sql", "select 1 as id")
        .file("models/c_last.sql", "select 1 as id");
    let all = project.dvt("run --threads 1").exits(1);
    assert!(all.stdout.contains("PASS=2 WARN=0 ERROR=1"), "{}", all.stdout);
    let fast = project.dvt("run --threads 1 --fail-fast").exits(1);
    assert!(fast.stdout.contains("PASS=0 WARN=0 ERROR=1"), "{}", fast.stdout);
}

#[test]
fn vars_reach_the_templates() {
    let project = Project::new().file("models/m.sql", "select {{ var('n') }} as n");
    project.dvt_with(&["run", "--vars", "{n: 7}"]).exits(0);
    assert_eq!(project.rows("target.db", "select * from m"), [r#"{"n":7}"#]);
    project.dvt("run").exits(1).says("Required var 'n' not found").says("models/m.sql:1:");
    project.dvt_with(&["run", "--vars", "{n"]).exits(2).says("--vars");
}

#[test]
fn json_log_lines_are_json() {
    let outcome = shop().dvt("--log-format json run --select stg").exits(0);
    let names: Vec<String> = outcome
        .stdout
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            line["info"]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    for name in ["MainReportVersion", "ConcurrencyLine", "LogStartLine", "LogModelResult", "StatsLine"] {
        assert!(names.iter().any(|found| found == name), "{names:?}");
    }
}

#[test]
fn init_makes_a_project_that_runs() {
    let project = Project::new();
    let root = project.root().to_owned();
    project.dvt_in(&root, &["init", "my_shop"]).exits(0).says("ready");
    let made = root.join("my_shop");
    for command in [&["debug"][..], &["build"]] {
        project.dvt_in(&made, command).exits(0);
    }
    let shown = project.dvt_in(&made, &["show", "--inline", "select * from {{ ref('big_countries') }}"]).exits(0);
    assert_eq!(
        shown.stdout,
        "Previewing inline node:\n| country | amount |\n| ------- | ------ |\n| SE      | 380.40 |\n"
    );
    assert!(root.join("home/.dvt/profiles.yml").exists() && root.join("home/.dvt/computes.yml").exists());
    project.dvt_in(&root, &["init", "my_shop"]).exits(0).says("A project called my_shop already exists here.");
    project.dvt_in(&root, &["init", "my-shop"]).exits(2).says("letters, digits and underscores");
    // The shared profiles are the user's: a second project brings its own.
    project.dvt_in(&root, &["init", "other"]).exits(0);
    assert!(root.join("other/profiles.yml").exists());
    project.dvt_in(&root.join("other"), &["debug"]).exits(0);
}

#[test]
fn clean_stays_inside_the_project() {
    let project = shop().file("dbt_project.yml", "name: shop\nprofile: shop\nclean-targets: [target, dbt_packages]\n");
    project.dvt("run").exits(0);
    project.dvt("clean").exits(0).says("/target/*");
    assert!(!project.path("target").exists() && project.path("models").exists());
    std::fs::create_dir(project.root().join("precious")).unwrap();
    for bad in ["../precious", "..", ".", "models", "models/marts", "/"] {
        let project =
            shop().file("dbt_project.yml", &format!("name: shop\nprofile: shop\nclean-targets: [target, \"{bad}\"]\n"));
        project.dvt("run").exits(0);
        project.dvt("clean").exits(2).says("nothing was deleted");
        assert!(project.path("target").exists() && project.path("models/marts/mart.sql").exists(), "{bad}");
    }
    assert!(project.root().join("precious").exists());
    // What holds the project stays, whatever is allowed; another folder may go.
    for (bad, exit) in [("..", 2), ("/", 2), ("../precious", 0)] {
        let project =
            shop().file("dbt_project.yml", &format!("name: shop\nprofile: shop\nclean-targets: [\"{bad}\"]\n"));
        std::fs::create_dir(project.root().join("precious")).unwrap();
        project.dvt("clean --no-clean-project-files-only").exits(exit);
        assert_eq!(project.root().join("precious").exists(), exit == 2);
        assert!(project.path("dbt_project.yml").exists());
    }
}

#[test]
fn clean_removes_staged_tables_by_age() {
    let project = two_files()
        .file(
            "buckets.yml",
            "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: staging, staging: always}\n",
        )
        .file(
            "models/m.sql",
            "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        );
    project.dvt("run").exits(0);
    project.dvt("clean --older-than 1d").exits(0).says("0 staged tables removed");
    project.dvt("clean --older-than 0s").exits(0);
    project.dvt("clean --older-than yesterday").exits(2).says("`yesterday`");
    project.dvt("clean --older-than 1d --bucket c").exits(2).says("`c`");
    assert!(project.path("models/m.sql").exists());
}

#[test]
fn project_and_profiles_are_found_from_elsewhere() {
    let project = shop();
    let inside = project.path("models/marts");
    project.dvt_in(&inside, &["ls", "--select", "stg"]).exits(0).says("shop.staging.stg");
    let root = project.root().to_owned();
    project.dvt_in(&root, &["ls", "--project-dir", "shop", "--select", "stg"]).exits(0).says("shop.staging.stg");
    project.dvt_in(&root, &["ls"]).exits(2).says("dbt_project.yml");
    std::fs::create_dir_all(root.join("home/.dbt")).unwrap();
    std::fs::rename(project.path("profiles.yml"), root.join("home/.dbt/profiles.yml")).unwrap();
    project.dvt("run --select stg").exits(0);
}

#[test]
fn an_interrupt_cancels_what_runs_and_still_writes_the_results() {
    let project = Project::new()
        .file(
            "models/a.sql",
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000000000) select count(*) as n from n",
        )
        .file("models/b.sql", "select * from {{ ref('a') }}");
    let mut dvt = project.command(&project.path("."), &["run"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(dvt.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("1 of 2 START")), "the first model starts");
    let id = dvt.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(dvt.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("Exited because of keyboard interrupt")), "{rest:?}");
    assert_eq!(project.result("model.shop.a")["status"], "error");
    assert_eq!(project.rows("target.db", "select name from sqlite_master"), Vec::<String>::new());
}
