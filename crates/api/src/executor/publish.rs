//! Publish: stored, or refused. Whoever waits learns also when the first device has it.

use std::time::Duration;

use tidings_model::{Accepted, Answer, Body, Code, Counted, Draft, Millis, Position, Refusal, Request, Target};
use tidings_store::{Lane, Reply};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::waiting::{Place, Proven, proofs};
use super::{Caller, Executor, Running};

/// What became of a caller's wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Not at all: nobody can be waited for, or too many wait already.
    No,
    /// In vain, or until the stop; the mailbox keeps the message.
    InVain,
    Proven(Receipt),
}

/// The first device that has a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub state: tidings_model::State,
    pub proof: tidings_model::Proof,
    /// From the publish to the proof.
    pub after_ms: u64,
    /// None: an implicit device.
    pub device_id: Option<tidings_model::DeviceId>,
}

/// A message on its way to the log.
pub struct Pending(oneshot::Receiver<Told>);

/// What became of it, and the place of a caller who waits.
type Told = Result<(Accepted, Option<Place>), Refusal>;

impl Pending {
    async fn told(self) -> Told {
        self.0.await.unwrap_or_else(|_| Err(outcome_unknown()))
    }

    /// Ends when the message is durable and applied.
    pub async fn stored(self) -> Result<Accepted, Refusal> {
        self.told().await.map(|(accepted, _)| accepted)
    }
}

impl Executor {
    /// Asks for a message to be stored; those asked for first stand first in the log. Only who was admitted may publish.
    pub fn publish(&self, by: &Caller, _running: &Running, draft: Draft) -> Pending {
        self.begin(by, draft, false)
    }

    /// Publishes a message, and waits until a device is proven to have it.
    pub async fn publish_and_wait(
        &self,
        by: &Caller,
        _running: &Running,
        draft: Draft,
        patience: Duration,
    ) -> Result<(Accepted, Waited), Refusal> {
        let permit = matches!(draft.to, Target::Uids(_) | Target::Tokens(_) | Target::TokenOrUid(_))
            .then(|| self.0.waiting_callers.try_acquire().ok())
            .flatten();
        let (accepted, place) = self.begin(by, draft, permit.is_some()).told().await?;
        let waited = match place.filter(|_| can_arrive(&accepted)) {
            Some(place) => self.wait(&accepted, place, patience).await?,
            None => Waited::No,
        };
        Ok((accepted, waited))
    }

    /// As `publish`, for who has no runtime: `reply` is called once, here or on a thread of the store, and must not block.
    /// Drafts submitted by one thread are stored in their order.
    pub fn submit(&self, by: &Caller, running: Running, draft: Draft, reply: impl FnOnce(Result<Accepted, Refusal>) + Send + 'static) {
        self.store(by, draft, move |answer| {
            reply(answer);
            drop(running);
        });
    }

    /// A dry run: whom the message would be for.
    pub async fn count(&self, by: &Caller, draft: Draft) -> Result<Counted, Refusal> {
        by.may_send(&draft.to)?;
        self.check_size(&draft)?;
        let (sender, answer) = oneshot::channel();
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        self.0.store.ask(Lane::Backends, Request::Count(draft), reply).map_err(|_| overloaded())?;
        match answer.await {
            Ok(Answer::Counted(counted)) => Ok(counted),
            Ok(Answer::Refused(refusal)) => Err(refusal),
            Ok(
                Answer::Attached(_)
                | Answer::Accepted(_)
                | Answer::Connected(_)
                | Answer::Subscribed(_)
                | Answer::Closed(_)
                | Answer::App(_)
                | Answer::Key(_)
                | Answer::Sink(_)
                | Answer::Done,
            ) => Err(misunderstood()),
            Err(_) => Err(Refusal::new(Code::StorageUnavailable, "the store has stopped")),
        }
    }

    fn begin(&self, by: &Caller, draft: Draft, waits: bool) -> Pending {
        let (sender, told) = oneshot::channel();
        let waiting = self.0.waiting.clone();
        self.store(by, draft, move |answer| {
            // On the thread that tells batches in their order: what proves this message is told only after this.
            let enter = |accepted: Accepted| {
                let place = waits.then(|| waiting.enter(accepted.at, published(&accepted)));
                (accepted, place)
            };
            // A caller that hung up meanwhile is no error: the message is stored all the same.
            drop(sender.send(answer.map(enter)));
        });
        Pending(told)
    }

    fn store(&self, by: &Caller, draft: Draft, reply: impl FnOnce(Result<Accepted, Refusal>) + Send + 'static) {
        if let Err(refusal) = self.check(by, &draft) {
            return reply(Err(refusal));
        }
        let promise = Promise(Some(reply));
        let reply: Reply = Box::new(move |answer| {
            promise.keep(match answer {
                Answer::Accepted(accepted) => Ok(accepted),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Attached(_)
                | Answer::Counted(_)
                | Answer::Connected(_)
                | Answer::Subscribed(_)
                | Answer::Closed(_)
                | Answer::App(_)
                | Answer::Key(_)
                | Answer::Sink(_)
                | Answer::Done => Err(misunderstood()),
            });
        });
        if let Err((_, reply)) = self.0.store.ask(Lane::Backends, Request::Publish(draft), reply) {
            reply(Answer::Refused(overloaded()));
        }
    }

    async fn wait(&self, accepted: &Accepted, mut place: Place, patience: Duration) -> Result<Waited, Refusal> {
        let patience = sleep(patience);
        tokio::pin!(patience);
        // What was told before a repeated call had its place is in the log.
        let earlier = if accepted.replayed { self.told_before(accepted).await? } else { None };
        let proven = match earlier {
            Some(proven) => Some(proven),
            None => tokio::select! {
                biased;
                proven = place.told() => proven,
                () = self.0.drain.begun() => None,
                () = &mut patience => None,
            },
        };
        match proven {
            Some(proven) => self.receipt(proven).await.map(Waited::Proven),
            None => Ok(Waited::InVain),
        }
    }

    /// The first proof of a message that is not new, as far as the log is looked through.
    async fn told_before(&self, accepted: &Accepted) -> Result<Option<Proven>, Refusal> {
        let _turn = self.0.reads.acquire().await.map_err(|_| unreadable(&"closed"))?;
        let (store, at, published) = (self.0.store.clone(), accepted.at, published(accepted));
        let looked = spawn_blocking(move || first_proof(&store, at, published)).await;
        looked.map_err(|panic| unreadable(&panic))?.map_err(|error| unreadable(&error))
    }

    async fn receipt(&self, proven: Proven) -> Result<Receipt, Refusal> {
        let Proven { dev, state, proof, after_ms } = proven;
        let _turn = self.0.reads.acquire().await.map_err(|_| unreadable(&"closed"))?;
        let store = self.0.store.clone();
        let found = spawn_blocking(move || store.device_id(dev)).await.map_err(|panic| unreadable(&panic))?;
        Ok(Receipt { state, proof, after_ms, device_id: found.map_err(|error| unreadable(&error))? })
    }

    fn check(&self, by: &Caller, draft: &Draft) -> Result<(), Refusal> {
        by.may_send(&draft.to)?;
        self.check_size(draft)?;
        self.0.quotas.message(draft.app, draft.to == Target::All, self.0.store.now())
    }

    /// One request to the writer; what it refuses is the error.
    pub(super) async fn ask(&self, request: Request) -> Result<Answer, Refusal> {
        let (sender, answer) = oneshot::channel();
        // A caller that hung up meanwhile is no error: what was asked is done all the same.
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        self.0.store.ask(Lane::Backends, request, reply).map_err(|_| overloaded())?;
        match answer.await {
            Ok(Answer::Refused(refusal)) => Err(refusal),
            Ok(answer) => Ok(answer),
            Err(_) => Err(outcome_unknown()),
        }
    }

    fn check_size(&self, draft: &Draft) -> Result<(), Refusal> {
        let (limit, actual) = (self.0.limits.payload, draft.content.body.text().len());
        if actual <= limit {
            return Ok(());
        }
        let field = match draft.content.body {
            Body::Data(_) => "data",
            Body::Args(_) => "args",
        };
        let message = format!("{field} is {actual} bytes, the limit is {limit}");
        Err(Refusal::new(Code::PayloadTooLarge, message).field(field).sizes(limit as u64, actual as u64))
    }
}

/// An answer that was promised: a store that ends without giving it leaves the outcome unknown.
struct Promise<F: FnOnce(Result<Accepted, Refusal>)>(Option<F>);

impl<F: FnOnce(Result<Accepted, Refusal>)> Promise<F> {
    fn keep(mut self, answer: Result<Accepted, Refusal>) {
        if let Some(reply) = self.0.take() {
            reply(answer);
        }
    }
}

impl<F: FnOnce(Result<Accepted, Refusal>)> Drop for Promise<F> {
    fn drop(&mut self) {
        if let Some(reply) = self.0.take() {
            reply(Err(outcome_unknown()));
        }
    }
}

fn outcome_unknown() -> Refusal {
    Refusal::new(Code::OutcomeUnknown, "outcome unknown, retry with the same key")
}

/// Bytes of the log that are read at once, and how often, for a proof that came before.
const LOOK_BYTES: usize = 256 << 10;
const LOOKS: usize = 64;

fn first_proof(store: &tidings_store::Store, at: Position, published: Millis) -> Result<Option<Proven>, tidings_store::ReadError> {
    let (mut after, upto) = (at, store.durable());
    for _ in 0..LOOKS {
        if after >= upto {
            break;
        }
        let batch = store.read(after, upto, LOOK_BYTES)?;
        let found = batch.entries.iter().flat_map(proofs).find(|(message, _)| *message == at);
        if let Some((_, found)) = found {
            return Ok(Some(found.since(published)));
        }
        after = batch.upto;
    }
    Ok(None)
}

/// Somebody is there to get it, or it waits for somebody.
fn can_arrive(accepted: &Accepted) -> bool {
    let waits = accepted.expires > published(accepted);
    accepted.online > 0 || (waits && accepted.devices > 0)
}

/// Log time of the publish.
fn published(accepted: &Accepted) -> Millis {
    Millis(accepted.id.time_ms())
}

/// The message is stored, and yet its caller cannot be told what became of it.
fn unreadable(cause: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%cause, "what became of a message cannot be read");
    Refusal::new(Code::OutcomeUnknown, "it is stored, but what became of it cannot be read; ask again with the same key")
}

fn misunderstood() -> Refusal {
    Refusal::new(Code::Internal, "the store answered something else")
}

pub(super) fn overloaded() -> Refusal {
    let mut refusal = Refusal::new(Code::Overloaded, "too many requests wait already; retry with the same key");
    refusal.retry_after_ms = Some(100);
    refusal
}
