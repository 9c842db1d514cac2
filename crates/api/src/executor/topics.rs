//! Who is in a topic.

use tidings_model::{Answer, AppNo, Refusal, Request, Subscribe, TopicName};

use super::users::unfit;
use super::{AskError, Executor, Running};

impl Executor {
    /// For each who is named, the devices that are in it now, or have left it; or why not.
    pub async fn subscribe(&self, _running: Running, ask: Subscribe) -> Result<Vec<Result<u32, Refusal>>, AskError> {
        match self.question(Request::Subscribe(ask)).await? {
            Answer::Subscribed(each) => Ok(each),
            other => Err(unfit(&other)),
        }
    }

    /// Devices that are in a topic; none where nobody ever was.
    pub async fn devices_in(&self, app: AppNo, topic: TopicName) -> Result<u32, AskError> {
        self.read(move |store| store.devices_in(app, &topic)).await
    }
}
