//! The log seen as events: what the business server is told.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tidings_json::Json;

use crate::{AppName, DeviceId, End, EventName, MessageId, Millis, Position, Proof, State, Token, Uid};

/// `<seq>-<n>`: the n-th item of the fact at `seq`. Fixed for ever, so it dedupes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    pub at: Position,
    pub n: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.n)
    }
}

/// Not an event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEventId;

impl FromStr for EventId {
    type Err = NoEventId;

    fn from_str(text: &str) -> Result<Self, NoEventId> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (at, n) = text.split_once('-').filter(|(at, n)| digits(at) && digits(n)).ok_or(NoEventId)?;
        Ok(Self { at: at.parse().map_err(|_| NoEventId)?, n: n.parse().map_err(|_| NoEventId)? })
    }
}

macro_rules! types {
    ($($variant:ident = $text:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType { $($variant,)* }

        impl EventType {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
            }
        }
    };
}

types! {
    DeviceRegistered = "device.registered",
    DeviceUnregistered = "device.unregistered",
    DeviceOnline = "device.online",
    DeviceOffline = "device.offline",
    MessageReported = "message.reported",
    ClientEvent = "client.event",
    SyncGap = "sync.gap",
}

/// One line of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub app: AppName,
    pub at: Millis,
    pub what: What,
}

/// Which registration an event speaks of; all absent for an unregistered socket's report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    pub uid: Option<Uid>,
    pub token: Option<Token>,
    pub device_id: Option<DeviceId>,
}

/// What became of a message on a device, or what a device says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub who: Who,
    pub message: Option<MessageId>,
    pub state: Option<State>,
    pub proof: Option<Proof>,
    pub status: Option<Json>,
    pub inferred: bool,
    /// How it ended; `state` and `proof` are absent then.
    pub reason: Option<End>,
    /// What its sender gave the message to come back.
    pub meta: Option<Arc<str>>,
}

impl Told {
    /// The state as it is told: how far the message came, or how it ended.
    pub fn state(&self) -> Option<&'static str> {
        self.reason.map(End::as_str).or(self.state.map(State::as_str))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Registered {
        who: Who,
        first: bool,
    },
    Unregistered {
        who: Who,
    },
    Online {
        who: Who,
    },
    Offline {
        who: Who,
    },
    Reported(Told),
    /// An app emitted it; `args` is an array.
    Emitted {
        who: Who,
        event_name: EventName,
        args: Json,
    },
    /// What lies behind `from`, up to `to`, is no longer told.
    Gap {
        from: EventId,
        to: EventId,
    },
}

impl What {
    pub const fn kind(&self) -> EventType {
        match self {
            Self::Registered { .. } => EventType::DeviceRegistered,
            Self::Unregistered { .. } => EventType::DeviceUnregistered,
            Self::Online { .. } => EventType::DeviceOnline,
            Self::Offline { .. } => EventType::DeviceOffline,
            Self::Reported(_) => EventType::MessageReported,
            Self::Emitted { .. } => EventType::ClientEvent,
            Self::Gap { .. } => EventType::SyncGap,
        }
    }
}
