//! Makes snapshots of the views, and lets old segments of the log go behind them.
//!
//! A segment goes when all hold: it is sealed, older than it must be kept, below the older of two snapshots, and every
//! message in it has expired. It is looked at twice before it goes, so that whoever reads it now is done.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tidings_model::{Limits, Millis};

use super::{Shared, count};
use crate::ReadError;
use crate::log::segments::Segments;
use crate::snapshot::{CopyError, KEPT, Snapshot, Snapshots};
use crate::views::state::StateReader;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);
const MINUTE_MS: u64 = 60_000;
/// Log time between two snapshots, and between two looks at what may go.
const SNAPSHOT_MS: u64 = 24 * 60 * MINUTE_MS;
const TRIM_MS: u64 = 10 * MINUTE_MS;
/// So many facts are a reason for a snapshot, too: what a start would have to read again.
const SNAPSHOT_FACTS: u64 = 5_000_000;
/// A snapshot that failed is tried again after this.
const RETRY_MS: u64 = 10 * MINUTE_MS;
/// At a clean stop one is made if the newest is older than this, and the views are no larger than what takes a few seconds.
const STOP_MS: u64 = 60 * MINUTE_MS;
const STOP_BYTES: u64 = 256 << 20;

pub(crate) struct Archivist {
    shared: Arc<Shared>,
    log: Arc<Segments>,
    snapshots: Snapshots,
    newest: Option<Snapshot>,
    /// Log time that a snapshot is counted from while there is none.
    since: Millis,
    /// Facts that had been merged at the newest snapshot.
    facts: u64,
    /// Not before.
    next_try: Millis,
    next_trim: Millis,
    /// What the last look found may go: records up to this one.
    doomed: u64,
}

/// Ends when the other end of `until` is dropped.
pub(crate) fn run(mut archivist: Archivist, until: &Receiver<()>) {
    while until.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        if archivist.shared.stopped().is_some() {
            return;
        }
        let now = archivist.shared.time.now();
        archivist.look(now);
    }
}

impl Archivist {
    pub(crate) fn new(shared: Arc<Shared>, log: Arc<Segments>) -> Result<Self, ReadError> {
        let snapshots = Snapshots::of(&shared.dir);
        let begin = log.oldest_time()?.unwrap_or(shared.started);
        let next_trim = shared.destroys_from();
        Ok(Self {
            newest: snapshots.list().into_iter().find(|found| found.log_id == log.log_id()),
            since: begin,
            facts: 0,
            next_try: Millis(0),
            next_trim,
            doomed: 0,
            shared,
            log,
            snapshots,
        })
    }

    /// Does what is due at `now`; what fails is tried again later.
    pub(crate) fn look(&mut self, now: Millis) {
        if self.snapshot_is_due(now)
            && let Err(error) = self.take_snapshot(now)
        {
            count(&self.shared.counts.failed_snapshots, 1);
            tracing::warn!(%error, "no snapshot could be made; it is tried again in ten minutes");
            self.next_try = Millis(now.0 + RETRY_MS);
        }
        if now >= self.next_trim {
            self.next_trim = Millis(now.0 + TRIM_MS);
            if let Err(error) = self.trim(now) {
                tracing::warn!(%error, "the log could not be trimmed; it is tried again in ten minutes");
            }
        }
    }

    fn snapshot_is_due(&self, now: Millis) -> bool {
        let facts = self.shared.counts.merged_facts.load(Ordering::Relaxed) - self.facts;
        now >= self.next_try && (self.age(now) >= SNAPSHOT_MS || facts >= SNAPSHOT_FACTS)
    }

    /// Log time since the newest snapshot, or since the log began.
    fn age(&self, now: Millis) -> u64 {
        now.0.saturating_sub(self.newest.as_ref().map_or(self.since, |newest| newest.at).0)
    }

    pub(crate) fn take_snapshot(&mut self, now: Millis) -> Result<(), CopyError> {
        let size = std::fs::metadata(&self.shared.state)?.len();
        let free = crate::log::folder::Folder::free(&self.shared.dir)?;
        if free < size.saturating_add(self.shared.limits.disk_reserve_bytes) {
            return Err(CopyError::Io(std::io::Error::new(std::io::ErrorKind::StorageFull, "there is no room for it beside the reserve")));
        }
        self.facts = self.shared.counts.merged_facts.load(Ordering::Relaxed);
        let made = self.snapshots.make(&self.shared.state, now)?;
        count(&self.shared.counts.snapshots, 1);
        tracing::info!(mark = ?made.mark, "a snapshot of the views was made and checked");
        self.newest = Some(made);
        Ok(())
    }

    /// The last thing before the end: the views are closed and whole.
    pub(crate) fn stop(&mut self, now: Millis) {
        let size = std::fs::metadata(&self.shared.state).map_or(u64::MAX, |meta| meta.len());
        if self.age(now) < STOP_MS || size > STOP_BYTES {
            return;
        }
        if let Err(error) = self.take_snapshot(now) {
            tracing::warn!(%error, "no snapshot could be made");
        }
    }

    fn trim(&mut self, now: Millis) -> Result<(), ReadError> {
        self.advance_events(now)?;
        let found = self.may_go(now)?;
        let goes = found.min(self.doomed);
        self.doomed = found;
        let gone = self.log.trim(goes).map_err(|error| ReadError::Io(error.to_string()))?;
        count(&self.shared.counts.removed_segments, gone);
        if gone > 0 {
            tracing::info!(segments = gone, upto = goes, "old segments of the log were removed");
        }
        Ok(())
    }

    /// `GET /v1/events` begins here.
    fn advance_events(&self, now: Millis) -> Result<(), ReadError> {
        let kept_ms = self.shared.limits.retention.events_s.saturating_mul(1000);
        let first = self.log.since(Millis(now.0.saturating_sub(kept_ms)))?;
        self.shared.events_from.fetch_max(first, Ordering::AcqRel);
        Ok(())
    }

    /// The last record that nobody needs, with all before it; 0: none.
    fn may_go(&self, now: Millis) -> Result<u64, ReadError> {
        let snapshots: Vec<_> = self.snapshots.list().into_iter().filter(|found| found.log_id == self.log.log_id()).collect();
        let Some(oldest) = snapshots.get(KEPT - 1) else { return Ok(0) };
        // What an idempotency key answers stands in the log.
        let kept_s = self.shared.limits.retention.bodies_s.max(Limits::IDEMPOTENCY_S);
        let kept_ms = kept_s.saturating_mul(1000);
        let mut aged = Vec::new();
        for segment in self.log.sealed().into_iter().take_while(|segment| segment.last <= oldest.mark.record()) {
            if self.log.time(segment.last)?.is_none_or(|at| now.0.saturating_sub(at.0) <= kept_ms) {
                break;
            }
            aged.push(segment.last);
        }
        if aged.is_empty() {
            return Ok(0);
        }
        let kept = StateReader::open(&self.shared.state)?.oldest_kept(now)?;
        Ok(aged.into_iter().take_while(|last| kept.is_none_or(|kept| *last < kept.record())).last().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests;
