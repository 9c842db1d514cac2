//! Tells what is durable, in the order of the log: first the feed, then the answers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crossbeam_channel::Receiver;
use tidings_model::Batch;

use super::{Outgoing, Shared};
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

fn tell(shared: &Shared, feed: &mut Feed, batch: &Arc<Batch>) {
    shared.recent.push(batch.clone());
    shared.progress.appended(batch.upto, batch.entries.len() as u64);
    let sinks = shared.sinks.read().unwrap_or_else(PoisonError::into_inner);
    for (worker, item) in feed.items(batch) {
        // Raised first: a worker whose inbox is empty sees that it has missed something.
        shared.upto[worker].store(batch.upto.raw(), Ordering::Release);
        if let Some(sink) = &sinks[worker] {
            // A full inbox is skipped: the item that follows names this one.
            let _ = sink(item);
        }
    }
    for hook in shared.hooks.read().unwrap_or_else(PoisonError::into_inner).iter() {
        hook(batch);
    }
}
