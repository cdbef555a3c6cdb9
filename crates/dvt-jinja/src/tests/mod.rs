//! Unit tests: the language, dbt's context, the macro mechanism, the built-in package, diagnostics.

mod context;
mod diagnostics;
mod fuzz;
mod language;
mod library;
mod macros;
mod materializations;
mod native;
mod packages;
mod python;
mod speed;
mod support;
