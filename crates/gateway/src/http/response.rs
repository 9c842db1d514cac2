//! Answers: head and body in one piece, for one write.

use std::io::Write as _;

use tidings_engineio::{Content, Fault, Response};

use super::Cors;

/// What an answer needs to know of its request. Kept while a GET is held, so it is small.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one request")]
pub struct Reply {
    /// The caller's origin, if it is admitted and echoed.
    pub origin: Option<Box<str>>,
    /// The connection ends with this answer.
    pub close: bool,
    /// HTTP/1.0.
    pub old: bool,
    /// HEAD: the length of the body, not the body.
    pub bodiless: bool,
    /// MSIE or Trident, whose XSS filter takes JSONP for an attack.
    pub explorer: bool,
    /// It asked for a WebSocket: faults are plain text, and end the connection.
    pub upgrade: bool,
}

impl Reply {
    pub(crate) const fn closing() -> Self {
        Self { origin: None, close: true, old: false, bodiless: false, explorer: false, upgrade: false }
    }

    pub fn ends(&self) -> bool {
        self.close || self.upgrade
    }
}

/// An answer of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Fault(Fault),
    /// Refused by policy: in the JSON form, also for an Upgrade.
    Forbidden,
    Status(u16),
    /// `/healthz`; not well: the door is closing.
    Health {
        well: bool,
    },
}

/// Appends the whole answer to `out`.
pub fn render(out: &mut Vec<u8>, reply: &Reply, cors: &Cors, response: &Response) {
    let kind = match response.content {
        Content::Text => "text/plain; charset=UTF-8",
        Content::Octets => "application/octet-stream",
        Content::Script => "text/javascript; charset=UTF-8",
        Content::Json => "application/json",
    };
    begin(out, reply, cors, response.status);
    if let Some(location) = &response.location {
        // A header cannot be broken out of: the location is made from a request target, which holds no control characters.
        let _ = write!(out, "Location: {location}\r\n");
    }
    finish(out, reply, kind, &response.body);
}

impl Page {
    pub fn render(self, out: &mut Vec<u8>, reply: &Reply, cors: &Cors) {
        match self {
            Self::Fault(fault) if reply.upgrade => {
                begin(out, reply, cors, fault.status());
                finish(out, reply, "text/html", fault.message().as_bytes());
            }
            Self::Fault(fault) => render(out, reply, cors, &fault.response()),
            Self::Forbidden => render(out, reply, cors, &Fault::Forbidden.response()),
            Self::Status(status) => {
                begin(out, reply, cors, status);
                match status {
                    405 => out.extend_from_slice(b"Allow: GET, HEAD\r\n"),
                    426 => out.extend_from_slice(b"Sec-WebSocket-Version: 13\r\n"),
                    503 => out.extend_from_slice(b"Retry-After: 5\r\n"),
                    _ => {}
                }
                finish(out, reply, "text/plain; charset=UTF-8", reason(status).as_bytes());
            }
            Self::Health { well } => {
                begin(out, reply, cors, if well { 200 } else { 503 });
                let body: &[u8] = if well { b"{\"status\":\"ok\"}" } else { b"{\"status\":\"draining\"}" };
                finish(out, reply, "application/json", body);
            }
        }
    }
}

/// The answer to a visit.
pub fn render_document(out: &mut Vec<u8>, reply: &Reply, cors: &Cors, document: &crate::Document) {
    begin(out, reply, cors, document.status);
    finish(out, reply, document.content_type, &document.body);
}

/// The answer to an OPTIONS; `headers` are granted as requested.
pub fn render_preflight(out: &mut Vec<u8>, reply: &Reply, cors: &Cors, headers: Option<&str>) {
    begin(out, reply, cors, 204);
    out.extend_from_slice(b"Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE\r\nVary: Access-Control-Request-Headers\r\n");
    if let Some(headers) = headers {
        let _ = write!(out, "Access-Control-Allow-Headers: {headers}\r\n");
    }
    // Some browsers wait for a body without it.
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

pub fn render_switch(out: &mut Vec<u8>, accept: &str) {
    let _ = write!(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
}

pub fn render_continue(out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
}

fn begin(out: &mut Vec<u8>, reply: &Reply, cors: &Cors, status: u16) {
    let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason(status));
    if reply.ends() {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if reply.old {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    match (&reply.origin, cors) {
        (_, Cors::Star) => out.extend_from_slice(b"Access-Control-Allow-Origin: *\r\n"),
        (Some(origin), Cors::Any | Cors::These(_)) => {
            let _ = write!(out, "Access-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\nVary: Origin\r\n");
        }
        (None, Cors::Any | Cors::These(_)) => out.extend_from_slice(b"Vary: Origin\r\n"),
    }
    if reply.explorer {
        out.extend_from_slice(b"X-XSS-Protection: 0\r\n");
    }
    out.extend_from_slice(b"cache-control: no-store\r\n");
}

fn finish(out: &mut Vec<u8>, reply: &Reply, kind: &str, body: &[u8]) {
    let _ = write!(out, "Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    if !reply.bodiless {
        out.extend_from_slice(body);
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        410 => "Gone",
        411 => "Length Required",
        413 => "Payload Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Unknown",
    }
}
