//! Polling payloads: many packets in one body. EIO4's record separators; EIO3's two framings and their dialects; JSONP.
//!
//! It does not know when a payload is due, nor which framing a session has: the machine above decides that at the handshake.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::packet::decode_base64;
use crate::{NoPacket, Packet};

mod dialect;
pub mod jsonp;
mod v3;

#[cfg(test)]
mod tests;

pub use dialect::Dialect;
pub use v3::{decode_v3_binary, decode_v3_text};

/// A payload of more packets is refused. Each costs 40 bytes beside its own, whatever it holds; a client that was offline
/// for a while posts hundreds at once, never this many.
pub const PACKETS_MAX: usize = 10_000;

/// How packets are put into one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Packets joined by byte 1e, binary as `b<base64>`.
    V4,
    /// `<length in UTF-16 units>:<packet>`, binary as `b4<base64>`.
    V3Text,
    /// `application/octet-stream`: marker, length in digits of one byte each, ff, packet.
    V3Binary,
}

/// A packet to be encoded: text with its type digit, or a binary message.
#[derive(Clone, Copy, Debug)]
pub enum Unit<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Not a payload: the session that posted it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPayload;

impl fmt::Display for BadPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an Engine.IO payload")
    }
}

impl std::error::Error for BadPayload {}

impl From<NoPacket> for BadPayload {
    fn from(_: NoPacket) -> Self {
        Self
    }
}

const SEPARATOR: char = '\u{1e}';

/// The body of an answer. Text stays as it is: that EIO3 text is ASCII is the work of whoever wrote its JSON.
pub fn encode<'a>(framing: Framing, units: impl IntoIterator<Item = Unit<'a>>) -> Vec<u8> {
    let mut body = Vec::new();
    for (i, unit) in units.into_iter().enumerate() {
        match framing {
            Framing::V4 => encode_v4(&mut body, i == 0, unit),
            Framing::V3Text => v3::encode_text(&mut body, unit),
            Framing::V3Binary => v3::encode_binary(&mut body, unit),
        }
    }
    body
}

fn encode_v4(body: &mut Vec<u8>, first: bool, unit: Unit<'_>) {
    if !first {
        body.push(SEPARATOR as u8);
    }
    match unit {
        Unit::Text(text) => body.extend_from_slice(text.as_bytes()),
        Unit::Binary(bytes) => {
            body.push(b'b');
            body.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        }
    }
}

/// The body of an EIO4 POST.
pub fn decode_v4(body: &[u8]) -> Result<Vec<Packet<'_>>, BadPayload> {
    let text = std::str::from_utf8(body).map_err(|_| BadPayload)?;
    let mut packets = Vec::new();
    for part in text.split(SEPARATOR) {
        let packet = match part.strip_prefix('b') {
            Some(base64) => Packet::binary(decode_base64(base64)?),
            None => Packet::parse(part)?,
        };
        add(&mut packets, packet)?;
    }
    Ok(packets)
}

fn add<'a>(packets: &mut Vec<Packet<'a>>, packet: Packet<'a>) -> Result<(), BadPayload> {
    if packets.len() >= PACKETS_MAX {
        return Err(BadPayload);
    }
    packets.push(packet);
    Ok(())
}

/// A packet of EIO3 text, which may be `b4<base64>`.
fn parse_v3(text: Cow<'_, str>) -> Result<Packet<'_>, BadPayload> {
    Ok(match text {
        Cow::Borrowed(text) => Packet::parse(text)?,
        Cow::Owned(text) => Packet::parse(&text)?.into_owned(),
    })
}
