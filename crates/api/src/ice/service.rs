//! The object `push`: who calls, which verb, what it answers.

use std::net::SocketAddr;
use std::sync::Arc;

use tidings_ice::push::{self, Accepted, Call, Done, InvalidTarget, MessageStatus, NoCall, ServiceInfo};
use tidings_ice::shell::Dispatch;
use tidings_ice::{Answer, Context, Request};
use tidings_model::{self as model, Code, Counted, Invalid, Limits, MessageId, Millis, Named, Scope, Uid};
use tidings_store::{Depth, UsersQuery};
use tokio::time::Instant;

use super::message::{self, Sending, To};
use super::raised::Refused;
use super::status;
use crate::calls::{Outcome, Tally};
use crate::error::Failure;
use crate::executor::{Caller, Credential, Executor, Knock, Needs, User, unknown_message};
use crate::http::answer::RequestIds;
use crate::http::check_uids;

/// The object's servant.
pub(super) struct Service {
    pub executor: Executor,
    pub uid_events: bool,
    pub ids: RequestIds,
    pub tally: Arc<Tally>,
}

impl Dispatch for Service {
    async fn dispatch(&self, request: Request, peer: SocketAddr) -> Answer {
        let began = Instant::now();
        let answer = self.dispatched(request, peer).await;
        self.tally.count(began, outcome(&answer));
        answer
    }
}

fn outcome(answer: &Answer) -> Outcome {
    match answer {
        Answer::Ok(_) => Outcome::Done,
        Answer::Internal(_) => Outcome::Failed,
        Answer::User(_) | Answer::ObjectNotExist | Answer::FacetNotExist | Answer::OperationNotExist | Answer::BadRequest(_) => {
            Outcome::Refused
        }
    }
}

impl Service {
    async fn dispatched(&self, request: Request, peer: SocketAddr) -> Answer {
        if request.identity.name != push::SERVICE_IDENTITY || !request.identity.category.is_empty() {
            return Answer::ObjectNotExist;
        }
        if !request.facet.is_empty() {
            return Answer::FacetNotExist;
        }
        if let Some(answer) = push::builtin(&request, &push::SERVICE_TYPES) {
            return answer;
        }
        let answer = match Call::decode(&request) {
            Ok(call) => self.answer(call, &request).await,
            Err(no_call) => undecodable(&request, peer, no_call),
        };
        tracing::debug!(operation = request.operation, %peer, "call answered");
        answer
    }

    async fn answer(&self, call: Call, request: &Request) -> Answer {
        let subject = subject(&call).to_owned();
        match self.call(call, &request.context).await {
            Ok(done) => Answer::Ok(done.encode()),
            Err(failure) => {
                let request_id = self.ids.next();
                let refused = Refused { request_id: &request_id, subject: &subject, encoding: request.params.encoding };
                refused.answer(&message::renamed(failure))
            }
        }
    }
}

fn undecodable(request: &Request, peer: SocketAddr, no_call: NoCall) -> Answer {
    tracing::debug!(operation = request.operation, %peer, %no_call, "no call of the contract");
    no_call.into()
}

impl Service {
    async fn call(&self, call: Call, context: &Context) -> Result<Done, Failure> {
        let caller = self.let_in(needs(&call), context)?;
        let sending = match call {
            Call::Broadcast { payload, extras } => Sending { to: To::All, payload, extras },
            Call::Send { uid, payload, extras } => Sending { to: To::Uid(uid), payload, extras },
            Call::SendMany { uids, payload, extras } => Sending { to: To::Uids(uids), payload, extras },
            Call::SendTokens { tokens, payload, extras } => Sending { to: To::Tokens(tokens), payload, extras },
            Call::SendTopic { topic, payload, extras } => Sending { to: To::Topic(topic), payload, extras },
            other => return self.other(&caller, other).await,
        };
        self.send(&caller, &sending).await.map(Done::Accepted)
    }

    /// What sends nothing.
    async fn other(&self, caller: &Caller, call: Call) -> Result<Done, Failure> {
        match call {
            Call::Online { uids } => self.online(caller, uids).await.map(Done::Online),
            Call::Status { id } => self.status(caller, &id).await.map(Done::Status),
            Call::Recall { id } => self.recall(caller, &id).await.map(|()| Done::Nothing),
            Call::Disconnect { uid } => self.disconnect(caller, &uid).await.map(Done::Disconnected),
            Call::Info => Ok(Done::Info(self.info())),
            other => Err(not_built(other.operation())),
        }
    }

    fn let_in(&self, needs: Needs, context: &Context) -> Result<Caller, Failure> {
        let token = context.get("token");
        if token.is_none() && needs != Needs::Nothing && !self.executor.is_keyless() {
            return Err(Failure::new(Code::InvalidKey, "a key is needed, as token in the request context: tdk_<id>_<secret>"));
        }
        let credential = token.map_or(Credential::Nothing, |token| Credential::parse(token));
        // What anyone may ask is the same for every app.
        let app = context.get("app").map(String::as_str).filter(|_| needs != Needs::Nothing);
        Ok(self.executor.let_in(&Knock { credential, needs, app })?)
    }

    async fn send(&self, caller: &Caller, sending: &Sending) -> Result<Accepted, Failure> {
        let running = self.executor.admit()?;
        let (draft, dry_run) = sending.draft(caller.app())?;
        if self.uid_events {
            check_uids("to.uid", &draft.to)?;
        }
        if dry_run {
            return Ok(counted(self.executor.count(caller, draft).await?));
        }
        Ok(stored(self.executor.publish(caller, &running, draft).stored().await?))
    }

    async fn online(&self, caller: &Caller, uids: Vec<String>) -> Result<Vec<String>, Failure> {
        if uids.len() > Limits::TARGETS {
            return Err(Failure::invalid("uids", format!("has {} entries, the limit is {}", uids.len(), Limits::TARGETS)));
        }
        let uid = |text: &String| Uid::parse(text).map_err(|why| Failure::invalid("uids", format!("has an entry that {why}")));
        let uids = uids.iter().map(uid).collect::<Result<_, _>>()?;
        let users = self.executor.users(UsersQuery { app: caller.app(), uids, depth: Depth::Skipped }).await?;
        Ok(users.iter().filter(|user| user.is_online()).map(|user: &User| user.uid.as_str().to_owned()).collect())
    }

    async fn disconnect(&self, caller: &Caller, uid: &str) -> Result<i32, Failure> {
        let running = self.executor.admit()?;
        let uid = Uid::parse(uid).map_err(|why| Failure::invalid("uid", why))?;
        Ok(count(self.executor.disconnect(running, Named { app: caller.app(), uid }).await?))
    }

    async fn status(&self, caller: &Caller, id: &str) -> Result<MessageStatus, Failure> {
        let status = self.executor.status(caller.app(), message_id(id)?).await?;
        Ok(status::written(&status))
    }

    async fn recall(&self, caller: &Caller, id: &str) -> Result<(), Failure> {
        let running = self.executor.admit()?;
        Ok(self.executor.recall(caller, running, message_id(id)?).await?)
    }

    fn info(&self) -> ServiceInfo {
        ServiceInfo {
            api_version: push::API_VERSION,
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            max_payload_bytes: i32::try_from(self.executor.limits().payload).unwrap_or(i32::MAX),
            max_frame_bytes: i32::try_from(tidings_ice::Limits::server().message).unwrap_or(i32::MAX),
            max_targets: i32::try_from(Limits::TARGETS).unwrap_or(i32::MAX),
            features: OPERATIONS.iter().map(|name| (*name).to_owned()).chain(message::options()).collect(),
            ..ServiceInfo::default()
        }
    }
}

/// What is built: `info` tells a client, so that it need not try.
const OPERATIONS: [&str; 10] =
    ["broadcast", "disconnect", "info", "online", "recall", "send", "sendMany", "sendTokens", "sendTopic", "status"];

fn needs(call: &Call) -> Needs {
    match call {
        Call::Info => Needs::Nothing,
        Call::Broadcast { .. } => Needs::Scope(Scope::SendAll),
        Call::Send { .. } | Call::SendMany { .. } | Call::SendTokens { .. } | Call::SendTopic { .. } | Call::Recall { .. } => {
            Needs::Scope(Scope::Send)
        }
        Call::Status { .. } | Call::Online { .. } => Needs::Scope(Scope::Read),
        Call::Disconnect { .. } => Needs::Scope(Scope::Devices),
    }
}

/// The one thing that a call names.
fn subject(call: &Call) -> &str {
    match call {
        Call::Send { uid, .. } | Call::Disconnect { uid } => uid,
        Call::SendTopic { topic, .. } => topic,
        Call::Status { id } | Call::Recall { id } => id,
        Call::Info | Call::Broadcast { .. } | Call::SendMany { .. } | Call::SendTokens { .. } | Call::Online { .. } => "",
    }
}

/// The contract has it, this server does not. The code is that of a verb which is not there, so that nobody takes it for an
/// answer about the message named.
fn not_built(operation: &str) -> Failure {
    Failure::new(Code::MethodNotAllowed, format!("{operation} is not built yet; info().features names what is"))
}

/// What is no id names no message.
fn message_id(text: &str) -> Result<MessageId, Failure> {
    Ok(text.parse().map_err(|_| unknown_message())?)
}

fn stored(accepted: model::Accepted) -> Accepted {
    let model::Accepted { id, at, expires, devices, online, invalid, replayed } = accepted;
    let (id, seq) = (id.to_string(), at.to_string());
    Accepted { id, seq, replayed, ..answered(expires, (devices, online), invalid) }
}

/// Of a rehearsal: nothing is stored, so there is no id.
fn counted(counted: Counted) -> Accepted {
    let Counted { expires, devices, online, invalid } = counted;
    answered(expires, (devices, online), invalid)
}

fn answered(expires: Millis, (devices, online): (u32, u32), invalid: Vec<Invalid>) -> Accepted {
    let invalid =
        invalid.into_iter().map(|invalid| InvalidTarget { value: invalid.value.to_string(), reason: invalid.code.as_str().to_owned() });
    Accepted {
        state: "accepted".to_owned(),
        expires_at_ms: i64::try_from(expires.0).unwrap_or(i64::MAX),
        devices: count(devices),
        online: count(online),
        invalid: invalid.collect(),
        ..Accepted::default()
    }
}

pub(super) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
