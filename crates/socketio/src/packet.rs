//! Socket.IO's unit, and the event inside it.

use std::borrow::Cow;

use tidings_json::{Json, Kind, elements, kind, unescape, write_string};

use crate::Malformed;

#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    Connect = 0,
    Disconnect = 1,
    Event = 2,
    Ack = 3,
    /// Protocol 4 calls it ERROR.
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

    pub(crate) const fn digit(self) -> char {
        (b'0' + self as u8) as char
    }

    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// One packet, without the binaries that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: PacketType,
    /// The path alone; `/` where the packet names none. It may hold anything but `,` and `?`.
    pub namespace: &'a str,
    /// What stood behind the namespace's `?`, as it came: protocol 4's CONNECT may carry one.
    pub query: Option<&'a str>,
    /// Events: an ack is asked for. Acks: what they answer. Java reads an int: ids of our own stay below 2^31.
    pub id: Option<u64>,
    /// Binary packets that follow.
    pub attachments: usize,
    /// Checked and minified; placeholders stand in it for the attachments.
    pub data: Option<Json>,
}

impl<'a> Packet<'a> {
    pub fn new(kind: PacketType, namespace: &'a str) -> Self {
        Self { kind, namespace, query: None, id: None, attachments: 0, data: None }
    }

    /// An EVENT; `args` are minified JSON values.
    pub fn emit<'r>(namespace: &'a str, name: &str, args: impl IntoIterator<Item = &'r str>) -> Self {
        let mut data = String::from("[");
        write_string(&mut data, name);
        for arg in args {
            data.push(',');
            data.push_str(arg);
        }
        data.push(']');
        Self { data: Some(Json::trusted(data)), ..Self::new(PacketType::Event, namespace) }
    }

    /// The ACK to the event that asked for `id`; `args` are minified JSON values.
    pub fn ack<'r>(namespace: &'a str, id: u64, args: impl IntoIterator<Item = &'r str>) -> Self {
        let args: Vec<&str> = args.into_iter().collect();
        let data = Json::trusted(format!("[{}]", args.join(",")));
        Self { id: Some(id), data: Some(data), ..Self::new(PacketType::Ack, namespace) }
    }

    /// The same event or ack, followed by so many binaries (whose placeholders are in its data).
    pub fn with_attachments(mut self, count: usize) -> Self {
        self.kind = match self.kind {
            PacketType::Event if count > 0 => PacketType::BinaryEvent,
            PacketType::Ack if count > 0 => PacketType::BinaryAck,
            kind => kind,
        };
        self.attachments = count;
        self
    }

    /// The event in an EVENT or BINARY_EVENT.
    pub fn event(&self) -> Result<Event<'_>, Malformed> {
        let mut args = self.elements()?;
        let name = event_name(args.next())?;
        Ok(Event { name, args: args.collect(), id: self.id })
    }

    /// As [`Packet::event`], without looking at the arguments.
    pub(crate) fn check_event(&self) -> Result<(), Malformed> {
        event_name(self.elements()?.next()).map(drop)
    }

    fn elements(&self) -> Result<tidings_json::Elements<'_>, Malformed> {
        self.data.as_ref().and_then(|data| elements(data.as_str())).ok_or(Malformed::Payload)
    }
}

/// Unescaped; a number stands as it is spelled.
fn event_name(raw: Option<&str>) -> Result<Cow<'_, str>, Malformed> {
    let raw = raw.ok_or(Malformed::Payload)?;
    let name = match kind(raw) {
        Kind::String => unescape(raw).ok_or(Malformed::Payload)?,
        Kind::Number => Cow::Borrowed(raw),
        Kind::Null | Kind::Bool | Kind::Array | Kind::Object => return Err(Malformed::Payload),
    };
    if RESERVED.contains(&&*name) { Err(Malformed::Reserved) } else { Ok(name) }
}

/// A client that emits one of these breaks the protocol.
const RESERVED: [&str; 6] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What an app emitted: the name unescaped, the arguments as minified JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    pub name: Cow<'a, str>,
    pub args: Vec<&'a str>,
    /// An ack is asked for.
    pub id: Option<u64>,
}
