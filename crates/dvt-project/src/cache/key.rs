//! What must be the same as a whole: the program, the command line's variables, the profile, the packages.

use super::pack::pack_struct;
use crate::{ConfigFiles, ConnectionSettings, Package, ProjectSettings};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::{self, Debug, Write as _};
use std::sync::OnceLock;

/// The parts are kept apart so that a difference has a name: dbt's, for its log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    program: String,
    variables: [u8; 32],
    profile: [u8; 32],
    /// By name; each with a hash of all that its `dbt_project.yml` says.
    packages: Vec<(String, [u8; 32])>,
}

pack_struct! { Key { program, variables, profile, packages } }

impl Key {
    pub(super) fn of(
        settings: &ProjectSettings,
        config: &ConfigFiles,
        packages: &[Package],
        macro_packages: &[&str],
    ) -> Self {
        let profile = &config.profile;
        let outputs: Vec<(&str, &str)> =
            profile.outputs.values().map(|output| (output.name.as_str(), output.adapter_type.as_str())).collect();
        // A config may name one of these; what they are does not matter before something runs.
        let computes: Vec<&String> = config.computes.computes.keys().collect();
        let buckets: Vec<&String> = config.buckets.buckets.keys().collect();
        let variables = (
            Value::Object(settings.vars.clone()).to_string(),
            &profile.name,
            &profile.target,
            &config.project.vars_file,
        );
        // What is secret shows nothing of itself here, as in dbt: another password is the same database.
        let settings = profile.outputs.get(&profile.target).and_then(|output| output.settings.as_ref().ok());
        let target = settings.map(|settings| {
            let mut values = settings.expose().clone();
            values.shift_remove("threads");
            ConnectionSettings::new(values)
        });
        Self {
            program: program().to_owned(),
            variables: hash_of(&variables),
            profile: hash_of(&(outputs, target, computes, buckets, macro_packages)),
            packages: packages
                .iter()
                .map(|package| (package.name.clone(), hash_of(&(package, &package.project.file.text))))
                .collect(),
        }
    }

    /// What dbt says when one of these has changed; `None` when they are the same.
    pub(super) fn difference(&self, now: &Self) -> Option<&'static str> {
        let Self { program, variables, profile, packages } = self;
        if *program != now.program {
            return Some("of a version mismatch");
        }
        if *variables != now.variables {
            return Some("config vars, config profile, or config target have changed");
        }
        if *profile != now.profile {
            return Some("profile has changed");
        }
        let is_new = |(name, _): &(String, [u8; 32])| packages.iter().all(|(known, _)| known != name);
        if now.packages.iter().any(is_new) {
            return Some("a project dependency has been added");
        }
        (*packages != now.packages).then_some("a project config has changed")
    }
}

/// The running program: its version, and size and age of its file, since a build of the same version may read otherwise.
fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let file = std::env::current_exe().and_then(std::fs::metadata);
        let of_file = file.and_then(|file| Ok((file.len(), file.modified()?)));
        match of_file {
            Ok((length, modified)) => format!("{} {length} {modified:?}", env!("CARGO_PKG_VERSION")),
            // A program that cannot be told from another is the same as none but itself.
            Err(error) => format!("{} {} {error}", env!("CARGO_PKG_VERSION"), std::process::id()),
        }
    })
}

pub(super) fn hash_of_text(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// A hash of all that a value shows of itself. Secrets show nothing of themselves, and no reading depends on them.
pub(crate) fn hash_of(value: &impl Debug) -> [u8; 32] {
    struct Hash(Sha256);
    impl fmt::Write for Hash {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hash = Hash(Sha256::new());
    // Writing into a hash cannot fail.
    let _ = write!(hash, "{value:?}");
    hash.0.finalize().into()
}
