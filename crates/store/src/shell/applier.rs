//! Owns writing the views: merges behind the log.

use std::sync::Arc;
use std::time::Duration;

use tidings_model::Position;

use super::progress::Work;
use super::{Shared, count};
use crate::views::state::{MergeError, Old, State};

/// Bytes of facts, about, in one transaction.
const MERGE_BYTES: usize = 4 << 20;
/// A full disk is tried again after this.
const RETRY: Duration = Duration::from_secs(1);
/// Expired rows are removed once in this many merges.
const SWEEP_EVERY: u64 = 40;

/// The state is given back to be closed; None: it is broken or nothing may be written.
pub(crate) fn run(shared: &Arc<Shared>, mut state: State) -> Option<State> {
    let mut merges = 0;
    loop {
        let result = match shared.progress.next_work() {
            Work::Merge(upto) => merge(shared, &mut state, upto),
            Work::Close => return Some(state),
            Work::Stop => return None,
        };
        merges += 1;
        let swept = if merges % SWEEP_EVERY == 0 { sweep(shared, &mut state) } else { Ok(()) };
        match result.and(swept) {
            Ok(()) => {}
            Err(MergeError::Full) => {
                tracing::warn!("no space left for the views; they follow later");
                if shared.progress.pause(RETRY) {
                    // What is durable is merged at the next start.
                    return None;
                }
            }
            Err(MergeError::Broken(what)) => {
                State::condemn(&shared.state);
                shared.stop(format!("the views are broken ({what}); the next start rebuilds them from the log"));
                return None;
            }
        }
    }
}

fn sweep(shared: &Shared, state: &mut State) -> Result<(), MergeError> {
    let now = shared.time.now();
    if now < shared.destroys_from() {
        return Ok(());
    }
    let events_from = shared.events_from.load(std::sync::atomic::Ordering::Acquire);
    state.sweep(&Old { now, receipts_s: shared.limits.retention.receipts_s, events_from })
}

fn merge(shared: &Shared, state: &mut State, upto: Position) -> Result<(), MergeError> {
    while state.mark() < upto {
        let batch = shared.read(state.mark(), upto, MERGE_BYTES)?;
        state.merge(&batch)?;
        count(&shared.counts.merges, 1);
        count(&shared.counts.merged_facts, batch.entries.len());
        shared.progress.merged(state.mark(), batch.entries.len() as u64);
    }
    Ok(())
}
