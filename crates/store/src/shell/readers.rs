//! Serves pages of mailboxes and broadcasts, off the writer's thread.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use tidings_model::{BroadcastQuery, MailboxQuery, Page, Position, Request};

use super::{Asker, Shared, count};
use crate::views::mailbox;
use crate::views::state::StateReader;
use crate::{Lane, PageReply, ReadError};

/// Threads that read, and pages that wait for them.
pub(crate) const READERS: usize = 2;
pub(crate) const WAITING: usize = 4096;

/// A page that somebody waits for.
pub(crate) enum Wanted {
    Mailbox(MailboxQuery),
    Broadcasts(BroadcastQuery),
}

impl Wanted {
    fn upto(&self) -> Position {
        match self {
            Self::Mailbox(query) => query.upto,
            Self::Broadcasts(query) => query.upto,
        }
    }
}

pub(crate) fn run(asker: &Asker, shared: &Arc<Shared>, state: &StateReader, wanted: &Receiver<(Wanted, PageReply)>) {
    for (query, reply) in wanted {
        count(&shared.counts.pages, 1);
        let page = shared.progress.wait_for(query.upto()).and_then(|()| serve(asker, shared, state, &query));
        reply(page);
    }
}

fn serve(asker: &Asker, shared: &Shared, state: &StateReader, query: &Wanted) -> Result<Page, ReadError> {
    let bodies = |at| shared.published(at);
    let now = shared.time.now();
    match query {
        Wanted::Broadcasts(query) => state.steadily(|state| mailbox::broadcasts(state, &bodies, query, &shared.limits, now)),
        Wanted::Mailbox(query) => {
            let paged = state.steadily(|state| mailbox::mailbox(state, &bodies, query, &shared.limits, now))?;
            if let Some(cut) = paged.cut {
                // A full lane is no harm: the next read of this mailbox finds the same cut.
                let _ = asker.ask(Lane::Devices, Request::Overflow(cut), Box::new(|_| ()));
            }
            Ok(paged.page)
        }
    }
}
