//! The conformance suite over DuckDB.
