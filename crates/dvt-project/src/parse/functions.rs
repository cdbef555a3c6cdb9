//! Functions: the files of the functions folder with their entries under `functions:`.
//!
//! Source: dbt docs, "User-defined functions"; checks and messages as dbt-core 1.12 has them.

use super::lookup::{Found, Lookup};
use super::patch::Descriptions;
use super::properties::PropertyEntry;
use super::resolve::Failed;
use super::session::Session;
use crate::check::Reader;
use crate::dbt_words::DbtKind;
use crate::yaml::Yaml;
use dvt_diagnostics::Diagnostic;
use dvt_manifest::{
    Disabled, FunctionArgument, FunctionCall, FunctionInfo, FunctionOverload, FunctionReturns, Manifest, Node,
    ResourceType, UniqueId,
};

/// The extensions of a function's file.
pub(crate) const EXTENSIONS: &[&str] = &["sql", "py", "js"];

/// The language that a file's extension stands for.
pub(crate) fn language(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("py") => "python",
        Some("js") => "javascript",
        _ => "sql",
    }
}

/// What an entry says of a function's arguments and result.
pub(crate) fn read_info(
    session: &Session<'_>,
    entry: &PropertyEntry,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> FunctionInfo {
    let mut info = FunctionInfo {
        arguments: read_arguments(session, entry, &entry.yaml, descriptions, problems),
        ..FunctionInfo::default()
    };
    match read_returns(session, entry, &entry.yaml, descriptions, problems) {
        Some(returns) => info.returns = returns,
        None => problems.push(
            invalid(entry, "'returns' is a required property")
                .label(entry.name_span.clone(), "this function")
                .help("add `returns: {data_type: …}`"),
        ),
    }
    let items: Vec<Yaml> =
        Reader { file: &entry.file, problems }.list(&entry.yaml, "overloads").map(<[Yaml]>::to_vec).unwrap_or_default();
    for item in &items {
        let Some(defined_in) = (Reader { file: &entry.file, problems }).text(item, "defined_in") else {
            problems.push(
                invalid(entry, "an overload needs 'defined_in'")
                    .label(super::properties::first_line(&entry.file, item), "this overload"),
            );
            continue;
        };
        info.overloads.push(FunctionOverload {
            defined_in,
            arguments: read_arguments(session, entry, item, descriptions, problems),
            returns: read_returns(session, entry, item, descriptions, problems),
            description: item.get_set("description").and_then(Yaml::scalar_text),
            raw_body: None,
            compiled_body: None,
        });
    }
    info
}

fn invalid(entry: &PropertyEntry, cause: &str) -> Diagnostic {
    Diagnostic::error(
        "invalid-function",
        format!("Invalid functions config given in {} @ functions: `{}` - {cause}", entry.original_path, entry.name),
    )
    .parsing_error()
}

fn description(
    session: &Session<'_>,
    entry: &PropertyEntry,
    yaml: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    yaml.get_set("description")?;
    Some(descriptions.read(session, entry, yaml, problems))
}

fn read_arguments(
    session: &Session<'_>,
    entry: &PropertyEntry,
    yaml: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<FunctionArgument> {
    let items: Vec<Yaml> =
        Reader { file: &entry.file, problems }.list(yaml, "arguments").map(<[Yaml]>::to_vec).unwrap_or_default();
    let mut arguments = Vec::with_capacity(items.len());
    for item in &items {
        let mut reader = Reader { file: &entry.file, problems };
        let (name, data_type) = (reader.text(item, "name"), reader.text(item, "data_type"));
        let (Some(name), Some(data_type)) = (name, data_type) else {
            problems.push(
                invalid(entry, "an argument needs 'name' and 'data_type'")
                    .label(super::properties::first_line(&entry.file, item), "this argument"),
            );
            continue;
        };
        arguments.push(FunctionArgument {
            name,
            data_type,
            description: description(session, entry, item, descriptions, problems),
            default_value: item.get_set("default_value").map(Yaml::to_json),
        });
    }
    arguments
}

fn read_returns(
    session: &Session<'_>,
    entry: &PropertyEntry,
    yaml: &Yaml,
    descriptions: &Descriptions<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<FunctionReturns> {
    let returns = yaml.get_set("returns")?;
    let Some(data_type) = (Reader { file: &entry.file, problems }).text(returns, "data_type") else {
        problems.push(
            invalid(entry, "`returns` needs 'data_type'").label(entry.span(returns), "what the function returns"),
        );
        return Some(FunctionReturns::default());
    };
    Some(FunctionReturns { data_type, description: description(session, entry, returns, descriptions, problems) })
}

/// Checks a function that has been read: the order of its arguments, its language.
pub(crate) fn check(session: &Session<'_>, manifest: &Manifest, problems: &mut Vec<Diagnostic>) {
    for node in manifest.functions.values() {
        let Some(info) = &node.function else { continue };
        let first_default = info.arguments.iter().position(|argument| argument.default_value.is_some());
        let late = first_default
            .and_then(|first| info.arguments[first..].iter().find(|argument| argument.default_value.is_none()));
        if let Some(argument) = late {
            problems.push(
                Diagnostic::error(
                    "function-arguments",
                    format!(
                        "Non-defaulted argument '{}' of function '{}' comes after a defaulted argument. \
                         Non-defaulted arguments cannot come after defaulted arguments. ",
                        argument.name, node.name
                    ),
                )
                .parsing_error()
                .label(node.span.clone(), "this function"),
            );
        }
        if node.language == "javascript" {
            let adapter_type = session
                .connections
                .get(&node.connection)
                .ok()
                .and_then(|connection| connection.facts.adapter_types.first().cloned())
                .unwrap_or_default();
            if !matches!(adapter_type.as_str(), "bigquery" | "snowflake") {
                problems.push(
                    Diagnostic::error(
                        "function-language",
                        format!(
                            "Function '{}' uses JavaScript, which is not supported on '{adapter_type}'. ",
                            node.name
                        ),
                    )
                    .parsing_error()
                    .label(node.span.clone(), "this function"),
                );
            }
        }
    }
}

/// Moves the files that are overloads into their functions, with what their bodies read.
pub(crate) fn absorb_overloads(manifest: &mut Manifest, problems: &mut Vec<Diagnostic>) {
    let roots: Vec<UniqueId> = manifest
        .functions
        .values()
        .filter(|node| node.function.as_ref().is_some_and(|info| !info.overloads.is_empty()))
        .map(|node| node.unique_id.clone())
        .collect();
    let mut owners: Vec<(UniqueId, UniqueId)> = Vec::new();
    for root in roots {
        // A function that was taken as another's overload is no function of its own.
        let Some(mut node) = manifest.functions.get(&root).cloned() else { continue };
        let Some(mut info) = node.function.take() else { continue };
        for overload in &mut info.overloads {
            let name = overload.defined_in.clone();
            if name == node.name {
                problems.push(
                    Diagnostic::error(
                        "function-overload",
                        format!("Function '{}' cannot list itself in overloads (defined_in: '{name}').", node.name),
                    )
                    .parsing_error()
                    .label(node.span.clone(), "this function"),
                );
                continue;
            }
            let id = format!("function.{}.{name}", node.package_name);
            match manifest.functions.shift_remove(&id) {
                Some(file) => {
                    overload.raw_body = Some(file.raw_code.clone());
                    merge_calls(&mut node, &file);
                    owners.push((id, root.clone()));
                }
                None => problems.push(missing_overload(&node, &name, &id, &owners)),
            }
        }
        node.function = Some(info);
        manifest.functions.insert(root, node);
    }
}

fn missing_overload(node: &Node, name: &str, id: &str, owners: &[(UniqueId, UniqueId)]) -> Diagnostic {
    let message = match owners.iter().find(|(taken, _)| taken == id) {
        Some((_, owner)) => format!(
            "Function overload '{name}' (defined_in) is already used by '{owner}'. Each overload file can only belong \
             to one root function."
        ),
        None => {
            format!("Function overload '{name}' (defined_in) not found. Expected a SQL file at functions/{name}.sql")
        }
    };
    Diagnostic::error("function-overload", message).parsing_error().label(node.span.clone(), "this function")
}

fn merge_calls(root: &mut Node, overload: &Node) {
    for call in &overload.refs {
        let is_known = root
            .refs
            .iter()
            .any(|known| (&known.name, &known.package, &known.version) == (&call.name, &call.package, &call.version));
        if !is_known {
            root.refs.push(call.clone());
        }
    }
    for call in &overload.sources {
        let is_known = root
            .sources
            .iter()
            .any(|known| (&known.source_name, &known.table_name) == (&call.source_name, &call.table_name));
        if !is_known {
            root.sources.push(call.clone());
        }
    }
    for call in &overload.functions {
        if !root.functions.iter().any(|known| (&known.name, &known.package) == (&call.name, &call.package)) {
            root.functions.push(call.clone());
        }
    }
    for id in &overload.depends_on.macros {
        if !root.depends_on.macros.contains(id) {
            root.depends_on.macros.push(id.clone());
        }
    }
}

/// Finds the functions that nodes call, and adds them to what the nodes depend on.
pub(crate) fn resolve_calls(manifest: &mut Manifest, lookup: &Lookup, failed: &Failed, problems: &mut Vec<Diagnostic>) {
    let mut resolved: Vec<(UniqueId, Vec<FunctionCall>)> = Vec::new();
    for node in manifest.nodes.values().chain(manifest.functions.values()) {
        if node.functions.is_empty() {
            continue;
        }
        let mut calls = node.functions.clone();
        for call in &mut calls {
            match lookup.find_function(&node.package_name, call.package.as_deref(), &call.name) {
                Found::Id(id) => call.unique_id = Some(id.clone()),
                Found::Disabled => problems.push(unknown(node, call, true)),
                Found::Nothing if failed.nodes.contains(&call.name) => {}
                Found::Nothing => problems.push(unknown(node, call, false)),
            }
        }
        resolved.push((node.unique_id.clone(), calls));
    }
    for (id, calls) in resolved {
        let node = match manifest.nodes.get_mut(&id) {
            Some(node) => Some(node),
            None => manifest.functions.get_mut(&id),
        };
        let Some(node) = node else { continue };
        for id in calls.iter().filter_map(|call| call.unique_id.as_ref()) {
            if !node.depends_on.nodes.contains(id) {
                node.depends_on.nodes.push(id.clone());
            }
        }
        node.functions = calls;
    }
}

fn unknown(node: &Node, call: &FunctionCall, is_disabled: bool) -> Diagnostic {
    let why = if is_disabled { "which is disabled" } else { "which was not found" };
    Diagnostic::error(
        "unknown-function",
        format!("{} '{}' depends on a function named '{}' {why}", capitalized(node), node.unique_id, call.name),
    )
    .compilation_error()
    .label(call.span.clone(), "called here")
    .help("put its body into the functions folder and describe it under `functions:`")
}

fn capitalized(node: &Node) -> String {
    let kind = node.resource_type.as_str();
    let mut letters = kind.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Puts a parsed function into its map.
pub(crate) fn add(manifest: &mut Manifest, node: Node, problems: &mut Vec<Diagnostic>) {
    debug_assert_eq!(node.resource_type, ResourceType::Function);
    if !node.config.enabled() {
        manifest.disabled.entry(node.unique_id.clone()).or_default().push(Disabled::Node(Box::new(node)));
        return;
    }
    if let Some(first) = manifest.functions.get(&node.unique_id) {
        problems.push(
            Diagnostic::error("duplicate-name", format!("dbt found two functions with the name \"{}\".", node.name))
                .label(node.span.clone(), "this one")
                .label(first.span.clone(), "the other")
                .help("rename or remove one of them"),
        );
        return;
    }
    manifest.functions.insert(node.unique_id.clone(), node);
}
