//! Bytes out: one send of one piece. What the kernel does not take waits in the connection, and the house is told.

use bytes::Bytes;
use rustix::io::Errno;
use tidings_engineio::{Input, Link};

use super::Worker;
use super::conn::{Conn, Phase, State};
use crate::Door;
use crate::http::{Page, Reply};

impl<D: Door> Worker<D> {
    /// A session's write to its WebSocket.
    pub(super) fn write(&mut self, index: u32, bytes: Bytes) {
        if let Some((_, cork)) = self.turn.corked.as_mut().filter(|(corked, _)| *corked == index) {
            cork.extend_from_slice(&bytes);
            return;
        }
        self.numbers.writes += 1;
        self.put(index, bytes);
    }

    pub(super) fn uncork(&mut self) {
        if let Some((index, bytes)) = self.turn.corked.take() {
            self.numbers.writes += 1;
            self.put(index, bytes.into());
            // It may have been told that it is blocked.
            self.obey();
        }
    }

    /// Sends, or keeps what the kernel does not take.
    pub(super) fn put(&mut self, index: u32, bytes: Bytes) {
        let Some(conn) = self.conns.get(index) else { return };
        if conn.rest.is_some() {
            return self.hold(index, bytes);
        }
        if let Some(sent) = self.send(index, &bytes) {
            self.hold(index, bytes.slice(sent..));
            self.numbers.blocked += 1;
            if let Some(State::Socket(socket)) = self.conns.get(index).map(|conn| &conn.state)
                && socket.link == Link::Socket
            {
                let slot = socket.slot;
                self.parts.door.input(self.turn.now, slot, Input::Blocked);
            }
        }
    }

    /// None: all of it has left. Some: so much was taken, and what is to be held waits behind it; with TLS that may be nothing,
    /// while what was taken waits for the kernel. An error takes everything: the connection's end is an event of its own.
    pub(super) fn send(&mut self, index: u32, bytes: &[u8]) -> Option<usize> {
        let conn = self.conns.get(index)?;
        let sent = match conn.send(bytes) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                self.come_back(index);
                return None;
            }
        };
        let waits = sent < bytes.len() || conn.is_blocked();
        self.numbers.bytes_out += sent as u64;
        waits.then_some(sent)
    }

    /// Keeps bytes until the kernel takes them.
    pub(super) fn hold(&mut self, index: u32, bytes: Bytes) {
        let Some(conn) = self.conns.get(index) else { return };
        if conn.keep(bytes) {
            self.conns.arm(index);
        } else {
            self.numbers.overrun += 1;
            self.lose(index);
        }
    }

    /// The kernel takes bytes again.
    pub(super) fn write_rest(&mut self, index: u32) {
        loop {
            let Some(conn) = self.conns.get(index) else { return };
            if conn.rest.is_none() {
                return;
            }
            match conn.send_rest() {
                Some(Ok(sent)) => self.numbers.bytes_out += sent as u64,
                Some(Err(_)) => return,
                None if conn.is_blocked() => return,
                None => break,
            }
        }
        self.drained(index);
    }

    fn drained(&mut self, index: u32) {
        let Some(conn) = self.conns.get(index) else { return };
        conn.rest = None;
        match &conn.state {
            State::Http(http) => {
                if let Phase::Sending { ends } = http.phase {
                    self.answered(index, ends);
                }
            }
            State::Socket(socket) if socket.link == Link::Socket => {
                let slot = socket.slot;
                self.parts.door.input(self.turn.now, slot, Input::Drained);
                self.settle();
            }
            State::Socket(_) => {}
            State::Closing => self.end_writing(index),
        }
    }

    /// Ends a connection after what was written to it.
    pub(super) fn finish(&mut self, index: u32) {
        if self.turn.corked.as_ref().is_some_and(|(corked, _)| *corked == index) {
            self.uncork_quietly();
        }
        let Some(conn) = self.conns.get(index) else { return };
        conn.state = State::Closing;
        conn.kept = None;
        // What is in the kernel is read away.
        let (unread, waits) = (std::mem::take(&mut conn.unread), conn.rest.is_some());
        if waits {
            self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.sending);
        } else {
            self.end_writing(index);
        }
        if unread {
            self.come_back(index);
        }
    }

    /// Ends a connection with these bytes. Its session knows it no more.
    pub(super) fn say_last(&mut self, index: u32, bytes: Bytes) {
        if self.turn.corked.as_ref().is_some_and(|(corked, _)| *corked == index) {
            self.uncork_quietly();
        }
        if let Some(conn) = self.conns.get(index) {
            conn.state = State::Closing;
        }
        self.put(index, bytes);
        self.finish(index);
    }

    /// As `uncork`, within the outputs of the opening itself.
    fn uncork_quietly(&mut self) {
        if let Some((index, bytes)) = self.turn.corked.take() {
            self.put(index, bytes.into());
        }
    }

    fn end_writing(&mut self, index: u32) {
        let Some(conn) = self.conns.get(index) else { return };
        if conn.end_writing().is_err() {
            self.drop_conn(index);
            return;
        }
        self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.linger);
    }

    /// The connection is closed. Its session, if it has one, is the caller's affair.
    pub(super) fn drop_conn(&mut self, index: u32) -> Option<Conn> {
        let conn = self.conns.remove(index)?;
        self.forget();
        Some(conn)
    }

    pub(super) fn connection_timeout(&mut self, index: u32) {
        let Some(conn) = self.conns.get(index) else { return };
        let is_late = match &conn.state {
            State::Http(http) => matches!(http.phase, Phase::Head { begun: true } | Phase::Body(_)),
            State::Socket(_) => return,
            State::Closing => false,
        };
        let collected = match conn.phase() {
            Some(Phase::Body(collect)) => collect.session(),
            _ => None,
        };
        self.stop_collecting(index, collected);
        if is_late {
            self.answer(index, Page::Status(408), &Reply::closing());
        } else {
            self.drop_conn(index);
        }
    }

    /// A stopping worker's connections without a request.
    pub(super) fn close_idle(&mut self) {
        for index in self.conns.indices() {
            if let Some(Phase::Head { begun: false }) = self.conns.get(index).and_then(Conn::phase) {
                self.finish(index);
            }
        }
    }
}
