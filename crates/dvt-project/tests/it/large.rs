//! How long a large project takes, and manifests for dbt's own classes to read. Run by hand:
//! `cargo nextest run -p dvt-project --run-ignored only --no-capture large`.

use crate::project::Case;
use dvt_project::ParseCache;
use std::fmt::Write as _;
use std::time::Instant;

/// `DVT_TEST_MODELS` models (1,000), each with a config, two refs, a loop, a macro call and two tests.
#[test]
#[ignore = "a measurement, not a test"]
fn a_thousand_models_are_read() {
    let count: usize = std::env::var("DVT_TEST_MODELS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let mut text = String::from(
        "=== dbt_project.yml\nname: shop\nprofile: shop\nmodels: {shop: {+materialized: view}}\n\
         === profiles.yml\nshop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s}}}\n\
         === macros/cents.sql\n{% macro cents(column) %}({{ column }} / 100.0){% endmacro %}\n",
    );
    for index in 0..count {
        let (left, right) = (index / 2, index / 3);
        let from = if index == 0 {
            "(select 1 as id, 2 as amount) as x".to_owned()
        } else {
            format!("{{{{ ref('m{left}') }}}} join {{{{ ref('m{right}') }}}} using (id)")
        };
        let _ = write!(
            text,
            "=== models/d{}/m{index}.sql\n{{{{ config(materialized='table', tags=['t{}']) }}}}\nselect id,\n\
             {{% for column in ['a', 'b', 'c'] %}}{{{{ cents(column) }}}} as {{{{ column }}}},{{% endfor %}} amount\nfrom {from}\n\
             === models/d{}/m{index}.yml\nmodels:\n  - name: m{index}\n    columns:\n      - {{name: id, data_tests: [unique, not_null]}}\n",
            index / 50,
            index % 7,
            index / 50,
        );
    }
    let case = Case::new(&text);
    let start = Instant::now();
    let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
    let loaded = start.elapsed();
    let json = project.manifest.to_json();
    println!(
        "{} nodes: read in {loaded:?}, with {} bytes of manifest in {:?}",
        project.manifest.nodes.len(),
        json.len(),
        start.elapsed()
    );
    assert_eq!(project.manifest.nodes.len(), count * 3);
    // The same with the parse cache: written, then used.
    let mut settings = case.settings.clone();
    settings.parse_cache = ParseCache { is_read: true, is_written: true, ..ParseCache::default() };
    for what in ["kept", "remembered", "one model edited", "remembered", "one description edited", "remembered"] {
        let edited = match what {
            "one model edited" => Some(("models/d0/m7.sql", "select * from {{ ref('m2') }}")),
            "one description edited" => Some((
                "models/d0/m7.yml",
                "models: [{name: m7, columns: [{name: id, data_tests: [unique, not_null]}]}]",
            )),
            _ => None,
        };
        if let Some((path, text)) = edited {
            std::fs::write(case.settings.project_dir.join(path), text).unwrap();
        }
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let project = case.load_with(&settings).unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
        let cpu = cpu_seconds() - cpu;
        println!("{what} in {:?}, {cpu:.2} CPU-s", start.elapsed());
        let parsed = match what {
            "kept" => project.figures.paths,
            "remembered" => 0,
            _ => 1,
        };
        assert_eq!(project.figures.parsed, parsed, "{what}");
    }
}

/// Seconds that this process has computed for so far, where the system tells.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().unwrap_or_default().split(' ').filter_map(|field| field.parse().ok()).collect();
    // User and system time in hundredths, the 14th and 15th field; the state is no number.
    fields.get(10..12).map_or(0.0, |times| times.iter().sum::<f64>() / 100.0)
}

/// Writes the manifest of every good case (of `DVT_TEST_CASES`, or ours) to `DVT_TEST_MANIFESTS`, where dbt's artifact classes can be set on them.
#[test]
#[ignore = "needs dbt's classes to judge what it writes"]
fn manifests_for_dbt() {
    let Some(folder) = std::env::var_os("DVT_TEST_MANIFESTS") else { return };
    let goldens = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    let goldens = std::env::var_os("DVT_TEST_CASES").map_or(goldens, Into::into);
    for entry in std::fs::read_dir(goldens).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("ok_") && name.ends_with(".project") {
            let case = Case::new(&std::fs::read_to_string(&path).unwrap());
            let project = case.load().unwrap_or_else(|diagnostics| panic!("{}", case.render(&diagnostics)));
            let file = std::path::Path::new(&folder).join(name.replace(".project", ".json"));
            dvt_manifest::write_atomically(&file, project.manifest.to_json().as_bytes()).unwrap();
        }
    }
}
