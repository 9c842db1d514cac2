//! Webhooks: who sees which, and what an administrator does with them. Carrying the events is the outbox's.

use std::sync::Arc;

use tidings_model::{
    Administer, Answer, AppName, AppNo, Code, EventId, EventType, NewSink, Position, Refusal, Request, SinkChange, SinkConf, SinkId,
    SinkMove, SinkSecret, SinkState, Tracked, Webhook,
};
use tidings_outbox::{Target, Tried};
use tidings_store::EventQuery;

use super::administer::{draw, something_else};
use super::{Caller, EventsError, Executor, Running};

/// What a new webhook shall be.
#[derive(Clone, Debug)]
pub struct WebhookWish {
    pub url: String,
    /// None: all.
    pub types: Option<Vec<EventType>>,
}

/// What shall change of a webhook; None: nothing.
#[derive(Clone, Debug, Default)]
pub struct WebhookEdit {
    pub url: Option<String>,
    pub types: Option<Option<Vec<EventType>>>,
    pub state: Option<SinkState>,
    /// A new secret, beside the one until now.
    pub rotate: bool,
    /// The older secret ends.
    pub retire: bool,
}

/// A webhook and, where one was drawn just now, the secret that its receiver needs.
#[derive(Clone, Debug)]
pub struct Hooked {
    pub webhook: Arc<Tracked>,
    pub secret: Option<SinkSecret>,
}

/// Where a webhook shall be told the events again from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// Behind this.
    After(EventId),
    /// This one, too.
    From(EventId),
}

impl Replay {
    fn ahead(self) -> Refusal {
        let field = match self {
            Self::After(_) => "cursor",
            Self::From(_) => "from",
        };
        Refusal::new(Code::InvalidField, format!("{field} is ahead of the webhook's own cursor: it can only be set back")).field(field)
    }
}

/// Why a webhook was not set back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    Refused(Refusal),
    Events(EventsError),
}

impl Executor {
    /// The webhooks that the caller sees, oldest first.
    pub fn webhooks(&self, caller: &Caller) -> Vec<Arc<Tracked>> {
        self.0.store.sinks().iter().filter(|tracked| is_seen(caller, tracked)).cloned().collect()
    }

    pub fn webhook(&self, caller: &Caller, id: &str) -> Result<Arc<Tracked>, Refusal> {
        let sinks = self.0.store.sinks();
        let found = sinks.named(id).filter(|tracked| is_seen(caller, tracked)).cloned();
        found.ok_or_else(|| Refusal::new(Code::NotFound, "there is no such webhook"))
    }

    /// It is told what happens from now on.
    pub async fn create_webhook(&self, caller: &Caller, _running: Running, wish: WebhookWish) -> Result<Hooked, Refusal> {
        self.check_url(&wish.url)?;
        let secret = secret()?;
        let conf = SinkConf::Webhook(Webhook { url: wish.url, types: wish.types, secrets: vec![secret.clone()] });
        let new = NewSink { id: id()?, app: Some(caller.app()), conf };
        let webhook = self.sink_answer(Request::Administer(Administer::CreateSink(new))).await?;
        Ok(Hooked { webhook, secret: Some(secret) })
    }

    pub async fn change_webhook(&self, caller: &Caller, _running: Running, id: &str, edit: WebhookEdit) -> Result<Hooked, Refusal> {
        let mut webhook = self.webhook(caller, id)?;
        if let Some(url) = &edit.url {
            self.check_url(url)?;
        }
        let no = webhook.sink.no;
        let secret = if edit.rotate { Some(secret()?) } else { None };
        let WebhookEdit { url, types, state, retire, .. } = edit;
        if url.is_some() || types.is_some() || retire || secret.is_some() {
            let change = SinkChange { no, url, types, rotate: secret.clone(), retire };
            webhook = self.sink_answer(Request::Administer(Administer::ChangeSink(change))).await?;
        }
        if state.is_some() {
            // Said of one that fails: it is mended, and to be tried at once.
            let last_error = (state == Some(SinkState::Active)).then_some(None);
            webhook = self.sink_answer(Request::MoveSink(Box::new(SinkMove { state, last_error, ..SinkMove::of(no) }))).await?;
        }
        Ok(Hooked { webhook, secret })
    }

    pub async fn remove_webhook(&self, caller: &Caller, _running: Running, id: &str) -> Result<(), Refusal> {
        let no = self.webhook(caller, id)?.sink.no;
        self.done_answer(Administer::RemoveSink(no)).await
    }

    /// Sends one event that tells nothing, and says what came of it. Nothing is stored.
    pub async fn test_webhook(&self, caller: &Caller, _running: Running, id: &str) -> Result<Tried, Refusal> {
        let tracked = self.webhook(caller, id)?;
        let SinkConf::Webhook(webhook) = &tracked.sink.conf else { return Err(something_else()) };
        let app = tracked.sink.app.map_or_else(AppName::root, |app| self.0.store.directory().name_of(app));
        let nonce = u64::from_le_bytes(draw()?);
        let carrier = self.0.webhooks.to(&tracked.sink.id, webhook).ok_or_else(something_else)?;
        Ok(carrier.test(&app, nonce).await)
    }

    /// Sets it back, so that it is told again what it was told, parked events too.
    pub async fn replay_webhook(&self, caller: &Caller, _running: Running, id: &str, replay: Replay) -> Result<Arc<Tracked>, ReplayError> {
        let tracked = self.webhook(caller, id).map_err(ReplayError::Refused)?;
        let to = match replay {
            Replay::After(cursor) => cursor,
            Replay::From(event) => before(event),
        };
        let ahead = to > tracked.standing.cursor;
        self.check_kept(tracked.sink.app, to).await?;
        if ahead {
            return Err(ReplayError::Refused(replay.ahead()));
        }
        let ask = SinkMove { to: Some(to), ..SinkMove::of(tracked.sink.no) };
        self.sink_answer(Request::MoveSink(Box::new(ask))).await.map_err(ReplayError::Refused)
    }

    /// Whether the log still has what lies behind the cursor.
    async fn check_kept(&self, app: Option<AppNo>, cursor: EventId) -> Result<(), ReplayError> {
        let query = EventQuery { app, sink: None, after: Some(cursor), types: None, limit: 1 };
        self.page(query).await.map(drop).map_err(ReplayError::Events)
    }

    fn check_url(&self, url: &str) -> Result<(), Refusal> {
        let checked = Target::parse(url, self.0.webhooks.allowed());
        checked.map(drop).map_err(|why| Refusal::new(Code::InvalidField, format!("url {why}")).field("url"))
    }

    async fn sink_answer(&self, ask: Request) -> Result<Arc<Tracked>, Refusal> {
        match self.ask(ask).await? {
            Answer::Sink(tracked) => Ok(tracked),
            _ => Err(something_else()),
        }
    }
}

fn is_seen(caller: &Caller, tracked: &Tracked) -> bool {
    matches!(tracked.sink.conf, SinkConf::Webhook(_)) && tracked.sink.app.is_some_and(|app| caller.sees(app))
}

/// A cursor is exclusive: the last one that leaves the event ahead.
fn before(event: EventId) -> EventId {
    match event.n.checked_sub(1) {
        Some(n) => EventId { at: event.at, n },
        None => EventId { at: Position::from_raw(event.at.raw().saturating_sub(1)), n: u32::MAX },
    }
}

fn id() -> Result<SinkId, Refusal> {
    use base64::Engine;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(draw::<16>()?);
    Ok(SinkId::trusted(&format!("wh_{text}")))
}

fn secret() -> Result<SinkSecret, Refusal> {
    Ok(SinkSecret::new(&draw::<32>()?))
}
