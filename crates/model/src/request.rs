//! What the store is asked: values, so that they could travel.

use std::net::IpAddr;

use tidings_json::Json;

use crate::{
    Administer, AppNo, ClientEvent, Dev, DeviceId, DirectProof, Draft, KeyId, MessageId, Overflowed, Position, Print, RegNo, SinkMove,
    SocketId, Token, TopicName, Uid,
};

#[derive(Clone, Debug)]
pub enum Request {
    Register(Register),
    Adopt(Adopt),
    Leave(Leave),
    Prove(Proofs),
    Report(Report),
    Overflow(Overflowed),
    /// Direct messages whose end the views find due, with the devices that wait for them.
    End(Vec<(Dev, Position)>),
    /// An event of an app for its business server.
    Emit(ClientEvent),
    Publish(Draft),
    Administer(Administer),
    MoveSink(Box<SinkMove>),
    /// A dry run: whom it would be for. Answered by [`crate::Answer::Counted`].
    Count(Draft),
    /// Who is connected; answered by [`crate::Answer::Connected`].
    Connected(Vec<RegNo>),
    /// Closes a user's sockets; answered by [`crate::Answer::Closed`].
    Disconnect(Named),
    /// Forgets a user.
    Erase(Named),
    Recall(Recall),
    /// Who is in a topic; answered by [`crate::Answer::Subscribed`].
    Subscribe(Subscribe),
}

/// Takes a message back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    pub app: AppNo,
    pub message: Position,
    /// None: asked without a key.
    pub by: Option<KeyId>,
}

/// A backend takes devices into a topic, or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    pub app: AppNo,
    pub topic: TopicName,
    /// In; false: out.
    pub on: bool,
    pub who: Subscribers,
}

/// Without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscribers {
    /// All that they have registered, and all that they will.
    Uids(Vec<Uid>),
    /// These registrations alone.
    Tokens(Vec<Token>),
}

/// A user as a backend names him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub app: AppNo,
    pub uid: Uid,
}

/// A socket says whose it is. Answered by [`crate::Answer::Attached`].
#[derive(Clone, Debug)]
pub struct Register {
    pub app: AppNo,
    pub uid: Uid,
    pub device_id: Option<DeviceId>,
    pub print: Print,
    pub addr: IpAddr,
    pub socket: SocketId,
}

/// An extra answered its question: it becomes a ghost of its own, at its own proven cursor.
/// Answered by [`crate::Answer::Attached`]; its `dev` is None where four ghosts are online.
#[derive(Clone, Debug)]
pub struct Adopt {
    pub reg: RegNo,
    pub print: Print,
    pub addr: IpAddr,
    pub cursor: Position,
    pub socket: SocketId,
}

/// A registered socket closed, or registered as somebody else.
#[derive(Clone, Debug)]
pub struct Leave {
    pub reg: RegNo,
    pub socket: SocketId,
}

/// What a worker has seen proven and the log has not: resent until it is durable, so only news becomes a fact.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// A legacy proof covers everything at or before it.
    pub cursors: Vec<(Dev, Position)>,
    pub direct: Vec<DirectProof>,
}

/// A device's feedback.
#[derive(Clone, Debug)]
pub struct Report {
    pub app: AppNo,
    pub reg: Option<RegNo>,
    pub dev: Option<Dev>,
    /// The message it names itself.
    pub id: Option<MessageId>,
    /// Without `id`: the one message outstanding on that socket.
    pub inferred: Option<Position>,
    /// The last position written to this socket: what a report may prove.
    pub written: Position,
    pub status: Json,
}
