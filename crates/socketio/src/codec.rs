//! `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`, with the quirks of ten years of clients.

use std::fmt;
use std::fmt::Write;

use tidings_json::{Json, Kind};

use crate::{Packet, PacketType};

#[cfg(test)]
mod tests;

/// Why a text is no packet. Any of them closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// None, or an unknown one.
    Type,
    /// A binary packet without a count of attachments.
    Attachments,
    /// An ack id of more than 19 digits.
    Id,
    /// Not JSON, or JSON that is refused at any depth (duplicate keys, lone surrogates, 128 levels).
    Json,
    /// JSON of the wrong shape for the packet.
    Payload,
    /// An event name that clients keep for themselves.
    Reserved,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "unknown packet type",
            Self::Attachments => "no count of attachments",
            Self::Id => "ack id too long",
            Self::Json => "payload that is no acceptable JSON",
            Self::Payload => "payload of the wrong shape",
            Self::Reserved => "reserved event name",
        })
    }
}

impl std::error::Error for Malformed {}

/// `text` is what follows Engine.IO's `4`.
pub fn decode(text: &str) -> Result<Packet<'_>, Malformed> {
    let (mut packet, payload) = head(text)?;
    if !payload.is_empty() {
        packet.data = Some(Json::parse(payload.as_bytes()).map_err(|_| Malformed::Json)?);
    }
    check(&packet)?;
    Ok(packet)
}

/// The packet without its data, and the text of that.
fn head(text: &str) -> Result<(Packet<'_>, &str), Malformed> {
    let kind = text.bytes().next().and_then(PacketType::from_digit).ok_or(Malformed::Type)?;
    let rest = text.get(1..).unwrap_or_default();
    let (attachments, rest) = if kind.is_binary() { split_attachments(rest)? } else { (0, rest) };
    let (namespace, query, rest) = split_namespace(rest);
    let (id, rest) = if takes_id(kind) { split_id(rest)? } else { (None, rest) };
    Ok((Packet { kind, namespace, query, id, attachments, data: None }, rest))
}

fn split_attachments(text: &str) -> Result<(usize, &str), Malformed> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, rest) = text.split_at(digits);
    let rest = rest.strip_prefix('-').ok_or(Malformed::Attachments)?;
    Ok((count.parse().map_err(|_| Malformed::Attachments)?, rest))
}

/// Namespace, its query, and the rest. The comma may be missing at the end: JS 1.x, Java and C++ send `0/chat`.
fn split_namespace(text: &str) -> (&str, Option<&str>, &str) {
    if !text.starts_with('/') {
        return ("/", None, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    match namespace.split_once('?') {
        Some((path, query)) => (path, Some(query), rest),
        None => (namespace, None, rest),
    }
}

const fn takes_id(kind: PacketType) -> bool {
    matches!(kind, PacketType::Event | PacketType::Ack | PacketType::BinaryEvent | PacketType::BinaryAck)
}

/// As many digits as are no number above `u64::MAX`, whatever they are.
const ID_DIGITS_MAX: usize = 19;

fn split_id(text: &str) -> Result<(Option<u64>, &str), Malformed> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    match text.split_at(digits) {
        ("", rest) => Ok((None, rest)),
        (id, rest) if digits <= ID_DIGITS_MAX => Ok((Some(id.parse().map_err(|_| Malformed::Id)?), rest)),
        _ => Err(Malformed::Id),
    }
}

fn check(packet: &Packet<'_>) -> Result<(), Malformed> {
    let kind = packet.data.as_ref().map(Json::kind);
    let ok = match packet.kind {
        PacketType::Connect => matches!(kind, None | Some(Kind::Object)),
        PacketType::Disconnect => kind.is_none(),
        // Protocol 4 sends a string or whatever the server's code has attached.
        PacketType::ConnectError => matches!(kind, Some(Kind::String | Kind::Object | Kind::Array)),
        PacketType::Event | PacketType::BinaryEvent => return packet.check_event(),
        // One without an id answers nothing that was asked: it is ignored, not refused.
        PacketType::Ack | PacketType::BinaryAck => kind == Some(Kind::Array),
    };
    if ok { Ok(()) } else { Err(Malformed::Payload) }
}

/// The text behind Engine.IO's `4`; a comma always ends a namespace.
pub fn encode(packet: &Packet<'_>) -> String {
    let data = packet.data.as_ref().map_or("", Json::as_str);
    let mut out = String::with_capacity(data.len() + packet.namespace.len() + packet.query.map_or(0, str::len) + 24);
    out.push(packet.kind.digit());
    if packet.kind.is_binary() {
        write!(out, "{}-", packet.attachments).expect("a String takes every write");
    }
    if packet.namespace != "/" || packet.query.is_some() {
        out.push_str(packet.namespace);
        if let Some(query) = packet.query {
            out.push('?');
            out.push_str(query);
        }
        out.push(',');
    }
    if let Some(id) = packet.id {
        write!(out, "{id}").expect("a String takes every write");
    }
    out.push_str(data);
    out
}
