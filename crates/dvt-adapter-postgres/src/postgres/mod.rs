//! PostgreSQL: binary COPY both ways, types and statistics from its catalog.

pub(crate) mod adapter;
mod append;
mod changes;
mod commit;
mod copy_out;
mod database;
mod decode;
mod describe;
mod encode;
mod extract;
mod formats;
mod jdbc;
mod load;
pub(crate) mod macros;
mod numeric;
mod profile;
mod rows;
mod statistics;
mod types;
