//! Copies the log's `-wal` into its segment and seals full segments, beside everything else.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Shared;
use crate::log::AppendError;
use crate::log::segments::Segments;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(200);

/// Ends when the other end of `until` is dropped.
pub(crate) fn run(shared: &Arc<Shared>, log: &Segments, until: &Receiver<()>) {
    while until.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        if shared.stopped().is_some() {
            return;
        }
        let kept = if log.wants_checkpoint() { log.checkpoint() } else { Ok(()) };
        match kept.and_then(|()| log.seal()) {
            // No room to copy: the frames stay where they are.
            Ok(()) | Err(AppendError::Full) => {}
            Err(error) => {
                shared.stop(format!("a checkpoint of the log failed: {error}"));
                return;
            }
        }
    }
}
