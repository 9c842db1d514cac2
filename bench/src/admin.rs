//! What is asked of the server beside the load: one call, one connection, JSON both ways.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wire;

/// A 2xx.
pub(crate) struct Reply {
    /// In lower case.
    head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// By its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
    }
}

/// The answer's JSON.
pub(crate) fn call(backend: SocketAddr, request: &str, body: &str) -> io::Result<Value> {
    let reply = exchange(backend, request, body)?;
    serde_json::from_slice(&reply.body).map_err(|error| io::Error::other(format!("{request}: {error}")))
}

/// An answer that is no 2xx is an error that tells it.
pub(crate) fn exchange(backend: SocketAddr, request: &str, body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(backend)?;
    let head = format!("{request} HTTP/1.1\r\nHost: {backend}\r\nConnection: close\r\nContent-Type: application/json\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = wire::head_end(&answer).filter(|_| answer.starts_with(b"HTTP/1.1 2"));
    let end = end.ok_or_else(|| io::Error::other(format!("{request}: {}", String::from_utf8_lossy(&answer))))?;
    let body = answer.split_off(end);
    Ok(Reply { head: String::from_utf8_lossy(&answer).to_ascii_lowercase(), body })
}
