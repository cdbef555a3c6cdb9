//! What Spark's executors read and load by themselves over JDBC: the same values and types as through dvt, in a JVM of another
//! time zone, and no password in any log.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use crate::project::postgres_rows;
use crate::tpch::Tpch;
use dvt_test_support::{SPARK_VERSION, TestDatabase};
use std::path::Path;

/// Every type that travels, and its edges. The row's number joins.
const POSTGRES: &str = r#"
create type mood as enum ('sad', 'ok', 'so so');
create table kinds (
  id integer primary key, b boolean, i2 smallint, i4 integer, i8 bigint, o oid, f4 real, f8 double precision,
  n numeric, n15 numeric(15, 2), n38 numeric(38, 10), n50 numeric(50, 20), n5 numeric(5, 5), t text, v varchar(20), c char(5), y bytea, d date, tm time,
  ts timestamp, ts3 timestamp(3), tz timestamptz, u uuid, j json, jb jsonb, m mood, bi bit(5), bv bit varying(9), x xml
);
insert into kinds values
 (1, true, -32768, -2147483648, -9223372036854775808, 0, -0.0, -0.0, 0, 0, 0, 0, 0, '', '', '', '', '0001-01-01', '00:00',
  '0001-01-01 00:00', '1969-12-31 23:59:59.999', '0001-01-01 00:00+00', '00000000-0000-0000-0000-000000000000', '{}', '{}',
  'sad', B'00000', B'', '<a/>'),
 (2, false, 32767, 2147483647, 9223372036854775807, 4294967295, 3.4028235e38, 1.7976931348623157e308,
  -123456789012345678901234567890.1234567890123456789012345678, 9999999999999.99, 9999999999999999999999999999.9999999999,
  -999999999999999999999999999999.99999999999999999999, 0.99999, E'tab\t nl\n "quoted" ''single'' \\ back \u00e9\U0001F600', 'null', 'ab', '\x00ff7f80', '9999-12-31', '23:59:59.999999',
  '9999-12-31 23:59:59.999999', '2024-02-29 12:34:56.789', '9999-12-31 23:59:59.999999+00', 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '{"a" :  [1, 2.50]}', '{"b": 1.500, "a": null}', 'so so', B'10101', B'111', '<a b="c">d</a>'),
 (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null, null),
 (4, true, 1, 1, 1, 1, 'NaN', 'Infinity', 0.5, -0.01, -0.0000000001, 0.00000000000000000001, -0.00001, 'NULL', 'x', 'abcde', 'text', '1970-01-01',
  '12:00:00.000001', '1883-11-18 12:03:58', '1900-01-01 00:00', '2024-03-10 02:30+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  '"text"', '[]', 'ok', B'11111', B'000000001', '<é/>'),
 (5, false, 0, 0, 0, 7, 1.1754944e-38, 5e-324, 12345.6789, 1, 1, 1, 0, ' lead and trail ', E'\n', ' a', '\x5c', '1582-10-10', '00:00:01',
  '2024-03-10 02:30:00', '1582-10-15 00:00', '1500-06-15 12:00+00', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '1', 'null', 'ok', B'00001', B'1', '<b/>');
"#;

const MARIADB: &str = r#"
set sql_mode = '';
create table kinds (
  id int primary key, b boolean, i1 tinyint, u1 tinyint unsigned, i2 smallint, u2 smallint unsigned, i3 mediumint, i4 int, u4 int unsigned,
  i8 bigint, u8 bigint unsigned, bt bit(1), f4 float, f8 double, n decimal(15, 2), n50 decimal(50, 20), d date, dt datetime, dt6 datetime(6),
  ts timestamp(6) null, c char(5), v varchar(20), t longtext, e enum('a', 'b c'), s set('x', 'y'), j json, bin binary(3), vb varbinary(9), bl longblob
) default charset utf8mb4;
insert into kinds values
 (1, true, -128, 0, -32768, 0, -8388608, -2147483648, 0, -9223372036854775808, 0, b'0', -0.0, -0.0, 0, 0, '0001-01-01',
  '0001-01-01 00:00:00', '0001-01-01 00:00:00.000001', '1970-01-01 12:00:01.000001', '', '', '', 'a', '', '{}', '', '', ''),
 (2, 7, 127, 255, 32767, 65535, 8388607, 2147483647, 4294967295, 9223372036854775807, 18446744073709551615, b'1', 3.40282e38,
  1.7976931348623157e308, 9999999999999.99, -999999999999999999999999999999.99999999999999999999, '9999-12-31', '9999-12-31 23:59:59',
  '9999-12-31 23:59:59.999999', '2024-03-10 02:30:00', 'abc', 'x''"\\ é😀', concat('nl\n', 'tab\t'), 'b c', 'x,y', '{"a": [1, 2.50]}',
  x'00ff7f', x'0001', x'ff00fe'),
 (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
  null, null, null, null, null, null),
 (4, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, b'1', 0.1, 0.1, -0.01, 0.00000000000000000001, '1970-01-01', '1970-01-01 00:00:00', '2024-02-29 12:00:00.5',
  '2001-09-09 01:46:40', ' a', ' lead', 'NULL', 'a', 'y', '[]', 'abc', 'abc', 'abc'),
 (5, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, b'0', 16777217, 123456789.123456789, 5, 5, '1582-10-10', '1883-11-18 12:03:58', '1500-06-15 12:00:00', '2023-11-05 05:30:00', 'b', 'b', 'b', 'a', 'x', '1', 'b', 'b', 'b');
"#;

fn columns(ddl: &str) -> Vec<String> {
    let body = &ddl[ddl.find("create table kinds (").unwrap() + 20..];
    let mut depth = 0;
    let mut names = vec![String::new()];
    for letter in body.chars() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ => names.last_mut().unwrap().push(letter),
        }
    }
    names.iter().map(|column| column.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Types are those of the columns that a model has left, values as text: what JSON would round is compared too.
fn contents(target: &TestDatabase, model: &str) -> (Vec<String>, Vec<String>) {
    let types = format!(
        "select a.attname, format_type(a.atttypid, a.atttypmod) as t from pg_attribute a where a.attrelid = 'public.{model}'::regclass \
         and a.attnum > 0 and not a.attisdropped order by a.attnum"
    );
    let rows = target.sql(&format!("set time zone 'UTC'; select q::text from public.{model} as q order by 1"));
    (postgres_rows(target, &types), rows.lines().map(str::to_owned).collect())
}

fn settings(target: &str, more: &str, logs: &Path) -> String {
    format!(
        "shop:\n  target: {target}\n  computes:\n    own: {{type: datafusion}}\n    big:\n      type: spark\n      \
         version: \"{SPARK_VERSION}\"\n      master: local[2]\n      jdbc_extraction: {{num_partitions: 3, fetch_size: 100}}\n      {more}\n      \
         config:\n        spark.driver.memory: 1g\n        spark.sql.shuffle.partitions: 2\n        \
         spark.driver.extraJavaOptions: -Duser.timezone=America/New_York\n        spark.eventLog.enabled: true\n        spark.eventLog.compress: false\n        \
         spark.eventLog.dir: {}\n",
        logs.display()
    )
}

/// The tables of TPC-H, those of all types, and models over both.
fn world() -> Option<Tpch> {
    let distributions = dvt_test_support::spark().filter(|_| dvt_test_support::has_jdbc_drivers())?;
    let mut tpch = Tpch::new(2)?;
    tpch.project = tpch.project.variable("DVT_DRIVERS_DIR", &distributions.parent().unwrap().display().to_string());
    let Tpch { project, left, right, .. } = &tpch;
    right.sql(POSTGRES);
    left.sql(MARIADB);
    right.sql("create table many (id integer, v text, at timestamptz); insert into many select i, repeat('v', 200) || i, now() from generate_series(1, 5000) i; analyze");
    left.sql("create table few (id int primary key, v varchar(9)); insert into few values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')");
    right.sql("create table few (id int primary key, v varchar(9)); insert into few values (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')");
    right.sql("create table odd (id integer, span interval); insert into odd values (1, '1 day')");
    project.write(
        "models/kinds.yml",
        &format!(
            "sources:\n  - {{name: l, connection: left, schema: {}, tables: [{{name: kinds}}, {{name: few}}]}}\n  \
             - {{name: r, connection: right, schema: public, tables: [{{name: kinds}}, {{name: few}}, {{name: many}}, {{name: odd}}]}}\n",
            left.database
        ),
    );
    let model = |side: &str, other: &str, ddl: &str| {
        let columns: Vec<String> = columns(ddl).iter().map(|column| format!("k.{column}")).collect();
        format!(
            "select {} from {{{{ source('{side}', 'kinds') }}}} as k join {{{{ source('{other}', 'few') }}}} as f on f.id = k.id",
            columns.join(", ")
        )
    };
    project.write("models/from_pg.sql", &model("r", "l", POSTGRES));
    project.write("models/from_my.sql", &model("l", "r", MARIADB));
    project.write(
        "models/parts.sql",
        "select m.id, m.v, f.v as w from {{ source('r', 'many') }} as m left join {{ source('l', 'few') }} as f on f.id = m.id % 10",
    );
    project.write(
        "models/odd.sql",
        "select o.id, o.span, f.v from {{ source('r', 'odd') }} as o join {{ source('l', 'few') }} as f on f.id = o.id",
    );
    Some(tpch)
}

/// Of TPC-H: an outer join below groups, and joins of three tables.
const QUERIES: [usize; 3] = [3, 13, 18];

const MODELS: [&str; 4] = ["from_pg", "from_my", "parts", "odd"];

#[test]
fn executors_read_and_load_what_dvt_would_value_by_value() {
    let Some(world) = world() else { return };
    let Tpch { project, target, left, right } = &world;
    let logs = project.path("events");
    std::fs::create_dir_all(&logs).unwrap();
    project.write("computes.yml", &settings("big", "jdbc_load: {num_partitions: 2}", &logs));
    project.dvt("run --compute own").exits(0);
    let own: Vec<_> = MODELS.iter().map(|model| contents(target, model)).collect();
    world.write_models(0, &QUERIES);
    for model in MODELS {
        target.sql(&format!("drop table public.{model}"));
    }

    let plan = project.dvt("plan --select parts").exits(0);
    let plan = plan
        .says("executors of `big` read it over JDBC in 3 parts, all of one snapshot")
        .says("an executor of `big` reads it over JDBC")
        .says("executors of `big` load it over JDBC");
    plan.never_says(&right.password);
    project.dvt("plan --select odd").exits(0).says("executors do not read it: column `span`").says("dvt loads it");

    let run = project.dvt("run --log-level-file debug").exits(0);
    for (model, own) in MODELS.iter().zip(own) {
        assert_eq!(contents(target, model), own, "{model}");
    }
    let inputs = |model: &str| project.result(&format!("model.shop.{model}"))["adapter_response"]["inputs"].clone();
    for model in ["from_pg", "from_my", "parts"] {
        let inputs = inputs(model);
        assert!(inputs.as_array().unwrap().iter().all(|input| input["delivery"] == "executors"), "{model}: {inputs}");
    }
    assert_eq!(inputs("odd")[1]["delivery"], "staged");
    let problems = world.problems(0, &QUERIES);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let passwords = [&target.password, &left.password, &right.password];
    let mut kept = run.stdout + &run.stderr;
    for folder in [logs, project.path("logs"), project.path("target")] {
        kept += &texts_below(&folder);
    }
    assert!(kept.contains("SparkListenerApplicationStart"), "no event log was read");
    for password in passwords {
        assert!(password.len() > 3 && !kept.contains(password.as_str()), "a password is in a log");
    }
}

fn texts_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text += &texts_below(&path);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default());
        }
    }
    text
}

/// No server is started for these.
#[test]
fn what_executors_do_not_read_is_told_with_the_reason() {
    let Some(world) = world() else { return };
    let Tpch { project, left, .. } = &world;
    let logs = project.path("events");
    project.write("computes.yml", &settings("big", "", &logs).replace("local[2]", "spark://127.0.0.1:7077"));
    let plan = project.dvt("plan --select parts").exits(0);
    plan.says("all of one snapshot").says("name it under `unchanging`").never_says("load it over JDBC");
    let unchanging = settings("big", "", &logs)
        .replace("local[2]", "spark://127.0.0.1:7077")
        .replace("fetch_size: 100", "fetch_size: 100, unchanging: [left]");
    project.write("computes.yml", &unchanging);
    left.sql("create table wide (id int primary key, v varchar(9)); insert into wide select seq, 'v' from seq_1_to_5000; analyze table wide");
    project.write(
        "models/more.yml",
        &format!("sources:\n  - {{name: w, connection: left, schema: {}, tables: [{{name: wide}}]}}\n", left.database),
    );
    project.write(
        "models/wide.sql",
        "select w.id, w.v, m.v as m from {{ source('w', 'wide') }} as w join {{ source('r', 'many') }} as m on m.id = w.id",
    );
    project.dvt("plan --select wide").exits(0).says("in 3 parts; `unchanging` says that nobody changes it meanwhile");
    // What is read decides between the engines, by the estimates of the catalogs.
    let auto = settings("auto", "", &logs).replace("{type: datafusion}", "{type: datafusion, memory_limit: 100KB}");
    project.write("computes.yml", &auto);
    project
        .dvt("plan --select wide")
        .exits(0)
        .says("compute   big (the default, `auto`: about")
        .says("above the memory limit");
    project.write("computes.yml", &auto.replace("100KB", "1GB"));
    project
        .dvt("plan --select wide")
        .exits(0)
        .says("compute   own (the default, `auto`: about")
        .says("within the memory limit");
    // Others' machines are not this one.
    project.write("computes.yml", &settings("big", "", &logs).replace("local[2]", "spark://10.1.2.3:7077"));
    project.dvt("plan --select parts").exits(0).says("leads elsewhere from the executors' machines");
    project.write("computes.yml", &settings("big", "", &logs).replace("fetch_size", "fetchsize"));
    project.dvt("plan --select parts").exits(2).says("fetchsize").says("did you mean `fetch_size`?");
}
