//! The one place that reads a clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tidings_engineio::Moment;

/// Milliseconds since this was first asked in the process.
pub fn now() -> Moment {
    Moment(u64::try_from(since_start().as_millis()).unwrap_or(u64::MAX))
}

fn since_start() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the shell's clock: everything else is given `now`")]
    let now = Instant::now();
    now.duration_since(*START.get_or_init(|| now))
}

/// Microseconds of the same clock, to measure how long something took.
pub(crate) fn micros() -> u64 {
    u64::try_from(since_start().as_micros()).unwrap_or(u64::MAX)
}
