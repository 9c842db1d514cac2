//! The sinks: what carries to each kind of them.

use std::io;

use tidings_model::{Administer, Answer, Event, NewSink, Request, Sink, SinkConf, SinkId, SinkMove, SinkState};
use tidings_outbox::ice::{IceCarrier, Target};
use tidings_outbox::{Carrier, Carriers, Outbox, Outcome, Webhook, Webhooks};
use tidings_store::{Lane, Store};
use tokio::sync::oneshot;
use tracing::{error, info};

use super::StartError;

/// Drives them all. `webhooks`: where those may go; `ice`: where the listener is. Before doors open: what comes through them is told, too.
pub(super) async fn start(store: &Store, webhooks: Webhooks, ice: Option<Target>) -> Result<Outbox, StartError> {
    if ice.is_some()
        && let Err(why) = have_ice_sink(store).await
    {
        // Pushing goes on without it.
        error!(why, "there is no Ice sink: what happens is not told to the Ice listener before the next start");
    }
    let mut seed = [0; 8];
    let drawn = getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()));
    drawn.map_err(|error| StartError::System { doing: "drawing random bits", error })?;
    Ok(Outbox::start(store, Ways { webhooks, ice }, u64::from_le_bytes(seed)))
}

/// Made once; later it goes on where it was, wherever the listener is by now. What has paused it may be over, as we are started anew.
async fn have_ice_sink(store: &Store) -> Result<(), String> {
    let request = match store.sinks().named(SinkId::ICE) {
        None => Request::Administer(Administer::CreateSink(NewSink { id: SinkId::trusted(SinkId::ICE), app: None, conf: SinkConf::Ice })),
        Some(tracked) if tracked.standing.state == SinkState::Paused => {
            Request::MoveSink(Box::new(SinkMove { state: Some(SinkState::Active), ..SinkMove::of(tracked.sink.no) }))
        }
        Some(_) => return Ok(()),
    };
    let (tell, told) = oneshot::channel();
    // Nobody may wait any more.
    store.ask(Lane::Backends, request, Box::new(move |answer| drop(tell.send(answer)))).map_err(|_| "the store is busy")?;
    match told.await {
        Ok(Answer::Sink(tracked)) => {
            info!(sink = SinkId::ICE, cursor = %tracked.standing.cursor, "the Ice listener is told what happens from here on");
            Ok(())
        }
        Ok(Answer::Refused(refusal)) => Err(refusal.to_string()),
        Ok(_) | Err(_) => Err("the store did not answer".to_owned()),
    }
}

struct Ways {
    webhooks: Webhooks,
    ice: Option<Target>,
}

enum Way {
    Webhook(Webhook),
    Ice(Box<IceCarrier>),
}

impl Carrier for Way {
    async fn carry(&mut self, batch: &[Event]) -> Outcome {
        match self {
            Self::Webhook(webhook) => webhook.carry(batch).await,
            Self::Ice(listener) => listener.carry(batch).await,
        }
    }
}

impl Carriers for Ways {
    type Carrier = Way;

    fn carrier(&self, sink: &Sink) -> Option<Way> {
        match &sink.conf {
            SinkConf::Webhook(webhook) => self.webhooks.to(&sink.id, webhook).map(Way::Webhook),
            SinkConf::Ice => Some(Way::Ice(Box::new(IceCarrier::new(self.ice.clone()?)))),
        }
    }
}
