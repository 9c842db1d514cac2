//! What a socket is proven to have, and what is still in the air.

use std::collections::VecDeque;
use std::time::Duration;

use tidings_engineio::Moment;
use tidings_model::{Dev, DirectProof, Millis, Position, Proof, State};

#[cfg(test)]
mod tests;

/// A pong counts only if the client has not left this much later: okhttp answers pings for events that a `disconnect()`
/// then drops.
const HOLD_PONG: Duration = Duration::from_millis(250);

/// So does the next GET: after a `disconnect()` the engine drops events and polls on until the POST of its `41` has left, up to
/// 190 ms later in a page that polls by JSONP.
const HOLD_POLL: Duration = Duration::from_millis(400);

/// More direct messages than this unproven: the socket gets no more until it proves some.
pub(crate) const DIRECTS_MAX: usize = 1024;

/// The proofs of one registration on one socket.
#[derive(Debug, Default)]
pub(crate) struct Proving {
    /// Proven and counted.
    pub(crate) proven: Position,
    /// ... and handed to the writer.
    pub(crate) saved: Position,
    /// Counted direct messages that the writer has not been told.
    news: Vec<(Position, Proof, u32)>,
    /// Written direct messages that are not proven yet, with their log time.
    directs: VecDeque<(Position, Millis)>,
    /// Pongs of EIO3 and GETs that wait whether the client stays; the second one swallows later ones.
    held: [Option<Held>; 2],
    /// A question for live broadcasts is due.
    pub(crate) ask_at: Option<Moment>,
    /// Questions left unanswered in a row.
    pub(crate) misses: u8,
}

/// An answer that counts if the client has not left when it is due.
#[derive(Clone, Copy, Debug)]
struct Held {
    mark: u64,
    proof: Proof,
    due: Moment,
}

impl Proving {
    pub(crate) fn starting_at(cursor: Position) -> Self {
        Self { proven: cursor, saved: cursor, ..Self::default() }
    }

    pub(crate) fn wrote_direct(&mut self, at: Position, time: Millis) {
        self.directs.push_back((at, time));
    }

    /// It was taken back before it left.
    pub(crate) fn forget(&mut self, at: Position) {
        self.directs.retain(|(other, _)| *other != at);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.directs.len() >= DIRECTS_MAX
    }

    /// Everything up to `at` has arrived. True if that is news.
    pub(crate) fn count(&mut self, at: Position, proof: Proof, time: Millis) -> bool {
        if at <= self.proven {
            return false;
        }
        self.proven = at;
        while let Some((message, published)) = self.directs.front().copied().filter(|(message, _)| *message <= at) {
            self.directs.pop_front();
            let after_ms = time.0.saturating_sub(published.0).min(u64::from(u32::MAX)) as u32;
            self.news.push((message, proof, after_ms));
        }
        true
    }

    /// A pong or a GET for everything up to a mark: to be counted when the client has stayed.
    pub(crate) fn hold(&mut self, mark: u64, proof: Proof, now: Moment) {
        let wait = if proof == Proof::Poll { HOLD_POLL } else { HOLD_PONG };
        let held = Held { mark, proof, due: now + wait };
        match &mut self.held {
            [first @ None, _] => *first = Some(held),
            // An answer without a message (a heartbeat's pong) has mark 0: it says less than what waits, and takes nothing away.
            [_, Some(second)] if second.mark > mark => second.due = held.due,
            [_, second] => *second = Some(held),
        }
    }

    /// Mark and proof of the next one that has waited long enough.
    pub(crate) fn ripe(&mut self, now: Moment) -> Option<(u64, Proof)> {
        let held = self.held[0].filter(|held| held.due <= now)?;
        self.held = [self.held[1], None];
        Some((held.mark, held.proof))
    }

    /// Those that still wait go on with the socket.
    pub(crate) fn inherit(&mut self, former: &mut Self) {
        self.held = std::mem::take(&mut former.held);
    }

    /// The client left: what it has not stayed for proves nothing.
    pub(crate) fn forget_held(&mut self) {
        self.held = [None, None];
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.held[0].is_some()
    }

    /// The highest mark that waits.
    pub(crate) fn held_mark(&self) -> u64 {
        self.held.iter().flatten().map(|held| held.mark).max().unwrap_or(0)
    }

    /// When to look again.
    pub(crate) fn due(&self) -> Option<Moment> {
        let held = self.held[0].map(|held| held.due);
        [held, self.ask_at].into_iter().flatten().min()
    }

    pub(crate) fn has_news(&self) -> bool {
        self.proven > self.saved || !self.news.is_empty()
    }

    /// Hands over what was counted, as `dev`'s.
    pub(crate) fn take(&mut self, dev: Dev) -> (Position, Vec<DirectProof>) {
        self.saved = self.proven;
        let direct = self.news.drain(..);
        let direct = direct.map(|(message, proof, after_ms)| DirectProof { message, dev, state: State::Reached, proof, after_ms });
        (self.proven, direct.collect())
    }

    /// The device went to another socket: what was counted and not handed over is not its any more.
    pub(crate) fn disown(&mut self) {
        self.saved = self.proven;
        self.news.clear();
    }
}

/// What a report without an id may speak of: messages written since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outstanding {
    #[default]
    None,
    One(Position),
    Many,
}

impl Outstanding {
    pub(crate) fn wrote(&mut self, at: Position) {
        *self = match self {
            Self::None => Self::One(at),
            Self::One(_) | Self::Many => Self::Many,
        };
    }

    /// It was taken back before it left.
    pub(crate) fn forget(&mut self, at: Position) {
        if *self == Self::One(at) {
            *self = Self::None;
        }
    }

    /// Ends all outstanding ones; the one, if it was exactly one.
    pub(crate) fn end(&mut self) -> Option<Position> {
        match std::mem::take(self) {
            Self::One(at) => Some(at),
            Self::None | Self::Many => None,
        }
    }
}
