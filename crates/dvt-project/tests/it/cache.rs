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
=== models/plain/a.sql
select 1 as id
=== models/plain/b.sql
select * from {{ ref('a') }}
=== models/plain/c.sql
select id from {{ ref('b') }} where {{ var('limit') }} > 0
=== models/plain/one.yml
models: [{name: a, columns: [{name: id, data_tests: [unique, not_null]}]}, {name: b, description: "{{ doc('orders') }}"}]
seeds: [{name: countries_too, columns: [{name: id, data_tests: [unique]}]}]
=== models/plain/two.yml
models: [{name: c, columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('a'), field: id}}}]}]}]
=== seeds/countries_too.csv
id
1
=== tests/plain.sql
select * from {{ ref('c') }} where false
=== analyses/plain.sql
select * from {{ ref('a') }}
"#;

/// What is written in place of a plain model: what can be put right file by file, and what cannot.
const PLAIN: &[&str] = &[
    "select 1 as id",
    "select 2 as id",
    "select * from {{ ref('a') }}",
    "select * from {{ ref('b') }} join {{ ref('days') }}",
    "select * from {{ ref('c') }}\n",
    "{{ config(materialized='table', tags=['p']) }}select * from {{ source('raw', 'orders') }}",
    "{{ config(materialized='ephemeral') }}select 1 as id",
    "{{ config(alias='same') }}select 1 as id",
    "{{ config(schema='x', meta={'limit': var('limit')}) }}select {{ cents('id') }} from {{ ref('a') }}",
    "{{ config(group='g', access='private') }}select 1 as id",
    "{{ config(enabled=false) }}select 1",
    "{{ config(event_time='at', post_hook='select * from {{ ref(\"a\") }}') }}select 1 as at",
    "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='at', batch_size='day', begin='2024-01-01') }}select * from {{ ref('a') }}",
    "{% do log('read ' ~ model.name, info=true) %}select 1 as id",
    "{% do exceptions.warn('careful with ' ~ model.name) %}select 1 as id",
    "{% for x in modules.itertools.chain([1], [2]) %}select {{ x }}{% endfor %}",
    "select '{{ env_var('TAG', 'x') }}' as id",
    "select * from {{ ref('old') }}",
    "select * from {{ ref('wide', v=1) }}",
    "select * from {{ ref('missing') }}",
    "select {{ 1 / }}",
    "{{ config(target='other') }}select 1 as id",
    "{{ config(severity='x') }}select 1",
    "select * from {{ ref('new') }}",
];

/// What an entry of a plain properties file says.
const SAYS: &[&str] = &[
    "",
    ", description: one",
    ", description: \"{{ doc('orders') }} {{ var('limit') }}\"",
    ", columns: [{name: id, data_tests: [unique]}]",
    ", columns: [{name: id, data_tests: [not_null, unique]}, {name: x, description: y}]",
    ", columns: [{name: id, data_tests: [{relationships: {arguments: {to: ref('a'), field: id}}}]}]",
    ", columns: [{name: id, data_tests: [{relationships: {to: ref('nowhere'), field: id}}]}]",
    ", data_tests: [{positive: {arguments: {column_name: id}, config: {severity: warn, tags: [z]}}}]",
    ", config: {materialized: table, tags: [t], meta: {k: \"{{ env_var('OF', 'v') }}\"}}",
    ", config: {alias: same}",
    ", config: {enabled: false}",
    ", config: {group: g}",
    ", config: {post-hook: \"select '{{ this }}'\"}",
    ", access: public, constraints: [{type: primary_key, columns: [id]}]",
    ", deprecation_date: 2026-06-01",
    ", columns: [{name: id, data_tests: [nothing]}]",
    ", description: \"{{ doc('nothing') }}\"",
    ", versions: [{v: 1, defined_in: a}]",
    ", config: {contract: {enforced: true}}, columns: [{name: id, data_type: int}]",
    ", tests: [unique_id: {column_name: id}]",
    ", columns: [{name: id, tests: [unique], meta: {a: 1}}]",
];

const PLAIN_FILES: &[&str] =
    &["models/plain/a.sql", "models/plain/b.sql", "models/plain/c.sql", "models/plain/d.sql", "models/plain/new.sql"];

/// One edit of the kind that somebody makes all day.
fn daily_edit(case: &Case, random: &mut Random) -> String {
    let root = case.settings.project_dir.clone();
    let at = |path: &str| root.join(path);
    match random.below(16) {
        0..=5 => {
            let (file, text) = (random.pick(PLAIN_FILES), random.pick(PLAIN));
            write(&at(file), text);
            format!("{file} = {text}")
        }
        6..=9 => {
            let mut text = String::new();
            for section in ["models", "seeds"] {
                let names: &[&str] =
                    if section == "models" { &["a", "b", "c", "d", "new", "other"] } else { &["countries_too"] };
                let count = random.below(if section == "models" { 4 } else { 2 });
                if count > 0 {
                    text.push_str(section);
                    text.push_str(":\n");
                }
                for _ in 0..count {
                    text.push_str(&format!("- {{name: {}{}}}\n", random.pick(names), random.pick(SAYS)));
                }
            }
            if random.below(12) == 0 {
                text.push_str("groups: [{name: more, owner: {name: x}}]\n");
            }
            let file = random.pick(&["models/plain/one.yml", "models/plain/two.yml"]);
            write(&at(file), &text);
            format!("{file} = {text}")
        }
        10 => {
            let file = random
                .pick(&[PLAIN_FILES, &["models/plain/one.yml", "models/plain/two.yml", "models/plain/d.yml"]].concat());
            let _ = fs::remove_file(at(file));
            format!("{file} is removed")
        }
        11 => {
            let (from, to) = (random.pick(PLAIN_FILES), random.pick(PLAIN_FILES));
            let _ = fs::rename(at(from), at(to));
            format!("{from} becomes {to}")
        }
        12 => {
            let text = random.pick(&["id\n1\n", "id\n2\n", "id,x\n1,2\n"]);
            write(&at("seeds/countries_too.csv"), text);
            format!("seeds/countries_too.csv = {text}")
        }
        13 => {
            let file = random.pick(&["tests/plain.sql", "analyses/plain.sql", "models/looks.sql", "models/days.sql"]);
            let text = random.pick(PLAIN);
            write(&at(file), text);
            format!("{file} = {text}")
        }
        14 => {
            let text = format!(
                "{{% snapshot s %}}{{{{ config(unique_key='id', strategy='check', check_cols='all') }}}}{}{{% endsnapshot %}}",
                random.pick(PLAIN)
            );
            write(&at("snapshots/s.sql"), &text);
            format!("snapshots/s.sql = {text}")
        }
        _ => {
            // A model and its entry at once.
            let name = random.pick(&["a", "b", "c", "d", "new"]);
            let text = format!("models:\n- {{name: {name}{}}}\n", random.pick(SAYS));
            write(&at(&format!("models/plain/{name}.sql")), random.pick(PLAIN));
            write(&at(&format!("models/plain/{name}.yml")), &text);
            format!("models/plain/{name}.yml and .sql = {text}")
        }
    }
}

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

/// How much of a reading came out of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Files,
    /// An earlier reading, put right where files had changed.
    Both,
    Cache,
}

/// What a reading gives and says, and whether all of it came out of the cache.
fn outcome(case: &mut Case, cache: ParseCache) -> (String, bool) {
    let (text, from) = outcome_from(case, cache);
    (text, from == From::Cache)
}

/// What a reading gives and says, and where it came from.
fn outcome_from(case: &mut Case, cache: ParseCache) -> (String, From) {
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
    let is_said = |name: &str| said.iter().any(|(kind, _)| kind == name);
    let from = match (is_said("PartialParsingSkipParsing"), is_said("PartialParsingEnabled")) {
        (true, _) => From::Cache,
        (_, true) => From::Both,
        _ => From::Files,
    };
    said.retain(|(kind, _)| kind.starts_with("Jinja") || kind.starts_with("Print"));
    // Threads write in any order.
    said.sort();
    (format!("{text}\n{said:?}"), from)
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

/// A project's files and settings as they were.
struct Saved {
    settings: dvt_project::ProjectSettings,
    files: std::collections::BTreeMap<PathBuf, Vec<u8>>,
}

impl Saved {
    fn of(case: &Case) -> Self {
        Self { settings: case.settings.clone(), files: files_of(case) }
    }

    fn restore(&self, case: &mut Case) {
        for path in files_of(case).into_keys().filter(|path| !self.files.contains_key(path)) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &self.files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        case.settings = self.settings.clone();
    }
}

/// All files but those in the target folder.
fn files_of(case: &Case) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![case.settings.project_dir.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
            } else {
                let bytes = fs::read(&path).unwrap();
                files.insert(path, bytes);
            }
        }
    }
    files
}

fn without_semantics(project: &str) -> String {
    let start = project.find("semantic_models:").unwrap();
    let end = start + project[start..].find("=== ").unwrap();
    format!("{}{}", &project[..start], &project[end..])
}

#[test]
fn what_is_remembered_is_what_would_be_read() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (edits, mut seed) = (number("DVT_CACHE_EDITS").unwrap_or(40), number("DVT_CACHE_SEED").unwrap_or(1));
    let (mut hits, mut reads, mut made, mut amended) = (0, 0, 0, 0u64);
    let is_error = |text: &str| !text.starts_with("{\"metadata\"");
    while made < edits {
        let mut random = Random(seed);
        let project = format!("{PROJECT}{MORE}");
        // The semantic layer looks at all models: every other project has none.
        let project = if seed % 2 == 0 { project } else { without_semantics(&project) };
        let mut case = Case::new(&project);
        write(
            &case.settings.project_dir.join("profiles.yml"),
            "shop: {target: dev, outputs: {dev: {type: postgres, dbname: d, schema: s, host: \"{{ env_var('HOST', 'h') }}\"}, \
             other: {type: mysql, schema: o}}}",
        );
        let mut done = vec![format!("DVT_CACHE_SEED={seed}")];
        let mut good = Saved::of(&case);
        let mut steps = 0;
        while steps < 25 && made < edits {
            steps += 1;
            let (cold, _) = outcome(&mut case, ParseCache::default());
            let mut is_kept = false;
            for again in 0..2 {
                let (warm, from) = outcome_from(&mut case, kept());
                // A reading that looked at the clock is put right each time, and never kept.
                let is_hit = from != From::Files;
                amended += u64::from(from == From::Both);
                // What can be remembered is, the second time at the latest.
                reads += usize::from(again == 1 && !is_error(&cold));
                is_kept = is_hit;
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
                        "the cache changes the result (reading {again}, from {from:?}) after\n{}\n\ncache: …{}…\n\nfull: …{}…",
                        done.join("\n"),
                        around(&warm),
                        around(&cold)
                    );
                }
            }
            // Of a project that is broken, or looks at the clock, little is to be learned: most often the edits are taken back.
            if !is_error(&cold) && is_kept {
                good = Saved::of(&case);
            } else if random.below(4) > 0 {
                done.push("all is as it was before it broke".to_owned());
                good.restore(&mut case);
            }
            for _ in 0..=random.below(2) {
                done.push(match random.below(3) {
                    0 => edit(&mut case, &mut random),
                    _ => daily_edit(&case, &mut random),
                });
                made += 1;
            }
        }
        seed += 1;
    }
    println!("{made} edits, {reads} readings without errors, {hits} of them remembered, {amended} put right");
    // The rest looked at the clock.
    assert!(amended > 0 || made < 100, "none of {made} edits was put right");
    assert!(hits * 2 > reads, "only {hits} of {reads} readings came out of the cache");
}

/// What it is, and the files that it writes or removes.
type DailyEdit = (&'static str, &'static [(&'static str, Option<&'static str>)]);

/// The edits of a day: each is read file by file, and gives what a full reading gives.
#[test]
fn an_edit_reads_again_what_it_changes() {
    let plain = without_semantics(&format!("{PROJECT}{MORE}"));
    let edits: &[DailyEdit] = &[
        ("other code", &[("models/plain/b.sql", Some("select 3 as id"))]),
        (
            "another config and another input",
            &[(
                "models/plain/c.sql",
                Some("{{ config(materialized='table', tags=['x']) }}select * from {{ ref('a') }}"),
            )],
        ),
        (
            "a line that a template writes",
            &[("models/plain/b.sql", Some("{% do log('b', info=true) %}select 1 as id"))],
        ),
        ("no line any more", &[("models/plain/b.sql", Some("select 1 as id"))]),
        ("a new model", &[("models/plain/new.sql", Some("select * from {{ ref('a') }}"))]),
        (
            "its description and tests",
            &[(
                "models/plain/new.yml",
                Some("models: [{name: new, description: n, columns: [{name: id, data_tests: [unique]}]}]"),
            )],
        ),
        ("a reader of it", &[("models/plain/c.sql", Some("select * from {{ ref('new') }}"))]),
        (
            "other tests",
            &[(
                "models/plain/one.yml",
                Some(
                    "models: [{name: a, columns: [{name: id, data_tests: [not_null]}]}, {name: b, config: {tags: [t]}}]",
                ),
            )],
        ),
        ("no tests", &[("models/plain/one.yml", Some("models: [{name: b}]"))]),
        (
            "tests again",
            &[(
                "models/plain/one.yml",
                Some("models: [{name: a, columns: [{name: id, data_tests: [not_null, unique]}]}]"),
            )],
        ),
        (
            "a model that goes, with its reader",
            &[
                ("models/plain/c.sql", Some("select * from {{ ref('a') }}")),
                ("models/plain/lone.sql", Some("select 1 as id")),
            ],
        ),
        (
            "a model that is renamed",
            &[("models/plain/lone.sql", None), ("models/plain/alone.sql", Some("select 1 as id"))],
        ),
        (
            "a model and its entry at once",
            &[
                (
                    "models/plain/two.yml",
                    Some("models: [{name: c}, {name: fourth, columns: [{name: id, data_tests: [unique]}]}]"),
                ),
                ("models/plain/fourth.sql", Some("select 1 as id")),
            ],
        ),
        ("both gone", &[("models/plain/two.yml", Some("models: [{name: c}]")), ("models/plain/fourth.sql", None)]),
        ("a description that goes", &[("models/plain/new.yml", None)]),
        (
            "a seed, a test, an analysis, a snapshot",
            &[
                ("seeds/countries_too.csv", Some("id\n2\n")),
                ("tests/plain.sql", Some("select * from {{ ref('a') }} where false")),
                ("analyses/plain.sql", Some("select * from {{ ref('c') }}")),
            ],
        ),
        ("a model of a package", &[("dbt_packages/tools/models/tool.sql", Some("select {{ tools.deep(1) }} as a"))]),
    ];
    let mut case = Case::new(&plain);
    outcome(&mut case, kept());
    for (what, files) in edits {
        for (path, text) in *files {
            let path = case.settings.project_dir.join(path);
            match text {
                Some(text) => write(&path, text),
                None => fs::remove_file(path).unwrap(),
            }
        }
        let (cold, _) = outcome(&mut case, ParseCache::default());
        let (warm, from) = outcome_from(&mut case, kept());
        assert!(warm == cold, "{what}: the cache changes the result");
        assert_eq!(from, From::Both, "{what}");
        assert_eq!(outcome_from(&mut case, kept()).1, From::Cache, "{what}, again");
    }
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
