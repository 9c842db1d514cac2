//! A worker's connections: where they are, whose they are, when their time is up.

use rustix::event::epoll::{self, EventData, EventFlags};
use tidings_engineio::{Link, Moment};

use super::conn::Conn;
use crate::Slot;
use crate::slab::Slab;
use crate::table::Table;
use crate::wheel::Wheel;

/// A connection's place, and which one of those that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) index: u32,
    generation: u32,
}

impl Key {
    /// What is no connection: bells and listeners.
    pub(super) const fn other(number: u32) -> Self {
        Self { index: number, generation: 0 }
    }

    pub(super) fn data(self) -> EventData {
        EventData::new_u64(u64::from(self.generation) << 32 | u64::from(self.index))
    }

    pub(super) fn of(data: EventData) -> Self {
        let data = data.u64();
        Self { index: data as u32, generation: (data >> 32) as u32 }
    }

    pub(super) fn is_conn(self) -> bool {
        self.generation != 0
    }
}

/// No connection.
pub(super) const NONE: u32 = u32::MAX;

/// The connections of one session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) poll: u32,
    pub(super) post: u32,
    pub(super) socket: u32,
    pub(super) probe: u32,
}

impl Links {
    pub(super) const EMPTY: Self = Self { poll: NONE, post: NONE, socket: NONE, probe: NONE };

    pub(super) fn of(&mut self, link: Link) -> &mut u32 {
        match link {
            Link::Socket => &mut self.socket,
            Link::Probe => &mut self.probe,
        }
    }

    pub(super) fn all(self) -> impl Iterator<Item = u32> {
        [self.poll, self.post, self.socket, self.probe].into_iter().filter(|index| *index != NONE)
    }
}

#[derive(Debug)]
pub(super) struct Conns {
    slab: Slab<Conn>,
    links: Table<Links>,
    pub(super) timers: Wheel,
    epoll: rustix::fd::OwnedFd,
    generation: u32,
}

impl Conns {
    pub(super) fn new(now: Moment) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { slab: Slab::default(), links: Table::new(Links::EMPTY), timers: Wheel::new(now), epoll, generation: 0 })
    }

    pub(super) fn epoll(&self) -> &rustix::fd::OwnedFd {
        &self.epoll
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }

    /// Takes a connection in and listens to it. None (and it is closed) where the kernel will not.
    pub(super) fn insert(&mut self, mut conn: Conn) -> Option<Key> {
        self.generation = self.generation.wrapping_add(1).max(1);
        conn.generation = self.generation;
        conn.armed = conn.rest.is_some();
        let generation = conn.generation;
        let key = Key { index: self.slab.insert(conn), generation };
        let conn = self.slab.get(key.index)?;
        if epoll::add(&self.epoll, &conn.fd, key.data(), interest(conn.armed)).is_err() {
            self.slab.remove(key.index);
            return None;
        }
        Some(key)
    }

    pub(super) fn get(&mut self, index: u32) -> Option<&mut Conn> {
        self.slab.get_mut(index)
    }

    pub(super) fn key(&self, index: u32) -> Option<Key> {
        self.slab.get(index).map(|conn| Key { index, generation: conn.generation })
    }

    /// The place, if the connection is still there.
    pub(super) fn find(&self, key: Key) -> Option<u32> {
        self.slab.get(key.index).filter(|conn| conn.generation == key.generation).map(|_| key.index)
    }

    /// Takes a connection out; if it is dropped then, it ends.
    pub(super) fn remove(&mut self, index: u32) -> Option<Conn> {
        self.timers.clear(index);
        self.slab.remove(index)
    }

    /// As `remove`, for one that goes on elsewhere.
    pub(super) fn release(&mut self, index: u32) -> Option<Conn> {
        let conn = self.remove(index)?;
        // It is there: it was added at `insert`.
        let _ = epoll::delete(&self.epoll, &conn.fd);
        Some(conn)
    }

    /// From now on the epoll tells when it is writable, at once if it is by now.
    pub(super) fn arm(&mut self, index: u32) {
        let Some(conn) = self.slab.get_mut(index).filter(|conn| !conn.armed) else { return };
        conn.armed = true;
        let key = Key { index, generation: conn.generation };
        let _ = epoll::modify(&self.epoll, &conn.fd, key.data(), interest(true));
    }

    pub(super) fn links(&mut self, slot: Slot) -> &mut Links {
        self.links.at(slot.0)
    }

    pub(super) fn linked(&self, slot: Slot) -> Links {
        self.links.get(slot.0)
    }

    pub(super) fn indices(&self) -> Vec<u32> {
        self.slab.keys().collect()
    }
}

fn interest(writable: bool) -> EventFlags {
    let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
    if writable { flags | EventFlags::OUT } else { flags }
}
