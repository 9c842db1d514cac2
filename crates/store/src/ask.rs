//! What the store is asked with and what reads give back.

use std::fmt;

use tidings_model::{Answer, AppNo, Event, EventId, EventType, Page, Position};

mod registrations;
mod standing;
mod timeline;

pub use registrations::{Depth, Mailbox, Registration, TokenNames, UsersQuery};
pub use standing::{Shares, Standing, Whole};
pub use timeline::{Fate, Happened, Happening, Outcome, Timeline, TimelineQuery, Whom};

/// Two ways in, taken in turn, so that neither side can starve the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Devices,
    Backends,
}

/// Called once, on a thread of the store: it must not block. Refusals are [`Answer::Refused`].
pub type Reply = Box<dyn FnOnce(Answer) + Send>;

/// Called once, on a reader's thread.
pub type PageReply = Box<dyn FnOnce(Result<Page, ReadError>) + Send>;

/// Why the log or a view could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Bytes that fail their check, or a record that is missing: never skipped.
    Corrupt {
        at: Position,
        what: &'static str,
    },
    /// Written by a later build.
    Newer {
        at: Position,
        tag: u8,
        version: u8,
    },
    /// Older than the log, which begins at record `first`.
    Trimmed {
        first: u64,
    },
    /// The store is closing or has stopped itself.
    Stopped,
    Io(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { at, what } => write!(f, "the log is damaged at {at:?}: {what}; restore a backup"),
            Self::Newer { at, tag, version } => write!(
                f,
                "fact {tag} (version {version}) at {at:?} is newer than this build; start the version that wrote it, or a later one"
            ),
            Self::Trimmed { first } => write!(f, "the log no longer goes back so far; it begins with record {first}"),
            Self::Stopped => f.write_str("the store has stopped"),
            Self::Io(what) => write!(f, "reading failed: {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// Which events: those of `app` behind `after` (exclusive; None: from the oldest kept).
#[derive(Clone, Debug)]
pub struct EventQuery {
    pub app: AppNo,
    pub after: Option<EventId>,
    /// None: all.
    pub types: Option<Vec<EventType>>,
    pub limit: usize,
}

#[derive(Clone, Debug)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// The cursor to go on from, also when nothing matched.
    pub next: EventId,
    /// The log goes on behind `next`: the limit, or the most that one call scans, was reached.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventsError {
    /// The cursor is older than the log.
    Expired {
        oldest: EventId,
    },
    Read(ReadError),
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { oldest } => write!(f, "the cursor is older than the log; the oldest event kept is {oldest}"),
            Self::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EventsError {}

impl From<ReadError> for EventsError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}
