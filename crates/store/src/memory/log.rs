//! A log in memory that fails on demand, and forgets at a crash what was not synced.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tidings_model::{Batch, Entry, Fact, MessageId, Millis, Position, Published};

use super::Fault;
use crate::ReadError;
use crate::log::{AppendError, Bounds, Log, Record, entry, recent};

/// See [`Log`]; the faults of [`MemLog::fail_next`] are met in order, one an append.
#[derive(Default)]
pub(crate) struct MemLog {
    inner: Mutex<Inner>,
    /// Slow: appends wait here while it is held.
    held: Mutex<bool>,
    released: Condvar,
}

#[derive(Default)]
struct Inner {
    records: Vec<Head>,
    entries: Vec<Entry>,
    faults: VecDeque<Fault>,
    /// Stored, synced and seen by nobody: the next append overwrites it, a crash brings it to life.
    unseen: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Head {
    at: Millis,
    /// Index of its first entry.
    first: usize,
    epoch: u32,
}

impl MemLog {
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    #[cfg(test)]
    pub(crate) fn forget_faults(&self) {
        self.lock().faults.clear();
    }

    /// Appends wait from now on, until `release`.
    #[cfg(test)]
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    #[cfg(test)]
    pub(crate) fn release(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.released.notify_all();
    }

    /// The machine dies: what was stored unseen is there when it comes back.
    pub(crate) fn crash(&self) {
        let mut inner = self.lock();
        inner.faults.clear();
        let unseen = std::mem::take(&mut inner.unseen);
        inner.store(&unseen);
    }

    /// Epoch and time of the newest record.
    pub(crate) fn newest(&self) -> Option<(u32, Millis)> {
        self.lock().records.last().map(|head| (head.epoch, head.at))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn last(&self) -> u64 {
        self.records.len() as u64
    }

    fn store(&mut self, records: &[Record]) {
        for record in records {
            let number = self.last() + 1;
            self.records.push(Head { at: record.at, first: self.entries.len(), epoch: record.epoch });
            for (index, fact) in record.facts.iter().enumerate() {
                self.entries.push(entry(Position::from_raw(number << 8 | index as u64), record.at, fact.clone()));
            }
        }
    }

    fn from(&self, at: Position) -> usize {
        self.entries.partition_point(|entry| entry.at < at)
    }
}

impl Log for MemLog {
    fn append(&self, expected_last: u64, records: &[Record]) -> Result<u64, AppendError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.released.wait_while(held, |held| *held).unwrap_or_else(PoisonError::into_inner));
        let mut inner = self.lock();
        if inner.last() != expected_last {
            return Err(AppendError::Fenced { last: inner.last() });
        }
        let unknown = || AppendError::Unknown { goes_on: true, what: "as the test asked".to_owned() };
        match inner.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => {
                inner.unseen.clear();
                inner.store(records);
                Ok(inner.last())
            }
            Fault::Full => Err(AppendError::Full),
            Fault::UnknownStored => {
                inner.unseen = records.to_vec();
                Err(unknown())
            }
            Fault::UnknownLost => Err(unknown()),
        }
    }

    fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError> {
        let inner = self.lock();
        let upto = upto.min(Position::end_of(inner.last()));
        let mut batch = Batch { entries: Vec::new(), upto: upto.max(after) };
        let mut bytes = 0;
        for entry in inner.entries.get(inner.from(Position::from_raw(after.raw() + 1))..).unwrap_or_default() {
            if entry.at > upto {
                break;
            }
            let begins = batch.entries.last().is_some_and(|last| last.at.record() != entry.at.record());
            if begins && bytes >= bytes_max {
                batch.upto = Position::end_of(entry.at.record() - 1);
                break;
            }
            bytes += recent::weight(entry);
            batch.entries.push(entry.clone());
        }
        Ok(batch)
    }

    fn bounds(&self) -> Result<Bounds, ReadError> {
        Ok(Bounds { first: 1, last: self.lock().last() })
    }

    fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        let inner = self.lock();
        let found = inner.entries.get(inner.from(at)).filter(|entry| entry.at == at);
        Ok(found.and_then(|entry| recent::published(&entry.fact)))
    }

    fn find(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        let inner = self.lock();
        let time = Millis(id.time_ms());
        let first = inner.records.get(inner.records.partition_point(|head| head.at < time)).map_or(inner.entries.len(), |head| head.first);
        let mut same_time = inner.entries.get(first..).unwrap_or_default().iter().take_while(|entry| entry.time == time);
        let found = same_time.find(|entry| matches!(&*entry.fact, Fact::Published(message) if message.id == id));
        Ok(found.and_then(|entry| recent::published(&entry.fact).map(|message| (entry.at, message))))
    }
}

#[cfg(test)]
mod tests;
