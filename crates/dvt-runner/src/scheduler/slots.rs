//! The run's worker slots: dbt's threads. The scheduler gives each task one; a task may take more for its parts (the
//! batches of a microbatch model) while there are free ones.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The slots of one run, numbered from 1.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<BTreeSet<usize>>,
    freed: Notify,
}

/// A slot that is held; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Slot {
    /// From 1: dbt's thread number.
    pub(crate) number: usize,
    slots: Arc<Slots>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { free: Mutex::new((1..=count.max(1)).collect()), freed: Notify::new() })
    }

    /// The free slot with the lowest number.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        let number = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop_first()?;
        Some(Slot { number, slots: Arc::clone(self) })
    }

    /// Waits until a slot was given back. A slot that was given back before the call counts if nobody heard of it.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.free.lock().unwrap_or_else(PoisonError::into_inner).insert(self.number);
        self.slots.freed.notify_one();
    }
}
