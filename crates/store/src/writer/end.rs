//! Direct messages end: the views find what is due, here each is looked at again, so that no end follows a proof.

use tidings_model::{Answer, Dev, End, Ended, Fact, Position};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

/// Ends in one fact.
const FACT_ITEMS: usize = 4096;
/// What one may take in a record, at most.
const ITEM_BYTES: usize = 16;

impl<B: Beneath, T> Writer<B, T> {
    /// Every item stands for itself, so a large request may become several facts.
    pub(super) fn end(&mut self, due: &[(Dev, Position)]) -> Result<Answer, ReadError> {
        let mut ends: Vec<(Position, Dev, End)> = Vec::new();
        for (dev, message) in due {
            let end = self.layers.fate(*dev, *message)?.and_then(|fate| fate.due(self.now));
            ends.extend(end.map(|end| (*message, *dev, end)));
        }
        ends.sort_unstable();
        ends.dedup();
        for direct in ends.chunks(FACT_ITEMS) {
            if let Err(refusal) = self.room(1, direct.len() * ITEM_BYTES + 16) {
                return Ok(Answer::Refused(refusal));
            }
            self.put(Fact::Ended(Ended { direct: direct.to_vec() }), 0)?;
        }
        Ok(Answer::Done)
    }
}
