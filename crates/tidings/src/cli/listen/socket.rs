//! A WebSocket to the server, blocking; a silence longer than a heartbeat ends it.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tidings_engineio::websocket::{Message, Opcode, accept, client};
use tidings_model::DeviceId;

use super::super::url::Url;

/// Until the server has said how often it speaks.
const PATIENCE: Duration = Duration::from_secs(30);
const MESSAGE_MAX: usize = 16 << 20;
const HEAD_MAX: usize = 16 << 10;
/// 16 bytes in base64; a client that checks nothing needs no secret.
const KEY: &str = "dGlkaW5ncyBsaXN0ZW5zIQ==";

pub(super) struct Socket {
    stream: TcpStream,
    reader: client::Reader,
    /// Read, and not yet understood.
    bytes: Vec<u8>,
}

pub(super) enum Heard {
    Text(String),
    /// A control frame, or a part of a message.
    Nothing,
    End,
}

impl Socket {
    pub(super) fn connect(url: &Url, device: Option<&DeviceId>) -> io::Result<Self> {
        let stream = TcpStream::connect(&url.connect)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut socket = Self { stream, reader: client::Reader::new(), bytes: Vec::new() };
        socket.stream.write_all(handshake(url, device).as_bytes())?;
        socket.upgraded()?;
        Ok(socket)
    }

    /// Reads the server's head; what stands behind it is the WebSocket's.
    fn upgraded(&mut self) -> io::Result<()> {
        let end = loop {
            if let Some(at) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.bytes.len() > HEAD_MAX || !self.fill()? {
                return Err(broken("the server did not answer the upgrade"));
            }
        };
        let head: Vec<u8> = self.bytes.drain(..end).collect();
        let head = String::from_utf8_lossy(&head);
        let accepted = accept(KEY).is_some_and(|accept| head.contains(&accept));
        if head.starts_with("HTTP/1.1 101 ") && accepted { Ok(()) } else { Err(broken(head.lines().next().unwrap_or("no WebSocket"))) }
    }

    pub(super) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    pub(super) fn send(&mut self, text: &str) -> io::Result<()> {
        self.write(Opcode::Text, text.as_bytes())
    }

    fn write(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut key = [0; 4];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        self.stream.write_all(&client::frame(opcode, payload, key))
    }

    /// One frame; blocks until it is there.
    pub(super) fn hear(&mut self) -> io::Result<Heard> {
        loop {
            let taken = self.reader.read(&mut self.bytes, MESSAGE_MAX).map_err(|why| broken(&format!("bad frame: {why:?}")))?;
            if let Some((len, message)) = taken {
                let (heard, pong) = understood(message);
                self.bytes.drain(..len);
                if let Some(payload) = pong {
                    self.write(Opcode::Pong, &payload)?;
                }
                return Ok(heard);
            }
            if !self.fill()? {
                return Ok(Heard::End);
            }
        }
    }

    /// More bytes; false: the server has ended.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 << 10];
        let read = self.stream.read(&mut chunk).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => broken("the server is silent"),
            _ => error,
        })?;
        self.bytes.extend_from_slice(&chunk[..read]);
        Ok(read > 0)
    }
}

/// What a message is to us, and the pong it asks for.
fn understood(message: Option<Message<'_>>) -> (Heard, Option<Vec<u8>>) {
    match message {
        Some(Message::Text(text)) => (Heard::Text(text.to_owned()), None),
        Some(Message::Ping(payload)) => (Heard::Nothing, Some(payload.to_vec())),
        Some(Message::Close(_)) => (Heard::End, None),
        Some(Message::Binary(_) | Message::Pong(_)) | None => (Heard::Nothing, None),
    }
}

fn handshake(url: &Url, device: Option<&DeviceId>) -> String {
    let path = if url.path.is_empty() { "/socket.io" } else { &url.path };
    let mut query = String::from("EIO=4&transport=websocket");
    if let Some(device) = device {
        query.push_str("&device=");
        percent_encode(&mut query, device.as_str());
    }
    format!(
        "GET {path}/?{query} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
         User-Agent: tidings-listen\r\n\r\n",
        url.authority
    )
}

fn percent_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
