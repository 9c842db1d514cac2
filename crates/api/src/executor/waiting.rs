//! Callers who wait until a device is proven to have their message. They hear it from the log as it becomes durable;
//! nobody polls, and what is not waited for costs one look at an atomic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidings_model::{Batch, Dev, Entry, Fact, Millis, Position, Proof, State};
use tokio::sync::oneshot;

/// A direct message that a device is proven to have, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    pub dev: Dev,
    pub state: State,
    pub proof: Proof,
    /// From the publish to the proof, in log time.
    pub after_ms: u64,
}

/// Who waits for what.
#[derive(Default)]
pub(crate) struct Waiting {
    callers: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    next: u64,
    by_message: HashMap<Position, Vec<(u64, Caller)>>,
}

struct Caller {
    published: Millis,
    tell: oneshot::Sender<Proven>,
}

/// One caller's place; dropped, it is free.
pub(crate) struct Place {
    waiting: Arc<Waiting>,
    message: Position,
    number: u64,
    told: oneshot::Receiver<Proven>,
}

impl Waiting {
    /// To be called before the batch behind the message's own is told: then no proof can be missed.
    pub(crate) fn enter(self: &Arc<Self>, message: Position, published: Millis) -> Place {
        let (tell, told) = oneshot::channel();
        let mut book = self.lock();
        let number = book.next;
        book.next += 1;
        book.by_message.entry(message).or_default().push((number, Caller { published, tell }));
        self.callers.fetch_add(1, Ordering::Release);
        Place { waiting: self.clone(), message, number, told }
    }

    /// A batch is durable.
    pub(crate) fn hear(&self, batch: &Batch) {
        if self.callers.load(Ordering::Acquire) == 0 {
            return;
        }
        for entry in &batch.entries {
            for (message, found) in proofs(entry) {
                let callers = self.lock().by_message.remove(&message).unwrap_or_default();
                self.callers.fetch_sub(callers.len(), Ordering::Release);
                for (_, caller) in callers {
                    // Whoever has hung up meanwhile is not told.
                    let _ = caller.tell.send(found.since(caller.published));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, message: Position, number: u64) {
        let mut book = self.lock();
        let Some(callers) = book.by_message.get_mut(&message) else { return };
        let before = callers.len();
        callers.retain(|(other, _)| *other != number);
        self.callers.fetch_sub(before - callers.len(), Ordering::Release);
        if callers.is_empty() {
            book.by_message.remove(&message);
        }
    }
}

impl Place {
    /// The first proof.
    pub(crate) async fn told(&mut self) -> Option<Proven> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.leave(self.message, self.number);
    }
}

/// A proof as the log has it: some facts say when it was, not how long after the publish.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    dev: Dev,
    state: State,
    proof: Proof,
    after: After,
}

#[derive(Clone, Copy)]
enum After {
    Ms(u32),
    At(Millis),
}

impl Found {
    pub(crate) fn since(self, published: Millis) -> Proven {
        let after_ms = match self.after {
            After::Ms(ms) => u64::from(ms),
            After::At(time) => time.0.saturating_sub(published.0),
        };
        Proven { dev: self.dev, state: self.state, proof: self.proof, after_ms }
    }
}

/// The messages that an entry proves.
pub(crate) fn proofs(entry: &Entry) -> Vec<(Position, Found)> {
    match &*entry.fact {
        Fact::Proven(fact) => {
            let found = fact.direct.iter().map(|direct| {
                let after = After::Ms(direct.after_ms);
                (direct.message, Found { dev: direct.dev, state: direct.state, proof: direct.proof, after })
            });
            found.collect()
        }
        Fact::Reported(fact) => match (fact.message, fact.dev, fact.state, fact.proof) {
            (Some(message), Some(dev), Some(state), Some(proof)) => {
                vec![(message, Found { dev, state, proof, after: After::At(entry.time) })]
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
