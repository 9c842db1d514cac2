//! One business server's keep-alive connection: one request outstanding at a time.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::RecvFlags;

use crate::wire;

/// Of `data`, in bytes: what every run sends.
const PAYLOAD: usize = 100;

pub(crate) struct Caller {
    pub(super) fd: OwnedFd,
    host: SocketAddr,
    partial: Vec<u8>,
}

/// Whom a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To {
    All,
    Uid(usize),
}

impl Caller {
    pub(super) fn connect(backend: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(backend)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { fd: stream.into(), host: backend, partial: Vec::new() })
    }

    /// `POST /message` with 100 bytes of data that carry `number`.
    pub(crate) fn post(&mut self, to: To, number: usize) -> io::Result<()> {
        let data = format!("#{number}#{}", "x".repeat(PAYLOAD));
        let data = &data[..PAYLOAD];
        let body = match to {
            To::All => format!(r#"{{"data":"{data}"}}"#),
            To::Uid(uid) => format!(r#"{{"data":"{data}","uid":"u{uid}"}}"#),
        };
        let head = format!("POST /message HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n", self.host);
        wire::send(&self.fd, format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }

    /// The status of an answer that is whole.
    pub(super) fn hear(&mut self, scratch: &mut [u8]) -> io::Result<Option<u16>> {
        let (len, _) = rustix::net::recv(&self.fd, &mut *scratch, RecvFlags::empty())?;
        if len == 0 {
            return Err(io::Error::other("the server hung up on a caller"));
        }
        self.partial.extend_from_slice(&scratch[..len]);
        let Some(head) = wire::head_end(&self.partial) else { return Ok(None) };
        let text = String::from_utf8_lossy(&self.partial[..head]).to_ascii_lowercase();
        let body = wire::between(text.as_bytes(), b"content-length: ", b'\r').and_then(wire::number).unwrap_or(0);
        if self.partial.len() < head + body {
            return Ok(None);
        }
        self.partial.clear();
        let status = wire::between(text.as_bytes(), b"http/1.1 ", b' ').and_then(wire::number);
        status.and_then(|status| u16::try_from(status).ok()).map(Some).ok_or_else(|| io::Error::other("no status"))
    }
}
