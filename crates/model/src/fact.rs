//! What the log holds. A fact carries the outcome of a decision; applying it checks nothing.
//!
//! Tags are fixed for ever (store::log::codec has the bytes); new fields come only at the end.

use std::net::IpAddr;
use std::sync::Arc;

use tidings_json::Json;

use crate::{
    ApiKey, App, AppNo, Content, Dev, DeviceId, End, EventName, Idempotency, Invalid, KeyId, MessageId, Millis, Position, Print, Proof,
    RegNo, Sink, SinkMoved, SinkNo, State, Target, Targets, Token, TopicName, TopicNo, Uid, UserNo,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Started(Started),
    /// Lets log time pass; proves that the log takes appends again.
    Tick,
    /// New or changed.
    AppPut(App),
    /// Its keys end with it; its number is never given again.
    AppGone(AppNo),
    /// New or changed.
    KeyPut(ApiKey),
    KeyGone(KeyId),
    Registered(Registered),
    Unregistered(Unregistered),
    Presence(Presence),
    Ghost(Ghost),
    Erased(Erased),
    Disconnected(Disconnected),
    Subscribed(Subscribed),
    /// Shared: it is read again for everything that is told of it.
    Published(Arc<Published>),
    Proven(Proven),
    Reported(Reported),
    Overflowed(Overflowed),
    Recalled(Recalled),
    Ended(Ended),
    ClientEvent(ClientEvent),
    /// New or changed; a new one begins here.
    SinkPut(Sink),
    SinkGone(SinkNo),
    SinkMoved(SinkMoved),
}

impl From<Published> for Fact {
    fn from(message: Published) -> Self {
        Self::Published(Arc::new(message))
    }
}

/// First fact of each process, durable before a door opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub epoch: u32,
    pub writer: u64,
    pub build: String,
    /// What a restore jumped over; 0 otherwise.
    pub after: u64,
}

/// A registration that is new or changed, with its (first) device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    pub app: AppNo,
    pub user: UserNo,
    pub uid: Uid,
    pub reg: RegNo,
    pub token: Token,
    /// None: a legacy registration; `dev` is then its first ghost.
    pub device_id: Option<DeviceId>,
    pub dev: Dev,
    pub print: Print,
    pub addr: IpAddr,
    pub cursor: Position,
    /// The registration is new.
    pub first: bool,
}

/// One more implicit device of a legacy registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ghost {
    pub reg: RegNo,
    pub dev: Dev,
    pub print: Print,
    pub addr: IpAddr,
    /// Until its own birth it reads this one's mail.
    pub heir_of: Option<Dev>,
    pub cursor: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Asked = 0,
    Evicted = 1,
    Stale = 2,
    Revoked = 3,
}

/// Registrations that ended, and ghosts that made room for a fifth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unregistered {
    pub regs: Vec<(RegNo, Why)>,
    pub ghosts: Vec<Dev>,
}

/// A user is forgotten: nobody reads of him or sends to him any more. A later register of the uid makes a new user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    pub app: AppNo,
    pub user: UserNo,
    /// His registrations, which end with it.
    pub regs: Vec<RegNo>,
}

/// The sockets that these registrations have at this position are closed; they may come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnected {
    pub regs: Vec<RegNo>,
}

/// Who is in a topic changes: from here on they get its messages, or no longer do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    pub app: AppNo,
    pub topic: TopicNo,
    /// The topic is new.
    pub name: Option<TopicName>,
    /// They come in; false: they leave.
    pub on: bool,
    /// Users whose later registrations come in by themselves, or no longer do.
    pub users: Vec<UserNo>,
    /// The registrations that come in or leave now, those of the users among them.
    pub regs: Vec<RegNo>,
}

/// What sinks are told about who is online: per registration, off 5 s late with the time it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    pub on: Vec<RegNo>,
    pub off: Vec<(RegNo, Millis)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub app: AppNo,
    pub id: MessageId,
    pub to: Target,
    pub targets: Targets,
    /// Devices that it is for, and those of them connected now: frozen for the answer.
    pub devices: u32,
    pub online: u32,
    pub invalid: Vec<Invalid>,
    /// Nobody gets it at or after this log time.
    pub expires: Millis,
    pub content: Arc<Content>,
    pub idempotency: Option<Idempotency>,
    /// What it takes the place of, by its collapse key.
    pub replaces: Vec<Replaced>,
}

/// An older message that waits for nobody of these any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub message: Position,
    /// None: it was as wide as the newer one, and waits for nobody. Sorted.
    pub devs: Option<Vec<Dev>>,
}

/// One direct message that one device is proven to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectProof {
    pub message: Position,
    pub dev: Dev,
    pub state: State,
    pub proof: Proof,
    /// Milliseconds of log time from the publish to the proof.
    pub after_ms: u32,
}

/// Cursors that moved, and direct messages that are news to the business server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    pub cursors: Vec<(Position, Vec<Dev>)>,
    pub direct: Vec<DirectProof>,
}

/// What a device says, unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    pub app: AppNo,
    /// None: an unregistered socket.
    pub reg: Option<RegNo>,
    /// Whose mailbox the socket reads; None: an extra, or unregistered.
    pub dev: Option<Dev>,
    pub message: Option<Position>,
    pub inferred: bool,
    /// The state that the report moved the message to, if any.
    pub state: Option<State>,
    /// With `state`: the grade it is known by.
    pub proof: Option<Proof>,
    pub status: Json,
}

/// What an app emitted itself, for its business server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    pub reg: RegNo,
    /// Whose mailbox the socket reads; None: an extra.
    pub dev: Option<Dev>,
    pub event_name: EventName,
    /// An array: the event's arguments as they came.
    pub args: Json,
}

/// A message is taken back: who has not been given it never gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled {
    pub message: Position,
    /// None: asked without a key.
    pub by: Option<KeyId>,
    /// The devices that a direct message was for; None: it was for many, each of whom no longer wants it.
    pub devs: Option<Vec<Dev>>,
}

/// Direct messages that ended for a device which is not proven to have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub direct: Vec<(Position, Dev, End)>,
}

/// A read found more than a mailbox may hold: `count` messages in (after, upto] were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflowed {
    pub dev: Dev,
    pub after: Position,
    pub upto: Position,
    pub count: u32,
    pub bytes: u64,
}
