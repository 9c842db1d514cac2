//! The recorded packets that need no server: written and read.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use serde_json::Value;
use tidings_json::Json;
use tidings_socketio::{Packet, PacketType, decode, encode};

const VECTORS: &str = include_str!("../../../e2e/vectors/wire_vectors.json");

fn packet(vector: &Value) -> Packet<'_> {
    let kind = match vector["type"].as_u64().unwrap() {
        0 => PacketType::Connect,
        1 => PacketType::Disconnect,
        2 => PacketType::Event,
        4 => PacketType::ConnectError,
        other => panic!("no vector had type {other}"),
    };
    let data = vector.get("data").map(|data| Json::parse(data.to_string().as_bytes()).unwrap());
    Packet { id: vector["id"].as_u64(), data, ..Packet::new(kind, vector["nsp"].as_str().unwrap()) }
}

#[test]
fn recorded_packets_are_written_and_read_as_the_reference_does() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut seen = 0;
    for vector in file["vectors"].as_array().unwrap().iter().filter(|vector| vector["codec"]["packet"].is_object()) {
        let (packet, wire) = (packet(&vector["codec"]["packet"]), vector["codec"]["wire"].as_str().unwrap());
        assert_eq!(format!("4{}", encode(&packet)), wire, "{}", vector["name"]);
        assert_eq!(decode(&wire[1..]).as_ref(), Ok(&packet), "{}", vector["name"]);
        seen += 1;
    }
    assert_eq!(seen, 7);
}
