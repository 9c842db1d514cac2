//! The last batches in memory: what a worker that was skipped, or a replay, asks for first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tidings_model::{Batch, Entry, Fact, Position, Published};

/// Newest batches up to a bound in bytes; without a hole.
pub(crate) struct Recent {
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    batches: VecDeque<(Arc<Batch>, usize)>,
    bytes: usize,
    /// Everything behind it is here.
    after: Position,
}

impl Recent {
    /// `after`: the end of the log as it is now.
    pub(crate) fn new(bytes_max: usize, after: Position) -> Self {
        Self { bytes_max, inner: Mutex::new(Inner { after, ..Inner::default() }) }
    }

    pub(crate) fn push(&self, batch: Arc<Batch>) {
        let size = batch.entries.iter().map(weight).sum();
        let mut inner = self.lock();
        inner.bytes += size;
        inner.batches.push_back((batch, size));
        while inner.bytes > self.bytes_max && inner.batches.len() > 1 {
            let Some((oldest, size)) = inner.batches.pop_front() else { break };
            inner.bytes -= size;
            inner.after = oldest.upto;
        }
    }

    /// Entries in (after, upto]; None: older than what is kept, or newer than what has come.
    pub(crate) fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Option<Batch> {
        let batches = self.covering(after, upto)?;
        let mut out = Batch { entries: Vec::new(), upto: after };
        let mut bytes = 0;
        for batch in batches {
            let inside = |entry: &&Entry| entry.at > after && entry.at <= upto;
            out.entries.extend(batch.entries.iter().filter(inside).inspect(|entry| bytes += weight(entry)).cloned());
            out.upto = batch.upto.min(upto);
            if bytes >= bytes_max {
                break;
            }
        }
        Some(out)
    }

    pub(crate) fn published(&self, at: Position) -> Option<Arc<Published>> {
        let entry = {
            let inner = self.lock();
            let (batch, _) = inner.batches.get(inner.batches.partition_point(|(batch, _)| batch.upto < at))?;
            batch.entries.get(batch.entries.binary_search_by_key(&at, |entry| entry.at).ok()?)?.clone()
        };
        published(&entry.fact)
    }

    fn covering(&self, after: Position, upto: Position) -> Option<Vec<Arc<Batch>>> {
        let inner = self.lock();
        let last = inner.batches.back()?.0.upto;
        if after < inner.after || upto > last {
            return None;
        }
        let first = inner.batches.partition_point(|(batch, _)| batch.upto <= after);
        Some(inner.batches.range(first..).map(|(batch, _)| batch.clone()).collect())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The message of a fact that is one.
pub(crate) fn published(fact: &Fact) -> Option<Arc<Published>> {
    match fact {
        Fact::Published(message) => Some(message.clone()),
        _ => None,
    }
}

/// About what an entry holds in memory.
pub(crate) fn weight(entry: &Entry) -> usize {
    let fact = match &*entry.fact {
        Fact::Published(message) => message.content.bytes() + 300 + targets(message) * 4,
        Fact::Proven(proven) => proven.cursors.iter().map(|(_, devs)| 32 + devs.len() * 4).sum::<usize>() + proven.direct.len() * 32,
        Fact::Reported(report) => report.status.as_str().len() + 100,
        Fact::ClientEvent(event) => event.args.as_str().len() + 150,
        Fact::Presence(presence) => presence.on.len() * 4 + presence.off.len() * 16,
        Fact::Recalled(recalled) => recalled.devs.as_ref().map_or(0, Vec::len) * 4 + 50,
        Fact::Ended(ended) => ended.direct.len() * 16,
        Fact::Registered(_) => 300,
        Fact::AppPut(_) | Fact::KeyPut(_) => 300,
        Fact::AppGone(_) | Fact::KeyGone(_) => 50,
        Fact::SinkPut(_) | Fact::SinkMoved(_) => 500,
        Fact::SinkGone(_) => 50,
        Fact::Erased(erased) => erased.regs.len() * 4,
        Fact::Disconnected(disconnected) => disconnected.regs.len() * 4,
        Fact::Subscribed(subscribed) => 200 + (subscribed.users.len() + subscribed.regs.len()) * 4,
        Fact::Started(_) | Fact::Tick | Fact::Unregistered(_) | Fact::Ghost(_) | Fact::Overflowed(_) => 50,
    };
    fact + 64
}

fn targets(message: &Published) -> usize {
    match &message.targets {
        tidings_model::Targets::Devices(devs) => devs.len(),
        tidings_model::Targets::Everyone | tidings_model::Targets::Members(_) => 0,
    }
}
