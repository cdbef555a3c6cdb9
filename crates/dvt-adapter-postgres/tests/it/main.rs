//! The PostgreSQL leaf against a real server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod native_types;
mod redshift;
mod sessions;
mod speed;
mod support;
mod tls;
