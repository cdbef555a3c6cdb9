//! The 22 queries of TPC-H over tables that are split between a PostgreSQL and a MariaDB, once one way and once the other
//! way round: the rows have to be those of one PostgreSQL that has all tables.
//!
//! `DVT_TPCH_SCALE` is the scale factor in thousandths (2 when absent); the data comes from a generator of our own with
//! the shapes of the public description, so that every query has rows even at a small scale.

mod data;
mod queries;

use crate::pair::project_on_servers;
use crate::project::postgres_rows;
use data::{TABLES, insert_statements};
use queries::QUERIES;
use std::collections::BTreeSet;

/// Which tables the MariaDB has in the first split; in the second it has the others.
const IN_MARIADB: [&str; 4] = ["orders", "customer", "part", "nation"];

fn is_there(table: &str, split: usize) -> bool {
    IN_MARIADB.contains(&table) == (split == 0)
}

#[test]
fn the_queries_of_tpch_give_the_same_rows_however_the_tables_are_split() {
    let (Some(target), Some(left), Some(right)) =
        (dvt_test_support::postgres(), dvt_test_support::mysql(), dvt_test_support::postgres())
    else {
        return;
    };
    let project = project_on_servers(&target, &left, &right);
    let scale = std::env::var("DVT_TPCH_SCALE").ok().map_or(2, |text| text.parse().expect("a number"));
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
    for split in 0..2 {
        for (number, query) in (1..).zip(QUERIES) {
            let text = TABLES.iter().fold((*query).to_owned(), |text, table| {
                let place = if is_there(table.name, split) { "there" } else { "here" };
                text.replace(&format!("{{{}}}", table.name), &format!("{{{{ source('{place}', '{}') }}}}", table.name))
            });
            project.write(&format!("models/q{number}_{split}.sql"), &text);
        }
    }
    let outcome = project.dvt("run --threads 2");

    let mut problems = Vec::new();
    for (number, query) in (1..).zip(QUERIES) {
        let wanted = values(postgres_rows(&target, &query.replace('{', "tpch.").replace('}', "")));
        if wanted.is_empty() {
            problems.push(format!("query {number} has no rows: it proves nothing"));
        }
        for split in 0..2 {
            let model = format!("q{number}_{split}");
            let result = project.result(&format!("model.shop.{model}"));
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
            assert_eq!(project.route(&model), expected, "{model}");
            let found = values(postgres_rows(&target, &format!("select * from public.{model}")));
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
    }
    assert!(problems.is_empty(), "{}\n{}", problems.join("\n\n"), outcome.stderr);
}

/// The rows with numbers by their value: `numeric` without a scale keeps no trailing zeros on the way.
fn values(rows: Vec<String>) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| crate::differential::with_plain_numbers(row)).collect();
    rows.sort();
    rows
}
