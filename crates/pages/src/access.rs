//! Who may publish here: the one place where a credential is looked at.

use tidings_json::{Json, unescape};
use tidings_model::{AppNo, Code, Refusal};
use tidings_socketio::namespace::Protocol;
use tidings_socketio::{Packet, PacketType};

/// Somebody who was let in, and the app that they speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) app: AppNo,
}

/// What a client brings to say who it is: the `key` of its auth object or of the namespace's query, else of the
/// handshake's query, the only one that some clients can fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    key: Option<Box<str>>,
}

impl Credentials {
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

/// There are no keys yet: whoever passes the listener's rules for calls without one may publish in the app `/`.
pub(crate) fn admit(credentials: &Credentials) -> Result<Caller, Refusal> {
    match credentials.key {
        None => Ok(Caller { app: AppNo::DEFAULT }),
        Some(_) => Err(Refusal::new(Code::InvalidKey, "this server has no keys, leave key out").field("key")),
    }
}
