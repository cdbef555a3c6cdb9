//! The text of the built-in global package, `macros/` of this crate.

use super::{GLOBAL_PACKAGE, MacroFile};
use dvt_diagnostics::SourceFile;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../macros/", $path)))),*]
    };
}

/// Paths below `macros/` and their text.
const FILES: &[(&str, &str)] = files![];

/// The files of the built-in package `dbt`.
#[must_use]
pub fn builtin_macro_files() -> Vec<MacroFile> {
    FILES
        .iter()
        .map(|(path, text)| MacroFile::new(GLOBAL_PACKAGE, SourceFile::new(format!("dbt/macros/{path}"), *text)))
        .collect()
}
