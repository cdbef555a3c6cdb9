//! `dvt deps`, what the other commands make of it, and the documentation's pages.

use crate::project::Project;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

fn with_package() -> Project {
    Project::new()
        .file("packages.yml", "packages:\n  - local: ../utils\n")
        .file("../utils/dbt_project.yml", "name: utils\nversion: '1.0'\n")
        .file("../utils/macros/two.sql", "{% macro two() %}2{% endmacro %}")
        .file("models/a.sql", "select {{ utils.two() }} as two")
}

#[test]
fn packages_are_installed_without_a_profile_and_used() {
    let project = with_package();
    let profile = project.text("profiles.yml");
    std::fs::remove_file(project.path("profiles.yml")).unwrap();
    project.dvt("deps").exits(0).says("Installing ../utils").says("Installed from <local @ ../utils>");
    assert!(
        project.text("package-lock.yml").starts_with("packages:\n  - local: ../utils\n    name: utils\nsha1_hash: ")
    );
    project.write("profiles.yml", &profile);
    project.dvt("run").exits(0);
    assert_eq!(project.rows("target.db", "select two from a"), [r#"{"two":2}"#]);
}

#[test]
fn packages_that_are_not_installed_are_named() {
    let project = with_package();
    project
        .dvt("parse")
        .exits(2)
        .says("dbt expects 1 package(s) based on packages specified in packages.yml, but found only 0 package(s) installed")
        .says("Run \"dbt deps\" to install package dependencies.");
    project.dvt("deps").exits(0);
    project.dvt("parse").exits(0);
    std::fs::remove_file(project.path("dbt_packages/utils")).unwrap();
    project.dvt("parse").exits(2).says("Following packages were not found: utils.");
}

#[test]
fn adding_a_package_needs_a_version_unless_it_is_local() {
    let project = with_package().file("../more/dbt_project.yml", "name: more\n");
    project.dvt("deps --add-package dbt-labs/dbt_utils").exits(2).says("Version is required in --add-package");
    project.dvt("deps --add-package ../more --source local").exits(0);
    assert_eq!(project.text("packages.yml"), "packages:\n  - local: ../utils\n  - local: ../more\n");
    assert!(project.path("dbt_packages/more/dbt_project.yml").is_file());
}

#[test]
fn the_documentation_is_one_page_beside_the_artifacts_or_around_them() {
    let project = Project::new().file("models/a.sql", "select 1 as id, '</script>' as mark");
    project.dvt("docs serve --no-browser").exits(2).says("run `dvt docs generate` first");
    project.dvt("run").exits(0);
    project.dvt("docs generate --static").exits(0);
    let page = project.text("target/index.html");
    assert!(page.starts_with("<!doctype html>"));
    let whole = project.text("target/static_index.html");
    assert!(whole.contains("\"model.shop.a\"") && !whole.contains("'</script>' as mark"));
    let mut dvt = project
        .command(&project.path("."), &["docs", "serve", "--no-browser", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(dvt.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.contains("Serving docs at")).unwrap();
    let address = format!("127.0.0.1:{}", line.rsplit(' ').next().unwrap());
    let answer = |path: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let (index, manifest) = (answer("/"), answer("/manifest.json"));
    dvt.kill().unwrap();
    dvt.wait().unwrap();
    assert!(index.ends_with(&page));
    assert!(manifest.contains("\"model.shop.a\""));
}
