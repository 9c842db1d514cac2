//! Page events: what the tutorial's pages emit, under the rules of `POST /message` and without HTTP.
//!
//! `broadcast {data}` goes to everyone, `p2p {id, data}` to one. Whatever door they come through (the backend's
//! Socket.IO, or a device where `legacy.client_publish` allows it), they become a publish of the executor here, once.

use tidings_json::{Json, Kind};
use tidings_model::{Accepted, Code, Content, Draft, Lifetime, MessageId, Refusal, Scope, Strictness};

use crate::error::{Failure, status};
use crate::executor::{Caller, Credential, Executor, Knock, Needs};
use crate::http::Wish;

#[cfg(test)]
mod tests;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEvent {
    Broadcast,
    PointToPoint,
}

impl PageEvent {
    pub const ALL: [Self; 2] = [Self::Broadcast, Self::PointToPoint];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Broadcast => "broadcast",
            Self::PointToPoint => "p2p",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }

    const fn known(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Broadcast => (&["data"], "data"),
            Self::PointToPoint => (&["id", "data"], "id and data"),
        }
    }

    /// `args`: the event's arguments as raw JSON; exactly one object with exactly the keys of the event.
    fn wish(self, args: &[&str]) -> Result<Wish, Failure> {
        let (keys, known) = self.known();
        let object = match args {
            [arg] => Some(Json::trusted(*arg)).filter(|arg| arg.kind() == Kind::Object),
            _ => None,
        };
        let object = object.ok_or_else(|| Failure::new(Code::InvalidField, format!("{} takes one object with {known}", self.name())))?;
        if let Some((other, _)) = object.members().into_iter().flatten().find(|(key, _)| !keys.contains(&&**key)) {
            return Err(Failure::unknown_field(&other, known));
        }
        if self == Self::PointToPoint && object.member("id").is_none() {
            return Err(Failure::invalid("id", "is missing: it names the receiver, by token or uid"));
        }
        Wish::read(&object)
    }
}

/// Why something was not published.
#[derive(Clone, Debug)]
pub struct Declined(Failure);

impl Declined {
    /// `{code, message, field?}`: what an ack's `error`, or `_error`, says.
    pub fn json(&self) -> String {
        self.0.brief()
    }

    /// Of HTTP.
    pub fn status(&self) -> u16 {
        status(self.0.code())
    }
}

impl From<Refusal> for Declined {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

/// Publishes what pages send. A handle; cloning is cheap.
#[derive(Clone)]
pub struct PageEvents {
    executor: Executor,
    ttl_s: u32,
}

impl PageEvents {
    /// `ttl_s`: the lifetime of what is published, in seconds: that of `/message`.
    pub fn new(executor: Executor, ttl_s: u32) -> Self {
        Self { executor, ttl_s }
    }

    /// No key was ever stored: the listener's own rules must keep web pages away.
    pub fn are_keyless(&self) -> bool {
        self.executor.is_keyless()
    }

    /// Lets a page in by its key; None: it has shown none.
    pub fn let_in(&self, key: Option<&str>) -> Result<Caller, Refusal> {
        let credential = key.map_or(Credential::Nothing, Credential::parse);
        self.executor.let_in(&Knock { credential, needs: Needs::Scope(Scope::Send), app: None })
    }

    /// `reply` is called once, here or on a thread of the store, when the message is durable or will not be. It must not block.
    /// What one thread publishes is stored in its order.
    pub fn publish(&self, by: &Caller, event: PageEvent, args: &[&str], reply: impl FnOnce(Result<MessageId, Declined>) + Send + 'static) {
        self.submit(by, event.wish(args), reply);
    }

    /// The body of a `POST /message`, for a door that has its own HTTP.
    pub fn post(&self, by: &Caller, body: &[u8], reply: impl FnOnce(Result<MessageId, Declined>) + Send + 'static) {
        self.submit(by, Wish::of_body(body), reply);
    }

    fn submit(&self, by: &Caller, wish: Result<Wish, Failure>, reply: impl FnOnce(Result<MessageId, Declined>) + Send + 'static) {
        let (wish, running) = match wish.and_then(|wish| Ok((wish, self.executor.admit()?))) {
            Ok(both) => both,
            Err(failure) => return reply(Err(Declined(failure))),
        };
        let Wish { to, data } = wish;
        let (lifetime, strictness) = (Lifetime::Ttl(self.ttl_s), Strictness::MustBeKnown);
        let draft = Draft { lifetime, strictness, ..Draft::new(by.app(), to, Content::data(data)) };
        let told = |answer: Result<Accepted, Refusal>| answer.map(|accepted| accepted.id).map_err(Declined::from);
        self.executor.submit(by, running, draft, move |answer| reply(told(answer)));
    }
}
