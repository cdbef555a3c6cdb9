//! Random queries over random tables, once all in one PostgreSQL and once over several databases: the rows have to be the
//! same. Replay and widen by variables:
//!
//! | variable | meaning |
//! |---|---|
//! | `DVT_DIFFERENTIAL_SEED` | the first seed; a failure prints its own |
//! | `DVT_DIFFERENTIAL_RUNS` | how many seeds in a row |
//! | `DVT_DIFFERENTIAL_QUERIES` | how many queries each seed has |
//! | `DVT_DIFFERENTIAL_MODES=all` | every query in all of `MODES`, not in one of each seed's |
//! | `DVT_DIFFERENTIAL_QUERY` | queries of your own, one per line, on a seed's tables |
//! | `DVT_TEST_BINARY` | another binary than this build's |
//! | `DVT_DIFFERENTIAL_LOG` | a file that gets a line per seed, and every mismatch and refusal as it is found |
//!
//! A query that dvt refuses by name is counted and printed, everything else has to agree. A seed costs its databases and a start
//! of the binary per mode, its queries little: a long run takes many queries of few seeds.

mod calls;
mod conditions;
mod query;
mod schema;
mod values;

use crate::project::{Project, output};
use crate::random::Random;
use dvt_test_support::TestDatabase;
use schema::{Place, TABLES, Table};
use std::collections::BTreeMap;
use std::fmt::Write;

const QUERIES: u64 = 40;

/// A name, switches of the binary, and flags.
type Mode = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// The ways to run a seed's queries.
const MODES: [Mode; 5] = [
    ("pushdown", &[], ""),
    ("no pushdown", &[("DVT_TEST_PUSHDOWN", "off")], ""),
    ("no reduction", &[("DVT_TEST_REDUCTION", "off")], ""),
    ("rows one by one, little memory", &[], "--compute tiny"),
    ("neither, rows one by one", &[("DVT_TEST_PUSHDOWN", "off"), ("DVT_TEST_REDUCTION", "off")], "--compute tiny"),
];

/// What came of the queries.
#[derive(Default)]
struct Tally {
    queries: usize,
    executions: usize,
    agreed: usize,
    /// PostgreSQL itself gives an error, and so does dvt.
    failed_on_both: usize,
    /// PostgreSQL gives an error (an overflow, say) where dvt gives rows.
    only_oracle_failed: Vec<String>,
    /// dvt met a value that does not fit where PostgreSQL's plan had excluded its row (COMPATIBILITY, "a condition is not
    /// evaluated for a row that another has excluded").
    met_excluded: Vec<String>,
    /// How often, and the first query, by what was refused.
    refused: BTreeMap<String, (usize, String)>,
    /// Columns whose types differ from those of one database, by both types.
    other_types: BTreeMap<String, (usize, String)>,
    mismatches: Vec<String>,
}

impl Tally {
    fn report(&self, seeds: &std::ops::Range<u64>) -> String {
        let refused: usize = self.refused.values().map(|(count, _)| count).sum();
        let mut text = format!(
            "seeds {seeds:?}: {} queries, {} executions: {} agreed, {} failed on both, {} failed in PostgreSQL only, {} on rows that PostgreSQL excluded, {refused} refused, {} mismatches",
            self.queries,
            self.executions,
            self.agreed,
            self.failed_on_both,
            self.only_oracle_failed.len(),
            self.met_excluded.len(),
            self.mismatches.len(),
        );
        for (title, counted) in [("refused", &self.refused), ("other types", &self.other_types)] {
            let mut reasons: Vec<_> = counted.iter().collect();
            reasons.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
            for (reason, (count, example)) in reasons {
                let _ = write!(text, "\n{title} {count:5}  {reason}\n             {example}");
            }
        }
        for lenient in self.only_oracle_failed.iter().take(40) {
            let _ = write!(text, "\nonly PostgreSQL failed: {lenient}");
        }
        for strict in &self.met_excluded {
            let _ = write!(text, "\nonly dvt failed: {strict}");
        }
        text
    }
}

/// Adds to the file that `DVT_DIFFERENTIAL_LOG` names.
fn log(text: &str) {
    if let Ok(path) = std::env::var("DVT_DIFFERENTIAL_LOG") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| std::io::Write::write_all(&mut file, format!("{text}\n").as_bytes()));
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn random_queries_give_the_rows_that_one_database_gives() {
    let first = number("DVT_DIFFERENTIAL_SEED", 1);
    let seeds = first..first + number("DVT_DIFFERENTIAL_RUNS", 1);
    let mut total = Tally::default();
    for seed in seeds.clone() {
        if !one_seed(seed, &mut total) {
            return;
        }
        let so_far = total.report(&(first..seed + 1));
        log(so_far.lines().next().unwrap_or_default());
    }
    let report = total.report(&seeds);
    eprintln!("{report}");
    log(&report);
    assert!(total.mismatches.is_empty(), "{}", total.mismatches.join("\n\n"));
    assert!(total.agreed > 0, "no query ran at all");
}

/// A seed's tables in one database and in several, and the project whose models are its queries.
struct World {
    project: Project,
    target: TestDatabase,
    /// Kept for as long as the project reads them.
    _others: [TestDatabase; 2],
    queries: Vec<String>,
}

impl World {
    /// `None` when there is no server to run on.
    fn new(seed: u64) -> Option<Self> {
        let (target, right, left) =
            (dvt_test_support::postgres()?, dvt_test_support::postgres()?, dvt_test_support::mysql()?);
        let mut random = Random::new(seed);
        let tables = schema::tables(&mut random);
        let mut queries: Vec<String> = (0..number("DVT_DIFFERENTIAL_QUERIES", QUERIES))
            .map(|_| query::random_query(&mut random, &tables))
            .collect();
        if let Ok(own) = std::env::var("DVT_DIFFERENTIAL_QUERY") {
            queries = own.lines().map(str::to_owned).collect();
        }
        let drivers = tables.iter().any(|table| table.place == Place::Duck).then(dvt_test_support::drivers).flatten();
        let duck = match &drivers {
            Some(_) => "{type: duckdb, path: duck.db}",
            None => "{type: filesystem, path: duck, format: parquet}",
        };
        let outputs = format!(
            "    pg: {}\n    left: {}\n    right: {}\n    lite: {{type: sqlite, path: lite.db}}\n    \
             files: {{type: filesystem, path: files, format: parquet}}\n    delta: {{type: filesystem, path: delta}}\n    duck: {duck}\n",
            output(&target, "landed"),
            output(&left, ""),
            output(&right, "public")
        );
        let mut project = Project::new().profile("pg", &outputs);
        if let Some(folder) = &drivers {
            project = project.variable("DVT_DRIVERS_DIR", &folder.display().to_string());
        }
        project.sqlite("lite.db", "select 1");
        project.write(
            "computes.yml",
            "shop:\n  target: usual\n  computes:\n    usual: {type: datafusion}\n    tiny: {type: datafusion, memory_limit: 64MB, batch_size: 1}\n",
        );
        let world = Self { project, target, _others: [right, left], queries };
        world.load(&tables, &mut random);
        for (index, query) in world.queries.iter().enumerate() {
            let text = world.named(query, &tables, |table| format!("{{{{ source('s_{table}', '{table}') }}}}"));
            world.project.write(&format!("models/q{index}.sql"), &text);
        }
        Some(world)
    }

    /// The query with each `{table}` named as `name` says.
    fn named(&self, query: &str, tables: &[Table], name: impl Fn(&str) -> String) -> String {
        tables
            .iter()
            .fold(query.to_owned(), |text, table| text.replace(&format!("{{{}}}", table.name), &name(&table.name)))
    }

    /// Makes every table twice: in `oracle`, and where it lives.
    fn load(&self, tables: &[Table], random: &mut Random) {
        let [right, left] = &self._others;
        self.target.sql("create schema split; create schema oracle; create schema landed;");
        let mut sources = "sources:\n".to_owned();
        let mut copied = Vec::new();
        for table in tables {
            self.target.sql(&table.sql(&format!("oracle.{}", table.name), Place::Pg, random));
            let mut sql = |name: &str| table.sql(name, table.place, random);
            let namespace = match table.place {
                Place::Pg => {
                    self.target.sql(&sql(&format!("split.{}", table.name)));
                    "split"
                }
                Place::Right => {
                    right.sql(&sql(&table.name));
                    "public"
                }
                Place::Left => {
                    left.sql(&sql(&table.name));
                    left.database.as_str()
                }
                Place::Lite => {
                    self.project.sqlite("lite.db", &sql(&table.name));
                    "main"
                }
                Place::Files | Place::Delta | Place::Duck => {
                    copied.push(table);
                    "main"
                }
            };
            sources += &format!(
                "  - {{name: s_{0}, connection: {1}, schema: {namespace}, tables: [{{name: {0}}}]}}\n",
                table.name,
                table.place.name()
            );
        }
        // Written by models of their own, before the queries are there.
        if !copied.is_empty() {
            let names: Vec<String> = copied.iter().map(|table| format!("{{name: {}}}", table.name)).collect();
            self.project.write(
                "models/whole.yml",
                &format!("sources:\n  - {{name: s_whole, schema: oracle, tables: [{}]}}\n", names.join(", ")),
            );
            for table in &copied {
                let copy = format!(
                    "{{{{ config(target='{}') }}}} select * from {{{{ source('s_whole', '{}') }}}}",
                    table.place.name(),
                    table.name
                );
                self.project.write(&format!("models/{}.sql", table.name), &copy);
            }
            self.project.dvt("run").exits(0);
            for table in &copied {
                std::fs::remove_file(self.project.path(&format!("models/{}.sql", table.name))).expect("a file of ours");
            }
            std::fs::remove_file(self.project.path("models/whole.yml")).expect("a file of ours");
        }
        self.project.write("models/sources.yml", &sources);
    }
}

/// False when there is no server to run on.
fn one_seed(seed: u64, total: &mut Tally) -> bool {
    let Some(world) = World::new(seed) else { return false };
    let World { project, target, queries, .. } = &world;
    let wanted = oracle(target, queries);
    let wanted_types = types(target, "oracle");
    total.queries += queries.len();
    // A short run has pushdown and one more; which, the seed says.
    let chosen = usize::try_from(seed).unwrap_or(0) % (MODES.len() - 1) + 1;
    let is_whole = std::env::var("DVT_DIFFERENTIAL_MODES").as_deref() == Ok("all");
    for (at, (name, switches, flags)) in MODES.iter().enumerate() {
        if !is_whole && at != 0 && at != chosen {
            continue;
        }
        let outcome = project.dvt_env(switches, &format!("run --threads 2 --full-refresh {flags}"));
        assert!((0..2).contains(&outcome.code), "seed {seed}, {name}: {}\n{}", outcome.stdout, outcome.stderr);
        let results = project.json("target/run_results.json");
        let results = results["results"].as_array().expect("a list of results");
        let landed: Vec<usize> = (0..queries.len()).filter(|index| status(results, *index).is_ok()).collect();
        let found = rows(target, "landed.q", &landed);
        let found_types = types(target, "landed");
        for (index, query) in queries.iter().enumerate() {
            let shown = format!("seed {seed}, {name}, query {index}: {query}");
            total.executions += 1;
            match (&wanted[index], status(results, index)) {
                (Ok(wanted), Ok(())) if *wanted == found[&index] => {
                    total.agreed += 1;
                    for (column, wanted) in &wanted_types[&index] {
                        let found = found_types[&index].get(column).map_or("nothing", String::as_str);
                        if wanted != found && at == 0 {
                            let kind = format!("{wanted} is {found}");
                            total.other_types.entry(kind).or_insert((0, format!("{column} of {shown}"))).0 += 1;
                        }
                    }
                }
                (Ok(wanted), Ok(())) => {
                    let mismatch = format!("{shown}\n{}", difference(wanted, &found[&index]));
                    log(&format!("MISMATCH {mismatch}"));
                    total.mismatches.push(mismatch);
                }
                (Err(_), Err(_)) => total.failed_on_both += 1,
                (Err(error), Ok(())) => total.only_oracle_failed.push(format!("{shown}\n{error}")),
                (Ok(_), Err(message)) => match refusal(&message) {
                    Some(kind) => total.refused.entry(kind).or_insert((0, shown)).0 += 1,
                    None if does_not_fit(&message) => total.met_excluded.push(format!("{shown}\n{message}")),
                    None => {
                        log(&format!("MISMATCH {shown}\nfailed: {message}"));
                        total.mismatches.push(format!("{shown}\nfailed: {message}"));
                    }
                },
            }
        }
    }
    true
}

/// The types of the columns of each table `q{index}` of a schema.
fn types(target: &TestDatabase, schema: &str) -> BTreeMap<usize, BTreeMap<String, String>> {
    let mut found: BTreeMap<usize, BTreeMap<String, String>> = BTreeMap::new();
    let query = format!(
        "select substr(relname, 2), attname, format_type(atttypid, null) from pg_class join pg_attribute on attrelid = pg_class.oid \
         where relnamespace = '{schema}'::regnamespace and relname ~ '^q[0-9]+$' and attnum > 0 and not attisdropped"
    );
    for line in target.sql(&query).lines() {
        let mut parts = line.split('\t').map(str::to_owned);
        if let (Some(index), Some(column), Some(name)) = (parts.next(), parts.next(), parts.next()) {
            found.entry(index.parse().expect("a number")).or_default().insert(column, name);
        }
    }
    found
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
    const REFUSALS: [&str; 3] = [
        "not supported in a query across connections",
        "has no translation with the same meaning",
        "the SQL cannot be parsed as",
    ];
    let line = message.lines().find(|line| REFUSALS.iter().any(|refusal| line.contains(refusal)))?;
    Some(line.trim().to_owned())
}

/// Whether a number was too large for its type, or divided by zero.
fn does_not_fit(message: &str) -> bool {
    const ENDS: [&str; 4] = ["out of range", "division by zero", "overflow on abs", "numeric field overflow"];
    message.lines().any(|line| ENDS.iter().any(|end| line.contains(end)))
}

/// The rows of each query in the database that has all tables, or PostgreSQL's error.
fn oracle(target: &TestDatabase, queries: &[String]) -> Vec<Result<Vec<String>, String>> {
    let mut errors = BTreeMap::new();
    for (chunk, part) in queries.chunks(20).enumerate() {
        let statements: Vec<String> = part
            .iter()
            .enumerate()
            .map(|(at, query)| {
                let query = (0..TABLES).fold(query.clone(), |text, at| text.replace(&format!("{{t{at}}}"), &format!("oracle.t{at}")));
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
