//! A body for each parser that reads a stranger's bytes: it panics where they break a promise of ours.
//!
//! Bodies are plain functions, so that any fuzzer can drive them; `corpus/<name>/` holds what each begins with, and the
//! tests replay that on the stable toolchain, as it is and mutated under fixed seeds. It is no fuzzer itself.

mod engineio;
mod ice;
mod json;
mod socketio;
mod websocket;

/// A body, and the folder of its corpus.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 14] = [
    ("engineio_packet", engineio::packet),
    ("engineio_sid", engineio::sid),
    ("ice_message", ice::message),
    ("json", json::text),
    ("polling_jsonp", engineio::jsonp),
    ("polling_v3_ascii", engineio::v3_ascii),
    ("polling_v3_binary", engineio::v3_binary),
    ("polling_v3_text", engineio::v3_text),
    ("polling_v4", engineio::v4),
    ("socketio_attachments", socketio::attachments),
    ("socketio_credentials", socketio::credentials),
    ("socketio_packet", socketio::packet),
    ("websocket_client_frames", websocket::client_frames),
    ("websocket_server_frames", websocket::server_frames),
];
