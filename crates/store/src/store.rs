//! The handle that doors and workers hold.

use tidings_model::{Batch, BroadcastQuery, FeedItem, MailboxQuery, Millis, Position, Request};

use crate::{EventPage, EventQuery, EventsError, Lane, PageReply, ReadError, Reply};

/// Whether facts can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Open,
    /// What needs a fact is refused with `storage_unavailable`; it is tried again every second.
    ReadOnly { since: Millis },
    /// The store stopped itself; the process must exit.
    Stopped(String),
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub batches: u64,
    pub records: u64,
    pub facts: u64,
    pub bytes: u64,
    pub merges: u64,
    pub merged_facts: u64,
    pub refused: u64,
    pub failed_appends: u64,
    pub pages: u64,
    /// Registered sockets now.
    pub sockets: u64,
}

/// A handle; cloning is cheap.
#[derive(Clone)]
pub struct Store {}

#[expect(unused_variables, reason = "signatures first")]
impl Store {
    /// Each durable batch that concerns `worker` goes to `sink` (true: taken; false: its inbox was full, and it will read the log).
    /// Called on the store's notifying thread, must not block. Once per worker, before doors open.
    pub fn follow(&self, worker: usize, sink: Box<dyn Fn(FeedItem) -> bool + Send + Sync>) {
        unimplemented!()
    }

    /// The highest `upto` of any batch that concerned this worker; raised before the item is offered.
    pub fn upto(&self, worker: usize) -> Position {
        unimplemented!()
    }

    /// Facts in (after, upto] in log order, at most about `bytes_max` of them (at least one record); `Batch::upto` says how far it got.
    pub fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError> {
        unimplemented!()
    }

    /// Never blocks. Err: that lane (4,096) is full, or the store is closing.
    pub fn ask(&self, lane: Lane, request: Request, reply: Reply) -> Result<(), (Request, Reply)> {
        unimplemented!()
    }

    /// One page of a device's mailbox, once the views have seen `query.upto`. Err: the readers' queue is full.
    pub fn mailbox(&self, query: MailboxQuery, reply: PageReply) -> Result<(), PageReply> {
        unimplemented!()
    }

    /// One page of an app's broadcasts.
    pub fn broadcasts(&self, query: BroadcastQuery, reply: PageReply) -> Result<(), PageReply> {
        unimplemented!()
    }

    /// The log seen as events; blocks on the disk.
    pub fn events(&self, query: &EventQuery) -> Result<EventPage, EventsError> {
        unimplemented!()
    }

    /// Called after each durable batch with its end; must not block.
    pub fn on_append(&self, hook: Box<dyn Fn(Position) + Send + Sync>) {
        unimplemented!()
    }

    /// Log time now: what every expiry is measured by.
    pub fn now(&self) -> Millis {
        unimplemented!()
    }

    /// Everything at or below it is durable.
    pub fn durable(&self) -> Position {
        unimplemented!()
    }

    pub fn health(&self) -> Health {
        unimplemented!()
    }

    pub fn counters(&self) -> Counters {
        unimplemented!()
    }
}
