//! History, then live, without a seam: a position that only moves over what was given.

use tidings_model::{Batch, Position};

use super::Log;
use crate::ReadError;

/// Reads a log from a position on; it holds nothing of the log open.
pub(crate) struct Follow<'a, L: ?Sized> {
    log: &'a L,
    after: Position,
}

impl<'a, L: Log + ?Sized> Follow<'a, L> {
    pub(crate) fn new(log: &'a L, after: Position) -> Self {
        Self { log, after }
    }

    /// What has come since the last call, at most about `bytes_max` of it; empty: nothing new yet.
    pub(crate) fn next(&mut self, bytes_max: usize) -> Result<Batch, ReadError> {
        let last = self.log.bounds()?.last;
        let batch = self.log.read(self.after, Position::end_of(last), bytes_max)?;
        self.after = self.after.max(batch.upto);
        Ok(batch)
    }
}
