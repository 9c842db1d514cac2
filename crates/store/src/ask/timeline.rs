//! What happened to one user, newest first: the log as far as it is kept, and what became of each message.

use tidings_json::Json;
use tidings_model::{AppNo, Dev, DeviceId, End, EventId, MessageId, Millis, Proof, RegNo, State, Target, Token, Uid, Why};

#[derive(Clone, Debug)]
pub struct TimelineQuery {
    pub app: AppNo,
    pub uid: Uid,
    /// Exclusive; None: from now on backwards.
    pub before: Option<EventId>,
    pub limit: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Newest first.
    pub happenings: Vec<Happening>,
    /// The cursor to go on from, also where this call found nothing; None: the log says no more of this user.
    pub next: Option<EventId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    pub id: EventId,
    pub at: Millis,
    pub what: Happened,
}

/// A registration by its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whom {
    pub token: Token,
    pub device_id: Option<DeviceId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    Registered {
        whom: Whom,
        first: bool,
    },
    Unregistered {
        whom: Whom,
        why: Why,
    },
    Online {
        whom: Whom,
    },
    Offline {
        whom: Whom,
    },
    /// Its sockets were closed by the backend.
    Disconnected {
        whom: Whom,
    },
    /// So many messages were cut from the mailbox of one of its devices.
    Overflowed {
        whom: Whom,
        messages: u32,
    },
    /// A device said something.
    Reported {
        whom: Whom,
        message: Option<MessageId>,
        inferred: bool,
        status: Json,
    },
    Sent {
        message: MessageId,
        to: Target,
        expires: Millis,
        outcomes: Vec<Outcome>,
    },
}

/// What became of a message on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub whom: Whom,
    pub reg: RegNo,
    pub dev: Dev,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A broadcast's proof moves only the cursor: its grade and time are not kept.
    Reached {
        state: State,
        proof: Option<Proof>,
        after_ms: Option<u32>,
    },
    Waiting,
    Lost(End),
    /// The device's cursor has passed it; why is further ahead in the log than one call reads, or not to be told any more.
    Unknown,
}
