//! One device: an Engine.IO 4 client on a WebSocket that joins, registers where its role says so, and answers pings.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tidings_engineio::websocket::{Message, Opcode, client};

use super::Heard;
use crate::wire;

/// What a client's frames are masked with: any key will do, a fixed one keeps the generator cheap.
const MASK: [u8; 4] = *b"tdng";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Joined to `/`, never registered.
    Idle,
    /// Registered as `u<number>`.
    Registered,
}

pub(crate) struct Device {
    pub(super) fd: OwnedFd,
    role: Role,
    upgraded: bool,
    reader: client::Reader,
    /// The front of a frame whose rest is still to come.
    partial: Vec<u8>,
}

impl Device {
    pub(super) fn new(fd: OwnedFd, role: Role) -> Self {
        Self { fd, role, upgraded: false, reader: client::Reader::new(), partial: Vec::new() }
    }

    pub(super) fn hear(&mut self, number: usize, scratch: &mut [u8], heard: &mut Vec<Heard>) -> io::Result<()> {
        let kept = self.partial.len();
        scratch[..kept].copy_from_slice(&self.partial);
        let len = match rustix::net::recv(&self.fd, &mut scratch[kept..], RecvFlags::empty()) {
            Ok((len, _)) if len > 0 => kept + len,
            Err(Errno::AGAIN) => return Ok(()),
            Ok(_) | Err(_) => {
                heard.push(Heard::Lost);
                return Ok(());
            }
        };
        self.partial.clear();
        let Some(start) = self.past_head(&scratch[..len])? else {
            self.partial.extend_from_slice(&scratch[..len]);
            return Ok(());
        };
        let used = self.frames(number, &mut scratch[start..len], heard)?;
        self.partial.extend_from_slice(&scratch[start + used..len]);
        Ok(())
    }

    /// Where the frames begin; none: the answer to the handshake is not whole.
    fn past_head(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        if self.upgraded {
            return Ok(Some(0));
        }
        let Some(end) = wire::head_end(bytes) else { return Ok(None) };
        if !bytes.starts_with(b"HTTP/1.1 101 ") {
            return Err(io::Error::other(String::from_utf8_lossy(bytes).into_owned()));
        }
        self.upgraded = true;
        Ok(Some(end))
    }

    fn frames(&mut self, number: usize, bytes: &mut [u8], heard: &mut Vec<Heard>) -> io::Result<usize> {
        let mut at = 0;
        loop {
            let taken = self.reader.read(&mut bytes[at..], wire::BUFFER).map_err(|why| io::Error::other(why.to_string()))?;
            let Some((used, message)) = taken else { return Ok(at) };
            at += used;
            match message {
                Some(Message::Text(text)) => hear_text(&self.fd, (number, self.role), text, heard)?,
                Some(Message::Close(_)) => heard.push(Heard::Lost),
                _ => {}
            }
        }
    }
}

fn hear_text(fd: &OwnedFd, who: (usize, Role), text: &str, heard: &mut Vec<Heard>) -> io::Result<()> {
    let (device, role) = who;
    if text == "2" {
        return say(fd, "3");
    }
    if let Some(number) = wire::between(text.as_bytes(), b"#", b'#').and_then(wire::number) {
        heard.push(Heard::Message { device, number });
    } else if text.starts_with("0{") {
        return say(fd, "40");
    } else if text.starts_with("40") && role == Role::Registered {
        return say(fd, &format!(r#"42["register",{{"data":"u{device}"}}]"#));
    } else if text.starts_with("40") || text.starts_with(r#"42["_register","#) {
        heard.push(Heard::Ready);
    } else {
        return Err(io::Error::other(format!("unexpected: {text}")));
    }
    Ok(())
}

fn say(fd: &OwnedFd, text: &str) -> io::Result<()> {
    wire::send(fd, &client::frame(Opcode::Text, text.as_bytes(), MASK))
}
