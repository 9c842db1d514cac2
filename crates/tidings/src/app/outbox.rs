//! The sinks: what carries to each kind of them.

use tidings_model::{Sink, SinkConf};
use tidings_outbox::{Carriers, Outbox, Webhook, Webhooks};
use tidings_store::Store;

use super::StartError;

/// Drives them all. `webhooks`: where those may go.
pub(super) fn start(store: &Store, webhooks: Webhooks) -> Result<Outbox, StartError> {
    let mut seed = [0; 8];
    let drawn = getrandom::fill(&mut seed).map_err(|error| std::io::Error::other(error.to_string()));
    drawn.map_err(|error| StartError::System { doing: "drawing random bits", error })?;
    Ok(Outbox::start(store, Ways { webhooks }, u64::from_le_bytes(seed)))
}

struct Ways {
    webhooks: Webhooks,
}

impl Carriers for Ways {
    type Carrier = Webhook;

    fn carrier(&self, sink: &Sink) -> Option<Webhook> {
        match &sink.conf {
            SinkConf::Webhook(webhook) => self.webhooks.to(&sink.id, webhook),
            SinkConf::Ice => None,
        }
    }
}
