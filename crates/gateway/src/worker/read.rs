//! Bytes in: from the kernel into the scratch buffer, and through the connection's state, message by message.

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use tidings_engineio::{Input, Link, websocket};

use super::Worker;
use super::conn::{Conn, Kept, Phase, State};
use crate::{Door, Slot};

/// Reads from one connection before the others have their turn.
const READS: usize = 4;
/// Handshakes that one turn works on.
const HANDSHAKES: u32 = 32;
/// A kept message grows by at least this.
const ROOM: usize = 4096;

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    /// There may be more.
    More,
    /// The kernel has no more.
    Dry,
    /// The connection has no use for bytes now, or is no more.
    Full,
    /// The peer has ended it.
    End,
}

impl<D: Door> Worker<D> {
    pub(super) fn connection_event(&mut self, index: u32, flags: EventFlags) {
        if flags.contains(EventFlags::OUT) {
            self.write_rest(index);
        }
        let broken = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        let ending = broken || flags.contains(EventFlags::RDHUP);
        if ending || flags.contains(EventFlags::IN) {
            self.read(index, ending);
        }
        // One that does not read now does not see its end.
        let Some(conn) = self.conns.get(index) else { return };
        let waits = matches!(conn.phase(), Some(Phase::Waits { .. } | Phase::Visits { .. }));
        if (broken && !conn.reads()) || (ending && waits) {
            self.ended(index);
        }
    }

    /// A connection that was left with bytes.
    pub(super) fn go_on(&mut self, index: u32) {
        let Some(conn) = self.conns.get(index) else { return };
        if let Some(mut kept) = conn.kept.take() {
            let used = self.consume(index, &mut kept);
            self.keep(index, kept, used);
            self.settle();
        }
        self.read(index, true);
    }

    /// `thoroughly`: until the kernel says that there is no more, or the end; otherwise a short read will do, for what comes
    /// later is another event.
    fn read(&mut self, index: u32, thoroughly: bool) {
        if !self.may_read(index) {
            return self.come_back(index);
        }
        let mut scratch = std::mem::take(&mut self.buffers.read);
        let mut got = Got::More;
        for _ in 0..READS {
            got = self.read_once(index, &mut scratch, thoroughly);
            if got != Got::More {
                break;
            }
        }
        self.buffers.read = scratch;
        self.listen_if_blocked(index);
        match got {
            Got::More => self.come_back(index),
            Got::End => self.ended(index),
            Got::Dry | Got::Full => {}
        }
    }

    /// A handshake costs a hundred times a read: in a storm of them the others have their turn in between.
    fn may_read(&mut self, index: u32) -> bool {
        let handshakes = self.conns.get(index).is_some_and(|conn| conn.is_handshaking());
        self.turn.handshakes += u32::from(handshakes);
        !handshakes || self.turn.handshakes <= HANDSHAKES
    }

    /// What TLS itself had to say may wait for the kernel.
    fn listen_if_blocked(&mut self, index: u32) {
        if self.conns.get(index).is_some_and(|conn| conn.is_blocked()) {
            self.hold(index, bytes::Bytes::new());
        }
    }

    /// It is read again in this or the next turn.
    pub(super) fn come_back(&mut self, index: u32) {
        if let Some(key) = self.conns.key(index) {
            self.turn.again.push(key);
        }
    }

    fn read_once(&mut self, index: u32, scratch: &mut [u8], thoroughly: bool) -> Got {
        let Some(conn) = self.conns.get(index) else { return Got::Full };
        conn.unread = !conn.reads();
        if conn.unread {
            return Got::Full;
        }
        // A short read says nothing of what TLS still has.
        let thoroughly = thoroughly || conn.tls.is_some();
        let (read, whole) = match conn.kept.take() {
            None => {
                let room = scratch.len();
                let read = conn.recv(scratch);
                if let Ok(len @ 1..) = read {
                    let used = self.consume(index, &mut scratch[..len]);
                    if let Some(conn) = self.conns.get(index) {
                        conn.keep_unread(&scratch[used..len]);
                    }
                }
                (read, room)
            }
            Some(kept) => self.read_more(index, kept),
        };
        self.settle();
        match read {
            Ok(0) => Got::End,
            Ok(len) => {
                self.numbers.bytes_in += len as u64;
                if len < whole && !thoroughly { Got::Dry } else { Got::More }
            }
            Err(Errno::AGAIN | Errno::INTR) => Got::Dry,
            Err(_) => Got::End,
        }
    }

    /// Reads behind what was kept, in its own memory: a long message is not copied for each of its pieces.
    fn read_more(&mut self, index: u32, mut kept: Kept) -> (Result<usize, Errno>, usize) {
        let Some(conn) = self.conns.get(index) else { return (Ok(0), 0) };
        let missing = match conn.state {
            State::Socket(_) => websocket::need(&kept).saturating_sub(kept.len()),
            State::Http(_) | State::Closing => 0,
        };
        kept.reserve(missing.min(self.parts.shared.site.body_max).max(ROOM));
        let room = kept.capacity() - kept.len();
        let read = conn.recv_more(&mut kept);
        let used = match read {
            Ok(1..) => self.consume(index, &mut kept),
            Ok(_) | Err(_) => 0,
        };
        self.keep(index, kept, used);
        (read, room)
    }

    /// Puts back what was not used of the kept bytes.
    fn keep(&mut self, index: u32, mut kept: Kept, used: usize) {
        let Some(conn) = self.conns.get(index) else { return };
        if used == kept.len() {
            return;
        }
        kept.drain(..used);
        if kept.capacity() > 2 * kept.len() + ROOM {
            kept.shrink_to_fit();
        }
        conn.kept = Some(kept);
    }

    /// Feeds bytes to the connection, one message or request at a time; the number of those that were used. After each, what
    /// the house wants is done.
    fn consume(&mut self, index: u32, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &mut bytes[at..];
            let Some(conn) = self.conns.get(index) else { return at + rest.len() };
            let used = match &conn.state {
                State::Closing => Some(rest.len()),
                State::Socket(_) => self.message(index, rest),
                State::Http(http) => match http.phase {
                    Phase::Head { .. } => self.head(index, rest),
                    Phase::Body(_) => self.body(index, rest),
                    Phase::Waits { .. } | Phase::Visits { .. } | Phase::Sending { .. } => None,
                },
            };
            match used {
                Some(used) => at += used,
                None => break,
            }
            if !self.turn.departures.is_empty() {
                // A session goes before anything else is fed; what is left here is looked at again.
                self.come_back(index);
                break;
            }
        }
        at
    }

    /// One WebSocket message; None while it is not whole.
    fn message(&mut self, index: u32, bytes: &mut [u8]) -> Option<usize> {
        let max = self.parts.shared.site.body_max;
        let all = bytes.len();
        let State::Socket(socket) = &mut self.conns.get(index)?.state else { return None };
        let (slot, link) = (socket.slot, socket.link);
        match socket.reader.read(bytes, max) {
            Ok(None) => None,
            Ok(Some((used, None))) => Some(used),
            Ok(Some((used, Some(message)))) => {
                self.numbers.messages += 1;
                self.parts.door.input(self.turn.now, slot, Input::Message { link, message });
                self.obey();
                Some(used)
            }
            Err(violation) => {
                self.violated(index, (slot, link), violation.close_code());
                Some(all)
            }
        }
    }

    fn violated(&mut self, index: u32, (slot, link): (Slot, Link), code: u16) {
        *self.conns.links(slot).of(link) = super::conns::NONE;
        self.say_last(index, websocket::close_frame(code));
        self.parts.door.input(self.turn.now, slot, Input::Closed { link });
        self.obey();
    }

    /// A part of a request's head is there: its clock runs.
    pub(super) fn begin_head(&mut self, index: u32) {
        let Some(Phase::Head { begun }) = self.conns.get(index).and_then(Conn::phase) else { return };
        if !std::mem::replace(begun, true) {
            self.conns.timers.set(index, self.turn.now + self.parts.shared.deadlines.head);
        }
    }

    /// The peer has ended the connection, or it is broken.
    pub(super) fn ended(&mut self, index: u32) {
        self.lose(index);
        self.settle();
    }

    /// The connection is no more; its session is told.
    pub(super) fn lose(&mut self, index: u32) {
        let Some(conn) = self.drop_conn(index) else { return };
        let (slot, input) = match conn.state {
            State::Http(http) => match http.phase {
                Phase::Waits { slot, exchange, .. } => (slot, Input::Lost(exchange)),
                Phase::Body(collect) => return self.stop_collecting(index, collect.session()),
                Phase::Head { .. } | Phase::Visits { .. } | Phase::Sending { .. } => return,
            },
            State::Socket(socket) => (socket.slot, Input::Closed { link: socket.link }),
            State::Closing => return,
        };
        self.unlink(slot, index);
        self.parts.door.input(self.turn.now, slot, input);
    }

    /// The session has this connection no more.
    pub(super) fn unlink(&mut self, slot: Slot, index: u32) {
        let links = self.conns.links(slot);
        for place in [&mut links.poll, &mut links.post, &mut links.socket, &mut links.probe] {
            if *place == index {
                *place = super::conns::NONE;
            }
        }
    }
}
