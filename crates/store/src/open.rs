//! Opening a data folder, and the owner of the store's threads.

use std::fmt;
use std::path::PathBuf;

use tidings_model::{Limits, Millis, Position};

use crate::Store;

/// What the store is built from.
#[derive(Clone, Debug)]
pub struct Config {
    pub dir: PathBuf,
    pub limits: Limits,
    /// Workers that follow the log; at most 64.
    pub workers: usize,
    /// Named in `Started`.
    pub build: String,
    /// Start although the clock is more than 400 days ahead of the last fact.
    pub accept_clock: bool,
}

/// Why a folder was not opened; each says what to do.
#[derive(Debug)]
pub enum OpenError {
    Locked { pid: u32 },
    /// The folder's format mark is not this build's.
    Format { found: String, dir: PathBuf },
    Newer { at: Position, tag: u8, version: u8 },
    Corrupt { at: Position, what: String },
    ClockAhead { last: Millis, now: Millis },
    /// `state.db` has seen facts that the log does not have.
    Behind { mark: Position, last: Position },
    /// Bytes that are missing to make a log left by a crash safe.
    NoRoom { missing: u64 },
    Io { doing: &'static str, what: String },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = self;
        f.write_str("unopened")
    }
}

impl std::error::Error for OpenError {}

/// Why the last facts may not have been flushed.
#[derive(Debug)]
pub struct CloseError(pub String);

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store did not close cleanly: {}", self.0)
    }
}

impl std::error::Error for CloseError {}

/// Owns the store's threads and the folder's lock.
pub struct Owner {}

impl Owner {
    /// Stops taking requests, answers and flushes what it has, checkpoints, unlocks.
    pub fn close(self) -> Result<(), CloseError> {
        unimplemented!()
    }

    /// Blocks until the store has stopped itself (Some: why; the process must exit 1) or was closed (None).
    pub fn wait_fatal(&self) -> Option<String> {
        unimplemented!()
    }
}

impl Store {
    /// Opens or creates the folder and starts the threads.
    pub fn open(config: Config) -> Result<(Self, Owner), OpenError> {
        let _ = config;
        unimplemented!()
    }
}

impl From<crate::ReadError> for OpenError {
    fn from(error: crate::ReadError) -> Self {
        match error {
            crate::ReadError::Corrupt { at, what } => Self::Corrupt { at, what: what.to_owned() },
            crate::ReadError::Newer { at, tag, version } => Self::Newer { at, tag, version },
            crate::ReadError::Stopped | crate::ReadError::Io(_) => Self::Io { doing: "reading the log", what: error.to_string() },
        }
    }
}
