//! Socket.IO's packets, their attachments, and what a CONNECT says about its sender.

use tidings_json::Json;
use tidings_socketio::attachments::{ATTACHMENTS_MAX, Pending};
use tidings_socketio::namespace::Protocol;
use tidings_socketio::{Packet, PacketType, decode, encode};

pub(crate) fn packet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(packet) = decode(text) else { return };
    let written = encode(&packet);
    assert_eq!(decode(&written).as_ref(), Ok(&packet));
    assert!(packet.namespace.starts_with('/'));
    if let Some(data) = &packet.data {
        assert_eq!(Json::parse(data.as_str().as_bytes()).as_ref(), Ok(data), "minified, and checked for good");
    }
    if matches!(packet.kind, PacketType::Event | PacketType::BinaryEvent) {
        assert!(packet.event().is_ok(), "an event was checked when it was read");
    }
}

/// A header up to the first newline, then an attachment a line.
pub(crate) fn attachments(bytes: &[u8]) {
    const BYTES_MAX: usize = 64;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let Some(Ok(header)) = lines.next().map(std::str::from_utf8) else { return };
    let Ok(packet) = decode(header) else { return };
    let due = packet.attachments;
    let Ok(mut pending) = Pending::new(packet.clone(), BYTES_MAX) else { return assert!(due > ATTACHMENTS_MAX) };
    assert_eq!(pending.packet(), Ok(packet));
    assert_eq!(pending.is_complete(), due == 0);
    for (i, line) in lines.enumerate() {
        match pending.push(line) {
            Ok(last) => assert_eq!(last, i + 1 == due),
            Err(_) => break,
        }
    }
    assert!(pending.attachments().len() <= due);
    assert!(pending.attachments().iter().map(|bytes| bytes.len()).sum::<usize>() <= BYTES_MAX);
}

pub(crate) fn credentials(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let packet = Packet { query: Some(text), ..Packet::new(PacketType::Connect, "/") };
    let object = Protocol::V4.credentials(&packet);
    assert_eq!(Json::parse(object.as_str().as_bytes()).as_ref(), Ok(&object), "no key twice, nothing unescaped");
    assert!(object.members().is_some_and(|mut members| members.all(|(_, value)| value.starts_with('"'))));
}
