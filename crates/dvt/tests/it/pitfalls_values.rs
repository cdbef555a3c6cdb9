//! Values that other tools lose on the way (pitfalls 24–26): exact, or refused by an error that names the column.
//!
//! `type_matrix` has every type to every connection; here are the values that went wrong elsewhere, with what has to become of them.

use crate::project::{Project, output};
use dvt_test_support::TestDatabase;

/// A table of one row, `(id, v)`, per value; each goes to the target by a model of its own.
struct Trip<'a> {
    from: &'a TestDatabase,
    schema: String,
    project: Project,
}

impl<'a> Trip<'a> {
    /// `target` is the line of the profile's output `dst`.
    fn new(from: &'a TestDatabase, schema: &str, target: &str) -> Self {
        let outputs = format!("    dst: {target}\n    src: {}\n", output(from, schema));
        let schema = if schema.is_empty() { from.database.clone() } else { schema.to_owned() };
        Self { from, schema, project: Project::new().profile("dst", &outputs) }
    }

    /// Each is a name, a type and a value.
    fn run(&self, cases: &[(&str, &str, &str)]) {
        let tables: Vec<String> = cases.iter().map(|(name, ..)| format!("{{name: s_{name}}}")).collect();
        self.project.write(
            "models/sources.yml",
            &format!(
                "sources:\n  - {{name: s, connection: src, schema: {}, tables: [{}]}}\n",
                self.schema,
                tables.join(", ")
            ),
        );
        // What a strict server would not take in may be there all the same.
        let lax = if self.from.engine == dvt_test_support::Engine::Mysql { "set sql_mode = ''; " } else { "" };
        for (name, kind, value) in cases {
            self.from.sql(&format!(
                "{lax}create table s_{name} (id integer, v {kind}); insert into s_{name} values (1, {value}), (2, null)"
            ));
            self.project
                .write(&format!("models/{name}.sql"), &format!("select id, v from {{{{ source('s', 's_{name}') }}}}"));
        }
        self.project.dvt("run");
    }

    /// The model was refused, and its error names the column.
    #[track_caller]
    fn is_refused(&self, name: &str) {
        let result = self.project.result(&format!("model.shop.{name}"));
        let message = result["message"].as_str().unwrap_or_default();
        assert_eq!(result["status"], "error", "{name}");
        assert!(message.contains('`') && message.contains("`v`"), "{name}: {message}");
    }
}

#[test]
fn pitfall_24_extremes_of_numbers_and_dates_are_exact_or_refused() {
    let (Some(source), Some(target)) = (dvt_test_support::postgres(), dvt_test_support::postgres()) else { return };
    let cases = [
        ("digits_38", "numeric", "12345678901234567890123456789012345678"),
        ("digits_48_28", "numeric", "999999999999999999999999999999999999999999999999.0000000000000000000000000001"),
        (
            "digits_76",
            "numeric(76,10)",
            "-123456789012345678901234567890123456789012345678901234567890123456.0123456789",
        ),
        ("year_1", "date", "'0001-01-01'"),
        ("year_9999", "timestamp", "'9999-12-31 23:59:59.999999'"),
        ("float_nan", "double precision", "'NaN'"),
        ("float_least", "double precision", "'-Infinity'"),
        ("float_zero", "double precision", "'-0'"),
        ("real_most", "real", "3.4028235e38"),
        ("too_fine", "numeric", "1e-29"),
        ("too_wide", "numeric", "1e48"),
        ("numeric_nan", "numeric", "'NaN'"),
        ("date_end", "date", "'infinity'"),
        ("time_begin", "timestamp", "'-infinity'"),
        ("instant_end", "timestamptz", "'infinity'"),
    ];
    let refused = ["too_fine", "too_wide", "numeric_nan", "date_end", "time_begin", "instant_end"];
    // On PostgreSQL again, and by way of a database that has none of these types.
    for way in [output(&target, "public"), "{type: sqlite, path: target.db}".to_owned()] {
        let trip = Trip::new(&source, "public", &way);
        trip.run(&cases);
        for (name, ..) in cases {
            // A NaN would be NULL there.
            let has_nan = way.contains("postgres") || name != "float_nan";
            if refused.contains(&name) || !has_nan {
                trip.is_refused(name);
                continue;
            }
            let result = trip.project.result(&format!("model.shop.{name}"));
            assert_eq!(result["status"], "success", "{name}: {}", result["message"]);
            if way.contains("postgres") {
                let text = |database: &TestDatabase, table: &str| {
                    database.sql(&format!("select v::text from {table} where id = 1"))
                };
                assert_eq!(text(&target, name), text(&source, &format!("s_{name}")), "{name}");
            }
        }
        if !way.contains("postgres") {
            let stored =
                |name: &str| trip.project.rows("target.db", &format!("select v from {name} where id = 1")).concat();
            assert!(
                stored("digits_38").contains(r#""12345678901234567890123456789012345678."#),
                "{}",
                stored("digits_38")
            );
            assert_eq!(stored("year_1"), r#"{"v":"0001-01-01"}"#);
        }
        source.sql(&cases.map(|(name, ..)| format!("drop table s_{name};")).concat());
    }
    let Some(mysql) = dvt_test_support::mysql() else { return };
    let trip = Trip::new(&mysql, "", &output(&target, "public"));
    trip.run(&[
        ("zero_date", "date", "'0000-00-00'"),
        ("zero_time", "datetime(6)", "'0000-00-00 00:00:00'"),
        ("no_day", "date", "'2024-02-00'"),
        ("digits_65", "decimal(65,30)", "12345678901234567890123456789012345.012345678901234567890123456789"),
    ]);
    for name in ["zero_date", "zero_time", "no_day"] {
        trip.is_refused(name);
        assert_eq!(target.sql(&format!("select count(*) from pg_class where relname = '{name}'")).trim(), "0");
    }
    assert_eq!(
        target.sql("select v from public.digits_65 where id = 1").trim(),
        "12345678901234567890123456789012345.012345678901234567890123456789"
    );
}

#[test]
fn pitfall_25_types_without_a_like_go_to_the_nearest_and_come_back_exactly() {
    let Some(source) = dvt_test_support::postgres() else { return };
    source.sql("create type mood as enum ('sad', 'it''s fine')");
    let cases = [
        ("u", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
        ("j", "json", "'{\"b\": 1,  \"a\": [true, null, 1.50]}'"),
        ("jb", "jsonb", "'{\"b\": 1, \"a\": [true, null, 1.50]}'"),
        ("m", "mood", "'it''s fine'"),
        ("n", "inet", "'192.168.1.7/24'"),
        ("b", "bit(5)", "B'10110'"),
        ("y", "bytea", "'\\x00ff80'"),
        ("t", "time with time zone", "'12:34:56.7+05:30'"),
        ("e", "text", "''"),
        ("w", "text", "E'tab\\there\\nand a crab 🦀'"),
        ("i", "interval", "'1 year 2 mons -3 days 04:05:06.789012'"),
        ("a", "integer[]", "'{1,NULL,-3}'"),
    ];
    let mut ways = vec![
        ("lite", "{type: sqlite, path: target.db}".to_owned()),
        ("lake", "{type: filesystem, path: lake}".to_owned()),
    ];
    let mysql = dvt_test_support::mysql();
    ways.extend(mysql.iter().map(|mysql| ("my", output(mysql, ""))));
    for (way, line) in &ways {
        let trip = Trip::new(&source, "public", line);
        for (name, ..) in cases {
            trip.project.write(
                &format!("models/back_{name}.sql"),
                &format!("{{{{ config(target='src') }}}} select id, v from {{{{ ref('{name}') }}}}"),
            );
        }
        trip.run(&cases);
        for (name, kind, _) in cases {
            // Neither has a type that holds them.
            if *way != "lake" && ["i", "a"].contains(&name) {
                trip.is_refused(name);
                continue;
            }
            let status = trip.project.result(&format!("model.shop.back_{name}"));
            assert_eq!(status["status"], "success", "{kind} by {way}: {}", status["message"]);
            let text = |table: &str| {
                source.sql(&format!("select coalesce(v::text, '<null>') from public.{table} order by id"))
            };
            assert_eq!(text(&format!("back_{name}")), text(&format!("s_{name}")), "{kind} by {way}");
        }
        let drop = |name: &str| format!("drop table if exists s_{name}, back_{name};");
        source.sql(&cases.map(|(name, ..)| drop(name)).concat());
    }
    // A number of 64 bits without a sign, which no signed type holds.
    let Some(mysql) = mysql else { return };
    let trip = Trip::new(&mysql, "", &output(&source, "public"));
    trip.project.write("models/back_big.sql", "{{ config(target='src') }} select id, v from {{ ref('big') }}");
    trip.run(&[("big", "bigint unsigned", "18446744073709551615")]);
    assert_eq!(source.sql("select v from public.big where id = 1").trim(), "18446744073709551615");
    assert_eq!(mysql.sql("select v from back_big where id = 1").trim(), "18446744073709551615");
}

#[test]
fn pitfall_26_fractions_of_a_second_and_instants_are_exact_whatever_zone_a_session_has() {
    let (Some(source), Some(target)) = (dvt_test_support::postgres(), dvt_test_support::postgres()) else { return };
    source.sql(&format!("alter database \"{}\" set timezone = 'America/New_York'", source.database));
    target.sql(&format!("alter database \"{}\" set timezone = 'Asia/Kolkata'", target.database));
    let instant = "'2026-03-29 02:30:00.123456+02'";
    let cases = [
        ("micros", "timestamp", "'1969-12-31 23:59:59.999999'"),
        ("millis", "timestamp(3)", "'2024-02-29 12:00:00.123'"),
        ("instant", "timestamptz", instant),
        ("old", "timestamptz", "'1883-11-18 12:00:00.000001+00'"),
    ];
    let trip = Trip::new(&source, "public", &output(&target, "public"));
    trip.run(&cases);
    let text = |database: &TestDatabase, table: &str| {
        let utc = "case when pg_typeof(v)::text like '%with time zone' then (v::timestamptz at time zone 'UTC')::text else v::text end";
        database.sql(&format!("select {utc} from public.{table} where id = 1")).trim().to_owned()
    };
    for (name, kind, _) in cases {
        assert_eq!(text(&target, name), text(&source, &format!("s_{name}")), "{kind}");
    }
    assert_eq!(text(&target, "instant"), "2026-03-29 00:30:00.123456");
    // A condition on an instant means that instant, and a day is that of UTC, whatever the sessions think.
    trip.project.write(
        "models/at.sql",
        "select a.id from {{ source('s', 's_instant') }} as a join {{ ref('instant') }} as b on b.id = a.id \
         where a.v = timestamptz '2026-03-29 00:30:00.123456+00' and b.v < timestamptz '2026-03-28 20:30:00.123457-04'",
    );
    trip.project.dvt("run --select at").exits(0);
    assert_eq!(trip.project.route("at"), "federate");
    assert_eq!(target.sql("select id from public.at").trim(), "1");

    // MariaDB keeps instants in UTC and shows them in the session's zone.
    let Some(mysql) = dvt_test_support::mysql() else { return };
    let trip = Trip::new(&mysql, "", &output(&target, "public"));
    trip.run(&[
        ("ts", "timestamp(6) null", "'2024-02-29 12:00:00.123456'"),
        ("dt", "datetime(3)", "'2024-02-29 12:00:00.123'"),
    ]);
    assert_eq!(target.sql("select v from public.dt where id = 1").trim(), "2024-02-29 12:00:00.123");
    let utc = mysql.sql("select unix_timestamp(v) from s_ts where id = 1").trim().to_owned();
    assert_eq!(target.sql("select extract(epoch from v) from public.ts where id = 1").trim(), utc);

    // Nanoseconds arrive where they are whole microseconds, and are refused where they are not.
    let outputs = format!("    dst: {}\n    lake: {{type: filesystem, path: lake}}\n", output(&target, "public"));
    let project = Project::new().profile("dst", &outputs);
    for (name, time) in [("whole", "2024-02-29 12:00:00.123456"), ("fine", "2024-02-29 12:00:00.123456789")] {
        project.write(
            &format!("models/ns_{name}.sql"),
            &format!("{{{{ config(target='lake') }}}} select 1 as id, arrow_cast('{time}', 'Timestamp(Nanosecond, None)') as v"),
        );
        project.write(&format!("models/to_{name}.sql"), &format!("select id, v from {{{{ ref('ns_{name}') }}}}"));
    }
    project.dvt("run").exits(1).says("`v`");
    assert_eq!(project.result("model.shop.to_whole")["status"], "success");
    assert_eq!(project.result("model.shop.to_fine")["status"], "error");
    assert_eq!(target.sql("select v from public.to_whole").trim(), "2024-02-29 12:00:00.123456");
}
