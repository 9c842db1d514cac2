//! Publish: stored, or refused.

use tidings_model::{Accepted, Answer, Code, Draft, Refusal, Request};
use tidings_store::Lane;
use tokio::sync::oneshot;

use super::{Executor, Running};

impl Executor {
    /// Ends when the message is durable and applied. `_running`: only who was admitted may publish.
    pub async fn publish(&self, _running: Running, draft: Draft) -> Result<Accepted, Refusal> {
        self.check_size(&draft)?;
        let (sender, answer) = oneshot::channel();
        // A caller that hung up meanwhile is no error: the message is stored all the same.
        let reply = Box::new(move |answer| drop(sender.send(answer)));
        self.0.store.ask(Lane::Backends, Request::Publish(draft), reply).map_err(|_| overloaded())?;
        match answer.await {
            Ok(Answer::Accepted(accepted)) => Ok(accepted),
            Ok(Answer::Refused(refusal)) => Err(refusal),
            Ok(Answer::Attached(_) | Answer::Done) => Err(Refusal::new(Code::Internal, "the store answered something else")),
            Err(_) => Err(Refusal::new(Code::OutcomeUnknown, "outcome unknown, retry with the same key")),
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

fn overloaded() -> Refusal {
    let mut refusal = Refusal::new(Code::Overloaded, "too many requests wait already; retry with the same key");
    refusal.retry_after_ms = Some(100);
    refusal
}
