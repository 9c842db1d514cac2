//! The recorded payloads and keys that need no server: written and read.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use serde_json::Value;
use tidings_engineio::polling::{Dialect, Framing, Unit, decode_v3_binary, decode_v3_text, encode};
use tidings_engineio::{Packet, PacketType, websocket};

const VECTORS: &str = include_str!("../../../e2e/vectors/wire_vectors.json");

fn codecs(with: &str) -> Vec<(String, Value)> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap().iter().filter(|vector| vector["codec"].get(with).is_some());
    vectors.map(|vector| (vector["name"].to_string(), vector["codec"].clone())).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// A message's data: text with its type digit, or bytes.
fn data(message: &Value) -> Result<String, Vec<u8>> {
    assert_eq!(message[0], "message");
    match &message[1] {
        Value::String(text) => Ok(format!("4{text}")),
        binary => Err(unhex(binary["hex"].as_str().unwrap())),
    }
}

#[test]
fn the_recorded_key_is_accepted() {
    let codecs = codecs("sec_websocket_key");
    assert_eq!(codecs.len(), 1);
    for (name, codec) in codecs {
        let accept = websocket::accept(codec["sec_websocket_key"].as_str().unwrap());
        assert_eq!(accept.as_deref(), codec["sec_websocket_accept"].as_str(), "{name}");
    }
}

#[test]
fn recorded_payloads_are_written_and_read_as_the_reference_does() {
    let codecs = codecs("eio3_payload");
    assert_eq!(codecs.len(), 3);
    for (name, codec) in codecs {
        let messages: Vec<_> = codec["eio3_payload"].as_array().unwrap().iter().map(data).collect();
        let units = messages.iter().map(|data| match data {
            Ok(text) => Unit::Text(text),
            Err(bytes) => Unit::Binary(bytes),
        });
        let packets = messages.iter().map(|data| match data {
            Ok(text) => Packet::text(PacketType::Message, &text[1..]),
            Err(bytes) => Packet::binary(bytes.as_slice()),
        });
        let packets: Vec<_> = packets.collect();
        if codec["supports_binary"] == true {
            let wire = unhex(codec["wire_hex"].as_str().unwrap());
            assert_eq!(encode(Framing::V3Binary, units), wire, "{name}");
            assert_eq!(decode_v3_binary(&wire).as_ref(), Ok(&packets), "{name}");
        } else {
            let wire = codec["wire"].as_str().unwrap().as_bytes();
            assert_eq!(encode(Framing::V3Text, units), wire, "{name}");
            assert_eq!(decode_v3_text(wire, &mut Dialect::default()).as_ref(), Ok(&packets), "{name}");
        }
    }
}
