//! Counts of one node's rows and bytes, told to the reporter a few times a second.

use crate::outcome::RouteKind;
use crate::reporter::{NodeProgress, Phase, Reporter};
use arrow::array::{Array, RecordBatch};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) struct Progress {
    reporter: Arc<dyn Reporter>,
    unique_id: String,
    route: RouteKind,
    counts: Counts,
    written: Counts,
    last: Mutex<(Phase, Option<Instant>)>,
}

/// Rows and bytes so far.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    pub(crate) fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }
}

impl Progress {
    pub(crate) fn new(reporter: &Arc<dyn Reporter>, unique_id: &str, route: RouteKind) -> Arc<Self> {
        Arc::new(Self {
            reporter: Arc::clone(reporter),
            unique_id: unique_id.to_owned(),
            route,
            counts: Counts::default(),
            written: Counts::default(),
            last: Mutex::new((Phase::Compile, None)),
        })
    }

    /// A new phase is told at once.
    pub(crate) fn phase(&self, phase: Phase) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = (phase, None);
        self.tell();
    }

    pub(crate) fn read(&self, batch: &RecordBatch) {
        self.counts.add(batch.num_rows() as u64, batch_bytes(batch));
        self.tell();
    }

    pub(crate) fn written(&self, batch: &RecordBatch) {
        self.written.add(batch.num_rows() as u64, batch_bytes(batch));
        self.tell();
    }

    /// Starts the counts again, for another attempt.
    pub(crate) fn restart(&self) {
        self.counts.reset();
        self.written.reset();
    }

    fn tell(&self) {
        let phase = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if last.1.is_some_and(|told| now.duration_since(told) < INTERVAL) {
                return;
            }
            last.1 = Some(now);
            last.0
        };
        self.reporter.node_progress(&NodeProgress {
            unique_id: self.unique_id.clone(),
            route: self.route,
            phase,
            rows_read: self.counts.rows(),
            bytes_read: self.counts.bytes(),
            rows_written: self.written.rows(),
            bytes_written: self.written.bytes(),
        });
    }
}

/// The bytes of the batch's own values; a slice does not count what lies beside it.
pub(crate) fn batch_bytes(batch: &RecordBatch) -> u64 {
    let bytes = |column: &arrow::array::ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()) as u64
    };
    batch.columns().iter().map(bytes).sum()
}
