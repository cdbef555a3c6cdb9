//! Small projects in; a summary of the manifest, or the diagnostics, out.
//!
//! A case is one file, `goldens/<name>.project`: a line `=== path` starts a file of the project (`~/` for the home
//! directory). The first lines, before any file, set the command line: `env NAME=value`, `target x`, `vars {…}`.
//! What is expected stands in `<name>.out`; `SNAPSHOTS=overwrite` writes it anew.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod cache;
mod config_files;
mod fuzz;
mod large;
mod parsing;
mod project;
