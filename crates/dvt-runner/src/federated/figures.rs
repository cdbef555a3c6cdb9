//! What was read for a node, input by input.

use crate::progress::Counts;
use dvt_staging::Origin;
use serde_json::{Value, json};
use std::sync::Arc;

/// What was read for a node, per input.
#[derive(Clone, Debug)]
pub(crate) struct InputFigures {
    pub(crate) connection: String,
    pub(crate) relation: String,
    /// Rows and bytes that came from the connection for this node.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) delivery: Delivery,
}

/// How an input's rows came.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    Streamed,
    /// Executors of the compute read them; dvt has not seen them.
    Executors,
    Staged {
        origin: Origin,
        rows: u64,
        bytes: u64,
    },
}

impl Delivery {
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Streamed => "streamed",
            Self::Executors => "executors",
            Self::Staged { origin: Origin::Read, .. } => "staged",
            Self::Staged { origin: Origin::Shared, .. } => "shared",
            Self::Staged { origin: Origin::Reused, .. } => "reused",
            Self::Staged { origin: Origin::Resumed { .. }, .. } => "resumed",
        }
    }
}

impl InputFigures {
    pub(crate) fn to_json(&self) -> Value {
        let mut figures = json!({
            "connection": self.connection,
            "relation": self.relation,
            "rows_extracted": self.rows,
            "bytes_extracted": self.bytes,
            "staged": matches!(self.delivery, Delivery::Staged { .. }),
            "delivery": self.delivery.as_str(),
        });
        if let (Delivery::Executors, Some(figures)) = (&self.delivery, figures.as_object_mut()) {
            figures.insert("rows_extracted".to_owned(), Value::Null);
            figures.insert("bytes_extracted".to_owned(), Value::Null);
        }
        if let (Delivery::Staged { rows, bytes, .. }, Some(figures)) = (&self.delivery, figures.as_object_mut()) {
            figures.insert("rows_staged".to_owned(), json!(rows));
            figures.insert("bytes_staged".to_owned(), json!(bytes));
        }
        figures
    }
}

#[derive(Clone)]
pub(crate) struct InputCounter {
    pub(super) connection: String,
    pub(super) relation: String,
    pub(super) counts: Arc<Counts>,
    pub(super) delivery: Delivery,
}

impl InputCounter {
    pub(crate) fn figures(&self) -> InputFigures {
        InputFigures {
            connection: self.connection.clone(),
            relation: self.relation.clone(),
            rows: self.counts.rows(),
            bytes: self.counts.bytes(),
            delivery: self.delivery.clone(),
        }
    }
}
