//! Where a fact stands in the log, and log time.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A place in the log: record number and index of the fact in it. The public `seq`; it rises, with gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    /// Before the first fact.
    pub const ZERO: Self = Self(0);

    /// Facts in a record.
    pub const FACTS_MAX: usize = 256;

    pub const fn new(record: u64, index: u8) -> Self {
        Self(record << 8 | index as u64)
    }

    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub const fn raw(self) -> u64 {
        self.0
    }

    pub const fn record(self) -> u64 {
        self.0 >> 8
    }

    pub const fn index(self) -> u8 {
        (self.0 & 0xff) as u8
    }

    /// The last position that a record can hold: everything of `record` is at or below it.
    pub const fn end_of(record: u64) -> Self {
        Self(record << 8 | 0xff)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.record(), self.index())
    }
}

impl FromStr for Position {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Log time: milliseconds since 1970, given by the writer, never going back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    pub const fn after_s(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }
}
