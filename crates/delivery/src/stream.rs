//! What one socket has been given of the log, and what it gets next: live, waiting in its bounded queue, or read again.
//!
//! The one rule: a position at or below `covered` is taken care of, anything above it is not. So facts may come twice,
//! late, or while a read is under way, and nothing is lost, doubled or reordered.

use std::collections::VecDeque;
use std::sync::Arc;

use tidings_model::{Limits, Millis, Position, Published};

use crate::encoded::Encoded;

#[cfg(test)]
mod tests;

/// A message on its way to one socket.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) at: Position,
    pub(crate) time: Millis,
    pub(crate) expires: Millis,
    pub(crate) direct: bool,
    pub(crate) frames: Arc<[Encoded]>,
    /// Older messages whose place it takes.
    pub(crate) replaces: Arc<[Position]>,
}

impl Item {
    /// Whether it may still be written. A message with ttl 0 is for who takes it at once: it never waits.
    pub(crate) fn is_expired(&self, now: Millis) -> bool {
        now >= self.expires
    }

    /// The older messages whose place this one takes; most take nobody's, which costs nothing.
    pub(crate) fn replaced(message: &Published) -> Arc<[Position]> {
        if message.replaces.is_empty() { Arc::default() } else { message.replaces.iter().map(|replaced| replaced.message).collect() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.frames.iter().map(|encoded| encoded.raw().bytes().len()).sum()
    }
}

/// How a socket stands to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Nothing is given now; what comes is read later.
    Shut,
    /// Messages are written, or queued, as they come.
    Live,
    /// Mail up to `upto` is being read and written; what comes later waits behind it.
    Replaying { upto: Position, read: Read },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// The next window may be asked for.
    Ready,
    /// It was asked for.
    Asked,
}

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) flow: Flow,
    /// Where it began.
    pub(crate) started: Position,
    /// Everything wanted at or below was handed to the engine.
    pub(crate) given: Position,
    /// ... or waits in the queue, or is part of the replay.
    covered: Position,
    /// Something above `covered` was passed over: the socket is behind.
    behind: bool,
    /// Only while something waits or is replayed: most sockets just flow.
    rest: Option<Box<Rest>>,
}

#[derive(Debug, Default)]
struct Rest {
    queue: VecDeque<Item>,
    queued_bytes: usize,
    /// Ends of windows that are not proven yet.
    windows: Windows,
}

/// At most two windows of a replay are unproven.
#[derive(Clone, Copy, Debug, Default)]
struct Windows([Option<Position>; 2]);

impl Windows {
    fn is_full(self) -> bool {
        self.0[1].is_some()
    }

    fn push(&mut self, end: Position) {
        match &mut self.0 {
            [first @ None, _] => *first = Some(end),
            [_, second] => *second = Some(end),
        }
    }

    fn prove(&mut self, at: Position) {
        let left = self.0.map(|end| end.filter(|end| *end > at));
        self.0 = if left[0].is_none() { [left[1], None] } else { left };
    }
}

/// What became of an offered message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Write it now.
    Write,
    /// It waits, or is read later, or was taken care of before.
    Later,
}

impl Stream {
    pub(crate) fn live_from(at: Position) -> Self {
        Self::new(Flow::Live, at)
    }

    pub(crate) fn shut_from(at: Position) -> Self {
        Self::new(Flow::Shut, at)
    }

    fn new(flow: Flow, at: Position) -> Self {
        Self { flow, started: at, given: at, covered: at, behind: false, rest: None }
    }

    /// Live, with nothing waiting: a shared frame may be written without a look at anything else.
    pub(crate) fn is_flowing(&self) -> bool {
        self.flow == Flow::Live && !self.behind && self.waiting() == 0
    }

    /// The socket is on another worker now, which has processed `processed`: what lies between is read.
    pub(crate) fn arrive(&mut self, processed: Position) {
        if self.flow == Flow::Live && processed > self.covered {
            self.behind = true;
        }
    }

    /// Messages in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.rest.as_ref().map_or(0, |rest| rest.queue.len())
    }

    /// Nothing at `at` has been taken care of yet.
    pub(crate) fn is_below(&self, at: Position) -> bool {
        self.covered < at
    }

    /// A message of the log that this socket should get.
    pub(crate) fn offer(&mut self, item: &Item, can_write: bool, limits: &Limits, budget: &mut usize) -> Offer {
        if item.at <= self.covered {
            return Offer::Later;
        }
        if !item.replaces.is_empty() {
            self.forget(&item.replaces, budget);
        }
        if self.behind {
            return Offer::Later;
        }
        if self.flow == Flow::Shut {
            self.behind = true;
            return Offer::Later;
        }
        if self.is_flowing() && can_write {
            self.wrote(item.at);
            return Offer::Write;
        }
        if item.expires <= item.time {
            // ttl 0 and no room: who cannot take it at once does not get it.
            self.covered = item.at;
            return Offer::Later;
        }
        let bytes = item.bytes();
        let rest = self.rest.get_or_insert_default();
        let full = rest.queue.len() >= limits.socket_queue_messages || rest.queued_bytes + bytes > limits.socket_queue_bytes;
        if full || bytes > *budget {
            self.behind = true;
            return Offer::Later;
        }
        *budget -= bytes;
        rest.queued_bytes += bytes;
        rest.queue.push_back(item.clone());
        self.covered = item.at;
        Offer::Later
    }

    /// What waits in memory and has been replaced, or taken back, is not written any more.
    pub(crate) fn forget(&mut self, replaced: &[Position], budget: &mut usize) {
        let Some(rest) = &mut self.rest else { return };
        rest.queue.retain(|item| !replaced.contains(&item.at));
        let left = rest.queue.iter().map(Item::bytes).sum();
        *budget += rest.queued_bytes - left;
        rest.queued_bytes = left;
    }

    /// A live message went straight to the engine.
    pub(crate) fn wrote(&mut self, at: Position) {
        self.given = at.max(self.given);
        self.covered = at.max(self.covered);
    }

    /// The next message that waits, once no replay stands before it.
    pub(crate) fn pop(&mut self, budget: &mut usize) -> Option<Item> {
        if self.flow != Flow::Live {
            return None;
        }
        let rest = self.rest.as_mut()?;
        let Some(item) = rest.queue.pop_front() else {
            self.rest = None;
            return None;
        };
        let bytes = item.bytes();
        rest.queued_bytes -= bytes;
        *budget += bytes;
        self.given = item.at.max(self.given);
        Some(item)
    }

    /// Gives back what the queue holds.
    pub(crate) fn clear(&mut self, budget: &mut usize) {
        *budget += self.rest.take().map_or(0, |rest| rest.queued_bytes);
    }

    /// Starts to read (given, upto]. What waits in the queue is above `upto` or is read as well.
    pub(crate) fn replay(&mut self, upto: Position, budget: &mut usize) {
        self.clear(budget);
        self.behind = false;
        self.covered = upto.max(self.given);
        self.flow = Flow::Replaying { upto, read: Read::Ready };
    }

    /// A socket that is live, drained and behind has to read again.
    pub(crate) fn must_catch_up(&self) -> bool {
        self.flow == Flow::Live && self.behind && self.waiting() == 0
    }

    /// The range of the next window, if it may be asked for now.
    pub(crate) fn ask_window(&mut self, provable: bool) -> Option<(Position, Position)> {
        let Flow::Replaying { upto, read: Read::Ready } = self.flow else { return None };
        if provable && self.rest.as_ref().is_some_and(|rest| rest.windows.is_full()) {
            return None;
        }
        self.flow = Flow::Replaying { upto, read: Read::Asked };
        Some((self.given, upto))
    }

    /// A window was written; `more`: the replay is not over.
    pub(crate) fn window(&mut self, end: Position, more: bool) {
        let Flow::Replaying { upto, .. } = self.flow else { return };
        if more {
            self.given = end.max(self.given);
            self.rest.get_or_insert_default().windows.push(end);
            self.flow = Flow::Replaying { upto, read: Read::Ready };
        } else {
            self.given = upto.max(self.given);
            self.flow = Flow::Live;
        }
    }

    /// The read failed: it may be asked again.
    pub(crate) fn retry_window(&mut self) {
        if let Flow::Replaying { upto, read: Read::Asked } = self.flow {
            self.flow = Flow::Replaying { upto, read: Read::Ready };
        }
    }

    pub(crate) fn prove(&mut self, at: Position) {
        if let Some(rest) = &mut self.rest {
            rest.windows.prove(at);
        }
    }
}
