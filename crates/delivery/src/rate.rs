//! How often a socket may register, report and emit.

use std::time::Duration;

use tidings_engineio::Moment;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts in a minute that starts with the first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    since: Moment,
    count: u32,
}

impl Rate {
    /// Counts one more; false where `per_minute` have been.
    pub(crate) fn allow(&mut self, now: Moment, per_minute: u32) -> bool {
        if self.count == 0 || now >= self.since + MINUTE {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= per_minute
    }
}

/// Allocated when a socket first registers, reports or emits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rates {
    pub(crate) registers: Rate,
    pub(crate) reports: Rate,
    pub(crate) client_events: Rate,
}

/// Questions of their own that a worker may ask in a second; beyond it they wait for the next second, or a heartbeat.
const QUESTIONS: u32 = 5000;

/// Counts questions that ride no other write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Questions {
    second: u64,
    count: u32,
}

impl Questions {
    /// Counts one more; false where this second has had enough.
    pub(crate) fn allow(&mut self, now: Moment) -> bool {
        let second = now.0 / 1000;
        if second != self.second {
            *self = Self { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= QUESTIONS
    }
}
