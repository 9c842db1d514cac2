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
