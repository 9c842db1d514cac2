//! Publish: stored, or refused.

use tidings_model::{Accepted, Answer, Code, Draft, Refusal, Request};
use tidings_store::{Lane, Reply};
use tokio::sync::oneshot;

use super::{Executor, Running};

impl Executor {
    /// Ends when the message is durable and applied. `_running`: only who was admitted may publish.
    pub async fn publish(&self, running: Running, draft: Draft) -> Result<Accepted, Refusal> {
        let (sender, answer) = oneshot::channel();
        // A caller that hung up meanwhile is no error: the message is stored all the same.
        self.submit(running, draft, move |answer| drop(sender.send(answer)));
        answer.await.unwrap_or_else(|_| Err(outcome_unknown()))
    }

    /// As `publish`, for who has no runtime: `reply` is called once, here or on a thread of the store, and must not block.
    /// Drafts submitted by one thread are stored in their order.
    pub fn submit(&self, running: Running, draft: Draft, reply: impl FnOnce(Result<Accepted, Refusal>) + Send + 'static) {
        if let Err(refusal) = self.check_size(&draft) {
            return reply(Err(refusal));
        }
        let promise = Promise(Some(reply));
        let reply: Reply = Box::new(move |answer| {
            promise.keep(match answer {
                Answer::Accepted(accepted) => Ok(accepted),
                Answer::Refused(refusal) => Err(refusal),
                Answer::Attached(_) | Answer::Connected(_) | Answer::Closed(_) | Answer::Done => {
                    Err(Refusal::new(Code::Internal, "the store answered something else"))
                }
            });
            drop(running);
        });
        if let Err((_, reply)) = self.0.store.ask(Lane::Backends, Request::Publish(draft), reply) {
            reply(Answer::Refused(overloaded()));
        }
    }

    fn check_size(&self, draft: &Draft) -> Result<(), Refusal> {
        let (limit, actual) = (self.0.limits.payload, draft.data.as_str().len());
        if actual <= limit {
            return Ok(());
        }
        let message = format!("data is {actual} bytes, the limit is {limit}");
        Err(Refusal::new(Code::PayloadTooLarge, message).field("data").sizes(limit as u64, actual as u64))
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

pub(super) fn overloaded() -> Refusal {
    let mut refusal = Refusal::new(Code::Overloaded, "too many requests wait already; retry with the same key");
    refusal.retry_after_ms = Some(100);
    refusal
}
