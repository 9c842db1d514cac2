//! Answers that no request leads to: a full house, and bytes that are no HTTP.

use tidings_model::Code;
use tokio::net::TcpStream;

use crate::error::{Failure, status};
use crate::http::answer::RequestIds;

/// hyper's buffer for a head.
pub(super) const HEAD_BYTES: usize = 64 << 10;
pub(super) const HEADERS: usize = 100;

/// Says why, as far as the socket takes it at once, and closes.
pub(super) fn full(stream: TcpStream, ids: &RequestIds) {
    let mut refusal = tidings_model::Refusal::new(Code::Overloaded, "too many connections are open; keep one and reuse it");
    refusal.retry_after_ms = Some(1000);
    // An empty socket buffer takes it; a peer that is gone needs no word.
    let _ = stream.try_write(&written(&refusal.into(), ids));
}

/// hyper refuses a head that it cannot read with a head alone. No answer of ours is one: they all have bodies.
pub(super) fn is_bare(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    text.starts_with("HTTP/1.1 4") && text.ends_with("\r\n\r\n") && text.contains("\r\ncontent-length: 0\r\n")
}

/// The same refusal with a code, a request id and a reason.
pub(super) fn in_our_words(bare: &[u8], ids: &RequestIds) -> Vec<u8> {
    let is_too_large = [&b"431"[..], b"414"].contains(&bare.get(9..12).unwrap_or_default());
    let failure = if is_too_large {
        Failure::new(
            Code::PayloadTooLarge,
            format!("the request's head is larger than {HEAD_BYTES} bytes, or has more than {HEADERS} lines"),
        )
    } else {
        Failure::new(Code::InvalidField, "that is no HTTP/1.1 request")
    };
    written(&failure, ids)
}

fn written(failure: &Failure, ids: &RequestIds) -> Vec<u8> {
    let id = ids.next();
    let body = failure.body(&id);
    let status = status(failure.code());
    let (kind, length) = ("application/json", body.len());
    format!("HTTP/1.1 {status} \r\ncontent-type: {kind}\r\ncontent-length: {length}\r\ntidings-request-id: {id}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}
