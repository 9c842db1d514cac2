//! Reading what a device has not had yet.

use std::sync::Arc;

use crate::{AppNo, Dev, Millis, Position, Published};

/// A message as the log has it.
#[derive(Clone, Debug)]
pub struct Stored {
    pub at: Position,
    pub time: Millis,
    pub message: Arc<Published>,
}

/// One page of a device's mailbox: what it wants in (after, upto], oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxQuery {
    pub dev: Dev,
    pub after: Position,
    pub upto: Position,
    pub messages_max: usize,
    pub bytes_max: usize,
    /// The first page of a replay also cuts what is beyond the mailbox bound.
    pub first: bool,
}

/// One page of an app's broadcasts in (after, upto], for a socket that never registered and fell behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastQuery {
    pub app: AppNo,
    pub after: Position,
    pub upto: Position,
    pub messages_max: usize,
    pub bytes_max: usize,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub messages: Vec<Stored>,
    /// Everything wanted at or below this position is in here (or in an earlier page).
    pub upto: Position,
    /// More is left between `upto` and what was asked for.
    pub more: bool,
}
