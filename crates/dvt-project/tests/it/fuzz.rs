//! Random project folders: whatever the files hold, reading gives a project or diagnostics; nothing panics, hangs, or takes
//! all memory, and the same folder gives the same answer twice.
//!
//! Short by default; `DVT_FUZZ_SECONDS=3600` runs an hour, `DVT_FUZZ_SEED` chooses where it starts. A failure names the
//! seed of its case.

use crate::project::Case;
use dvt_diagnostics::{RenderStyle, render};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A generator of small random numbers (splitmix64): the same seed gives the same case everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// A project that uses most of what properties files can say.
pub(crate) const PROJECT: &str = r#"=== dbt_project.yml
name: shop
profile: shop
version: "1.0"
vars: {limit: 3, shop: {own: "{{ 1 + 1 }}"}}
models: {shop: {+materialized: view, +tags: [a], marts: {+schema: marts, +meta: {owner: "{{ env_var('OWNER', 'x') }}"}}}}
seeds: {shop: {+column_types: {id: bigint}}}
on-run-start: ["select 1"]
query-comment: {comment: "x", append: true}
dispatch: [{macro_namespace: dbt, search_order: [shop, dbt]}]
=== profiles.yml
shop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s, host: "{{ env_var('HOST', 'h') }}"}}}
=== selectors.yml
selectors: [{name: a, definition: {union: [{method: tag, value: a}, "orders+"]}}]
=== packages.yml
packages: []
=== macros/cents.sql
{% macro cents(column) %}({{ column }} / 100.0){% endmacro %}
{% test positive(model, column_name) %}select 1 from {{ model }} where {{ column_name }} < 0{% endtest %}
=== models/docs.md
{% docs orders %}All *orders*.{% enddocs %}
=== models/orders.sql
{{ config(materialized='table') }} select {{ cents('a') }} from {{ source('raw', 'orders') }}
=== models/days.sql
select 1 as day
=== models/marts/wide_v2.sql
select * from {{ ref('orders') }}
=== models/marts/wide_v1.sql
select * from {{ ref('orders') }} limit {{ var('limit') }}
=== models/schema.yml
version: 2
anchors: &columns
  - {name: id, description: "{{ doc('orders') }}", data_tests: [unique, {not_null: {config: {severity: warn}}}]}
models:
  - name: orders
    description: |
      many
      lines
    config: {tags: [b], contract: {enforced: false}}
    columns: *columns
    data_tests: [{positive: {arguments: {column_name: id}}}]
  - name: wide
    latest_version: 1
    versions: [{v: 1}, {v: 2, columns: [{include: all, exclude: [x]}]}]
    access: public
    constraints: [{type: primary_key, columns: [id]}]
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
sources:
  - name: raw
    <<: {schema: lake}
    freshness: {warn_after: {count: 1, period: day}}
    loaded_at_field: at
    tables: [{name: orders, columns: [{name: id, data_type: int}]}]
exposures: [{name: dash, type: dashboard, owner: {name: me}, depends_on: [ref('wide')]}]
groups: [{name: g, owner: {email: a@b.c}}]
snapshots: [{name: snap, relation: ref('orders'), config: {unique_key: id, strategy: check, check_cols: all}}]
unit_tests:
  - name: adds
    model: orders
    given: [{input: "source('raw', 'orders')", format: csv, fixture: rows}]
    expect: {rows: [{a: 1}]}
macros: [{name: cents, arguments: [{name: column, type: string}]}]
seeds: [{name: countries, config: {quote_columns: true}}]
semantic_models:
  - name: sm
    model: ref('orders')
    defaults: {agg_time_dimension: at}
    entities: [{name: id, type: primary}]
    dimensions: [{name: at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics: [{name: total, label: Total, type: simple, type_params: {measure: amount}}]
=== seeds/countries.csv
id,name
1,"a, ""b"""
=== tests/fixtures/rows.csv
a,at
1,2024-01-01
=== tests/single.sql
select 1 from {{ ref('orders') }} where false
"#;

/// Files of which the bytes are changed.
const FILES: &[&str] = &[
    "models/schema.yml",
    "models/schema.yml",
    "models/schema.yml",
    "dbt_project.yml",
    "profiles.yml",
    "selectors.yml",
    "packages.yml",
    "models/orders.sql",
    "models/docs.md",
    "macros/cents.sql",
    "tests/fixtures/rows.csv",
    "seeds/countries.csv",
    ".dbtignore",
    "vars.yml",
    "dependencies.yml",
];

/// What is put in, in place of something or between.
const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\t",
    "  ",
    ":",
    ": ",
    "- ",
    "-",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "*columns",
    "<<: *a",
    "? ",
    "| ",
    ">-\n",
    "'",
    "\"",
    "\\",
    "#",
    " #",
    "---\n",
    "...\n",
    "!!str ",
    "!!binary ",
    "%",
    "~",
    "null",
    "true",
    "no",
    "1",
    "-0",
    "1e999",
    "99999999999999999999",
    "2024-01-01",
    ".inf",
    "\u{feff}",
    "\0",
    "ä",
    "\u{202e}",
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{#",
    "#}",
    "{{ ref('orders') }}",
    "{{ var('nope') }}",
    "{{ env_var('NOPE') }}",
    "{{ doc('nope') }}",
    "{{ 1/0 }}",
    "{{ range(99999999) | list }}",
    "{% macro cents() %}",
    "{% endmacro %}",
    "{% docs x %}",
    "{% enddocs %}",
    "{% for x in range(3) %}",
    "{% endfor %}",
    "name: ",
    "versions: ",
    "config: ",
    "columns: ",
    "data_tests: ",
    "tests: ",
    "enabled: false",
    "+enabled: ",
    "v: ",
    "meta: ",
    "tags: ",
    "ref('wide', v=9)",
    "source('raw')",
    "*",
    "**/",
    "!x",
    "[a-",
    "a: &a [*a, *a, *a, *a, *a, *a, *a, *a]\n",
    ",",
    ";",
    "../",
    "/",
];

pub(crate) fn change(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(9) {
        0 => bytes.truncate(at),
        1 if !bytes.is_empty() => {
            let at = random.below(bytes.len());
            bytes[at] = (random.next() & 255) as u8;
        }
        2 => {
            let end = (at + random.below(30)).min(bytes.len());
            bytes.drain(at..end);
        }
        3 => {
            // A piece of the file again, somewhere else.
            let end = (at + random.below(120)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        4 => {
            let depth = 1 + random.below(300);
            let nested = random.pick(&["[", "{a: ", "- "]).repeat(depth).into_bytes();
            bytes.splice(at..at, nested);
        }
        5 => {
            // One value in place of another: between two marks of YAML.
            let is_mark = |byte: &u8| b":,[]{}\n".contains(byte);
            let end = bytes[at..].iter().position(is_mark).map_or(bytes.len(), |length| at + length);
            bytes.splice(at..end, random.pick(PIECES).bytes());
        }
        _ => {
            bytes.splice(at..at, random.pick(PIECES).bytes());
        }
    }
}

fn outcome(case: &Case) -> String {
    match case.load() {
        Ok(project) => {
            let shown: Vec<String> =
                project.warnings.iter().map(|warning| render(warning, RenderStyle::Plain)).collect();
            format!("{}\n{}", project.manifest.to_json(), shown.join("\n"))
        }
        Err(diagnostics) => {
            assert!(diagnostics.has_errors(), "reading failed and nothing is said to be wrong");
            case.render(&diagnostics)
        }
    }
}

/// The highest memory that the process had, in megabytes, where the system tells it.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[test]
fn any_folder_is_read_or_explained() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<f64>().ok());
    let seconds = number("DVT_FUZZ_SECONDS").unwrap_or(1.0);
    let first = number("DVT_FUZZ_SEED").unwrap_or(1.0) as u64;
    let clean = outcome(&Case::new(PROJECT));
    assert!(clean.starts_with("{\"metadata\""), "the project to start from must be right:\n{clean}");
    let start = Instant::now();
    let mut seed = first;
    while seed == first || start.elapsed() < Duration::from_secs_f64(seconds) {
        let mut random = Random(seed);
        let case = Case::new(PROJECT);
        for _ in 0..=random.below(2) {
            let path: PathBuf = case.settings.project_dir.join(random.pick(FILES));
            let mut bytes = std::fs::read(&path).unwrap_or_default();
            for _ in 0..=random.below(4) {
                change(&mut bytes, &mut random);
            }
            std::fs::write(&path, bytes).unwrap();
        }
        let began = Instant::now();
        let outcomes = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (outcome(&case), outcome(&case))));
        let (one, two) = outcomes.unwrap_or_else(|_| panic!("DVT_FUZZ_SEED={seed} panics"));
        assert_eq!(one, two, "DVT_FUZZ_SEED={seed} is read in two ways");
        assert!(began.elapsed() < Duration::from_secs(30), "DVT_FUZZ_SEED={seed} takes {:?}", began.elapsed());
        assert!(peak_megabytes() < 2_000, "DVT_FUZZ_SEED={seed} takes {} MB", peak_megabytes());
        seed += 1;
    }
}
