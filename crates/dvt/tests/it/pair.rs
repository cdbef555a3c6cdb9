//! The same query twice: over tables that all live in the target (pushed down), and over the same tables on two other
//! connections (federated). Both have to give the same rows.

use crate::project::{Project, output, postgres_rows};
use dvt_test_support::TestDatabase;

/// A table in SQL that every engine takes; `{t}` stands for its name.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    pub(crate) side: Side,
}

/// Where a table lives in the split world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

pub(crate) const fn left(name: &'static str, sql: &'static str) -> Table {
    Table { name, sql, side: Side::Left }
}

pub(crate) const fn right(name: &'static str, sql: &'static str) -> Table {
    Table { name, sql, side: Side::Right }
}

/// Runs each query, in which `{name}` stands for a table, on SQLite files, and on PostgreSQL with a MariaDB and a second
/// PostgreSQL beside it. `expected` are the rows, as JSON objects with sorted keys, of the last query; the others need
/// only agree.
#[track_caller]
pub(crate) fn agree(tables: &[Table], queries: &[&str], expected: &[&str]) {
    on_sqlite(tables, queries, expected);
    on_servers(tables, queries, expected);
}

#[track_caller]
pub(crate) fn on_sqlite(tables: &[Table], queries: &[&str], expected: &[&str]) {
    let project = Project::new();
    for table in tables {
        project.sqlite("target.db", &create(table, &format!("one_{}", table.name)));
        let file = if table.side == Side::Left { "left.db" } else { "right.db" };
        project.sqlite(file, &create(table, table.name));
    }
    // Both files are there even when one side has no table.
    project.sqlite("left.db", "select 1");
    project.sqlite("right.db", "select 1");
    write_models(&project, tables, queries, "main", "main", "main");
    project.dvt("run").exits(0);
    compare(&project, queries, expected, |model| project.rows("target.db", &format!("select * from {model}")));
}

#[track_caller]
pub(crate) fn on_servers(tables: &[Table], queries: &[&str], expected: &[&str]) {
    let Some(target) = dvt_test_support::postgres() else { return };
    let Some(right_database) = dvt_test_support::postgres() else { return };
    let Some(left_database) = dvt_test_support::mysql() else { return };
    let project = project_on_servers(&target, &left_database, &right_database);
    for table in tables {
        target.sql(&create(table, &format!("one_{}", table.name)));
        let database = if table.side == Side::Left { &left_database } else { &right_database };
        database.sql(&create(table, table.name));
    }
    write_models(&project, tables, queries, "public", &left_database.database, "public");
    project.dvt("run").exits(0);
    compare(&project, queries, expected, |model| postgres_rows(&target, &format!("select * from public.{model}")));
}

/// A project whose target is a PostgreSQL, with a MariaDB as `left` and a second PostgreSQL as `right`.
pub(crate) fn project_on_servers(target: &TestDatabase, left: &TestDatabase, right: &TestDatabase) -> Project {
    let outputs = format!(
        "    pg: {}\n    left: {}\n    right: {}\n",
        output(target, "public"),
        output(left, ""),
        output(right, "public")
    );
    Project::new().profile("pg", &outputs)
}

fn create(table: &Table, name: &str) -> String {
    table.sql.replace("{t}", name)
}

fn write_models(project: &Project, tables: &[Table], queries: &[&str], one: &str, left: &str, right: &str) {
    let mut sources = format!("sources:\n  - name: one\n    schema: {one}\n    tables:\n");
    for table in tables {
        sources += &format!("      - {{name: {}, identifier: one_{}}}\n", table.name, table.name);
    }
    for (side, name, schema) in [(Side::Left, "left", left), (Side::Right, "right", right)] {
        if tables.iter().any(|table| table.side == side) {
            sources += &format!("  - name: {name}\n    connection: {name}\n    schema: {schema}\n    tables:\n");
        }
        for table in tables.iter().filter(|table| table.side == side) {
            sources += &format!("      - {{name: {}}}\n", table.name);
        }
    }
    project.write("models/sources.yml", &sources);
    for (index, query) in queries.iter().enumerate() {
        for world in ["one", "split"] {
            let mut sql = (*query).to_owned();
            for table in tables {
                let source = match (world, table.side) {
                    ("one", _) => "one",
                    (_, Side::Left) => "left",
                    (_, Side::Right) => "right",
                };
                sql = sql.replace(
                    &format!("{{{}}}", table.name),
                    &format!("{{{{ source('{source}', '{}') }}}}", table.name),
                );
            }
            project.write(&format!("models/q{index}_{world}.sql"), &sql);
        }
    }
}

#[track_caller]
fn compare(project: &Project, queries: &[&str], expected: &[&str], rows: impl Fn(&str) -> Vec<String>) {
    for (index, query) in queries.iter().enumerate() {
        // Without this the test would compare a pushdown with itself.
        assert_eq!(project.route(&format!("q{index}_one")), "pushdown");
        let route = project.route(&format!("q{index}_split"));
        assert_ne!(route, "pushdown", "{query}");
        let one = rows(&format!("q{index}_one"));
        let split = rows(&format!("q{index}_split"));
        assert_eq!(split, one, "left: {route}, right: pushed down\n{query}");
    }
    let last = rows(&format!("q{}_split", queries.len() - 1));
    // A sorted map, so that the order of the columns does not count.
    let parsed = |rows: &[String]| -> Vec<std::collections::BTreeMap<String, serde_json::Value>> {
        rows.iter().map(|row| serde_json::from_str(row).expect("rows are JSON")).collect()
    };
    let expected: Vec<String> = expected.iter().map(|row| (*row).to_owned()).collect();
    let sorted = |mut rows: Vec<std::collections::BTreeMap<String, serde_json::Value>>| {
        rows.sort_by_key(|row| format!("{row:?}"));
        rows
    };
    assert_eq!(sorted(parsed(&last)), sorted(parsed(&expected)), "rows of {}", queries[queries.len() - 1]);
}
