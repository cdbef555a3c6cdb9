//! The manifest from outside: relations as SQL, selection, order, artifacts.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod artifacts;
mod fuzz;
mod graph;
mod relation;
mod sample;
mod selection;
mod state;
