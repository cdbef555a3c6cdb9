//! `dvt sync`: what the configuration asks for, fetched through clients that are scripts.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A project whose `PATH` holds these programs and nothing else.
fn with_programs(project: Project, programs: &[(&str, &str)]) -> Project {
    let folder = project.root().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, script) in programs {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    project.variable("PATH", &folder.display().to_string())
}

/// A client that answers and fetches nothing.
const FAILING: &str =
    "case \"$*\" in *--version*) exit 0;; esac\necho 'ERROR: https://me:s3cr3t@index.example is down' >&2\nexit 1";

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

#[test]
fn what_is_part_of_dvt_needs_nothing() {
    let project = with_programs(Project::new(), &[]);
    project.dvt("sync").exits(0).says("part of dvt").says("Everything that the project needs is there");
    assert!(is_empty(&project.root().join("home/.dvt")));
}

#[test]
fn a_dry_run_names_packages_and_pins_and_writes_nothing() {
    let project = with_programs(Project::new(), &[]).profile(
        "lite",
        "    lite: {type: sqlite, path: target.db}\n    snow: {type: snowflake, account: a, user: u, password: hunter2, \
         database: d, schema: s}\n    duck: {type: duckdb}\n",
    );
    project
        .dvt("sync --dry-run")
        .exits(0)
        .says("adbc-driver-snowflake==1.11.0 from uv or pip, sha256-7c7d7ecef")
        .says("@duckdb/node-bindings-linux-x64@")
        .says("dbt-snowflake==")
        .never_says("hunter2");
    assert!(is_empty(&project.root().join("home/.dvt")));
}

#[test]
fn what_is_missing_fails_the_command_and_says_what_to_do() {
    let project = Project::new().profile(
        "lite",
        "    lite: {type: sqlite, path: target.db}\n    snow: {type: snowflake, account: a, user: u, password: p, \
         database: d, schema: s}\n",
    );
    let without = with_programs(project, &[]);
    without.dvt("sync").exits(1).says("`uv` or `pip` not found on this machine").says("put it on PATH");
    without.dvt("sync --offline").exits(1).says("is not in the cache").says("without --offline");
    let failing = with_programs(without, &[("pip", FAILING)]);
    failing.dvt("sync").exits(1).says("ERROR: https://***@index.example is down").never_says("s3cr3t");
}

#[test]
fn a_users_own_folder_of_drivers_counts() {
    let Some(drivers) = dvt_test_support::drivers() else { return };
    let project = with_programs(Project::new(), &[])
        .variable("DVT_DRIVERS_DIR", &drivers.display().to_string())
        .profile("duck", "    duck: {type: duckdb, path: a.duckdb}\n");
    project.dvt("sync").exits(0).says("libduckdb.so");
    assert!(is_empty(&project.root().join("home/.dvt")));
}

#[test]
fn require_adapters_is_honoured() {
    let project = |versions: &str| {
        let project = with_programs(Project::new(), &[]).profile(
            "pg",
            "    pg: {type: postgres, host: h, user: u, password: p, port: 5432, dbname: d, schema: s}\n    snow: {type: \
             snowflake, account: a, user: u, password: p, warehouse: w, database: d, schema: s}\n",
        );
        let text = project.text("dbt_project.yml");
        project.write("dbt_project.yml", &format!("{text}\nrequire-adapters: {{{versions}}}\n"));
        project
    };
    project("postgres: '>=1.0.0', snowflake: '<1.9'").dvt("sync --dry-run").says("dbt-snowflake<1.9 from uv or pip");
    project("postgres: '>=9.0'")
        .dvt("sync")
        .exits(1)
        .says("require-adapters asks for >=9.0")
        .says("widen `require-adapters: postgres`");
    project("postgres: newest").dvt("sync").exits(2).says("`newest` is not a version specifier");
    project("postgres: {a: b}").dvt("sync").exits(2).says("names versions by adapter type");
}

#[test]
fn spark_wants_its_version_and_a_java_that_fits() {
    let project = |compute: &str, java: &str| {
        let project = with_programs(Project::new(), &[("java", java)]);
        project.write(
            "computes.yml",
            &format!("shop:\n  target: spark\n  computes:\n    spark: {{type: spark, {compute}}}\n"),
        );
        project
    };
    let java = |version: &str| format!("echo 'openjdk version \"{version}\"' >&2");
    project("version: '4.0.1'", &java("17.0.2"))
        .dvt("sync --dry-run")
        .exits(0)
        .says("pyspark==4.0.1 from uv or pip, sha256-9d1f22d994f")
        .says(".dvt/spark/4.0.1")
        .says("java for Spark 4.0.1  17");
    project("version: '4.0.1'", &java("1.8.0_402"))
        .dvt("sync --dry-run")
        .exits(1)
        .says("Spark 4.0.1 runs on Java 17, 21");
    project("version: '4.0.1'", "exit 1").dvt("sync --dry-run").exits(1).says("install Java 21");
    project("version: newest", &java("17")).dvt("sync --dry-run").exits(1).says("`newest` is no version of Spark");
    project("master: 'local[*]'", &java("17")).dvt("sync --dry-run").exits(1).says("neither `remote` nor `version`");
    project("remote: 'sc://h:1'", "exit 1").dvt("sync").exits(0).says("a server of its own");
    project("version: '4.0.1', config: {spark.jars: /no/such.jar}", &java("17"))
        .dvt("sync --dry-run")
        .exits(1)
        .says("`/no/such.jar` is not there");
}
