//! Between workers: a session moves with its connections, a request is passed on to where its session is.

use super::conn::{Conn, Phase, State};
use super::conns::{Links, NONE};
use super::{Letter, Worker};
use crate::{Door, Slot};

/// A session on its way, with its connections and the bytes that were read and not dealt with.
pub(crate) struct Luggage<T> {
    traveller: T,
    poll: Option<Conn>,
    post: Option<Conn>,
    socket: Option<Conn>,
    probe: Option<Conn>,
}

impl<D: Door> Worker<D> {
    pub(super) fn depart(&mut self, slot: Slot, to: u16) {
        debug_assert!(to != self.parts.number, "a session moves to another worker");
        let links = std::mem::replace(self.conns.links(slot), Links::EMPTY);
        self.sessions.clear(slot.0);
        let mut take = |index| if index == NONE { None } else { self.conns.release(index) };
        let (poll, post, socket, probe) = (take(links.poll), take(links.post), take(links.socket), take(links.probe));
        let traveller = self.parts.door.depart(slot, to);
        let count = [&poll, &post, &socket, &probe].into_iter().flatten().count();
        let luggage = Box::new(Luggage { traveller, poll, post, socket, probe });
        let sent = self.parts.shared.peers.get(usize::from(to)).is_some_and(|peer| peer.tell(Letter::Arrive(luggage)).is_ok());
        if !sent {
            // It has ended, as we will: the connections are closed.
            (0..count).for_each(|_| self.forget());
        }
    }

    pub(super) fn arrive(&mut self, luggage: Luggage<D::Traveller>) {
        let Luggage { traveller, poll, post, socket, probe } = luggage;
        self.numbers.arrived += 1;
        let slot = self.parts.door.arrive(self.turn.now, traveller);
        let links = Links {
            poll: self.settle_in(poll, slot),
            post: self.settle_in(post, slot),
            socket: self.settle_in(socket, slot),
            probe: self.settle_in(probe, slot),
        };
        *self.conns.links(slot) = links;
        self.settle();
        // What they brought unread.
        for index in links.all() {
            if let Some(key) = self.conns.key(index) {
                self.turn.again.push(key);
            }
        }
    }

    fn settle_in(&mut self, conn: Option<Conn>, slot: Slot) -> u32 {
        let Some(mut conn) = conn else { return NONE };
        match &mut conn.state {
            State::Socket(socket) => socket.slot = slot,
            State::Http(http) => {
                if let Phase::Waits { slot: waits, .. } = &mut http.phase {
                    *waits = slot;
                }
            }
            State::Closing => {}
        }
        let collects = matches!(conn.phase(), Some(Phase::Body(_)));
        let Some(key) = self.conns.insert(conn) else {
            self.forget();
            return NONE;
        };
        if collects {
            self.conns.timers.set(key.index, self.turn.now + self.parts.shared.deadlines.body);
        }
        key.index
    }

    /// Passes a connection on with its request: its head is at the front of `bytes`, or it is whole in the connection.
    /// False: there is no such worker.
    pub(super) fn pass(&mut self, index: u32, to: u16, bytes: &[u8]) -> bool {
        let Some(peer) = self.parts.shared.peers.get(usize::from(to)).cloned() else { return false };
        let Some(mut conn) = self.conns.release(index) else { return false };
        conn.keep_unread(bytes);
        self.numbers.passed += 1;
        if peer.tell(Letter::Pass(Box::new(conn))).is_err() {
            self.forget();
        }
        true
    }

    pub(super) fn take_over(&mut self, conn: Conn) {
        match self.conns.insert(conn) {
            Some(key) => {
                self.conns.timers.set(key.index, self.turn.now + self.parts.shared.deadlines.head);
                self.body(key.index, &[]);
                self.turn.again.push(key);
            }
            None => self.forget(),
        }
    }
}
