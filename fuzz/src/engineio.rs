//! Engine.IO's packets and payloads.

use tidings_engineio::polling::{
    BadPayload, Dialect, Framing, PACKETS_MAX, Unit, decode_v3_binary, decode_v3_text, decode_v4, encode, jsonp as form,
};
use tidings_engineio::{Data, Packet, PacketType, Revision, Sid};
use tidings_json::{Json, ascii};

pub(crate) fn packet(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(packet) = Packet::parse(text)
    {
        match &packet.data {
            Data::Text(data) => assert_eq!(format!("{}{data}", packet.kind.digit()), text),
            Data::Binary(_) => assert_eq!(packet.kind, PacketType::Message),
        }
        assert_eq!(packet.clone().into_owned(), packet);
    }
    assert_eq!(Packet::parse_binary(Revision::V4, bytes), Ok(Packet::binary(bytes)));
    assert_eq!(Packet::parse_binary(Revision::V3, bytes).is_ok(), bytes.first() == Some(&4));
}

pub(crate) fn sid(bytes: &[u8]) {
    if let Some((text, sid)) = std::str::from_utf8(bytes).ok().and_then(|text| Some((text, Sid::parse(text)?))) {
        assert_eq!(sid.to_string(), text);
    }
}

pub(crate) fn v4(body: &[u8]) {
    survives(Framing::V4, decode_v4(body), decode_v4);
}

pub(crate) fn v3_binary(body: &[u8]) {
    survives(Framing::V3Binary, decode_v3_binary(body), decode_v3_binary);
}

/// The first byte is what the session knows of its dialect.
pub(crate) fn v3_text(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let known = [Dialect::Unknown, Dialect::Double, Dialect::Raw][usize::from(first % 3)];
    let mut dialect = known;
    let packets = decode_v3_text(body, &mut dialect);
    assert!(known != Dialect::Raw || dialect == Dialect::Raw, "raw is for good");
    survives(Framing::V3Text, packets, |body| decode_v3_text(body, &mut Dialect::Raw));
}

/// JSON in its ASCII spelling is text framing that every dialect counts and reads alike.
pub(crate) fn v3_ascii(bytes: &[u8]) {
    let Ok(json) = Json::parse(bytes) else { return };
    let packet = format!("42[\"e\",{}]", ascii(json.as_str()));
    let body = encode(Framing::V3Text, [Unit::Text(&packet)]);
    assert_eq!(body, format!("{}:{packet}", packet.len()).into_bytes());
    assert!(body.is_ascii());
    for known in [Dialect::Unknown, Dialect::Double, Dialect::Raw] {
        let mut dialect = known;
        assert_eq!(decode_v3_text(&body, &mut dialect), Ok(vec![Packet::text(PacketType::Message, &packet[1..])]));
        assert_eq!(dialect, known);
    }
}

/// What was read is not too much, and is read again as it is written.
fn survives<'a>(
    framing: Framing,
    packets: Result<Vec<Packet<'a>>, BadPayload>,
    again: impl Fn(&[u8]) -> Result<Vec<Packet<'_>>, BadPayload>,
) {
    let Ok(packets) = packets else { return };
    assert!(packets.len() <= PACKETS_MAX);
    let texts: Vec<String> = packets.iter().map(text).collect();
    let units = packets.iter().zip(&texts).map(|(packet, text)| match &packet.data {
        Data::Text(_) => Unit::Text(text),
        Data::Binary(bytes) => Unit::Binary(bytes),
    });
    let body = encode(framing, units);
    // No packets: two framings may say so, but no encoder of ours does.
    assert_eq!(again(&body).ok(), Some(packets).filter(|packets| !packets.is_empty()));
}

fn text(packet: &Packet<'_>) -> String {
    match &packet.data {
        Data::Text(data) => format!("{}{data}", packet.kind.digit()),
        Data::Binary(_) => String::new(),
    }
}

/// As a form that came, and as a payload to be wrapped.
pub(crate) fn jsonp(bytes: &[u8]) {
    if let Ok(payload) = form::unwrap(bytes) {
        assert!(payload.len() < bytes.len());
    }
    let Ok(payload) = std::str::from_utf8(bytes) else { return };
    let script = String::from_utf8(form::wrap(7, payload)).expect("text stays text");
    let string = script.strip_prefix("___eio[7](").and_then(|rest| rest.strip_suffix(");")).expect("a call");
    assert!(!string.contains(['\n', '\r', '\u{2028}', '\u{2029}']));
    let json = Json::parse(string.as_bytes()).expect("a JavaScript string is a JSON string");
    assert_eq!(json.as_string().as_deref(), Some(payload));
}
