//! When what happened last, and what is due for it.

use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Times {
    began: Instant,
    read: Instant,
    wrote: Instant,
    used: Instant,
    closing: Instant,
    /// The message that has begun and is not complete.
    unfinished: Option<Instant>,
    /// The peer has sent heartbeats.
    beats: bool,
}

impl Times {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, read: now, wrote: now, used: now, closing: now, unfinished: None, beats: false }
    }

    pub(super) fn read(&mut self, now: Instant) {
        self.read = now;
    }

    pub(super) fn wrote(&mut self, now: Instant) {
        self.wrote = now;
    }

    pub(super) fn used(&mut self, now: Instant) {
        self.used = now;
    }

    pub(super) fn closing(&mut self, now: Instant) {
        self.closing = now;
    }

    pub(super) fn heard_heartbeat(&mut self) {
        self.beats = true;
    }

    /// Since it began: bytes that trickle in do not prolong it.
    pub(super) fn unfinished(&mut self, now: Instant, is: bool) {
        self.unfinished = is.then(|| self.unfinished.unwrap_or(now));
    }

    /// Another message begins where one ended.
    pub(super) fn finished(&mut self) {
        self.unfinished = None;
    }

    pub(super) fn began_at(&self, within: Duration) -> Instant {
        self.began + within
    }

    pub(super) fn closing_at(&self, within: Duration) -> Instant {
        self.closing + within
    }

    pub(super) fn heartbeat_at(&self, after: Duration) -> Instant {
        self.wrote + after
    }

    pub(super) fn unfinished_at(&self, within: Duration) -> Option<Instant> {
        self.unfinished.map(|since| since + within)
    }

    pub(super) fn silent_at(&self, after: Duration) -> Option<Instant> {
        self.beats.then(|| self.read + after)
    }

    pub(super) fn unused_at(&self, after: Duration) -> Instant {
        self.used + after
    }
}
