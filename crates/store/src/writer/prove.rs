//! Proofs and overflows: only news becomes a fact, a cursor only rises.

use std::collections::BTreeMap;

use tidings_model::{Answer, Dev, DirectProof, Fact, Overflowed, Position, Proofs, Proven, Refusal};

use super::{Beneath, Writer};
use crate::ReadError;
use crate::views::Rows;

/// Cursors, and direct proofs, in one fact.
const FACT_ITEMS: usize = 4096;
/// What one item may take in a record, at most.
const ITEM_BYTES: usize = 16;

impl<B: Beneath, T> Writer<B, T> {
    /// Every item stands for itself, so a large request may become several facts.
    pub(super) fn prove(&mut self, proofs: &Proofs) -> Result<Answer, ReadError> {
        let direct = self.news(&proofs.direct)?;
        let mut moved = self.moved(&proofs.cursors)?;
        let mut direct = direct.as_slice();
        while !direct.is_empty() || !moved.is_empty() {
            let (now, later) = direct.split_at(direct.len().min(FACT_ITEMS));
            direct = later;
            // A receipt that its own fact's cursor passes is not stored, so the cursors go with the last of them.
            let cursors = if direct.is_empty() { some(&mut moved) } else { BTreeMap::new() };
            if let Err(refusal) = self.prove_some(cursors, now)? {
                return Ok(Answer::Refused(refusal));
            }
        }
        Ok(Answer::Done)
    }

    fn prove_some(&mut self, cursors: BTreeMap<Dev, Position>, direct: &[DirectProof]) -> Result<Result<(), Refusal>, ReadError> {
        if let Err(refusal) = self.room(1, (cursors.len() + direct.len()) * ITEM_BYTES + 16) {
            return Ok(Err(refusal));
        }
        let mut by_position: BTreeMap<Position, Vec<Dev>> = BTreeMap::new();
        for (dev, to) in cursors {
            by_position.entry(to).or_default().push(dev);
        }
        self.put(Fact::Proven(Proven { cursors: by_position.into_iter().collect(), direct: direct.to_vec() }), 0)?;
        Ok(Ok(()))
    }

    /// Direct messages that are news: not passed by a proof, in a higher state than known. A proof wins over an end, also
    /// where the mailbox was cut above it or the device's registration has ended meanwhile.
    fn news(&mut self, proofs: &[DirectProof]) -> Result<Vec<DirectProof>, ReadError> {
        let mut news: BTreeMap<(Position, Dev), DirectProof> = BTreeMap::new();
        for proof in proofs {
            let (Some(device), Some(cursor)) = (self.layers.device(proof.dev)?, self.layers.cursor(proof.dev)?) else { continue };
            if proof.message <= device.born || proof.message <= cursor.proven || device.dead.is_some_and(|dead| dead < proof.message) {
                continue;
            }
            let key = (proof.message, proof.dev);
            let known = self.layers.receipt(proof.dev, proof.message)?.map(|receipt| receipt.state);
            let known = known.max(news.get(&key).map(|other| other.state));
            if known.is_none_or(|known| proof.state > known) {
                news.insert(key, *proof);
            }
        }
        Ok(news.into_values().collect())
    }

    fn moved(&mut self, cursors: &[(Dev, Position)]) -> Result<BTreeMap<Dev, Position>, ReadError> {
        let mut moved = BTreeMap::new();
        for (dev, to) in cursors {
            let Some(cursor) = self.layers.cursor(*dev)?.filter(|cursor| *to > cursor.at) else { continue };
            if self.layers.device(*dev)?.is_some_and(|device| device.dead.is_none()) {
                let highest = moved.entry(*dev).or_insert(cursor.at);
                *highest = (*highest).max(*to);
            }
        }
        Ok(moved)
    }

    pub(super) fn overflow(&mut self, overflow: &Overflowed) -> Result<Answer, ReadError> {
        let Some(cursor) = self.layers.cursor(overflow.dev)? else { return Ok(Answer::Done) };
        if overflow.upto <= cursor.at || self.layers.device(overflow.dev)?.is_none_or(|device| device.dead.is_some()) {
            return Ok(Answer::Done);
        }
        if let Err(refusal) = self.room(1, 48) {
            return Ok(Answer::Refused(refusal));
        }
        self.put(Fact::Overflowed(overflow.clone()), 0)?;
        Ok(Answer::Done)
    }
}

/// The first of them, at most a fact's worth.
fn some(moved: &mut BTreeMap<Dev, Position>) -> BTreeMap<Dev, Position> {
    match moved.keys().nth(FACT_ITEMS).copied() {
        Some(next) => {
            let later = moved.split_off(&next);
            std::mem::replace(moved, later)
        }
        None => std::mem::take(moved),
    }
}
