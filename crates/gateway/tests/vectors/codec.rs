//! The vectors that need no server.

use serde_json::Value;
use tidings_engineio::polling::{Framing, Unit, decode_v3_binary, decode_v3_text, encode};
use tidings_engineio::{Data, Packet, PacketType, polling, websocket};
use tidings_json::Json;

use crate::expect::hex;

pub(crate) fn check(codec: &Value) -> Result<(), String> {
    if let Some(key) = codec["sec_websocket_key"].as_str() {
        same(websocket::accept(key).as_deref(), codec["sec_websocket_accept"].as_str())
    } else if codec.get("packet").is_some() {
        packet(&codec["packet"], codec["wire"].as_str().ok_or("no wire")?)
    } else if codec.get("eio3_payload").is_some() {
        payload(codec)
    } else {
        Err("an unknown codec".to_owned())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(came: T, expected: T) -> Result<(), String> {
    if came == expected { Ok(()) } else { Err(format!("{came:?} instead of {expected:?}")) }
}

fn packet(fields: &Value, wire: &str) -> Result<(), String> {
    let text = wire.strip_prefix('4').ok_or("no message")?;
    let decoded = tidings_socketio::decode(text).map_err(|error| format!("{error:?}"))?;
    same(Some(decoded.kind as u64), fields["type"].as_u64())?;
    same(Some(decoded.namespace), fields["nsp"].as_str())?;
    same(decoded.id, fields["id"].as_u64())?;
    let data = fields.get("data").map(|data| Json::parse(data.to_string().as_bytes()).map_err(|error| format!("{error:?}"))).transpose()?;
    same(decoded.data.as_ref().map(Json::as_str), data.as_ref().map(Json::as_str))?;
    same(tidings_socketio::encode(&decoded).as_str(), text)
}

fn payload(codec: &Value) -> Result<(), String> {
    let messages: Vec<Data<'static>> =
        codec["eio3_payload"].as_array().ok_or("no payload")?.iter().map(|message| data(&message[1])).collect();
    let binary = codec["supports_binary"].as_bool() == Some(true);
    let wire = match codec["wire_hex"].as_str() {
        Some(text) => hex(text),
        None => codec["wire"].as_str().ok_or("no wire")?.as_bytes().to_vec(),
    };
    let texts: Vec<String> =
        messages.iter().map(|data| if let Data::Text(text) = data { format!("4{text}") } else { String::new() }).collect();
    let units = messages.iter().zip(&texts).map(|(data, text)| match data {
        Data::Text(_) => Unit::Text(text),
        Data::Binary(bytes) => Unit::Binary(bytes),
    });
    same(encode(if binary { Framing::V3Binary } else { Framing::V3Text }, units), wire.clone())?;
    let decoded = if binary { decode_v3_binary(&wire) } else { decode_v3_text(&wire, &mut polling::Dialect::default()) };
    let packets: Vec<_> = messages.into_iter().map(|data| Packet { kind: PacketType::Message, data }).collect();
    same(decoded.map_err(|_| "it cannot be decoded")?, packets)
}

fn data(value: &Value) -> Data<'static> {
    match value.as_str() {
        Some(text) => Data::Text(text.to_owned().into()),
        None => Data::Binary(hex(value["hex"].as_str().unwrap_or_default()).into()),
    }
}
