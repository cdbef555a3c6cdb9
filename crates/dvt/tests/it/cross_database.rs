//! dbt's cross-database macros in models across connections: the same values as in the target database itself.

#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::{Project, output};
use std::fmt::Write;

/// Over `id` (integer), `s` (text), `n` (decimal), `d` and `e` (dates), `ts` (timestamp).
const MACROS: &[&str] = &[
    "{{ dbt.date_trunc('month', 'ts') }}",
    "{{ dbt.date_trunc('day', 'ts') }}",
    "{{ dbt.date_trunc('year', 'ts') }}",
    "{{ dbt.dateadd('day', 10, 'd') }}",
    "{{ dbt.dateadd('month', 1, 'ts') }}",
    "{{ dbt.dateadd('hour', -5, 'ts') }}",
    "{{ dbt.datediff('d', 'e', 'day') }}",
    "{{ dbt.datediff('d', 'e', 'month') }}",
    "{{ dbt.datediff('d', 'e', 'quarter') }}",
    "{{ dbt.datediff('d', 'e', 'year') }}",
    "{{ dbt.datediff('ts', dbt.dateadd('hour', 3, 'ts'), 'minute') }}",
    "{{ dbt.last_day('d', 'month') }}",
    "{{ dbt.concat(['s', \"'-'\", 's']) }}",
    "{{ dbt.length('s') }}",
    "{{ dbt.replace('s', \"','\", \"';'\") }}",
    "{{ dbt.right('s', 2) }}",
    "{{ dbt.split_part('s', \"','\", 1) }}",
    "{{ dbt.split_part('s', \"','\", 2) }}",
    "{{ dbt.split_part('s', \"','\", -1) }}",
    "{{ dbt.hash('s') }}",
    "{{ dbt.safe_cast('s', dbt.type_string()) }}",
    "{{ dbt.cast('id', dbt.type_string()) }}",
    "{{ dbt.cast('n', dbt.type_int()) }}",
    "{{ dbt.cast('n', dbt.type_bigint()) }}",
    "{{ dbt.cast('id', dbt.type_float()) }}",
    "{{ dbt.cast('d', dbt.type_timestamp()) }}",
    "case when {{ dbt.equals('s', 's') }} then 1 else 0 end",
    "{{ dbt.string_literal('x') }}",
    "'{{ dbt.escape_single_quotes(\"it's\") }}'",
    "{{ dbt.date(2024, 2, 3) }}",
];

const OF_WEEKS_AND_QUARTERS: &[&str] = &[
    "{{ dbt.date_trunc('week', 'ts') }}",
    "{{ dbt.datediff('d', 'e', 'week') }}",
    "{{ dbt.last_day('d', 'quarter') }}",
];

/// Of groups by `id`.
const AGGREGATES: &[&str] =
    &["case when {{ dbt.bool_or('n > 5') }} then 1 else 0 end", "{{ dbt.listagg('s', \"'|'\", 'order by s') }}"];

/// The rows that every model reads.
const ROWS: &str = "create table t (id integer, s text, n decimal(10,2), d date, e date, ts timestamp);
    insert into t values (1, 'a,b,c', 10.25, '2024-01-31', '2024-03-01', '2024-01-31 10:20:30'),
      (2, 'Ünï', -3.5, '2023-12-31', '2024-01-01', '2023-12-31 23:59:59'), (3, null, null, null, null, null),
      (4, 'x''y', 0, '2024-02-29', '2023-02-28', '2024-02-29 00:00:00'),
      (5, ',', 99999.99, '1969-12-31', '1970-01-05', '1969-12-31 12:00:00')";

/// How an expression is written for a place.
type Rendered<'a> = &'a dyn Fn(&str) -> String;

/// What one kind of target has besides the others, and where the rows are that are far from it.
struct Author<'a> {
    /// Connection and schema.
    far: (&'a str, &'a str),
    own: &'a [&'a str],
    own_aggregates: &'a [&'a str],
    /// How a day is written, and the day of a spine that is compared with a column of dates; `None` where no series is made.
    day: Option<(Rendered<'a>, &'a str)>,
}

fn cast_day(day: &str) -> String {
    format!("cast('{day}' as date)")
}

/// A model near the rows gives what one far from them gives, macro by macro.
fn are_the_same_near_and_far(project: Project, author: &Author<'_>) {
    let Author { far: (connection, schema), own, own_aggregates, day } = *author;
    let columns = |expressions: &mut dyn Iterator<Item = &&str>| {
        expressions.enumerate().fold(String::new(), |mut text, (index, expression)| {
            write!(text, ",\n  {expression} as v{index}").unwrap();
            text
        })
    };
    let rows = columns(&mut MACROS.iter().chain(own));
    let groups = columns(&mut AGGREGATES.iter().chain(own_aggregates));
    let table = "{{ config(materialized='table') }} ";
    let project = project
        .file(
            "models/s.yml",
            &format!("sources: [{{name: far, connection: {connection}, schema: {schema}, tables: [{{name: t}}]}}]\n"),
        )
        .file("models/landed.sql", &format!("{table} select * from {{{{ source('far', 't') }}}}"));
    for (place, from) in [("near", "{{ ref('landed') }}"), ("far", "{{ source('far', 't') }}")] {
        project.write(&format!("models/rows_{place}.sql"), &format!("{table} select id{rows} from {from} as t"));
        project.write(
            &format!("models/groups_{place}.sql"),
            &format!("{table} select id{groups} from {from} as t group by id"),
        );
    }
    if let Some((written, of_spine)) = day {
        let ends = format!("\"{}\", \"{}\"", written("2024-01-30"), written("2024-02-03"));
        let matched = format!("{{{{ source('far', 't') }}}} as t on t.d = {of_spine}");
        let spine = format!("{{{{ dbt.date_spine('day', {ends}) }}}}");
        let spined = format!("{table} select s.date_day, t.id from ({spine}) as s left join {matched}");
        project.write("models/spined.sql", &spined);
    }
    project.dvt("run").exits(0);
    let routes = ["rows_near", "groups_near", "rows_far", "groups_far"].map(|model| project.route(model));
    assert_eq!(routes, ["pushdown", "pushdown", "transfer", "transfer"]);
    if day.is_some() {
        assert_eq!(project.route("spined"), "transfer");
        let count = "select count(*) as days, count(id) as met from {{ ref('spined') }}";
        let shown = project.dvt_with(&["show", "--output", "json", "--inline", count]).exits(0).stdout;
        let shown: String = shown.split_whitespace().collect();
        assert!(shown.contains(r#"{"days":4,"met":1}"#), "{shown}");
    }
    for (kind, expressions) in [("rows", [MACROS, own].concat()), ("groups", [AGGREGATES, own_aggregates].concat())] {
        let mut query = String::from("select count(*) as pairs");
        for index in 0..expressions.len() {
            let differ = format!("coalesce(a.v{index} <> b.v{index}, (a.v{index} is null) <> (b.v{index} is null))");
            write!(query, ", sum(case when {differ} then 1 else 0 end) as v{index}").unwrap();
        }
        write!(query, " from {{{{ ref('{kind}_near') }}}} as a join {{{{ ref('{kind}_far') }}}} as b on a.id = b.id")
            .unwrap();
        let shown = project.dvt_with(&["show", "--output", "json", "--inline", &query]).exits(0);
        let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
        let number = |key: &str| shown["show"][0][key].to_string().trim_matches('"').parse::<f64>().unwrap();
        assert_eq!(number("pairs"), 5.0, "{kind}");
        let wrong: Vec<&str> = (0..expressions.len())
            .filter(|index| number(&format!("v{index}")) != 0.0)
            .map(|index| expressions[index])
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

const FAR: &str = "    lite: {type: sqlite, path: far.db}\n";

/// A project whose rows are in a file of SQLite.
fn with_far_file(project: Project) -> Project {
    project.sqlite("far.db", ROWS);
    project
}

#[test]
fn dbts_macros_mean_the_same_across_connections_of_postgres() {
    let Some(target) = dvt_test_support::postgres() else { return };
    let outputs = format!("    pg: {}\n{FAR}", output(&target, "public"));
    let author = Author {
        far: ("lite", "main"),
        own: OF_WEEKS_AND_QUARTERS,
        own_aggregates: &[],
        day: Some((&cast_day, "s.date_day")),
    };
    let project = Project::new().profile("pg", &outputs).on_databases([target]);
    are_the_same_near_and_far(with_far_file(project), &author);
}

#[test]
fn dbts_macros_mean_the_same_across_connections_of_mariadb() {
    let Some(target) = dvt_test_support::mysql() else { return };
    let outputs = format!("    my: {}\n{FAR}", output(&target, &target.database));
    let author = Author {
        far: ("lite", "main"),
        own: OF_WEEKS_AND_QUARTERS,
        own_aggregates: &[],
        day: Some((&cast_day, "s.date_day")),
    };
    let project = Project::new().profile("my", &outputs).on_databases([target]);
    are_the_same_near_and_far(with_far_file(project), &author);
}

#[test]
fn dbts_macros_mean_the_same_across_connections_of_duckdb() {
    let Some(drivers) = dvt_test_support::drivers() else { return };
    let project = Project::new().variable("DVT_DRIVERS_DIR", &drivers.display().to_string());
    let outputs = format!("    duck: {{type: duckdb, path: shop.duckdb, threads: 2}}\n{FAR}");
    let author = Author {
        far: ("lite", "main"),
        own: OF_WEEKS_AND_QUARTERS,
        own_aggregates: &["{{ dbt.any_value('n') }}"],
        day: Some((&cast_day, "s.date_day")),
    };
    are_the_same_near_and_far(with_far_file(project.profile("duck", &outputs)), &author);
}

/// What people write on SQLite besides dbt's macros.
const OF_SQLITE: &[&str] = &[
    "{{ dbt.date_trunc('quarter', 'ts') }}",
    "{{ dbt.dateadd('week', 2, 'd') }}",
    "{{ dbt.dateadd('quarter', -1, 'ts') }}",
    "{{ dbt.datediff('ts', 'e', 'hour') }}",
    "{{ dbt.position(\"','\", 's') }}",
    "date(ts, 'start of month', '+1 month', '-1 day')",
    "case when strftime('%w', d) in ('0', '6') then 'weekend' else 'weekday' end",
    "substr(d, 1, 7)",
    "cast(strftime('%Y', ts) as integer) * 100 + strftime('%m', ts)",
    "printf('%.2f', n)",
    "round(n * 1.1, 1)",
    "case when d >= '2024-01-01' then 1 else 0 end",
    "case when ts between '2023-12-31' and '2024-02-29' then 1 else 0 end",
    "case when date(ts) = d then 1 else 0 end",
    "coalesce(ts, '1900-01-01 00:00:00')",
    "max(d, e)",
    "d || ' ' || id",
];

#[test]
fn dbts_macros_mean_the_same_across_connections_of_sqlite() {
    let Some(far) = dvt_test_support::postgres() else { return };
    far.sql(ROWS);
    let outputs = format!("    near: {{type: sqlite, path: near.db}}\n    pg: {}\n", output(&far, "public"));
    let author = Author {
        far: ("pg", "public"),
        own: &[OF_WEEKS_AND_QUARTERS, OF_SQLITE].concat(),
        own_aggregates: &["{{ dbt.any_value('n') }}", "total(n)", "sum(n > 0)", "group_concat(d, ';')"],
        day: Some((&|day| format!("'{day}'"), "date(s.date_day)")),
    };
    let project = Project::new().profile("near", &outputs).on_databases([far]);
    are_the_same_near_and_far(project, &author);
}
