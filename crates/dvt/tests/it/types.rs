//! Values arrive exactly or not at all (pitfalls 13, 14, 21–23).

use crate::pair::{Table, agree, left, on_servers, project_on_servers, right};
use crate::pitfalls::two_files;
use crate::project::{Project, postgres_rows};

const KEYS: Table = right("k", "create table {t} (id integer); insert into {t} values (1), (2), (3), (4);");

#[test]
fn pitfall_21_leading_zeros_wide_decimals_and_odd_text_arrive_as_they_are() {
    agree(
        &[
            left(
                "a",
                "create table {t} (id integer, code varchar(10), wide decimal(30,4), note varchar(40));
                 insert into {t} values (1, '00123', 12345678901234567890123456.7890, 'NA'),
                     (2, 't', -0.0001, 'tab\there'), (3, '1e5', 0, 'two
lines'), (4, 'null', 1, ' padded ');",
            ),
            KEYS,
        ],
        &[
            "select a.id, a.code, a.note from {a} as a join {k} as k on k.id = a.id",
            "select a.id, a.code from {a} as a join {k} as k on k.id = a.id where a.code = '00123'",
        ],
        &[r#"{"id": 1, "code": "00123"}"#],
    );
}

#[test]
fn pitfall_21_wide_decimals_keep_every_digit_between_servers() {
    on_servers(
        &[
            left(
                "a",
                "create table {t} (id integer, wide decimal(38,6), money decimal(12,2));
                 insert into {t} values (1, 12345678901234567890123456789012.123456, 0.10), (2, -0.000001, -9999999999.99), (3, null, null);",
            ),
            KEYS,
        ],
        &[
            "select a.id, a.wide, a.money from {a} as a join {k} as k on k.id = a.id",
            "select sum(a.wide) as wide, sum(a.money) as money from {a} as a join {k} as k on k.id = a.id",
            "select a.id, cast(a.wide as varchar(50)) as wide from {a} as a join {k} as k on k.id = a.id where a.id = 1",
        ],
        &[r#"{"id": 1, "wide": "12345678901234567890123456789012.123456"}"#],
    );
}

#[test]
fn pitfall_21_booleans_dates_and_times_arrive_as_such() {
    on_servers(
        &[
            left("a", "create table {t} (id integer, d date); insert into {t} values (1, '2024-02-29'), (2, '0001-01-01'), (3, '9999-12-31'), (4, null);"),
            right(
                "b",
                "create table {t} (id integer, flag boolean, at timestamp(6), tz timestamptz);
                 insert into {t} values (1, true, '2026-03-29 02:30:00.123456', '2026-03-29 02:30:00+02'), (2, false, null, null), (3, null, '1969-12-31 23:59:59.999999', '1883-11-18 12:00:00+00');",
            ),
        ],
        &["select a.id, a.d, b.flag, b.at from {a} as a join {b} as b on b.id = a.id"],
        &[
            r#"{"id": 1, "d": "2024-02-29", "flag": true, "at": "2026-03-29T02:30:00.123456"}"#,
            r#"{"id": 2, "d": "0001-01-01", "flag": false, "at": null}"#,
            r#"{"id": 3, "d": "9999-12-31", "flag": null, "at": "1969-12-31T23:59:59.999999"}"#,
        ],
    );
}

#[test]
fn pitfall_22_null_the_empty_text_and_the_word_null_are_three_things() {
    agree(
        &[
            left(
                "a",
                "create table {t} (id integer, v varchar(10));
                 insert into {t} values (1, null), (2, ''), (3, 'NULL'), (4, '\\N');",
            ),
            KEYS,
        ],
        &[
            "select a.id, a.v from {a} as a join {k} as k on k.id = a.id where a.v = ''",
            "select a.id from {a} as a join {k} as k on k.id = a.id where a.v is null",
            "select a.id, a.v from {a} as a join {k} as k on k.id = a.id where a.id < 4",
        ],
        &[r#"{"id": 1, "v": null}"#, r#"{"id": 2, "v": ""}"#, r#"{"id": 3, "v": "NULL"}"#],
    );
}

#[test]
fn pitfall_23_a_cast_that_overflows_is_an_error_and_no_null() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let Some(right) = dvt_test_support::postgres() else { return };
    let Some(left) = dvt_test_support::mysql() else { return };
    left.sql("create table a (id integer, big bigint); insert into a values (1, 5), (2, 123456789012)");
    right.sql("create table b (id integer); insert into b values (1), (2)");
    let project = project_on_servers(&target, &left, &right)
        .file("models/sources.yml", &format!(
            "sources:\n  - {{name: l, connection: left, schema: {}, tables: [{{name: a}}]}}\n  - {{name: r, connection: right, schema: public, tables: [{{name: b}}]}}\n",
            left.database
        ))
        .file(
            "models/narrow.sql",
            "select a.id, cast(a.big as integer) as small from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on a.id = b.id",
        );
    project.dvt("run").exits(1).says("narrow").says("123456789012");
    assert_eq!(
        target.sql("select count(*) from pg_class where relname like '%narrow%' or relname like 'dvt_landing%'").trim(),
        "0"
    );
}

#[test]
fn a_value_that_does_not_fit_the_targets_column_is_named_and_nothing_is_written() {
    let seeds = |project: Project, kind: &str| {
        project
            .file(
                "dbt_project.yml",
                &format!("name: shop\nprofile: shop\nseeds:\n  shop:\n    +column_types: {{code: {kind}}}\n"),
            )
            .file("seeds/codes.csv", "id,code\n1,123\n2,abcd\n")
    };
    let project = seeds(two_files(), "integer");
    project.dvt("seed").exits(1).says("code").says("codes");
    assert_eq!(
        project.rows(
            "target.db",
            "select count(*) as n from sqlite_master where name = 'codes' or name like 'dvt_landing%'"
        ),
        [r#"{"n":0}"#]
    );
    let Some(target) = dvt_test_support::postgres() else { return };
    let outputs = format!("    pg: {}\n", crate::project::output(&target, "public"));
    let project = seeds(Project::new().profile("pg", &outputs), "varchar(3)");
    project.dvt("seed").exits(1).says("code").says("codes");
    assert_eq!(
        target.sql("select count(*) from pg_class where relname in ('codes') or relname like 'dvt_landing%'").trim(),
        "0"
    );
}

#[test]
fn pitfall_13_comparisons_have_the_targets_meaning_whatever_the_sources_collation() {
    // MariaDB's default collation takes 'ADA' for 'ada' and 'x ' for 'x'; PostgreSQL, the target, does not.
    on_servers(
        &[
            left(
                "a",
                "create table {t} (id integer, v varchar(20));
                 insert into {t} values (1, 'ada'), (2, 'ADA'), (3, 'x'), (4, 'x '), (5, 'é'), (6, 'e');",
            ),
            right("b", "create table {t} (v varchar(20)); insert into {t} values ('ada'), ('x'), ('e');"),
        ],
        &[
            "select a.id from {a} as a where a.v = 'ada'",
            "select a.id from {a} as a join {b} as b on a.v = b.v",
            "select a.id from {a} as a cross join (select 1 as one from {b} where v = 'x') as q where a.v in ('x', 'ADA')",
            "select count(distinct a.v) as n from {a} as a cross join (select 1 as one from {b} where v = 'x') as q",
            "select a.id from {a} as a cross join (select 1 as one from {b} where v = 'x') as q where a.v like 'ad%'",
        ],
        &[r#"{"id": 1}"#],
    );
}

#[test]
fn pitfall_14_integer_division_and_null_order_are_the_targets() {
    agree(
        &[
            left(
                "a",
                "create table {t} (id integer, v integer); insert into {t} values (1, 7), (2, -7), (3, null), (4, 8);",
            ),
            right(
                "b",
                "create table {t} (id integer, d integer); insert into {t} values (1, 2), (2, 2), (3, 2), (4, 3);",
            ),
        ],
        &[
            "select q.id from (select a.id from {a} as a order by a.v limit 1) as q join {b} as b on b.id = q.id",
            "select q.id from (select a.id from {a} as a order by a.v desc limit 1) as q join {b} as b on b.id = q.id",
            "select a.id, a.v / b.d as half, a.v % b.d as rest from {a} as a join {b} as b on b.id = a.id",
        ],
        &[
            r#"{"id": 1, "half": 3, "rest": 1}"#,
            r#"{"id": 2, "half": -3, "rest": -1}"#,
            r#"{"id": 3, "half": null, "rest": null}"#,
            r#"{"id": 4, "half": 2, "rest": 2}"#,
        ],
    );
}

#[test]
fn postgres_types_without_a_like_elsewhere_come_back_exactly() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let Some(right) = dvt_test_support::postgres() else { return };
    right.sql(
        "create table t (id integer, u uuid, j jsonb, x integer[], n numeric, b bytea, i interval);
         insert into t values (1, '6f9619ff-8b86-d011-b42d-00c04fc964ff', '{\"a\": [1, null]}', '{1,null,3}', 1.5, '\\x00ff', '1 mon 2 days 03:04:05.000006')",
    );
    let outputs = format!(
        "    pg: {}\n    right: {}\n",
        crate::project::output(&target, "public"),
        crate::project::output(&right, "public")
    );
    let project = Project::new()
        .profile("pg", &outputs)
        .file("models/sources.yml", "sources:\n  - {name: r, connection: right, schema: public, tables: [{name: t}]}\n")
        .file("models/copied.sql", "select * from {{ source('r', 't') }}");
    project.dvt("run").exits(0);
    assert_eq!(project.route("copied"), "transfer");
    assert_eq!(postgres_rows(&target, "select * from public.copied"), postgres_rows(&right, "select * from t"));
}
