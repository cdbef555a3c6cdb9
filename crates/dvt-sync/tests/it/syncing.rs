//! What a run does and what it leaves, with fake clients.

use crate::fakes::World;
use dvt_sync::{Action, Ecosystem, Members, Package, Status};
use std::time::Duration;

const FILES: &[(&str, &str)] = &[("deps/bin/run", "go"), ("deps/jars/a.jar", "jar"), ("setup.py", "no")];

#[test]
fn a_package_is_fetched_once_and_then_present() {
    let world = World::new();
    world.serving_client("pip");
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    let item = || world.package("thing", "1.2", Some(hash.clone()));

    let (reports, told) = world.sync(vec![item()]);
    assert_eq!(told, ["started thing", "finished thing installed"]);
    assert!(reports[0].status.detail().contains("fetched with pip"), "{:?}", reports[0].status);
    let home = world.home();
    assert_eq!(home["things/thing/bin/run"], "go");
    assert_eq!(home["things/thing/jars/a.jar"], "jar");
    assert!(!home.keys().any(|name| name.contains("setup.py") || name.contains("sync-work")), "{home:?}");
    let calls = world.calls();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].contains("download") && calls[0].contains("--require-hashes") && calls[0].contains("--no-deps"));

    let (reports, told) = world.sync(vec![item()]);
    assert_eq!(told, ["finished thing present"]);
    assert!(reports[0].status.detail().starts_with("thing 1.2 in "));
    assert_eq!(world.calls().len(), 1);
    assert_eq!(world.home(), home);
}

#[test]
fn a_folder_that_lost_a_file_is_made_again_from_the_cache() {
    let world = World::new();
    world.serving_client("pip");
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    let item = || world.package("thing", "1.2", Some(hash.clone()));
    world.sync(vec![item()]);
    let before = world.home();
    std::fs::remove_file(world.path("home/things/thing/jars/a.jar")).unwrap();
    let (reports, _) = world.sync(vec![item()]);
    assert!(reports[0].status.detail().contains("from the cache"), "{:?}", reports[0].status);
    assert_eq!(world.home(), before);
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn what_hashes_otherwise_is_never_used() {
    let world = World::new();
    world.serving_client("pip");
    world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    let item = world.package("thing", "1.2", Some(format!("sha256-{}", "0".repeat(64))));
    let (reports, _) = world.sync(vec![item]);
    let Status::Failed { reason, .. } = &reports[0].status else { panic!("{:?}", reports[0].status) };
    assert!(reason.contains("and sha256-0000") && reason.contains("nothing of it is used"), "{reason}");
    assert!(reports[0].is_failure());
    assert_eq!(world.home().keys().collect::<Vec<_>>(), ["cache/sync.lock"]);
}

#[test]
fn without_a_pin_the_first_hash_is_remembered() {
    let mut world = World::new();
    world.serving_client("pip");
    world.archive("thing-1.8.4.tar.gz", "thing-1.8.4", FILES);
    let item = |world: &World| world.package("thing", ">=1.5,<1.9", None);
    let (reports, _) = world.sync(vec![item(&world)]);
    assert!(reports[0].status.detail().starts_with("thing 1.8.4 fetched"), "{:?}", reports[0].status);
    // Present without asking anybody, also offline.
    world.offline = true;
    let (reports, _) = world.sync(vec![item(&world)]);
    assert_eq!(reports[0].status.word(), "present");
    // Another archive under the same version is refused.
    world.offline = false;
    std::fs::remove_dir_all(world.path("home/things")).unwrap();
    let archive = world.path("home/cache/sync/thing/1.8.4/thing-1.8.4.tar.gz");
    std::fs::write(archive, "damaged").unwrap();
    world.archive("thing-1.8.4.tar.gz", "thing-1.8.4", &[("deps/bin/run", "evil")]);
    let (reports, _) = world.sync(vec![item(&world)]);
    assert!(reports[0].status.detail().contains("nothing of it is used"), "{:?}", reports[0].status);
}

#[test]
fn offline_takes_from_the_cache_and_asks_nobody() {
    let mut world = World::new();
    world.serving_client("pip");
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    let item = |world: &World| world.package("thing", "1.2", Some(hash.clone()));
    world.offline = true;
    let (reports, _) = world.sync(vec![item(&world)]);
    let step = reports[0].status.next_step().unwrap();
    assert!(reports[0].status.detail().contains("is not in the cache") && step.contains("without --offline"));
    assert!(world.calls().is_empty());

    world.offline = false;
    world.sync(vec![item(&world)]);
    std::fs::remove_dir_all(world.path("home/things")).unwrap();
    world.offline = true;
    let (reports, _) = world.sync(vec![item(&world)]);
    assert_eq!(reports[0].status.word(), "installed");
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_dry_run_says_what_would_be_fetched_and_writes_nothing() {
    let mut world = World::new();
    world.serving_client("pip");
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    world.dry_run = true;
    let (reports, _) = world.sync(vec![world.package("thing", "1.2", Some(hash))]);
    assert_eq!(reports[0].status.word(), "planned");
    assert!(reports[0].status.detail().starts_with("thing==1.2 from uv or pip, sha256-"), "{:?}", reports[0].status);
    assert!(!reports[0].is_failure());
    assert!(world.home().is_empty() && world.calls().is_empty());
}

#[test]
fn what_a_killed_run_left_is_cleared_away() {
    let world = World::new();
    world.serving_client("pip");
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    // Killed while it unpacked, and while it swapped: a folder without its marker.
    std::fs::create_dir_all(world.path("home/cache/sync-work/0/made/bin")).unwrap();
    std::fs::write(world.path("home/cache/sync-work/0/made/bin/run"), "half").unwrap();
    std::fs::create_dir_all(world.path("home/things/thing/bin")).unwrap();
    std::fs::write(world.path("home/things/thing/bin/run"), "half").unwrap();
    let (reports, _) = world.sync(vec![world.package("thing", "1.2", Some(hash))]);
    assert_eq!(reports[0].status.word(), "installed");
    let home = world.home();
    assert_eq!(home["things/thing/bin/run"], "go");
    assert!(!home.values().any(|text| text == "half"));
}

#[test]
fn a_client_that_fails_or_hangs_says_so_without_credentials_and_the_rest_goes_on() {
    let mut world = World::new();
    world.client(
        "pip",
        "echo 'Looking in https://me:hunter2@index.example/simple' >&2; echo 'ERROR: no match' >&2; exit 1",
    );
    world.client("npm", "exec sleep 30");
    world.patience = Duration::from_millis(600);
    let npm = world.item(Package {
        ecosystem: Ecosystem::Npm,
        name: "@x/lib".to_owned(),
        version: "1.0.0".to_owned(),
        integrity: None,
        members: Members::File("lib.so".to_owned()),
        folder: world.path("home/drivers/x"),
    });
    let mut present = world.package("other", "1", None);
    present.action = Action::Present { detail: "part of dvt".to_owned() };
    let (reports, _) = world.sync(vec![world.package("thing", "1.2", None), npm, present]);
    let reason = reports[0].status.detail();
    assert!(reason.contains("ERROR: no match") && reason.contains("https://***@index.example"), "{reason}");
    assert!(!reason.contains("hunter2"));
    assert!(reports[1].status.detail().contains("did not end within"), "{:?}", reports[1].status);
    assert_eq!(reports[2].status.word(), "present");
    assert_eq!(reports.iter().filter(|report| report.is_failure()).count(), 2);
}

#[test]
fn npm_packs_and_the_library_comes_out() {
    let world = World::new();
    world.serving_client("npm");
    world.archive("lib-1.0.0.tgz", "package", &[("lib.so", "ELF"), ("package.json", "{}")]);
    let item = world.item(Package {
        ecosystem: Ecosystem::Npm,
        name: "@x/lib".to_owned(),
        version: "1.0.0".to_owned(),
        integrity: None,
        members: Members::File("lib.so".to_owned()),
        folder: world.path("home/drivers/x/1.0.0"),
    });
    let (reports, _) = world.sync(vec![item.clone()]);
    assert_eq!(reports[0].status.word(), "installed", "{:?}", reports[0].status);
    assert_eq!(world.home()["drivers/x/1.0.0/lib.so"], "ELF");
    assert!(world.calls()[0].starts_with("npm pack --silent --ignore-scripts"), "{:?}", world.calls());
    // A library of the same length with other bytes is not taken for the one that was installed.
    std::fs::write(world.path("home/drivers/x/1.0.0/lib.so"), "FLE").unwrap();
    world.sync(vec![item]);
    assert_eq!(world.home()["drivers/x/1.0.0/lib.so"], "ELF");
}

#[test]
fn uv_is_taken_before_pip_and_a_shim_that_leads_nowhere_is_passed_over() {
    let world = World::new();
    let hash = world.archive("thing-1.2.tar.gz", "thing-1.2", FILES);
    crate::fakes::write_program(&world.path("bin/pip3"), "#!/bin/sh\nexit 127\n");
    world.serving_client("pip");
    let item = || world.package("thing", "1.2", Some(hash.clone()));
    world.sync(vec![item()]);
    assert!(world.calls()[0].starts_with("pip download"), "{:?}", world.calls());

    std::fs::remove_dir_all(world.path("home")).unwrap();
    std::fs::create_dir(world.path("home")).unwrap();
    world.serving_client("uv");
    let (reports, _) = world.sync(vec![item()]);
    assert!(world.calls()[1].starts_with("uv tool run --quiet pip download"), "{:?}", world.calls());
    assert!(reports[0].status.detail().contains("fetched with uv"));
}

#[test]
fn without_a_client_the_next_step_names_one() {
    let world = World::new();
    // A program that ends with an error is none.
    crate::fakes::write_program(&world.path("bin/python3"), "#!/bin/sh\nexit 1\n");
    let (reports, _) = world.sync(vec![world.package("thing", "1.2", None)]);
    assert_eq!(reports[0].status.detail(), "`uv` or `pip` not found on this machine");
    assert_eq!(reports[0].status.next_step(), Some("install `uv` or `pip` and put it on PATH"));
}
