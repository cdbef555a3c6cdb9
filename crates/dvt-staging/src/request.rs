//! What is to be staged, and how its rows are read.

use crate::{StagedTable, StagingKey};
use arrow::datatypes::SchemaRef;
use dvt_adapter::{AdapterError, BatchStream};
use futures::future::BoxFuture;
use std::fmt;
use std::sync::Arc;

/// Starts the extract; called only when nobody has staged it yet.
pub type OpenExtract = Box<dyn FnOnce() -> BoxFuture<'static, Result<BatchStream, AdapterError>> + Send>;

/// Starts to read the part of the extract that fulfils a condition.
pub type OpenPart = Box<dyn Fn(&str) -> BoxFuture<'static, Result<BatchStream, AdapterError>> + Send + Sync>;

/// Asks the source for its change token.
pub type AskToken = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<String>, AdapterError>> + Send + Sync>;

/// Hears of each part that is committed: its number from 1, and how many there are.
pub type OnPart = Box<dyn Fn(usize, usize) + Send + Sync>;

/// What is to be staged.
#[derive(Clone, Debug)]
pub struct StageRequest {
    /// The connection's name: the first folder.
    pub connection: String,
    /// What is read, for the folder's name and for messages: `public.customers`.
    pub relation: String,
    pub key: StagingKey,
    pub schema: SchemaRef,
    /// What proves the source's state. Without it a table serves this run alone.
    pub proof: Option<Proof>,
}

/// The source's state before the first row is read, and how to ask whether it still is that.
#[derive(Clone)]
pub struct Proof {
    pub token: String,
    pub ask: AskToken,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Proof {
    /// Whether the source is still in that state. A source that does not answer proves nothing.
    pub(crate) async fn still_holds(&self) -> bool {
        match (self.ask)().await {
            Ok(token) => token.as_ref() == Some(&self.token),
            Err(error) => {
                tracing::debug!(%error, "the source's state could not be asked for again");
                false
            }
        }
    }
}

/// How the rows are read.
pub struct Reading {
    pub whole: OpenExtract,
    /// Only with a [`Proof`]: rows of different parts belong together only if the source has not changed between them.
    pub parts: Option<Parts>,
}

impl From<OpenExtract> for Reading {
    fn from(whole: OpenExtract) -> Self {
        Self { whole, parts: None }
    }
}

/// An extract in parts: a run that is killed goes on behind the last one that was committed.
pub struct Parts {
    /// Every row fulfils exactly one of them.
    pub conditions: Vec<String>,
    pub open: OpenPart,
    pub on_part: OnPart,
}

/// Where a staged table came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its rows were read now.
    Read,
    /// Another node of this run has staged it.
    Shared,
    /// An earlier run, or another one at work, has staged it, and the source has not changed since.
    Reused,
    /// A run that died has staged this many of its parts; the others were read now.
    Resumed { parts_done: usize, parts: usize },
}

/// A staged table, and whether its rows were read for this call (so that they are counted once).
#[derive(Clone, Debug)]
pub struct StageOutcome {
    pub table: Arc<StagedTable>,
    pub origin: Origin,
}
