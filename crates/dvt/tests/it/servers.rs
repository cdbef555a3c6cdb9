//! The demo's project, on files and on a PostgreSQL and MariaDB pair.

use crate::project::{Project, postgres_rows};
use std::path::Path;

/// A copy of `demo/`, so that the checkout stays clean.
fn demo() -> Project {
    let project = Project::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo"), &project.path("."))
        .and_then(|()| std::fs::create_dir_all(project.path("out")))
        .expect("the demo can be copied");
    project
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if ["out", "target", "logs"].iter().any(|made| entry.file_name() == *made) {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[test]
fn the_demo_gives_the_same_rows_on_files_and_on_servers() {
    let project = demo();
    project.dvt("seed").exits(0);
    project.dvt("run").exits(0);
    let query = "select * from {{ ref('customer_value') }}";
    let shown = project.dvt_with(&["show", "--inline", query, "--limit", "-1", "--output", "json"]).exits(0);
    let shown: serde_json::Value = serde_json::from_str(shown.stdout.trim()).unwrap();
    let rows = shown["show"].as_array().unwrap();
    assert_eq!(rows.len(), 60);
    assert!(rows.iter().any(|row| row["full_name"] == "Siobhán O'Neill, \"Shiv\""));

    let (Some(postgres), Some(mysql)) = (dvt_test_support::postgres(), dvt_test_support::mysql()) else { return };
    let mut servers = demo();
    for (name, value) in [
        ("DEMO_PG_HOST", postgres.host.clone()),
        ("DEMO_PG_PORT", postgres.port.to_string()),
        ("DEMO_PG_USER", postgres.user.clone()),
        ("DEMO_PG_PASSWORD", postgres.password.clone()),
        ("DEMO_PG_DATABASE", postgres.database.clone()),
        ("DEMO_MY_HOST", mysql.host.clone()),
        ("DEMO_MY_PORT", mysql.port.to_string()),
        ("DEMO_MY_USER", mysql.user.clone()),
        ("DEMO_MY_PASSWORD", mysql.password.clone()),
        ("DEMO_MY_DATABASE", mysql.database.clone()),
    ] {
        servers = servers.variable(name, &value);
    }
    servers.dvt("seed --target warehouse").exits(0);
    servers.dvt("run --target warehouse").exits(0);
    let there: Vec<serde_json::Value> = postgres_rows(
        &postgres,
        "select customer_id, full_name, country, region, payments, amount_paid, events, complaints from demo.customer_value",
    )
    .iter()
    .map(|row| serde_json::from_str(row).unwrap())
    .collect();
    let key = |row: &serde_json::Value| row["customer_id"].as_str().unwrap().to_owned();
    let comparable = |rows: &[serde_json::Value]| {
        let mut rows: Vec<_> = rows
            .iter()
            .map(|row| {
                let amount = &row["amount_paid"];
                let amount: f64 = amount.as_f64().or_else(|| amount.as_str()?.parse().ok()).unwrap();
                (
                    key(row),
                    row["full_name"].clone(),
                    row["country"].clone(),
                    format!("{amount:.2}"),
                    row["events"].clone(),
                )
            })
            .collect();
        rows.sort_by(|left, right| left.0.cmp(&right.0));
        rows
    };
    assert_eq!(comparable(&there), comparable(rows));
}
