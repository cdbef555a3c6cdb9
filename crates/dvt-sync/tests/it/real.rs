//! One package through the machine's own clients. Without a network it is skipped by name, unless `DVT_REQUIRE_NETWORK`
//! says that there is one.

use crate::fakes::{Told, World};
use dvt_sync::{Ecosystem, Members, Options, Package, Places, adapter_package, sync};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[test]
fn the_macros_of_a_pinned_adapter_come_through_the_users_pip() {
    let world = World::new();
    let known = adapter_package("duckdb").unwrap();
    let item = world.item(Package {
        ecosystem: Ecosystem::Wheel,
        name: known.package.to_owned(),
        version: known.version.to_owned(),
        integrity: Some(format!("sha256-{}", known.sha256)),
        members: Members::Macros(known.folder.to_owned()),
        folder: world.path("home/adapters/dbt-duckdb"),
    });
    let options = Options {
        places: Places { home: world.path("home") },
        environment: std::env::vars().collect(),
        dry_run: false,
        offline: false,
        patience: Duration::from_secs(60),
        cancel: Arc::new(AtomicBool::new(false)),
    };
    let reports = sync(vec![item], &options, &Told::default()).unwrap();
    if reports[0].is_failure() && std::env::var_os("DVT_REQUIRE_NETWORK").is_none() {
        eprintln!("skipped: {}", reports[0].status.detail());
        return;
    }
    assert_eq!(reports[0].status.word(), "installed", "{:?}", reports[0].status);
    let home = world.home();
    assert!(home.contains_key("adapters/dbt-duckdb/dbt_project.yml"));
    assert!(home.keys().any(|name| name.starts_with("adapters/dbt-duckdb/macros/") && name.ends_with(".sql")));
    assert!(!home.keys().any(|name| name.starts_with("adapters/") && name.ends_with(".py")));
}
