//! Loading is all or nothing (pitfalls 11, 12, 27, 35), and staging never answers another question.

use crate::pitfalls::two_files;
use crate::project::Project;

fn staged(project: Project) -> Project {
    project.file(
        "buckets.yml",
        "shop:\n  target: b\n  buckets:\n    b: {type: filesystem, path: staging, staging: always}\n",
    )
}

#[test]
fn pitfall_11_a_limited_extract_is_not_taken_for_the_whole_table() {
    let project = staged(two_files())
        .file(
            "models/few.sql",
            "select q.id, b.v from (select id from {{ source('l', 'a') }} limit 10) as q join {{ source('r', 'b') }} as b on b.id = q.id",
        )
        .file(
            "models/whole.sql",
            "-- depends_on: {{ ref('few') }}\nselect count(*) as n, min(a.id) as low from {{ source('l', 'a') }} as a cross join (select max(id) as m from {{ source('r', 'b') }}) as b",
        );
    project.dvt("run --threads 1").exits(0);
    assert_eq!(project.rows("target.db", "select count(*) as n from few"), [r#"{"n":10}"#]);
    assert_eq!(project.rows("target.db", "select * from whole"), [r#"{"n":100,"low":1}"#]);
}

#[test]
fn pitfall_12_a_model_that_needs_more_columns_gets_them() {
    let project = staged(two_files())
        .file(
            "models/narrow.sql",
            "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        )
        .file(
            "models/wide.sql",
            "-- depends_on: {{ ref('narrow') }}\nselect a.id, a.v, b.v as w from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        );
    project.dvt("run --threads 1").exits(0);
    assert_eq!(project.rows("target.db", "select * from wide where id = 7"), [r#"{"id":7,"v":"a7","w":"b7"}"#]);
    // What changed in the source since is seen by the next run.
    project.sqlite("left.db", "update a set v = 'new' where id = 7");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from wide where id = 7"), [r#"{"id":7,"v":"new","w":"b7"}"#]);
}

#[test]
fn pitfall_27_a_run_that_fails_leaves_the_rows_of_the_run_before() {
    let project = two_files().file(
        "models/ratio.sql",
        "select a.id, cast(a.v as integer) as v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.sqlite(
        "left.db",
        "drop table a; create table a (id integer, v varchar(20)); insert into a values (1, '1'), (2, '2')",
    );
    let columns = "select count(*) as n from ratio";
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", columns), [r#"{"n":2}"#]);
    // The declared type says number, the value does not: SQLite lets it stand, dvt does not carry it over.
    project.sqlite(
        "left.db",
        "drop table a; create table a (id integer, v integer); insert into a values (1, 1), (2, 'two')",
    );
    project.dvt("run").exits(1).says("ratio");
    assert_eq!(project.rows("target.db", columns), [r#"{"n":2}"#]);
    assert_eq!(
        project.rows(
            "target.db",
            "select count(*) as n from sqlite_master where name like 'dvt_landing%' or name like '%__dbt_tmp'"
        ),
        [r#"{"n":0}"#]
    );
    // And the next good run replaces them.
    project
        .sqlite("left.db", "drop table a; create table a (id integer, v varchar(20)); insert into a values (3, '3')");
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select * from ratio"), [r#"{"id":3,"v":3}"#]);
}

#[test]
fn pitfall_27_readers_see_the_old_rows_or_the_new_ones_on_postgres() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let outputs = format!(
        "    pg: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        crate::project::output(&target, "public")
    );
    let project = two_files().profile("pg", &outputs).file(
        "models/numbers.sql",
        "select a.id, 100 / (a.id - cast('{{ var('hole', 0) }}' as integer)) as v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.dvt("run").exits(0);
    let state = "select count(*), min(v), max(v) from public.numbers";
    let before = target.sql(state);
    let oid = target.sql("select 'public.numbers'::regclass::oid");
    project.dvt_with(&["run", "--vars", "{hole: 50}"]).exits(1);
    assert_eq!(target.sql(state), before);
    project.dvt("run").exits(0);
    assert_eq!(target.sql(state), before);
    // By default the table keeps its identity (grants, dependents); a full refresh makes a new one.
    assert_eq!(target.sql("select 'public.numbers'::regclass::oid"), oid);
    project.dvt("run --full-refresh").exits(0);
    assert_ne!(target.sql("select 'public.numbers'::regclass::oid"), oid);
    assert_eq!(target.sql("select count(*) from pg_class where relname like 'dvt_landing%'").trim(), "0");
}

#[test]
fn a_failed_model_skips_what_depends_on_it_and_nothing_else() {
    let project = two_files()
        .file(
            "models/broken.sql",
            "select a.id, a.nothing from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on a.id = b.id",
        )
        .file("models/after.sql", "select * from {{ ref('broken') }}")
        .file(
            "models/fine.sql",
            "select a.id from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on a.id = b.id",
        );
    project.dvt("run").exits(1).says("PASS=1").says("ERROR=1").says("SKIP=1");
    assert_eq!(project.rows("target.db", "select count(*) as n from fine"), [r#"{"n":100}"#]);
    assert_eq!(project.result("model.shop.after")["status"], "skipped");
}

/// Pitfall 34 in part: a contract holds on the federated route as on the pushdown route.
#[test]
fn a_contract_is_enforced_on_a_federated_model() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let outputs = format!(
        "    pg: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        crate::project::output(&target, "public")
    );
    let contract = |v_type: &str| {
        format!(
            "models:\n  - name: kept\n    config: {{contract: {{enforced: true}}, materialized: table}}\n    columns:\n      \
             - {{name: id, data_type: bigint, constraints: [{{type: not_null}}]}}\n      - {{name: v, data_type: {v_type}}}\n"
        )
    };
    let project = two_files().profile("pg", &outputs).file("models/kept.yml", &contract("varchar(20)")).file(
        "models/kept.sql",
        "select a.id, a.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    project.dvt("run").exits(0);
    assert_eq!(target.sql("select count(*) from public.kept").trim(), "100");
    let not_null = "select attnotnull from pg_attribute where attrelid = 'public.kept'::regclass and attname = 'id'";
    assert_eq!(target.sql(not_null).trim(), "t");

    let project = project.file("models/kept.yml", &contract("integer"));
    project.dvt("run").exits(1).says("contract");
    assert_eq!(target.sql("select count(*) from public.kept").trim(), "100");
    assert_eq!(target.sql("select count(*) from pg_class where relname like 'dvt_landing%'").trim(), "0");
}
