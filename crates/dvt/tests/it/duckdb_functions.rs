//! DuckDB's functions in models across connections: the same values as DuckDB itself computes.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use std::fmt::Write;

/// Over `i` (integer), `b` (bigint), `n` (decimal(12,3)), `f` (double), `t` (varchar), `d` (date), `m` (timestamp).
const EXPRESSIONS: &[&str] = &[
    "substr(t, 2)",
    "substr(t, 0)",
    "substr(t, -3)",
    "substr(t, -3, 2)",
    "substr(t, i, 2)",
    "substring(t, 2, 3)",
    "substring(t from 2 for 2)",
    "substr(t, 4, -2)",
    "substr(t, -10, 7)",
    "left(t, 2)",
    "left(t, -2)",
    "right(t, 2)",
    "right(t, -2)",
    "lpad(t, 7, 'xy')",
    "rpad(t, 3, 'x')",
    "repeat(t, 2)",
    "split_part(t, 'l', 1)",
    "split_part(t, 'l', -1)",
    "split_part(t, 'l', 0)",
    "split_part(t, 'l', 9)",
    "strpos(t, 'l')",
    "instr(t, '')",
    "position('o' in t)",
    "ascii(t)",
    "unicode(t)",
    "translate(t, 'el', 'i')",
    "contains(t, 'll')",
    "prefix(t, 'h')",
    "suffix(t, 'o')",
    "concat(t, i, t)",
    "concat_ws(',', t, i)",
    "length(t)",
    "len(t)",
    "upper(t)",
    "lcase(t)",
    "replace(t, 'l', 'L')",
    "trim(t, 'ho')",
    "abs(i)",
    "abs(n)",
    "round(f)",
    "round(f, 2)",
    "round(f, -1)",
    "round(n)",
    "round(n, 2)",
    "round(n, -1)",
    "round(i)",
    "round(i, 1)",
    "trunc(f)",
    "trunc(n)",
    "trunc(i)",
    "ceil(f)",
    "ceil(n)",
    "ceil(i)",
    "floor(f)",
    "floor(n)",
    "floor(b)",
    "sign(i)",
    "sign(n)",
    "sign(f)",
    "sqrt(abs(f))",
    "exp(i)",
    "ln(abs(f) + 1)",
    "log10(abs(f) + 1)",
    "log2(abs(i) + 1)",
    "power(f, 2)",
    "pow(i, 2)",
    "mod(i, 3)",
    "mod(b, 0)",
    "i % 3",
    "n % 2",
    "i / 2",
    "n / 3",
    "cast(n as integer)",
    "cast(f as integer)",
    "cast(i as varchar)",
    "cast(n as decimal(12, 1))",
    "cast(n as decimal)",
    "cast(t as varchar(3))",
    "case when length(t) > 0 then 'x' end",
    "date_trunc('month', d)",
    "date_trunc('week', d)",
    "date_trunc('hour', m)",
    "date_trunc('quarter', m)",
    "date_part('year', d)",
    "date_part('dow', d)",
    "date_part('isodow', d)",
    "date_part('week', d)",
    "date_part('doy', m)",
    "date_part('second', m)",
    "date_part('millisecond', m)",
    "date_part('microsecond', m)",
    "date_part('hour', d)",
    "extract(year from m)",
    "extract(minute from m)",
    "year(d)",
    "quarter(d)",
    "month(m)",
    "day(m)",
    "hour(m)",
    "minute(m)",
    "second(m)",
    "dayofweek(d)",
    "isodow(m)",
    "dayofyear(d)",
    "weekofyear(d)",
    "yearweek(d)",
    "dayname(d)",
    "monthname(m)",
    "last_day(d)",
    "make_date(year(d)::int, 2, 3)",
    "epoch(m)",
    "epoch_ms(m)",
    "date_diff('day', d, date '2024-03-01')",
    "date_diff('month', d, date '2024-03-01')",
    "date_diff('week', d, date '2024-03-01')",
    "date_diff('week', m, timestamp '2023-12-24 23:00:00')",
    "date_add(d, interval (3) month)",
    "date_add(m, interval (-36) hour)",
    "date_diff('quarter', m, timestamp '2024-03-01 00:00:00')",
    "datediff('year', m, timestamp '2024-03-01 00:00:00')",
    "date_diff('hour', m, timestamp '2024-03-01 00:30:00')",
    "date_diff('second', m, timestamp '2024-03-01 00:30:00')",
    "strftime(m, '%Y-%m-%d %H:%M:%S')",
    "strftime(d, '%a %A %w %u %d %-d %b %B %m %-m %y %j %-j %U %W %G %V %%')",
    "strftime(m, '%I %p %g %f %-H %-M %-S %-y')",
    "strftime('%Y/%m', d)",
    "strftime(m, '%c|%x|%X')",
    "strptime('2024-02-03 04:05:06', '%Y-%m-%d %H:%M:%S')",
    "strptime(strftime(m, '%d.%m.%Y %H:%M:%S.%f'), '%d.%m.%Y %H:%M:%S.%f')",
    "strptime(' 3 Feb 24 04:05 PM ', '%d %b %y %I:%M %p')",
    "strptime('February 3 1968', '%B %d %Y')",
    "try_strptime('2023-02-30', '%Y-%m-%d')",
    "try_strptime(t, '%Y')",
    "try_strptime('20240203', '%Y%m%d')",
    "try_strptime('13:00 AM', '%I:%M %p')",
    "d + interval (i) day",
    "m - interval (i) hour",
    "date_add(d, interval (i + 1) month)",
    "m + interval (i) quarter",
    "regexp_matches(t, 'l+')",
    "regexp_matches(t, '^h.l')",
    "regexp_matches(t, '\\w\\s')",
    "regexp_full_match(t, 'h[a-z]+')",
    "regexp_replace(t, 'l', 'L')",
    "regexp_replace(t, '[^a-z]', '', 'g')",
    "regexp_extract(t, 'l+')",
    "regexp_extract(t, '(h)(.)l', 2)",
    "regexp_extract(t, 'x(y)?', 1)",
    "d + 1",
    "d - date '2024-01-01'",
    "coalesce(t, 'none')",
    "nullif(i, 2)",
    "greatest(i, 2)",
    "case when n > 1.5 then t else 'small' end",
    "t || i",
    "t like '%l%'",
    "lag(i) over (order by id)",
    "nth_value(i, 2) over (order by id)",
    "percent_rank() over (order by id)",
    "avg(n) over (order by id)",
    "sum(b) over (order by id)",
];

const AGGREGATES: &[&str] = &[
    "avg(i)",
    "avg(b)",
    "avg(n)",
    "avg(f)",
    "avg(distinct i)",
    "avg(i) filter (where i > 1)",
    "sum(i)",
    "sum(b)",
    "sum(n)",
    "mean(n)",
    "min(t)",
    "max(m)",
    "bool_or(i > 2)",
    "bit_and(b)",
    "string_agg(t, ',' order by id)",
];

/// Rows chosen by windows; `from` stands for the tables.
const CHOICES: [&str; 4] = [
    "select id, i {from} qualify row_number() over (partition by i order by id desc) = 1",
    "select id, rank() over (order by f desc nulls last) as place {from} where i is not null qualify place <= 3",
    "select i, count(*) as n {from} group by i qualify row_number() over (order by count(*) desc, i nulls first) < 3",
    "select id {from} qualify sum(i) over (order by id rows 1 preceding) > 0 and not lag(t, 1, 'x') over (order by id) = 'x'",
];

fn columns(expressions: &[&str]) -> String {
    expressions.iter().enumerate().fold(String::new(), |mut text, (index, expression)| {
        write!(text, ",\n  {expression} as e{index}").unwrap();
        text
    })
}

#[test]
fn federated_expressions_give_what_duckdb_gives() {
    let Some(drivers) = dvt_test_support::drivers() else { return };
    let project = Project::new().variable("DVT_DRIVERS_DIR", &drivers.display().to_string()).profile(
        "duck",
        "    duck: {type: duckdb, path: shop.duckdb, threads: 2}\n    lite: {type: sqlite, path: target.db}\n",
    );
    project.sqlite("target.db", "create table one (x text); insert into one values ('x')");
    let from = "from {{ ref('vals') }}";
    let federated = "from {{ ref('vals') }} cross join {{ source('l', 'one') }}";
    let grouped = |from: &str| format!("select id % 2 as id{} {from} group by id % 2", columns(AGGREGATES));
    let rowwise = |from: &str| format!("select id{} {from}", columns(EXPRESSIONS));
    let project = project
        .file(
            "models/one.yml",
            "sources: [{name: l, schema: main, config: {meta: {connection: lite}}, tables: [{name: one}]}]\n",
        )
        .file(
            "models/vals.sql",
            "{{ config(materialized='table') }}
             select * from (values
               (1, 1, 9007199254740993::bigint, 1.234::decimal(12,3), 2.5::double, 'hello', date '2024-02-15',
                timestamp '2024-02-15 10:11:12.345678'),
               (2, 2, -7, -2.500, -2.5, 'héllo wörld', date '2021-01-03', timestamp '2021-01-03 23:59:59.999999'),
               (3, -3, 1, 99999.995, 0.285, '', date '2024-12-31', timestamp '1999-12-31 00:00:00'),
               (4, 5, 0, 0.005, 1234567.891, 'l', date '1969-12-31', timestamp '1969-12-31 23:00:00.5'),
               (5, null, null, null, null, null, null, null),
               (6, 2, 12, 15.5, 15.5, 'ho', date '2023-01-01', timestamp '2023-01-01 00:00:01')
             ) as v(id, i, b, n, f, t, d, m)",
        )
        .file("models/rows_there.sql", &format!("{{{{ config(materialized='table') }}}} {}", rowwise(from)))
        .file("models/rows_here.sql", &format!("{{{{ config(materialized='table') }}}} {}", rowwise(federated)))
        .file("models/groups_there.sql", &format!("{{{{ config(materialized='table') }}}} {}", grouped(from)))
        .file("models/groups_here.sql", &format!("{{{{ config(materialized='table') }}}} {}", grouped(federated)));
    for (index, query) in CHOICES.iter().enumerate() {
        project.write(&format!("models/choice{index}_there.sql"), &query.replace("{from}", from));
        let here = format!("{{{{ config(materialized='table') }}}} {}", query.replace("{from}", federated));
        project.write(&format!("models/choice{index}_here.sql"), &here);
    }
    project.dvt("build").exits(0);
    assert_eq!(
        ["rows_there", "rows_here", "groups_here"].map(|model| project.route(model)),
        ["pushdown", "federate", "federate"]
    );
    let routes: Vec<String> = (0..CHOICES.len()).map(|index| project.route(&format!("choice{index}_here"))).collect();
    assert!(routes.iter().all(|route| route == "federate"), "{routes:?}");
    for (index, query) in CHOICES.iter().enumerate() {
        let (there, here) =
            (format!("{{{{ ref('choice{index}_there') }}}}"), format!("{{{{ ref('choice{index}_here') }}}}"));
        let compared = format!(
            "select (select count(*) from {there}) as n, (select count(*) from {here}) as m, \
             (select count(*) from (select * from {there} except all select * from {here})) as d"
        );
        let shown = project.dvt_with(&["show", "--output", "json", "--inline", &compared]).exits(0);
        let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
        let row = &shown["show"][0];
        assert!(row["n"] == row["m"] && row["n"].to_string().trim_matches('"') != "0", "{query}: {row}");
        assert_eq!(row["d"].to_string().trim_matches('"'), "0", "{query}");
    }
    for (name, expressions) in [("rows", EXPRESSIONS), ("groups", AGGREGATES)] {
        let compared = (0..expressions.len()).fold(String::from("count(*) as pairs"), |mut text, index| {
            write!(text, ", count(*) filter (where a.e{index} is distinct from b.e{index}) as e{index}").unwrap();
            text
        });
        let query = format!(
            "select {compared} from {{{{ ref('{name}_there') }}}} as a join {{{{ ref('{name}_here') }}}} as b on a.id = b.id"
        );
        let shown = project.dvt_with(&["show", "--output", "json", "--inline", &query]).exits(0);
        let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
        let row = shown["show"][0].as_object().unwrap();
        assert_eq!(row["pairs"].to_string().trim_matches('"'), if name == "rows" { "6" } else { "2" });
        let differ: Vec<&str> = expressions
            .iter()
            .enumerate()
            .filter(|(index, _)| row[&format!("e{index}")].to_string().trim_matches('"') != "0")
            .map(|(_, expression)| *expression)
            .collect();
        assert!(differ.is_empty(), "{differ:?}");
    }
}
