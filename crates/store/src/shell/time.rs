//! The one place that reads clocks.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tidings_model::Millis;

use crate::OpenError;
use crate::shell::lock;
use crate::writer::clock::{Clock, Reading};

/// Log time for every thread.
pub(crate) struct Time {
    begin: Instant,
    clock: Mutex<Clock>,
}

impl Time {
    #[expect(clippy::disallowed_methods, reason = "log time is made here and is an argument everywhere else")]
    pub(crate) fn start(last: Option<Millis>, accept: bool) -> Result<Self, OpenError> {
        let begin = Instant::now();
        let clock = Clock::start(last, reading(begin), accept).map_err(|now| OpenError::ClockAhead { last: last.unwrap_or_default(), now })?;
        Ok(Self { begin, clock: Mutex::new(clock) })
    }

    pub(crate) fn now(&self) -> Millis {
        lock(&self.clock).read(reading(self.begin))
    }
}

#[expect(clippy::disallowed_methods, reason = "log time is made here and is an argument everywhere else")]
fn reading(begin: Instant) -> Reading {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Reading { monotonic: to_ms(begin.elapsed()), wall: to_ms(wall) }
}

fn to_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
