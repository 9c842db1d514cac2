//! Polling payloads: many packets in one body. EIO4's record separators; EIO3's two framings and their dialects
//! (PROTOCOL sections 5.1 to 5.4); JSONP.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Packet;

mod dialect;
pub mod jsonp;
mod v3;

#[cfg(test)]
mod tests;

pub use dialect::Dialect;
pub use v3::{decode_v3_binary, decode_v3_text};

/// A payload of more packets is refused: a legitimate burst is hundreds, and each costs memory.
pub const PACKETS_MAX: usize = 10_000;

/// How packets are put into one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    V4,
    V3Text,
    V3Binary,
}

/// A packet to be encoded: text with its type digit, or a binary message.
#[derive(Clone, Copy, Debug)]
pub enum Unit<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

/// Not a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPayload;

const SEPARATOR: u8 = 0x1e;

pub fn encode<'a>(framing: Framing, units: impl IntoIterator<Item = Unit<'a>>) -> Vec<u8> {
    let mut body = Vec::new();
    for (i, unit) in units.into_iter().enumerate() {
        match framing {
            Framing::V4 => {
                if i > 0 {
                    body.push(SEPARATOR);
                }
                match unit {
                    Unit::Text(text) => body.extend_from_slice(text.as_bytes()),
                    Unit::Binary(bytes) => body.extend_from_slice(format!("b{}", STANDARD.encode(bytes)).as_bytes()),
                }
            }
            Framing::V3Text => v3::encode_text(&mut body, unit),
            Framing::V3Binary => v3::encode_binary(&mut body, unit),
        }
    }
    body
}

pub fn decode_v4(body: &[u8]) -> Result<Vec<Packet<'_>>, BadPayload> {
    let text = std::str::from_utf8(body).map_err(|_| BadPayload)?;
    let mut packets = Vec::new();
    for part in text.split('\u{1e}') {
        if packets.len() >= PACKETS_MAX {
            return Err(BadPayload);
        }
        packets.push(match part.strip_prefix('b') {
            Some(base64) => Packet::binary(STANDARD.decode(base64).map_err(|_| BadPayload)?),
            None => Packet::parse(part).map_err(|_| BadPayload)?,
        });
    }
    Ok(packets)
}

/// A packet of EIO3 text, which may be `b4<base64>`.
fn parse_v3<'a>(text: Cow<'a, str>) -> Result<Packet<'a>, BadPayload> {
    match text {
        Cow::Borrowed(text) => Packet::parse(text).map_err(|_| BadPayload),
        Cow::Owned(text) => Packet::parse(&text).map(Packet::into_owned).map_err(|_| BadPayload),
    }
}
