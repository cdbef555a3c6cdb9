//! Reads `buckets.yml`.

use super::computes::{Section, unknown_name};
use super::resolve_path;
use crate::check::Reader;
use crate::yaml::Entry;
use crate::yaml::map_to_json;
use crate::{Bucket, BucketKind, Buckets, CloudBucket, ConnectionSettings, Profile, ProjectSettings, Staging};
use dvt_diagnostics::{Diagnostic, Diagnostics, Span, did_you_mean};
use indexmap::IndexMap;
use std::path::Path;

const KEYS: &[&str] = &["type", "path", "staging"];
const DEFAULT_PATH: &str = ".dvt/staging";

pub(super) fn load(
    settings: &ProjectSettings,
    project_root: &Path,
    profile: &Profile,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Buckets, Diagnostics> {
    let mut buckets = Buckets {
        target: "local".to_owned(),
        buckets: IndexMap::from([(
            "local".to_owned(),
            Bucket {
                name: "local".to_owned(),
                kind: BucketKind::Filesystem { path: project_root.join(DEFAULT_PATH) },
                staging: Staging::Auto,
                span: None,
            },
        )]),
        path: None,
    };
    let section = Section { file_name: "buckets.yml", entries: "buckets", entry: "bucket" };
    let asked = settings.bucket.clone().or_else(|| settings.variable("BUCKET").map(str::to_owned));
    if let Some(found) = section.find(settings, project_root, profile, warnings)? {
        let mut problems = Vec::new();
        buckets.path = Some(found.path.clone());
        buckets.buckets = found
            .entries
            .iter()
            .filter_map(|(name, entry)| {
                let mut reader = Reader { file: &found.file, problems: &mut problems };
                let (kind, staging) = read_bucket(&mut reader, name, entry, project_root, settings)?;
                let span = Some(Span::new(&found.file, entry.key_range.clone()));
                Some((name.clone(), Bucket { name: name.clone(), kind, staging, span }))
            })
            .collect();
        if !problems.is_empty() {
            return Err(Diagnostics(problems));
        }
        buckets.target = section.target(&found, asked.is_some())?.unwrap_or_default();
    }
    if let Some(asked) = asked {
        buckets.target = asked;
    }
    buckets.require(&buckets.target.clone())?;
    Ok(buckets)
}

impl Buckets {
    /// The default bucket.
    #[must_use]
    pub fn default_bucket(&self) -> Option<&Bucket> {
        self.buckets.get(&self.target)
    }

    /// The bucket of that name.
    ///
    /// # Errors
    /// It is unknown; the diagnostic lists the known ones and the caller adds the place.
    pub fn require(&self, name: &str) -> Result<&Bucket, Diagnostic> {
        self.buckets
            .get(name)
            .ok_or_else(|| unknown_name("unknown-bucket", "bucket", name, &self.buckets, self.path.as_deref()))
    }
}

fn read_bucket(
    reader: &mut Reader<'_>,
    name: &str,
    entry: &Entry,
    project_root: &Path,
    settings: &ProjectSettings,
) -> Option<(BucketKind, Staging)> {
    let value = &entry.value;
    let Some(map) = value.as_map() else {
        reader.wrong_type(name, "a dictionary", value);
        return None;
    };
    let staging = match value.get_set("staging") {
        None => Staging::Auto,
        Some(place) => match place.as_text() {
            Some("auto") => Staging::Auto,
            Some("always") => Staging::Always,
            Some("never") => Staging::Never,
            _ => {
                reader.wrong_type("staging", "`auto`, `always` or `never`", place);
                return None;
            }
        },
    };
    let place = value.get("type").map_or_else(|| entry.key_range.clone(), |place| place.range.clone());
    match reader.text(value, "type").as_deref() {
        Some("filesystem") => {
            reader.refuse_unknown_keys(map, KEYS, "a bucket of type `filesystem`");
            let path = match reader.text(value, "path") {
                // A bucket that is the root of the disk, or the folder that holds the project, is never meant.
                Some(path) if path.trim().is_empty() => {
                    reader.problems.push(
                        Diagnostic::error("empty-bucket-path", format!("bucket `{name}` has an empty `path`"))
                            .label(
                                Span::new(reader.file, value.get("path").map_or(place, |path| path.range.clone())),
                                "empty",
                            )
                            .help("name a folder of its own, or leave `path` away"),
                    );
                    return None;
                }
                Some(path) => resolve_path(&path, project_root, settings.home.as_deref()),
                None => project_root.join(DEFAULT_PATH),
            };
            Some((BucketKind::Filesystem { path }, staging))
        }
        Some(service @ ("s3" | "gcs" | "azure")) => {
            let mut keys = map_to_json(map);
            keys.retain(|key, _| !matches!(key.as_str(), "type" | "staging"));
            let is_known = |name: &str| {
                name == "HOME" || ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.starts_with(prefix))
            };
            let environment = settings.env.iter().filter(|(name, _)| is_known(name));
            let environment = environment.map(|(name, value)| (name.clone(), value.clone().into())).collect();
            Some((
                BucketKind::Cloud(Box::new(CloudBucket {
                    service: service.to_owned(),
                    settings: ConnectionSettings::new(keys),
                    environment: ConnectionSettings::new(environment),
                })),
                staging,
            ))
        }
        Some(planned @ "hdfs") => {
            reader.problems.push(
                Diagnostic::error(
                    "unsupported-bucket-type",
                    format!("buckets of type `{planned}` are not supported yet"),
                )
                .label(Span::new(reader.file, place), "not in this version")
                .help("mount it and use `type: filesystem`, or use `s3`, `gcs` or `azure`"),
            );
            None
        }
        other => {
            let message = match other {
                Some(other) => format!("`{other}` is not a type of bucket"),
                None => format!("bucket `{name}` has no `type`"),
            };
            let mut diagnostic = Diagnostic::error("unknown-bucket-type", message)
                .label(Span::new(reader.file, place), "expected `filesystem`, `s3`, `gcs` or `azure`");
            if let Some(near) = other.and_then(|other| did_you_mean(other, ["filesystem", "s3", "gcs", "azure"])) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            reader.problems.push(diagnostic);
            None
        }
    }
}
