//! Packages of the hub and archives.

use crate::servers::{Hub, archive};
use crate::{Fixture, write};
use serde_json::{Value, json};
use std::fs;

fn fixture(hub: &Hub, packages: &str) -> Fixture {
    let mut fixture = Fixture::new(packages);
    fixture.options.hub_url.clone_from(&hub.url);
    fixture
}

fn plain(version: &str) -> (&str, Value, Value) {
    (version, json!([]), json!([]))
}

#[test]
fn the_newest_version_that_all_ask_for_is_installed() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0"), plain("1.1.0"), plain("1.2.0"), plain("2.0.0"), plain("2.1.0-rc1")]);
    hub.publish(
        "acme/shop",
        &[("0.4.7", json!([{"package": "acme/utils", "version": [">=1.0.0", "<1.2.0"]}]), json!([]))],
    );
    let fixture = fixture(
        &hub,
        "packages:\n  - package: acme/utils\n    version: ['>=1.0.0', '<2.0.0']\n  - package: acme/shop\n    version: 0.4.7\n",
    );
    let said = fixture.deps();
    assert_eq!(
        said[1..],
        [
            "Installing acme/utils",
            "Installed from version 1.1.0",
            "Updated version available: 2.0.0",
            "Installing acme/shop",
            "Installed from version 0.4.7",
            "Up to date!",
            "",
            "Updates available for packages: ['acme/utils'] \nUpdate your versions in packages.yml, then run dbt deps",
        ]
    );
    assert_eq!(fixture.installed(), ["shop", "utils"]);
    let utils = fs::read_to_string(fixture.options.install_path.join("utils/dbt_project.yml")).unwrap();
    assert_eq!(utils, "name: utils\nversion: 1.1.0\n");
    let lock = fixture.lock_file();
    assert!(lock.starts_with(
        "packages:\n  - name: utils\n    package: acme/utils\n    version: 1.1.0\n  - name: shop\n    package: acme/shop\n    \
         version: 0.4.7\nsha1_hash: "
    ), "{lock}");
}

#[test]
fn the_lock_file_holds_versions_until_they_are_upgraded() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0")]);
    let mut fixture = fixture(&hub, "packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n");
    fixture.deps();
    hub.publish("acme/utils", &[plain("1.0.0"), plain("1.1.0")]);
    assert!(fixture.deps().contains(&"Updated version available: 1.1.0".to_owned()));
    fixture.options.upgrade = true;
    assert!(fixture.deps().contains(&"Up to date!".to_owned()));
    assert!(fixture.lock_file().contains("version: 1.1.0"));
}

#[test]
fn conflicts_name_everybody_who_asks() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0"), plain("2.0.0")]);
    hub.publish("acme/shop", &[("1.0.0", json!([{"package": "acme/utils", "version": "<1.5.0"}]), json!([]))]);
    let fixture = fixture(
        &hub,
        "packages:\n  - package: acme/utils\n    version: 2.0.0\n  - package: acme/shop\n    version: 1.0.0\n",
    );
    let text = fixture.fails();
    assert!(
        text.contains(
            "Version error for package acme/utils: Could not find a satisfactory version from options: ['=2.0.0', '<1.5.0']"
        ),
        "{text}"
    );
    assert!(text.contains("root asks for 2.0.0\nshop asks for <1.5.0"), "{text}");
}

#[test]
fn versions_for_another_dbt_are_left_out_unless_asked() {
    let hub = Hub::start();
    let future = ("2.0.0", json!([]), json!([">=9.0.0", "<10.0.0"]));
    hub.publish("acme/utils", &[("1.0.0", json!([]), json!(">=1.0.0,<2.0.0")), future]);
    let mut fixture = fixture(&hub, "packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n");
    fixture.deps();
    assert!(fixture.lock_file().contains("version: 1.0.0"));
    write(fixture.root(), "packages.yml", "packages:\n  - package: acme/utils\n    version: 2.0.0\n");
    let text = fixture.fails();
    assert!(text.contains("Requested range: =2.0.0, =2.0.0"), "{text}");
    assert!(text.contains("Compatible versions: ['1.0.0']"), "{text}");
    assert!(text.contains("--no-version-check"), "{text}");
    fixture.options.version_check = false;
    fixture.deps();
    assert!(fixture.lock_file().contains("version: 2.0.0"));
}

#[test]
fn prereleases_are_taken_when_asked_for() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0"), plain("1.1.0-rc1")]);
    let fixture =
        fixture(&hub, "packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n    install_prerelease: true\n");
    fixture.deps();
    assert!(fixture.lock_file().contains("version: 1.1.0-rc1"));
    write(fixture.root(), "packages.yml", "packages:\n  - package: acme/utils\n    version: '>=1.1.0-rc1'\n");
    fixture.deps();
    assert!(fixture.lock_file().contains("version: 1.1.0-rc1"));
    write(fixture.root(), "packages.yml", "packages:\n  - package: acme/utils\n    version: '>=1.0.0'\n");
    fixture.deps();
    assert!(fixture.lock_file().contains("version: 1.0.0"));
}

#[test]
fn unknown_packages_and_versions_that_are_none_are_refused() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0")]);
    let fixture = fixture(&hub, "packages:\n  - package: acme/util\n    version: 1.0.0\n");
    assert!(fixture.fails().contains("Package acme/util was not found in the package index"));
    write(fixture.root(), "packages.yml", "packages:\n  - package: acme/utils\n    version: 1.0\n");
    assert!(fixture.fails().contains("\"1.0\" is not a valid semantic version."));
}

#[test]
fn a_renamed_package_is_a_deprecation() {
    let hub = Hub::start();
    hub.publish("old/utils", &[plain("1.0.0")]);
    let path = "/api/v1/old/utils.json";
    let answer = json!({"name": "utils", "namespace": "old", "redirectnamespace": "new",
                        "versions": {"1.0.0": {"name": "utils", "packages": [],
                                               "downloads": {"tarball": format!("{}archives/utils-1.0.0.tar.gz", hub.url)}}}});
    hub.set(path, 200, answer.to_string().as_bytes());
    let fixture = fixture(&hub, "packages:\n  - package: old/utils\n    version: 1.0.0\n");
    let said = fixture.deps();
    assert!(said[0].contains("The `old/utils` package is deprecated in favor of `new/utils`"), "{said:?}");
}

#[test]
fn passing_failures_are_tried_again_and_lasting_ones_are_not() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0")]);
    hub.set_once("/api/v1/acme/utils.json", 503, b"busy");
    hub.set_once("/archives/utils-1.0.0.tar.gz", 200, b"<html>not an archive</html>");
    let fixture = fixture(&hub, "packages:\n  - package: acme/utils\n    version: 1.0.0\n");
    fixture.deps();
    assert_eq!(fixture.fired("RetryExternalCall"), 2);
    assert_eq!(hub.asked("/archives/utils-1.0.0.tar.gz"), 2);
    hub.set("/api/v1/acme/utils.json", 404, b"");
    let text = fixture.fails();
    assert!(text.contains("the server answered 404"), "{text}");
    assert_eq!(hub.asked("/api/v1/acme/utils.json"), 3);
    assert_eq!(fixture.installed(), ["utils"]);
}

#[test]
fn what_was_fetched_once_installs_without_a_network() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0")]);
    let mut fixture = fixture(&hub, "packages:\n  - package: acme/utils\n    version: 1.0.0\n");
    fixture.deps();
    fixture.deps();
    assert_eq!(hub.asked("/archives/utils-1.0.0.tar.gz"), 1);
    hub.stop();
    fs::remove_dir_all(&fixture.options.install_path).unwrap();
    let said = fixture.deps();
    assert!(said[0].contains("cannot be reached"), "{said:?}");
    assert_eq!(fixture.installed(), ["utils"]);
    fixture.options.cache = Some(fixture.beside("empty cache"));
    assert!(fixture.fails().contains("External connection exception occurred"));
}

#[test]
fn archives_are_packages_too() {
    let hub = Hub::start();
    hub.publish("acme/utils", &[plain("1.0.0")]);
    let files = [
        ("dbt_project.yml", "name: inner\n"),
        ("packages.yml", "packages:\n  - package: acme/utils\n    version: 1.0.0\n"),
        ("models/a.sql", "select 1"),
    ];
    hub.set("/shop.tar.gz", 200, &archive("shop-main", &files));
    let text = format!("packages:\n  - tarball: {}shop.tar.gz\n    name: shop\n", hub.url);
    let fixture = fixture(&hub, &text);
    let said = fixture.deps();
    assert!(said.contains(&format!("Installed from tarball (url: {}shop.tar.gz)", hub.url)), "{said:?}");
    assert_eq!(fixture.installed(), ["shop", "utils"]);
    assert!(fixture.options.install_path.join("shop/models/a.sql").is_file());
    let expected = format!("packages:\n  - name: shop\n    tarball: {}shop.tar.gz\n  - name: utils\n", hub.url);
    assert!(fixture.lock_file().starts_with(&expected), "{}", fixture.lock_file());
    write(fixture.root(), "packages.yml", &format!("{text}    sha256: abcd\n"));
    assert!(fixture.fails().contains("packages.yml asks for abcd"));
    assert_eq!(fixture.installed(), ["shop", "utils"]);
}
