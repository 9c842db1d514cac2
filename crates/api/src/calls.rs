//! How many calls a face answered, how, and in what time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub answered: u64,
    /// Of them, the caller's fault: with a 4xx, or an exception of the contract.
    pub refused: u64,
    /// Of them, ours: with a 5xx, or as an internal error.
    pub failed: u64,
    /// From a call to its answer (over HTTP, from head to head), summed, in microseconds. What a caller wished to wait is in it.
    pub micros: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

/// How a call was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    Failed,
}

impl Tally {
    pub(crate) fn read(&self) -> Calls {
        let read = |number: &AtomicU64| number.load(Relaxed);
        Calls { answered: read(&self.answered), refused: read(&self.refused), failed: read(&self.failed), micros: read(&self.micros) }
    }

    pub(crate) fn count(&self, began: Instant, outcome: Outcome) {
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.answered.fetch_add(1, Relaxed);
        self.refused.fetch_add(u64::from(outcome == Outcome::Refused), Relaxed);
        self.failed.fetch_add(u64::from(outcome == Outcome::Failed), Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }
}
