//! dbt's objects: relations, columns, tables of query results, responses.

pub(crate) mod column;
pub(crate) mod namespace;
pub(crate) mod relation;
pub(crate) mod response;
pub(crate) mod run_result;
pub(crate) mod table;
mod table_ops;
mod table_print;
mod table_set;
