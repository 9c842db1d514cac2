//! One thread, one epoll: it owns its connections from the accept on and drives a house of sessions.
//!
//! A turn: what the kernel reports, deadlines, mail; after each of them what the house wants done. It decides nothing: bytes
//! and time go in, bytes and ends come out. There is no lock, task, channel or buffer per connection; only a partial frame or
//! an unfinished request is kept, and what the kernel did not take. A client's bug ends its own connection, never the worker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventFlags};
use tidings_engineio::{Moment, Sid};
use tracing::debug;

mod accept;
mod conn;
mod conns;
mod obey;
mod passage;
mod read;
mod request;
mod write;

use conns::{Conns, Key};
use passage::Luggage;

use crate::clock;
use crate::config::Deadlines;
use crate::crowd::Crowd;
use crate::http::Site;
use crate::inbox::{Mailbox, Sender};
use crate::listener::Listener;
use crate::metrics::{Gauge, Numbers};
use crate::tls::Certificate;
use crate::wheel::Wheel;
use crate::{Door, Slot};

/// After the last session of a stopping worker.
const FAREWELL: Duration = Duration::from_millis(300);
/// The longest wait for more of the feed after a walk.
const GATHER_MS_MAX: u64 = 3;

const SCRATCH: usize = 64 * 1024;
const EVENTS: usize = 256;

const MAIL_BELL: u32 = 0;
const PEERS_BELL: u32 = 1;
const LISTENERS: u32 = 2;

/// What workers tell each other.
pub(crate) enum Letter<T> {
    /// A session with its connections.
    Arrive(Box<Luggage<T>>),
    /// A connection whose request is for a session of yours, or a new one that you have more room for.
    Pass(Box<conn::Conn>),
    /// End when the house is empty, at the latest at this moment.
    Stop(Moment),
}

/// What all workers of a door share.
pub(crate) struct Shared<T> {
    pub(crate) site: Site,
    pub(crate) deadlines: Deadlines,
    pub(crate) listeners: Vec<Listener>,
    /// None: plain connections.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) connections: AtomicUsize,
    pub(crate) connections_max: usize,
    /// None: an address may have as many as it likes.
    pub(crate) crowd: Option<Arc<Crowd>>,
    pub(crate) peers: Vec<Sender<Letter<T>>>,
    pub(crate) gauges: Vec<Arc<Gauge>>,
}

/// What a worker is made of.
pub(crate) struct Parts<D: Door> {
    pub(crate) number: u16,
    pub(crate) door: D,
    pub(crate) shared: Arc<Shared<D::Traveller>>,
    pub(crate) mail: Mailbox<D::Mail>,
    pub(crate) letters: Mailbox<Letter<D::Traveller>>,
}

/// What one turn remembers.
#[derive(Default)]
struct Turn {
    now: Moment,
    /// Connections to read from again: they were left with bytes, by us or in the kernel.
    again: Vec<Key>,
    /// Sessions to hand over as soon as the current input is dealt with.
    departures: Vec<(Slot, u16)>,
    /// The GET or probe that the current input is about.
    arriving: Option<(Slot, u32)>,
    /// A WebSocket that is being opened: what is written to it leaves in one piece.
    corked: Option<(u32, Vec<u8>)>,
    /// Reads of connections whose handshake is not over.
    handshakes: u32,
}

/// What a worker waits for besides its connections.
#[derive(Default)]
struct Waits {
    /// After starvation of file descriptors.
    accept_at: Option<Moment>,
    /// The feed is left alone, so that more of it leaves in one walk.
    gather_until: Option<Moment>,
    /// A walk that is not finished, and the microseconds it took so far.
    walked_us: u64,
    stop: Option<Stop>,
}

#[derive(Clone, Copy)]
struct Stop {
    by: Moment,
    /// The house is empty since.
    empty: Option<Moment>,
}

struct Buffers<D: Door> {
    read: Vec<u8>,
    page: Vec<u8>,
    mail: VecDeque<D::Mail>,
    letters: VecDeque<Letter<D::Traveller>>,
}

pub(crate) struct Worker<D: Door> {
    parts: Parts<D>,
    conns: Conns,
    /// When sessions want to be woken.
    sessions: Wheel,
    turn: Turn,
    waits: Waits,
    numbers: Numbers,
    buffers: Buffers<D>,
    dice: Dice,
}

impl<D: Door> Worker<D> {
    pub(crate) fn new(parts: Parts<D>) -> std::io::Result<Self> {
        let now = clock::now();
        let worker = Self {
            parts,
            conns: Conns::new(now)?,
            sessions: Wheel::new(now),
            turn: Turn { now, ..Turn::default() },
            waits: Waits::default(),
            numbers: Numbers::default(),
            buffers: Buffers { read: vec![0; SCRATCH], page: Vec::new(), mail: VecDeque::new(), letters: VecDeque::new() },
            dice: Dice::default(),
        };
        let epoll = worker.conns.epoll();
        epoll::add(epoll, worker.parts.mail.bell(), Key::other(MAIL_BELL).data(), EventFlags::IN)?;
        epoll::add(epoll, worker.parts.letters.bell(), Key::other(PEERS_BELL).data(), EventFlags::IN)?;
        worker.listen()?;
        Ok(worker)
    }

    pub(crate) fn run(mut self) {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        while !self.is_over() {
            let sleep = self.prepare_sleep();
            events.clear();
            let waited = epoll::wait(self.conns.epoll(), rustix::buffer::spare_capacity(&mut events), sleep.as_ref());
            self.parts.mail.wake();
            self.parts.letters.wake();
            (self.turn.now, self.turn.handshakes) = (clock::now(), 0);
            if waited.is_ok() {
                for event in &events {
                    self.event(Key::of(event.data), event.flags);
                }
            }
            self.rest_of_turn();
        }
        debug!(worker = self.parts.number, sessions = self.parts.door.len(), "worker ends");
    }

    fn event(&mut self, key: Key, flags: EventFlags) {
        if key.is_conn() {
            if let Some(index) = self.conns.find(key) {
                self.connection_event(index, flags);
            }
            return;
        }
        match key.index {
            MAIL_BELL => self.parts.mail.hush(),
            PEERS_BELL => self.parts.letters.hush(),
            listener => self.accept(listener - LISTENERS),
        }
    }

    fn rest_of_turn(&mut self) {
        for key in std::mem::take(&mut self.turn.again) {
            if let Some(index) = self.conns.find(key) {
                self.go_on(index);
            }
        }
        self.deadlines();
        self.read_letters();
        self.read_mail();
        if !self.is_stopping() && self.waits.accept_at.is_some_and(|at| self.turn.now >= at) {
            self.waits.accept_at = None;
            // If it still fails, the next accept pauses again.
            let _ = self.listen();
        }
        self.numbers.connections = self.conns.len() as u64;
        self.numbers.sessions = self.parts.door.len() as u64;
        self.parts.shared.gauges[usize::from(self.parts.number)].publish(&self.numbers);
    }

    fn deadlines(&mut self) {
        while let Some(index) = self.conns.timers.pop(self.turn.now) {
            self.connection_timeout(index);
        }
        while let Some(slot) = self.sessions.pop(self.turn.now) {
            self.parts.door.timeout(self.turn.now, Slot(slot));
            self.settle();
        }
    }

    fn read_letters(&mut self) {
        let mut letters = std::mem::take(&mut self.buffers.letters);
        self.parts.letters.take_control(&mut letters);
        for letter in letters.drain(..) {
            match letter {
                Letter::Arrive(luggage) => self.arrive(*luggage),
                Letter::Pass(conn) => self.take_over(*conn),
                Letter::Stop(by) => self.stop(by),
            }
        }
        self.buffers.letters = letters;
    }

    /// Control first. Everything of the feed that is there goes in before the first output is asked for, so that it can leave
    /// in one walk.
    fn read_mail(&mut self) {
        let mut mail = std::mem::take(&mut self.buffers.mail);
        self.parts.mail.take_control(&mut mail);
        for item in mail.drain(..) {
            self.parts.door.mail(self.turn.now, item);
        }
        let gathers = self.waits.gather_until.is_some_and(|until| self.turn.now < until);
        if !gathers && !self.parts.door.has_more() {
            self.waits.gather_until = None;
            self.parts.mail.take_feed(&mut mail);
            for item in mail.drain(..) {
                self.parts.door.mail(self.turn.now, item);
            }
        }
        self.buffers.mail = mail;
        self.walk();
    }

    /// Does what mail led to, and measures it: after a long walk a worker waits for more, so that the next one is worth it.
    fn walk(&mut self) {
        let before = self.numbers.writes;
        let start = clock::micros();
        self.settle();
        if self.numbers.writes == before {
            return;
        }
        self.waits.walked_us += clock::micros().saturating_sub(start);
        if !self.parts.door.has_more() {
            let gather = ((std::mem::take(&mut self.waits.walked_us) / 8 + 500) / 1000).min(GATHER_MS_MAX);
            if gather > 0 {
                self.waits.gather_until = Some(clock::now() + Duration::from_millis(gather));
            }
        }
    }

    /// How long nothing is due; None: for ever. From here on bells ring.
    fn prepare_sleep(&mut self) -> Option<Timespec> {
        const AT_ONCE: Option<Timespec> = Some(Timespec { tv_sec: 0, tv_nsec: 0 });
        let batched = self.parts.door.rest(self.turn.now);
        self.settle();
        if !self.turn.again.is_empty() || self.parts.door.has_more() {
            return AT_ONCE;
        }
        if !self.parts.mail.sleep(self.waits.gather_until.is_some()) || !self.parts.letters.sleep(false) {
            return AT_ONCE;
        }
        let stop = self.waits.stop.map(|stop| stop.empty.map_or(stop.by, |since| stop.by.min(since + FAREWELL)));
        let dues = [self.conns.timers.next(), self.sessions.next(), self.waits.accept_at, self.waits.gather_until, batched, stop];
        let due = dues.into_iter().flatten().min()?;
        Timespec::try_from(due.since(clock::now())).ok()
    }

    fn stop(&mut self, by: Moment) {
        if let Some(stop) = &mut self.waits.stop {
            stop.by = by;
            return;
        }
        self.waits.stop = Some(Stop { by, empty: None });
        self.waits.accept_at = None;
        self.deafen();
        self.parts.door.drain(self.turn.now);
        self.settle();
        self.close_idle();
    }

    fn is_stopping(&self) -> bool {
        self.waits.stop.is_some()
    }

    fn is_over(&mut self) -> bool {
        let Some(stop) = &mut self.waits.stop else { return false };
        if self.parts.door.len() > 0 {
            stop.empty = None;
            return self.turn.now >= stop.by;
        }
        let since = *stop.empty.get_or_insert(self.turn.now);
        self.conns.len() == 0 || self.turn.now >= stop.by.min(since + FAREWELL)
    }

    fn new_sid(&mut self, slot: Slot) -> Sid {
        Sid { worker: self.parts.number, slot: slot.0, key: self.dice.throw() }
    }
}

/// Random bits for session ids, asked from the system in batches.
struct Dice {
    bytes: [u8; 12 * 64],
    used: usize,
}

impl Default for Dice {
    fn default() -> Self {
        Self { bytes: [0; 12 * 64], used: 12 * 64 }
    }
}

impl Dice {
    fn throw(&mut self) -> [u8; 12] {
        if self.used == self.bytes.len() {
            getrandom::fill(&mut self.bytes).expect("the system has random bits");
            self.used = 0;
        }
        let mut key = [0; 12];
        // What was given is wiped: a session id is a secret.
        key.swap_with_slice(&mut self.bytes[self.used..self.used + 12]);
        self.used += 12;
        key
    }
}
