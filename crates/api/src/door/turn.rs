//! Whose turn it is on a connection: shared by its I/O, which watches the clock, and its service, which knows the requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A head is awaited from the accept on, or has begun.
    Head = 0,
    /// A request is with the service; its body is the service's affair.
    Running = 1,
    /// The answer is made: it is being written, or the connection idles.
    Answered = 2,
}

#[derive(Clone)]
pub(super) struct Turn(Arc<AtomicU8>);

impl Turn {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(State::Head as u8)))
    }

    pub(super) fn set(&self, state: State) {
        self.0.store(state as u8, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> State {
        match self.0.load(Ordering::Relaxed) {
            0 => State::Head,
            1 => State::Running,
            _ => State::Answered,
        }
    }
}
