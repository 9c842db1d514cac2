//! A WebSocket client that shows exactly what came.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tidings_engineio::websocket::client::{Reader, frame};
use tidings_engineio::websocket::{Message, Opcode};

use crate::web::{Answer, Web};

/// What a WebSocket brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
}

/// An open WebSocket.
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
    reader: Reader,
}

impl Socket {
    /// Err: the answer that refused it.
    pub(crate) fn open(addr: SocketAddr, target: &str) -> io::Result<Result<Self, Answer>> {
        let mut web = Web::connect(addr)?;
        web.write(format!(
            "GET {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))?;
        let answer = web.answer()?;
        if answer.status != 101 {
            return Ok(Err(answer));
        }
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Ok(Ok(Self::over(web)))
    }

    /// After a 101.
    pub(crate) fn over(web: Web) -> Self {
        Self { stream: web.stream, read: web.read, reader: Reader::new() }
    }

    pub(crate) fn send(&mut self, text: &str) -> io::Result<()> {
        self.write(Opcode::Text, text.as_bytes())
    }

    pub(crate) fn write(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(opcode, payload, [0x1f, 0x2e, 0x3d, 0x4c]))
    }

    /// The next frame; `TimedOut` where none comes in time, `UnexpectedEof` (or a reset) where the connection ends.
    #[expect(clippy::disallowed_methods, reason = "a test's patience")]
    pub(crate) fn next(&mut self, within: Duration) -> io::Result<Frame> {
        let end = Instant::now() + within;
        loop {
            if let Some(frame) = self.whole() {
                return Ok(frame);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.read.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
                Err(error) => return Err(error),
            }
        }
    }

    fn whole(&mut self) -> Option<Frame> {
        let (used, message) = self.reader.read(&mut self.read, usize::MAX).unwrap_or_else(|violation| panic!("{violation}"))?;
        let frame = match message? {
            Message::Text(text) => Frame::Text(text.to_owned()),
            Message::Binary(bytes) => Frame::Binary(bytes.to_vec()),
            Message::Ping(data) => Frame::Ping(data.to_vec()),
            Message::Pong(data) => Frame::Pong(data.to_vec()),
            Message::Close(code) => Frame::Close(code),
        };
        self.read.drain(..used);
        Some(frame)
    }
}
