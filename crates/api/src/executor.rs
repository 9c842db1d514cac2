//! Every backend verb, once. It checks what needs no state, asks the store and never pushes: the workers follow the log.

use std::sync::Arc;

use tidings_model::{Code, Limits, Position, Refusal};
use tidings_outbox::Webhooks;
use tidings_store::Store;
use tokio::sync::{Semaphore, watch};

use crate::drain::Drain;
use quota::Quotas;

mod access;
mod administer;
mod events;
mod health;
mod messages;
mod publish;
mod quota;
mod timeline;
mod topics;
mod users;
mod waiting;
mod webhooks;

pub use crate::drain::Running;
pub use access::{Caller, Credential, Knock, Needs, StandingKey};
pub use administer::{AppEdit, Given, KeyEdit, KeyWish};
pub use events::{EventsError, FollowError, Following};
pub(crate) use messages::{Status, unknown_message};
pub use publish::{Pending, Receipt, Waited};
pub use quota::Allowance;
pub use timeline::Told;
pub use users::{AskError, Device, User};
pub use webhooks::{Hooked, Replay, ReplayError, WebhookEdit, WebhookWish};

use waiting::Waiting;

/// Blocking reads of the log at once; more wait their turn.
const READS_MAX: usize = 8;
/// Callers that wait for an event at once; more are answered with what is there.
const WAITERS_MAX: usize = 1000;

/// Callers that follow the events at once; more are refused.
const FOLLOWERS_MAX: usize = 256;

/// A handle; cloning is cheap.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    store: Store,
    limits: Limits,
    standing: Option<StandingKey>,
    /// For trying one out.
    webhooks: Webhooks,
    quotas: Quotas,
    drain: Drain,
    /// The log's end, as far as it is durable.
    appended: watch::Receiver<Position>,
    reads: Semaphore,
    waiters: Semaphore,
    followers: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    waiting_callers: Semaphore,
}

impl Executor {
    /// `standing`: an admin key beside those that are stored. Webhooks go to public addresses only.
    pub fn new(store: Store, limits: Limits, standing: Option<StandingKey>) -> Self {
        Self::with_webhooks(store, limits, standing, Webhooks::default())
    }

    pub fn with_webhooks(store: Store, limits: Limits, standing: Option<StandingKey>, webhooks: Webhooks) -> Self {
        let (sender, appended) = watch::channel(Position::ZERO);
        let waiting: Arc<Waiting> = Arc::default();
        let hearing = waiting.clone();
        store.on_append(Box::new(move |batch| {
            hearing.hear(batch);
            sender.send_replace(batch.upto);
        }));
        let (reads, waiters) = (Semaphore::new(READS_MAX), Semaphore::new(WAITERS_MAX));
        let followers = Arc::new(Semaphore::new(FOLLOWERS_MAX));
        let quotas = Quotas::new(&limits);
        let waiting_callers = Semaphore::new(limits.waiting_callers);
        Self(Arc::new(Inner {
            store,
            limits,
            quotas,
            standing,
            webhooks,
            drain: Drain::new(),
            appended,
            reads,
            waiters,
            followers,
            waiting,
            waiting_callers,
        }))
    }

    /// Lets a request in that wants something stored. Refused once the process is stopping.
    pub fn admit(&self) -> Result<Running, Refusal> {
        self.0.drain.admit().ok_or_else(draining)
    }

    /// From now on nobody is admitted, and waits end.
    pub fn drain(&self) {
        self.0.drain.begin();
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The log's end, as far as it is durable.
    pub(crate) fn durable(&self) -> Position {
        self.0.store.durable()
    }

    /// Resolves once nobody who was admitted, and nobody who waited, is left.
    pub async fn idle(&self) {
        self.0.drain.idle().await;
    }
}

fn draining() -> Refusal {
    let mut refusal = Refusal::new(Code::Draining, "this server is stopping; ask again, with the same key");
    refusal.retry_after_ms = Some(1000);
    refusal
}
