//! The sequence that has to be green before a change is handed over.

use crate::{layers, say};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs format check, layer check, lints and all tests, in the order in which they are quick to fail.
pub(crate) fn run(root: &Path) -> Result<()> {
    cargo(root, &["fmt", "--all", "--check"])?;
    layers::check_workspace(root)?;
    cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    if has_nextest(root) {
        cargo(root, &["nextest", "run", "--workspace", "--locked"])
    } else {
        cargo(root, &["test", "--workspace", "--locked"])
    }
}

fn has_nextest(root: &Path) -> bool {
    Command::new("cargo")
        .args(["nextest", "--version"])
        .current_dir(root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    say(&format!("$ cargo {}", arguments.join(" ")));
    let status = Command::new("cargo").args(arguments).current_dir(root).status().context("cargo cannot be started")?;
    if !status.success() {
        bail!("`cargo {}` failed", arguments.join(" "));
    }
    Ok(())
}
