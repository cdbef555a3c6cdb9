//! `dvt deps`: the steps, and what dbt says at each.

use crate::PackageError;
use crate::add::{AddPackage, add_package};
use crate::cache::Cache;
use crate::folder::{NewFolder, OwnFolder, remove_unfinished};
use crate::http::Http;
use crate::listing::Pinned;
use crate::lock::{list_hash, lock_text};
use crate::spec::{CheckedEntry, PackageSpec, check_entries};
use dvt_diagnostics::{Event, Events, kinds};
use dvt_manifest::write_atomically;
use dvt_project::{PackageList, ProjectSettings, load_package_list, load_package_lock};
use serde_json::{Map, Value, json};
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOCK: &str = "package-lock.yml";

/// What to install, where, and how.
#[derive(Clone, Debug)]
pub struct InstallOptions {
    /// The root project's folder, absolute.
    pub project_root: PathBuf,
    /// The root project's name, which no package may have.
    pub project_name: String,
    /// The packages-install-path, absolute.
    pub install_path: PathBuf,
    /// A package to add to the list first.
    pub add: Option<AddPackage>,
    /// Write the lock file and install nothing.
    pub lock_only: bool,
    /// Resolve again even when the lock file belongs to the packages.
    pub upgrade: bool,
    /// Leave versions of hub packages out that ask for another dbt.
    pub version_check: bool,
    /// The package hub's address.
    pub hub_url: String,
    /// Where fetched things are kept; `None`, or a folder that cannot be written, keeps nothing.
    pub cache: Option<PathBuf>,
    /// How long a download may stand still.
    pub http_timeout_seconds: f64,
}

/// One `deps`: what its steps share.
pub(crate) struct Session<'a> {
    pub(crate) project: &'a ProjectSettings,
    pub(crate) options: &'a InstallOptions,
    pub(crate) events: &'a Events,
    pub(crate) cache: Cache,
    http: OnceCell<Http>,
    /// Where packages go; `None` while they are only resolved.
    new_folder: Option<NewFolder>,
    work: Option<OwnFolder>,
    pub(crate) hub_index: Option<BTreeSet<String>>,
    /// The versions of each hub package that was asked for.
    pub(crate) hub_packages: HashMap<String, Arc<Map<String, Value>>>,
    /// The commit of each (address, revision) that was fetched.
    pub(crate) commits: HashMap<(String, String), String>,
    /// Folders of this run that archives and commits were unpacked into, not yet installed.
    pub(crate) unpacked: HashMap<String, PathBuf>,
}

/// Resolves where the lock file does not belong to the packages that are asked for, then installs what it says.
///
/// # Errors
/// All that is wrong with the lists of packages, their versions, the network or the disk. The packages that were installed
/// before are then still there.
pub fn install(project: &ProjectSettings, options: &InstallOptions, events: &Events) -> Result<(), PackageError> {
    let mut session = Session {
        project,
        options,
        events,
        cache: Cache::open(options.cache.as_deref())?,
        http: OnceCell::new(),
        new_folder: None,
        work: None,
        hub_index: None,
        hub_packages: HashMap::new(),
        commits: HashMap::new(),
        unpacked: HashMap::new(),
    };
    session.run()
}

impl Session<'_> {
    fn run(&mut self) -> Result<(), PackageError> {
        let root = &self.options.project_root;
        remove_unfinished(root, LOCK);
        let mut list = load_package_list(self.project, root, root)?;
        if let Some(package) = &self.options.add {
            add_package(&list, package, root, self.events)?;
            list = load_package_list(self.project, root, root)?;
        }
        let asked = check_entries(&list.entries)?;
        let locked = load_package_lock(self.project, root)?;
        let is_current =
            locked.as_ref().is_some_and(|lock| lock.sha1_hash.as_deref() == Some(list_hash(&asked).as_str()));
        if !is_current || self.options.upgrade {
            self.lock(&list, &asked, locked.is_some())?;
        }
        if self.options.lock_only {
            return Ok(());
        }
        let entries = load_package_lock(self.project, root)?.map(|lock| lock.entries).unwrap_or_default();
        let specs: Vec<PackageSpec> = check_entries(&entries)?.into_iter().map(|entry| entry.spec).collect();
        self.new_folder = Some(NewFolder::create(&self.options.install_path)?);
        if specs.is_empty() {
            self.say_no_packages();
        }
        let mut outdated = Vec::new();
        for pinned in self.pin_all(&specs)? {
            self.install_one(pinned, &mut outdated)?;
        }
        self.new_folder.take().map_or(Ok(()), NewFolder::finish)?;
        self.say_outdated(&outdated);
        Ok(())
    }

    /// Resolves all packages and writes the lock file.
    fn lock(&mut self, list: &PackageList, asked: &[CheckedEntry], had_lock: bool) -> Result<(), PackageError> {
        if asked.is_empty() && !had_lock {
            if self.options.lock_only {
                self.say_no_packages();
            }
            return Ok(());
        }
        let specs: Vec<PackageSpec> = asked.iter().map(|entry| entry.spec.clone()).collect();
        let mut items = Vec::new();
        for (pinned, name) in self.resolve(&specs)? {
            let mut item = pinned.to_lock();
            for key in ["git", "private", "tarball"] {
                self.scrub(&mut item, key)?;
            }
            item.insert("name".to_owned(), json!(name));
            items.push(Value::Object(item));
        }
        let path = self.options.project_root.join(LOCK);
        write_atomically(&path, lock_text(&items, &list_hash(asked)).as_bytes())
            .map_err(|error| PackageError::Files { action: "write", path: path.clone(), cause: error.cause })?;
        tracing::debug!(target: "dvt", file = list.file_name, packages = items.len(), "resolved");
        let path = path.display().to_string();
        self.events.fire(
            Event::new(kinds::DEPS_LOCK_UPDATING, format!("Updating lock file in file path: {path}"))
                .with("lock_filepath", path),
        );
        Ok(())
    }

    /// No secret goes into the lock file; an address that was written with one is of no use there.
    fn scrub(&self, item: &mut Map<String, Value>, key: &str) -> Result<(), PackageError> {
        let Some(Value::String(written)) = item.get(key) else { return Ok(()) };
        let mut scrubbed = written.clone();
        for (name, value) in &self.project.env {
            if name.starts_with("DBT_ENV_SECRET") && !value.trim().is_empty() {
                scrubbed = scrubbed.replace(value.as_str(), "*****");
            }
        }
        if scrubbed == *written {
            return Ok(());
        }
        let message = format!(
            "Detected secret env var in {scrubbed}. dbt will write a scrubbed representation to the lock file. This will \
             cause issues with subsequent 'dbt deps' using the lock file, requiring 'dbt deps --upgrade'"
        );
        self.events.warn_or_error(
            Event::new(kinds::DEPS_SCRUBBED_PACKAGE_NAME, message).with("package_name", scrubbed.as_str()),
        )?;
        item.insert(key.to_owned(), json!(scrubbed));
        Ok(())
    }

    fn install_one(&mut self, mut pinned: Pinned, outdated: &mut Vec<String>) -> Result<(), PackageError> {
        let shown = pinned.name().to_owned();
        self.events.fire(
            Event::new(kinds::DEPS_START_PACKAGE_INSTALL, format!("Installing {shown}"))
                .with("package_name", shown.as_str()),
        );
        let name = self.metadata(&mut pinned)?.name;
        match &mut pinned {
            Pinned::Local(spec) => self.install_local(spec, &name)?,
            Pinned::Tarball(spec) => self.install_tarball(spec, &name)?,
            Pinned::Git(pinned) => self.install_git(pinned, &name)?,
            Pinned::Hub(pinned) => self.install_hub(pinned, &name)?,
        }
        let version = pinned.version_name();
        self.events.fire(
            Event::new(kinds::DEPS_INSTALL_INFO, format!("Installed from {version}")).with("version_name", version),
        );
        if let Pinned::Hub(pinned) = &pinned {
            if pinned.latest == pinned.version {
                self.events.fire(Event::new(kinds::DEPS_UP_TO_DATE, "Up to date!"));
            } else {
                outdated.push(shown);
                self.events.fire(
                    Event::new(kinds::DEPS_UPDATE_AVAILABLE, format!("Updated version available: {}", pinned.latest))
                        .with("version_latest", pinned.latest.as_str()),
                );
            }
        }
        if let Some(subdirectory) = pinned.subdirectory() {
            self.events.fire(
                Event::new(kinds::DEPS_LIST_SUBDIRECTORY, format!("and subdirectory {subdirectory}"))
                    .with("subdirectory", subdirectory),
            );
        }
        Ok(())
    }

    /// Where a package goes while the new folder is filled.
    ///
    /// # Errors
    /// Its name is no plain name, or another package has it.
    pub(crate) fn destination(&self, name: &str) -> Result<PathBuf, PackageError> {
        let is_plain = !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != "..";
        let folder = match &self.new_folder {
            Some(folder) if is_plain => folder.path().join(name),
            _ => {
                return Err(PackageError::UnsafeName {
                    name: name.to_owned(),
                    install_path: self.options.install_path.display().to_string(),
                });
            }
        };
        if folder.symlink_metadata().is_ok() {
            return Err(PackageError::DuplicateName { name: name.to_owned() });
        }
        Ok(folder)
    }

    /// The path of a new folder for what is looked at before it is installed; removed at the end.
    pub(crate) fn work_folder(&mut self) -> Result<PathBuf, PackageError> {
        if self.work.is_none() {
            self.work = Some(OwnFolder::create(self.cache.folder(), "work-")?);
        }
        let parent = self.work.as_ref().map_or(self.cache.folder(), |folder| folder.path.as_path());
        Ok(parent.join(uuid::Uuid::new_v4().simple().to_string()))
    }

    /// The HTTP client, made when it is first needed.
    pub(crate) fn http(&self) -> Result<&Http, PackageError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // What Python's clients read, so that whoever has set dbt up behind a proxy has set dvt up too.
        let bundle = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
            .iter()
            .find_map(|name| self.project.env.get(*name).filter(|path| !path.is_empty() && Path::new(path).is_file()));
        let http = Http::new(bundle.map(Path::new))?;
        Ok(self.http.get_or_init(|| http))
    }

    /// Says that something older stands in for what cannot be fetched.
    pub(crate) fn note_kept(&self, url: &str, reason: &str) {
        let message = format!("{url} cannot be reached ({reason}); what was fetched from there before is used");
        self.events.fire(Event::new(kinds::NOTE, message.clone()).with("msg", message));
    }

    fn say_no_packages(&self) {
        self.events.fire(Event::new(kinds::DEPS_NO_PACKAGES_FOUND, "Warning: No packages were found in packages.yml"));
    }

    fn say_outdated(&self, outdated: &[String]) {
        if outdated.is_empty() {
            return;
        }
        self.events.fire(Event::new(kinds::FORMATTING, ""));
        let names: Vec<String> = outdated.iter().map(|name| format!("'{name}'")).collect();
        let message = format!(
            "Updates available for packages: [{}] \nUpdate your versions in packages.yml, then run dbt deps",
            names.join(", ")
        );
        self.events.fire(Event::new(kinds::DEPS_NOTIFY_UPDATES_AVAILABLE, message).with("packages", outdated.to_vec()));
    }
}
