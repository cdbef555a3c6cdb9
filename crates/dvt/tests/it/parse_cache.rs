//! The parse cache as a user meets it: its flags, its variables, its file. What it gives is `dvt-project`'s to test.

use crate::project::Project;

const CACHE: &str = "target/partial_parse.dvt";

fn shop() -> Project {
    Project::new()
        .file("models/one.sql", "select {{ var('value', 1) }} as a")
        .file("models/two.sql", "select * from {{ ref('one') }}")
}

/// Whether the last command took the project out of the cache.
fn was_remembered(project: &Project) -> bool {
    let log = std::fs::read_to_string(project.path("logs/dbt.log")).expect("there is a log");
    let last = log.rfind("Running with dvt").expect("the command is in the log");
    log[last..].contains("no changes found, skipping parsing")
}

fn remembers(project: &Project, words: &str) -> bool {
    project.dvt(words).exits(0);
    was_remembered(project)
}

#[test]
fn every_command_uses_what_another_has_read() {
    let project = shop();
    assert!(!remembers(&project, "parse"));
    assert!(project.path(CACHE).is_file());
    assert!(remembers(&project, "parse"));
    assert!(remembers(&project, "ls"));
    assert!(remembers(&project, "run"));
    assert!(remembers(&project, "compile --select two"));
    assert_eq!(project.rows("target.db", "select a from two"), [r#"{"a":1}"#]);
    // Another value of a variable is another project.
    assert!(!remembers(&project, "run --vars {\"value\":2}"));
    assert!(remembers(&project, "run --vars {\"value\":2}"));
    assert_eq!(project.rows("target.db", "select a from two"), [r#"{"a":2}"#]);
    project.write("models/one.sql", "select 3 as a");
    assert!(!remembers(&project, "run"));
    assert_eq!(project.rows("target.db", "select a from two"), [r#"{"a":3}"#]);
    // The target is another connection.
    assert!(!remembers(&project, "ls --target left"));
    // With its folder it goes.
    assert!(remembers(&project, "ls --target left"));
    project.dvt("clean").exits(0);
    assert!(!project.path(CACHE).exists());
    assert!(!remembers(&project, "parse"));
}

#[test]
fn flags_and_variables_of_dbt_switch_it() {
    let project = shop();
    assert!(!remembers(&project, "--no-partial-parse parse"));
    // As in dbt, it is written all the same.
    assert!(remembers(&project, "parse"));
    assert!(!remembers(&project, "parse --no-partial-parse"));
    project.dvt_env(&[("DBT_PARTIAL_PARSE", "false")], "parse").exits(0);
    assert!(!was_remembered(&project));
    project.dvt_env(&[("DBT_PARTIAL_PARSE", "false")], "--partial-parse parse").exits(0);
    assert!(was_remembered(&project));
    // A file that is named, and one that is not there.
    std::fs::rename(project.path(CACHE), project.path("saved")).expect("the file is there");
    assert!(remembers(&project, "--partial-parse-file-path saved parse"));
    project.dvt_env(&[("DBT_PARTIAL_PARSE_FILE_PATH", "saved")], "parse").exits(0);
    assert!(was_remembered(&project));
    project.dvt("--partial-parse-file-path nowhere parse").exits(2).says("File 'nowhere' does not exist.");
    project.dvt("--partial-parse-file-path models parse").exits(2).says("File 'models' is a directory.");
    // The files are not looked at.
    project.write("models/three.sql", "select 1 as a");
    assert!(remembers(&project, "--partial-parse-file-path saved --no-partial-parse-file-diff parse"));
    assert_eq!(
        project.dvt("--partial-parse-file-path saved --no-partial-parse-file-diff ls --output name").stdout,
        "one\ntwo\n"
    );
    assert_eq!(project.dvt("ls --output name").stdout, "one\nthree\ntwo\n");
    project.write("dbt_project.yml", "name: shop\nprofile: shop\nflags: {partial_parse: false}\n");
    assert!(!remembers(&project, "parse"));
    assert!(!remembers(&project, "parse"));
}

#[test]
fn a_file_that_is_no_cache_is_made_anew() {
    let project = shop();
    assert!(!remembers(&project, "parse"));
    let whole = std::fs::read(project.path(CACHE)).expect("the file is there");
    for damaged in [&b""[..], b"text", &whole[..whole.len() / 2], &[whole.as_slice(), b"more"].concat()] {
        std::fs::write(project.path(CACHE), damaged).expect("the file can be written");
        let outcome = project.dvt("parse").exits(0);
        assert!(!was_remembered(&project));
        assert_eq!(outcome.stderr, "");
        assert!(remembers(&project, "parse"));
    }
    // A folder in its place is no reason to fail either.
    std::fs::remove_file(project.path(CACHE)).expect("the file is there");
    std::fs::create_dir(project.path(CACHE)).expect("a folder can be made");
    assert!(!remembers(&project, "parse"));
}

#[test]
fn what_makes_a_reading_start_anew_is_said() {
    let project = Project::new().file("models/a.sql", "select 1 as id");
    let says = |words: &str| match words {
        "" => drop(project.dvt("parse").exits(0).never_says("Unable to do partial parsing")),
        _ => drop(project.dvt("parse").exits(0).says(&format!("Unable to do partial parsing {words}"))),
    };
    says("because saved manifest not found. Starting full parse.");
    says("");
    let anew = "because change detected to override macro. Starting full parse.";
    project.write("macros/ref.sql", "{% macro ref() %}{{ return(builtins.ref(*varargs)) }}{% endmacro %}");
    says(anew);
    project.write("macros/ref.sql", "{%- macro  ref () %}{{ return(builtins.ref(*varargs, **kwargs)) }}{% endmacro %}");
    says(anew);
    std::fs::remove_file(project.path("macros/ref.sql")).unwrap();
    says(anew);
    project.write("macros/other.sql", "{% macro refer() %}{% endmacro %}");
    says("");
    let profiles = project.text("profiles.yml");
    project.write("profiles.yml", &profiles.replace("target.db", "other.db"));
    says("because profile has changed");
    says("");
}
