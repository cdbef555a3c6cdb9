//! Random queries over random tables, once all in one PostgreSQL and once over several databases: the rows have to be the
//! same. `DVT_DIFFERENTIAL_SEED` replays a seed that a failure printed, `DVT_DIFFERENTIAL_RUNS` says how many seeds in a
//! row are run, `DVT_DIFFERENTIAL_QUERIES` how many queries each has, `DVT_DIFFERENTIAL_MODES=all` runs each of them in all
//! of `MODES`; `DVT_DIFFERENTIAL_QUERY` runs queries of your own, one per line, on a seed's tables. A query that dvt refuses by
//! name is counted and printed, everything else has to agree.
//!
//! Where the time goes: a seed costs three databases and a start of the binary per mode, its queries little, so a long run
//! takes many queries of few seeds.

mod query;
mod schema;

use crate::project::{Project, output};
use crate::random::Random;
use dvt_test_support::TestDatabase;
use schema::Place;
use std::collections::BTreeMap;

const QUERIES: u64 = 40;

/// A name, switches of the binary, and flags.
type Mode = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// The ways to run a seed's queries. The first two are part of every run.
const MODES: [Mode; 4] = [
    ("pushdown", &[], ""),
    ("no pushdown", &[("DVT_TEST_PUSHDOWN", "off")], ""),
    ("no reduction", &[("DVT_TEST_REDUCTION", "off")], ""),
    ("rows one by one, little memory", &[], "--compute tiny"),
];

/// What came of a seed's queries.
#[derive(Default)]
struct Tally {
    agreed: usize,
    /// PostgreSQL itself gives an error, and so does dvt.
    failed_on_both: usize,
    /// PostgreSQL gives an error (an overflow, say) where dvt gives rows.
    only_oracle_failed: Vec<String>,
    refused: BTreeMap<String, usize>,
    mismatches: Vec<String>,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn random_queries_give_the_rows_that_one_database_gives() {
    let first = number("DVT_DIFFERENTIAL_SEED", 1);
    let runs = number("DVT_DIFFERENTIAL_RUNS", 1);
    let mut total = Tally::default();
    for seed in first..first + runs {
        if !one_seed(seed, &mut total) {
            return;
        }
    }
    eprintln!(
        "seeds {first}..{}: {} agreed, {} failed on both, {} failed in PostgreSQL only, refused {:?}, {} mismatches",
        first + runs,
        total.agreed,
        total.failed_on_both,
        total.only_oracle_failed.len(),
        total.refused,
        total.mismatches.len(),
    );
    for lenient in &total.only_oracle_failed {
        eprintln!("only PostgreSQL failed: {lenient}");
    }
    assert!(total.mismatches.is_empty(), "{}", total.mismatches.join("\n\n"));
    assert!(total.agreed > 0, "no query ran at all");
}

/// False when there is no server to run on.
fn one_seed(seed: u64, total: &mut Tally) -> bool {
    let (Some(target), Some(right), Some(left)) =
        (dvt_test_support::postgres(), dvt_test_support::postgres(), dvt_test_support::mysql())
    else {
        return false;
    };
    let mut random = Random::new(seed);
    let tables = schema::tables(&mut random);
    let mut queries: Vec<String> =
        (0..number("DVT_DIFFERENTIAL_QUERIES", QUERIES)).map(|_| query::random_query(&mut random, &tables)).collect();
    if let Ok(own) = std::env::var("DVT_DIFFERENTIAL_QUERY") {
        queries = own.lines().map(str::to_owned).collect();
    }

    let outputs = format!(
        "    pg: {}\n    left: {}\n    right: {}\n    lite: {{type: sqlite, path: lite.db}}\n    files: {{type: filesystem, path: files, format: parquet}}\n",
        output(&target, "landed"),
        output(&left, ""),
        output(&right, "public")
    );
    let project = Project::new().profile("pg", &outputs);
    target.sql("create schema split; create schema oracle; create schema landed;");
    project.sqlite("lite.db", "select 1");
    project.write(
        "computes.yml",
        "shop:\n  target: usual\n  computes:\n    usual: {type: datafusion}\n    tiny: {type: datafusion, memory_limit: 64MB, batch_size: 1}\n",
    );
    let mut sources = "sources:\n".to_owned();
    for table in &tables {
        target.sql(&table.sql(&format!("oracle.{}", table.name), Place::Pg, &mut random));
        let name = table.place.name();
        let sql = |name: &str, random: &mut Random| table.sql(name, table.place, random);
        let namespace = match table.place {
            Place::Pg => {
                target.sql(&sql(&format!("split.{}", table.name), &mut random));
                "split"
            }
            Place::Right => {
                right.sql(&sql(&table.name, &mut random));
                "public"
            }
            Place::Left => {
                left.sql(&sql(&table.name, &mut random));
                left.database.as_str()
            }
            Place::Lite => {
                project.sqlite("lite.db", &sql(&table.name, &mut random));
                "main"
            }
            Place::Files => {
                // Written by a model of its own, before the queries are there.
                let copy = format!(
                    "{{{{ config(target='files') }}}} select * from {{{{ source('s_whole', '{}') }}}}",
                    table.name
                );
                project.write(&format!("models/{}.sql", table.name), &copy);
                project.write(
                    "models/whole.yml",
                    &format!("sources:\n  - {{name: s_whole, schema: oracle, tables: [{{name: {}}}]}}\n", table.name),
                );
                project.dvt("run").exits(0);
                std::fs::remove_file(project.path(&format!("models/{}.sql", table.name))).expect("a file of ours");
                std::fs::remove_file(project.path("models/whole.yml")).expect("a file of ours");
                "main"
            }
        };
        sources += &format!(
            "  - {{name: s_{0}, connection: {name}, schema: {namespace}, tables: [{{name: {0}}}]}}\n",
            table.name
        );
    }
    project.write("models/sources.yml", &sources);
    for (index, query) in queries.iter().enumerate() {
        let text = tables.iter().fold(query.clone(), |text, table| {
            text.replace(&format!("{{{}}}", table.name), &format!("{{{{ source('s_{0}', '{0}') }}}}", table.name))
        });
        project.write(&format!("models/q{index}.sql"), &text);
    }
    let wanted = oracle(&target, &queries);
    let modes = match std::env::var("DVT_DIFFERENTIAL_MODES").as_deref() {
        Ok("all") => &MODES[..],
        _ => &MODES[..2],
    };
    for (name, switches, flags) in modes {
        let outcome = project.dvt_env(switches, &format!("run --threads 2 --full-refresh {flags}"));
        assert!(outcome.code < 2, "seed {seed}: {}\n{}", outcome.stdout, outcome.stderr);
        let results = project.json("target/run_results.json");
        let results = results["results"].as_array().expect("a list of results");
        let landed: Vec<usize> = (0..queries.len()).filter(|index| status(results, *index).is_ok()).collect();
        let found = rows(&target, "landed.q", &landed);
        for (index, query) in queries.iter().enumerate() {
            let shown = format!("seed {seed}, {name}, query {index}: {query}");
            match (&wanted[index], status(results, index)) {
                (Ok(wanted), Ok(())) if *wanted == found[&index] => total.agreed += 1,
                (Ok(wanted), Ok(())) => {
                    total.mismatches.push(format!("{shown}\n{}", difference(wanted, &found[&index])));
                }
                (Err(_), Err(_)) => total.failed_on_both += 1,
                (Err(error), Ok(())) => total.only_oracle_failed.push(format!("{shown}\n{error}")),
                (Ok(_), Err(message)) => match refusal(&message) {
                    Some(kind) => *total.refused.entry(kind).or_default() += 1,
                    None => total.mismatches.push(format!("{shown}\nfailed: {message}")),
                },
            }
        }
    }
    true
}

/// Whether the model ran, or its message.
fn status(results: &[serde_json::Value], index: usize) -> Result<(), String> {
    let id = format!("model.shop.q{index}");
    let result = results.iter().find(|result| result["unique_id"] == id.as_str()).expect("each model has a result");
    match result["status"].as_str() {
        Some("success") => Ok(()),
        _ => Err(result["message"].as_str().unwrap_or("no message").to_owned()),
    }
}

/// What a refusal names; `None` for any other error.
fn refusal(message: &str) -> Option<String> {
    const REFUSALS: [&str; 2] =
        ["not supported in a query across connections", "has no translation with the same meaning"];
    let line = message.lines().find(|line| REFUSALS.iter().any(|refusal| line.contains(refusal)))?;
    Some(line.trim().to_owned())
}

/// The rows of each query in the database that has all tables, or PostgreSQL's error.
fn oracle(target: &TestDatabase, queries: &[String]) -> Vec<Result<Vec<String>, String>> {
    let mut errors = BTreeMap::new();
    for (chunk, part) in queries.chunks(20).enumerate() {
        let statements: Vec<String> = part
            .iter()
            .enumerate()
            .map(|(at, query)| {
                let query = query.replace('{', "oracle.").replace('}', "");
                let index = chunk * 20 + at;
                format!("begin execute $q$create table oracle.q{index} as {query}$q$; exception when others then raise notice '%', sqlerrm; insert into oracle.failures values ({index}, sqlerrm); end;")
            })
            .collect();
        target.sql(&format!(
            "set client_min_messages = error; create table if not exists oracle.failures (query int, message text); do $do$ begin {} end $do$;",
            statements.join("\n")
        ));
    }
    for line in target.sql("select query, replace(message, e'\\n', ' ') from oracle.failures").lines() {
        let (index, message) = line.split_once('\t').expect("two columns");
        errors.insert(index.parse::<usize>().expect("a number"), message.to_owned());
    }
    let good: Vec<usize> = (0..queries.len()).filter(|index| !errors.contains_key(index)).collect();
    let mut found = rows(target, "oracle.q", &good);
    (0..queries.len())
        .map(|index| match errors.remove(&index) {
            Some(error) => Err(error),
            None => Ok(found.remove(&index).unwrap_or_default()),
        })
        .collect()
}

/// The rows of the tables `{prefix}{index}`, as JSON with each number in one form, sorted.
fn rows(target: &TestDatabase, prefix: &str, indexes: &[usize]) -> BTreeMap<usize, Vec<String>> {
    let mut found: BTreeMap<usize, Vec<String>> = indexes.iter().map(|index| (*index, Vec::new())).collect();
    let selects: Vec<String> =
        indexes.iter().map(|index| format!("select {index}, to_jsonb(t)::text from {prefix}{index} as t")).collect();
    if selects.is_empty() {
        return found;
    }
    for line in target.sql(&selects.join(" union all ")).lines() {
        let (index, row) = line.split_once('\t').expect("two columns");
        let index: usize = index.parse().expect("a number");
        found.get_mut(&index).expect("a query").push(with_plain_numbers(row));
    }
    for rows in found.values_mut() {
        rows.sort();
    }
    found
}

/// The JSON text with `1.50` as `1.5` and `-0.0` as `0`: numbers compare by value, whatever their scale.
pub(crate) fn with_plain_numbers(json: &str) -> String {
    let mut plain = String::new();
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '"' {
            plain.push(character);
            while let Some(inside) = characters.next() {
                plain.push(inside);
                match inside {
                    '\\' => plain.extend(characters.next()),
                    '"' => break,
                    _ => {}
                }
            }
        } else if character == '-' || character.is_ascii_digit() {
            let mut number = character.to_string();
            while let Some(next) = characters.next_if(|next| next.is_ascii_digit() || "+-.eE".contains(*next)) {
                number.push(next);
            }
            if number.contains('.') && !number.contains(['e', 'E']) {
                number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
            }
            plain.push_str(if number == "-0" { "0" } else { &number });
        } else {
            plain.push(character);
        }
    }
    plain
}

/// The first rows that only one side has.
fn difference(wanted: &[String], found: &[String]) -> String {
    let count = |rows: &[String], row: &String| rows.iter().filter(|other| *other == row).count();
    let only = |rows: &[String], others: &[String]| -> Vec<String> {
        rows.iter().filter(|row| count(rows, row) > count(others, row)).take(4).cloned().collect()
    };
    format!(
        "{} rows wanted, {} found; only wanted: {:#?}; only found: {:#?}",
        wanted.len(),
        found.len(),
        only(wanted, found),
        only(found, wanted)
    )
}
