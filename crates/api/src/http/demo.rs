//! The demo page: a backend and a device in one browser tab, with the way of each message between them.
//!
//! It is a guest of the HTTP face: static files, and where the devices' door is. It sends, listens and reads the outbox
//! through the same doors as everyone, and is served only where the operator asked for it.

use std::net::SocketAddr;

use axum::extract::{Path, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use tidings_model::{Code, EventId};

use super::{Face, answer};
use crate::error::Failure;
use tidings_json::Object;

/// Where the page's device connects.
#[derive(Clone, Debug)]
pub struct Demo {
    pub devices: SocketAddr,
    pub path: String,
}

const PAGE: &str = include_str!("../../demo/index.html");

/// Name, type, content.
const FILES: [(&str, &str, &str); 5] = [
    ("demo.css", "text/css; charset=utf-8", include_str!("../../demo/demo.css")),
    ("demo.js", "text/javascript; charset=utf-8", include_str!("../../demo/demo.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../demo/icon.svg")),
    ("socket.io.min.js", "text/javascript; charset=utf-8", include_str!("../../demo/socket.io.min.js")),
    ("socket.io.LICENSE", "text/plain; charset=utf-8", include_str!("../../demo/socket.io.LICENSE")),
];

/// The page runs its own files only; its device may connect anywhere, as the devices' door is another origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src *; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) async fn page() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)], PAGE).into_response()
}

pub(crate) async fn file(Path(name): Path<String>) -> Result<Response, Failure> {
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, kind, content) = found.ok_or_else(|| Failure::new(Code::NotFound, "the demo has no such file"))?;
    const SNIFF: HeaderName = header::X_CONTENT_TYPE_OPTIONS;
    Ok(([(header::CONTENT_TYPE, *kind), (SNIFF, "nosniff"), (header::CACHE_CONTROL, "no-cache")], *content).into_response())
}

/// Where the device connects, and from where on the outbox tells what happens after the page was opened.
pub(crate) async fn settings(State(face): State<Face>) -> Result<Response, Failure> {
    let demo = face.demo.as_ref().ok_or_else(|| Failure::new(Code::NotFound, "the demo is off"))?;
    // An unspecified address is reached by the name that the page itself was reached by.
    let devices = (!demo.devices.ip().is_unspecified()).then(|| format!("http://{}", demo.devices));
    let cursor = EventId { at: face.executor.durable(), n: u32::MAX };
    let body = Object::new()
        .text_or_null("devices", devices.as_deref())
        .raw("devices_port", demo.devices.port())
        .text("path", &demo.path)
        .text("cursor", &cursor.to_string())
        .finish();
    Ok(answer::json(body))
}
