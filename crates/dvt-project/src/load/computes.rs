//! Reads `computes.yml`.

use super::size::parse_size;
use super::{companion_folders, resolve_path, value_renderer};
use crate::check::Reader;
use crate::files::{read_text, shown_path};
use crate::wording;
use crate::yaml::{Entry, Yaml, load_yaml, map_to_json};
use crate::{
    AUTO, Compute, ComputeKind, Computes, DatafusionSettings, JdbcExtraction, JdbcLoad, Profile, ProjectSettings,
    SparkSettings,
};
use dvt_diagnostics::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DATAFUSION_KEYS: &[&str] = &["type", "memory_limit", "threads", "spill_dir", "batch_size"];
const SPARK_KEYS: &[&str] = &[
    "type",
    "remote",
    "connect_timeout",
    "version",
    "spark_home",
    "java_home",
    "master",
    "config",
    "delta",
    "jdbc_extraction",
    "jdbc_load",
];

pub(super) fn load(
    settings: &ProjectSettings,
    project_root: &Path,
    profile: &Profile,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Computes, Diagnostics> {
    let mut computes = Computes {
        target: "datafusion".to_owned(),
        computes: IndexMap::from([(
            "datafusion".to_owned(),
            Compute {
                name: "datafusion".to_owned(),
                kind: ComputeKind::Datafusion(DatafusionSettings::default()),
                span: None,
            },
        )]),
        path: None,
    };
    let section = Section { file_name: "computes.yml", entries: "computes", entry: "compute" };
    let asked = settings.compute.clone().or_else(|| settings.variable("COMPUTE").map(str::to_owned));
    if let Some(found) = section.find(settings, project_root, profile, warnings)? {
        let mut problems = Vec::new();
        computes.path = Some(found.path.clone());
        computes.computes = found
            .entries
            .iter()
            .filter_map(|(name, entry)| {
                let mut reader = Reader { file: &found.file, problems: &mut problems };
                let kind = read_compute(&mut reader, name, entry, project_root, settings.home.as_deref())?;
                let span = Some(Span::new(&found.file, entry.key_range.clone()));
                Some((name.clone(), Compute { name: name.clone(), kind, span }))
            })
            .collect();
        if !problems.is_empty() {
            return Err(Diagnostics(problems));
        }
        computes.target = section.target(&found, asked.is_some())?.unwrap_or_default();
    }
    if let Some(asked) = asked {
        computes.target = asked;
    }
    if !computes.is_auto(&computes.target) {
        computes.require(&computes.target.clone())?;
    }
    Ok(computes)
}

impl Computes {
    /// The default engine.
    #[must_use]
    pub fn default_compute(&self) -> Option<&Compute> {
        self.computes.get(&self.target)
    }

    /// Whether the name leaves the choice to dvt.
    #[must_use]
    pub fn is_auto(&self, name: &str) -> bool {
        name == AUTO && !self.computes.contains_key(AUTO)
    }

    /// The engine of that name.
    ///
    /// # Errors
    /// It is unknown; the diagnostic lists the known ones and the caller adds the place.
    pub fn require(&self, name: &str) -> Result<&Compute, Diagnostic> {
        self.computes
            .get(name)
            .ok_or_else(|| unknown_name("unknown-compute", "compute", name, &self.computes, self.path.as_deref()))
    }
}

/// The diagnostic for a name that a file of named things does not hold.
pub(super) fn unknown_name<T>(
    id: &'static str,
    what: &str,
    name: &str,
    known: &IndexMap<String, T>,
    path: Option<&Path>,
) -> Diagnostic {
    let known: Vec<&str> = known.keys().map(String::as_str).collect();
    let place = path.map_or_else(|| format!("there is no {what}s.yml"), |path| format!("read from {}", path.display()));
    let mut diagnostic = Diagnostic::error(id, format!("{what} `{name}` is not known"))
        .note(format!("the known ones are {} ({place})", wording::list(&known)));
    if let Some(near) = did_you_mean(name, known) {
        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    }
    diagnostic
}

/// How `computes.yml` and `buckets.yml` are laid out: profile name, then `target` and the named entries.
pub(super) struct Section {
    pub(super) file_name: &'static str,
    pub(super) entries: &'static str,
    pub(super) entry: &'static str,
}

/// One profile's part of such a file.
pub(super) struct FoundSection {
    pub(super) path: PathBuf,
    pub(super) file: Arc<SourceFile>,
    section: Yaml,
    pub(super) entries: IndexMap<String, Entry>,
}

impl Section {
    /// The part for this profile of the first file that is there. A file without that part counts as absent.
    pub(super) fn find(
        &self,
        settings: &ProjectSettings,
        project_root: &Path,
        profile: &Profile,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Option<FoundSection>, Diagnostics> {
        for folder in companion_folders(settings, profile) {
            let path = folder.join(self.file_name);
            let Some(file) = read_text(&path, &shown_path(&path, project_root))? else { continue };
            let tree = load_yaml(&file, warnings)?;
            if !tree.is_null() && tree.as_map().is_none() {
                return Err(Diagnostic::error(
                    "wrong-type",
                    format!("{} must be a dictionary of profiles, but it is {}", file.path, tree.kind()),
                )
                .label(tree.span(&file), "expected the profile's name")
                .into());
            }
            let Some(section) = tree.get_set(&profile.name) else { continue };
            let mut problems = Vec::new();
            let section = value_renderer(settings).tree(&file, section, &mut Vec::new(), &|_| true, &mut problems);
            let mut reader = Reader { file: &file, problems: &mut problems };
            match section.as_map() {
                Some(map) => reader.refuse_unknown_keys(
                    map,
                    &["target", self.entries],
                    &format!("a profile in {}", self.file_name),
                ),
                None => reader.wrong_type(&profile.name, "a dictionary", &section),
            }
            let entries = reader.map(&section, self.entries).cloned().unwrap_or_default();
            if entries.is_empty() && problems.is_empty() {
                problems.push(
                    Diagnostic::error(
                        "no-entries",
                        format!("profile `{}` in {} has no `{}`", profile.name, file.path, self.entries),
                    )
                    .label(section.span(&file), "this profile"),
                );
            }
            if !problems.is_empty() {
                return Err(Diagnostics(problems));
            }
            return Ok(Some(FoundSection { path, file, section, entries }));
        }
        Ok(None)
    }

    /// The default entry: `target:`, or the only entry there is. `None` when another choice was made anyway.
    pub(super) fn target(&self, found: &FoundSection, is_chosen: bool) -> Result<Option<String>, Diagnostics> {
        let known: Vec<&str> = found.entries.keys().map(String::as_str).collect();
        let Some(place) = found.section.get_set("target") else {
            return match known.as_slice() {
                [only] => Ok(Some((*only).to_owned())),
                _ if is_chosen => Ok(None),
                _ => Err(Diagnostic::error(
                    "no-target",
                    format!("{} does not say which {} is the default", found.file.path, self.entry),
                )
                .label(found.section.span(&found.file), "several, and no `target:`")
                .help(format!("add `target: <name>` with one of {}", wording::list(&known)))
                .into()),
            };
        };
        let name = place.scalar_text().unwrap_or_default();
        let is_auto = self.entry == "compute" && name == AUTO;
        if !is_auto && !found.entries.contains_key(&name) {
            let mut diagnostic =
                Diagnostic::error("unknown-target", format!("`{name}` is not a {} of {}", self.entry, found.file.path))
                    .label(place.span(&found.file), "named here")
                    .note(format!("the known ones are {}", wording::list(&known)));
            if let Some(near) = did_you_mean(&name, known) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            return Err(diagnostic.into());
        }
        Ok(Some(name))
    }
}

fn read_compute(
    reader: &mut Reader<'_>,
    name: &str,
    entry: &Entry,
    project_root: &Path,
    home: Option<&Path>,
) -> Option<ComputeKind> {
    let value = &entry.value;
    let Some(map) = value.as_map() else {
        reader.wrong_type(name, "a dictionary", value);
        return None;
    };
    match reader.text(value, "type").as_deref() {
        Some("datafusion") => {
            reader.refuse_unknown_keys(map, DATAFUSION_KEYS, "a compute of type `datafusion`");
            let memory_limit_bytes = value.get_set("memory_limit").and_then(|limit| {
                let bytes = limit.scalar_text().and_then(|text| parse_size(&text));
                if bytes.is_none() {
                    reader.wrong_type("memory_limit", "a size like `512MB` or `2GiB`", limit);
                }
                bytes
            });
            Some(ComputeKind::Datafusion(DatafusionSettings {
                memory_limit_bytes,
                threads: reader.count(value, "threads"),
                spill_dir: reader.text(value, "spill_dir").map(|path| resolve_path(&path, project_root, home)),
                batch_size: reader.count(value, "batch_size"),
            }))
        }
        Some("spark") => {
            reader.refuse_unknown_keys(map, SPARK_KEYS, "a compute of type `spark`");
            let config = reader
                .map(value, "config")
                .map(|config| {
                    config.iter().filter_map(|(key, entry)| Some((key.clone(), spark_text(&entry.value)?))).collect()
                })
                .unwrap_or_default();
            let delta = reader.map(value, "delta").map(map_to_json).unwrap_or_default();
            let jdbc_extraction = read_extraction(reader, value, project_root, home);
            let jdbc_load = read_load(reader, value);
            Some(ComputeKind::Spark(Box::new(SparkSettings {
                remote: reader.text(value, "remote"),
                connect_timeout_s: reader.count(value, "connect_timeout"),
                version: reader.text(value, "version"),
                spark_home: reader.text(value, "spark_home").map(|path| resolve_path(&path, project_root, home)),
                java_home: reader.text(value, "java_home").map(|path| resolve_path(&path, project_root, home)),
                master: reader.text(value, "master"),
                config,
                delta,
                jdbc_extraction,
                jdbc_load,
            })))
        }
        other => {
            let place = value.get("type").map_or_else(|| entry.key_range.clone(), |place| place.range.clone());
            let message = match other {
                Some(other) => format!("`{other}` is not a type of compute"),
                None => format!("compute `{name}` has no `type`"),
            };
            let mut diagnostic = Diagnostic::error("unknown-compute-type", message)
                .label(Span::new(reader.file, place), "expected `datafusion` or `spark`")
                .note("the types are `datafusion` (the embedded engine) and `spark`");
            if let Some(near) = other.and_then(|other| did_you_mean(other, ["datafusion", "spark"])) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            reader.problems.push(diagnostic);
            None
        }
    }
}

/// `jdbc_extraction`, if executors are to read.
fn read_extraction(
    reader: &mut Reader<'_>,
    compute: &Yaml,
    project_root: &Path,
    home: Option<&Path>,
) -> Option<JdbcExtraction> {
    let map = reader.map(compute, "jdbc_extraction")?;
    let known = ["num_partitions", "fetch_size", "drivers", "unchanging"];
    reader.refuse_unknown_keys(map, &known, "`jdbc_extraction`");
    let value = compute.get_set("jdbc_extraction")?;
    let drivers = reader.texts(value, "drivers").unwrap_or_default();
    Some(JdbcExtraction {
        num_partitions: reader.count(value, "num_partitions").unwrap_or(8).max(1),
        fetch_size: reader.count(value, "fetch_size").unwrap_or(10_000).max(1),
        drivers: drivers.iter().map(|path| resolve_path(path, project_root, home)).collect(),
        unchanging: reader.texts(value, "unchanging").unwrap_or_default(),
    })
}

/// `jdbc_load`, if executors are to load.
fn read_load(reader: &mut Reader<'_>, compute: &Yaml) -> Option<JdbcLoad> {
    let map = reader.map(compute, "jdbc_load")?;
    reader.refuse_unknown_keys(map, &["num_partitions", "batch_size"], "`jdbc_load`");
    let value = compute.get_set("jdbc_load")?;
    Some(JdbcLoad {
        num_partitions: reader.count(value, "num_partitions").unwrap_or(4).max(1),
        batch_size: reader.count(value, "batch_size").unwrap_or(10_000).max(1),
    })
}

/// Spark's settings are texts: `true`, not Python's `True`.
fn spark_text(value: &Yaml) -> Option<String> {
    match value.as_bool() {
        Some(value) => Some(value.to_string()),
        None => value.scalar_text(),
    }
}
