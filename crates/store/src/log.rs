//! The ordered log of facts: the trait, and what all its forms share.
//!
//! It knows bytes, order and durability; it deliberately does not know what a fact means.

use std::fmt;
use std::sync::Arc;

use tidings_model::{Batch, Entry, Fact, MessageId, Millis, Position, Published};

use crate::ReadError;

pub(crate) mod codec;
#[cfg(test)]
pub(crate) mod conformance;
pub(crate) mod folder;
#[cfg(test)]
mod follow;
pub(crate) mod recent;
pub(crate) mod record;
pub(crate) mod segment;
pub(crate) mod segments;

#[cfg(test)]
pub(crate) use follow::Follow;

/// The unit of append: the facts of one or more decisions, and never half of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// One more for each `Started`.
    pub epoch: u32,
    /// Random, of this process.
    pub writer: u64,
    /// The record that this one was decided upon; its number is given by the log.
    pub prev: u64,
    /// Log time.
    pub at: Millis,
    pub facts: Vec<Arc<Fact>>,
}

/// The numbers of the oldest and the newest record; `first` is `last + 1` where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub first: u64,
    pub last: u64,
}

/// Why an append failed, by what is certain about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AppendError {
    /// Somebody else has appended: the last record is another.
    Fenced { last: u64 },
    /// Certainly not stored: no room.
    Full,
    /// It may be stored. `goes_on`: the next successful append of this same log overwrites it; otherwise nothing more may be written.
    Unknown { goes_on: bool, what: String },
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced { last } => write!(f, "somebody else appended record {last}: two processes on one log"),
            Self::Full => f.write_str("no space left for the log"),
            Self::Unknown { what, .. } => write!(f, "the outcome of an append is unknown: {what}"),
        }
    }
}

/// An ordered log with compare-and-append. Blocking; `append` has a thread of its own, reads come from others.
pub(crate) trait Log: Send + Sync {
    /// Durable, in order, all or none when it returns Ok; numbered from `expected_last + 1`. The new last number.
    fn append(&self, expected_last: u64, records: &[Record]) -> Result<u64, AppendError>;
    /// Entries in (after, upto], whole records while `bytes_max` lasts (at least one); `Batch::upto` is how far it got.
    fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError>;
    fn bounds(&self) -> Result<Bounds, ReadError>;
    /// The message whose fact stands at `at`.
    fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError>;
    /// Where the message `id` stands: its milliseconds are its record's time.
    fn find(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError>;
}

/// A fact as a log gives it back: it concerns everybody who might care, for whom it concerned is not stored.
pub(crate) fn entry(at: Position, time: Millis, fact: Arc<Fact>) -> Entry {
    let concerns = match *fact {
        Fact::Registered(_) | Fact::Unregistered(_) | Fact::Ghost(_) | Fact::Erased(_) | Fact::Disconnected(_) | Fact::Published(_) => {
            u64::MAX
        }
        Fact::Subscribed(_) => u64::MAX,
        Fact::Recalled(_) => u64::MAX,
        Fact::AppPut(_) | Fact::AppGone(_) => u64::MAX,
        Fact::KeyPut(_) | Fact::KeyGone(_) => 0,
        Fact::SinkPut(_) | Fact::SinkGone(_) | Fact::SinkMoved(_) => 0,
        Fact::Started(_)
        | Fact::Tick
        | Fact::Presence(_)
        | Fact::Proven(_)
        | Fact::Reported(_)
        | Fact::Overflowed(_)
        | Fact::Ended(_)
        | Fact::ClientEvent(_) => 0,
    };
    Entry { at, time, fact, concerns }
}
