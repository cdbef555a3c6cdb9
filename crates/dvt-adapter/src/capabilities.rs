//! What an engine can do, as data that the runner and the planner read.

/// Facts about one engine. A leaf states them once; nothing is found out by trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// CREATE, DROP and ALTER take part in a transaction.
    pub transactional_ddl: bool,
    /// The engine tells the column types of any query without running it (false: SQLite, whose expressions are untyped).
    pub describes_queries: bool,
    /// Several sessions may write at once (false: SQLite, where writers wait for each other).
    pub concurrent_writers: bool,
    /// Comparison operators on the engine's text columns can be trusted to be bytewise unless a column says otherwise.
    pub binary_text_by_default: bool,
}
