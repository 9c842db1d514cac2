//! Owns appending: one batch after the other, each with its fsync.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::{Shared, count};
use crate::log::AppendError;
use crate::writer::Flight;

/// What an append ended with.
pub(crate) type Appended = Result<u64, AppendError>;

pub(crate) fn run(shared: &Arc<Shared>, flights: &Receiver<Flight>, results: &Sender<Appended>) {
    for flight in flights {
        let result = shared.log.append(flight.expected_last, &flight.records);
        match &result {
            Ok(_) => {
                count(&shared.counts.batches, 1);
                count(&shared.counts.records, flight.records.len());
                count(&shared.counts.facts, flight.records.iter().map(|record| record.facts.len()).sum());
            }
            Err(error) => {
                count(&shared.counts.failed_appends, 1);
                tracing::warn!(%error, "an append failed");
            }
        }
        if results.send(result).is_err() {
            return;
        }
    }
}
