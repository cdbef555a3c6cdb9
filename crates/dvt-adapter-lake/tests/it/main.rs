//! The lake against the contract, and through its public face.
#![allow(clippy::unwrap_used)]

mod bucket;
mod conformance;
mod files;
mod sql;
mod support;
