//! EIO3: text framing `<length>:<packet>` in UTF-16 units, and binary framing in bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BadPayload, Dialect, PACKETS_MAX, Unit, parse_v3};
use crate::{Packet, PacketType};

/// More digits than this are no length.
const DIGITS_MAX: usize = 10;

pub(super) fn encode_text(body: &mut Vec<u8>, unit: Unit<'_>) {
    match unit {
        Unit::Text(text) => {
            let units: usize = text.chars().map(char::len_utf16).sum();
            body.extend_from_slice(format!("{units}:{text}").as_bytes());
        }
        Unit::Binary(bytes) => {
            let base64 = STANDARD.encode(bytes);
            body.extend_from_slice(format!("{}:b4{base64}", base64.len() + 2).as_bytes());
        }
    }
}

pub(super) fn encode_binary(body: &mut Vec<u8>, unit: Unit<'_>) {
    let (marker, len) = match unit {
        Unit::Text(text) => (0, text.len()),
        Unit::Binary(bytes) => (1, bytes.len() + 1),
    };
    body.push(marker);
    body.extend(len.to_string().bytes().map(|digit| digit - b'0'));
    body.push(0xff);
    match unit {
        Unit::Text(text) => body.extend_from_slice(text.as_bytes()),
        Unit::Binary(bytes) => {
            body.push(PacketType::Message as u8);
            body.extend_from_slice(bytes);
        }
    }
}

/// Lengths are checked in UTF-16 units of the body as it came; then the dialect is undone.
pub fn decode_v3_text<'a>(body: &'a [u8], dialect: &mut Dialect) -> Result<Vec<Packet<'a>>, BadPayload> {
    let mut rest = std::str::from_utf8(body).map_err(|_| BadPayload)?;
    if rest.is_empty() {
        return Err(BadPayload);
    }
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let (digits, behind) = rest.split_once(':').ok_or(BadPayload)?;
        let (packet, left) = split_units(behind, length(digits.bytes())?)?;
        rest = left;
        if packet.is_empty() {
            continue;
        }
        if packets.len() >= PACKETS_MAX {
            return Err(BadPayload);
        }
        packets.push(parse_v3(dialect.decode(packet))?);
    }
    Ok(packets)
}

fn length(digits: impl ExactSizeIterator<Item = u8>) -> Result<usize, BadPayload> {
    if !(1..=DIGITS_MAX).contains(&digits.len()) {
        return Err(BadPayload);
    }
    let mut length = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(BadPayload);
        }
        length = length * 10 + usize::from(digit - b'0');
    }
    Ok(length)
}

/// The first `units` UTF-16 units of `text`, and the rest.
fn split_units(text: &str, units: usize) -> Result<(&str, &str), BadPayload> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Ok(text.split_at(at));
        }
        left = left.checked_sub(c.len_utf16()).ok_or(BadPayload)?;
    }
    if left == 0 { Ok((text, "")) } else { Err(BadPayload) }
}

pub fn decode_v3_binary(body: &[u8]) -> Result<Vec<Packet<'_>>, BadPayload> {
    if body.is_empty() {
        return Err(BadPayload);
    }
    let (mut rest, mut packets) = (body, Vec::new());
    while let [marker, behind @ ..] = rest {
        let digits = behind.iter().position(|byte| *byte == 0xff).ok_or(BadPayload)?;
        let (head, behind) = behind.split_at(digits);
        let length = length(head.iter().map(|digit| digit.saturating_add(b'0')))?;
        let (packet, left) = behind.get(1..).and_then(|behind| behind.split_at_checked(length)).ok_or(BadPayload)?;
        rest = left;
        if packet.is_empty() {
            continue;
        }
        if packets.len() >= PACKETS_MAX {
            return Err(BadPayload);
        }
        packets.push(match (marker, packet) {
            (0, text) => Packet::parse(std::str::from_utf8(text).map_err(|_| BadPayload)?).map_err(|_| BadPayload)?,
            (1, [4, data @ ..]) => Packet::binary(data),
            _ => return Err(BadPayload),
        });
    }
    Ok(packets)
}
