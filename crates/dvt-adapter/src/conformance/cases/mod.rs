//! The cases, by what they look at. Each takes a fresh subject and panics when the contract is broken.

mod description;
mod errors;
mod loading;
mod sessions;
mod streams;
mod types;

pub use description::*;
pub use errors::*;
pub use loading::*;
pub use sessions::*;
pub use streams::*;
pub use types::*;
