//! Tells what is durable, in the order of the log: first the feed, then the answers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;
use tidings_model::{Batch, Entry, Fact};

use super::{Outgoing, Shared};
use crate::views;
use crate::writer::{Feed, Landed};

pub(crate) fn run(shared: &Shared, mut feed: Feed, outgoing: &Receiver<Outgoing>) {
    for Landed { batch, answers } in outgoing {
        if let Some(batch) = batch {
            tell(shared, &mut feed, &batch);
        }
        for (reply, answer) in answers {
            reply(answer);
        }
    }
}

/// Whoever is answered, or told of a fact, finds the directory and the sinks as they are then.
fn enter(shared: &Shared, batch: &Batch) {
    let concerns = |entry: &&Entry| matches!(&*entry.fact, Fact::AppPut(_) | Fact::AppGone(_) | Fact::KeyPut(_) | Fact::KeyGone(_));
    for entry in batch.entries.iter().filter(concerns) {
        let mut directory = shared.directory.write().unwrap_or_else(PoisonError::into_inner);
        views::enter(Arc::make_mut(&mut directory), &entry.fact);
    }
    let concerns = |entry: &&Entry| matches!(&*entry.fact, Fact::AppGone(_) | Fact::SinkPut(_) | Fact::SinkGone(_) | Fact::SinkMoved(_));
    for entry in batch.entries.iter().filter(concerns) {
        let mut sinks = shared.sinks.write().unwrap_or_else(PoisonError::into_inner);
        views::track(Arc::make_mut(&mut sinks), entry);
    }
}

fn tell(shared: &Shared, feed: &mut Feed, batch: &Arc<Batch>) {
    enter(shared, batch);
    shared.recent.push(batch.clone());
    shared.progress.appended(batch.upto, batch.entries.len() as u64);
    let inboxes = shared.inboxes.read().unwrap_or_else(PoisonError::into_inner);
    for (worker, item) in feed.items(batch) {
        // Raised first: a worker whose inbox is empty sees that it has missed something.
        shared.upto[worker].store(batch.upto.raw(), Ordering::Release);
        if let Some(inbox) = &inboxes[worker] {
            // A full inbox is skipped: the item that follows names this one.
            let _ = inbox(item);
        }
    }
    for hook in shared.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
        hook(batch);
    }
}
