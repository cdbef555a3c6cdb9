//! Spark by Spark Connect, for whoever needs one: the engine of a run (`dvt-compute`) and connections (`dvt-adapter-spark`).
//!
//! [`Session`] sends SQL and rows to a server and brings rows back, every one once and in order, whatever happens to the stream that
//! carries them. [`Server`] is one of dvt's own, started from a distribution and always stopped. What SQL means, and
//! which, is the callers' business.

mod distribution;
mod error;
mod rows;
mod server;
mod session;
mod settings;

pub use distribution::Distribution;
pub use error::SparkFailure;
pub use server::Server;
pub use session::{CONNECT_TIMEOUT, RowStream, Session};
pub use settings::SparkSettings;
