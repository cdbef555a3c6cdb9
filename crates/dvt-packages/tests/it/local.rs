//! Local packages, the lock file, `--add-package` and what goes wrong in `packages.yml`.

use crate::{Fixture, write};
use dvt_packages::{AddPackage, PackageOrigin};
use std::fs;

#[test]
fn local_packages_are_linked_with_the_packages_they_bring() {
    let fixture = Fixture::new("packages:\n  - local: ../one\n");
    let one = fixture.beside("one");
    write(&one, "dbt_project.yml", "name: one\n");
    write(&one, "packages.yml", "packages:\n  - local: ../two\n");
    write(&fixture.beside("two"), "dbt_project.yml", "name: two\n");
    let said = fixture.deps();
    let lock = fixture.root().join("package-lock.yml");
    assert_eq!(
        said,
        [
            format!("Updating lock file in file path: {}", lock.display()),
            "Installing ../one".to_owned(),
            "Installed from <local @ ../one>".to_owned(),
            "Installing ../two".to_owned(),
            "Installed from <local @ ../two>".to_owned(),
        ]
    );
    assert_eq!(
        fixture.lock_file(),
        "packages:\n  - local: ../one\n    name: one\n  - local: ../two\n    name: two\nsha1_hash: \
         cc36141cb4c341f8a670eb685c65814db38e841d\n"
    );
    assert_eq!(fs::read_link(fixture.options.install_path.join("one")).unwrap(), one);
    // The second time the lock file stands, and what is not asked for goes.
    fs::create_dir(fixture.options.install_path.join("stale")).unwrap();
    assert_eq!(fixture.deps().first().unwrap(), "Installing ../one");
    assert_eq!(fixture.installed(), ["one", "two"]);
    assert_eq!(fixture.files(), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
}

#[test]
fn nothing_to_install_is_said_and_empties_the_folder() {
    let fixture = Fixture::new("packages: []\n");
    fs::create_dir_all(fixture.options.install_path.join("stale")).unwrap();
    assert_eq!(fixture.deps(), ["Warning: No packages were found in packages.yml"]);
    assert_eq!(fixture.installed(), [""; 0]);
    assert!(!fixture.root().join("package-lock.yml").exists());
}

#[test]
fn a_failure_leaves_the_old_packages_in_place() {
    let fixture = Fixture::new("packages:\n  - local: ../one\n");
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    fixture.deps();
    write(fixture.root(), "packages.yml", "packages:\n  - local: ../one\n  - local: ../missing\n");
    assert!(fixture.fails().contains("No dbt_project.yml found at expected path"));
    assert_eq!(fixture.installed(), ["one"]);
    assert_eq!(fixture.files(), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
}

#[test]
fn a_folder_that_a_killed_run_was_filling_is_removed() {
    let fixture = Fixture::new("packages:\n  - local: ../one\n");
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    write(fixture.root(), ".dbt_packages.installing-0123/half/file", "");
    let half = fixture.root().join(".package-lock.yml.1.0.tmp");
    let written = fs::File::create(&half).unwrap();
    written.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(90)).unwrap();
    fixture.deps();
    assert_eq!(fixture.files(), ["dbt_packages", "dbt_project.yml", "package-lock.yml", "packages.yml"]);
}

#[test]
fn names_must_differ() {
    let fixture = Fixture::new("packages:\n  - local: ../one\n  - local: ../other\n");
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    write(&fixture.beside("other"), "dbt_project.yml", "name: one\n");
    assert!(fixture.fails().contains("Found duplicate project \"one\""));
    write(&fixture.beside("other"), "dbt_project.yml", "name: root\n");
    assert!(fixture.fails().contains("same name as the root project"));
    write(&fixture.beside("other"), "dbt_project.yml", "name: ../escape\n");
    assert!(fixture.fails().contains("Invalid package name '../escape'"));
}

#[test]
fn jinja_is_rendered_in_packages_yml_and_not_in_dependencies_yml() {
    let mut fixture = Fixture::new("packages:\n  - local: \"../{{ env_var('DBT_ENV_SECRET_PLACE') }}\"\n");
    fixture.env("DBT_ENV_SECRET_PLACE", "one");
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    fixture.deps();
    assert_eq!(fixture.installed(), ["one"]);
    fs::rename(fixture.root().join("packages.yml"), fixture.root().join("dependencies.yml")).unwrap();
    assert!(fixture.fails().contains("No dbt_project.yml"));
    write(fixture.root(), "dependencies.yml", "packages:\n  - local: ../one\nprojects:\n  - name: other\n");
    fixture.deps();
    assert_eq!(fixture.installed(), ["one"]);
    write(fixture.root(), "packages.yml", "packages: []\n");
    assert!(fixture.fails().contains("cannot be specified in both packages.yml and dependencies.yml"));
}

#[test]
fn what_is_wrong_in_packages_yml_is_said_in_dbts_words() {
    let fixture = Fixture::new("packages:\n  - package: ''\n    version: 1.0.0\n");
    let text = fixture.fails();
    assert!(text.contains("The packages.yml file in this project is malformed"), "{text}");
    assert!(text.contains("A hub package is missing the value"), "{text}");
    write(fixture.root(), "packages.yml", "packages:\n  - tarball: http://x\n    version: v\n");
    assert!(fixture.fails().contains("`version` is not a key of a `tarball` package"));
    write(fixture.root(), "packages.yml", "projects:\n  - name: other\n");
    assert!(fixture.fails().contains("The 'projects' key cannot be specified in packages.yml"));
}

#[test]
fn adding_a_package_writes_the_file_as_dbt_does_and_keeps_comments() {
    let mut fixture =
        Fixture::new("packages:\n- local: ../one\n- warn-unpinned: false\n  git: https://x/y/old-one.git\n");
    fixture.options.add = Some(AddPackage::parse("../one", PackageOrigin::Local));
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    // The git package cannot be fetched; the file has been written by then, as in dbt.
    let _ = fixture.try_deps();
    assert_eq!(
        fs::read_to_string(fixture.root().join("packages.yml")).unwrap(),
        "packages:\n  - git: https://x/y/old-one.git\n    warn-unpinned: false\n  - local: ../one\n"
    );
    assert_eq!(fixture.fired("DepsFoundDuplicatePackage"), 1);
    let commented = "# ours\npackages:\n  # the first\n  - local: ../one\n  # last words\n";
    write(fixture.root(), "packages.yml", commented);
    write(&fixture.beside("two"), "dbt_project.yml", "name: two\n");
    fixture.options.add = Some(AddPackage::parse("../two", PackageOrigin::Local));
    fixture.deps();
    assert_eq!(
        fs::read_to_string(fixture.root().join("packages.yml")).unwrap(),
        "# ours\npackages:\n  # the first\n  - local: ../one\n  - local: ../two\n  # last words\n"
    );
    assert_eq!(fixture.installed(), ["one", "two"]);
}

#[test]
fn only_the_lock_file_is_written_when_asked() {
    let mut fixture = Fixture::new("packages:\n  - local: ../one\n");
    write(&fixture.beside("one"), "dbt_project.yml", "name: one\n");
    fixture.options.lock_only = true;
    fixture.deps();
    assert_eq!(fixture.files(), ["dbt_project.yml", "package-lock.yml", "packages.yml"]);
}
