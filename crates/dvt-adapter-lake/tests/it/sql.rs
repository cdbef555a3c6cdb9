//! Statements, names and views.

use crate::support::{files_below, lake, lake_with, object};
use dvt_adapter::{Adapter, ErrorClass, RelationKind, RelationName};
use dvt_adapter_lake::LakeAdapter;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_changed_and_dropped() {
    let lake = lake();
    lake.run("create schema if not exists sales").await;
    assert_eq!(
        lake.run("create table sales.orders (id bigint not null, amount decimal(10,2), Note varchar(20))").await,
        "CREATE TABLE"
    );
    assert_eq!(lake.run("insert into sales.orders values (1, 9.5, 'a'), (2, null, '')").await, "INSERT 0 2");
    assert_eq!(lake.run("INSERT INTO sales.ORDERS (note, id) select 'c', 3").await, "INSERT 0 1");
    assert_eq!(lake.rows("select * from sales.orders order by id").await, "1|9.50|a\n2|NULL|\n3|NULL|c");
    assert_eq!(lake.run("update sales.orders set amount = id * 2, note = note || '!' where id > 1").await, "UPDATE 2");
    assert_eq!(lake.run("delete from sales.orders where amount > 5").await, "DELETE 2");
    assert_eq!(lake.rows("select * from sales.orders").await, "2|4.00|!");
    assert_eq!(
        lake.run("alter table sales.orders add column at timestamp, drop column amount, rename column note to text")
            .await,
        "ALTER TABLE"
    );
    assert_eq!(lake.rows("select id, text, at from sales.orders").await, "2|!|NULL");
    lake.run("alter table sales.orders rename to sales.kept").await;
    lake.fails("select * from sales.orders", ErrorClass::MissingRelation).await;
    lake.run("truncate table sales.kept").await;
    assert_eq!(lake.rows("select count(*) from sales.kept").await, "0");
    lake.fails("drop schema sales", ErrorClass::Other).await;
    lake.run("drop schema sales cascade").await;
    assert_eq!(files_below(lake.folder.path()), Vec::<String>::new());
    lake.run("drop table if exists sales.kept").await;
    lake.fails("drop table sales.kept", ErrorClass::MissingRelation).await;
}

/// What the engine's planner would pass over in silence.
#[tokio::test(flavor = "multi_thread")]
async fn clauses_are_kept_or_refused() {
    let lake = lake();
    lake.run("create table t as select value as id from generate_series(1, 5)").await;
    assert_eq!(lake.rows("select id from t order by id fetch first 2 rows only").await, "1\n2");
    for (sql, clause) in [
        ("select * from t tablesample system (10)", "TABLESAMPLE"),
        ("create view v as select * from (select id from t) q tablesample (2 rows)", "TABLESAMPLE"),
        ("insert into t select * from t tablesample bernoulli (50)", "TABLESAMPLE"),
        ("select id from t order by id fetch first 2 rows with ties", "WITH TIES"),
    ] {
        let message = lake.fails(sql, ErrorClass::Other).await;
        assert!(message.contains(clause), "{sql}: {message}");
    }
    assert_eq!(lake.rows("select count(*) from t").await, "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_from_a_query_keeps_types_and_is_replaced_in_one_step() {
    let lake = lake();
    lake.run("create table a as select 1 as id, cast('2024-02-29 12:00:00.5' as timestamp) as at, cast('x' as varchar(7)) as t, null as n").await;
    let types = "select column_name, data_type from information_schema.columns where table_schema = 'main' and table_name = 'a' order by ordinal_position";
    assert_eq!(lake.rows(types).await, "id|bigint\nat|timestamp\nt|string\nn|string");
    lake.fails("create table a as select 2 as id", ErrorClass::Other).await;
    lake.run("create or replace table a as select id + 1 as id, 'y' as other from a").await;
    assert_eq!(lake.rows("select * from a").await, "2|y");
    let broken = lake.fails("create or replace table a as select 1 / (id - 2) as x from a", ErrorClass::Other).await;
    assert!(broken.to_lowercase().contains("zero"), "{broken}");
    assert_eq!(lake.rows("select * from a").await, "2|y");
    let double = lake.fails("create table b as select id, id from a", ErrorClass::Other).await;
    assert!(double.contains("id"), "{double}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_takes_the_place_of_a_table_and_outlives_its_source() {
    let lake = lake();
    lake.run("create table t as select 1 as old").await;
    lake.run("create table landing as select 2 as new, 'x' as more").await;
    lake.run("create or replace table t clone landing; drop table landing").await;
    assert_eq!(lake.rows("select * from t").await, "2|x");
    lake.run("create table u clone t").await;
    lake.run("insert into t values (3, 'y')").await;
    assert_eq!(lake.rows("select count(*) from u").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_using_another_table_removes_the_matches() {
    let lake = lake();
    lake.run("create table t as select value as id from generate_series(1, 5)").await;
    lake.run("create table changes as select value as id from generate_series(4, 9)").await;
    assert_eq!(lake.run("delete from t using changes where changes.id = t.id").await, "DELETE 2");
    assert_eq!(lake.run("delete from t where id in (select id - 3 from changes)").await, "DELETE 3");
    lake.run("insert into t values (null), (1)").await;
    assert_eq!(lake.run("delete from t where id = 1").await, "DELETE 1");
    assert_eq!(lake.rows("select * from t").await, "NULL");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_resolved_through_each_other_and_a_circle_is_refused() {
    let lake = lake();
    lake.run("create table t as select 1 as id; create view a as select id + 1 as id from t; create view b as select id * 10 as id from a").await;
    assert_eq!(lake.rows("select * from b").await, "20");
    lake.run("create or replace view a as select id + 2 as id from t").await;
    assert_eq!(lake.rows("select * from b").await, "30");
    let circle = lake.fails("create or replace view a as select id from b", ErrorClass::Other).await;
    assert!(circle.contains("reads itself"), "{circle}");
    assert_eq!(lake.rows("select * from b").await, "30", "the view is as it was");
    lake.fails("create view t as select 1 as id", ErrorClass::Other).await;
    lake.fails("drop table a", ErrorClass::Other).await;
    assert_eq!(
        lake.rows(
            "select table_name, table_type from information_schema.tables where table_schema = 'main' order by 1"
        )
        .await,
        "a|VIEW\nb|VIEW\nt|BASE TABLE"
    );
    lake.run("alter table b rename to c").await;
    assert_eq!(lake.rows("select * from c").await, "30");
    lake.run("drop view c; drop table t").await;
    let broken = lake.fails("select * from a", ErrorClass::MissingRelation).await;
    assert!(broken.contains("main.a") && broken.contains("main.t"), "{broken}");
    let kind = lake.adapter.describe(&[RelationName::new(None, None, "no_such")]).await.unwrap();
    assert!(kind[0].is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_never_leave_the_folder() {
    let lake = lake();
    std::fs::write(lake.folder.path().join("outside.parquet"), "mine").unwrap();
    for name in [
        "..",
        "../outside",
        "../../etc",
        "/etc/passwd",
        ".",
        ".hidden",
        "a/b",
        "_x",
        "nul\u{0}l",
        "x.view.sql",
        "_delta_log",
    ] {
        let quoted = name.replace('"', "\"\"");
        lake.run(&format!("create table \"{quoted}\" as select 1 as id")).await;
        assert_eq!(lake.rows(&format!("select id from \"{quoted}\"")).await, "1", "{name}");
        lake.run(&format!("create schema \"s{quoted}\"; create view \"s{quoted}\".\"{quoted}\" as select 2 as id"))
            .await;
        assert_eq!(lake.rows(&format!("select id from \"s{quoted}\".\"{quoted}\"")).await, "2", "{name}");
        lake.run(&format!("alter table \"{quoted}\" rename to \"{quoted}2\"")).await;
        lake.run(&format!("drop table \"{quoted}2\"; drop schema \"s{quoted}\" cascade")).await;
    }
    assert_eq!(std::fs::read_dir(lake.folder.path()).unwrap().count(), 2);
    assert_eq!(files_below(&lake.path("")), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn unquoted_names_fold_and_quoted_ones_do_not() {
    let lake = lake();
    lake.run(r#"create table "Orders" as select 1 as "Id"; create table ORDERS as select 2 as ID"#).await;
    assert_eq!(lake.rows(r#"select "Id" from "Orders""#).await, "1");
    assert_eq!(lake.rows("select id from Orders").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_schema_is_a_folder_of_its_own_when_it_is_named() {
    let lake = lake_with(json!({"schema": "mart", "format": "parquet"}));
    lake.run("create schema mart; create table t as select 1 as id").await;
    assert!(lake.path("mart/t").is_dir());
    let described =
        lake.adapter.describe(&[RelationName::new(None, None, "t")]).await.unwrap().pop().flatten().unwrap();
    assert_eq!((described.kind, described.statistics.rows), (RelationKind::Table, Some(1)));
    assert_eq!(
        lake.rows("select schema_name from information_schema.schemata order by 1").await,
        "information_schema\nmain\nmart"
    );
    lake.run("create table main.u with (format = 'delta') as select 1 as id").await;
    assert!(lake.path("u/_delta_log").is_dir());
    let wrong = lake.fails("create table v with (format = 'parqet') as select 1 as id", ErrorClass::Other).await;
    assert!(wrong.contains("did you mean `parquet`"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lake_cannot_do_is_refused_by_name() {
    let lake = lake();
    lake.run("create table t as select 1 as id").await;
    for (sql, names) in [
        ("create table u (id integer primary key)", "PRIMARY KEY"),
        ("create index i on t (id)", "CREATE INDEX"),
        ("grant select on t to someone", "GRANT SELECT"),
        ("create materialized view m as select 1 as id", "materialized"),
        ("merge into t using t s on t.id = s.id when matched then delete", "MERGE INTO"),
        ("select * from other.main.t", "databases"),
    ] {
        let mut session = lake.adapter.session().await.unwrap();
        let error = session.execute(sql, dvt_adapter::Fetch::None).await.unwrap_err();
        assert!(error.to_string().contains(names), "{sql}: {error}");
    }
}

#[test]
fn wrong_keys_are_refused_with_the_right_ones() {
    let refused = |output: serde_json::Value| {
        let error = LakeAdapter::from_profile("lake", &object(output), std::path::Path::new("/tmp")).err().unwrap();
        assert_eq!(error.class, ErrorClass::Configuration);
        format!("{error} / {}", error.hint.clone().unwrap_or_default())
    };
    assert!(refused(json!({"type": "filesystem", "path": "x", "fromat": "delta"})).contains("did you mean `format`"));
    assert!(refused(json!({"type": "filesystem", "path": "x", "format": "dleta"})).contains("did you mean `delta`"));
    assert!(refused(json!({"type": "filesystem"})).contains("`path`"));
    assert!(refused(json!({"type": "filesystem", "path": ""})).contains("`path`"));
    assert!(refused(json!({"type": "filesystem", "path": "x", "threads": 0})).contains("`threads`"));
    assert!(refused(json!({"type": "filesystem", "path": "x", "memory_limit": "lots"})).contains("`memory_limit`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_without_a_folder_reads_from_the_default_one_and_changes_nothing_there() {
    let lake = lake();
    lake.write("lineitem.csv", "n\n1\n");
    lake.run("create table orders as select 1 as id").await;
    assert_eq!(lake.rows("select n from files.lineitem").await, "1");
    let described = lake.adapter.describe(&[RelationName::new(None, Some("files"), "lineitem")]).await.unwrap();
    assert_eq!(described[0].as_ref().unwrap().name.schema.as_deref(), Some("files"));
    lake.run("drop table if exists files.orders").await;
    lake.fails("insert into files.orders values (2)", ErrorClass::MissingRelation).await;
    assert_eq!(lake.rows("select * from orders").await, "1");
    assert_eq!(lake.rows("select count(*) from information_schema.tables where table_schema = 'files'").await, "0");
    lake.run("create schema files").await;
    lake.fails("select n from files.lineitem", ErrorClass::MissingRelation).await;
}

/// The expressions that `macros/utils.sql` renders.
#[tokio::test(flavor = "multi_thread")]
async fn the_expressions_of_the_macro_package_mean_what_dbt_means() {
    let lake = lake();
    for (expression, value) in [
        ("cast((date '2024-01-31' + cast(concat(cast((1) as string), ' month') as interval)) as date)", "2024-02-29"),
        (
            "(timestamp '2024-02-28 23:00:00' + cast(concat(cast((-2) as string), ' hour') as interval))",
            "2024-02-28T21:00:00",
        ),
        (
            "cast((to_unixtime(date_trunc('day', cast(date '2024-03-01' as timestamp))) \
             - to_unixtime(date_trunc('day', cast(timestamp '2024-02-28 23:59:59' as timestamp)))) / 86400 as bigint)",
            "2",
        ),
        (
            "cast((date_part('year', cast('2025-01-01' as timestamp)) - date_part('year', cast('2024-11-30' as timestamp))) * 12 \
             + date_part('month', cast('2025-01-01' as timestamp)) - date_part('month', cast('2024-11-30' as timestamp)) as bigint)",
            "2",
        ),
        ("try_cast('x' as integer)", "NULL"),
        ("make_date(2024, 2, 29)", "2024-02-29"),
        ("array_to_string(array_concat(array[1], array[2]), '+')", "1+2"),
        ("(select string_agg(x, ',' order by x desc) from (values ('a'), ('b')) t(x))", "b,a"),
        (
            "(select array_to_string(array_slice(array_agg(x order by x desc), 1, 1), ',') from (values ('a'), ('b')) t(x))",
            "b",
        ),
        ("(select first_value(x) from (values (5)) t(x))", "5"),
        ("arrow_typeof(now())", "Timestamp(µs, \"UTC\")"),
        ("current_timestamp = now()", "true"),
        ("position('b' in 'abc')", "2"),
    ] {
        assert_eq!(lake.rows(&format!("select {expression}")).await, value, "{expression}");
    }
}
