//! Reads a whole project: packages, macros, properties, nodes; then the graph.

mod amend;
mod checks;
mod collect;
mod config;
mod config_rules;
mod connections;
mod contracts;
pub(crate) mod dates;
mod described;
mod descriptions;
mod docs_blocks;
mod draft;
mod exposures;
mod external;
mod fixtures;
mod functions;
mod generic_test;
mod layering;
mod lookup;
mod names;
mod naming;
mod others;
mod packages;
mod patch;
mod properties;
mod python_model;
pub(crate) mod python_text;
mod reading;
pub(crate) use python_text::python_repr;
mod resolve;
mod semantic;
mod session;
mod source_overrides;
mod sources;
mod static_parse;
mod test_drafts;
mod unit_tests;
pub(crate) mod version;

use crate::cache::{Files, Memory, Origin, Recalled, Remembered, hash_of};
use crate::files::{FoundFile, Ignore};
use crate::render::{ValueRenderer, invocation, metadata_envs};
use crate::{AdapterSupport, ConfigFiles, Package, Project, ProjectSettings, ReadingFigures};
use config::ConfigTrees;
use connections::Connections;
use described::Described;
use draft::{Draft, Parsed, parse_draft};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, Severity, SourceFile, kinds};
use dvt_jinja::{DispatchConfig, LogLine, MacroFile, MacroLibrary, builtin_macro_files};
use dvt_manifest::{Disabled, Manifest, ManifestMetadata, ResourceType};
use patch::Descriptions;
use properties::{PropertyEntry, Section, read_properties};
use resolve::Failed;
pub(crate) use session::shown_in;
use session::{Session, package_vars};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The stack of a thread that renders: macros call each other deeply.
const RENDER_STACK_BYTES: usize = 16 * 1024 * 1024;

/// Reads the project behind these configuration files.
///
/// # Errors
/// Everything that is wrong in it, in the order of files and lines.
pub fn load_project(
    settings: &ProjectSettings,
    config: ConfigFiles,
    support: &AdapterSupport<'_>,
) -> Result<Project, Diagnostics> {
    let mut problems = config.warnings.clone();
    let packages = packages::find_packages(settings, &config, &mut Vec::new(), &mut problems);
    version::check_versions(settings, &packages, &mut problems);
    if let Some(output) = config.profile.outputs.get(&config.profile.target) {
        crate::load::catalogs::check(settings, &config, &output.adapter_type, &mut problems)?;
    }
    let (mut manifest, library, connections, invocation, figures) =
        match read(settings, &config, &packages, support, &mut problems) {
            Some(read) if !has_errors(&problems) => read,
            _ => return Err(in_order(problems)),
        };
    let target = connections.get(&config.profile.target);
    let selectors = crate::load::read_selectors(settings, &config.project.root, target, &mut problems)?;
    manifest.selectors = selectors.to_json().clone();
    Ok(Project {
        selectors: Arc::new(selectors),
        packages,
        macro_library: library,
        manifest,
        connections,
        invocation,
        warnings: in_order(problems).0,
        config,
        figures,
    })
}

fn has_errors(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// By file and line, errors and warnings together; the same thing said twice (by two threads) once.
fn in_order(mut problems: Vec<Diagnostic>) -> Diagnostics {
    let place = |problem: &Diagnostic| {
        problem.labels.first().map(|label| (label.span.file.path.clone(), label.span.range.start))
    };
    problems.sort_by_cached_key(place);
    let mut unique: Vec<Diagnostic> = Vec::with_capacity(problems.len());
    for problem in problems {
        // What templates say, they say as often as they like.
        if problem.id == "template-warning" || !unique.contains(&problem) {
            unique.push(problem);
        }
    }
    Diagnostics(unique)
}

type Read = (
    Manifest,
    Arc<MacroLibrary>,
    dvt_manifest::IndexMap<String, crate::ConnectionFacts>,
    Arc<dvt_jinja::Invocation>,
    ReadingFigures,
);

fn read(
    settings: &ProjectSettings,
    config: &ConfigFiles,
    packages: &[Package],
    support: &AdapterSupport<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Read> {
    let before = problems.len();
    let invocation = invocation(settings);
    let connections = Connections::new(&config.profile, support);
    let default = match connections.get(connections.default_name()) {
        Ok(default) => default,
        Err(diagnostic) => {
            problems.push(diagnostic);
            return None;
        }
    };
    let allows = config.project.flags.get("allow_jinja_file_extensions").and_then(serde_json::Value::as_bool);
    let files = Files::new(allows.unwrap_or(false));
    let ignores: Vec<Ignore> = packages
        .iter()
        .map(|package| {
            let shown = shown_in(&package.root, &packages[0].root, "");
            Ignore::read(&files, &package.root, &shown).unwrap_or_else(|diagnostic| {
                problems.push(diagnostic);
                Ignore::default()
            })
        })
        .collect();
    let adapter_types = &default.facts.adapter_types;
    let macros = |problems: &mut Vec<Diagnostic>| {
        read_macros(&files, config, packages, &ignores, support, adapter_types, problems)
    };
    let facts = |name: &str| {
        let facts = connections.get(name).ok()?.facts;
        // A dialect is told by its name: its functions have other addresses in each process.
        Some(hash_of(&(&facts.adapter_types, &facts.target, facts.dialect.name, facts.dialect.quote)))
    };
    let memory = Memory {
        settings,
        config,
        packages,
        macro_packages: support.macro_packages.iter().map(|(name, _)| name.as_str()).collect(),
        ignores: &ignores,
        files: &files,
        invocation: &invocation,
        connection: &facts,
    };
    let earlier = match memory.recall() {
        Recalled::Same(remembered) => {
            let mut manifest = remembered.manifest;
            manifest.metadata = metadata(settings, config, &connections);
            connections::say(remembered.lines.iter().map(|(_, line)| line), &settings.events);
            problems.extend(remembered.problems.into_iter().map(|(_, problem)| problem));
            let library = macros(problems)?;
            let figures = ReadingFigures { paths: files.count(), parsed: 0 };
            return Some((manifest, Arc::new(library), connections.used(), invocation, figures));
        }
        Recalled::But(remembered, changes) => Some((remembered, *changes, files.take_questions())),
        Recalled::Nothing => {
            // What an earlier reading used is nothing to this one.
            connections.forget();
            None
        }
    };
    // The questions of a proof that did not hold are forgotten, and these are part of every proof.
    for package in packages {
        let shown = shown_in(&package.root, &packages[0].root, "");
        problems.extend(Ignore::read(&files, &package.root, &shown).err());
    }
    let target = &default.facts.target;
    let project_vars = vec![settings.vars.clone(), config.project.vars_file.clone()];
    let project_renderer = ValueRenderer::new(&invocation, project_vars, Some(target));
    let adapter_type = target.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    let trees = packages
        .iter()
        .map(|package| ConfigTrees::render(&package.project, &project_renderer, adapter_type, problems))
        .collect();
    let vars: Vec<_> =
        (0..packages.len()).map(|index| Arc::new(package_vars(&settings.vars, packages, index))).collect();
    let renderers: Vec<ValueRenderer> =
        vars.iter().map(|vars| ValueRenderer::new(&invocation, vars.layers.clone(), Some(target))).collect();
    let library = macros(problems);
    let docs = Arc::new(docs_blocks::read_docs(&files, packages, &ignores, &renderers, problems));
    // Without macros nothing can be rendered: every model would fail for the same reason.
    let Some(library) = library else {
        let mut entries = read_all_properties(&files, packages, &ignores, &renderers, &mut Vec::new(), problems);
        source_overrides::apply(packages, &mut entries, problems);
        fixtures::Fixtures::read(&files, packages, &ignores, problems);
        return None;
    };
    let session = Session {
        settings,
        config,
        packages,
        trees,
        vars,
        connections: &connections,
        names: names::NameMacros::new(&library),
        library: Arc::new(library),
        invocation: Arc::clone(&invocation),
        files: &files,
        now: settings.started_at.timestamp_micros() as f64 / 1_000_000.0,
    };
    if let Some((remembered, changes, asked)) = earlier
        && !has_errors(&problems[before..])
    {
        let parts = files.take_questions();
        let amended = amend::amend(&session, &docs, &renderers, &ignores, *remembered, &changes);
        if let Some(Remembered { mut manifest, problems: said, lines }) = amended {
            memory.say_amended(&changes);
            let parsed = changes.files.len() + changes.seeds.len();
            files.put_questions(parts);
            files.put_questions(asked);
            files.forget_removed(&changes);
            memory.note_again(changes.noted);
            connections::say(lines.iter().map(|(_, line)| line), &settings.events);
            problems.extend(said.iter().map(|(_, problem)| problem.clone()));
            memory.keep(&manifest, said, lines, &connections.known());
            manifest.metadata = metadata(settings, config, &connections);
            let library = Arc::clone(&session.library);
            drop(session);
            let figures = ReadingFigures { paths: files.count(), parsed };
            return Some((manifest, library, connections.used(), invocation, figures));
        }
        // What the attempt asked is no part of a full reading.
        files.forget_questions();
        files.put_questions(parts);
        connections.forget();
    }
    let fixtures = fixtures::Fixtures::read(&files, packages, &ignores, problems);
    let mut origins = Vec::new();
    let mut entries = read_all_properties(&files, packages, &ignores, &renderers, &mut origins, problems);
    source_overrides::apply(packages, &mut entries, problems);
    let described = DescribedFiles { docs: &docs, fixtures: &fixtures };
    let (manifest, lines) = build_manifest(&session, described, &entries, &ignores, &renderers, &mut origins, problems);
    let library = Arc::clone(&session.library);
    drop(session);
    if !has_errors(problems) {
        memory.keep(&manifest, with_origins(problems, before, origins), lines, &connections.known());
    }
    let paths = files.count();
    Some((manifest, library, connections.used(), invocation, ReadingFigures { paths, parsed: paths }))
}

/// Which part of the reading added the problems between two places of the list.
type Origins = Vec<(std::ops::Range<usize>, Origin)>;

/// The problems from `start` on, each with its origin.
fn with_origins(problems: &[Diagnostic], start: usize, origins: Origins) -> Vec<(Origin, Diagnostic)> {
    let mut said: Vec<(Origin, Diagnostic)> =
        problems[start..].iter().map(|problem| (Origin::Project, problem.clone())).collect();
    for (range, origin) in origins {
        for (known, _) in said.iter_mut().skip(range.start - start).take(range.len()) {
            *known = origin.clone();
        }
    }
    said
}

/// What was read before the nodes: docs blocks and rows of unit tests.
struct DescribedFiles<'a> {
    docs: &'a Arc<dvt_manifest::IndexMap<String, dvt_manifest::Doc>>,
    fixtures: &'a fixtures::Fixtures,
}

fn build_manifest(
    session: &Session<'_>,
    files: DescribedFiles<'_>,
    entries: &[PropertyEntry],
    ignores: &[Ignore],
    renderers: &[ValueRenderer],
    origins: &mut Origins,
    problems: &mut Vec<Diagnostic>,
) -> (Manifest, Vec<(Origin, LogLine)>) {
    let descriptions = Descriptions::new(files.docs, session.packages, renderers);
    let mut described = Described::new(session, entries, problems);
    let mut drafts = Vec::new();
    for (package, ignore) in ignores.iter().enumerate() {
        drafts.extend(collect::file_drafts(session, package, ignore, &described, &|_| true, problems));
        drafts.extend(others::hook_drafts(session, package));
    }
    drafts.extend(collect::yaml_snapshot_drafts(session, entries));
    described.adopt(session, &mut drafts);
    let mut manifest =
        Manifest { metadata: metadata(session.settings, session.config, session.connections), ..Manifest::default() };
    let mut failed = Failed::default();
    let mut lines = Vec::new();
    let said = Said { origins: &mut *origins, lines: &mut lines, problems: &mut *problems };
    parse_all(session, drafts, &descriptions, &mut manifest, &mut failed, said);
    for entry in entries.iter().filter(|entry| entry.section == Section::Sources) {
        let before = problems.len();
        for source in sources::read_source(session, entry, &descriptions, problems) {
            if let Some(first) = manifest.sources.get(&source.unique_id) {
                problems.push(
                    Diagnostic::error(
                        "duplicate-source",
                        format!(
                            "dbt found two sources with the name \"{0}_{1}\". Since these resources have the same name, \
                             dbt will be unable to find the correct resource when looking for source(\"{0}\", \
                             \"{1}\").",
                            source.source_name, source.name
                        ),
                    )
                    .label(source.span.clone(), format!("again in {}", source.original_file_path))
                    .label(first.span.clone(), format!("first in {}", first.original_file_path))
                    .help("keep one of the two"),
                );
            } else if source.config.enabled() {
                manifest.sources.insert(source.unique_id.clone(), source);
            } else {
                manifest.disabled.entry(source.unique_id.clone()).or_default().push(Disabled::Source(Box::new(source)));
            }
        }
        if has_errors(&problems[before..]) {
            failed.sources.insert(entry.name.clone());
        }
    }
    let mut tests = Vec::new();
    for of_file in entries.chunk_by(|left, right| Arc::ptr_eq(&left.file, &right.file)) {
        let start = problems.len();
        tests.extend(test_drafts::generic_test_drafts(session, of_file, &manifest, renderers, &descriptions, problems));
        if let Some(entry) = of_file.first().filter(|_| problems.len() > start) {
            origins.push((start..problems.len(), Origin::Properties(entry.file.path.clone())));
        }
    }
    let said = Said { origins, lines: &mut lines, problems: &mut *problems };
    parse_all(session, tests, &descriptions, &mut manifest, &mut failed, said);
    others::add_described(session, entries, files.fixtures, &descriptions, &mut manifest, problems);
    manifest.macros = others::manifest_macros(session, entries, &descriptions, problems);
    described.warn_unmatched(&manifest, session, &failed, problems);
    manifest.docs = (**files.docs).clone();
    functions::absorb_overloads(&mut manifest, problems);
    functions::check(session, &manifest, problems);
    semantic::read_time_spines(session, entries, &mut manifest, problems);
    semantic::read_all(session, entries, &descriptions, &mut manifest, problems);
    semantic::osi::read(session, &ignores[0], &mut manifest, problems);
    resolve::resolve(session, &mut manifest, &failed, problems);
    let lookup = lookup::Lookup::new(&manifest);
    functions::resolve_calls(&mut manifest, &lookup, &failed, problems);
    semantic::resolve(&mut manifest, &lookup, &failed, problems);
    unit_tests::resolve(session, &mut manifest, &lookup, &failed, problems);
    if !has_errors(problems) {
        semantic::check(session, &manifest, problems);
    }
    naming::place_singular_tests(session, &mut manifest, problems);
    resolve::infer_primary_keys(&mut manifest);
    lines.extend(session.connections.take_lines().into_iter().map(|line| (Origin::Project, line)));
    connections::say(lines.iter().map(|(_, line)| line), &session.settings.events);
    problems.extend(connections::warnings(lines.iter().map(|(_, line)| line)));
    problems.extend(session.invocation.uses.so_far().itertools.then(itertools_warning));
    if !has_errors(problems) {
        let (fqns, disabled) = all_fqns(&manifest);
        session.trees[0].warn_unused(&fqns, &disabled, problems);
    }
    checks::write_begins(&mut manifest);
    checks::check(session, &manifest, problems);
    if !has_errors(problems) {
        resolve::check_graph(session, &manifest, problems);
    }
    (manifest, lines)
}

/// The parts of a node's full name.
type Fqn = Vec<String>;

/// The names of everything that is on, by kind; and the names of everything that is off.
fn all_fqns(manifest: &Manifest) -> (Vec<(ResourceType, Fqn)>, Vec<Fqn>) {
    let nodes = manifest.nodes.values().chain(manifest.functions.values());
    let nodes = nodes.map(|node| (node.resource_type, node.fqn.clone()));
    let sources = manifest.sources.values().map(|source| (ResourceType::Source, source.fqn.clone()));
    let exposures = manifest.exposures.values().map(|exposure| (ResourceType::Exposure, exposure.fqn.clone()));
    let unit_tests = manifest.unit_tests.values().map(|test| (ResourceType::UnitTest, test.fqn.clone()));
    let semantic = [&manifest.metrics, &manifest.semantic_models, &manifest.saved_queries];
    let semantic = semantic.into_iter().flat_map(|map| map.values()).map(|node| (node.resource_type, node.fqn.clone()));
    let disabled = manifest.disabled.values().flatten().map(|entry| match entry {
        Disabled::Node(node) => node.fqn.clone(),
        Disabled::Source(source) => source.fqn.clone(),
        Disabled::Exposure(exposure) => exposure.fqn.clone(),
        Disabled::Semantic(node) => node.fqn.clone(),
        Disabled::UnitTest(unit_test) => unit_test.fqn.clone(),
    });
    (nodes.chain(sources).chain(exposures).chain(unit_tests).chain(semantic).collect(), disabled.collect())
}

/// What a reading said so far.
struct Said<'a> {
    origins: &'a mut Origins,
    lines: &'a mut Vec<(Origin, LogLine)>,
    problems: &'a mut Vec<Diagnostic>,
}

/// Parses drafts on all processors and puts the nodes into the manifest, in the order of the drafts.
fn parse_all(
    session: &Session<'_>,
    drafts: Vec<Draft<'_>>,
    descriptions: &Descriptions<'_>,
    manifest: &mut Manifest,
    failed: &mut Failed,
    said: Said<'_>,
) {
    let names: Vec<(String, ResourceType)> =
        drafts.iter().map(|draft| (draft.name.clone(), draft.resource_type)).collect();
    for (parsed, (name, resource_type)) in parse_in_parallel(session, drafts, descriptions).into_iter().zip(names) {
        let problems = &mut *said.problems;
        if !parsed.problems.is_empty() {
            let start = problems.len();
            problems.extend(parsed.problems);
            said.origins.push((start..problems.len(), Origin::Node(parsed.unique_id.clone())));
        }
        said.lines.extend(parsed.lines.into_iter().map(|line| (Origin::Node(parsed.unique_id.clone()), line)));
        let Some(node) = parsed.node else {
            if resource_type.is_refable() || resource_type == ResourceType::Function {
                failed.nodes.insert(name);
            }
            continue;
        };
        if resource_type == ResourceType::Function {
            functions::add(manifest, node, problems);
            continue;
        }
        let id = node.unique_id.clone();
        if !node.config.enabled() {
            manifest.disabled.entry(id).or_default().push(Disabled::Node(Box::new(node)));
            continue;
        }
        if let Some(first) = manifest.nodes.get(&id) {
            problems.push(checks::duplicate(first, &node));
            continue;
        }
        manifest.nodes.insert(id, node);
    }
}

fn parse_in_parallel(session: &Session<'_>, drafts: Vec<Draft<'_>>, descriptions: &Descriptions<'_>) -> Vec<Parsed> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(drafts.len()).max(1);
    let jobs: Vec<_> = drafts.into_iter().map(|draft| std::sync::Mutex::new(Some(draft))).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { return done };
            let draft = job.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            if let Some(draft) = draft {
                done.push((index, parse_draft(session, draft, descriptions)));
            }
        }
    };
    let mut parsed: Vec<(usize, Parsed)> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|index| {
                std::thread::Builder::new()
                    .name(format!("parse-{index}"))
                    .stack_size(RENDER_STACK_BYTES)
                    .spawn_scoped(scope, work)
            })
            .collect();
        let mut parsed = Vec::new();
        for handle in handles.into_iter().flatten() {
            match handle.join() {
                Ok(done) => parsed.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        parsed
    });
    // If no thread could be started, or fewer, the rest is done here.
    parsed.extend(work());
    parsed.sort_by_key(|(index, _)| *index);
    parsed.into_iter().map(|(_, parsed)| parsed).collect()
}

/// dbt's warning about tags that stand outside of the blocks that a file is for.
fn stray_tags(file: &Arc<SourceFile>, shown: &str, kinds: &[&str]) -> Vec<Diagnostic> {
    let warning = |(keyword, span): (String, dvt_diagnostics::Span)| {
        let said = format!("Found unexpected '{keyword}' block tag.");
        let message = format!("{said} in file `{shown}`");
        let event = Event::new(kinds::UNEXPECTED_JINJA_BLOCK_DEPRECATION, message.clone())
            .with("msg", said)
            .with("file", shown);
        Diagnostic::warning("unexpected-block", message).label(span, "outside of every block").event(event)
    };
    MacroLibrary::stray_tags(file, kinds).into_iter().map(warning).collect()
}

/// dbt's warning about templates that call functions of `modules.itertools`.
fn itertools_warning() -> Diagnostic {
    let message = "Usage of itertools modules is deprecated. Please use the built-in functions instead.";
    let event = Event::new(kinds::MODULES_ITERTOOLS_USAGE_DEPRECATION, message);
    Diagnostic::warning("modules-itertools", message).event(event)
}

/// All macros: dvt's own, the adapters', the packages', the project's.
fn read_macros(
    files: &Files,
    config: &ConfigFiles,
    packages: &[Package],
    ignores: &[Ignore],
    support: &AdapterSupport<'_>,
    adapter_types: &[String],
    problems: &mut Vec<Diagnostic>,
) -> Option<MacroLibrary> {
    let mut macro_files = builtin_macro_files();
    for (package, macros) in &support.macro_packages {
        macro_files.extend(macros.iter().map(|(path, text)| {
            MacroFile::new(package, SourceFile::new(format!("{package}/macros/{path}"), text.as_str()))
        }));
    }
    for (index, (package, ignore)) in packages.iter().zip(ignores).enumerate() {
        let project = &package.project;
        let generic: Vec<String> = project.test_paths.iter().map(|path| format!("{path}/generic")).collect();
        let folders: Vec<String> = project.macro_paths.iter().chain(&generic).cloned().collect();
        let found = files.find(index, &package.root, &folders, &["sql"], ignore).unwrap_or_else(|diagnostics| {
            problems.extend(diagnostics);
            Vec::new()
        });
        for found in found {
            match files.text(&found.absolute, &shown_in(&package.root, &packages[0].root, &found.original_path)) {
                Ok(Some(file)) => {
                    if !generic.iter().any(|folder| found.original_path.starts_with(folder.as_str())) {
                        let kinds = ["macro", "materialization", "test", "data_test"];
                        problems.extend(stray_tags(&file, &found.original_path, &kinds));
                    }
                    macro_files.push(MacroFile::new(&package.name, file));
                }
                Ok(None) => {}
                Err(diagnostic) => problems.push(diagnostic),
            }
        }
    }
    let mut dispatch = DispatchConfig { adapter_types: adapter_types.to_vec(), ..DispatchConfig::default() };
    for entry in &config.project.dispatch {
        dispatch.search_order.insert(entry.macro_namespace.clone(), entry.search_order.clone());
    }
    let internal: Vec<&str> = support.macro_packages.iter().map(|(name, _)| name.as_str()).collect();
    match MacroLibrary::load(&macro_files, &config.project.name, dispatch, &internal) {
        Ok(library) => Some(library),
        Err(diagnostics) => {
            problems.extend(diagnostics.0);
            None
        }
    }
}

fn read_all_properties(
    files: &Files,
    packages: &[Package],
    ignores: &[Ignore],
    renderers: &[ValueRenderer],
    origins: &mut Origins,
    problems: &mut Vec<Diagnostic>,
) -> Vec<PropertyEntry> {
    let mut entries = Vec::new();
    for (index, package) in packages.iter().enumerate() {
        for found in properties_files(files, index, package, &ignores[index], problems) {
            let shown = shown_in(&package.root, &packages[0].root, &found.original_path);
            let start = problems.len();
            entries.extend(read_properties(files, index, &found, &shown, &renderers[index], problems));
            if problems.len() > start {
                origins.push((start..problems.len(), Origin::Properties(shown)));
            }
        }
    }
    entries
}

/// The properties files of a package, in the order of reading.
fn properties_files(
    files: &Files,
    index: usize,
    package: &Package,
    ignore: &Ignore,
    problems: &mut Vec<Diagnostic>,
) -> Vec<FoundFile> {
    let project = &package.project;
    let folders = [
        &project.model_paths,
        &project.seed_paths,
        &project.snapshot_paths,
        &project.analysis_paths,
        &project.macro_paths,
        &project.test_paths,
        &project.function_paths,
    ];
    let mut seen = HashSet::new();
    let mut found_files: Vec<FoundFile> = Vec::new();
    for folders in folders {
        match files.find(index, &package.root, folders, &["yml", "yaml"], ignore) {
            Ok(found) => found_files.extend(found.into_iter().filter(|file| seen.insert(file.absolute.clone()))),
            Err(diagnostics) => problems.extend(diagnostics),
        }
    }
    found_files
}

fn metadata(settings: &ProjectSettings, config: &ConfigFiles, connections: &Connections<'_>) -> ManifestMetadata {
    let started = settings.started_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let env = metadata_envs(settings)
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
        .collect();
    let default = connections.get(connections.default_name()).ok();
    let adapter_type = default
        .and_then(|default| default.facts.target.get("type").and_then(serde_json::Value::as_str).map(str::to_owned));
    ManifestMetadata {
        project_name: config.project.name.clone(),
        project_id: generic_test::md5_hex(&config.project.name),
        adapter_type: adapter_type.unwrap_or_default(),
        invocation_id: settings.invocation_id.clone(),
        generated_at: started.clone(),
        invocation_started_at: started,
        env,
        quoting: config.project.quoting.clone(),
        names_connections: config.profile.is_target_chosen && config.profile.outputs.len() > 1,
    }
}
