//! What became of one message on one device, and by what we know it.

/// Monotonic per (message, device); a later state implies the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Queued = 0,
    Sent = 1,
    Reached = 2,
    Delivered = 3,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Reached => "reached",
            Self::Delivered => "delivered",
        }
    }
}

/// How a message ended for a device that is not proven to have it. A proof that comes later wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    Expired = 1,
    /// A newer one with its collapse key took its place.
    Superseded = 2,
    /// Its sender took it back.
    Recalled = 3,
    /// Its mailbox held more than a mailbox may.
    Overflow = 4,
    /// The device's registration, or the device, has ended.
    Unregistered = 5,
    /// The device said that it failed.
    Failed = 6,
}

impl End {
    pub const ALL: [Self; 6] = [Self::Expired, Self::Superseded, Self::Recalled, Self::Overflow, Self::Unregistered, Self::Failed];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Recalled => "recalled",
            Self::Overflow => "overflow",
            Self::Unregistered => "unregistered",
            Self::Failed => "failed",
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|end| *end as u8 == number)
    }
}

/// Why we believe that a device has a message; docs/DELIVERY.md has the grades. A later one is stronger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Polling: the client has read the answer that carried it.
    Poll = 0,
    /// EIO3 on WebSocket: the WebSocket end has read it.
    Peer = 1,
    /// The client's Socket.IO engine has taken everything before it.
    Engine = 2,
    /// The app's handler ran.
    App = 3,
}

impl Proof {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Peer => "peer",
            Self::Engine => "engine",
            Self::App => "app",
        }
    }
}
