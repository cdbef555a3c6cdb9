//! Delta tables on an object store: create, append, overwrite, read at a version, compact.
//!
//! In: a stream of Arrow batches and a [`TableLocation`]. Out: a [`DeltaTable`] at one version, whose rows can be read by
//! DataFusion. Every write is one commit, so readers see all of it or nothing; a write that fails leaves no file behind.
//! Any Arrow schema that can be held comes back exactly, with its fields' metadata: what Delta has no type for is kept in
//! a type that it has, and the Arrow schema is remembered beside it. Nothing here knows databases or dbt.

mod cloud;
mod data_files;
mod encoding;
mod error;
mod filter_pushdown;
mod log;
mod objects;
mod provider;
mod stated_orders;
mod store;
mod table;

#[cfg(test)]
mod tests;

pub use cloud::{CloudService, CloudStore, cloud_key, open_cloud};
pub use datafusion::catalog::TableProvider;
pub use encoding::{check_schema, decode, encode, stored_schema, stored_type};
pub use error::{DeltaError, DeltaErrorKind, SourceError, WriteError};
pub use filter_pushdown::physical_rules;
pub use objects::{Folder, Seen, StoredObject};
pub use store::{Store, TableLocation, decode_segment, encode_segment};
pub use table::{DataFile, DeltaTable, PreparedAppend, RowStream};
