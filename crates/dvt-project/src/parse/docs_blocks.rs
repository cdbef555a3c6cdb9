//! The docs blocks of all packages, and dbt's own overview page.

use crate::cache::Files;
use crate::files::Ignore;
use crate::render::ValueRenderer;
use dvt_diagnostics::Diagnostic;
use dvt_jinja::{DocsBlock, MacroLibrary, ValueMode};
use dvt_manifest::{Doc, UniqueId};
use indexmap::IndexMap;
use serde_json::Value;

/// What the docs site opens with when the project has no block of this name.
const OVERVIEW: &str = "### Welcome\n\nThis is the documentation of your project.\n\n\
    #### Finding things\n\n\
    *Project* shows models, sources, seeds and tests by the folders of their files. *Database* shows the relations by \
    database and schema. A node's page holds its description, columns, tests, code and compiled code.\n\n\
    #### Lineage\n\n\
    The graph shows what a node reads and what reads it. Selection syntax narrows it: `+orders` is `orders` with all \
    that is before it.\n\n\
    Write a docs block named `__overview__` to replace this page.";

/// The docs blocks of all packages, dbt's first.
pub(crate) fn read_docs(
    files: &Files,
    packages: &[crate::Package],
    ignores: &[Ignore],
    renderers: &[ValueRenderer],
    problems: &mut Vec<Diagnostic>,
) -> IndexMap<UniqueId, Doc> {
    let mut docs = IndexMap::new();
    let overview = Doc {
        unique_id: "doc.dbt.__overview__".to_owned(),
        name: "__overview__".to_owned(),
        package_name: "dbt".to_owned(),
        path: "overview.md".to_owned(),
        original_file_path: "docs/overview.md".to_owned(),
        block_contents: OVERVIEW.to_owned(),
    };
    docs.insert(overview.unique_id.clone(), overview);
    for (index, ((package, ignore), renderer)) in packages.iter().zip(ignores).zip(renderers).enumerate() {
        let found = match files.find(index, &package.root, &package.project.docs_paths, &["md"], ignore) {
            Ok(found) => found,
            Err(diagnostics) => {
                problems.extend(diagnostics);
                continue;
            }
        };
        for found in found {
            let shown = super::session::shown_in(&package.root, &packages[0].root, &found.original_path);
            let file = match files.text(&found.absolute, &shown) {
                Ok(Some(file)) => file,
                Ok(None) => continue,
                Err(diagnostic) => {
                    problems.push(diagnostic);
                    continue;
                }
            };
            if !file.text.contains("{%") {
                continue;
            }
            let blocks = match MacroLibrary::docs_blocks(&file) {
                Ok(blocks) => blocks,
                Err(diagnostics) => {
                    problems.extend(diagnostics.0);
                    continue;
                }
            };
            for block in blocks {
                let unique_id = format!("doc.{}.{}", package.name, block.name);
                let doc = Doc {
                    unique_id: unique_id.clone(),
                    name: block.name.clone(),
                    package_name: package.name.clone(),
                    path: found.relative_path.clone(),
                    original_file_path: found.original_path.clone(),
                    block_contents: contents(&block, renderer, problems),
                };
                if let Some(first) = docs.insert(unique_id, doc) {
                    let first: Doc = first;
                    problems.push(
                        Diagnostic::error(
                            "duplicate-doc",
                            format!("dbt found two docs with the same name: \"{}\"", block.name),
                        )
                        .label(block.span, "this one")
                        .note(format!("the other is in {}", first.original_file_path))
                        .help("rename one of them"),
                    );
                }
            }
        }
    }
    docs
}

/// A block's text; the Jinja in it is rendered, so that `{% raw %}` works in it.
fn contents(block: &DocsBlock, renderer: &ValueRenderer, problems: &mut Vec<Diagnostic>) -> String {
    match renderer.forgiving_text(&block.text, &block.span, ValueMode::Text) {
        Ok(Value::String(text)) => text.trim().to_owned(),
        Ok(other) => other.to_string(),
        Err(diagnostic) => {
            problems.push(diagnostic);
            String::new()
        }
    }
}
