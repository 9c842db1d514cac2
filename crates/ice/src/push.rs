//! `idl/Push.ice` by hand: its structs, its exceptions, its operations. What they mean is decided elsewhere.
//!
//! [`Call`] is what a backend asks of `PushService` and [`Done`] what it is answered; [`Notice`] is what `PushListener` and
//! `EventListener` are told. All go both ways, so that tests of one end need no other peer. A test compares all of it with the
//! contract itself.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::connection::Answer;
use crate::encoding::{DecodeError, Encoder, Value, structure};
use crate::request::Request;

mod error;
mod notice;
mod service;

#[cfg(test)]
mod tests;

pub use error::{Kind, PushError, Raised};
pub use notice::Notice;
pub use service::{Call, Done, Extras};

/// `Push::Attributes`.
pub type Attributes = BTreeMap<String, String>;
/// `Push::Counts`.
pub type Counts = BTreeMap<String, i32>;

pub const API_VERSION: i32 = 1;
/// The object's identity at our door.
pub const SERVICE_IDENTITY: &str = "push";
/// The usual identity of a listener.
pub const LISTENER_IDENTITY: &str = "pushListener";
/// What `ice_ids` answers, sorted; the most derived one is not the root.
pub const SERVICE_TYPES: [&str; 2] = [OBJECT, "::Push::PushService"];
pub const LISTENER_TYPES: [&str; 2] = [OBJECT, "::Push::PushListener"];
pub const EVENT_LISTENER_TYPES: [&str; 2] = [OBJECT, "::Push::EventListener"];

/// What every object is.
const OBJECT: &str = "::Ice::Object";

structure! { ServiceInfo {
    api_version: i32,
    server_version: String,
    /// Of one payload.
    max_payload_bytes: i32,
    /// Of one message, its head included.
    max_frame_bytes: i32,
    max_targets: i32,
    features: Vec<String>,
    extra: Attributes,
} }

structure! { InvalidTarget {
    value: String,
    /// An error code.
    reason: String,
} }

structure! {
    /// The message is durably stored.
    Accepted {
        /// "" after a dry run.
        id: String,
        seq: String,
        state: String,
        /// Unix time in milliseconds, as every `_ms` that names a moment.
        expires_at_ms: i64,
        devices: i32,
        online: i32,
        replayed: bool,
        invalid: Vec<InvalidTarget>,
        extra: Attributes,
    }
}

structure! { MessageStatus {
    id: String,
    seq: String,
    app: String,
    state: String,
    targets: i32,
    counts: Counts,
    waiting: i32,
    waiting_why: Counts,
    lost: Counts,
    created_ms: i64,
    expires_at_ms: i64,
    extra: Attributes,
} }

structure! { Registration {
    event_id: String,
    app: String,
    uid: String,
    device_id: String,
    token: String,
    platform: String,
    app_version: String,
    first: bool,
    at_ms: i64,
    extra: Attributes,
} }

structure! { Report {
    event_id: String,
    app: String,
    message_id: String,
    uid: String,
    device_id: String,
    token: String,
    state: String,
    proof: String,
    /// JSON text.
    status: String,
    meta: String,
    at_ms: i64,
    extra: Attributes,
} }

structure! { Event {
    event_id: String,
    r#type: String,
    app: String,
    at_ms: i64,
    /// JSON text.
    payload: String,
    extra: Attributes,
} }

/// Why a request is no call of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCall {
    NoSuchOperation,
    /// A normal operation in a mode that lets the client repeat it.
    WrongMode,
    Parameters(DecodeError),
}

impl From<DecodeError> for NoCall {
    fn from(error: DecodeError) -> Self {
        Self::Parameters(error)
    }
}

impl From<NoCall> for Answer {
    fn from(no_call: NoCall) -> Self {
        match no_call {
            NoCall::NoSuchOperation => Self::OperationNotExist,
            NoCall::WrongMode => Self::BadRequest("the operation is not idempotent"),
            NoCall::Parameters(error) => Self::BadRequest(error.text()),
        }
    }
}

impl fmt::Display for NoCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchOperation => f.write_str("no such operation"),
            Self::WrongMode => f.write_str("the operation is not idempotent"),
            Self::Parameters(error) => write!(f, "parameters: {error}"),
        }
    }
}

impl std::error::Error for NoCall {}

/// Answers the operations that every object has, for one of `types` (sorted type ids). None: it is none of those.
pub fn builtin(request: &Request, types: &[&str]) -> Option<Answer> {
    let answer = match request.operation.as_str() {
        "ice_ping" => request.params.read(|_| Ok(Bytes::new())),
        "ice_isA" => request.params.read(|decoder| Ok(encoded(&types.contains(&decoder.text()?)))),
        "ice_id" => request.params.read(|_| Ok(encoded(&most_derived(types).to_owned()))),
        "ice_ids" => request.params.read(|_| Ok(encoded(&types.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()))),
        _ => return None,
    };
    Some(answer.map_or_else(|error| Answer::BadRequest(error.text()), Answer::Ok))
}

fn encoded(value: &impl Value) -> Bytes {
    let mut encoder = Encoder::new();
    encoder.value(value);
    encoder.finish()
}

fn most_derived<'a>(types: &[&'a str]) -> &'a str {
    types.iter().rfind(|id| **id != OBJECT).copied().unwrap_or(OBJECT)
}
