//! What a dead run left is found; what a living one holds is not touched.

use super::*;

fn relation(name: &str) -> RelationName {
    RelationName::new(None, Some("public"), name)
}

fn planned(name: &str) -> Entry {
    Entry::LandingPlanned { unique_id: "model.p.m".into(), connection: "pg".into(), relation: relation(name) }
}

fn gone(name: &str) -> Entry {
    Entry::LandingGone { connection: "pg".into(), relation: relation(name) }
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("dvt-journal-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_dead_run_leaves_what_it_planned_and_did_not_drop() {
    let folder = folder();
    let journal = Journal::create(&folder, "one").unwrap();
    for entry in [planned("a"), planned("b"), gone("a")] {
        journal.record(&entry).unwrap();
    }
    assert!(dead_journals(&folder).unwrap().is_empty(), "its process lives");
    drop(journal);

    let mut dead = dead_journals(&folder).unwrap();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].leftovers, [Leftover { connection: "pg".into(), relation: relation("b") }]);
    assert!(dead_journals(&folder).unwrap().is_empty(), "somebody else is cleaning up");
    let leftover = dead[0].leftovers[0].clone();
    dead[0].record_gone(&leftover).unwrap();
    drop(dead);
    assert!(dead_journals(&folder).unwrap().is_empty(), "all is gone");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_line_that_was_cut_short_is_passed_over() {
    let mut text = serde_json::to_vec(&planned("a")).unwrap();
    text.push(b'\n');
    let whole = text.len();
    text.extend(serde_json::to_vec(&planned("b")).unwrap());
    assert_eq!(leftovers(&text[..whole + 20]).len(), 1);
    assert_eq!(leftovers(&text).len(), 2);
    // The next writer starts on a line of its own.
    let mut cut = text[..whole + 20].to_vec();
    cut.push(b'\n');
    cut.extend(serde_json::to_vec(&gone("a")).unwrap());
    assert!(leftovers(&cut).is_empty());
}

#[test]
fn only_the_newest_finished_journals_are_kept() {
    let folder = folder();
    for run in 0..KEPT + 3 {
        let journal = Journal::create(&folder, &format!("run-{run:02}")).unwrap();
        journal.record(&Entry::RunFinished { at: String::new() }).unwrap();
    }
    dead_journals(&folder).unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), KEPT);
    std::fs::remove_dir_all(folder).unwrap();
}
