//! Profiles, computes, buckets, targets (pitfalls 37–40).

use crate::pitfalls::two_files;
use crate::project::{Project, output};
use dvt_test_support::closed_port;

#[test]
fn pitfall_37_every_key_is_rendered_and_honoured_and_no_password_is_shown() {
    let Some(database) = dvt_test_support::postgres() else { return };
    database.sql("create schema elsewhere; create table elsewhere.t (id integer); insert into elsewhere.t values (1)");
    let (host, port, user, name) = (&database.host, database.port, &database.user, &database.database);
    let project = Project::new()
        .profile(
            "pg",
            &format!(
                "    pg:
      type: postgres
      host: \"{{{{ env_var('PG_HOST') }}}}\"
      port: \"{{{{ env_var('PG_PORT') | int }}}}\"
      user: {user}
      pass: \"{{{{ env_var('PG_PASSWORD') }}}}\"
      dbname: {name}
      schema: public
      sslmode: disable
      search_path: elsewhere
      keepalives_idle: 30
      connect_timeout: 5
"
            ),
        )
        .variable("PG_HOST", host)
        .variable("PG_PORT", &port.to_string())
        .variable("PG_PASSWORD", &database.password)
        .file("models/found.sql", "select * from t");
    project.dvt("run").exits(0).never_says(&database.password);
    assert_eq!(database.sql("select id from public.found").trim(), "1");
    let wrong = project.variable("PG_PASSWORD", "hunter2-wrong");
    for (command, code) in [("run", 2), ("debug", 1), ("--debug run", 2), ("--log-format json run", 2)] {
        wrong.dvt(command).exits(code).says("password authentication failed").never_says("hunter2-wrong");
    }
    assert!(!wrong.text("logs/dbt.log").contains("hunter2-wrong"));
}

#[test]
fn pitfall_37_a_missing_variable_and_an_unknown_key_are_refused_by_name() {
    Project::new()
        .profile("pg", "    pg: {type: postgres, host: h, user: u, password: \"{{ env_var('NOT_SET') }}\", dbname: d, schema: s}\n")
        .file("models/m.sql", "select 1 as one")
        .dvt("run")
        .exits(2)
        .says("NOT_SET");
    Project::new()
        .profile("pg", "    pg: {type: postgres, host: h, user: u, pasword: p, dbname: d, schema: s}\n")
        .file("models/m.sql", "select 1 as one")
        .dvt("run")
        .exits(2)
        .says("`pasword`")
        .says("did you mean `password`?");
}

#[test]
fn pitfall_38_compute_and_bucket_decide_or_are_refused() {
    let federated = "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id";
    let project = two_files()
        .file("models/m.sql", federated)
        .file(
            "computes.yml",
            "shop:\n  target: fine\n  computes:\n    fine: {type: datafusion, memory_limit: 256MB}\n    cluster: {type: spark, remote: 'sc://localhost:1'}\n",
        )
        .file(
            "buckets.yml",
            "shop:\n  target: one\n  buckets:\n    one: {type: filesystem, path: staging_one, staging: always}\n    two: {type: filesystem, path: staging_two, staging: always}\n",
        );
    project.dvt("run").exits(0);
    assert!(project.path("staging_one").exists() && !project.path("staging_two").exists());
    project.dvt("run --bucket two").exits(0);
    assert!(project.path("staging_two").exists());
    // The flag wins over the model's own choice, and that over the file's default.
    for (command, chosen, other) in
        [("run", "staging_two", "staging_one"), ("run --bucket one", "staging_one", "staging_two")]
    {
        for folder in [chosen, other] {
            std::fs::remove_dir_all(project.path(folder)).ok();
        }
        project.write("models/m.sql", &format!("{{{{ config(bucket='two') }}}} {federated}"));
        project.dvt(command).exits(0);
        assert!(project.path(chosen).exists() && !project.path(other).exists(), "{command}");
    }
    project.write("models/m.sql", federated);
    project.dvt("run --compute cluster").exits(1).says("spark");
    project.dvt("run --compute clutser").exits(2).says("`clutser`").says("did you mean `cluster`?");
    project.dvt("run -b three").exits(2).says("`three`").says("one").says("two");
    let configured = project.file("models/m.sql", &format!("{{{{ config(compute='cluster') }}}} {federated}"));
    configured.dvt("run").exits(1).says("spark");
    configured.dvt("run --compute fine").exits(0);
    let unknown = configured.file("models/m.sql", &format!("{{{{ config(bucket='nowhere') }}}} {federated}"));
    unknown.dvt("parse").exits(2).says("`nowhere`").says("models/m.sql:1");
}

#[test]
fn pitfall_39_sources_of_a_package_live_on_the_default_target() {
    let project = Project::new()
        .file("packages.yml", "packages:\n  - local: ../helpers\n")
        .file(
            "dbt_packages/helpers/dbt_project.yml",
            "name: helpers\nversion: \"1.0\"\nconfig-version: 2\nmodels:\n  +materialized: table\n",
        )
        .file(
            "dbt_packages/helpers/models/sources.yml",
            "sources:\n  - {name: raw, schema: main, tables: [{name: things}]}\n",
        )
        .file("dbt_packages/helpers/models/counted.sql", "select count(*) as n from {{ source('raw', 'things') }}");
    project.sqlite("target.db", "create table things (id integer); insert into things values (1), (2)");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from counted"), [r#"{"n":2}"#]);
}

#[test]
fn pitfall_40_debug_exits_1_when_a_connection_fails() {
    let project = Project::new().profile(
        "lite",
        &format!(
            "    lite: {{type: sqlite, path: target.db}}
    gone: {{type: postgres, host: 127.0.0.1, port: {}, user: u, password: hunter2, dbname: d, schema: s, connect_timeout: 2}}
    strange: {{type: oracle, host: h}}
",
            closed_port()
        ),
    );
    // The default target works: what else is broken is shown, and is an error once it is asked for.
    project.dvt("debug").exits(0).says("gone").says("WARN").says("All checks passed!").never_says("hunter2");
    project.dvt("debug --target gone").exits(1).says("Connection test: [ERROR]").says("1 check failed");
    project
        .dvt("debug --debug-target")
        .exits(1)
        .says("gone")
        .says("FAIL")
        .says("127.0.0.1")
        .says("`oracle` is no type of connection")
        .says("2 checks failed")
        .never_says("hunter2");
    project.dvt("debug --connection lite").exits(0).says("All checks passed!").never_says("gone");
    project.dvt("debug --debug-target gone").exits(1);
    project.dvt("debug --debug-bucket").exits(0).never_says("gone");
    project.dvt("debug --debug-compute").exits(0).says("datafusion");
    project.dvt("debug --connection ilte").exits(2).says("did you mean `lite`?");
    // Looking leaves nothing behind.
    assert!(!project.path(".dvt").exists());
}

#[test]
fn debug_exits_1_when_a_file_is_broken() {
    Project::new().file("profiles.yml", "shop: [").dvt("debug").exits(1).says("profiles.yml");
    let project = Project::new();
    std::fs::remove_file(project.path("profiles.yml")).unwrap();
    project.dvt("debug").exits(1).says("profiles.yml").says(".dvt");
    project.dvt("run").exits(2).says("profiles.yml").says("dvt init");
}

#[test]
fn debug_passes_on_real_servers() {
    let (Some(postgres), Some(mysql)) = (dvt_test_support::postgres(), dvt_test_support::mysql()) else { return };
    let outputs = format!("    pg: {}\n    my: {}\n", output(&postgres, "public"), output(&mysql, ""));
    Project::new()
        .profile("pg", &outputs)
        .dvt("debug")
        .exits(0)
        .says("All checks passed!")
        .never_says(&postgres.password);
}

#[test]
fn an_output_that_nobody_uses_may_be_broken() {
    Project::new()
        .profile(
            "lite",
            "    lite: {type: sqlite, path: target.db}\n    prod: {type: postgres, host: h, user: u, password: \"{{ env_var('PROD_PASSWORD') }}\", dbname: d, schema: s}\n",
        )
        .file("models/m.sql", "select 1 as one")
        .dvt("run")
        .exits(0);
}

#[test]
fn target_changes_the_default_and_leaves_a_nodes_own_choice() {
    let project = Project::new()
        .file("models/free.sql", "select '{{ target.name }}' as target")
        .file("models/fixed.sql", "{{ config(target='left') }} select '{{ target.name }}' as target");
    project.dvt("run --target right").exits(0);
    assert_eq!(project.rows("right.db", "select * from free"), [r#"{"target":"right"}"#]);
    assert_eq!(project.rows("left.db", "select * from fixed"), [r#"{"target":"left"}"#]);
    project.dvt("run --target rihgt").exits(2).says("`rihgt`").says("did you mean `right`?");
    let environment = project.variable("DBT_TARGET", "lite").variable("DVT_TARGET", "right");
    environment.sqlite("right.db", "drop table free");
    environment.dvt("run --select free").exits(0);
    assert_eq!(environment.rows("right.db", "select * from free"), [r#"{"target":"right"}"#]);
}

#[test]
fn a_source_says_where_it_lives_in_four_places() {
    let project = Project::new()
        .file(
            "models/sources.yml",
            "sources:
  - {name: s1, connection: left, schema: main, tables: [{name: a}]}
  - {name: s2, connection: right, schema: main, tables: [{name: b, connection: left, identifier: a}]}
  - {name: s3, meta: {connection: left}, schema: main, tables: [{name: c, identifier: a}]}
  - {name: s4, config: {meta: {connection: left}}, schema: main, tables: [{name: d, identifier: a}]}
",
        )
        .file("models/m1.sql", "select * from {{ source('s1', 'a') }}")
        .file("models/m2.sql", "select * from {{ source('s2', 'b') }}")
        .file("models/m3.sql", "select * from {{ source('s3', 'c') }}")
        .file("models/m4.sql", "select * from {{ source('s4', 'd') }}");
    project.sqlite("left.db", "create table a (id integer); insert into a values (42)");
    project.dvt("run").exits(0);
    for model in ["m1", "m2", "m3", "m4"] {
        assert_eq!(project.rows("target.db", &format!("select * from {model}")), [r#"{"id":42}"#], "{model}");
        assert_eq!(project.route(model), "transfer");
    }
    project.write("models/sources.yml", "sources:\n  - {name: s1, connection: lfet, tables: [{name: a}]}\n");
    for model in ["m2", "m3", "m4"] {
        std::fs::remove_file(project.path(&format!("models/{model}.sql"))).unwrap();
    }
    project.dvt("parse").exits(2).says("`lfet`").says("models/sources.yml:2").says("did you mean `left`?");
}
