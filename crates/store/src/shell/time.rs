//! The one place that reads clocks.

use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tidings_model::Millis;

use crate::OpenError;
use crate::shell::lock;
use crate::writer::clock::{Clock, Reading};

/// Log time for every thread.
pub(crate) struct Time {
    source: Source,
    clock: Mutex<Clock>,
}

/// Where readings come from.
pub(crate) enum Source {
    /// The system's clocks, counted from a moment.
    System(Instant),
    #[cfg(test)]
    Manual(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Source {
    #[expect(clippy::disallowed_methods, reason = "log time is made here and is an argument everywhere else")]
    pub(crate) fn system() -> Self {
        Self::System(Instant::now())
    }

    #[expect(clippy::disallowed_methods, reason = "log time is made here and is an argument everywhere else")]
    fn reading(&self) -> Reading {
        match self {
            Self::System(begin) => {
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Reading { monotonic: to_ms(begin.elapsed()), wall: to_ms(wall) }
            }
            #[cfg(test)]
            Self::Manual(now) => {
                let now = now.load(std::sync::atomic::Ordering::SeqCst);
                Reading { monotonic: now, wall: now }
            }
        }
    }
}

impl Time {
    /// `last`: log time of the last fact.
    pub(crate) fn start(source: Source, last: Option<Millis>, accept: bool) -> Result<Self, OpenError> {
        let clock =
            Clock::start(last, source.reading(), accept).map_err(|now| OpenError::ClockAhead { last: last.unwrap_or_default(), now })?;
        Ok(Self { source, clock: Mutex::new(clock) })
    }

    /// Whether time passes by itself.
    pub(crate) fn passes(&self) -> bool {
        match &self.source {
            Source::System(_) => true,
            #[cfg(test)]
            Source::Manual(_) => false,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        lock(&self.clock).read(self.source.reading())
    }
}

fn to_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
