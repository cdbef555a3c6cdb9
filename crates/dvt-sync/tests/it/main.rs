//! Runs with fake clients on `PATH`, and where the network allows, one with the user's own.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod fakes;
mod real;
mod syncing;
