//! What an operator watches of each sink.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidings_model::{Position, SinkId, SinkNo, SinkState};
use tidings_store::Store;

use crate::course::{Counts, Course};

/// One sink at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkNumbers {
    pub id: SinkId,
    /// Events taken, and tries that were not, since the start.
    pub delivered: u64,
    pub failed: u64,
    /// Events parked, and falls behind the log, since the start.
    pub parked: u64,
    pub gaps: u64,
    pub is_paused: bool,
    /// Events in memory for it.
    pub held: u64,
    /// Records of the log that it has not passed.
    pub lag_records: u64,
    /// The age of the oldest event that is known to wait for it; 0: none does.
    pub lag_s: u64,
}

/// What a task tells.
#[derive(Default)]
pub(super) struct Tally {
    delivered: AtomicU64,
    failed: AtomicU64,
    parked: AtomicU64,
    gaps: AtomicU64,
    held: AtomicU64,
    /// A position.
    seen: AtomicU64,
    /// Log time; 0: nothing waits.
    waits_since: AtomicU64,
}

impl Tally {
    /// `before`: what an earlier task counted.
    pub(super) fn write(&self, course: &Course, before: Counts) {
        let counts = course.counts();
        self.delivered.store(before.delivered + counts.delivered, Ordering::Relaxed);
        self.failed.store(before.failed + counts.failed, Ordering::Relaxed);
        self.parked.store(before.parked + counts.parked, Ordering::Relaxed);
        self.gaps.store(before.gaps + counts.gaps, Ordering::Relaxed);
        self.held.store(course.held() as u64, Ordering::Relaxed);
        self.seen.store(course.seen().at.raw(), Ordering::Relaxed);
        self.waits_since.store(course.waits_since().map_or(0, |time| time.0), Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            delivered: self.delivered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            parked: self.parked.load(Ordering::Relaxed),
            gaps: self.gaps.load(Ordering::Relaxed),
        }
    }
}

pub(super) fn read(store: &Store, tallies: &BTreeMap<SinkNo, (SinkId, Arc<Tally>)>) -> Vec<SinkNumbers> {
    let (sinks, durable, now) = (store.sinks(), store.durable(), store.now());
    let one = |(no, (id, tally)): (&SinkNo, &(SinkId, Arc<Tally>))| {
        let standing = &sinks.get(*no)?.standing;
        let Counts { delivered, failed, parked, gaps } = tally.counts();
        let seen = Position::from_raw(tally.seen.load(Ordering::Relaxed)).max(standing.cursor.at);
        let since = tally.waits_since.load(Ordering::Relaxed);
        Some(SinkNumbers {
            id: id.clone(),
            delivered,
            failed,
            parked,
            gaps,
            held: tally.held.load(Ordering::Relaxed),
            is_paused: standing.state == SinkState::Paused,
            lag_records: durable.record().saturating_sub(seen.record()),
            lag_s: if since == 0 { 0 } else { now.0.saturating_sub(since) / 1000 },
        })
    };
    tallies.iter().filter_map(one).collect()
}
