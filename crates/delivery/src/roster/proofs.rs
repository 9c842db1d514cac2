//! Proofs on their way to the writer: counted in a session, sent together every second and when a socket closes,
//! kept until they are durable.

use std::collections::BTreeMap;
use std::time::Duration;

use tidings_engineio::Moment;
use tidings_model::{Answer, Dev, DirectProof, Position, Proofs, Request};

use super::Roster;
use crate::context::FormerProof;
use crate::output::{Output, Ticket};

/// Batches of proofs leave so far apart: the first leaves at once, what comes behind it waits for company.
const EVERY: Duration = Duration::from_secs(1);
/// A refused batch is sent again so much later.
const AGAIN: Duration = Duration::from_secs(1);

/// What is counted and not durable.
#[derive(Debug, Default)]
pub(super) struct Saving {
    /// Sessions with news.
    slots: Vec<u32>,
    /// Collected, not sent.
    batch: Batch,
    /// Sent, not answered.
    flying: Option<Batch>,
    /// When the next batch leaves.
    due: Option<Moment>,
    /// No batch leaves before, unless it is urgent.
    rests_until: Moment,
    urgent: bool,
}

#[derive(Debug, Default)]
struct Batch {
    cursors: BTreeMap<Dev, Position>,
    direct: Vec<DirectProof>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.direct.is_empty()
    }

    fn add(&mut self, dev: Dev, upto: Position, direct: Vec<DirectProof>) {
        let cursor = self.cursors.entry(dev).or_default();
        *cursor = upto.max(*cursor);
        self.direct.extend(direct);
    }

    fn merge(&mut self, later: Self) {
        for (dev, upto) in later.cursors {
            self.add(dev, upto, Vec::new());
        }
        self.direct.extend(later.direct);
    }

    fn disown(&mut self, dev: Dev) {
        self.cursors.remove(&dev);
        self.direct.retain(|proof| proof.dev != dev);
    }
}

impl Saving {
    pub(super) fn dirty(&mut self, slot: u32) {
        self.slots.push(slot);
    }

    pub(super) fn former(&mut self, proof: FormerProof) {
        self.batch.add(proof.dev, proof.upto, proof.direct);
    }

    /// Another socket serves this device now: what is not durable of its old one's proofs is not told again, rather a
    /// repeat than a loss.
    pub(super) fn disown(&mut self, dev: Dev) {
        self.batch.disown(dev);
        if let Some(flying) = &mut self.flying {
            flying.disown(dev);
        }
    }

    /// A socket closed: its proofs do not wait.
    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }
}

impl Roster {
    /// Call when the worker is about to sleep: batches that are due leave. Says when to call again at the latest.
    pub fn rest(&mut self, now: Moment) -> Option<Moment> {
        let waiting = !self.saving.slots.is_empty() || !self.saving.batch.is_empty();
        if !waiting {
            self.saving.due = None;
            self.saving.urgent = false;
            return None;
        }
        let due = *self.saving.due.get_or_insert(now.max(self.saving.rests_until));
        if now >= due || self.saving.urgent {
            self.save(now);
        }
        self.saving.due
    }

    /// Collects what sessions have counted and sends it, unless a batch is under way.
    pub(super) fn save(&mut self, now: Moment) {
        for slot in std::mem::take(&mut self.saving.slots) {
            if !self.collect(slot) {
                self.saving.slots.push(slot);
            }
        }
        self.saving.urgent = false;
        self.saving.due = (!self.saving.slots.is_empty() || !self.saving.batch.is_empty()).then(|| now + EVERY);
        if self.saving.batch.is_empty() || self.saving.flying.is_some() {
            return;
        }
        let batch = std::mem::take(&mut self.saving.batch);
        let proofs = Proofs { cursors: batch.cursors.iter().map(|(dev, at)| (*dev, *at)).collect(), direct: batch.direct.clone() };
        self.counters.proofs += proofs.cursors.len() as u64;
        self.saving.flying = Some(batch);
        self.saving.due = None;
        self.saving.rests_until = now + EVERY;
        self.out.push_back(Output::Ask(Ticket::ROSTER, Request::Prove(proofs)));
    }

    /// Takes a session's news into the batch; false where they have to wait for a register to be answered.
    pub(super) fn collect(&mut self, slot: u32) -> bool {
        let asking = &self.asking;
        let Some(registered) = self.sessions.get_mut(slot).and_then(|session| session.registered_mut()) else { return true };
        if asking.values().any(|uid| *uid == registered.uid) {
            return false;
        }
        let Some(dev) = registered.dev else { return true };
        if registered.proving.has_news() {
            let (upto, direct) = registered.proving.take(dev);
            self.saving.batch.add(dev, upto, direct);
        }
        true
    }

    /// The batch under way is durable, or was refused and is sent again.
    pub(super) fn saved(&mut self, now: Moment, answer: &Answer) {
        let Some(mut flying) = self.saving.flying.take() else { return };
        if !matches!(answer, Answer::Refused(_)) {
            if self.saving.batch.is_empty() && self.saving.slots.is_empty() {
                return;
            }
            return self.saving.due = Some(self.saving.due.map_or(now + EVERY, |due| due.min(now + EVERY)));
        }
        flying.merge(std::mem::take(&mut self.saving.batch));
        self.saving.batch = flying;
        self.saving.due = Some(now + AGAIN);
    }
}
