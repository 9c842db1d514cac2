//! How far the log is durable and how far the views have followed; who waits for either.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use tidings_model::Position;

use super::lock;
use crate::ReadError;

/// The views follow at the latest after this, or this many facts.
const LINGER: Duration = Duration::from_millis(250);
const FACTS: u64 = 4096;

pub(crate) struct Progress {
    state: Mutex<State>,
    /// The applier waits here.
    work: Condvar,
    /// Readers wait here.
    merged: Condvar,
}

struct State {
    durable: Position,
    mark: Position,
    /// A read waits for it.
    wanted: Position,
    /// Facts that are durable and not merged.
    pending: u64,
    closing: bool,
    stopped: bool,
    applier: Applier,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Applier {
    Busy,
    /// Nothing is durable that is not merged.
    Idle,
    /// Something is; it waits for a reason to merge.
    Lingering,
}

/// What the applier is to do.
pub(crate) enum Work {
    Merge(Position),
    Close,
    /// The store stopped: nothing may be written.
    Stop,
}

impl Progress {
    pub(crate) fn new(end: Position) -> Self {
        let state = State { durable: end, mark: end, wanted: end, pending: 0, closing: false, stopped: false, applier: Applier::Busy };
        Self { state: Mutex::new(state), work: Condvar::new(), merged: Condvar::new() }
    }

    pub(crate) fn durable(&self) -> Position {
        lock(&self.state).durable
    }

    pub(crate) fn mark(&self) -> Position {
        lock(&self.state).mark
    }

    /// A batch of `facts` facts is durable.
    pub(crate) fn appended(&self, upto: Position, facts: u64) {
        let mut state = lock(&self.state);
        state.durable = state.durable.max(upto);
        state.pending += facts;
        let wakes = match state.applier {
            Applier::Busy => false,
            Applier::Idle => true,
            Applier::Lingering => state.pending >= FACTS,
        };
        if wakes {
            self.work.notify_one();
        }
    }

    /// Blocks the applier until there is a reason to merge.
    pub(crate) fn next_work(&self) -> Work {
        let mut state = lock(&self.state);
        state.applier = Applier::Idle;
        let idle = |state: &mut State| state.durable <= state.mark && !state.closing && !state.stopped;
        state = self.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        state.applier = Applier::Lingering;
        let lingers = |state: &mut State| state.wanted <= state.mark && state.pending < FACTS && !state.closing && !state.stopped;
        state = self.work.wait_timeout_while(state, LINGER, lingers).unwrap_or_else(PoisonError::into_inner).0;
        state.applier = Applier::Busy;
        if state.stopped {
            Work::Stop
        } else if state.durable > state.mark {
            Work::Merge(state.durable)
        } else {
            Work::Close
        }
    }

    /// The views have everything up to `mark`, `facts` more than before.
    pub(crate) fn merged(&self, mark: Position, facts: u64) {
        let mut state = lock(&self.state);
        state.mark = state.mark.max(mark);
        state.pending = state.pending.saturating_sub(facts);
        drop(state);
        self.merged.notify_all();
    }

    /// Blocks a reader until the views have seen `upto`.
    pub(crate) fn wait_for(&self, upto: Position) -> Result<(), ReadError> {
        let mut state = lock(&self.state);
        if state.mark < upto {
            state.wanted = state.wanted.max(upto);
            self.work.notify_one();
        }
        let behind = |state: &mut State| state.mark < upto && !state.stopped && !(state.closing && state.durable < upto);
        let state = self.merged.wait_while(state, behind).unwrap_or_else(PoisonError::into_inner);
        if state.mark >= upto { Ok(()) } else { Err(ReadError::Stopped) }
    }

    /// Waits a moment before the disk is tried again; true: the store is to close or stop.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let goes_on = |state: &mut State| !state.closing && !state.stopped;
        let state = self.work.wait_timeout_while(lock(&self.state), time, goes_on).unwrap_or_else(PoisonError::into_inner).0;
        state.closing || state.stopped
    }

    /// Nothing more comes: what is durable is merged, then the applier ends.
    pub(crate) fn close(&self) {
        lock(&self.state).closing = true;
        self.wake();
    }

    pub(crate) fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wake();
    }

    fn wake(&self) {
        self.work.notify_all();
        self.merged.notify_all();
    }
}
