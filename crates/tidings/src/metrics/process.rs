//! What the system says of this process. Where it says nothing, zeros.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    pub resident_bytes: u64,
    pub open_files: u64,
    pub open_files_max: u64,
    /// Unix seconds.
    pub started: u64,
}

impl Process {
    /// `started`: when it was noted.
    pub(crate) fn read(started: u64) -> Self {
        Self { resident_bytes: resident().unwrap_or(0), open_files: open_files(), open_files_max: open_files_max(), started }
    }

    #[expect(clippy::disallowed_methods, reason = "the start time is told as wall clock, once")]
    pub(crate) fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibi: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibi * 1024)
}

fn open_files() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64)
}

fn open_files_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0)
}
