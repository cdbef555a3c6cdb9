//! Every type of every built-in connection to every other and back, edge values included: the table in `docs/types.md`.
//!
//! A column of each type goes from its connection to a table on the target and from there to a table beside the original,
//! where the connection itself writes the values as texts, which are compared. What fails as a whole is tried value by value.
//! The page is written by this test (`SNAPSHOTS=overwrite`), and has to be current: no value changes without standing there.
//! `DVT_TYPES=all` looks at all of it, which takes minutes; otherwise each kind of source goes to one target.

mod types;

use crate::project::{Project, output};
use dvt_test_support::TestDatabase;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use types::{DUCKDB, LAKE, MYSQL, POSTGRES, SQLITE, Type};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Postgres,
    Mysql,
    Sqlite,
    DuckDb,
    Lake(&'static str),
}

impl Place {
    fn title(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MariaDB",
            Self::Sqlite => "SQLite",
            Self::DuckDb => "DuckDB",
            Self::Lake("delta") => "Delta",
            Self::Lake("parquet") => "Parquet",
            Self::Lake("csv") => "CSV",
            Self::Lake(_) => "JSON",
        }
    }
}

const TARGETS: [Place; 8] = [
    Place::Postgres,
    Place::Mysql,
    Place::Sqlite,
    Place::DuckDb,
    Place::Lake("delta"),
    Place::Lake("parquet"),
    Place::Lake("csv"),
    Place::Lake("json"),
];

const SOURCES: [(Place, &[Type]); 8] = [
    (Place::Postgres, POSTGRES),
    (Place::Mysql, MYSQL),
    (Place::Sqlite, SQLITE),
    (Place::DuckDb, DUCKDB),
    (Place::Lake("delta"), LAKE),
    (Place::Lake("parquet"), LAKE),
    (Place::Lake("csv"), LAKE),
    (Place::Lake("json"), LAKE),
];

/// A connection of its own, as `src` or `dst` of the profile.
struct End {
    line: String,
    database: Option<TestDatabase>,
    schema: String,
}

fn end(place: Place, name: &str) -> Option<End> {
    let of = |database: TestDatabase, schema: &str| End {
        line: format!("    {name}: {}\n", output(&database, schema)),
        schema: if schema.is_empty() { database.database.clone() } else { schema.to_owned() },
        database: Some(database),
    };
    let plain = |line: String| End { line, database: None, schema: "main".to_owned() };
    Some(match place {
        Place::Postgres => of(dvt_test_support::postgres()?, "public"),
        Place::Mysql => of(dvt_test_support::mysql()?, ""),
        Place::Sqlite => plain(format!("    {name}: {{type: sqlite, path: {name}.db}}\n")),
        Place::DuckDb => plain(format!("    {name}: {{type: duckdb, path: {name}.duckdb}}\n")),
        Place::Lake(format) => plain(format!("    {name}: {{type: filesystem, path: {name}, format: {format}}}\n")),
    })
}

/// What became of one value.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    Exact,
    Changed(String, String),
    Refused,
    /// The source itself has no column of the type.
    Absent,
}

/// What became of a type's values, and the type in which the target held them.
struct Trip {
    held_as: Option<String>,
    fates: Vec<Fate>,
}

/// Makes a table `t<n>` of each type: a NULL with the id 0, then the values.
/// Gives the types that the source cannot hold.
fn fill(project: &Project, place: Place, source: &End, types: &[Type]) -> BTreeSet<usize> {
    let mut sql = String::new();
    if place == Place::Postgres {
        sql += "create type mood as enum ('sad', 'it''s fine'); create domain small_price as numeric(8,2); create type pair as (x int, y text); create domain citext_or_name as name;\n";
    }
    if place == Place::Mysql {
        sql += "set sql_mode = ''; set time_zone = '+00:00';\n";
    }
    for (index, of) in types.iter().enumerate() {
        writeln!(sql, "create table t{index} (id integer, v {});", of.name).expect("memory");
        writeln!(sql, "insert into t{index} values (0, null);").expect("memory");
        for (at, (_, value)) in of.values.iter().enumerate() {
            writeln!(sql, "insert into t{index} values ({}, {value});", at + 1).expect("memory");
        }
    }
    match (&source.database, place) {
        (Some(database), _) => {
            database.sql(&sql);
        }
        (None, Place::Sqlite) => project.sqlite("src.db", &sql),
        (None, _) => {
            for (index, of) in types.iter().enumerate() {
                let values = of.values.iter().enumerate().map(|(at, (_, value))| (at + 1, *value));
                let rows = std::iter::once((0, "null")).chain(values).map(|(at, value)| {
                    let is_array = value.starts_with('[') && place != Place::DuckDb;
                    let value = if is_array { value.to_owned() } else { format!("cast({value} as {})", of.name) };
                    // The first row of a union says the types.
                    format!("select cast({at} as integer) as id, {value} as v")
                });
                let mut rows: Vec<String> = rows.collect();
                if of.name.ends_with("[]") && place != Place::DuckDb {
                    rows[0] = rows[0].replace(&format!("cast(null as {})", of.name), "null");
                    rows.rotate_left(1);
                }
                let sql = format!("{{{{ config(target='src', tags='given') }}}} {}", rows.join(" union all "));
                project.write(&format!("models/t{index}.sql"), &sql);
            }
            project.dvt("run --select tag:given");
            let made = results(project);
            return (0..types.len()).filter(|index| made.get(&format!("t{index}")) != Some(&None)).collect();
        }
    }
    BTreeSet::new()
}

/// The texts of columns' values by table and id, as the connection itself writes them.
fn texts(project: &Project, place: Place, source: &End, tables: &[(String, String)]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match (&source.database, place) {
        (Some(database), _) => {
            let text = |of: &str| match place {
                Place::Postgres => "coalesce(replace(replace(v::text, E'\\n', '<n>'), E'\\t', '<t>'), '<null>')",
                _ if ["bin", "blob", "bit", "point"].iter().any(|word| of.contains(word)) => {
                    "coalesce(hex(v), '<null>')"
                }
                _ => {
                    "coalesce(replace(replace(replace(cast(v as char), '\\n', '<n>'), '\\t', '<t>'), char(0), '<0>'), '<null>')"
                }
            };
            let queries: Vec<String> = tables
                .iter()
                .map(|(table, of)| format!("select concat('{table}:', id), {} from {table};", text(of)))
                .collect();
            for line in database.sql(&queries.join("\n")).lines() {
                if let Some((key, value)) = line.split_once('\t') {
                    found.insert(key.to_owned(), value.to_owned());
                }
            }
        }
        (None, Place::Sqlite) => {
            for (table, _) in tables {
                let query = format!(
                    "select id, case when v is null then '<null>' else typeof(v) || ' ' || quote(v) end as v from {table}"
                );
                for row in project.rows("src.db", &query) {
                    let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
                    found.insert(format!("{table}:{}", row["id"]), row["v"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        (None, _) => {
            let query = |(table, of): &(String, String)| {
                let text = match of.as_str() {
                    "bytea" => "encode(v, 'hex')".to_owned(),
                    "blob" => "hex(v)".to_owned(),
                    _ if place == Place::DuckDb => "cast(v as varchar)".to_owned(),
                    _ => "cast(v as string)".to_owned(),
                };
                let kind = if place == Place::DuckDb { "varchar" } else { "string" };
                format!(
                    "select concat('{table}:', cast(id as {kind})) as k, coalesce({text}, '<null>') as v from {{{{ ref('{table}') }}}}"
                )
            };
            let queries: Vec<String> = tables.iter().map(query).collect();
            for part in queries.chunks(16) {
                let inline = part.join(" union all ");
                let words = ["show", "--target", "src", "--inline", &inline, "--limit", "-1", "--output", "json"];
                let shown = project.dvt_with(&words).exits(0);
                let start = shown.stdout.find('{').expect("rows");
                let shown: serde_json::Value = serde_json::from_str(&shown.stdout[start..]).expect("JSON");
                for row in shown["show"].as_array().expect("rows") {
                    let text = row["v"].as_str().map_or_else(|| row["v"].to_string(), str::to_owned);
                    found.insert(row["k"].as_str().unwrap_or_default().to_owned(), text);
                }
            }
        }
    }
    found
}

/// Whether each model of the last run was built, and a word on why where it was not.
fn results(project: &Project) -> BTreeMap<String, Option<String>> {
    let results = project.json("target/run_results.json");
    let of = |result: &serde_json::Value| {
        let name = result["unique_id"].as_str()?.strip_prefix("model.shop.")?.to_owned();
        let message = result["message"].as_str().unwrap_or_default().to_owned();
        Some((name, if result["status"] == "success" { None } else { Some(message) }))
    };
    results["results"].as_array().into_iter().flatten().filter_map(of).collect()
}

/// What becomes of all values, type by type.
fn travel(from: Place, to: Place, types: &'static [Type], drivers: &Path) -> Option<Vec<Trip>> {
    let (source, target) = (end(from, "src")?, end(to, "dst")?);
    let project = Project::new()
        .variable("DVT_DRIVERS_DIR", &drivers.display().to_string())
        .profile("dst", &format!("{}{}", source.line, target.line));
    let absent = fill(&project, from, &source, types);
    let is_made_here = source.database.is_none() && from != Place::Sqlite;
    let tables: Vec<String> = (0..types.len()).map(|index| format!("{{name: t{index}}}")).collect();
    project.write(
        "models/sources.yml",
        &format!(
            "sources:\n  - {{name: s, connection: src, schema: {}, tables: [{}]}}\n",
            source.schema,
            tables.join(", ")
        ),
    );
    let write = |name: &str, index: usize, condition: &str| {
        let table = if is_made_here { format!("ref('t{index}')") } else { format!("source('s', 't{index}')") };
        project.write(
            &format!("models/x{name}.sql"),
            &format!("{{{{ config(tags='trip') }}}} select id, v from {{{{ {table} }}}}{condition}"),
        );
        project.write(
            &format!("models/b{name}.sql"),
            &format!("{{{{ config(target='src', tags='trip') }}}} select id, v from {{{{ ref('x{name}') }}}}"),
        );
    };
    for index in 0..types.len() {
        write(&format!("{index}"), index, "");
    }
    project.dvt("run --select tag:trip");
    let first = results(&project);
    let works =
        |results: &BTreeMap<String, Option<String>>, name: &str| matches!(results.get(&format!("b{name}")), Some(None));
    let whole: Vec<bool> = (0..types.len()).map(|index| works(&first, &format!("{index}"))).collect();
    // A type that is refused whatever the value needs no second look.
    let is_typed_refusal = |index: usize| {
        ["x", "b"].iter().any(|kind| {
            let message = first.get(&format!("{kind}{index}")).cloned().flatten().unwrap_or_default();
            message.contains("cannot be built on")
        })
    };
    let mut parts = Vec::new();
    for (index, of) in types.iter().enumerate().filter(|(index, _)| !whole[*index]) {
        for kind in ["x", "b"] {
            std::fs::remove_file(project.path(&format!("models/{kind}{index}.sql"))).expect("it is there");
        }
        if !is_typed_refusal(index) && of.values.len() > 1 {
            for at in 1..=of.values.len() {
                write(&format!("{index}_{at}"), index, &format!(" where id in (0, {at})"));
                parts.push(format!("{index}_{at}"));
            }
        }
    }
    let mut second = BTreeMap::new();
    if !parts.is_empty() {
        let mut words = vec!["run".to_owned(), "--select".to_owned()];
        words.extend(parts.iter().map(|part| format!("x{part}+")));
        project.dvt_with(&words.iter().map(String::as_str).collect::<Vec<_>>());
        second = results(&project);
    }
    let mut asked = Vec::new();
    for (index, of) in types.iter().enumerate() {
        asked.push((format!("t{index}"), of.name.to_owned()));
        if whole[index] {
            asked.push((format!("b{index}"), of.name.to_owned()));
        }
    }
    for part in parts.iter().filter(|part| works(&second, part)) {
        let index: usize = part.split('_').next().and_then(|index| index.parse().ok()).expect("a number");
        asked.push((format!("b{part}"), types[index].name.to_owned()));
    }
    asked.retain(|(table, _)| !absent.iter().any(|index| *table == format!("t{index}")));
    let texts = texts(&project, from, &source, &asked);
    let held = held_as(&project);
    let trip = |index: usize| {
        let of = &types[index];
        if absent.contains(&index) {
            return Trip { held_as: None, fates: vec![Fate::Absent; of.values.len()] };
        }
        let fate = |at: usize| {
            let name = if whole[index] { format!("b{index}") } else { format!("b{index}_{at}") };
            let was = texts
                .get(&format!("t{index}:{at}"))
                .cloned()
                .unwrap_or_else(|| panic!("{from:?} has no {} {at}", of.name));
            match (texts.get(&format!("{name}:{at}")), texts.get(&format!("{name}:0"))) {
                (None, _) => Fate::Refused,
                (Some(_), null) if null.map(String::as_str) != Some("<null>") => {
                    Fate::Changed("NULL".to_owned(), null.cloned().unwrap_or_default())
                }
                (Some(is), _) if *is == was => Fate::Exact,
                (Some(is), _) => Fate::Changed(was, is.clone()),
            }
        };
        let names =
            std::iter::once(format!("x{index}")).chain((1..=of.values.len()).map(|at| format!("x{index}_{at}")));
        let held_as = names.filter_map(|name| held.get(&name).cloned()).next();
        Trip { held_as, fates: (1..=of.values.len()).map(fate).collect() }
    };
    Some((0..types.len()).map(trip).collect())
}

/// The type of the column `v` of every model that stands.
fn held_as(project: &Project) -> BTreeMap<String, String> {
    project.dvt("docs generate --no-compile").exits(0);
    let catalog = project.json("target/catalog.json");
    let of = |(id, node): (&String, &serde_json::Value)| {
        let columns = node["columns"].as_object()?;
        let kind = columns.iter().find(|(name, _)| name.eq_ignore_ascii_case("v"))?.1["type"].as_str()?;
        Some((id.strip_prefix("model.shop.")?.to_owned(), kind.to_owned()))
    };
    catalog["nodes"].as_object().into_iter().flatten().filter_map(of).collect()
}

/// A cell of the table: the type that the target holds, and what is not exact.
fn cell(of: &Type, trip: &Trip) -> String {
    let short = |text: &str| -> String {
        let cut: String = text.chars().take(40).collect();
        let cut = if cut.len() < text.len() { format!("{cut}…") } else { cut };
        cut.replace('|', "\\|").replace('`', "'")
    };
    let fates = &trip.fates;
    if fates.contains(&Fate::Absent) {
        return "–".to_owned();
    }
    if fates.iter().all(|fate| *fate == Fate::Refused) {
        return "refused".to_owned();
    }
    let parts = of.values.iter().zip(fates).filter_map(|((word, _), fate)| match fate {
        Fate::Exact | Fate::Absent => None,
        Fate::Refused => Some(format!("; {word}: refused")),
        Fate::Changed(was, is) => Some(format!("; {word}: `{}` → `{}`", short(was), short(is))),
    });
    format!("`{}`{}", trip.held_as.as_deref().unwrap_or("?").replace('|', "\\|"), parts.collect::<String>())
}

/// What is looked at where not all is.
const SAMPLE: [(&str, &str); 5] = [
    ("PostgreSQL", "MariaDB"),
    ("MariaDB", "SQLite"),
    ("SQLite", "Delta"),
    ("DuckDB", "PostgreSQL"),
    ("Delta", "DuckDB"),
];

const HEAD: &str = "# Types between connections

Written by `type_matrix::every_type_to_every_connection_is_as_the_documentation_says`, which fails when it is not current
(`SNAPSHOTS=overwrite` writes it anew). Each type goes with edge values (named where one does not arrive) to a table of the
target and from there back to its own connection, which writes both as texts for comparison. A cell names the type in which
the target holds the column; if that is all, every value came back equal. `a` → `b`: what came back, where something changed.
*refused*: an error that names the column, and nothing is written; –: the source itself does not hold the type. NULL is kept
everywhere.
";

#[test]
fn every_type_to_every_connection_is_as_the_documentation_says() {
    let Some(drivers) = dvt_test_support::drivers() else { return };
    if dvt_test_support::postgres().is_none() || dvt_test_support::mysql().is_none() {
        return;
    }
    let overwrites = std::env::var("SNAPSHOTS").as_deref() == Ok("overwrite");
    let all = overwrites || std::env::var("DVT_TYPES").as_deref() == Ok("all");
    // `DVT_TYPES_FROM` and `DVT_TYPES_TO` look at a part of the page while working on one connection.
    let (only_from, only_to) = (std::env::var("DVT_TYPES_FROM").ok(), std::env::var("DVT_TYPES_TO").ok());
    let is_chosen = |(from, to): &(usize, usize)| {
        let (source, target) = (SOURCES[*from].0.title(), TARGETS[*to].title());
        if only_from.is_some() || only_to.is_some() {
            return only_from.as_deref().is_none_or(|only| only == source)
                && only_to.as_deref().is_none_or(|only| only == target);
        }
        all || SAMPLE.contains(&(source, target))
    };
    let jobs: Vec<(usize, usize)> =
        (0..SOURCES.len()).flat_map(|from| (0..TARGETS.len()).map(move |to| (from, to))).filter(is_chosen).collect();
    let open = Mutex::new(jobs.clone().into_iter());
    let done: Mutex<BTreeMap<(usize, usize), Vec<Trip>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let next = open.lock().expect("no panic").next();
                    let Some((from, to)) = next else { return };
                    let (place, types) = SOURCES[from];
                    let trips = travel(place, TARGETS[to], types, &drivers).expect("servers are there");
                    done.lock().expect("no panic").insert((from, to), trips);
                }
            });
        }
    });
    let done = done.into_inner().expect("no panic");
    let mut text = HEAD.to_owned();
    let mut count = 0;
    for (from, (place, types)) in SOURCES.iter().enumerate() {
        let targets: Vec<usize> = (0..TARGETS.len()).filter(|to| done.contains_key(&(from, *to))).collect();
        if targets.is_empty() {
            continue;
        }
        let titles: Vec<&str> = targets.iter().map(|to| TARGETS[*to].title()).collect();
        writeln!(text, "\n## From {}\n\n| type | {} |", place.title(), titles.join(" | ")).expect("memory");
        writeln!(text, "|---|{}", "---|".repeat(targets.len())).expect("memory");
        for (index, of) in types.iter().enumerate() {
            let cells: Vec<String> = targets.iter().map(|to| cell(of, &done[&(from, *to)][index])).collect();
            count += of.values.len() * targets.len();
            writeln!(text, "| `{}` | {} |", of.name.replace('|', "\\|"), cells.join(" | ")).expect("memory");
        }
    }
    writeln!(text, "\n{count} values travelled.").expect("memory");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/types.md");
    let is_whole = jobs.len() == SOURCES.len() * TARGETS.len();
    if overwrites && is_whole {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders can be made");
        std::fs::write(&path, &text).expect("the page can be written");
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let (known, found) = (cells(&page), cells(&text));
    let differs: Vec<String> = found
        .iter()
        .filter(|(place, cell)| known.get(*place) != Some(*cell))
        .map(|((from, of, to), cell)| {
            let place = (from.clone(), of.clone(), to.clone());
            format!(
                "{from}, {of}, to {to}\n  found: {cell}\n  known: {}",
                known.get(&place).map_or("-", String::as_str)
            )
        })
        .collect();
    assert!(differs.is_empty(), "docs/types.md is not current:\n{}", differs.join("\n"));
    assert!(!is_whole || page == text, "docs/types.md is not current: it has rows of types that are not here");
}

/// What a page says, by source, type and target.
fn cells(page: &str) -> BTreeMap<(String, String, String), String> {
    let mut cells = BTreeMap::new();
    let (mut from, mut targets) = (String::new(), Vec::new());
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## From ") {
            title.clone_into(&mut from);
        }
        let Some(row) = line.strip_prefix("| ").and_then(|row| row.strip_suffix(" |")) else { continue };
        let mut parts = row.split(" | ").map(str::to_owned);
        let Some(first) = parts.next() else { continue };
        if first == "type" {
            targets = parts.collect();
            continue;
        }
        for (to, cell) in targets.iter().zip(parts) {
            cells.insert((from.clone(), first.clone(), to.clone()), cell);
        }
    }
    cells
}
