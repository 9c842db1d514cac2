//! What takes a batch of events to one business server.

use std::future::Future;
use std::time::Duration;

use tidings_model::{Event, EventId, Sink};

/// One way to one business server. It knows a wire; cursors, schedules and batches are its caller's.
pub trait Carrier: Send {
    /// Carries these events, in order; never none. A retry gives the very same batch again, so what names it must come from its events.
    /// Dropping the future abandons the try: it is not known what the other side has.
    fn carry(&mut self, batch: &[Event]) -> impl Future<Output = Outcome> + Send;
}

/// What makes carriers, each for one sink as it is configured now.
pub trait Carriers: Send + Sync + 'static {
    type Carrier: Carrier + 'static;

    /// None: nothing carries to it, as it is not configured here; it stays where it is and holds nothing back.
    fn carrier(&self, sink: &Sink) -> Option<Self::Carrier>;
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has everything up to and including this event, which is in the batch; rarely less than the whole.
    Taken { upto: EventId },
    /// The other side refuses what is in it. Asked again with less; one event that is refused alone, and again, is parked.
    Refused { why: String },
    /// It could not be carried, whatever is in it: again after this long where the other side says so, else by the schedule.
    Later { after: Option<Duration>, why: String },
}
