//! EIO3: text framing `<length>:<packet>` in UTF-16 units, and binary framing in bytes.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BadPayload, Dialect, Unit, add, parse_v3};
use crate::{Packet, PacketType};

/// More digits than this are no length.
const DIGITS_MAX: usize = 10;
/// Binary framing: a packet's first byte, and the one behind its length.
const TEXT: u8 = 0;
const BINARY: u8 = 1;
const LENGTH_END: u8 = 0xff;
/// A binary packet's first byte: a number, not a digit.
const MESSAGE: u8 = PacketType::Message as u8;

pub(super) fn encode_text(body: &mut Vec<u8>, unit: Unit<'_>) {
    match unit {
        Unit::Text(text) => {
            write_length(body, utf16_len(text));
            body.extend_from_slice(text.as_bytes());
        }
        Unit::Binary(bytes) => {
            let base64 = STANDARD.encode(bytes);
            write_length(body, base64.len() + 2);
            body.extend_from_slice(b"b4");
            body.extend_from_slice(base64.as_bytes());
        }
    }
}

fn write_length(body: &mut Vec<u8>, units: usize) {
    write!(body, "{units}:").expect("a Vec takes every write");
}

fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

pub(super) fn encode_binary(body: &mut Vec<u8>, unit: Unit<'_>) {
    let (marker, len) = match unit {
        Unit::Text(text) => (TEXT, text.len()),
        Unit::Binary(bytes) => (BINARY, bytes.len() + 1),
    };
    body.push(marker);
    body.extend(len.to_string().bytes().map(|digit| digit - b'0'));
    body.push(LENGTH_END);
    match unit {
        Unit::Text(text) => body.extend_from_slice(text.as_bytes()),
        Unit::Binary(bytes) => {
            body.push(MESSAGE);
            body.extend_from_slice(bytes);
        }
    }
}

/// The body of a POST in text framing. Lengths are checked in UTF-16 units of the body as it came; then the dialect is undone.
pub fn decode_v3_text<'a>(body: &'a [u8], dialect: &mut Dialect) -> Result<Vec<Packet<'a>>, BadPayload> {
    let mut rest = std::str::from_utf8(body).map_err(|_| BadPayload)?;
    if rest.is_empty() {
        return Err(BadPayload);
    }
    dialect.observe(rest);
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (digits, behind) = rest.split_once(':').ok_or(BadPayload)?;
        let (packet, left) = split_units(behind, length(digits.bytes())?)?;
        rest = left;
        // An encoder of no packets writes `0:`.
        if !packet.is_empty() {
            add(&mut packets, parse_v3(dialect.decode(packet))?)?;
        }
    }
    Ok(packets)
}

/// A length of ASCII digits.
fn length(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, BadPayload> {
    if !(1..=DIGITS_MAX).contains(&digits.len()) {
        return Err(BadPayload);
    }
    let mut length = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(BadPayload);
        }
        length = length * 10 + u64::from(digit - b'0');
    }
    usize::try_from(length).map_err(|_| BadPayload)
}

/// The first `units` UTF-16 units of `text`, and the rest. Refused where they are not there, or end inside a char.
fn split_units(text: &str, units: usize) -> Result<(&str, &str), BadPayload> {
    // The common case at the price of one look: as many bytes as units, all of them ASCII.
    if let Some((front, rest)) = text.split_at_checked(units)
        && front.is_ascii()
    {
        return Ok((front, rest));
    }
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Ok(text.split_at(at));
        }
        left = left.checked_sub(c.len_utf16()).ok_or(BadPayload)?;
    }
    if left == 0 { Ok((text, "")) } else { Err(BadPayload) }
}

/// The body of a POST in binary framing.
pub fn decode_v3_binary(body: &[u8]) -> Result<Vec<Packet<'_>>, BadPayload> {
    if body.is_empty() {
        return Err(BadPayload);
    }
    let (mut rest, mut packets) = (body, Vec::new());
    while let [marker, behind @ ..] = rest {
        let (packet, left) = split_bytes(behind)?;
        rest = left;
        match (*marker, packet) {
            (TEXT | BINARY, []) => {}
            (TEXT, text) => add(&mut packets, Packet::parse(std::str::from_utf8(text).map_err(|_| BadPayload)?)?)?,
            (BINARY, [MESSAGE, data @ ..]) => add(&mut packets, Packet::binary(data))?,
            _ => return Err(BadPayload),
        }
    }
    Ok(packets)
}

/// The packet behind a length of byte digits, and the rest.
fn split_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), BadPayload> {
    let end = bytes.iter().take(DIGITS_MAX + 1).position(|byte| *byte == LENGTH_END).ok_or(BadPayload)?;
    let (digits, behind) = bytes.split_at(end);
    let length = length(digits.iter().map(|digit| digit.saturating_add(b'0')))?;
    behind.get(1..).and_then(|behind| behind.split_at_checked(length)).ok_or(BadPayload)
}
