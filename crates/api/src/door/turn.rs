//! Whose turn it is on a connection, and until when: told by its stream and its service, watched by its task.
//!
//! A head must come within 10 s of the accept or of its first byte, and 75 s may pass between requests or without a byte
//! of an answer taken. hyper's own timeout covers neither the wait for the first byte nor the idle time, and hyper does
//! not poll an idle stream, so the watch stands beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A head is awaited from the accept on, or has begun.
    Head { until: Instant },
    /// A request is with the service; its body is the service's affair.
    Running,
    /// The answer is made: it is being written, or the connection idles.
    Answered { until: Instant },
}

#[derive(Clone)]
pub(super) struct Turn(Arc<watch::Sender<State>>);

impl Turn {
    /// A connection that was just accepted.
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::Head { until: Instant::now() + HEAD })))
    }

    pub(super) fn runs(&self) {
        self.0.send_replace(State::Running);
    }

    pub(super) fn is_answered(&self) {
        self.0.send_replace(State::Answered { until: Instant::now() + IDLE });
    }

    /// Bytes came: the next head begins, if none has.
    pub(super) fn heard(&self) {
        self.0.send_if_modified(|state| {
            let begins = matches!(state, State::Answered { .. });
            if begins {
                *state = State::Head { until: Instant::now() + HEAD };
            }
            begins
        });
    }

    /// Bytes went. A later end is no news: the watch finds it when the earlier one is over.
    pub(super) fn wrote(&self) {
        self.0.send_if_modified(|state| {
            if let State::Answered { until } = state {
                *until = Instant::now() + IDLE;
            }
            false
        });
    }

    pub(super) fn awaits_a_head(&self) -> bool {
        matches!(*self.0.borrow(), State::Head { .. })
    }

    /// Resolves when a turn has lasted too long.
    pub(super) async fn is_over(&self) {
        let mut states = self.0.subscribe();
        loop {
            let state = *states.borrow_and_update();
            match state {
                State::Running => drop(states.changed().await),
                State::Head { until } | State::Answered { until } if until <= Instant::now() => return,
                State::Head { until } | State::Answered { until } => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        _ = states.changed() => {}
                    }
                }
            }
        }
    }
}
