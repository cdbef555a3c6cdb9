//! Repository chores, run as `cargo xtask <chore>`.
//!
//! `layers` checks who uses whom, from the manifests alone. `ci` runs what has to be green before a change is handed
//! over. Nothing here is shipped.

mod ci;
mod layers;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

  layers   check the directions between crates, and which crate alone knows which library (layers.toml)
  ci       fmt --check, layers, clippy with warnings as errors, all tests
";

#[expect(clippy::print_stderr, reason = "xtask talks to the developer at the terminal")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let root = workspace_root()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["layers"] => layers::check_workspace(&root),
        ["ci"] => ci::run(&root),
        [] | ["help" | "--help" | "-h"] => {
            say(USAGE);
            Ok(())
        }
        other => bail!("no chore `{}`\n\n{USAGE}", other.join(" ")),
    }
}

/// Prints to the developer's terminal.
#[expect(clippy::print_stdout, reason = "xtask talks to the developer at the terminal")]
fn say(text: &str) {
    println!("{}", text.trim_end());
}

/// The folder above this crate's.
fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).context("xtask lies in the workspace")
}
