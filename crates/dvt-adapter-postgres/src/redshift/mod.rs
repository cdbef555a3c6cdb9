//! Amazon Redshift: PostgreSQL's protocol, a database of its own.
//!
//! Redshift has no COPY to or from the client, and its binary forms of values are nobody's promise. So values travel as the text
//! that every client of it reads: out as ordinary results, in as INSERT statements of many rows.

pub(crate) mod adapter;
mod calendar;
mod commit;
mod database;
mod describe;
mod extract;
mod insert;
mod literals;
mod load;
pub(crate) mod macros;
mod profile;
mod rows;
mod text;
mod types;
