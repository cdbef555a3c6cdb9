//! Packages in git repositories, by way of the user's own `git`: its credentials, proxies and keys apply.
//!
//! Objects are fetched into a bare repository of the cache, one per address; a commit that is already there needs no network.

use crate::PackageError;
use crate::install::Session;
use crate::listing::GitPinned;
use crate::resolve::Metadata;
use dvt_diagnostics::{Event, kinds};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

/// Part of the name of the index that one checkout uses.
const INDEX: &str = "checkout-";

impl Session<'_> {
    /// Fetches the revision to read what the package says of itself; the pin then names the commit.
    pub(crate) fn git_metadata(&mut self, pinned: &mut GitPinned) -> Result<Metadata, PackageError> {
        let folder = self.checked_out(pinned)?;
        self.folder_metadata(&folder)
    }

    pub(crate) fn install_git(&mut self, pinned: &mut GitPinned, name: &str) -> Result<(), PackageError> {
        let from = self.checked_out(pinned)?;
        let to = self.destination(name)?;
        self.unpacked.remove(&pinned.key());
        crate::folder::move_folder(&from, &to).map_err(|cause| PackageError::Files {
            action: "move",
            path: from,
            cause,
        })
    }

    /// Warns of a revision that moves, then pins its commit and checks it out in a folder of this run.
    fn checked_out(&mut self, pinned: &mut GitPinned) -> Result<PathBuf, PackageError> {
        let asked = (pinned.git.clone(), pinned.revision.clone());
        if !self.commits.contains_key(&asked) {
            let commit = Repository::open(self, &pinned.git)?.commit(&pinned.revision)?;
            self.warn_of_moving(pinned)?;
            self.commits.insert((pinned.git.clone(), commit.clone()), commit.clone());
            self.commits.insert(asked.clone(), commit);
        }
        if let Some(commit) = self.commits.get(&asked) {
            pinned.revision.clone_from(commit);
        }
        if let Some(folder) = self.unpacked.get(&pinned.key()) {
            return Ok(folder.clone());
        }
        let folder = self.work_folder()?;
        Repository::open(self, &pinned.git)?.check_out(&pinned.revision, pinned.subdirectory.as_deref(), &folder)?;
        let folder = match &pinned.subdirectory {
            None => folder,
            Some(subdirectory) => inside(&folder, subdirectory).ok_or_else(|| PackageError::NoSubdirectory {
                git: pinned.git.clone(),
                subdirectory: subdirectory.clone(),
            })?,
        };
        self.unpacked.insert(pinned.key(), folder.clone());
        Ok(folder)
    }

    fn warn_of_moving(&self, pinned: &GitPinned) -> Result<(), PackageError> {
        let revision = pinned.revision.as_str();
        if !pinned.warn_unpinned || !matches!(revision, "HEAD" | "main" | "master") {
            return Ok(());
        }
        let how = match revision {
            "HEAD" => "not pinned, using HEAD (default branch)".to_owned(),
            branch => format!("pinned to the \"{branch}\" branch"),
        };
        let git = &pinned.git;
        let message = format!(
            "The git package \"{git}\" \n\tis {how}.\n\tThis can introduce breaking changes into your project without \
             warning!\n\nSee https://docs.getdbt.com/docs/package-management#section-specifying-package-versions"
        );
        let event = Event::new(kinds::DEPS_UNPINNED, message).with("revision", revision).with("git", git.as_str());
        Ok(self.events.warn_or_error(event)?)
    }
}

/// One repository's objects in the cache.
struct Repository<'a> {
    session: &'a Session<'a>,
    url: &'a str,
    folder: crate::cache::LockedFolder,
}

impl<'a> Repository<'a> {
    fn open(session: &'a Session<'a>, url: &'a str) -> Result<Self, PackageError> {
        if url.starts_with('-') {
            return Err(PackageError::UnsafeAddress { git: url.to_owned() });
        }
        let folder = session.cache.repository(url)?;
        let repository = Self { session, url, folder };
        repository.remove_indexes();
        if !repository.folder.path.join("HEAD").is_file() {
            repository.run("HEAD", &["init", "--quiet", "--bare"])?;
        }
        Ok(repository)
    }

    /// Removes what checkouts of killed runs left; the lock on the folder says that none is at work.
    fn remove_indexes(&self) {
        let Ok(entries) = fs::read_dir(&self.folder.path) else { return };
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(INDEX) {
                // A few kilobytes in the cache are in nobody's way.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// The commit that a tag, a branch or (part of) a commit id names now.
    fn commit(&self, revision: &str) -> Result<String, PackageError> {
        if revision.starts_with('-') || revision.contains(':') {
            return Err(PackageError::UnsafeAddress { git: revision.to_owned() });
        }
        let is_commit = revision.len() == 40 && revision.chars().all(|digit| digit.is_ascii_hexdigit());
        if is_commit && self.holds(revision)? {
            return Ok(revision.to_owned());
        }
        let events = self.session.events;
        events.fire(
            Event::new(kinds::GIT_PROGRESS_CHECKOUT_REVISION, format!("Checking out revision {revision}."))
                .with("revision", revision),
        );
        // A name is looked for among the tags before the branches.
        let fetch = ["fetch", "--quiet", "--no-tags", "--depth", "1", "--end-of-options", self.url, revision];
        let fetched = self.output(&fetch)?;
        if fetched.status.success() {
            return self.parse("FETCH_HEAD^{commit}", revision);
        }
        let may_be_part_of_commit = revision.len() >= 4 && revision.chars().all(|digit| digit.is_ascii_hexdigit());
        if !may_be_part_of_commit {
            return Err(self.failed(revision, &fetched));
        }
        // A server may not give a commit by its id, and part of an id means nothing to it: then all of it is fetched.
        let all = ["fetch", "--quiet", "--tags", "--end-of-options", self.url, "+refs/heads/*:refs/heads/*"];
        let mut deep = vec![all[0], all[1], all[2]];
        if self.folder.path.join("shallow").is_file() {
            deep.push("--unshallow");
        }
        deep.extend(&all[3..]);
        let everything = self.output(&deep)?;
        if !everything.status.success() {
            return Err(self.failed(revision, &fetched));
        }
        self.parse(&format!("{revision}^{{commit}}"), revision)
    }

    /// Writes the files of a commit, or of one folder of it, to a new folder.
    fn check_out(&self, commit: &str, subdirectory: Option<&str>, to: &Path) -> Result<(), PackageError> {
        fs::create_dir_all(to).map_err(|cause| PackageError::Files { action: "create", path: to.to_owned(), cause })?;
        if let Some(subdirectory) = subdirectory {
            self.session.events.fire(
                Event::new(
                    kinds::GIT_SPARSE_CHECKOUT_SUBDIRECTORY,
                    format!("Subdirectory specified: {subdirectory}, using sparse checkout."),
                )
                .with("subdir", subdirectory),
            );
            if !is_inside(subdirectory) {
                return Err(PackageError::NoSubdirectory {
                    git: self.url.to_owned(),
                    subdirectory: subdirectory.to_owned(),
                });
            }
        }
        let index = self.folder.path.join(format!("{INDEX}{}", uuid::Uuid::new_v4().simple()));
        let pattern = subdirectory.map_or_else(|| ".".to_owned(), |path| format!(":(top,literal){path}"));
        let output = self
            .command()
            .env("GIT_INDEX_FILE", &index)
            .arg("--work-tree")
            .arg(to)
            .args(["checkout", "--quiet", "--force", commit, "--", &pattern])
            .current_dir(to)
            .output();
        // Only this checkout used it.
        let _ = fs::remove_file(&index);
        let output = output.map_err(|cause| self.cannot_run(cause))?;
        if output.status.success() {
            let end_sha = commit.get(..7).unwrap_or(commit);
            self.session.events.fire(
                Event::new(kinds::GIT_PROGRESS_CHECKED_OUT_AT, format!("Checked out at {end_sha}."))
                    .with("end_sha", end_sha),
            );
            return Ok(());
        }
        match subdirectory {
            Some(subdirectory) if String::from_utf8_lossy(&output.stderr).contains("did not match") => {
                Err(PackageError::NoSubdirectory { git: self.url.to_owned(), subdirectory: subdirectory.to_owned() })
            }
            _ => Err(self.failed(commit, &output)),
        }
    }

    fn holds(&self, commit: &str) -> Result<bool, PackageError> {
        Ok(self.output(&["cat-file", "-e", &format!("{commit}^{{tree}}")])?.status.success())
    }

    fn parse(&self, name: &str, revision: &str) -> Result<String, PackageError> {
        let output = self.output(&["rev-parse", "--verify", "--quiet", "--end-of-options", name])?;
        let commit =
            String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("--end-of-options").trim().to_owned();
        // It would keep the address, which may hold a token.
        let _ = fs::remove_file(self.folder.path.join("FETCH_HEAD"));
        if output.status.success() && commit.len() >= 40 {
            return Ok(commit);
        }
        Err(PackageError::Git {
            git: self.url.to_owned(),
            revision: revision.to_owned(),
            reason: "it is no tag, branch or commit of the repository".to_owned(),
        })
    }

    fn run(&self, revision: &str, arguments: &[&str]) -> Result<(), PackageError> {
        let output = self.output(arguments)?;
        if output.status.success() { Ok(()) } else { Err(self.failed(revision, &output)) }
    }

    fn output(&self, arguments: &[&str]) -> Result<Output, PackageError> {
        self.command().args(arguments).current_dir(&self.folder.path).output().map_err(|cause| self.cannot_run(cause))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        // What a hook of another repository may have set would lead git there.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"] {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C").arg("--git-dir").arg(&self.folder.path);
        command
            .arg("-c")
            .arg("core.hooksPath=/dev/null")
            .arg("-c")
            .arg("gc.auto=0")
            .arg("-c")
            .arg("advice.detachedHead=false");
        command
    }

    fn failed(&self, revision: &str, output: &Output) -> PackageError {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        PackageError::Git { git: self.url.to_owned(), revision: revision.to_owned(), reason: stderr }
    }

    fn cannot_run(&self, cause: std::io::Error) -> PackageError {
        self.session.events.fire(Event::new(
            kinds::ENSURE_GIT_INSTALLED,
            "Make sure git is installed on your machine. More information: https://docs.getdbt.com/docs/package-management",
        ));
        PackageError::NoGit { cause }
    }
}

/// Whether a path stays below where it starts, told from its text.
fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

/// A folder below another one, with no link on the way that leads out.
fn inside(folder: &Path, subdirectory: &str) -> Option<PathBuf> {
    let path = folder.join(subdirectory);
    let (real, root) = (fs::canonicalize(&path).ok()?, fs::canonicalize(folder).ok()?);
    (real.starts_with(&root) && real.is_dir() && is_inside(subdirectory)).then_some(path)
}
