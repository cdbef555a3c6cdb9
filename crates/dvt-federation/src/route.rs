//! Which way a node runs, from where its inputs live.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The way of one node (DESIGN section 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "route", content = "from")]
pub enum Route {
    /// All inputs live on the target's connection: the node is dbt's.
    Pushdown,
    /// All inputs live on one other connection (its name): the query runs there and its rows move to the target.
    Transfer(String),
    /// Inputs live on several connections.
    Federate,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pushdown => "pushdown",
            Self::Transfer(_) => "transfer",
            Self::Federate => "federate",
        })
    }
}

/// The route of a node that writes to `target` and reads relations on `reads` (looked through ephemeral models).
///
/// `same_place` tells whether two connection names lead to the same host, port, database and user; names that do are one
/// connection here. A node that reads nothing is pushed down.
pub fn choose_route<'a>(
    target: &str,
    reads: impl IntoIterator<Item = &'a str>,
    same_place: impl Fn(&str, &str) -> bool,
) -> Route {
    let mut elsewhere: BTreeSet<&str> = BTreeSet::new();
    let mut reads_target = false;
    for connection in reads {
        if connection == target || same_place(connection, target) {
            reads_target = true;
        } else if !elsewhere.iter().any(|known| *known == connection || same_place(known, connection)) {
            elsewhere.insert(connection);
        }
    }
    match (elsewhere.len(), reads_target) {
        (0, _) => Route::Pushdown,
        (1, false) => Route::Transfer(elsewhere.pop_first().expect("one is there").to_owned()),
        _ => Route::Federate,
    }
}
