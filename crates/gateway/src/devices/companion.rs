//! What may stand beside the devices on a worker: it hears the events that the contract does not know, and receives visits.
//!
//! The product gives it page events where `legacy.client_publish` allows them; a program on our crates may do more.

use tidings_delivery::{Heard, Saying, Ticket};

use super::Mail;
use crate::{Document, Reception, Sender, Visit, Visitor};

/// One worker's. It runs on the worker: it must not block. A socket that registers may move to another worker, where another
/// companion hears it.
pub trait Companion: Send + 'static {
    /// An event named in `heard`, and what is said to whom because of it, at once; later by [`Voice`]. Where the ticket has an
    /// ack, it must be answered: until then the socket stays on this worker.
    fn hear(&mut self, from: Ticket, heard: Heard) -> Vec<(Ticket, Saying)>;

    /// The socket at this slot is gone, or has left its namespace.
    fn gone(&mut self, slot: u32) -> Vec<(Ticket, Saying)> {
        let _ = slot;
        Vec::new()
    }

    /// A request outside of Socket.IO's path.
    fn visit(&mut self, visitor: Visitor, visit: Visit<'_>) -> Reception {
        let _ = (visitor, visit);
        Reception::Unknown
    }
}

/// A companion's way to speak later, from any thread. Each event or visit that it heard may be answered so once: what waits
/// is bounded by what was asked.
#[derive(Clone)]
pub struct Voice(Sender<Mail>);

impl Voice {
    pub(super) fn new(mail: Sender<Mail>) -> Self {
        Self(mail)
    }

    pub fn say(&self, to: Ticket, saying: Saying) {
        // A worker that has ended has nobody to tell.
        let _ = self.0.tell(Mail::Say(to, saying));
    }

    pub fn answer(&self, visitor: Visitor, document: Document) {
        let _ = self.0.tell(Mail::Visited(visitor, document));
    }
}
