//! Socket.IO's unit, and the event inside it.

use std::borrow::Cow;

use tidings_json::{Json, Kind, elements, kind, unescape};

use crate::Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    Connect = 0,
    Disconnect = 1,
    Event = 2,
    Ack = 3,
    /// SIO4 calls it ERROR.
    ConnectError = 4,
    BinaryEvent = 5,
    BinaryAck = 6,
}

impl PacketType {
    pub(crate) const fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// One packet. `namespace` is the path alone; a SIO4 CONNECT may carry a query behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: PacketType,
    pub namespace: &'a str,
    pub query: Option<&'a str>,
    pub id: Option<u64>,
    /// Binary packets that follow.
    pub attachments: usize,
    pub data: Option<Json>,
}

impl<'a> Packet<'a> {
    pub fn new(kind: PacketType, namespace: &'a str) -> Self {
        Self { kind, namespace, query: None, id: None, attachments: 0, data: None }
    }

    /// The event in an EVENT or BINARY_EVENT.
    pub fn event(&self) -> Result<Event<'_>, Malformed> {
        let data = self.data.as_ref().ok_or(Malformed::Payload)?;
        let mut args = elements(data.as_str()).ok_or(Malformed::Payload)?;
        let name = args.next().ok_or(Malformed::Payload)?;
        let name = match kind(name) {
            Kind::String => unescape(name).ok_or(Malformed::Payload)?,
            Kind::Number => Cow::Borrowed(name),
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => return Err(Malformed::Payload),
        };
        if RESERVED.contains(&&*name) {
            return Err(Malformed::Reserved);
        }
        Ok(Event { name, args: args.collect(), id: self.id })
    }
}

/// A client that emits one of these breaks the protocol.
const RESERVED: [&str; 6] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What an app emitted: the name unescaped, the arguments as raw JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub name: Cow<'a, str>,
    pub args: Vec<&'a str>,
    /// An ack is asked for.
    pub id: Option<u64>,
}
