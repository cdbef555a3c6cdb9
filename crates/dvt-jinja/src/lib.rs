//! Renders templates with dbt's context and reports what they asked for (ref, source, config).
//!
//! In: macro files, a template, a [`RenderContext`], a [`Bridge`] to the outside. Out: text, what was asked, and the way
//! from each byte of the text back to the template. minijinja parses; the evaluator is ours, because dbt's macros return
//! values, change lists and dicts, and call each other across packages. Nothing here reads a file, the environment or a
//! database: what templates need from outside goes through the bridge.
//!
//! - [`MacroLibrary::load`] reads all macro files once; it is immutable and shared by threads.
//! - [`render`] / [`render_template`] render a model in either [`Phase`].
//! - [`call_macro`] calls a macro (`generate_schema_name`, run-operation); [`run_materialization`] a materialization.
//! - [`render_value`] renders one string of a YAML file, with dbt's native types.

mod api;
mod bridge;
mod context;
mod engine;
mod error;
mod filters;
mod functions;
mod library;
mod methods;
mod objects;
mod rendered;
mod syntax;
mod tests_of_values;
mod uses;
mod value;
mod written_config;

#[cfg(test)]
mod tests;

pub use api::{Template, ValueMode, call_macro, render, render_template, render_value, run_materialization};
pub use bridge::{
    Bridge, BridgeError, DocLookup, EventTimeFilter, ExecuteOptions, Executed, LogLine, ParseBridge, RefRequest,
    SeedColumn, StatementResponse,
};
pub use context::{Invocation, Phase, RenderContext, Vars};
pub use engine::Interpreter;
pub use error::{ErrorKind, Flow, RenderError, TraceFrame};
pub use functions::finds_in_any_case;
pub use library::{
    Definition, DefinitionKind, DispatchConfig, DocsBlock, GLOBAL_PACKAGE, MacroFile, MacroLibrary, SnapshotBlock,
    builtin_macro_files,
};
pub use methods::format::{fill_fields, fill_percent};
pub use objects::table::{ColumnKind, Table};
pub use rendered::{Asked, AskedConfig, AskedName, AskedRef, AskedSource, Called, Materialized, Rendered, SourceMap};
pub use uses::{Used, Uses};
pub use value::{Args, Decimal, Dict, Object, Value, float_repr};
