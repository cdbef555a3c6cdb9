//! Runs with fake clients on `PATH`, and where the network allows, one with the user's own.

mod fakes;
mod real;
mod syncing;
