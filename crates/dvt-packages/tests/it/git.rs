//! Packages in git repositories.

use crate::{Fixture, write};
use std::path::Path;
use std::process::Command;

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"])
        .args(arguments)
        .output()
        .expect("this works in a test");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with a package at its root and one in `sub`, tagged `v1`, then a commit more on `main`. Returns its
/// `file://` address and both commits.
fn repository(fixture: &Fixture) -> (String, String, String) {
    let folder = fixture.beside("repository");
    write(&folder, "dbt_project.yml", "name: outer\n");
    write(&folder, "models/a.sql", "select 1");
    write(&folder, "sub/inner/dbt_project.yml", "name: inner\n");
    git(&folder, &["init", "--quiet"]);
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "one"]);
    git(&folder, &["tag", "-a", "v1", "-m", "v1"]);
    let first = git(&folder, &["rev-parse", "HEAD"]);
    write(&folder, "models/b.sql", "select 2");
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "two"]);
    let second = git(&folder, &["rev-parse", "HEAD"]);
    (format!("file://{}", folder.display()), first, second)
}

#[test]
fn tags_branches_and_commits_are_pinned_to_their_commit() {
    let fixture = Fixture::new("packages: []\n");
    let (url, first, second) = repository(&fixture);
    for (revision, commit) in [
        ("v1", &first),
        ("main", &second),
        (first.as_str(), &first),
        (&first[..10], &first),
        (second.as_str(), &second),
    ] {
        let packages = format!("packages:\n  - git: {url}\n    revision: '{revision}'\n    warn-unpinned: false\n");
        write(fixture.root(), "packages.yml", &packages);
        let said = fixture.deps();
        assert!(said.contains(&format!("Installed from revision {commit}")), "{revision}: {said:?}");
        let lock = fixture.lock_file();
        assert!(
            lock.starts_with(&format!("packages:\n  - git: {url}\n    name: outer\n    revision: {commit}\n")),
            "{lock}"
        );
        assert_eq!(fixture.options.install_path.join("outer/models/b.sql").is_file(), commit == &second, "{revision}");
        assert!(!fixture.options.install_path.join("outer/.git").exists());
    }
    assert_eq!(fixture.files(), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
}

#[test]
fn a_commit_in_the_cache_needs_no_repository() {
    let fixture = Fixture::new("packages: []\n");
    let (url, _, _) = repository(&fixture);
    write(fixture.root(), "packages.yml", &format!("packages:\n  - git: {url}\n    revision: v1\n"));
    fixture.deps();
    std::fs::rename(fixture.beside("repository"), fixture.beside("elsewhere")).expect("this works in a test");
    std::fs::remove_dir_all(&fixture.options.install_path).expect("this works in a test");
    fixture.deps();
    assert_eq!(fixture.installed(), ["outer"]);
    write(fixture.root(), "packages.yml", &format!("packages:\n  - git: {url}\n    revision: v2\n"));
    assert!(fixture.fails().contains("Error checking out spec='v2' for repo file://"));
}

#[test]
fn folders_of_one_repository_are_packages_of_their_own() {
    let fixture = Fixture::new("packages: []\n");
    let (url, first, _) = repository(&fixture);
    let packages = format!(
        "packages:\n  - git: {url}\n    subdirectory: sub/inner\n    revision: v1\n  - git: {url}\n    revision: v1\n"
    );
    write(fixture.root(), "packages.yml", &packages);
    let said = fixture.deps();
    assert!(said.contains(&"and subdirectory sub/inner".to_owned()), "{said:?}");
    assert_eq!(fixture.installed(), ["inner", "outer"]);
    assert!(fixture.options.install_path.join("inner/dbt_project.yml").is_file());
    let lock = fixture.lock_file();
    assert!(
        lock.starts_with(&format!(
            "packages:\n  - git: {url}\n    name: inner\n    revision: {first}\n    subdirectory: sub/inner\n  - git: {url}\n"
        )),
        "{lock}"
    );
    for wrong in ["sub/missing", "../repository", "/etc"] {
        let packages = format!("packages:\n  - git: {url}\n    subdirectory: {wrong}\n    revision: v1\n");
        write(fixture.root(), "packages.yml", &packages);
        assert!(fixture.fails().contains("has no folder"), "{wrong}");
    }
}

#[test]
fn a_revision_that_moves_is_warned_of() {
    let mut fixture = Fixture::new("packages: []\n");
    let (url, _, second) = repository(&fixture);
    write(fixture.root(), "packages.yml", &format!("packages:\n  - git: {url}\n"));
    let said = fixture.deps();
    assert!(said[0].contains("not pinned, using HEAD (default branch)"), "{said:?}");
    assert_eq!(fixture.fired("DepsUnpinned"), 1);
    assert!(said.contains(&format!("Installed from revision {second}")), "{said:?}");
    fixture.heard = std::sync::Arc::new(crate::Heard { warn_error: true, ..crate::Heard::default() });
    fixture.options.upgrade = true;
    assert!(fixture.fails().contains("not pinned"));
}

#[test]
fn one_repository_has_one_revision() {
    let fixture = Fixture::new("packages: []\n");
    let (url, _, _) = repository(&fixture);
    let packages = format!("packages:\n  - git: {url}\n    revision: v1\n  - git: {url}.git\n    revision: v1\n");
    write(fixture.root(), "packages.yml", &packages);
    fixture.deps();
    assert_eq!(fixture.installed(), ["outer"]);
    let packages = format!("packages:\n  - git: {url}\n    revision: v1\n  - git: {url}\n    revision: main\n");
    write(fixture.root(), "packages.yml", &packages);
    assert!(fixture.fails().contains("git dependencies should contain exactly one version"));
    let packages = format!("packages:\n  - git: {url}\n    revision: --upload-pack=touch\n");
    write(fixture.root(), "packages.yml", &packages);
    assert!(fixture.fails().contains("is no address or revision for git"));
}

#[test]
fn secrets_stay_out_of_the_lock_file() {
    let mut fixture = Fixture::new("packages: []\n");
    let (url, first, _) = repository(&fixture);
    fixture.env("DBT_ENV_SECRET_PLACE", "repository");
    let written = url.replace("repository", "{{ env_var('DBT_ENV_SECRET_PLACE') }}");
    write(fixture.root(), "packages.yml", &format!("packages:\n  - git: \"{written}\"\n    revision: v1\n"));
    fixture.deps();
    let lock = fixture.lock_file();
    assert!(lock.contains("env_var") && lock.contains(&first), "{lock}");
    // The lock file's Jinja is rendered when it is read.
    fixture.deps();
    assert_eq!(fixture.installed(), ["outer"]);
    write(fixture.root(), "packages.yml", &format!("packages:\n  - git: {url}\n    revision: v1\n"));
    fixture.options.lock_only = true;
    fixture.deps();
    assert_eq!(fixture.fired("DepsScrubbedPackageName"), 1);
    assert!(fixture.lock_file().contains("/*****\n"), "{}", fixture.lock_file());
}

#[test]
fn private_packages_are_found_through_the_providers_address() {
    let mut fixture = Fixture::new("packages: []\n");
    let (url, first, _) = repository(&fixture);
    // The path of the address is `organisation/…/repository`.
    let name = url.trim_start_matches("file:///").to_owned();
    let (organisation, _) = name.split_once('/').expect("this works in a test");
    let accounts = serde_json::json!([{
        "org": organisation, "url": url.replace("repository", "{repo}"), "token": "t", "provider": "github"
    }]);
    fixture.env("DBT_ENV_PRIVATE_GIT_PROVIDER_INFO", &accounts.to_string());
    let packages = format!("packages:\n  - private: {name}\n    revision: v1\n    provider: github\n");
    write(fixture.root(), "packages.yml", &packages);
    fixture.deps();
    assert_eq!(fixture.installed(), ["outer"]);
    let lock = fixture.lock_file();
    let expected = format!(
        "packages:\n  - name: outer\n    private: {name}\n    provider: github\n    revision: {first}\nsha1_hash: "
    );
    assert!(lock.starts_with(&expected), "{lock}");
    write(fixture.root(), "packages.yml", "packages:\n  - private: acme/missing\n");
    assert!(fixture.fails().contains("No matching Git URLs for private definition acme/missing"));
}
