//! `source freshness` on connections that tell times their own way.

use crate::project::Project;
use serde_json::Value;

fn checked(project: &Project) -> Vec<(String, String)> {
    let results = project.json("target/sources.json");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, String)> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| (text(&result["unique_id"]).replace("source.shop.", ""), text(&result["status"])))
        .collect();
    found.sort();
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

/// Times of SQLite are texts, of several forms: the newest counts, whatever its form.
#[test]
fn the_newest_of_sqlites_times_counts_whatever_its_form() {
    let table = |name: &str, field: &str| format!("{{name: {name}, config: {{loaded_at_field: {field}}}}}");
    let project = Project::new().file(
        "models/sources.yml",
        &format!(
            "sources:
  - name: l
    connection: left
    schema: main
    config: {{freshness: {{warn_after: {{count: 1, period: hour}}, error_after: {{count: 1, period: day}}}}}}
    tables: [{}, {}, {}, {}, {}]
",
            table("fresh", "at"),
            table("stale", "at"),
            table("zoned", "at"),
            table("none", "at"),
            table("empty", "at")
        ),
    );
    project.sqlite(
        "left.db",
        "create table fresh (at timestamp); insert into fresh values ('2001-01-01 00:00:00'), (strftime('%Y-%m-%dT%H:%M:%f', 'now', '-3 minutes'));
         create table stale (at datetime); insert into stale values ('2001-01-01T00:00:00'), (datetime('now', '-3 hours')), (null);
         create table zoned (at text); insert into zoned values (strftime('%Y-%m-%d %H:%M:%S', 'now', '+7 hours') || '+09:00');
         create table none (at text); insert into none values ('soon'), (datetime('now'));
         create table empty (at text)",
    );
    project.dvt("source freshness").exits(1).says("l.none").says("'soon'");
    let expected = [("l.empty", "error"), ("l.fresh", "pass"), ("l.stale", "warn"), ("l.zoned", "warn")];
    assert_eq!(checked(&project), pairs(&expected));
}

/// A lake tells by itself when a table was written last.
#[test]
fn a_lake_knows_when_its_tables_were_written() {
    let outputs = "    lite: {type: sqlite, path: target.db}\n    lake: {type: filesystem, path: lake}\n    files: {type: filesystem, path: files, format: csv}\n";
    let project = Project::new().profile("lite", outputs).file(
        "models/sources.yml",
        "sources:
  - name: d
    connection: lake
    schema: main
    config: {freshness: {warn_after: {count: 1, period: hour}}}
    tables: [{name: orders}, {name: gone}]
  - name: f
    connection: files
    schema: main
    config: {freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 1, period: day}}}
    tables: [{name: old}, {name: new}]
",
    );
    project.write("models/orders.sql", "{{ config(target='lake') }} select 1 as id");
    project.write("files/old.csv", "id\n1\n");
    project.write("files/new/one.csv", "id\n1\n");
    project.write("files/new/two.csv", "id\n2\n");
    project.dvt("run").exits(0);
    for (path, hours) in [("files/old.csv", 30), ("files/new/one.csv", 30)] {
        let file = std::fs::File::options().write(true).open(project.path(path)).expect("it is there");
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3600))
            .expect("it can be set");
    }
    project.dvt("source freshness").exits(1).says("d.gone");
    let expected = [("d.orders", "pass"), ("f.new", "pass"), ("f.old", "error")];
    assert_eq!(checked(&project), pairs(&expected));
}
