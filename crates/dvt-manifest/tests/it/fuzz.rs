//! Random selections, `selectors.yml` and artifacts of `--state`: whatever comes in, nothing panics, hangs, or takes all
//! memory.
//!
//! Short by default; `DVT_FUZZ_SECONDS=3600` runs an hour, `DVT_FUZZ_SEED` chooses where it starts. A failure names the
//! seed of its case.

use crate::sample::manifest;
use dvt_manifest::selection::{SelectionRequest, Selectors, select};
use dvt_manifest::state::PreviousState;
use dvt_manifest::{Graph, Manifest};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A generator of small random numbers (splitmix64): the same seed gives the same case everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Runs cases until the time is over; each has a seed of its own, and some seconds at most.
fn cases(case: impl Fn(&mut Random)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let seconds = number("DVT_FUZZ_SECONDS").unwrap_or(0.5);
    let first = number("DVT_FUZZ_SEED").unwrap_or(1.0) as u64;
    let start = Instant::now();
    let mut seed = first;
    while seed == first || start.elapsed() < Duration::from_secs_f64(seconds) {
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&mut Random(seed))));
        assert!(outcome.is_ok(), "DVT_FUZZ_SEED={seed} panics");
        assert!(began.elapsed() < Duration::from_secs(10), "DVT_FUZZ_SEED={seed} takes {:?}", began.elapsed());
        seed += 1;
    }
}

fn shop() -> Manifest {
    manifest(
        "source raw.orders
         model staging/orders: raw.orders | nightly, materialized=view
         model marts/report: orders | nightly, materialized=table
         model marts/wide: report, orders
         seed countries
         test unique_orders: orders
         test both: orders, report",
    )
}

const PIECES: &[&str] = &[
    "+",
    "@",
    "1+",
    "+1",
    "99999999999999999999+",
    "+0",
    "*",
    "?",
    "[a-",
    "[!x]",
    "]",
    ",",
    " ",
    ":",
    ".",
    "..",
    "::",
    "tag:",
    "config.",
    "config.materialized:",
    "path:",
    "file:",
    "source:",
    "state:modified",
    "state:new",
    "state:modified.body",
    "result:error",
    "source_status:fresher",
    "resource_type:",
    "model",
    "test_type:",
    "generic",
    "test_name:",
    "exposure:",
    "unit_test:",
    "version:",
    "latest",
    "group:",
    "access:",
    "package:",
    "this",
    "fqn:",
    "selector:",
    "nosuch:",
    "orders",
    "report",
    "wide",
    "shop",
    "marts",
    "raw",
    "countries",
    "ä",
    "\u{202e}",
    "\0",
    "\\",
    "/",
    "../",
    "{",
    "}",
    "\"",
    "'",
    "-1",
];

fn word(random: &mut Random) -> String {
    (0..=random.below(7)).map(|_| random.pick(PIECES)).collect()
}

#[test]
fn any_selection_selects_or_is_refused() {
    let manifest = shop();
    let graph = Graph::new(&manifest);
    cases(|random| {
        let words = |random: &mut Random| (0..random.below(4)).map(|_| word(random)).collect::<Vec<_>>();
        let request = SelectionRequest { select: words(random), exclude: words(random), ..SelectionRequest::default() };
        if let Ok(selected) = select(&manifest, &graph, &request) {
            assert!(selected.ids.iter().all(|id| manifest.graph_ids().any(|known| known == id)));
        }
    });
}

fn definition(random: &mut Random, depth: usize) -> Value {
    let list = |random: &mut Random| {
        let count = random.below(4);
        Value::Array((0..count).map(|_| definition(random, depth + 1)).collect())
    };
    match random.below(if depth > 5 { 4 } else { 12 }) {
        0 => Value::from(word(random)),
        1 => json!(random.next()),
        2 => Value::Null,
        3 => json!({"method": random.pick(PIECES).trim_end_matches(':'), "value": word(random)}),
        4 => json!({"union": list(random)}),
        5 => json!({"intersection": list(random)}),
        6 => json!({"exclude": list(random)}),
        7 => json!({"union": list(random), "intersection": list(random)}),
        8 => json!({"method": "selector", "value": random.pick(&["a", "b", "c"])}),
        9 => json!({
            "method": random.pick(&["tag", "fqn", "path", "config.materialized", "state", "nosuch"]),
            "value": definition(random, depth + 1),
            "parents": random.below(2) == 0,
            "children_depth": definition(random, depth + 1),
            "childrens_parents": random.below(2) == 0,
            "indirect_selection": random.pick(&["eager", "cautious", "buildable", "empty", "no"]),
        }),
        10 => list(random),
        _ => json!({"tag": word(random), "extra": definition(random, depth + 1)}),
    }
}

#[test]
fn any_selectors_file_is_read_or_refused() {
    let manifest = shop();
    let graph = Graph::new(&manifest);
    cases(|random| {
        let names = ["a", "b", "c", "a"];
        let count = random.below(5);
        let items: Vec<Value> = (0..count)
            .map(|index| {
                let mut item = Map::new();
                item.insert("name".to_owned(), Value::from(names[index % names.len()]));
                item.insert("definition".to_owned(), definition(random, 0));
                if random.below(6) == 0 {
                    item.insert("default".to_owned(), Value::Bool(random.below(2) == 0));
                }
                Value::Object(item)
            })
            .collect();
        let contents = if random.below(20) == 0 { definition(random, 0) } else { json!({"selectors": items}) };
        let Ok(selectors) = Selectors::from_value(&contents) else { return };
        let request = SelectionRequest {
            selector: selectors.names().first().cloned(),
            selectors: Arc::new(selectors),
            ..SelectionRequest::default()
        };
        let _ = select(&manifest, &graph, &request);
    });
}

/// Some value of the document, reached by random steps.
fn somewhere<'v>(value: &'v mut Value, random: &mut Random) -> &'v mut Value {
    let steps = random.below(7);
    let mut at = value;
    for _ in 0..steps {
        let count = match &*at {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            _ => 0,
        };
        if count == 0 {
            return at;
        }
        let index = random.below(count);
        at = match at {
            Value::Array(items) => &mut items[index],
            Value::Object(map) => match map.values_mut().nth(index) {
                Some(value) => value,
                None => unreachable!("the index is below the count"),
            },
            other => return other,
        };
    }
    at
}

#[test]
fn any_earlier_artifact_is_compared_or_refused() {
    let manifest = shop();
    let graph = Graph::new(&manifest);
    let good = manifest.to_value();
    let results = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json"},
        "results": [{"unique_id": "model.shop.orders", "status": "error", "execution_time": 0.1, "message": "x"}],
        "args": {"which": "run"}, "elapsed_time": 1.0,
    });
    let sources = json!({
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"},
        "results": [{"unique_id": "source.shop.raw.orders", "status": "pass", "max_loaded_at": "2024-01-01T00:00:00Z",
            "snapshotted_at": "2024-01-02T00:00:00Z", "max_loaded_at_time_ago_in_s": 1.0}],
    });
    cases(|random| {
        let folder = tempfile::tempdir().unwrap();
        for (name, document) in [("manifest.json", &good), ("run_results.json", &results), ("sources.json", &sources)] {
            let mut changed = document.clone();
            for _ in 0..random.below(4) {
                let replacement = match random.below(7) {
                    0 => Value::Null,
                    1 => json!({}),
                    2 => json!([]),
                    3 => Value::from(word(random)),
                    4 => json!(random.next()),
                    5 => json!(true),
                    _ => json!({"a": [null]}),
                };
                *somewhere(&mut changed, random) = replacement;
            }
            if random.below(3) == 0 && changed["metadata"].is_object() {
                let kind = name.trim_end_matches(".json").replace('_', "-");
                let version = random.below(14);
                changed["metadata"]["dbt_schema_version"] =
                    Value::from(format!("https://schemas.getdbt.com/dbt/{kind}/v{version}.json"));
            }
            let mut bytes = changed.to_string().into_bytes();
            match random.below(8) {
                0 => bytes.truncate(random.below(bytes.len() + 1)),
                1 => {
                    let at = random.below(bytes.len());
                    bytes[at] = (random.next() & 255) as u8;
                }
                _ => {}
            }
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let Ok(previous) = PreviousState::read(folder.path(), Path::new("."), Path::new(".")) else { return };
        let previous = Arc::new(previous);
        for word in ["state:modified+", "state:new", "state:old", "result:error", "source_status:fresher"] {
            let request = SelectionRequest {
                select: vec![word.to_owned()],
                previous: Some(Arc::clone(&previous)),
                ..SelectionRequest::default()
            };
            let _ = select(&manifest, &graph, &request);
        }
        if let Some(earlier) = &previous.manifest {
            let mut deferred = manifest.clone();
            deferred.defer_to(earlier, &|name| name == "dev");
        }
    });
}
