//! Incremental models and snapshots on every engine, and across connections.

use crate::project::{Project, output};

/// A project whose default target is `pg`, `my`, `lite` or `lake`; none where its server is missing.
fn on(engine: &str) -> Option<Project> {
    let (line, database) = match engine {
        "pg" => dvt_test_support::postgres().map(|database| (output(&database, "public"), Some(database)))?,
        "my" => dvt_test_support::mysql().map(|database| (output(&database, ""), Some(database)))?,
        "lake" => ("{type: filesystem, path: lake}".to_owned(), None),
        _ => ("{type: sqlite, path: target.db}".to_owned(), None),
    };
    let others = "    left: {type: sqlite, path: left.db}\n    right: {type: sqlite, path: right.db}\n";
    Some(Project::new().profile(engine, &format!("    {engine}: {line}\n{others}")).on_databases(database))
}

const ENGINES: [&str; 4] = ["lite", "lake", "pg", "my"];

/// The rows of a query over the project, as text: `1 a 10|2 b 20`.
#[track_caller]
fn rows(project: &Project, query: &str) -> String {
    let shown = project.dvt_with(&["show", "--inline", query, "--limit", "-1", "--output", "json"]).exits(0);
    let start = shown.stdout.find('{').unwrap_or_else(|| panic!("no rows in {}", shown.stdout));
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout[start..]).expect("show gives JSON");
    let cell = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let row = |row: &serde_json::Value| {
        row.as_object().expect("a row is an object").values().map(cell).collect::<Vec<_>>().join(" ")
    };
    shown["show"].as_array().expect("show gives rows").iter().map(row).collect::<Vec<_>>().join("|")
}

/// A model that gives 1 a 10 and 2 b 20 first, then 2 bb 21 and 3 c 30.
fn model(config: &str) -> String {
    format!(
        "{{{{ config(materialized='incremental', {config}) }}}}
{{% if is_incremental() %}}
select 2 as id, 'bb' as name, 21 as amount union all select 3 as id, 'c' as name, 30 as amount
{{% else %}}
select 1 as id, 'a' as name, 10 as amount union all select 2 as id, 'b' as name, 20 as amount
{{% endif %}}
"
    )
}

#[test]
fn each_strategy_does_what_it_says_on_each_engine() {
    let cases = [
        ("appended", "incremental_strategy='append'", "1 a 10|2 bb 21|2 b 20|3 c 30"),
        ("by_default", "unique_key='id'", "1 a 10|2 bb 21|3 c 30"),
        ("no_key", "", "1 a 10|2 bb 21|2 b 20|3 c 30"),
        ("deleted", "unique_key='id', incremental_strategy='delete+insert'", "1 a 10|2 bb 21|3 c 30"),
        ("two_keys", "unique_key=['id', 'name'], incremental_strategy='delete+insert'", "1 a 10|2 bb 21|2 b 20|3 c 30"),
        (
            "kept",
            "unique_key='id', incremental_strategy='delete+insert', incremental_predicates=['DBT_INTERNAL_DEST.amount < 20']",
            "1 a 10|2 bb 21|2 b 20|3 c 30",
        ),
        ("merged", "unique_key='id', incremental_strategy='merge'", "1 a 10|2 bb 21|3 c 30"),
        (
            "updated",
            "unique_key=['id'], incremental_strategy='merge', merge_update_columns=['amount']",
            "1 a 10|2 b 21|3 c 30",
        ),
        (
            "excluded",
            "unique_key='id', incremental_strategy='merge', merge_exclude_columns=['amount']",
            "1 a 10|2 bb 20|3 c 30",
        ),
        (
            "fenced",
            "unique_key='id', incremental_strategy='merge', incremental_predicates=['DBT_INTERNAL_DEST.amount < 20']",
            "1 a 10|2 bb 21|2 b 20|3 c 30",
        ),
    ];
    for engine in ENGINES {
        let Some(mut project) = on(engine) else { continue };
        for (name, config, _) in cases {
            project = project.file(&format!("models/{name}.sql"), &model(config));
        }
        project.dvt("run").exits(0);
        project.dvt("run").exits(0);
        for (name, _, expected) in cases {
            let query = format!("select id, name, amount from {{{{ ref('{name}') }}}} order by id, amount desc");
            assert_eq!(rows(&project, &query), expected, "{name} on {engine}");
        }
        project.dvt("run --full-refresh --select merged").exits(0);
        let query = "select id, name, amount from {{ ref('merged') }} order by id";
        assert_eq!(rows(&project, query), "1 a 10|2 b 20", "full refresh on {engine}");
    }
}

#[test]
fn a_strategy_that_an_engine_lacks_is_refused_by_name() {
    for (engine, strategy) in [("lite", "insert_overwrite"), ("pg", "insert_overwrite"), ("my", "insert_overwrite")] {
        let Some(project) = on(engine) else { continue };
        let project = project.file("models/m.sql", &model(&format!("incremental_strategy='{strategy}'")));
        project
            .dvt("run")
            .exits(1)
            .says(&format!("The incremental strategy '{strategy}' is not valid for this adapter"));
    }
}

#[test]
fn a_repeated_key_is_an_error_where_merge_is_written_in_parts() {
    for engine in ["lite", "lake", "my"] {
        let Some(project) = on(engine) else { continue };
        let project = project.file(
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
select 1 as id, 10 as amount {% if is_incremental() %} union all select 1 as id, 11 as amount {% endif %}",
        );
        project.dvt("run").exits(0);
        project.dvt("run").exits(1).says("gives more than one row for a key (id)");
        assert_eq!(rows(&project, "select id, amount from {{ ref('m') }}"), "1 10", "{engine}");
    }
}

#[test]
fn new_and_missing_columns_are_met_as_the_config_says() {
    for engine in ENGINES {
        let Some(mut project) = on(engine) else { continue };
        for mode in ["ignore", "append_new_columns", "sync_all_columns", "fail"] {
            project = project.file(
                &format!("models/{mode}.sql"),
                &format!(
                    "{{{{ config(materialized='incremental', unique_key='id', on_schema_change='{mode}', incremental_strategy='delete+insert') }}}}
{{% if is_incremental() %}}
select 2 as id, {} 7 as added
{{% else %}}
select 1 as id, nullif(5, 0) as gone
{{% endif %}}",
                    if mode == "ignore" { "6 as gone," } else { "" }
                ),
            );
        }
        project.dvt("run").exits(0);
        project.dvt("run").exits(1).says("The source and target schemas on this incremental model are out of sync!");
        for (mode, expected) in [
            ("ignore", "1 5|2 6"),
            ("append_new_columns", "1 5 null|2 null 7"),
            ("sync_all_columns", "1 null|2 7"),
            ("fail", "1 5"),
        ] {
            let query = format!("select * from {{{{ ref('{mode}') }}}} order by id");
            assert_eq!(rows(&project, &query), expected, "{mode} on {engine}");
        }
    }
}

/// A table `src` whose rows `step` decides.
fn changing(project: Project) -> Project {
    project
        .file(
            "models/src.sql",
            "{% set step = var('step', 1) %}
select 1 as id, 'a' as name, {{ dbt.cast(\"'2024-01-01 00:00:00'\", dbt.type_timestamp()) }} as updated_at
{% if step == 1 %}
union all select 2 as id, 'b' as name, {{ dbt.cast(\"'2024-01-01 00:00:00'\", dbt.type_timestamp()) }} as updated_at
union all select 3 as id, 'c' as name, {{ dbt.cast(\"'2024-01-01 00:00:00'\", dbt.type_timestamp()) }} as updated_at
{% else %}
union all select 2 as id, 'bb' as name, {{ dbt.cast(\"'2024-02-01 00:00:00'\", dbt.type_timestamp()) }} as updated_at
{% endif %}",
        )
        .file(
            "snapshots/all.yml",
            "snapshots:
  - name: by_time
    relation: ref('src')
    config: {strategy: timestamp, unique_key: id, updated_at: updated_at}
  - name: by_check
    relation: ref('src')
    config: {strategy: check, unique_key: [id], check_cols: all, hard_deletes: invalidate}
  - name: with_tombstones
    relation: ref('src')
    config:
      strategy: check
      unique_key: id
      check_cols: [name]
      hard_deletes: new_record
      snapshot_meta_column_names: {dbt_valid_to: until, dbt_is_deleted: is_gone}
",
        )
}

#[test]
fn snapshots_keep_what_was_on_each_engine() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = changing(project);
        project.dvt("run").exits(0);
        project.dvt("snapshot").exits(0);
        project.dvt("snapshot").exits(0);
        let ended = "case when dbt_valid_to is null then 'open' else 'ended' end as state";
        let query = |snapshot: &str, more: &str| {
            format!("select id, name, {more} from {{{{ ref('{snapshot}') }}}} order by id, dbt_valid_from, state")
        };
        assert_eq!(rows(&project, &query("by_time", ended)), "1 a open|2 b open|3 c open", "{engine}");
        project.dvt_with(&["run", "--vars", "{step: 2}"]).exits(0);
        project.dvt("snapshot").exits(0);
        project.dvt("snapshot").exits(0);
        assert_eq!(rows(&project, &query("by_time", ended)), "1 a open|2 b ended|2 bb open|3 c open", "{engine}");
        assert_eq!(rows(&project, &query("by_check", ended)), "1 a open|2 b ended|2 bb open|3 c ended", "{engine}");
        let tombstones = "is_gone, case when until is null then 'open' else 'ended' end as state";
        assert_eq!(
            rows(&project, &query("with_tombstones", tombstones)),
            "1 a False open|2 b False ended|2 bb False open|3 c False ended|3 c True open",
            "{engine}"
        );
    }
}

#[test]
fn an_incremental_model_reads_itself_and_other_connections() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project
            .file(
                "models/sources.yml",
                "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
",
            )
            .file(
                "models/m.sql",
                "{{ config(materialized='incremental', unique_key='id') }}
select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id
{% if is_incremental() %}
where a.id >= (select max(t.id) from {{ this }} as t)
{% endif %}",
            )
            .file("models/n.sql", "select count(*) as n, max(v) as v from {{ ref('m') }}");
        project.sqlite("left.db", "create table a (id integer); insert into a values (1), (2)");
        project.sqlite("right.db", "create table b (id integer, v text); insert into b values (1, 'a'), (2, 'b')");
        project.dvt("run").exits(0);
        assert_eq!(project.route("m"), "federate");
        project.sqlite("left.db", "insert into a values (3)");
        project.sqlite("right.db", "update b set v = 'z'; insert into b values (3, 'c')");
        project.dvt("run").exits(0);
        let query = "select id, v from {{ ref('m') }} order by id";
        // 1 is older than what the table holds; 2 comes again, 3 is new.
        assert_eq!(rows(&project, query), "1 a|2 z|3 c", "{engine}");
        assert_eq!(rows(&project, "select n, v from {{ ref('n') }}"), "3 z", "{engine}");
        project.dvt("run --full-refresh").exits(0);
        assert_eq!(rows(&project, query), "1 z|2 z|3 c", "{engine}");
    }
}

#[test]
fn a_snapshot_may_follow_another_connection() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project.file(
            "models/all.yml",
            "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}]}
snapshots:
  - name: kept
    relation: source('l', 'a')
    config: {strategy: check, unique_key: id, check_cols: [v], hard_deletes: invalidate}
",
        );
        project.sqlite("left.db", "create table a (id integer, v text); insert into a values (1, 'a'), (2, 'b')");
        project.dvt("snapshot").exits(0);
        project.sqlite("left.db", "update a set v = 'aa' where id = 1; delete from a where id = 2");
        project.dvt("snapshot").exits(0);
        let query = "select id, v, case when dbt_valid_to is null then 'open' else 'ended' end as state
            from {{ ref('kept') }} order by id, dbt_valid_from";
        assert_eq!(rows(&project, query), "1 a ended|1 aa open|2 b ended", "{engine}");
    }
}
