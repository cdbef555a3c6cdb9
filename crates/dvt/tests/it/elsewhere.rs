//! What dbt has beside models and their rows, on nodes whose inputs are on other connections (pitfall 34).

use crate::incremental::{on, rows};
use crate::pitfalls::two_files;
use crate::project::{Project, output};
use dvt_test_support::TestDatabase;

const JOINED: &str =
    "select a.id, a.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id";

/// `two_files` with a PostgreSQL as the target.
fn on_postgres() -> Option<(Project, TestDatabase)> {
    let target = dvt_test_support::postgres()?;
    let outputs = format!(
        "    pg: {}\n    left: {{type: sqlite, path: left.db}}\n    right: {{type: sqlite, path: right.db}}\n",
        output(&target, "public")
    );
    Some((two_files().profile("pg", &outputs), target))
}

#[test]
fn pitfall_34_hooks_grants_indexes_comments_and_aliases_are_those_of_any_model() {
    let Some((project, target)) = on_postgres() else { return };
    let reader = format!("reader_of_{}", target.database);
    target.sql(&format!("create role {reader}; create table told (what text)"));
    let project = project
        .file(
            "models/m.sql",
            &format!(
                "{{{{ config(alias='the_m', grants={{'select': ['{reader}']}}, \
                 indexes=[{{'columns': ['id'], 'unique': true}}, {{'columns': ['v'], 'type': 'hash'}}], \
                 persist_docs={{'relation': true, 'columns': true}}, \
                 pre_hook=\"insert into told values ('before {{{{ this.identifier }}}}')\", \
                 post_hook=[\"insert into told select 'after ' || count(*) from {{{{ this }}}}\"]) }}}}\n{JOINED}"
            ),
        )
        .file(
            "models/m.yml",
            "models:\n  - name: m\n    description: Joined from afar\n    columns:\n      - {name: id, description: The key}\n",
        );
    for step in ["first", "again", "anew"] {
        let words = if step == "anew" { "run --full-refresh" } else { "run" };
        project.dvt(words).exits(0);
        assert_eq!(project.route("m"), "federate", "{step}");
        let ask = |sql: &str| target.sql(sql).trim().to_owned();
        assert_eq!(ask("select string_agg(what, '|' order by what) from told"), "after 100|before the_m", "{step}");
        assert_eq!(ask(&format!("select has_table_privilege('{reader}', 'public.the_m', 'select')")), "t", "{step}");
        assert_eq!(ask("select obj_description('public.the_m'::regclass)"), "Joined from afar", "{step}");
        assert_eq!(ask("select col_description('public.the_m'::regclass, 1)"), "The key", "{step}");
        let indexes = "select string_agg(m.amname || ' ' || i.indisunique, '|' order by m.amname) from pg_index i \
                       join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam \
                       where i.indrelid = 'public.the_m'::regclass";
        assert_eq!(ask(indexes), "btree true|hash false", "{step}");
        target.sql("truncate told");
    }
    target.sql(&format!("drop table the_m; drop role {reader}"));
}

#[test]
fn hooks_of_a_node_run_on_the_connection_that_it_is_built_on() {
    let project = two_files().file(
        "models/m.sql",
        &format!(
            "{{{{ config(target='right', pre_hook='create table if not exists told (what text)', \
             post_hook=\"insert into told select count(*) from {{{{ this }}}}\") }}}}\n{JOINED}"
        ),
    );
    project.dvt("run").exits(0);
    assert_eq!(project.rows("right.db", "select what from told"), [r#"{"what":"100"}"#]);
}

#[test]
fn tests_look_across_connections_and_keep_what_they_find() {
    let Some((project, target)) = on_postgres() else { return };
    let project = project
        .file("models/m.sql", JOINED)
        .file(
            "models/m.yml",
            r#"models:
  - name: m
    columns:
      - name: id
        data_tests:
          - relationships: {arguments: {to: "source('r', 'b')", field: id}}
          - relationships: {arguments: {to: "source('l', 'few')", field: id}, config: {store_failures: true, alias: orphans}}
          - unique
          - not_null
"#,
        )
        .file("tests/few_have_partners.sql", "select f.id from {{ source('l', 'few') }} as f where f.id not in (select id from {{ source('r', 'b') }})")
        .file("tests/none_is_large.sql", "select m.id from {{ ref('m') }} as m join {{ source('r', 'b') }} as b on b.id = m.id where b.id > 98");
    project.write(
        "models/sources.yml",
        &project.text("models/sources.yml").replace("tables: [{name: a}]", "tables: [{name: a}, {name: few}]"),
    );
    project.sqlite("left.db", "create table few as select id from a where id <= 90");
    project.dvt("run").exits(0);
    project.dvt("test").exits(1).says("PASS=4").says("ERROR=2").says("Got 10 results").says("Got 2 results");
    let kept = target.sql("select count(*) from public_dbt_test__audit.orphans");
    assert_eq!(kept.trim(), "10");
}

/// No schema is made for tests that keep nothing, and nothing is written to the target.
#[test]
fn tests_across_connections_need_no_schema_of_their_own() {
    let Some((project, target)) = on_postgres() else { return };
    let project = project
        .file("models/m.sql", JOINED)
        .file("tests/few_are_large.sql", "{{ config(severity='warn', fail_calc='sum(id)', limit=1) }} select m.id from {{ ref('m') }} as m join {{ source('r', 'b') }} as b on b.id = m.id where b.id > 98 order by 1")
        .file("tests/broken.sql", "select m.nothing from {{ ref('m') }} as m join {{ source('r', 'b') }} as b on b.id = m.id");
    project.dvt("run").exits(0);
    let tested =
        project.dvt("test").exits(1).says("WARN=1").says("ERROR=1").says("Got 99 results, configured to warn if != 0");
    tested.says("tests/broken.sql:1:8").says("`nothing`");
    let results: serde_json::Value = serde_json::from_str(&project.text("target/run_results.json")).unwrap();
    let result = results["results"].as_array().unwrap().iter().find(|result| result["failures"] == 99).unwrap();
    assert_eq!(result["adapter_response"]["route"], "federate");
    assert_eq!(result["adapter_response"]["rows_loaded"], 0);
    assert_eq!(target.sql("select count(*) from pg_namespace where nspname like '%audit%'").trim(), "0");
    // A materialization of the project's own gets the rows on the target.
    project.write(
        "macros/test.sql",
        "{% materialization test, default %}{% call statement('main', fetch_result=True) %}select count(*) as failures, \
         false as should_warn, false as should_error from ({{ sql }}) t{% endcall %}{{ return({'relations': []}) }}\
         {% endmaterialization %}",
    );
    project.dvt("test --select few_are_large").exits(0).says("PASS=1");
}

/// A model's own aliases and those that `--empty` gives to its subqueries do not get in each other's way.
#[test]
fn empty_models_keep_their_aliases() {
    let Some((project, _target)) = on_postgres() else { return };
    let project = project.file("models/m.sql", JOINED).file("models/n.sql", "select n.id from {{ ref('m') }} n");
    project.dvt("run --empty").exits(0).says("PASS=2");
    assert_eq!(rows(&project, "select count(*) as n from {{ ref('n') }}"), "0");
}

#[test]
fn seeds_go_to_any_connection_and_are_read_from_there() {
    for engine in ["pg", "my", "lite", "lake"] {
        let Some(project) = on(engine) else { continue };
        let project = project
            .file("seeds/here.csv", "id,name,amount,at\n1,Ada,1.50,2024-01-01\n2,,,\n")
            .file("seeds/there.csv", "id,name\n1,x\n2,y\n")
            .file(
                "dbt_project.yml",
                "name: shop\nprofile: shop\nmodels:\n  +materialized: table\nseeds:\n  shop:\n    there: {+target: left}\n",
            )
            .file(
                "models/both.sql",
                "select h.id, h.name, t.name as other from {{ ref('here') }} as h join {{ ref('there') }} as t on t.id = h.id",
            );
        for words in ["build", "build", "build --full-refresh"] {
            project.dvt(words).exits(0);
            assert_eq!(rows(&project, "select id, name, other from {{ ref('both') }} order by id"), "1 Ada x|2 null y");
        }
    }
}

#[test]
fn show_computes_across_connections_and_builds_nothing() {
    let project = two_files().file("models/m.sql", JOINED);
    let shown = project.dvt("show --select m --limit 3 --output json").exits(0);
    assert_eq!(shown.stdout.matches("\"id\"").count(), 3, "{}", shown.stdout);
    assert!(
        !project.path("target.db").exists() || project.rows("target.db", "select name from sqlite_master").is_empty()
    );
    let inline =
        "select count(*) as n from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on a.id = b.id";
    assert_eq!(rows(&project, inline), "100");
}

#[test]
fn docs_and_exposures_know_a_federated_model() {
    let project = two_files().file("models/m.sql", JOINED).file(
        "models/m.yml",
        "exposures:\n  - {name: board, type: dashboard, owner: {name: me}, depends_on: [ref('m')]}\n",
    );
    project.dvt("build --select +exposure:board").exits(0);
    project.dvt("docs generate").exits(0);
    let catalog = project.json("target/catalog.json");
    assert_eq!(catalog["nodes"]["model.shop.m"]["columns"]["v"]["index"], 2, "{catalog}");
    assert!(catalog["sources"]["source.shop.l.a"].is_object() && catalog["sources"]["source.shop.r.b"].is_object());
}
