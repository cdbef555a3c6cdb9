//! A run: items side by side, each with its report; one run at a time in a home.

use crate::client::Fetch;
use crate::error::files;
use crate::install::{install, installed, means};
use crate::{Action, Item, Package, Places, Report, Status, SyncError};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many clients run at once.
const AT_ONCE: usize = 3;

/// How a run goes about it.
#[derive(Clone, Debug)]
pub struct Options {
    pub places: Places,
    /// What the clients see as their environment; `PATH` says which they are.
    pub environment: BTreeMap<String, String>,
    /// Say what would be done, and write nothing.
    pub dry_run: bool,
    /// Use what is in the cache, and ask nobody.
    pub offline: bool,
    /// How long one client may take.
    pub patience: Duration,
    /// Set to end the run: clients are stopped.
    pub cancel: Arc<AtomicBool>,
}

/// Who is told what happens while it happens.
pub trait Progress: Sync {
    /// Another run holds the home; this one waits.
    fn waiting(&self);
    /// A client is about to be started.
    fn started(&self, item: &Item);
    fn finished(&self, report: &Report);
}

/// Makes the items usable; gives one report for each, in their order. Blocks.
///
/// # Errors
/// Only what concerns the whole run: the home cannot be written. What is wrong with an item is in its report.
pub fn sync(items: Vec<Item>, options: &Options, progress: &dyn Progress) -> Result<Vec<Report>, SyncError> {
    let _lock = match options.dry_run || items.iter().all(is_settled) {
        true => None,
        false => Some(prepare(options, progress)?),
    };
    let next = AtomicUsize::new(0);
    let reports: Vec<Mutex<Option<Report>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let report = make(item, index, options, progress);
                    progress.finished(&report);
                    *reports[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
                }
            });
        }
    });
    let reports = reports.into_iter().filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    let reports = reports.collect();
    if !options.dry_run {
        // What a stopped client left; the lock is still held.
        remove(&options.places.work());
    }
    Ok(reports)
}

fn is_settled(item: &Item) -> bool {
    match &item.action {
        Action::Install(package) => installed(package).is_some(),
        Action::Present { .. } | Action::Unavailable { .. } => true,
    }
}

/// Takes the home for this run, and clears what a killed run left.
fn prepare(options: &Options, progress: &dyn Progress) -> Result<File, SyncError> {
    let cache = options.places.home.join("cache");
    std::fs::create_dir_all(&cache).map_err(files("create", &cache))?;
    let path = cache.join("sync.lock");
    let lock = File::create(&path).map_err(files("create", &path))?;
    if lock.try_lock().is_err() {
        progress.waiting();
        lock.lock().map_err(files("lock", &path))?;
    }
    let work = options.places.work();
    remove(&work);
    std::fs::create_dir_all(&work).map_err(files("create", &work))?;
    Ok(lock)
}

fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::debug!(folder = %folder.display(), %error, "not removed");
    }
}

fn make(item: &Item, index: usize, options: &Options, progress: &dyn Progress) -> Report {
    let started = Instant::now();
    let status = match &item.action {
        Action::Present { detail } => Status::Present { detail: detail.clone() },
        Action::Unavailable { reason, next_step } => {
            Status::Failed { reason: reason.clone(), next_step: next_step.clone() }
        }
        Action::Install(package) => match installed(package) {
            Some(found) => Status::Present {
                detail: format!("{} {} in {}", package.name, found.version, package.folder.display()),
            },
            None if options.dry_run => Status::Planned { detail: planned(package, options) },
            None => {
                progress.started(item);
                fetch_and_install(package, index, options).unwrap_or_else(|error| Status::failed(&error))
            }
        },
    };
    Report { item: item.clone(), status, elapsed: started.elapsed() }
}

fn planned(package: &Package, options: &Options) -> String {
    let how = if options.offline { "the cache" } else { means(package.ecosystem) };
    let pin = match &package.integrity {
        Some(integrity) => format!(", {}…", integrity.get(..18).unwrap_or(integrity)),
        None => ", by the index's own hash".to_owned(),
    };
    format!("{} from {how}{pin}, into {}", package.requirement(), package.folder.display())
}

fn fetch_and_install(package: &Package, index: usize, options: &Options) -> Result<Status, SyncError> {
    let work = options.places.work().join(index.to_string());
    std::fs::create_dir_all(&work).map_err(files("create", &work))?;
    let fetch = Fetch {
        places: &options.places,
        environment: &options.environment,
        patience: options.patience,
        cancel: &options.cancel,
    };
    let outcome = install(package, &work, &fetch, options.offline);
    remove(&work);
    let (version, origin) = outcome?;
    Ok(Status::Installed { detail: format!("{} {version} {origin}, in {}", package.name, package.folder.display()) })
}
