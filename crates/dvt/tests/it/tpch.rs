//! The 22 queries of TPC-H over tables that are split between a PostgreSQL and a MariaDB, once one way and once the other
//! way round: the rows have to be those of one PostgreSQL that has all tables.
//!
//! `DVT_TPCH_SCALE` is the scale factor in thousandths (2 when absent); the data comes from a generator of our own with
//! the shapes of the public description, so that every query has rows even at a small scale.

mod data;
mod queries;

use crate::pair::project_on_servers;
use crate::project::{Project, postgres_rows};
use data::{TABLES, insert_statements};
use dvt_test_support::TestDatabase;
use queries::QUERIES;
use std::collections::BTreeSet;

/// Which tables the MariaDB has in the first split; in the second it has the others.
const IN_MARIADB: [&str; 4] = ["orders", "customer", "part", "nation"];

fn is_there(table: &str, split: usize) -> bool {
    IN_MARIADB.contains(&table) == (split == 0)
}

/// The tables on both sides, and the project that reads them.
pub(crate) struct Tpch {
    pub(crate) project: Project,
    pub(crate) target: TestDatabase,
    pub(crate) left: TestDatabase,
    pub(crate) right: TestDatabase,
}

impl Tpch {
    /// `None` where a server is absent. `scale` is in thousandths.
    pub(crate) fn new(scale: usize) -> Option<Self> {
        let (target, left, right) =
            (dvt_test_support::postgres()?, dvt_test_support::mysql()?, dvt_test_support::postgres()?);
        let project = project_on_servers(&target, &left, &right);
        for table in TABLES {
            let create = format!("create table {} ({});", table.name, table.columns.join(", "));
            target.sql(&format!("create schema if not exists tpch; set search_path = tpch; {create}"));
            left.sql(&create);
        }
        for statement in insert_statements(scale) {
            target.sql(&format!("set search_path = tpch; {statement}"));
            left.sql(&statement);
        }
        target.sql("analyze");
        let mut sources = "sources:\n".to_owned();
        for (name, connection, schema) in [("here", "pg", "tpch"), ("there", "left", left.database.as_str())] {
            let tables: Vec<String> = TABLES.iter().map(|table| format!("{{name: {}}}", table.name)).collect();
            sources += &format!(
                "  - {{name: {name}, connection: {connection}, schema: {schema}, tables: [{}]}}\n",
                tables.join(", ")
            );
        }
        project.write("models/sources.yml", &sources);
        Some(Self { project, target, left, right })
    }

    /// Writes the models of these queries, counted from 1, for one split.
    pub(crate) fn write_models(&self, split: usize, numbers: &[usize]) {
        for number in numbers {
            let text = TABLES.iter().fold(QUERIES[number - 1].to_owned(), |text, table| {
                let place = if is_there(table.name, split) { "there" } else { "here" };
                text.replace(&format!("{{{}}}", table.name), &format!("{{{{ source('{place}', '{}') }}}}", table.name))
            });
            self.project.write(&format!("models/q{number}_{split}.sql"), &text);
        }
    }

    /// What of the last run is not as one PostgreSQL has it.
    pub(crate) fn problems(&self, split: usize, numbers: &[usize]) -> Vec<String> {
        let mut problems = Vec::new();
        for number in numbers {
            let query = QUERIES[number - 1];
            let wanted = values(postgres_rows(&self.target, &query.replace('{', "tpch.").replace('}', "")));
            if wanted.is_empty() {
                problems.push(format!("query {number} has no rows: it proves nothing"));
            }
            let model = format!("q{number}_{split}");
            let result = self.project.result(&format!("model.shop.{model}"));
            if result["status"] != "success" {
                problems.push(format!("{model}: {}", result["message"].as_str().unwrap_or("no message")));
                continue;
            }
            // Without this, a pushdown would be compared with itself.
            let places: BTreeSet<bool> = TABLES
                .iter()
                .filter(|table| query.contains(&format!("{{{}}}", table.name)))
                .map(|table| is_there(table.name, split))
                .collect();
            let expected = match (places.len(), places.first()) {
                (2, _) => "federate",
                (_, Some(true)) => "transfer",
                _ => "pushdown",
            };
            assert_eq!(self.project.route(&model), expected, "{model}");
            let found = values(postgres_rows(&self.target, &format!("select * from public.{model}")));
            if found != wanted {
                let only = |one: &[String], other: &[String]| -> Vec<String> {
                    one.iter().filter(|row| !other.contains(row)).take(3).cloned().collect()
                };
                problems.push(format!(
                    "{model}: {} rows wanted, {} found; only wanted {:#?}; only found {:#?}",
                    wanted.len(),
                    found.len(),
                    only(&wanted, &found),
                    only(&found, &wanted)
                ));
            }
        }
        problems
    }
}

#[test]
fn the_queries_of_tpch_give_the_same_rows_however_the_tables_are_split() {
    let scale = std::env::var("DVT_TPCH_SCALE").ok().map_or(2, |text| text.parse().expect("a number"));
    let Some(tpch) = Tpch::new(scale) else { return };
    let all: Vec<usize> = (1..=QUERIES.len()).collect();
    tpch.write_models(0, &all);
    tpch.write_models(1, &all);
    let outcome = tpch.project.dvt("run --threads 2");
    let mut problems = tpch.problems(0, &all);
    problems.extend(tpch.problems(1, &all));
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n\n"), outcome.stderr);
}

/// The rows with numbers by their value: `numeric` without a scale keeps no trailing zeros on the way.
fn values(rows: Vec<String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| crate::differential::with_plain_numbers(row)).collect();
    rows.sort();
    rows
}
