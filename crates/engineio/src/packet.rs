//! Engine.IO's unit on both transports.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

#[cfg(test)]
mod tests;

/// 3: JS 1.x/2.x, Java 0.x/1.x, python-socketio 4. 4: everything since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    V3,
    V4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketType {
    Open = 0,
    Close = 1,
    Ping = 2,
    Pong = 3,
    Message = 4,
    Upgrade = 5,
    Noop = 6,
}

impl PacketType {
    pub const fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Open,
            b'1' => Self::Close,
            b'2' => Self::Ping,
            b'3' => Self::Pong,
            b'4' => Self::Message,
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return None,
        })
    }

    pub const fn digit(self) -> char {
        (b'0' + self as u8) as char
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    Text(Cow<'a, str>),
    Binary(Cow<'a, [u8]>),
}

/// One packet; only messages may be binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: PacketType,
    pub data: Data<'a>,
}

/// A packet that is none: unknown type, no type at all, bad base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPacket;

impl fmt::Display for NoPacket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an Engine.IO packet")
    }
}

impl std::error::Error for NoPacket {}

impl<'a> Packet<'a> {
    pub fn text(kind: PacketType, data: impl Into<Cow<'a, str>>) -> Self {
        Self { kind, data: Data::Text(data.into()) }
    }

    pub fn binary(data: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { kind: PacketType::Message, data: Data::Binary(data.into()) }
    }

    /// A WebSocket text frame, or one packet of an EIO3 payload; also EIO3's `b4<base64>`.
    pub fn parse(text: &'a str) -> Result<Self, NoPacket> {
        if let Some(base64) = text.strip_prefix("b4") {
            return decode_base64(base64).map(Packet::binary);
        }
        let digit = text.bytes().next().ok_or(NoPacket)?;
        let kind = PacketType::from_digit(digit).ok_or(NoPacket)?;
        Ok(Packet::text(kind, text.get(1..).unwrap_or_default()))
    }

    /// A WebSocket binary frame: the message's bytes, in EIO3 behind a type byte.
    pub fn parse_binary(revision: Revision, bytes: &'a [u8]) -> Result<Self, NoPacket> {
        match (revision, bytes) {
            (Revision::V4, bytes) => Ok(Packet::binary(bytes)),
            (Revision::V3, [4, data @ ..]) => Ok(Packet::binary(data)),
            (Revision::V3, _) => Err(NoPacket),
        }
    }

    pub fn into_owned(self) -> Packet<'static> {
        let data = match self.data {
            Data::Text(text) => Data::Text(Cow::Owned(text.into_owned())),
            Data::Binary(bytes) => Data::Binary(Cow::Owned(bytes.into_owned())),
        };
        Packet { kind: self.kind, data }
    }
}

/// The standard alphabet; whether a client pads, and how, is not looked at (the reference does not either).
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// Java 2.x breaks its lines after 76 characters and ends the last one too.
pub(crate) fn decode_base64(text: &str) -> Result<Vec<u8>, NoPacket> {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if text.as_bytes().iter().any(is_break) {
        let unbroken: Vec<u8> = text.bytes().filter(|byte| !is_break(byte)).collect();
        return TOLERANT.decode(unbroken).map_err(|_| NoPacket);
    }
    TOLERANT.decode(text).map_err(|_| NoPacket)
}
