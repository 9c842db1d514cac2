//! A message that is stored: how it stands, and taking it back.

use std::collections::BTreeSet;

use tidings_model::{Answer, AppName, AppNo, Code, MessageId, Recall, Refusal, Request};
use tidings_store::Standing;

use super::users::unfit;
use super::{AskError, Caller, Executor, Running};

/// How a message stands, and why it still waits where it does.
#[derive(Clone, Debug)]
pub struct Status {
    pub standing: Standing,
    pub app: AppName,
    /// Of the devices that it waits for: without a socket, and with one that has not proven it.
    pub offline: u32,
    pub unproven: u32,
}

impl Executor {
    /// Takes a message back. Whoever may send there may; again, or when it has ended, it changes nothing.
    pub async fn recall(&self, by: &Caller, _running: Running, id: MessageId) -> Result<(), AskError> {
        let app = by.app();
        let found = self.read(move |store| store.find(app, id)).await?;
        let (message, published) = found.ok_or_else(unknown_message)?;
        by.may_send(&published.to)?;
        match self.question(Request::Recall(Recall { app, message, by: by.key().cloned() })).await? {
            Answer::Done => Ok(()),
            other => Err(unfit(&other)),
        }
    }

    /// How a message of an app stands.
    pub async fn status(&self, app: AppNo, id: MessageId) -> Result<Status, AskError> {
        let standing = self.read(move |store| store.standing(app, id)).await?.ok_or_else(unknown_message)?;
        let waiting = standing.shares.as_ref().map_or(&[][..], |shares| &shares.waiting);
        let regs: BTreeSet<_> = waiting.iter().map(|(reg, _)| *reg).collect();
        let connected = self.connected(regs.into_iter().collect()).await?;
        let served: BTreeSet<_> = connected.into_iter().flat_map(|connected| connected.devs).collect();
        let unproven = waiting.iter().filter(|(_, dev)| served.contains(dev)).count();
        let count = |devices: usize| u32::try_from(devices).unwrap_or(u32::MAX);
        let (offline, unproven) = (count(waiting.len() - unproven), count(unproven));
        Ok(Status { standing, app: self.0.store.directory().name_of(app), offline, unproven })
    }
}

/// One text for a message that is not there and for another app's.
pub(crate) fn unknown_message() -> Refusal {
    Refusal::new(Code::NotFound, "there is no message with this id, or it is not kept any more").field("id")
}
