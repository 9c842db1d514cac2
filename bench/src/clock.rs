//! The one place that reads a clock: a process's own CPU clock, and the time that has passed.

use std::io;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

#[expect(clippy::disallowed_methods, reason = "a load generator measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// User and system time of all threads of `pid`, ended ones too, to the nanosecond.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()))?;
    Ok(clock_gettime(clock)?.into())
}

/// The generator's own.
pub(crate) fn own_cpu() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
