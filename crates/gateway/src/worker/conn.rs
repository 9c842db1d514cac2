//! One connection: what it is at the moment, what of its bytes waits to be read, what waits for the kernel.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown};
use tidings_engineio::websocket::Reader;
use tidings_engineio::{Exchange, Form, Link, Sid};

use crate::Slot;
use crate::crowd::Place;
use crate::http::{Body, Reply};
use crate::tls::Tls;

/// What a peer that does not read may leave in our memory; then it is closed.
pub(super) const REST_MAX: usize = 1024 * 1024;

/// Bytes that were read. One word in each of a hundred thousand connections, most of which keep nothing.
pub(super) type Kept = Box<Vec<u8>>;

#[derive(Debug)]
pub(crate) struct Conn {
    pub(super) fd: OwnedFd,
    /// Where connections of one address are counted: it counts until it is dropped.
    _place: Option<Box<Place>>,
    /// None: its bytes are as the kernel has them.
    pub(super) tls: Option<Box<Tls>>,
    /// Tells a late event of an earlier connection at this place from one of this.
    pub(super) generation: u32,
    pub(super) state: State,
    /// Bytes that were read and are not dealt with: a partial frame or head, requests behind one that waits.
    pub(super) kept: Option<Kept>,
    pub(super) rest: Option<Box<Rest>>,
    /// The kernel may have bytes that nobody asked for.
    pub(super) unread: bool,
    /// The epoll tells when it is writable.
    pub(super) armed: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Http(Box<Http>),
    Socket(Socket),
    /// Our last byte is said or waits in `rest`; whatever comes is dropped, until the peer ends it too.
    Closing,
}

/// A WebSocket of a session.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) slot: Slot,
    pub(super) link: Link,
    pub(super) reader: Reader,
}

#[derive(Debug)]
pub(super) struct Http {
    pub(super) peer: IpAddr,
    /// Workers that passed the current request on.
    pub(super) hops: u8,
    pub(super) phase: Phase,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Waits for a request; `begun`: a part of its head is there.
    Head {
        begun: bool,
    },
    Body(Box<Collect>),
    /// An open GET, or a POST in work.
    Waits {
        slot: Slot,
        exchange: Exchange,
        reply: Reply,
    },
    /// A visit that the house answers later.
    Visits {
        reply: Reply,
    },
    /// The kernel has not taken the whole answer.
    Sending {
        ends: bool,
    },
}

/// A body on its way in, and whose it is.
#[derive(Debug)]
pub(super) struct Collect {
    pub(super) what: What,
    pub(super) reply: Reply,
    pub(super) body: Body,
}

impl Collect {
    /// Whose POST it is; None: a visit.
    pub(super) fn session(&self) -> Option<Sid> {
        match &self.what {
            What::Post { sid, .. } => Some(*sid),
            What::Visit { .. } => None,
        }
    }
}

#[derive(Debug)]
pub(super) enum What {
    Post { sid: Sid, form: Form, jsonp: bool },
    Visit { method: Box<str>, path: Box<str>, query: Box<str> },
}

/// What the kernel did not take.
#[derive(Debug, Default)]
pub(super) struct Rest {
    queue: VecDeque<Bytes>,
    len: usize,
}

impl Rest {
    /// False: it would be too much.
    pub(super) fn push(&mut self, bytes: Bytes) -> bool {
        if self.len > 0 && self.len + bytes.len() > REST_MAX {
            return false;
        }
        self.len += bytes.len();
        self.queue.push_back(bytes);
        true
    }

    pub(super) fn first(&self) -> Option<&Bytes> {
        self.queue.front()
    }

    /// The kernel took `taken` of the first one.
    pub(super) fn advance(&mut self, taken: usize) {
        self.len -= taken;
        if let Some(first) = self.queue.front_mut() {
            bytes::Buf::advance(first, taken);
            if first.is_empty() {
                self.queue.pop_front();
            }
        }
    }
}

impl Conn {
    pub(super) fn http(fd: OwnedFd, tls: Option<Box<Tls>>, peer: IpAddr, place: Option<Box<Place>>) -> Self {
        let http = Http { peer, hops: 0, phase: Phase::Head { begun: false } };
        let state = State::Http(Box::new(http));
        Self { fd, _place: place, tls, generation: 0, state, kept: None, rest: None, unread: false, armed: false }
    }

    /// As recv(2), without waiting.
    pub(super) fn recv(&mut self, into: &mut [u8]) -> Result<usize, Errno> {
        match &mut self.tls {
            None => rustix::net::recv(&self.fd, into, RecvFlags::empty()).map(|(len, _)| len),
            Some(tls) => tls.recv(&self.fd, into),
        }
    }

    /// Reads behind what `kept` holds, into its spare room.
    pub(super) fn recv_more(&mut self, kept: &mut Vec<u8>) -> Result<usize, Errno> {
        let Some(tls) = &mut self.tls else {
            return rustix::net::recv(&self.fd, rustix::buffer::spare_capacity(kept), RecvFlags::empty()).map(|(_, len)| len);
        };
        let held = kept.len();
        kept.resize(kept.capacity(), 0);
        let read = tls.recv(&self.fd, &mut kept[held..]);
        kept.truncate(held + read.unwrap_or(0));
        read
    }

    /// As send(2), without waiting. What was taken may still wait for the kernel: see `is_blocked`.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        match &mut self.tls {
            None => rustix::net::send(&self.fd, bytes, SendFlags::NOSIGNAL),
            Some(tls) => tls.send(&self.fd, bytes),
        }
    }

    /// Sends the first of what waits; None: nothing does.
    pub(super) fn send_rest(&mut self) -> Option<Result<usize, Errno>> {
        let rest = self.rest.as_mut()?;
        let first = rest.first()?;
        let sent = match &mut self.tls {
            None => rustix::net::send(&self.fd, first, SendFlags::NOSIGNAL),
            Some(tls) => tls.send(&self.fd, first),
        };
        if let Ok(sent) = sent {
            rest.advance(sent);
        }
        Some(sent)
    }

    /// Bytes that were taken wait for the kernel.
    pub(super) fn is_blocked(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_blocked())
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// FIN, after the last word of TLS.
    pub(super) fn end_writing(&mut self) -> Result<(), Errno> {
        if let Some(tls) = &mut self.tls {
            tls.say_goodbye(&self.fd);
        }
        rustix::net::shutdown(&self.fd, Shutdown::Write)
    }

    /// Whether bytes are wanted now.
    pub(super) fn reads(&self) -> bool {
        match &self.state {
            State::Http(http) => matches!(http.phase, Phase::Head { .. } | Phase::Body(_)),
            State::Socket(_) | State::Closing => true,
        }
    }

    pub(super) fn phase(&mut self) -> Option<&mut Phase> {
        match &mut self.state {
            State::Http(http) => Some(&mut http.phase),
            State::Socket(_) | State::Closing => None,
        }
    }

    /// Adds to what waits; false where that is too much.
    pub(super) fn keep(&mut self, bytes: Bytes) -> bool {
        self.rest.get_or_insert_default().push(bytes)
    }

    /// Keeps what was read and not dealt with.
    pub(super) fn keep_unread(&mut self, bytes: &[u8]) {
        self.kept = if bytes.is_empty() { None } else { Some(Box::new(bytes.to_vec())) };
    }
}
