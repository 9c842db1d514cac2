//! How durable facts reach the workers.

use std::sync::Arc;

use crate::{Fact, Millis, Position};

/// One durable fact.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Position,
    pub time: Millis,
    pub fact: Arc<Fact>,
    /// One bit a worker: whom it concerns (`u64::MAX`: everybody; 0: nobody).
    pub concerns: u64,
}

/// What one append made durable, in log order.
#[derive(Clone, Debug)]
pub struct Batch {
    pub entries: Vec<Entry>,
    /// The log is complete up to here: the end of the batch's last record.
    pub upto: Position,
}

/// What one worker is given: a batch that concerns it, and the `upto` of the item before.
/// Where `prev` is above what the worker has processed, an item was skipped: read the log first.
#[derive(Clone, Debug)]
pub struct FeedItem {
    pub prev: Position,
    pub batch: Arc<Batch>,
}
