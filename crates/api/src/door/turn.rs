//! Whose turn it is on a connection, and until when: told by its stream and its service, watched by its task.
//!
//! A head must come within 10 s of the accept or of its first byte, and 75 s may pass between requests or without a byte
//! of an answer taken. hyper's own timeout covers neither the wait for the first byte nor the idle time, and hyper does
//! not poll an idle stream, so the watch stands beside it. Nothing here wakes anybody: the watch looks often enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

const HEAD: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);
/// The watch looks at least so often, so it cannot miss the end of the shortest turn.
const GLANCE: Duration = Duration::from_secs(5);
const _: () = assert!(GLANCE.as_millis() < HEAD.as_millis());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A head is awaited from the accept on, or has begun.
    Head = 0,
    /// A request is with the service; its body is the service's affair.
    Running = 1,
    /// The answer is made: it is being written, or the connection idles.
    Answered = 2,
}

#[derive(Clone)]
pub(super) struct Turn(Arc<Clock>);

struct Clock {
    began: Instant,
    /// The state in the low two bits, above them its end in milliseconds since `began`.
    now: AtomicU64,
}

impl Turn {
    /// A connection that was just accepted.
    pub(super) fn new() -> Self {
        let turn = Self(Arc::new(Clock { began: Instant::now(), now: AtomicU64::new(0) }));
        turn.enter(State::Head, HEAD);
        turn
    }

    pub(super) fn runs(&self) {
        self.enter(State::Running, Duration::ZERO);
    }

    pub(super) fn is_answered(&self) {
        self.enter(State::Answered, IDLE);
    }

    /// Bytes came: the next head begins, if none has.
    pub(super) fn heard(&self) {
        if self.read().0 == State::Answered {
            self.enter(State::Head, HEAD);
        }
    }

    /// Bytes went.
    pub(super) fn wrote(&self) {
        if self.read().0 == State::Answered {
            self.enter(State::Answered, IDLE);
        }
    }

    pub(super) fn awaits_a_head(&self) -> bool {
        self.read().0 == State::Head
    }

    /// Resolves when a turn has lasted too long.
    pub(super) async fn is_over(&self) {
        loop {
            let left = match self.read() {
                (State::Running, _) => GLANCE,
                (State::Head | State::Answered, until) => until.saturating_sub(self.0.began.elapsed()),
            };
            if left.is_zero() {
                return;
            }
            sleep(left.min(GLANCE)).await;
        }
    }

    fn enter(&self, state: State, allowed: Duration) {
        let until = (self.0.began.elapsed() + allowed).as_millis();
        // A connection ends long before 2^62 ms.
        self.0.now.store((until as u64) << 2 | state as u64, Ordering::Relaxed);
    }

    fn read(&self) -> (State, Duration) {
        let now = self.0.now.load(Ordering::Relaxed);
        let state = match now & 3 {
            0 => State::Head,
            1 => State::Running,
            _ => State::Answered,
        };
        (state, Duration::from_millis(now >> 2))
    }
}
