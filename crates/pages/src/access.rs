//! What a client shows to be let in. Whether it opens is the executor's matter.

use tidings_json::{Json, unescape};
use tidings_socketio::namespace::Protocol;
use tidings_socketio::{Packet, PacketType};

/// What a client brings to say who it is: the `key` of its auth object or of the namespace's query, else of the
/// handshake's query, the only one that some clients can fill.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    key: Option<Box<str>>,
}

impl Credentials {
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    pub(crate) fn of_handshake(query: &str) -> Self {
        let connect = Packet { query: Some(query), ..Packet::new(PacketType::Connect, "/") };
        Self::of(&Protocol::V4.credentials(&connect))
    }

    fn of(object: &Json) -> Self {
        Self { key: object.member("key").and_then(unescape).map(|key| key.into()) }
    }

    /// What the CONNECT itself brings comes first.
    pub(crate) fn with_connect(&self, protocol: Protocol, connect: &Packet<'_>) -> Self {
        let own = Self::of(&protocol.credentials(connect));
        if own.key.is_some() { own } else { self.clone() }
    }
}
