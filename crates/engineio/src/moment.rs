//! The time that machines are given: no machine reads a clock.

use std::ops::Add;
use std::time::Duration;

/// Milliseconds of a monotonic clock since the process began. 8 bytes, so it fits into every slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Rounded up to the millisecond, so that nothing is due early.
    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_micros().div_ceil(1000) as u64)
    }
}
