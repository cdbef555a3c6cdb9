//! Incremental models and snapshots on every engine, and across connections.

use crate::project::{Project, output};

/// A project whose default target is `pg`, `my`, `lite` or `lake`; none where its server is missing.
pub(crate) fn on(engine: &str) -> Option<Project> {
    let (line, database) = match engine {
        "pg" => dvt_test_support::postgres().map(|database| (output(&database, "public"), Some(database)))?,
        "my" => dvt_test_support::mysql().map(|database| (output(&database, ""), Some(database)))?,
        "lake" => ("{type: filesystem, path: lake}".to_owned(), None),
        _ => ("{type: sqlite, path: target.db}".to_owned(), None),
    };
    let others = "    left: {type: sqlite, path: left.db}\n    right: {type: sqlite, path: right.db}\n";
    Some(Project::new().profile(engine, &format!("    {engine}: {line}\n{others}")).on_databases(database))
}

pub(crate) const ENGINES: [&str; 4] = ["lite", "lake", "pg", "my"];

/// The rows of a query over the project, as text: `1 a 10|2 b 20`.
#[track_caller]
pub(crate) fn rows(project: &Project, query: &str) -> String {
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

pub(crate) const PAIR: &str = "sources:
  - {name: l, connection: left, schema: main, tables: [{name: a}]}
  - {name: r, connection: right, schema: main, tables: [{name: b}]}
";

/// How many rows came from a relation for a model.
#[track_caller]
pub(crate) fn extracted(project: &Project, model: &str, relation: &str) -> u64 {
    let result = project.result(&format!("model.shop.{model}"));
    let inputs = result["adapter_response"]["inputs"].as_array().expect("inputs are told").clone();
    let of = inputs.iter().filter(|input| input["relation"].as_str().is_some_and(|name| name.ends_with(relation)));
    of.map(|input| input["rows_extracted"].as_u64().expect("a number")).sum()
}

#[test]
fn a_watermark_is_asked_first_and_only_what_is_newer_is_read() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project
            .file("models/sources.yml", PAIR)
            .file(
                "models/m.sql",
                "{{ config(materialized='incremental', unique_key='id') }}
select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.k = a.k
{% if is_incremental() %} where a.id > (select max(t.id) from {{ this }} as t) {% endif %}",
            )
            .file(
                "models/asked.sql",
                "{{ config(materialized='incremental', incremental_strategy='append') }}
{% if is_incremental() %}{% set last = run_query('select max(id) from ' ~ this).columns[0].values()[0] %}{% endif %}
select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.k = a.k
{% if is_incremental() %} where a.id >= {{ (last or 0) + 1 }} {% endif %}",
            )
            .file(
                "models/back.sql",
                "{{ config(materialized='incremental', unique_key='id') }}
select a.id, a.k from {{ source('l', 'a') }} as a
{% if is_incremental() %} where a.id >= coalesce((select max(t.id) - 2 from {{ this }} as t), 0) and a.k >= 0 {% endif %}",
            );
        let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)";
        project.sqlite(
            "left.db",
            &format!("create table a (id integer, k integer); insert into a {numbers} select i, i % 3 from n"),
        );
        project.sqlite(
            "right.db",
            "create table b (k integer, v text); insert into b values (0, 'x'), (1, 'y'), (2, 'z')",
        );
        project.dvt("run").exits(0);
        project.sqlite("left.db", "insert into a values (501, 0), (502, 1)");
        project.dvt("run").exits(0);
        for (model, read) in [("m", 2), ("asked", 2), ("back", 5)] {
            assert_eq!(extracted(&project, model, "a"), read, "{model} on {engine}");
        }
        for model in ["m", "asked", "back"] {
            let count = format!("select count(*) as n from {{{{ ref('{model}') }}}}");
            assert_eq!(rows(&project, &count), "502", "{model} on {engine}");
        }
        // A table without rows has no watermark, and NULL is less than nothing: as in one database, no row is newer.
        project.sqlite("left.db", "delete from a");
        project.dvt("run --full-refresh").exits(0);
        project.sqlite("left.db", "insert into a values (1, 1)");
        project.dvt("run").exits(0);
        assert_eq!(rows(&project, "select count(*) as n from {{ ref('m') }}"), "0", "{engine}");
        assert_eq!(rows(&project, "select count(*) as n from {{ ref('back') }}"), "1", "{engine}");
    }
}

#[test]
fn pitfall_32_a_watermark_keeps_every_digit_of_a_second() {
    let (Some(target), Some(left), Some(right)) =
        (dvt_test_support::postgres(), dvt_test_support::mysql(), dvt_test_support::postgres())
    else {
        return;
    };
    left.sql("create table a (id integer, at datetime(6)); insert into a values (1, '2024-01-01 00:00:00.000001')");
    right.sql("create table b (id integer, at timestamptz); insert into b values (1, '2024-01-01 00:00:00.000001+00')");
    let project = crate::pair::project_on_servers(&target, &left, &right).file(
        "models/sources.yml",
        &format!(
            "sources:\n  - {{name: l, connection: left, schema: {}, tables: [{{name: a}}]}}\n  - {{name: r, connection: right, schema: public, tables: [{{name: b}}]}}\n",
            left.database
        ),
    );
    let mut project = project;
    for (model, source) in [("from_my", "source('l', 'a')"), ("from_pg", "source('r', 'b')")] {
        project = project.file(
            &format!("models/{model}.sql"),
            &format!(
                "{{{{ config(materialized='incremental', incremental_strategy='append') }}}}
select s.id, s.at from {{{{ {source} }}}} as s
{{% if is_incremental() %}} where s.at > (select max(t.at) from {{{{ this }}}} as t) {{% endif %}}"
            ),
        );
    }
    project.dvt("run").exits(0);
    // The same instant again is not newer; a microsecond later is.
    left.sql("insert into a values (2, '2024-01-01 00:00:00.000001'), (3, '2024-01-01 00:00:00.000002')");
    right.sql("insert into b values (2, '2024-01-01 00:00:00.000001+00'), (3, '2024-01-01 01:00:00.000002+01')");
    project.dvt("run").exits(0);
    for (model, relation) in [("from_my", "a"), ("from_pg", "b")] {
        assert_eq!(
            target.sql(&format!("select string_agg(id::text, ',' order by id) from public.{model}")).trim(),
            "1,3"
        );
        assert_eq!(extracted(&project, model, relation), 1, "{model}");
    }
}

#[test]
fn pitfall_31_a_target_that_somebody_dropped_is_built_whole() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project.file("models/sources.yml", PAIR).file(
            "models/m.sql",
            "{{ config(materialized='incremental', unique_key='id') }}
select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id
{% if is_incremental() %} where a.id > (select max(t.id) from {{ this }} as t) {% endif %}",
        );
        project.sqlite("left.db", "create table a (id integer); insert into a values (1), (2)");
        project.sqlite(
            "right.db",
            "create table b (id integer, v text); insert into b values (1, 'a'), (2, 'b'), (3, 'c')",
        );
        project.dvt("run").exits(0);
        project
            .write("macros/gone.sql", "{% macro gone() %}{% do run_query('drop table ' ~ ref('m')) %}{% endmacro %}");
        project.dvt("run-operation gone").exits(0);
        project.sqlite("left.db", "insert into a values (3)");
        project.dvt("run").exits(0);
        assert_eq!(rows(&project, "select id, v from {{ ref('m') }} order by id"), "1 a|2 b|3 c", "{engine}");
        // A machine that knows nothing of earlier runs.
        for folder in [".dvt", "target"] {
            let _ = std::fs::remove_dir_all(project.path(folder));
        }
        project.sqlite("left.db", "insert into a values (2)");
        project.dvt("run").exits(0);
        assert_eq!(rows(&project, "select id, v from {{ ref('m') }} order by id"), "1 a|2 b|3 c", "{engine}");
    }
}

#[test]
fn strategies_are_the_same_across_connections() {
    let cases = [
        ("appended", "incremental_strategy='append'", "1 a 10|2 bb 21|2 b 20|3 c 30"),
        ("by_default", "unique_key='id'", "1 a 10|2 bb 21|3 c 30"),
        ("two_keys", "unique_key=['id', 'name'], incremental_strategy='delete+insert'", "1 a 10|2 bb 21|2 b 20|3 c 30"),
        ("merged", "unique_key=['id'], incremental_strategy='merge'", "1 a 10|2 bb 21|3 c 30"),
        (
            "updated",
            "unique_key='id', incremental_strategy='merge', merge_update_columns=['amount']",
            "1 a 10|2 b 21|3 c 30",
        ),
        (
            "excluded",
            "unique_key='id', incremental_strategy='merge', merge_exclude_columns=['amount']",
            "1 a 10|2 bb 20|3 c 30",
        ),
        (
            "fenced",
            "unique_key='id', incremental_strategy='delete+insert', incremental_predicates=['DBT_INTERNAL_DEST.amount < 20']",
            "1 a 10|2 bb 21|2 b 20|3 c 30",
        ),
    ];
    for engine in ENGINES {
        let Some(mut project) = on(engine) else { continue };
        for (name, config, _) in cases {
            project = project.file(
                &format!("models/{name}.sql"),
                &format!(
                    "{{{{ config(materialized='incremental', {config}) }}}}
select a.id, b.name, a.amount from {{{{ source('l', 'a') }}}} as a join {{{{ source('r', 'b') }}}} as b on b.id = a.id
{{% if is_incremental() %}} where a.id > 1 {{% endif %}}"
                ),
            );
        }
        let project = project.file("models/sources.yml", PAIR);
        project.sqlite("left.db", "create table a (id integer, amount integer); insert into a values (1, 10), (2, 20)");
        project.sqlite("right.db", "create table b (id integer, name text); insert into b values (1, 'a'), (2, 'b')");
        project.dvt("run").exits(0);
        project.sqlite("left.db", "update a set amount = 21 where id = 2; insert into a values (3, 30)");
        project.sqlite("right.db", "update b set name = 'bb' where id = 2; insert into b values (3, 'c')");
        project.dvt("run").exits(0);
        assert!(cases.iter().all(|(name, ..)| project.route(name) == "federate"));
        for (name, _, expected) in cases {
            let query = format!("select id, name, amount from {{{{ ref('{name}') }}}} order by id, amount desc");
            assert_eq!(rows(&project, &query), expected, "{name} on {engine}");
        }
    }
}

/// A lake replaces what the predicates name, or all.
#[test]
fn insert_overwrite_across_connections_is_real_on_a_lake_and_refused_elsewhere() {
    for engine in ENGINES {
        let Some(project) = on(engine) else { continue };
        let project = project.file("models/sources.yml", PAIR).file(
            "models/m.sql",
            "{{ config(materialized='incremental', incremental_strategy='insert_overwrite') }}
select a.id, b.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
        );
        project.sqlite("left.db", "create table a (id integer); insert into a values (1), (2)");
        project.sqlite(
            "right.db",
            "create table b (id integer, v text); insert into b values (1, 'a'), (2, 'b'), (3, 'c')",
        );
        if engine != "lake" {
            project
                .dvt("run")
                .exits(1)
                .says("The incremental strategy 'insert_overwrite' is not valid for this adapter");
            continue;
        }
        project.dvt("run").exits(0);
        project.sqlite("left.db", "delete from a where id = 1; insert into a values (3)");
        project.dvt("run").exits(0);
        assert_eq!(rows(&project, "select id, v from {{ ref('m') }} order by id"), "2 b|3 c");
    }
}
