//! A client made of plain sockets: it says exactly what it is told, and shows exactly what came.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tidings_engineio::websocket::client::{Reader, frame};
use tidings_engineio::websocket::{Message, Opcode};

/// An HTTP answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection on which requests are made and answers read.
pub(crate) struct Web {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Web {
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        Ok(Self { stream, read: Vec::new() })
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// A whole answer, with a body by Content-Length.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|part| part == b"\r\n\r\n") {
                break end + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        self.read.drain(..end);
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let mut answer = Answer { status: status.unwrap_or(0), headers: headers.collect(), body: Vec::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.read.len() < length {
            self.more()?;
        }
        answer.body = self.read.drain(..length).collect();
        Ok(answer)
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => {
                self.read.extend_from_slice(&buffer[..len]);
                Ok(())
            }
        }
    }

    /// After a 101.
    pub(crate) fn into_socket(self) -> Socket {
        Socket { stream: self.stream, read: self.read, reader: Reader::new() }
    }

    /// Nothing comes but the end.
    pub(crate) fn is_ended(&mut self) -> bool {
        self.read.is_empty() && matches!(self.more(), Err(error) if error.kind() != io::ErrorKind::WouldBlock)
    }
}

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
        Ok(Ok(web.into_socket()))
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
        let (used, message) = self.reader.read(&mut self.read, usize::MAX).expect("a server's frames")?;
        let frame = match message.expect("a server does not fragment") {
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
