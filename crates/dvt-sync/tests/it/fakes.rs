//! A home, and package clients that are shell scripts: they write down how they were called and give a prepared archive.

use dvt_sync::{Action, Ecosystem, Item, Members, Options, Package, Places, Progress, Report, sync};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) dry_run: bool,
    pub(crate) offline: bool,
    pub(crate) patience: Duration,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bin", "home", "shelf"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        // The machine's own clients are out of reach; what the fake ones use is not.
        for tool in ["cp", "sed", "tr", "sleep"] {
            let found =
                ["/bin", "/usr/bin"].iter().map(|folder| Path::new(folder).join(tool)).find(|path| path.exists());
            std::os::unix::fs::symlink(found.unwrap(), folder.path().join("bin").join(tool)).unwrap();
        }
        Self { folder, dry_run: false, offline: false, patience: Duration::from_secs(60) }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// A client: it answers `--version`, appends its words to `calls`, then runs `script`, where `$last` is its last word
    /// and `$dest` the folder behind `--dest` or `--pack-destination`.
    pub(crate) fn client(&self, name: &str, script: &str) {
        let text = format!(
            "#!/bin/sh\ncase \"$*\" in *--version*) echo 1.0; exit 0;; esac\necho \"{name} $*\" >> {calls}\n\
             while [ $# -gt 0 ]; do case \"$1\" in --dest|--pack-destination) dest=\"$2\";; esac; last=\"$1\"; shift; done\n\
             {script}\n",
            calls = self.path("calls").display()
        );
        write_program(&self.path("bin").join(name), &text);
    }

    /// A client that copies the files of the shelf that its last word, or the requirement file, names.
    pub(crate) fn serving_client(&self, name: &str) {
        let shelf = self.path("shelf");
        self.client(
            name,
            &format!(
                "case \"$last\" in *.txt) last=$(sed 's/[=<>! ].*//' \"$last\");; *) last=$(echo \"$last\" | sed 's/.*\\///;s/@.*//');; esac\n\
                 last=$(echo \"$last\" | tr '-' '_')\ncp {}/\"$last\"-* \"$dest\"/",
                shelf.display()
            ),
        );
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// A `.tar.gz` on the shelf; gives its hash.
    pub(crate) fn archive(&self, name: &str, top: &str, entries: &[(&str, &str)]) -> String {
        let staging = tempfile::tempdir().unwrap();
        for (path, text) in entries {
            let file = staging.path().join(top).join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let archive = self.path("shelf").join(name);
        let made = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(staging.path()).arg(top).status();
        assert!(made.unwrap().success());
        let output = Command::new("sha256sum").arg(&archive).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        format!("sha256-{}", text.split(' ').next().unwrap())
    }

    pub(crate) fn package(&self, name: &str, version: &str, integrity: Option<String>) -> Item {
        self.item(Package {
            ecosystem: Ecosystem::SourceArchive,
            name: name.to_owned(),
            version: version.to_owned(),
            integrity,
            members: Members::Below("*/deps".to_owned()),
            folder: self.path("home").join("things").join(name),
        })
    }

    pub(crate) fn item(&self, package: Package) -> Item {
        Item {
            kind: "driver",
            name: package.name.clone(),
            version: package.version.clone(),
            needed_by: "output `x`".to_owned(),
            is_required: true,
            action: Action::Install(package),
        }
    }

    pub(crate) fn sync(&self, items: Vec<Item>) -> (Vec<Report>, Vec<String>) {
        let path = self.path("bin").display().to_string();
        let options = Options {
            places: Places { home: self.path("home") },
            environment: BTreeMap::from([("PATH".to_owned(), path), ("HOME".to_owned(), "/nonexistent".to_owned())]),
            dry_run: self.dry_run,
            offline: self.offline,
            patience: self.patience,
            cancel: Arc::new(AtomicBool::new(false)),
        };
        let told = Told::default();
        let reports = sync(items, &options, &told).unwrap();
        (reports, told.0.into_inner().unwrap())
    }

    /// Every file below the home that is no client's own, with its text.
    pub(crate) fn home(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        collect(&self.path("home"), &self.path("home"), &mut files);
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.insert(name, String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned());
        }
    }
}

pub(crate) fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn waiting(&self) {
        self.0.lock().unwrap().push("waiting".to_owned());
    }

    fn started(&self, item: &Item) {
        self.0.lock().unwrap().push(format!("started {}", item.name));
    }

    fn finished(&self, report: &Report) {
        self.0.lock().unwrap().push(format!("finished {} {}", report.item.name, report.status.word()));
    }
}
