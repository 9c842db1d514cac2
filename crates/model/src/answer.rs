//! What the store answers, once every fact it rests on is durable and applied.

use crate::{Code, Dev, MessageId, Millis, Position, RegNo, SocketId, Token, TopicNo};

#[derive(Clone, Debug)]
pub enum Answer {
    Attached(Attached),
    Accepted(Accepted),
    Counted(Counted),
    App(std::sync::Arc<crate::App>),
    Key(std::sync::Arc<crate::ApiKey>),
    Sink(std::sync::Arc<crate::Tracked>),
    /// One for each registration that was asked about, in that order.
    Connected(Vec<Connected>),
    /// Disconnect: so many sockets are closed.
    Closed(u32),
    /// Subscribe: for each who was named, in that order, the devices that are in it now or have left it; or why not.
    Subscribed(Vec<Result<u32, crate::Refusal>>),
    /// Leave, Prove, Report, Overflow, End, Emit, Erase, Recall, what is removed: done (and durable where it made a fact).
    Done,
    Refused(crate::Refusal),
}

/// A socket belongs to a registration now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The socket that asked.
    pub socket: SocketId,
    pub reg: RegNo,
    pub token: Token,
    /// None: an extra, live only, without a cursor.
    pub dev: Option<Dev>,
    /// Nothing at or below it is wanted any more.
    pub cursor: Position,
    /// Until here the answer has seen the log; the worker reads up to it before it goes on.
    pub at: Position,
    /// The socket that served `dev` until now and is still open as far as the writer knows.
    pub displaced: Option<SocketId>,
    /// What the registration is in at `at`, sorted.
    pub topics: Vec<TopicNo>,
}

/// Who is connected to a registration, as the writer knows it: exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    pub sockets: u32,
    /// Log time at which the first of them came; None: there is none.
    pub since: Option<Millis>,
    /// The devices that one of them serves.
    pub devs: Vec<Dev>,
    /// When the last one went, if this process has seen it.
    pub left: Option<Millis>,
}

/// A target that nobody has registered as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub value: String,
    pub code: Code,
}

/// A message is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub id: MessageId,
    pub at: Position,
    pub expires: Millis,
    pub devices: u32,
    pub online: u32,
    pub invalid: Vec<Invalid>,
    /// The first answer of the same key, told again.
    pub replayed: bool,
}

/// What a message would have been accepted with. Nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub expires: Millis,
    pub devices: u32,
    pub online: u32,
    pub invalid: Vec<Invalid>,
}
