//! Packages of the hub: which versions there are, which one fits, and its archive.

use crate::PackageError;
use crate::http::{HttpError, with_retries};
use crate::install::Session;
use crate::listing::HubPinned;
use crate::resolve::Metadata;
use crate::spec::check;
use crate::version::{Condition, Range, Version};
use dvt_diagnostics::{Event, kinds};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A hub package and what all `packages.yml` ask of it.
#[derive(Clone, Debug)]
pub(crate) struct HubWanted {
    pub(crate) package: String,
    /// Each condition with who asks.
    pub(crate) versions: Vec<(String, Asker)>,
    pub(crate) install_prerelease: bool,
}

/// Whose `packages.yml` it is: a project's name.
pub(crate) type Asker = Arc<str>;

impl Session<'_> {
    /// The newest version that everybody who asks is content with and that runs on this dbt.
    pub(crate) fn pin_hub(&mut self, wanted: &HubWanted) -> Result<HubPinned, PackageError> {
        self.check_in_index(&wanted.package)?;
        let mut conditions = Vec::new();
        for (text, asker) in &wanted.versions {
            conditions.push(Condition::parse(text).ok_or_else(|| PackageError::NotAVersion {
                text: text.clone(),
                package: wanted.package.clone(),
                asker: asker.to_string(),
            })?);
        }
        let conflict = || PackageError::VersionConflict {
            package: wanted.package.clone(),
            asked: wanted.versions.iter().map(|(text, asker)| (text.clone(), asker.to_string())).collect(),
        };
        let range = Range::of(&conditions).ok_or_else(conflict)?;
        let known = self.hub_versions(&wanted.package)?;
        let takes_prereleases =
            wanted.install_prerelease || conditions.iter().any(|condition| condition.version.is_prerelease());
        let mut installable: Vec<(Version, &String)> = known
            .iter()
            .filter(|(_, about)| !self.options.version_check || self.runs_on_this_dbt(about))
            .filter_map(|(text, _)| Some((Version::parse(text)?, text)))
            .filter(|(version, _)| takes_prereleases || !version.is_prerelease())
            .collect();
        installable.sort_by(|(one, _), (two, _)| one.compare(two));
        let target = installable
            .iter()
            .rev()
            .find(|(version, _)| range.holds(version) && conditions.iter().all(|condition| condition.holds(version)));
        let (Some((_, target)), Some((_, latest))) = (target, installable.last()) else {
            return Err(PackageError::NoVersion {
                package: wanted.package.clone(),
                range: range.to_string(),
                available: installable.iter().map(|(_, text)| (*text).clone()).collect(),
                is_checked: self.options.version_check,
            });
        };
        Ok(HubPinned { package: wanted.package.clone(), version: (*target).clone(), latest: (*latest).clone() })
    }

    pub(crate) fn hub_metadata(&mut self, pinned: &HubPinned) -> Result<Metadata, PackageError> {
        let about = self.hub_version(pinned)?;
        let wrong = |reason: String| PackageError::HubAnswer { package: pinned.package.clone(), reason };
        let name = about.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("it names no project".to_owned()))?.to_owned();
        let mut packages = Vec::new();
        for package in about.get("packages").and_then(Value::as_array).into_iter().flatten() {
            packages.push(check(package, package).map_err(wrong)?.spec);
        }
        Ok(Metadata { name, packages })
    }

    pub(crate) fn install_hub(&mut self, pinned: &HubPinned, name: &str) -> Result<(), PackageError> {
        let about = self.hub_version(pinned)?;
        let url = about.get("downloads").and_then(|downloads| downloads.get("tarball")).and_then(Value::as_str);
        let url = url.ok_or_else(|| PackageError::HubAnswer {
            package: pinned.package.clone(),
            reason: format!("version {} has no archive", pinned.version),
        })?;
        let to = self.destination(name)?;
        // The archive of a version stays what it is.
        self.fetch_archive(url, &pinned.package, true, &to)
    }

    fn hub_version(&mut self, pinned: &HubPinned) -> Result<Value, PackageError> {
        let versions = self.hub_versions(&pinned.package)?;
        versions.get(&pinned.version).cloned().ok_or_else(|| PackageError::HubAnswer {
            package: pinned.package.clone(),
            reason: format!("there is no version {}", pinned.version),
        })
    }

    /// Whether `require_dbt_version` of a version holds for the dbt that dvt stands for. What cannot be read forbids nothing.
    fn runs_on_this_dbt(&self, about: &Value) -> bool {
        let Some(dbt) = Version::parse(dvt_manifest::DBT_VERSION) else { return true };
        let required: Vec<&str> = match about.get("require_dbt_version") {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => return true,
        };
        required
            .iter()
            .flat_map(|text| text.split(','))
            .filter_map(|text| Condition::parse(text.trim()))
            .all(|condition| condition.holds(&dbt))
    }

    fn check_in_index(&mut self, package: &str) -> Result<(), PackageError> {
        if self.hub_index.is_none() {
            let url = self.hub_url("index");
            let body = self.hub_get(
                &url,
                [kinds::REGISTRY_INDEX_PROGRESS_GET_REQUEST, kinds::REGISTRY_INDEX_PROGRESS_GET_RESPONSE],
            )?;
            let index: Option<Vec<String>> = serde_json::from_slice(&body).ok();
            let index = index.ok_or_else(|| PackageError::HubAnswer {
                package: package.to_owned(),
                reason: "the index is no list of names".to_owned(),
            })?;
            self.hub_index = Some(index.into_iter().collect());
        }
        if self.hub_index.as_ref().is_some_and(|index| index.contains(package)) {
            return Ok(());
        }
        Err(PackageError::NotInIndex { package: package.to_owned() })
    }

    /// All versions of a package, as the hub describes them.
    fn hub_versions(&mut self, package: &str) -> Result<Arc<Map<String, Value>>, PackageError> {
        if let Some(versions) = self.hub_packages.get(package) {
            return Ok(Arc::clone(versions));
        }
        let url = self.hub_url(package);
        let body = self.hub_get(&url, [kinds::REGISTRY_PROGRESS_GET_REQUEST, kinds::REGISTRY_PROGRESS_GET_RESPONSE])?;
        let wrong = |reason: &str| PackageError::HubAnswer { package: package.to_owned(), reason: reason.to_owned() };
        let answer: Value = serde_json::from_slice(&body).map_err(|error| wrong(&error.to_string()))?;
        let versions =
            answer.get("versions").and_then(Value::as_object).ok_or_else(|| wrong("it lists no versions"))?;
        self.warn_of_redirect(package, &answer)?;
        let versions = Arc::new(versions.clone());
        self.hub_packages.insert(package.to_owned(), Arc::clone(&versions));
        Ok(versions)
    }

    fn warn_of_redirect(&self, package: &str, answer: &Value) -> Result<(), PackageError> {
        let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if text("redirectnamespace").is_none() && text("redirectname").is_none() {
            return Ok(());
        }
        let namespace = text("redirectnamespace").or_else(|| text("namespace")).unwrap_or_default();
        let name = text("redirectname").or_else(|| text("name")).unwrap_or_default();
        let new = format!("{namespace}/{name}");
        let message = format!(
            "The `{package}` package is deprecated in favor of `{new}`. Please update your `packages.yml` configuration to \
             use `{new}` instead."
        );
        let event =
            Event::new(kinds::PACKAGE_REDIRECT_DEPRECATION, message).with("old_name", package).with("new_name", new);
        Ok(self.events.warn_or_error(event)?)
    }

    fn hub_url(&self, name: &str) -> String {
        let base = self.options.hub_url.trim_end_matches('/');
        format!("{base}/api/v1/{name}.json")
    }

    /// The hub's answer, or the one from the last time when the hub cannot be reached.
    fn hub_get(&self, url: &str, [asking, answered]: [dvt_diagnostics::EventKind; 2]) -> Result<Vec<u8>, PackageError> {
        let what =
            if asking == kinds::REGISTRY_PROGRESS_GET_REQUEST { "package registry" } else { "package index registry" };
        let kept = self.cache.answer(url);
        let http = self.http()?;
        let answer = with_retries(http, self.events, kept.is_some(), || {
            self.events.fire(Event::new(asking, format!("Making {what} request: GET {url}")).with("url", url));
            let answer = http.get(url, TIMEOUT);
            let status = match &answer {
                Ok(_) => 200,
                Err(error) => error.status.unwrap_or(0),
            };
            let what = what.trim_start_matches("package ").replace("index registry", "registry index");
            self.events.fire(
                Event::new(answered, format!("Response from {what}: GET {url} {status}"))
                    .with("url", url)
                    .with("resp_code", status),
            );
            answer.and_then(|body| match serde_json::from_slice::<Value>(&body) {
                Ok(Value::Object(_) | Value::Array(_)) => Ok(body),
                _ => Err(HttpError::passing("the answer is no JSON")),
            })
        });
        match (answer, kept) {
            (Ok(body), _) => {
                self.cache.keep_answer(url, &body);
                Ok(body)
            }
            (Err(error), Some(kept)) if http.is_offline() => {
                self.note_kept(url, &error.reason);
                Ok(kept)
            }
            (Err(error), _) => Err(PackageError::Network { url: url.to_owned(), reason: error.reason }),
        }
    }
}

impl HubWanted {
    /// What one `packages.yml` asks.
    pub(crate) fn from_spec(spec: &crate::spec::HubSpec, asker: &Asker) -> Self {
        Self {
            package: spec.package.clone(),
            versions: spec.versions.iter().map(|version| (version.clone(), Arc::clone(asker))).collect(),
            install_prerelease: spec.install_prerelease,
        }
    }
}
