//! `<type>[<attachments>-][<namespace>,][<ack id>][JSON]`, with the quirks of ten years of clients (PROTOCOL section 6).

use std::fmt::Write;

use tidings_json::{Json, Kind};

use crate::{Packet, PacketType};

/// Why a text is no packet. Any of them closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    Type,
    Attachments,
    /// An ack id of more than 19 digits, or where none may stand.
    Id,
    /// Not JSON, or JSON that is refused at any depth (duplicate keys, lone surrogates, 128 levels).
    Json,
    /// JSON of the wrong shape for the packet.
    Payload,
    /// An event name that clients keep for themselves.
    Reserved,
}

/// `text` is what follows Engine.IO's `4`.
pub fn decode(text: &str) -> Result<Packet<'_>, Malformed> {
    let kind = text.bytes().next().and_then(PacketType::from_digit).ok_or(Malformed::Type)?;
    let mut rest = &text[1..];
    let mut packet = Packet::new(kind, "/");
    if kind.is_binary() {
        let (count, behind) = rest.split_once('-').ok_or(Malformed::Attachments)?;
        packet.attachments = number(count, 9).ok_or(Malformed::Attachments)? as usize;
        rest = behind;
    }
    if rest.starts_with('/') {
        // The comma may be missing at the end: JS 1.x, Java and C++ send `40/chat`.
        let (namespace, behind) = rest.split_once(',').unwrap_or((rest, ""));
        (packet.namespace, packet.query) = match namespace.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (namespace, None),
        };
        rest = behind;
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && takes_id(kind) {
        let (id, behind) = rest.split_at(digits);
        packet.id = Some(number(id, 19).ok_or(Malformed::Id)?);
        rest = behind;
    }
    if !rest.is_empty() {
        packet.data = Some(Json::parse(rest.as_bytes()).map_err(|_| Malformed::Json)?);
    }
    check(&packet)?;
    Ok(packet)
}

fn takes_id(kind: PacketType) -> bool {
    matches!(kind, PacketType::Event | PacketType::Ack | PacketType::BinaryEvent | PacketType::BinaryAck)
}

fn number(digits: &str, most: usize) -> Option<u64> {
    let ok = (1..=most).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if ok { digits.parse().ok() } else { None }
}

fn check(packet: &Packet<'_>) -> Result<(), Malformed> {
    let kind = packet.data.as_ref().map(Json::kind);
    let ok = match packet.kind {
        PacketType::Connect => matches!(kind, None | Some(Kind::Object)),
        PacketType::Disconnect => kind.is_none(),
        PacketType::ConnectError => matches!(kind, Some(Kind::String | Kind::Object)),
        PacketType::Event | PacketType::BinaryEvent => return packet.event().map(drop),
        PacketType::Ack | PacketType::BinaryAck => kind == Some(Kind::Array) && packet.id.is_some(),
    };
    if ok { Ok(()) } else { Err(Malformed::Payload) }
}

/// The text behind Engine.IO's `4`; a comma always ends a namespace.
pub fn encode(packet: &Packet<'_>) -> String {
    let mut out = String::new();
    out.push(char::from(b'0' + packet.kind as u8));
    if packet.kind.is_binary() {
        let _ = write!(out, "{}-", packet.attachments);
    }
    if packet.namespace != "/" {
        out.push_str(packet.namespace);
        if let Some(query) = packet.query {
            let _ = write!(out, "?{query}");
        }
        out.push(',');
    }
    if let Some(id) = packet.id {
        let _ = write!(out, "{id}");
    }
    if let Some(data) = &packet.data {
        out.push_str(data.as_str());
    }
    out
}
