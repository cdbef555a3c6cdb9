//! Reads macro files into a library.

use super::scan::{self, Block, ScanError};
use super::{
    Definition, DefinitionKind, DispatchConfig, DocsBlock, GLOBAL_PACKAGE, MacroFile, MacroLibrary, SnapshotBlock,
};
use crate::engine::ir::{Arg, Expr, ExprNode, FilterCall, MacroBody, Stmt, Target};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile, Span};
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Functions of dbt's context: a call of one is no call of a macro, whatever macros there are.
const CONTEXT_CALLS: &[&str] = &[
    "ref",
    "source",
    "config",
    "var",
    "env_var",
    "return",
    "fromjson",
    "tojson",
    "fromyaml",
    "toyaml",
    "set",
    "set_strict",
    "zip",
    "zip_strict",
    "log",
    "print",
    "diff_of_two_dicts",
    "local_md5",
];

const MACRO_BLOCKS: &[&str] = &["macro", "test", "data_test", "materialization", "snapshot", "docs"];

pub(super) fn load(
    files: &[MacroFile],
    root_project: &str,
    dispatch: DispatchConfig,
    internal_packages: &[&str],
) -> Result<MacroLibrary, Diagnostics> {
    let mut internal: Vec<String> =
        internal_packages.iter().filter(|package| **package != GLOBAL_PACKAGE).map(|&name| name.to_owned()).collect();
    internal.push(GLOBAL_PACKAGE.to_owned());
    let mut library = MacroLibrary {
        definitions: IndexMap::new(),
        packages: HashMap::new(),
        internal_packages: internal,
        internal: HashMap::new(),
        installed: HashMap::new(),
        root_project: root_project.to_owned(),
        dispatch,
    };
    let mut diagnostics = Diagnostics::default();
    let mut definitions = IndexMap::new();
    for file in files {
        for definition in read_file(file, &mut diagnostics) {
            add(definition, &mut definitions, &mut diagnostics);
        }
    }
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    for definition in definitions.values() {
        let macros = library.packages.entry(definition.package.clone()).or_default();
        macros.insert(definition.name.clone(), Arc::clone(definition));
        if !library.internal_packages.contains(&definition.package) {
            library.installed.insert(definition.name.clone(), Arc::clone(definition));
        }
    }
    for package in library.internal_packages.iter().rev() {
        if let Some(macros) = library.packages.get(package) {
            let macros = macros.iter().map(|(name, definition)| (name.clone(), Arc::clone(definition)));
            library.internal.extend(macros);
        }
    }
    library.definitions = definitions
        .into_iter()
        .map(|(unique_id, definition)| {
            let depends_on = static_dependencies(&library, &definition);
            (unique_id, Arc::new(Definition { depends_on, ..(*definition).clone() }))
        })
        .collect();
    // The lookup tables share the definitions that know their dependencies.
    let definitions = &library.definitions;
    for macros in library.packages.values_mut().chain([&mut library.internal]) {
        for definition in macros.values_mut() {
            if let Some(complete) = definitions.get(&definition.unique_id) {
                *definition = Arc::clone(complete);
            }
        }
    }
    Ok(library)
}

fn add(definition: Definition, definitions: &mut IndexMap<String, Arc<Definition>>, diagnostics: &mut Diagnostics) {
    if let Some(first) = definitions.get(&definition.unique_id) {
        let files = [&definition.span.file.path, &first.span.file.path];
        diagnostics.push(
            Diagnostic::error(
                "duplicate-macro",
                format!(
                    "dbt found multiple macros named \"{}\" in the project \"{}\": in {} and in {}",
                    definition.name, definition.package, files[0], files[1]
                ),
            )
            .label(definition.span.clone(), "defined again here")
            .label(first.span.clone(), "first defined here")
            .help("rename or remove one of them"),
        );
        return;
    }
    definitions.insert(definition.unique_id.clone(), Arc::new(definition));
}

fn read_file(file: &MacroFile, diagnostics: &mut Diagnostics) -> Vec<Definition> {
    let source = &file.file;
    let blocks = match scan::blocks(&source.text, MACRO_BLOCKS) {
        Ok(blocks) => blocks,
        Err(error) => {
            diagnostics.push(scan_diagnostic(source, error));
            return Vec::new();
        }
    };
    let mut definitions = Vec::with_capacity(blocks.len());
    for block in blocks {
        if matches!(block.kind, "snapshot" | "docs") {
            continue;
        }
        match read_definition(&file.package, source, &block) {
            Ok(definition) => definitions.push(definition),
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    definitions
}

fn scan_diagnostic(file: &Arc<SourceFile>, error: ScanError) -> Diagnostic {
    Diagnostic::error("jinja-syntax", error.message).label(Span::new(file, error.range), "")
}

/// What a block's header says.
struct Header {
    kind: DefinitionKind,
    name: String,
    /// The signature as text to parse, with places in the file.
    signature: Vec<(String, usize)>,
    supported_languages: Option<Vec<String>>,
}

/// A signature without the types of its parameters (`name: string`, `names: list[string] = []`), in pieces with their
/// places: what they say is for tools, not for the call.
fn without_types(text: &str, start: usize) -> Vec<(String, usize)> {
    let mut pieces = Vec::new();
    let mut from = 0;
    let (mut depth, mut in_default, mut quote) = (0usize, false, None);
    let mut characters = text.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        match (character, quote) {
            ('\\', Some(_)) => {
                characters.next();
            }
            (_, Some(open)) if character == open => quote = None,
            (_, Some(_)) => {}
            ('\'' | '"', None) => quote = Some(character),
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth = depth.saturating_sub(1),
            ('=', None) if depth == 1 => in_default = true,
            (',', None) if depth == 1 => in_default = false,
            (':', None) if depth == 1 && !in_default => {
                pieces.push((text[from..index].to_owned(), start + from));
                let mut brackets = 0usize;
                while let Some((_, next)) = characters.peek() {
                    match next {
                        '[' => brackets += 1,
                        ']' => brackets = brackets.saturating_sub(1),
                        ',' | '=' | ')' if brackets == 0 => break,
                        _ => {}
                    }
                    characters.next();
                }
                from = characters.peek().map_or(text.len(), |(next, _)| *next);
            }
            _ => {}
        }
    }
    pieces.push((text[from..].to_owned(), start + from));
    pieces
}

fn read_definition(package: &str, file: &Arc<SourceFile>, block: &Block) -> Result<Definition, Box<Diagnostic>> {
    let header = match block.kind {
        "materialization" => materialization_header(file, block)?,
        kind => {
            let text = &file.text[block.header.clone()];
            let start = block.header.start + text.len() - text.trim_start().len();
            let text = text.trim();
            let name: String = text.chars().take_while(|character| *character != '(').collect();
            let name = name.trim().to_owned();
            if !is_identifier(&name) || !text.ends_with(')') {
                return Err(Box::new(
                    Diagnostic::error("jinja-syntax", format!("`{kind}` needs a name and parameters in parentheses"))
                        .label(Span::new(file, block.header.clone()), "")
                        .help(format!("write `{{% {kind} name(parameter, other='default') %}}`")),
                ));
            }
            let (kind, prefix) = match kind {
                "macro" => (DefinitionKind::Macro, ""),
                _ => (DefinitionKind::Test, "test_"),
            };
            Header {
                kind,
                name: format!("{prefix}{name}"),
                signature: std::iter::once((prefix.to_owned(), start)).chain(without_types(text, start)).collect(),
                supported_languages: None,
            }
        }
    };
    let body = crate::syntax::parse_definition(file, &header.signature, block.body.clone())
        .map_err(|error| Box::new(error.diagnostic()))?;
    Ok(Definition {
        unique_id: format!("macro.{package}.{}", header.name),
        package: package.to_owned(),
        name: header.name,
        kind: header.kind,
        macro_sql: file.text[block.trimmed.clone()].to_owned(),
        arguments: body.parameters.iter().map(|parameter| parameter.name.to_string()).collect(),
        supported_languages: header.supported_languages,
        span: Span::new(file, block.whole.clone()),
        depends_on: Vec::new(),
        body,
    })
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|character: char| character.is_alphabetic() || character == '_')
        && name.chars().all(|character| character.is_alphanumeric() || character == '_')
}

/// `name, default` or `name, adapter='mysql', supported_languages=['sql']`.
fn materialization_header(file: &Arc<SourceFile>, block: &Block) -> Result<Header, Box<Diagnostic>> {
    let text = &file.text[block.header.clone()];
    let wrong =
        |message: &str| {
            Box::new(Diagnostic::error("jinja-syntax", message).label(Span::new(file, block.header.clone()), "").help(
                "write `{% materialization name, default %}` or `{% materialization name, adapter='postgres' %}`",
            ))
        };
    let mut parts = split_commas(text).into_iter();
    let name = parts.next().unwrap_or_default().trim().to_owned();
    if !is_identifier(&name) {
        return Err(wrong("`materialization` needs a name"));
    }
    let mut adapter = None;
    let mut languages = vec!["sql".to_owned()];
    for part in parts {
        let part = part.trim();
        if part == "default" {
            adapter = Some("default".to_owned());
            continue;
        }
        match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("adapter", value)) => adapter = Some(value.trim_matches(['\'', '"']).to_owned()),
            Some(("supported_languages", value)) => {
                languages = value
                    .trim_matches(['[', ']', '(', ')'])
                    .split(',')
                    .map(|language| language.trim().trim_matches(['\'', '"']).to_owned())
                    .filter(|language| !language.is_empty())
                    .collect();
            }
            _ => return Err(wrong("`materialization` knows `default`, `adapter='…'` and `supported_languages=[…]`")),
        }
    }
    let adapter = adapter.unwrap_or_else(|| "default".to_owned());
    let macro_name = format!("materialization_{name}_{adapter}");
    Ok(Header {
        kind: DefinitionKind::Materialization,
        signature: vec![(format!("{macro_name}()"), block.header.start)],
        name: macro_name,
        supported_languages: Some(languages),
    })
}

/// Splits at commas outside of brackets and quotes.
fn split_commas(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start) = (0i32, None, 0);
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

pub(super) fn snapshot_blocks(file: &Arc<SourceFile>) -> Result<Vec<SnapshotBlock>, Diagnostics> {
    let blocks = scan::blocks(&file.text, &["snapshot"]).map_err(|error| scan_diagnostic(file, error))?;
    Ok(blocks
        .into_iter()
        .map(|block| SnapshotBlock {
            name: file.text[block.header.clone()].trim().to_owned(),
            span: Span::new(file, block.whole),
            body: Span::new(file, block.body),
        })
        .collect())
}

pub(super) fn docs_blocks(file: &Arc<SourceFile>) -> Result<Vec<DocsBlock>, Diagnostics> {
    let blocks = scan::docs(&file.text).map_err(|error| scan_diagnostic(file, error))?;
    Ok(blocks
        .into_iter()
        .map(|block| DocsBlock {
            name: file.text[block.header.clone()].trim().to_owned(),
            text: file.text[block.body.clone()].trim().to_owned(),
            span: Span::new(file, block.whole),
        })
        .collect())
}

/// The macros that a body names: `name(…)`, `package.name(…)`, `adapter.dispatch('name', 'package')`.
fn static_dependencies(library: &MacroLibrary, definition: &Definition) -> Vec<String> {
    let mut walker = Walker {
        library,
        package: &definition.package,
        own_name: &definition.name,
        found: BTreeSet::new(),
        ordered: Vec::new(),
    };
    walker.macro_body(&definition.body);
    walker.ordered
}

struct Walker<'a> {
    library: &'a MacroLibrary,
    package: &'a str,
    /// A bare call of it is not noted: it is how a dispatched macro shows its own name.
    own_name: &'a str,
    found: BTreeSet<String>,
    ordered: Vec<String>,
}

impl Walker<'_> {
    fn add(&mut self, definition: Option<&Arc<Definition>>) {
        if let Some(definition) = definition
            && self.found.insert(definition.unique_id.clone())
        {
            self.ordered.push(definition.unique_id.clone());
        }
    }

    fn macro_body(&mut self, body: &MacroBody) {
        for parameter in &body.parameters {
            self.optional(parameter.default.as_ref());
        }
        self.statements(&body.body.statements);
    }

    fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            match statement {
                Stmt::Text { .. } | Stmt::Break | Stmt::Continue | Stmt::Refused { .. } => {}
                Stmt::Emit { expr, .. } | Stmt::Do(expr) => self.expr(expr),
                Stmt::For(loop_) => {
                    self.expr(&loop_.iterable);
                    self.optional(loop_.filter.as_ref());
                    self.statements(&loop_.body);
                    self.statements(&loop_.otherwise);
                }
                Stmt::If { condition, then, otherwise } => {
                    self.expr(condition);
                    self.statements(then);
                    self.statements(otherwise);
                }
                Stmt::With { assignments, body } => {
                    for (_, expr) in assignments {
                        self.expr(expr);
                    }
                    self.statements(body);
                }
                Stmt::Set { target, expr } => {
                    if let Target::Attribute(owner, _) = target {
                        self.expr(owner);
                    }
                    self.expr(expr);
                }
                Stmt::SetBlock { filters, body, .. } | Stmt::FilterBlock { filters, body } => {
                    for filter in filters {
                        self.filter(filter);
                    }
                    self.statements(body);
                }
                Stmt::Scope(body) => self.statements(body),
                Stmt::Macro(body) => self.macro_body(body),
                Stmt::CallBlock { call, caller, .. } => {
                    self.expr(call);
                    self.macro_body(caller);
                }
            }
        }
    }

    fn filter(&mut self, filter: &FilterCall) {
        self.args(&filter.args);
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            match arg {
                Arg::Positional(expr) | Arg::Keyword(_, expr) | Arg::Splat(expr) | Arg::KeywordSplat(expr) => {
                    self.expr(expr);
                }
            }
        }
    }

    fn optional(&mut self, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.expr(expr);
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Arg]) {
        match &callee.node {
            ExprNode::Name(name) if &**name == self.own_name || CONTEXT_CALLS.contains(&&**name) => {}
            ExprNode::Name(name) => self.add(self.library.lookup_static(self.package, name)),
            ExprNode::Attribute(owner, name) => match &owner.node {
                ExprNode::Name(package) if &**package == "adapter" && &**name == "dispatch" => self.dispatch(args),
                ExprNode::Name(package) if &**package != "adapter" => {
                    self.add(self.library.lookup_static(package, name))
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn dispatch(&mut self, args: &[Arg]) {
        let constant = |arg: Option<&Arg>| match arg {
            Some(Arg::Positional(Expr { node: ExprNode::Const(value), .. })) => value.as_str().map(str::to_owned),
            _ => None,
        };
        let keyword = |wanted: &str| {
            args.iter().find_map(|arg| match arg {
                Arg::Keyword(key, Expr { node: ExprNode::Const(value), .. }) if &**key == wanted => {
                    value.as_str().map(str::to_owned)
                }
                _ => None,
            })
        };
        let Some(name) = constant(args.first()).or_else(|| keyword("macro_name")) else {
            return;
        };
        // dbt also takes the dispatched name itself for a macro that might be called.
        if name != self.own_name {
            self.add(self.library.lookup_static(self.package, &name));
        }
        let namespace = constant(args.get(1)).or_else(|| keyword("macro_namespace"));
        let types = &self.library.dispatch.adapter_types;
        // Where no namespace says where to look, dbt takes the root project's before that of the package that asks.
        let defines = |package: &str, prefix: &str| {
            let full_name = format!("{prefix}__{name}");
            self.library.packages.get(package).is_some_and(|macros| macros.contains_key(&full_name))
        };
        let mut prefixes = types.iter().map(String::as_str).chain(["default"]);
        let first = prefixes.find_map(|prefix| {
            [self.library.root_project.as_str(), self.package].into_iter().find(|package| defines(package, prefix))
        });
        let asking = first.unwrap_or(self.package);
        if let Ok(definition) = self.library.dispatch(asking, types, &name, namespace.as_deref()) {
            self.add(Some(definition));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.node {
            ExprNode::Const(_) | ExprNode::Name(_) => {}
            ExprNode::Attribute(owner, _) => self.expr(owner),
            ExprNode::Item(owner, key) => {
                self.expr(owner);
                self.expr(key);
            }
            ExprNode::Slice { value, start, stop, step } => {
                self.expr(value);
                for part in [start, stop, step] {
                    self.optional(part.as_deref());
                }
            }
            ExprNode::Call(callee, args) => {
                self.call(callee, args);
                self.expr(callee);
                self.args(args);
            }
            ExprNode::Filter(value, filter) => {
                self.expr(value);
                self.filter(filter);
            }
            ExprNode::Test { value, args, .. } => {
                self.expr(value);
                self.args(args);
            }
            ExprNode::Not(value) | ExprNode::Negate(value) => self.expr(value),
            ExprNode::Binary(_, left, right) | ExprNode::And(left, right) | ExprNode::Or(left, right) => {
                self.expr(left);
                self.expr(right);
            }
            ExprNode::Compare(first, rest) => {
                self.expr(first);
                for (_, expr) in rest {
                    self.expr(expr);
                }
            }
            ExprNode::If { condition, then, otherwise } => {
                self.expr(condition);
                self.expr(then);
                self.optional(otherwise.as_deref());
            }
            ExprNode::List(items) | ExprNode::Tuple(items) => {
                for item in items {
                    self.expr(item);
                }
            }
            ExprNode::Dict(entries) => {
                for (key, value) in entries {
                    self.expr(key);
                    self.expr(value);
                }
            }
        }
    }
}
