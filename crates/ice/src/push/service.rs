//! `PushService`.

use bytes::Bytes;

use super::{Accepted, Attributes, MessageStatus, NoCall, ServiceInfo};
use crate::encoding::{DecodeError, Decoder, Encapsulation, Encoder};
use crate::request::{Mode, Request};

/// The optional parameters that the five ways of sending share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    pub ttl_seconds: Option<i32>,
    pub request_id: Option<String>,
    pub collapse_key: Option<String>,
    pub event_name: Option<String>,
    pub options: Option<Attributes>,
}

impl Extras {
    fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            ttl_seconds: decoder.optional(1)?,
            request_id: decoder.optional(2)?,
            collapse_key: decoder.optional(3)?,
            event_name: decoder.optional(4)?,
            options: decoder.optional(5)?,
        })
    }

    fn encode<'a>(&self, encoder: &'a mut Encoder) -> &'a mut Encoder {
        let encoder = encoder.optional(1, self.ttl_seconds.as_ref()).optional(2, self.request_id.as_ref());
        let encoder = encoder.optional(3, self.collapse_key.as_ref()).optional(4, self.event_name.as_ref());
        encoder.optional(5, self.options.as_ref())
    }
}

/// One call of `PushService`. Payloads are JSON text, not looked at here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    Info,
    Broadcast { payload: String, extras: Extras },
    Send { uid: String, payload: String, extras: Extras },
    SendMany { uids: Vec<String>, payload: String, extras: Extras },
    SendTokens { tokens: Vec<String>, payload: String, extras: Extras },
    SendTopic { topic: String, payload: String, extras: Extras },
    Status { id: String },
    Recall { id: String },
    Online { uids: Vec<String> },
    Disconnect { uid: String },
}

/// What a call returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    Info(ServiceInfo),
    /// Of the five ways of sending.
    Accepted(Accepted),
    Status(MessageStatus),
    /// Of `recall`.
    Nothing,
    Online(Vec<String>),
    /// How many sockets were closed.
    Disconnected(i32),
}

/// Operations and their modes.
const OPERATIONS: [(&str, Mode); 10] = [
    ("info", Mode::Idempotent),
    ("broadcast", Mode::Normal),
    ("send", Mode::Normal),
    ("sendMany", Mode::Normal),
    ("sendTokens", Mode::Normal),
    ("sendTopic", Mode::Normal),
    ("status", Mode::Idempotent),
    ("recall", Mode::Idempotent),
    ("online", Mode::Idempotent),
    ("disconnect", Mode::Idempotent),
];

/// The operation's mode, where the request's suits it.
pub(super) fn admit(request: &Request, operations: &[(&str, Mode)]) -> Result<(), NoCall> {
    let (_, mode) = operations.iter().find(|(name, _)| *name == request.operation).ok_or(NoCall::NoSuchOperation)?;
    if request.mode.suits(*mode) { Ok(()) } else { Err(NoCall::WrongMode) }
}

impl Call {
    pub fn decode(request: &Request) -> Result<Self, NoCall> {
        admit(request, &OPERATIONS)?;
        request.params.read(|decoder| Self::params(&request.operation, decoder)).map_err(NoCall::from)
    }

    fn params(operation: &str, decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match operation {
            "info" => Self::Info,
            "broadcast" => Self::Broadcast { payload: decoder.value()?, extras: Extras::decode(decoder)? },
            "send" => Self::Send { uid: decoder.value()?, payload: decoder.value()?, extras: Extras::decode(decoder)? },
            "sendMany" => Self::SendMany { uids: decoder.value()?, payload: decoder.value()?, extras: Extras::decode(decoder)? },
            "sendTokens" => Self::SendTokens { tokens: decoder.value()?, payload: decoder.value()?, extras: Extras::decode(decoder)? },
            "sendTopic" => Self::SendTopic { topic: decoder.value()?, payload: decoder.value()?, extras: Extras::decode(decoder)? },
            "status" => Self::Status { id: decoder.value()? },
            "recall" => Self::Recall { id: decoder.value()? },
            "online" => Self::Online { uids: decoder.value()? },
            _ => Self::Disconnect { uid: decoder.value()? },
        })
    }

    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Broadcast { .. } => "broadcast",
            Self::Send { .. } => "send",
            Self::SendMany { .. } => "sendMany",
            Self::SendTokens { .. } => "sendTokens",
            Self::SendTopic { .. } => "sendTopic",
            Self::Status { .. } => "status",
            Self::Recall { .. } => "recall",
            Self::Online { .. } => "online",
            Self::Disconnect { .. } => "disconnect",
        }
    }

    pub const fn mode(&self) -> Mode {
        match self {
            Self::Broadcast { .. } | Self::Send { .. } | Self::SendMany { .. } | Self::SendTokens { .. } | Self::SendTopic { .. } => {
                Mode::Normal
            }
            Self::Info | Self::Status { .. } | Self::Recall { .. } | Self::Online { .. } | Self::Disconnect { .. } => Mode::Idempotent,
        }
    }

    /// The parameters, in encoding 1.1.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new();
        match self {
            Self::Info => &mut encoder,
            Self::Broadcast { payload, extras } => extras.encode(encoder.value(payload)),
            Self::Send { uid, payload, extras } => extras.encode(encoder.value(uid).value(payload)),
            Self::SendMany { uids, payload, extras } => extras.encode(encoder.value(uids).value(payload)),
            Self::SendTokens { tokens, payload, extras } => extras.encode(encoder.value(tokens).value(payload)),
            Self::SendTopic { topic, payload, extras } => extras.encode(encoder.value(topic).value(payload)),
            Self::Status { id } | Self::Recall { id } => encoder.value(id),
            Self::Online { uids } => encoder.value(uids),
            Self::Disconnect { uid } => encoder.value(uid),
        };
        encoder.finish()
    }

    /// Reads what this call returned.
    pub fn done(&self, result: &Encapsulation) -> Result<Done, DecodeError> {
        result.read(|decoder| {
            Ok(match self {
                Self::Info => Done::Info(decoder.value()?),
                Self::Status { .. } => Done::Status(decoder.value()?),
                Self::Recall { .. } => Done::Nothing,
                Self::Online { .. } => Done::Online(decoder.value()?),
                Self::Disconnect { .. } => Done::Disconnected(decoder.value()?),
                Self::Broadcast { .. } | Self::Send { .. } | Self::SendMany { .. } | Self::SendTokens { .. } | Self::SendTopic { .. } => {
                    Done::Accepted(decoder.value()?)
                }
            })
        })
    }
}

impl Done {
    /// The result, the same in both encodings.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new();
        match self {
            Self::Info(info) => encoder.value(info),
            Self::Accepted(accepted) => encoder.value(accepted),
            Self::Status(status) => encoder.value(status),
            Self::Nothing => &mut encoder,
            Self::Online(uids) => encoder.value(uids),
            Self::Disconnected(sockets) => encoder.value(sockets),
        };
        encoder.finish()
    }
}
