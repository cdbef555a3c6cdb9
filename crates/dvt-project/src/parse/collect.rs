//! Which files become which nodes: drafts from the resource folders, with the properties entries that describe them.

use super::described::Described;
use super::draft::Draft;
use super::properties::{PropertyEntry, Section};
use super::session::Session;
use crate::files::{FoundFile, Ignore, stem};
use dvt_diagnostics::{Diagnostic, SourceFile, Span};
use dvt_jinja::MacroLibrary;
use dvt_manifest::{Checksum, ResourceType, TestInfo, version_text};
use std::sync::Arc;

/// `[package, folders…, last]`.
pub(crate) fn fqn(package: &str, relative_path: &str, last: &str) -> Vec<String> {
    let mut parts: Vec<String> = relative_path.split('/').map(str::to_owned).collect();
    parts.pop();
    let mut fqn = vec![package.to_owned()];
    fqn.extend(parts);
    fqn.push(last.to_owned());
    fqn
}

/// The drafts of those of one package's own files that are wanted.
pub(crate) fn file_drafts<'p>(
    session: &Session<'_>,
    package: usize,
    ignore: &Ignore,
    described: &Described<'p>,
    wants: &dyn Fn(&FoundFile) -> bool,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Draft<'p>> {
    let project = &session.packages[package].project;
    let mut drafts = Vec::new();
    let collector = Collector { session, package, ignore, wants };
    for found in collector.find(&project.model_paths, &["sql", "py"], problems) {
        drafts.extend(collector.sql(&found, ResourceType::Model, problems).map(|mut draft| {
            if let Some((entry, version)) = described.versions.get(&(package, draft.name.clone())) {
                let suffix = format!("v{}", version_text(&version.version));
                draft.name = entry.name.clone();
                draft.unique_id = format!("model.{}.{}.{suffix}", session.package_name(package), entry.name);
                draft.fqn = fqn(session.package_name(package), &found.relative_path, &entry.name);
                draft.fqn.push(suffix);
                draft.properties = Some(entry);
                draft.version = Some(version.clone());
            } else {
                draft.properties = described.get(Section::Models, package, &draft.name);
            }
            draft
        }));
    }
    for found in collector.find(&project.seed_paths, &["csv"], problems) {
        drafts.extend(collector.seed(&found, problems).map(|mut draft| {
            draft.properties = described.get(Section::Seeds, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.snapshot_paths, &["sql"], problems) {
        for mut draft in collector.snapshots(&found, problems) {
            draft.properties = described.get(Section::Snapshots, package, &draft.name);
            drafts.push(draft);
        }
    }
    for found in collector.find(&project.analysis_paths, &["sql"], problems) {
        drafts.extend(collector.sql(&found, ResourceType::Analysis, problems).map(|mut draft| {
            if !session.project_flag("require_corrected_analysis_fqns", false) {
                draft.path = format!("analysis/{}", found.relative_path);
            }
            draft.fqn = fqn(session.package_name(package), &draft.path, &draft.name);
            draft.properties = described.get(Section::Analyses, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.test_paths, &["sql"], problems) {
        let is_other = ["generic/", "fixtures/"].iter().any(|folder| found.relative_path.starts_with(folder));
        if is_other {
            continue;
        }
        drafts.extend(collector.sql(&found, ResourceType::Test, problems).map(|mut draft| {
            draft.test = Some(TestInfo::default());
            draft.properties = described.get(Section::SingularTests, package, &draft.name);
            draft
        }));
    }
    for found in collector.find(&project.function_paths, super::functions::EXTENSIONS, problems) {
        drafts.extend(collector.sql(&found, ResourceType::Function, problems).map(|mut draft| {
            draft.properties = described.get(Section::Functions, package, &draft.name);
            draft
        }));
    }
    drafts
}

struct Collector<'a, 's> {
    session: &'a Session<'s>,
    package: usize,
    ignore: &'a Ignore,
    wants: &'a dyn Fn(&FoundFile) -> bool,
}

impl Collector<'_, '_> {
    fn find(&self, folders: &[String], extensions: &[&str], problems: &mut Vec<Diagnostic>) -> Vec<FoundFile> {
        let root = &self.session.packages[self.package].root;
        match self.session.files.find(self.package, root, folders, extensions, self.ignore) {
            Ok(found) => found.into_iter().filter(|file| (self.wants)(file)).collect(),
            Err(diagnostics) => {
                problems.extend(diagnostics);
                Vec::new()
            }
        }
    }

    fn read(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Option<Arc<SourceFile>> {
        let shown = self.session.shown(self.package, &found.original_path);
        self.session.files.text(&found.absolute, &shown).unwrap_or_else(|diagnostic| {
            problems.push(diagnostic);
            None
        })
    }

    fn draft<'p>(
        &self,
        found: &FoundFile,
        resource_type: ResourceType,
        name: String,
        file: Arc<SourceFile>,
    ) -> Draft<'p> {
        let package_name = self.session.package_name(self.package);
        let text = &file.text;
        let start = text.len() - text.trim_start().len();
        let end = start + text[start..].trim_end().len();
        Draft {
            resource_type,
            package: self.package,
            unique_id: format!("{resource_type}.{package_name}.{name}"),
            path: found.relative_path.clone(),
            original_path: found.original_path.clone(),
            fqn: fqn(package_name, &found.relative_path, &name),
            name,
            span: Span::line(&file, file.line_column(start).0),
            template: Arc::clone(&file),
            template_range: start..end,
            checksum: Checksum::of_text(text),
            file,
            raw_code: None,
            properties: None,
            version: None,
            extra_layers: Vec::new(),
            test_macro: None,
            tested: None,
            attached_group: None,
            config_fqn: None,
            test: None,
            connection: None,
            index: None,
            tags: Vec::new(),
            description: None,
        }
    }

    fn sql<'p>(
        &self,
        found: &FoundFile,
        resource_type: ResourceType,
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Draft<'p>> {
        let file = self.read(found, problems)?;
        Some(self.draft(found, resource_type, stem(&found.relative_path), file))
    }

    /// A seed's rows are read when it is loaded; here its file is only hashed.
    fn seed<'p>(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Option<Draft<'p>> {
        let shown = self.session.shown(self.package, &found.original_path);
        let checksum = match self.session.files.seed(&found.absolute, &found.original_path, &shown) {
            Ok(checksum) => checksum,
            Err(diagnostic) => {
                problems.push(diagnostic);
                return None;
            }
        };
        let mut draft = self.draft(found, ResourceType::Seed, stem(&found.relative_path), SourceFile::new(shown, ""));
        draft.checksum = checksum;
        Some(draft)
    }

    /// The snapshot blocks of a file.
    fn snapshots<'p>(&self, found: &FoundFile, problems: &mut Vec<Diagnostic>) -> Vec<Draft<'p>> {
        let Some(file) = self.read(found, problems) else { return Vec::new() };
        problems.extend(super::stray_tags(&file, &found.relative_path, &["snapshot"]));
        let blocks = match MacroLibrary::snapshot_blocks(&file) {
            Ok(blocks) => blocks,
            Err(diagnostics) => {
                problems.extend(diagnostics.0);
                return Vec::new();
            }
        };
        blocks
            .into_iter()
            .map(|block| {
                let mut draft = self.draft(found, ResourceType::Snapshot, block.name.clone(), Arc::clone(&file));
                let folder = found.relative_path.strip_suffix(".sql").unwrap_or(&found.relative_path);
                draft.fqn = fqn(self.session.package_name(self.package), &format!("{folder}/x"), &block.name);
                draft.raw_code = Some(file.text[block.body.range.clone()].to_owned());
                draft.template_range = block.body.range;
                draft.span = Span::line(&file, file.line_column(block.span.range.start).0);
                draft
            })
            .collect()
    }
}

/// Snapshots that a properties file defines with `relation:`.
pub(crate) fn yaml_snapshot_drafts<'p>(session: &Session<'_>, entries: &'p [PropertyEntry]) -> Vec<Draft<'p>> {
    entries
        .iter()
        .filter(|entry| entry.section == Section::Snapshots)
        .filter_map(|entry| {
            let relation = entry.yaml.get_set("relation")?.scalar_text()?;
            let raw_code = format!("select * from {{{{ {relation} }}}}");
            let template = SourceFile::new(entry.file.path.clone(), raw_code.as_str());
            let package_name = session.package_name(entry.package);
            Some(Draft {
                resource_type: ResourceType::Snapshot,
                package: entry.package,
                unique_id: format!("snapshot.{package_name}.{}", entry.name),
                path: format!("{}.sql", entry.name),
                original_path: entry.original_path.clone(),
                fqn: fqn(package_name, &entry.relative_path, &entry.name),
                name: entry.name.clone(),
                file: Arc::clone(&entry.file),
                span: entry.name_span.clone(),
                template_range: 0..template.text.len(),
                template,
                checksum: Checksum::of_text(&entry.file.text),
                raw_code: Some(raw_code),
                properties: Some(entry),
                version: None,
                extra_layers: Vec::new(),
                test_macro: None,
                tested: None,
                attached_group: None,
                config_fqn: None,
                test: None,
                connection: None,
                index: None,
                tags: Vec::new(),
                description: None,
            })
        })
        .collect()
}
