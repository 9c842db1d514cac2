//! Log time: it never goes back, follows the monotonic clock, and is slewed to the wall clock.
//!
//! Pure: both clocks are arguments. A wall clock that jumps by over an hour is followed only after ten minutes in which
//! both clocks agree; so a wrong time set for a moment ages nothing.

use tidings_model::Millis;

const HOUR_MS: u64 = 3_600_000;
const AGREE_MS: u64 = 600_000;
/// Two readings agree if the distance of the clocks changed by less.
const DRIFT_MS: u64 = 60_000;
/// A start further ahead of the last fact than this is refused.
pub(crate) const AHEAD_MS: u64 = 400 * 24 * HOUR_MS;
/// One millisecond of correction for this many that pass.
const SLEW: u64 = 8;

/// Both clocks in milliseconds: the monotonic one since the start, the wall clock since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub monotonic: u64,
    pub wall: u64,
}

/// What log time is taken from.
#[derive(Debug)]
pub(crate) struct Clock {
    log: u64,
    monotonic: u64,
    /// Milliseconds that passed and were not used to correct.
    slack: u64,
    /// Since when the wall clock has been over an hour away, and its distance then.
    away: Option<(u64, u64)>,
}

impl Clock {
    /// At the wall clock, if that is not behind the last fact. Err: it is more than 400 days ahead of it.
    pub(crate) fn start(last: Option<Millis>, now: Reading, accept: bool) -> Result<Self, Millis> {
        let begin = last.map_or(0, |last| last.0);
        if last.is_some() && now.wall.saturating_sub(begin) > AHEAD_MS && !accept {
            return Err(Millis(now.wall));
        }
        Ok(Self { log: begin.max(now.wall), monotonic: now.monotonic, slack: 0, away: None })
    }

    pub(crate) fn read(&mut self, now: Reading) -> Millis {
        let passed = now.monotonic.saturating_sub(self.monotonic);
        self.monotonic = self.monotonic.max(now.monotonic);
        self.slack = (self.slack + passed).min(passed + SLEW * 10);
        let unslewed = self.log + passed;
        let follows = self.follows(unslewed, now);
        let slewed = if follows { self.slew(unslewed, now.wall) } else { unslewed };
        self.log = self.log.max(slewed);
        Millis(self.log)
    }

    fn slew(&mut self, unslewed: u64, wall: u64) -> u64 {
        if wall.saturating_sub(unslewed) > HOUR_MS {
            // A jump that has proven true.
            self.away = None;
            return wall;
        }
        let correction = wall.abs_diff(unslewed).min(self.slack / SLEW);
        self.slack -= correction * SLEW;
        if wall > unslewed { unslewed + correction } else { unslewed - correction }
    }

    /// Whether the wall clock is near, or has been as far away for long enough.
    fn follows(&mut self, log: u64, now: Reading) -> bool {
        if now.wall.abs_diff(log) <= HOUR_MS {
            self.away = None;
            return true;
        }
        let distance = now.wall.wrapping_sub(now.monotonic);
        let agrees = |before: u64| distance.abs_diff(before) < DRIFT_MS;
        match self.away.filter(|(_, before)| agrees(*before)) {
            Some((since, _)) => now.monotonic - since >= AGREE_MS,
            None => {
                self.away = Some((now.monotonic, distance));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
