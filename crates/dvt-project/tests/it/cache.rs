//! The parse cache: a project is edited at random, and what the cache gives after each edit must be what a full reading
//! gives, to the byte but for the times of creation.
//!
//! Short by default; `DVT_CACHE_EDITS=10000` makes that many edits, `DVT_CACHE_SEED` chooses where they start. A failure
//! names its seed and the edits since the project was new.

use crate::fuzz::{PROJECT, Random, change};
use crate::project::Case;
use dvt_diagnostics::{Event, EventKind, EventSink, Events, RenderStyle, render};
use dvt_project::ParseCache;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What the project of the fuzzer lacks: packages, templates that look at everything, and warnings.
const MORE: &str = r#"=== dbt_packages/tools/dbt_project.yml
name: tools
vars: {tools: {depth: 2}}
models: {tools: {+tags: [t]}}
=== dbt_packages/tools/macros/deep.sql
{% macro deep(n) %}{% if n > 0 %}{{ tools.deep(n - 1) }}{% endif %}{{ var('depth') }}{% endmacro %}
=== dbt_packages/tools/models/tool.sql
select {{ tools.deep(2) }} as a
=== dbt_packages/tools/models/tool.yml
models: [{name: tool, description: "{{ doc('orders') }}"}]
=== dependencies.yml
packages: [{local: ../tools}]
=== models/looks.sql
{{ config(alias=env_var('ALIAS', 'looks'), tags=[var('tag', 'none')]) }}
{% if flags.FULL_REFRESH %}{{ config(materialized='table') }}{% endif %}
{% do log('looked at ' ~ target.schema, info=true) %}
{% if env_var('WARN', '') %}{% do exceptions.warn('careful') %}{% endif %}
select * from {{ ref(env_var('PARENT', 'days')) }}
=== models/old.sql
select 1 as a
=== models/old.yml
models:
  - name: old
    deprecation_date: 2026-06-01
    config: {meta: {of: "{{ env_var('OF', 'me') }}"}, post-hook: "select '{{ this }}'"}
  - name: nowhere
=== models/after.sql
select * from {{ ref('old') }} union all select * from {{ ref('tool') }}
"#;

/// What is written in place of a model.
const MODELS: &[&str] = &[
    "select 1 as id\n",
    "select 1  as id\n",
    "{{ config(materialized='table') }}select * from {{ ref('days') }}",
    "{{ config(enabled=false) }}select 1",
    "{{ config(enabled=(var('limit') > 2), meta={'v': var('tag', 1)}) }}select {{ cents('x') }} from {{ source('raw', 'orders') }}",
    "{{ config(tags=[env_var('TAG', 'x')]) }}select * from {{ ref('orders') }}",
    "{% if target.name == 'dev' %}select * from {{ ref('days') }}{% else %}select 2{% endif %}",
    "select * from {{ ref(var('parent', 'days')) }}",
    "{{ config(schema=flags.WHICH) }}select '{{ flags.WHICH }}'",
    "{{ config(alias='a' ~ run_started_at.strftime('%S')) }}select 1",
    "{{ config(meta={'id': invocation_id}) }}select 1",
    "{{ config(meta={'now': modules.datetime.datetime.now().year}) }}select 1",
    "{{ config(meta={'e': dbt_metadata_envs}) }}select 1",
    "select * from {{ ref('missing') }}",
    "{{ config(target='other') }}select '{{ target.schema }}'",
    "{{ config(database=target.dbname ~ adapter.behavior.some_flag.setting) }}select 1",
    "{% do print('printed ' ~ var('limit')) %}select 1",
    "{{ config(materialized='incremental') }}select 1{% if is_incremental() %}{{ this }}{% endif %}",
];

/// What is written in place of a properties file.
const PROPERTIES: &[&str] = &[
    "models: [{name: fresh, description: one, columns: [{name: id, data_tests: [unique]}]}]\n",
    "models: [{name: fresh, description: \"{{ var('tag', 'two') }}\", config: {tags: [\"{{ env_var('TAG', 'x') }}\"]}}]\n",
    "models: [{name: fresh, columns: [{name: id, data_tests: [not_null, {accepted_values: {values: [1, 2]}}]}]}]\n",
    "models: [{name: fresh, deprecation_date: 2026-03-04 05:06}]\n",
    "models: [{name: ghost}]\nunknown: 1\n",
    "sources: [{name: extra, schema: \"{{ target.schema }}\", tables: [{name: t}]}]\n",
    "groups: [{name: h, owner: {name: x}}]\nmodels: [{name: fresh, config: {group: h}, access: private}]\n",
    "exposures: [{name: e, type: ml, owner: {name: x}, depends_on: [ref('old')]}]\n",
    "",
];

const MACROS: &[&str] = &[
    "{% macro cents(column) %}({{ column }} / 100){% endmacro %}",
    "{% macro cents(column) %}{{ column }}{{ env_var('TAG', '') }}{% endmacro %}",
    "{% macro cents(column) %}{% do ref('days') %}{{ column }}{% endmacro %}{% macro more() %}1{% endmacro %}",
    "{% macro cents(column) %}x{% endmacro %}{% macro generate_schema_name(custom, node) %}z_{{ custom }}{% endmacro %}",
    "{% macro cents(column) %}x{% endmacro %}{% test positive(model, column_name) %}select 2{% endtest %}",
];

const PROJECT_FILES: &[(&str, &str)] = &[
    ("limit: 3", "limit: 2"),
    ("limit: 2", "limit: 3"),
    ("+tags: [a]", "+tags: [a, z]"),
    ("+materialized: view", "+materialized: table"),
    ("+materialized: table", "+materialized: view"),
    ("name: shop\n", "name: shop\nflags: {validate_macro_args: true}\n"),
    ("version: \"1.0\"", "version: \"1.1\""),
];

const FILES: &[&str] = &[
    "models/fresh.sql",
    "models/orders.sql",
    "models/days.sql",
    "models/looks.sql",
    "models/old.sql",
    "models/marts/wide_v1.sql",
    "dbt_packages/tools/models/tool.sql",
    "snapshots/s.sql",
    "analyses/a.sql",
    "tests/single.sql",
];

const VARIABLES: &[&str] = &["ALIAS", "WARN", "PARENT", "OF", "TAG", "OWNER", "HOST", "UNUSED", "DBT_ENV_CUSTOM_ENV_X"];

/// Hears what a reading says.
#[derive(Default)]
struct Ear(Mutex<Vec<(String, String)>>);

impl EventSink for Ear {
    fn fire(&self, event: Event) {
        self.0.lock().unwrap().push((event.kind.name.to_owned(), event.message));
    }

    fn is_error(&self, _: EventKind) -> bool {
        false
    }
}

/// What a reading gives and says, and whether it came out of the cache.
fn outcome(case: &mut Case, cache: ParseCache) -> (String, bool) {
    let ear = Arc::new(Ear::default());
    case.settings.events = Events::new(Arc::clone(&ear) as Arc<dyn EventSink>);
    case.settings.parse_cache = cache;
    let mut text = match case.load() {
        Ok(project) => {
            let shown: Vec<String> = project
                .warnings
                .iter()
                .map(|warning| format!("{warning:?} {}", render(warning, RenderStyle::Plain)))
                .collect();
            let macros: Vec<String> = project
                .macro_library
                .definitions()
                .map(|macro_| format!("{} {}", macro_.unique_id, macro_.macro_sql))
                .collect();
            let connections = format!("{:?}", project.connections);
            // The text has no places; the debug form has.
            format!(
                "{}\n{:?}\n{}\n{}\n{connections}",
                project.manifest.to_json(),
                project.manifest,
                shown.join("\n"),
                macros.join("\n")
            )
        }
        Err(diagnostics) => case.render(&diagnostics),
    };
    for (key, end) in [("\"created_at\":", ','), ("created_at: ", ',')] {
        text = without_numbers(&text, key, end);
    }
    let mut said = ear.0.lock().unwrap().clone();
    let is_hit = said.iter().any(|(kind, _)| kind == "PartialParsingSkipParsing");
    said.retain(|(kind, _)| kind.starts_with("Jinja") || kind.starts_with("Print"));
    // Threads write in any order.
    said.sort();
    (format!("{text}\n{said:?}"), is_hit)
}

fn without_numbers(text: &str, key: &str, end: char) -> String {
    let mut parts = text.split(key);
    let mut tidy = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        tidy.push_str(key);
        tidy.push_str(part.find(end).map_or("", |at| &part[at..]));
    }
    tidy
}

fn kept() -> ParseCache {
    ParseCache { is_read: true, is_written: true, ..ParseCache::default() }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// One edit; its name tells what was done.
fn edit(case: &mut Case, random: &mut Random) -> String {
    let root = case.settings.project_dir.clone();
    let at = |path: &str| root.join(path);
    match random.below(22) {
        0..=3 => {
            let (file, text) = (random.pick(FILES), random.pick(MODELS));
            let text = if file.starts_with("snapshots") {
                format!(
                    "{{% snapshot s %}}{{{{ config(unique_key='id', strategy='check', check_cols='all') }}}}{text}{{% endsnapshot %}}"
                )
            } else {
                text.to_owned()
            };
            write(&at(file), &text);
            format!("{file} = {text}")
        }
        4 | 5 => {
            let text = random.pick(PROPERTIES);
            let file = random.pick(&["models/fresh.yml", "models/old.yml", "models/fresh.yaml"]);
            write(&at(file), text);
            format!("{file} = {text}")
        }
        6 => {
            let text = random.pick(MACROS);
            write(&at("macros/cents.sql"), text);
            format!("macros/cents.sql = {text}")
        }
        7 => {
            let file = random.pick(FILES);
            let _ = fs::remove_file(at(file));
            format!("{file} is removed")
        }
        8 => {
            let (from, to) =
                (random.pick(FILES), random.pick(&["models/renamed.sql", "models/fresh.sql", "models/old.sql"]));
            let _ = fs::rename(at(from), at(to));
            format!("{from} becomes {to}")
        }
        9 | 10 => {
            let (name, value) = (random.pick(VARIABLES), random.pick(&["days", "one", "two", ""]));
            if random.below(3) == 0 {
                case.settings.env.remove(name);
            } else {
                case.settings.env.insert(name.to_owned(), value.to_owned());
            }
            format!("${name} = {:?}", case.settings.env.get(name))
        }
        11 => {
            let name = random.pick(&["tag", "limit", "parent", "unused"]);
            if random.below(3) == 0 {
                case.settings.vars.remove(name);
            } else {
                case.settings.vars.insert(name.to_owned(), json!(random.below(4)));
            }
            format!("--vars {name}: {:?}", case.settings.vars.get(name))
        }
        12 => {
            let (name, value) =
                (random.pick(&["FULL_REFRESH", "WHICH", "STATIC_PARSER", "DEBUG", "SOME_FLAG"]), random.below(2) == 0);
            case.settings.flags.insert(name.to_owned(), json!(value));
            format!("flag {name} = {value}")
        }
        13 => {
            let text = random.pick(&["id,name\n1,a\n", "id,name\n2,b\n", "id\n1\n"]);
            write(&at("seeds/countries.csv"), text);
            format!("seeds/countries.csv = {text}")
        }
        14 => {
            let (from, to) = PROJECT_FILES[random.below(PROJECT_FILES.len())];
            let path = at("dbt_project.yml");
            let text = fs::read_to_string(&path).unwrap_or_default().replacen(from, to, 1);
            write(&path, &text);
            format!("dbt_project.yml: {from} becomes {to}")
        }
        15 => {
            let (from, to) =
                [("schema: s", "schema: t"), ("schema: t", "schema: s"), ("dbname: d", "dbname: e")][random.below(3)];
            let path = at("profiles.yml");
            let text = fs::read_to_string(&path).unwrap_or_default().replacen(from, to, 1);
            write(&path, &text);
            format!("profiles.yml: {from} becomes {to}")
        }
        16 => {
            case.settings.target = [None, Some("dev".to_owned()), Some("other".to_owned())][random.below(3)].clone();
            format!("--target {:?}", case.settings.target)
        }
        17 => {
            let text = random.pick(&["", "models/old*\n", "*.yml\n!models/schema.yml\n", "[\n"]);
            write(&at(".dbtignore"), text);
            format!(".dbtignore = {text}")
        }
        18 => {
            let (file, text) = [
                ("dbt_packages/tools/dbt_project.yml", "name: tools\nvars: {tools: {depth: 5}}\n"),
                ("dbt_packages/tools/macros/deep.sql", "{% macro deep(n) %}9{% endmacro %}"),
                ("dbt_packages/tools/models/tool.yml", "models: [{name: tool, columns: [{name: a}]}]"),
                ("models/docs.md", "{% docs orders %}Other{% enddocs %}{% docs more %}x{% enddocs %}"),
                ("models/docs.md", "{% docs orders %}All *orders*.{% enddocs %}"),
                ("tests/fixtures/rows.csv", "a,at\n7,2024-01-02\n"),
                ("selectors.yml", "selectors: [{name: b, definition: 'tag:a'}]"),
                ("vars.yml", "vars: {limit: 4}"),
            ][random.below(8)];
            write(&at(file), text);
            format!("{file} = {text}")
        }
        19 => {
            case.settings.started_at += chrono::Duration::days(i64::try_from(random.below(400)).unwrap() - 150);
            case.settings.invocation_id = format!("invocation-{}", random.next());
            format!("it is {}", case.settings.started_at)
        }
        20 => {
            let path = at("target/partial_parse.dvt");
            let mut bytes = fs::read(&path).unwrap_or_default();
            let how = match random.below(4) {
                0 => {
                    bytes.truncate(random.below(bytes.len() + 1));
                    "cut"
                }
                1 => {
                    let place = random.below(bytes.len());
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << random.below(8);
                    }
                    "flipped"
                }
                2 => {
                    bytes = b"somebody else's file".to_vec();
                    "foreign"
                }
                _ => {
                    bytes.extend_from_slice(b"more");
                    "longer"
                }
            };
            write(&path, "");
            fs::write(&path, bytes).unwrap();
            format!("the cache is {how}")
        }
        _ => {
            let path: PathBuf = at(random.pick(&["models/schema.yml", "models/looks.sql", "macros/cents.sql"]));
            let mut bytes = fs::read(&path).unwrap_or_default();
            change(&mut bytes, random);
            fs::write(&path, bytes).unwrap();
            format!("{} is damaged", path.display())
        }
    }
}

#[test]
fn what_is_remembered_is_what_would_be_read() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (edits, mut seed) = (number("DVT_CACHE_EDITS").unwrap_or(40), number("DVT_CACHE_SEED").unwrap_or(1));
    let (mut hits, mut reads, mut made) = (0, 0, 0);
    let is_error = |text: &str| !text.starts_with("{\"metadata\"");
    while made < edits {
        let mut random = Random(seed);
        let mut case = Case::new(&format!("{PROJECT}{MORE}"));
        write(
            &case.settings.project_dir.join("profiles.yml"),
            "shop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s, host: \"{{ env_var('HOST', 'h') }}\"}, \
             other: {type: mysql, schema: o}}}",
        );
        let mut done = vec![format!("DVT_CACHE_SEED={seed}")];
        let mut failures = 0;
        while failures < 2 && made < edits {
            let (cold, _) = outcome(&mut case, ParseCache::default());
            failures = if is_error(&cold) { failures + 1 } else { 0 };
            for again in 0..2 {
                let (warm, is_hit) = outcome(&mut case, kept());
                // What can be remembered is, the second time at the latest.
                reads += usize::from(again == 1 && !is_error(&cold));
                hits += usize::from(again == 1 && is_hit);
                if warm != cold {
                    let differs = warm.bytes().zip(cold.bytes()).position(|(one, two)| one != two).unwrap_or(0);
                    let around = |text: &str| {
                        let bytes = text.as_bytes();
                        let part =
                            &bytes[differs.saturating_sub(200).min(bytes.len())..(differs + 200).min(bytes.len())];
                        String::from_utf8_lossy(part).into_owned()
                    };
                    panic!(
                        "the cache changes the result (reading {again}, hit: {is_hit}) after\n{}\n\ncache: …{}…\n\nfull: …{}…",
                        done.join("\n"),
                        around(&warm),
                        around(&cold)
                    );
                }
            }
            for _ in 0..=random.below(2) {
                done.push(edit(&mut case, &mut random));
                made += 1;
            }
        }
        seed += 1;
    }
    println!("{made} edits, {reads} readings, {hits} of them remembered");
    // The rest looked at the clock.
    assert!(hits * 2 > reads, "only {hits} of {reads} readings came out of the cache");
}

/// A project without edits is remembered, whatever the command; what it depends on is not.
#[test]
fn a_reading_is_used_as_long_as_it_holds() {
    let mut case = Case::new(&format!("{PROJECT}{MORE}"));
    let hit = |case: &mut Case| outcome(case, kept()).1;
    assert!(!hit(&mut case), "nothing is there yet");
    assert!(hit(&mut case));
    // What nobody looked at.
    case.settings.env.insert("UNUSED".to_owned(), "1".to_owned());
    case.settings.flags.insert("WHICH".to_owned(), json!("run"));
    assert!(hit(&mut case));
    write(&case.settings.project_dir.join("README.md"), "not below a resource folder");
    assert!(hit(&mut case));
    // What a template looked at.
    case.settings.env.insert("OF".to_owned(), "you".to_owned());
    assert!(!hit(&mut case));
    assert!(hit(&mut case));
    case.settings.flags.insert("FULL_REFRESH".to_owned(), json!(true));
    assert!(!hit(&mut case));
    assert!(hit(&mut case));
    // A date that passes.
    case.settings.started_at += chrono::Duration::days(365 * 100);
    assert!(!hit(&mut case));
    assert!(hit(&mut case));
    // A new file, and one that goes.
    let fresh = case.settings.project_dir.join("models/fresh.sql");
    write(&fresh, "select 1 as id");
    assert!(!hit(&mut case));
    assert!(hit(&mut case));
    fs::remove_file(&fresh).unwrap();
    assert!(!hit(&mut case));
    assert!(hit(&mut case));
    // What is not to be remembered.
    write(&fresh, "{{ config(meta={'at': run_started_at | string}) }}select 1 as id");
    assert!(!hit(&mut case));
    assert!(!hit(&mut case), "a reading that looked at the clock was used again");
    write(&fresh, "select * from {{ ref('missing') }}");
    assert!(!hit(&mut case));
    assert!(!hit(&mut case), "a reading with errors was used again");
}

#[test]
fn flags_say_whether_the_cache_is_read_and_whether_files_are_looked_at() {
    let mut case = Case::new(PROJECT);
    let hit = |case: &mut Case, cache: ParseCache| outcome(case, cache).1;
    let unread = || ParseCache { is_written: true, ..ParseCache::default() };
    assert!(!hit(&mut case, unread()));
    // As in dbt, a reading that used nothing is kept all the same.
    assert!(hit(&mut case, kept()));
    assert!(!hit(&mut case, unread()));
    let root = case.settings.project_dir.clone();
    write(&root.join("models/days.sql"), "select 2 as day");
    write(&root.join("models/added.sql"), "select 2 as day");
    let trusting = ParseCache { trusts_files: true, ..kept() };
    case.settings.events = Events::default();
    case.settings.parse_cache = trusting.clone();
    let project = case.load().unwrap();
    assert_eq!(project.manifest.nodes["model.shop.days"].raw_code, "select 1 as day");
    assert!(!project.manifest.nodes.contains_key("model.shop.added"));
    assert!(hit(&mut case, trusting));
    // Elsewhere.
    let elsewhere = root.join("elsewhere");
    assert!(!hit(&mut case, kept()));
    fs::rename(root.join("target/partial_parse.dvt"), &elsewhere).unwrap();
    assert!(hit(&mut case, ParseCache { path: Some(elsewhere), ..kept() }));
    assert!(!root.join("target/partial_parse.dvt").exists());
}

/// Passwords of profiles.yml and of the environment are in no cache.
#[test]
fn secrets_are_not_kept() {
    let mut case = Case::new(&format!("{PROJECT}{MORE}"));
    write(
        &case.settings.project_dir.join("profiles.yml"),
        "shop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s, password: hunter2}}}",
    );
    case.settings.env.insert("UNSAID".to_owned(), "hunter3".to_owned());
    write(&case.settings.project_dir.join("models/fresh.sql"), "{% if env_var('UNSAID') %}select 1{% endif %}");
    assert!(!outcome(&mut case, kept()).1);
    assert!(outcome(&mut case, kept()).1);
    let bytes = fs::read(case.settings.project_dir.join("target/partial_parse.dvt")).unwrap();
    for secret in ["hunter2", "hunter3"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in the cache");
    }
    // Another password is no other reading.
    write(
        &case.settings.project_dir.join("profiles.yml"),
        "shop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s, password: other}}}",
    );
    assert!(outcome(&mut case, kept()).1);
}

/// Two readers and writers of one cache at once.
#[test]
fn several_at_once_read_the_same() {
    let mut case = Case::new(&format!("{PROJECT}{MORE}"));
    let expected = outcome(&mut case, ParseCache::default()).0;
    let settings = case.settings.clone();
    let case = &case;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (settings, expected) = (settings.clone(), &expected);
            scope.spawn(move || {
                for _ in 0..6 {
                    let mut settings = settings.clone();
                    settings.parse_cache = kept();
                    let project = case.load_with(&settings).unwrap_or_else(|error| panic!("{}", case.render(&error)));
                    let text = without_numbers(&project.manifest.to_json(), "\"created_at\":", ',');
                    assert!(expected.starts_with(&text));
                }
            });
        }
    });
}
