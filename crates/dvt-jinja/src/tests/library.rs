//! Loading: definitions, headers, duplicates, blocks.

use super::support::{check_in, library};
use crate::library::GLOBAL_PACKAGE;
use crate::{DefinitionKind, DispatchConfig, MacroFile, MacroLibrary, builtin_macro_files};
use dvt_diagnostics::{Diagnostics, SourceFile};

fn load(text: &str) -> Result<MacroLibrary, Diagnostics> {
    let file = MacroFile::new("shop", SourceFile::new("macros/m.sql", text));
    MacroLibrary::load(&[file], "shop", DispatchConfig::default(), &[])
}

#[test]
fn every_builtin_file_is_listed_and_loads() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("macros");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                found.push(format!("dbt/macros/{}", path.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    let mut listed: Vec<String> = builtin_macro_files().iter().map(|file| file.file.path.clone()).collect();
    found.sort();
    listed.sort();
    assert_eq!(found, listed);
    assert!(library(&[]).get("macro.dbt.materialization_table_default").is_some());
}

#[test]
fn every_dispatched_builtin_has_a_default() {
    let library = library(&[]);
    for definition in library.definitions().filter(|definition| definition.package == GLOBAL_PACKAGE) {
        for (index, _) in definition.macro_sql.match_indices("adapter.dispatch('") {
            let name = definition.macro_sql[index + 18..].split('\'').next().unwrap();
            assert!(
                library.get(&format!("macro.dbt.default__{name}")).is_some(),
                "{} dispatches {name}",
                definition.name
            );
        }
    }
}

#[test]
fn definitions_say_what_they_are() {
    let text = "{#- doc -#}\n{% macro one(a, b=[1]) -%}\n{{ two() }}{{ dbt.run_query('x') }}\n{%- endmacro %}\n{% macro two() %}{% endmacro %}\n{% test big(model, column_name) %}select 1{% endtest %}\n{% materialization odd, adapter='mysql', supported_languages=['sql', 'python'] %}x{% endmaterialization %}";
    let library = library(&[("shop", "macros/m.sql", text)]);
    let one = library.get("macro.shop.one").unwrap();
    assert_eq!(one.arguments, ["a", "b"]);
    assert_eq!(one.macro_sql, "{% macro one(a, b=[1]) -%}\n{{ two() }}{{ dbt.run_query('x') }}\n{%- endmacro %}");
    assert_eq!(one.depends_on, ["macro.shop.two", "macro.dbt.run_query"]);
    assert_eq!(one.span.file.line_column(one.span.range.start), (2, 1));
    let test = library.find_test("shop", None, "big").unwrap();
    assert_eq!((test.kind, test.name.as_str(), test.arguments.len()), (DefinitionKind::Test, "test_big", 2));
    let odd = library.find_materialization("odd", &["mariadb".to_owned(), "mysql".to_owned()]).unwrap();
    assert_eq!((odd.name.as_str(), odd.supported_languages.as_ref().unwrap().len()), ("materialization_odd_mysql", 2));
    assert!(library.find_materialization("odd", &["postgres".to_owned()]).is_none());
}

#[test]
fn a_projects_materialization_wins_over_the_builtin() {
    let own = "{% materialization table, default %}{{ return({'relations': []}) }}{% endmaterialization %}";
    let types = ["postgres".to_owned()];
    assert_eq!(library(&[("shop", "m.sql", own)]).find_materialization("table", &types).unwrap().package, "shop");
    // A package may not do so by itself.
    assert_eq!(library(&[("tools", "m.sql", own)]).find_materialization("table", &types).unwrap().package, "dbt");
}

#[test]
fn malformed_files_are_diagnosed_at_their_place() {
    for (text, message, place) in [
        ("\n{% macro m() %}\n{{ 1 + }}\n{% endmacro %}", "Expected an expression, got 'end of print statement'", "3:8"),
        ("{% macro m() %}", "`{% macro %}` is not closed: `{% endmacro %}` is missing", "1:1"),
        ("{% macro m %}{% endmacro %}", "`macro` needs a name and parameters in parentheses", "1:9"),
        ("{% materialization %}{% endmaterialization %}", "`materialization` needs a name", "1:19"),
        ("{# open", "comment is not closed: `#}` is missing", "1:1"),
        ("{% macro m() %}{{ 'x }}{% endmacro %}", "string literal is not closed", "1:19"),
        ("{% macro m(a=1, b) %}{% endmacro %}", "expected token '=', got ')'", "1:18"),
    ] {
        let diagnostics = load(text).unwrap_err();
        let line = diagnostics.0[0].to_string();
        assert!(line.contains(message) && line.starts_with(&format!("macros/m.sql:{place}")), "{text}\n{line}");
    }
}

#[test]
fn a_name_defined_twice_is_an_error() {
    let diagnostics =
        load("{% macro m() %}{% endmacro %}\n{% macro m() %}{% endmacro %}\n{% macro ok( %}{% endmacro %}")
            .unwrap_err();
    let lines: Vec<String> = diagnostics.0.iter().map(ToString::to_string).collect();
    let twice = "macros/m.sql:2:1: error[duplicate-macro]: dbt found multiple macros named \"m\"";
    assert!(lines.iter().any(|line| line.starts_with(twice)), "{lines:?}");
    assert_eq!(lines.len(), 2, "both mistakes are reported: {lines:?}");
}

#[test]
fn tags_inside_strings_comments_and_raw_are_text() {
    let text =
        "{% macro m() %}{{ '{% endmacro %}' }}{# {% endmacro %} #}{% raw %}{% endmacro %}{% endraw %}{% endmacro %}";
    check_in(&library(&[("shop", "m.sql", text)]), "{{ m() }}", "{% endmacro %}{% endmacro %}");
}

#[test]
fn macro_bodies_keep_their_line_ends_and_trims() {
    let text = "{% macro a() %}\nx\n{% endmacro %}{% macro b() -%}\n  x\n{%- endmacro %}";
    check_in(&library(&[("shop", "m.sql", text)]), "[{{ a() }}][{{ b() }}]", "[\nx\n][x]");
}

#[test]
fn docs_and_snapshots_are_blocks() {
    let file =
        SourceFile::new("docs.md", "# T\n{% docs a %}\nhello {{ brace\n{% enddocs %}\n{% docs b %}x{% enddocs %}");
    let blocks = MacroLibrary::docs_blocks(&file).unwrap();
    assert_eq!(
        blocks.iter().map(|block| (block.name.as_str(), block.text.as_str())).collect::<Vec<_>>(),
        [("a", "hello {{ brace"), ("b", "x")]
    );
    let file = SourceFile::new("s.sql", "{% snapshot s %}{{ config(x=1) }}select 1{% endsnapshot %}");
    let blocks = MacroLibrary::snapshot_blocks(&file).unwrap();
    assert_eq!((blocks[0].name.as_str(), &file.text[blocks[0].body.range.clone()]), ("s", "{{ config(x=1) }}select 1"));
}

/// The macro files that the leaves ship, read from their folders.
fn adapter_files(folder: &str, package: &str) -> Vec<MacroFile> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push(MacroFile::new(package, SourceFile::new(path.display().to_string(), text)));
            }
        }
    }
    files
}

#[test]
fn adapter_packages_override_dispatch_points_that_exist() {
    for (folder, package) in [
        ("dvt-adapter-postgres/macros/postgres", "dbt_postgres"),
        ("dvt-adapter-mysql/macros", "dbt_mysql"),
        ("dvt-adapter-sqlite/macros", "dbt_sqlite"),
        ("dvt-adapter-lake/macros", "dbt_filesystem"),
    ] {
        let mut files = builtin_macro_files();
        files.extend(adapter_files(folder, package));
        let library = match MacroLibrary::load(&files, "shop", DispatchConfig::default(), &[package]) {
            Ok(library) => library,
            Err(diagnostics) => panic!("{diagnostics}"),
        };
        let own: Vec<_> = library.definitions().filter(|definition| definition.package == package).collect();
        for definition in &own {
            let Some((_, point)) = definition.name.split_once("__").filter(|(prefix, _)| !prefix.is_empty()) else {
                continue;
            };
            let is_point = library.get(&format!("macro.dbt.default__{point}")).is_some();
            let is_helper = own.iter().any(|other| other.depends_on.contains(&definition.unique_id));
            let is_of_a_later_issue = ["snapshot", "merge", "incremental", "materialized_view"];
            let is_later = is_of_a_later_issue.iter().any(|word| point.contains(word));
            assert!(is_point || is_helper || is_later, "{} overrides no dispatch point", definition.unique_id);
        }
    }
}
