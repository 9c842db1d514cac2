//! How much and how long: every bound of the protocol in one place.

use std::time::Duration;

/// What one connection may take. The defaults agree with Ice 3.7's and 3.8's, which do not agree with each other.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one message, head included, in both directions.
    pub message: usize,
    /// Requests dispatched at once; at this many nothing more is read.
    pub dispatches: usize,
    /// Calls in flight; one more is not sent.
    pub calls: usize,
    pub context_entries: usize,
    /// Bytes of an identity's name, its category, a facet, an operation.
    pub name: usize,
    /// Until the peer's ValidateConnection (and the shell's TLS handshake and connect).
    pub setup: Duration,
    /// Until a message that has begun is complete.
    pub message_time: Duration,
    /// Without a write: a heartbeat. A 3.8 peer drops who is silent for 60 s.
    pub heartbeat: Duration,
    /// Without a byte from a peer that has sent heartbeats before.
    pub silence: Duration,
    /// Without a call or a dispatch, heartbeats not counted: closed gracefully. None: never.
    pub unused: Option<Duration>,
    /// Between our CloseConnection and the peer's FIN.
    pub close: Duration,
}

impl Limits {
    pub fn server() -> Self {
        Self {
            message: 1024 * 1024,
            dispatches: 100,
            calls: 1024,
            context_entries: 32,
            name: 256,
            setup: Duration::from_secs(10),
            message_time: Duration::from_secs(30),
            heartbeat: Duration::from_secs(30),
            silence: Duration::from_secs(60),
            unused: Some(Duration::from_secs(300)),
            close: Duration::from_secs(10),
        }
    }

    pub fn client() -> Self {
        Self { unused: None, ..Self::server() }
    }
}
