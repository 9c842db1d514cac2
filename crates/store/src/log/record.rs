//! A record's header and its check sum: over the header and the check sums of its facts.

use tidings_model::Millis;

/// What stands in a `rec` row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub number: u64,
    pub prev: u64,
    pub epoch: u32,
    pub writer: u64,
    pub at: Millis,
    pub count: u32,
}

impl Header {
    const FORMAT: u8 = 1;

    /// `facts`: the check sums of the facts, in order.
    pub(crate) fn crc(&self, facts: impl IntoIterator<Item = u32>) -> u32 {
        let mut front = [0; 41];
        front[0] = Self::FORMAT;
        front[1..5].copy_from_slice(&self.epoch.to_le_bytes());
        front[5..13].copy_from_slice(&self.writer.to_le_bytes());
        front[13..21].copy_from_slice(&self.number.to_le_bytes());
        front[21..29].copy_from_slice(&self.prev.to_le_bytes());
        front[29..37].copy_from_slice(&self.at.0.to_le_bytes());
        front[37..].copy_from_slice(&self.count.to_le_bytes());
        facts.into_iter().fold(crc32c::crc32c(&front), |crc, fact| crc32c::crc32c_append(crc, &fact.to_le_bytes()))
    }
}
