//! What is asked of the server beside the load: one call, one connection, JSON both ways.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::wire;

/// The answer's body; an answer that is no 2xx is an error that tells it.
pub(crate) fn call(backend: SocketAddr, request: &str, body: &str) -> io::Result<Value> {
    let mut stream = TcpStream::connect(backend)?;
    let head = format!("{request} HTTP/1.1\r\nHost: {backend}\r\nConnection: close\r\nContent-Type: application/json\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let broken = || io::Error::other(format!("{request}: {}", String::from_utf8_lossy(&answer)));
    let start = wire::head_end(&answer).ok_or_else(broken)?;
    if !answer.starts_with(b"HTTP/1.1 2") {
        return Err(broken());
    }
    serde_json::from_slice(&answer[start..]).map_err(|_| broken())
}
