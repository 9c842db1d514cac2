//! Which worker is offered which batch, and from where on it must read the log if it was skipped.

use std::sync::Arc;

use tidings_model::{Batch, FeedItem, Position};

/// The `upto` of the last batch that concerned each worker.
pub(crate) struct Feed {
    upto: Vec<Position>,
}

impl Feed {
    /// At the start everybody has seen the log up to `now`.
    pub(crate) fn new(workers: usize, now: Position) -> Self {
        Self { upto: vec![now; workers] }
    }

    pub(crate) fn upto(&self, worker: usize) -> Position {
        self.upto.get(worker).copied().unwrap_or(Position::ZERO)
    }

    /// The items of a durable batch, by worker.
    pub(crate) fn items(&mut self, batch: &Arc<Batch>) -> Vec<(usize, FeedItem)> {
        let concerned = batch.entries.iter().fold(0, |bits, entry| bits | entry.concerns);
        let mut items = Vec::new();
        for (worker, upto) in self.upto.iter_mut().enumerate().filter(|(worker, _)| concerned >> worker & 1 == 1) {
            let prev = std::mem::replace(upto, batch.upto);
            items.push((worker, FeedItem { prev, batch: batch.clone() }));
        }
        items
    }
}
