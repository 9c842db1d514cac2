//! Has direct messages end: looks for what the views find due, and asks the writer to decide it.
//!
//! Nothing is kept here, so nothing is lost with the process: what was due and not told is found again at the next start.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tidings_model::{Answer, Request};

use super::{Asker, Shared};
use crate::views::state::StateReader;
use crate::{Lane, ReadError};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// Ends asked for at once.
pub(crate) const SLICE: usize = 1024;

/// Ends when the other end of `until` is dropped.
pub(crate) fn run(asker: &Asker, shared: &Arc<Shared>, state: &StateReader, until: &Receiver<()>) {
    while until.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        loop {
            match look(asker, shared, state) {
                Ok(true) => {}
                Ok(false) => break,
                Err(ReadError::Stopped) => return,
                Err(error) => {
                    tracing::warn!(%error, "what became of messages could not be read; it is tried again");
                    break;
                }
            }
        }
    }
}

/// True: more may be due.
fn look(asker: &Asker, shared: &Shared, state: &StateReader) -> Result<bool, ReadError> {
    let due = state.due(shared.time.now(), SLICE)?;
    let more = due.len() == SLICE;
    if due.is_empty() {
        return Ok(false);
    }
    let (tell, told) = bounded(1);
    let reply = Box::new(move |answer| drop(tell.send(answer)));
    if asker.ask(Lane::Devices, Request::End(due), reply).is_err() {
        // The lane is full, or the store is closing.
        return Ok(false);
    }
    if !matches!(told.recv(), Ok(Answer::Done)) {
        return Ok(false);
    }
    // What is told is not found due again.
    shared.progress.wait_for(shared.progress.durable())?;
    Ok(more)
}
