//! A history by hand: a few phones, and every step named. The tests that are facts read as what happened.
//!
//! It decides nothing and checks nothing but the model's own promises; what a phone saw and what the writer was told is
//! for the test to look at.

use tidings_delivery::Config;
use tidings_engineio::{Exchange, Input};
use tidings_json::Json;
use tidings_model::{Content, Dev, Position, Request};
use tidings_store::Fault;

use crate::history;
use crate::model::Identity;
use crate::phone::{Kind, Life};
use crate::wire::{Down, Up};
use crate::world::{Journal, World, addr_of};

/// `legacy.listen_delay_ms`.
pub const LISTEN_MS: u64 = 1000;

pub struct Script {
    pub world: World,
}

impl Script {
    /// Phones by library and user; nobody is connected, and their apps listen as soon as they are registered.
    pub fn new(phones: &[(Kind, usize)]) -> Self {
        Self::configured(phones, history::config(None))
    }

    pub fn configured(phones: &[(Kind, usize)], config: Config) -> Self {
        let mut world = World::new(1, config, phones.len());
        for (n, (phone, (kind, uid))) in world.phones.iter_mut().zip(phones).enumerate() {
            (phone.kind, phone.uid, phone.in_query, phone.twin, phone.listens_after) = (*kind, *uid, false, false, 0);
            phone.addr = addr_of(n);
        }
        world.journal = Some(Journal::default());
        Self { world }
    }

    // ---- the store and the workers

    /// A message for one user, or for everybody; it waits for the writer. Its number.
    pub fn publish(&mut self, uid: Option<usize>, ttl_s: u32) -> usize {
        self.world.publish(uid, ttl_s);
        self.world.model.sent.len() - 1
    }

    /// A message that tells its number as `dress` does, stored and dealt with. Its number.
    pub fn deliver_as(&mut self, uid: Option<usize>, dress: impl FnOnce(Json) -> Content) -> usize {
        self.world.publish_as(uid, 3600, dress);
        self.carry();
        self.world.model.sent.len() - 1
    }

    /// What the writer was asked becomes durable, and the views see it. No worker has heard of it.
    pub fn commit(&mut self) {
        self.world.decide();
        self.world.append(Fault::None);
        self.world.notify();
        self.world.merge();
    }

    /// Every worker reads its inbox.
    pub fn feed(&mut self) {
        for worker in 0..self.world.rosters.len() {
            // One more than an inbox holds: where it overflowed, the log is read.
            (0..5).for_each(|_| self.world.deliver_feed(worker));
        }
    }

    /// A message that is stored, and that the workers have dealt with. Its number.
    pub fn deliver(&mut self, uid: Option<usize>, ttl_s: u32) -> usize {
        let n = self.publish(uid, ttl_s);
        self.carry();
        n
    }

    fn carry(&mut self) {
        self.commit();
        self.feed();
        while self.world.waiting().0 > 0 {
            self.world.deliver_answer();
        }
    }

    /// Stored while nobody who wants it is there.
    pub fn mail(&mut self, uid: usize, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.deliver(Some(uid), 3600)).collect()
    }

    pub fn settle(&mut self) {
        self.world.settle();
    }

    /// Time passes; all that becomes possible happens.
    pub fn pass(&mut self, ms: u64) {
        self.world.settle();
        self.world.advance(ms);
        self.world.settle();
    }

    /// Long enough for proofs that were counted to leave for the writer; nothing else moves.
    pub fn save(&mut self) {
        self.world.advance(1);
        self.world.advance(1000);
    }

    // ---- phones

    /// Connected, registered, and past the listening delay.
    pub fn join(&mut self, phone: usize) {
        self.connect(phone);
        self.pass(LISTEN_MS);
    }

    /// Connected and registered; the listening delay runs.
    pub fn connect(&mut self, phone: usize) {
        self.world.connect(phone);
        self.settle();
    }

    /// Connected and joined, registered as nobody.
    pub fn connect_anonymously(&mut self, phone: usize) {
        self.world.connect(phone);
        self.life(phone).wants = None;
        self.settle();
    }

    /// Its process is killed, and the server hears of it.
    pub fn kill(&mut self, phone: usize) {
        self.world.drop_phone(phone);
        self.settle();
    }

    /// # Panics
    /// Where the phone is not connected.
    pub fn life(&mut self, phone: usize) -> &mut Life {
        self.world.phones[phone].life.as_mut().expect("the phone is connected")
    }

    pub fn wire(&mut self, phone: usize) -> usize {
        self.life(phone).wire
    }

    /// The phone does not read; what it would say by itself is said by [`Script::say`].
    pub fn stall(&mut self, phone: usize, stalled: bool) {
        self.world.phones[phone].stalled = stalled;
    }

    /// Puts something on its way to the server, and lets all on that way arrive.
    pub fn say(&mut self, phone: usize, up: Up) {
        let wire = self.wire(phone);
        self.world.wires[wire].up.push_back(up);
        while !self.world.wires[wire].up.is_empty() && !self.world.wires[wire].server_gone {
            self.world.pump_up(wire);
        }
    }

    /// The connection of the GET that waits dies, and the server notices.
    pub fn lose_get(&mut self, phone: usize) {
        let wire = self.wire(phone);
        if self.world.wires[wire].gets.pop_back().is_some() {
            self.world.input(wire, Input::Lost(Exchange::Poll));
        }
    }

    /// What is on its way to the phone, as text; it never arrives.
    pub fn intercept(&mut self, phone: usize) -> Vec<String> {
        let wire = self.wire(phone);
        self.world.wires[wire].down_bytes = 0;
        self.world.wires[wire].down.drain(..).map(|down| text(&down)).collect()
    }

    /// What is on its way to the phone, as text.
    pub fn coming(&mut self, phone: usize) -> Vec<String> {
        let wire = self.wire(phone);
        self.world.wires[wire].down.iter().map(text).collect()
    }

    // ---- what came of it

    /// Messages that the phone's app saw, in the order of its handler.
    pub fn saw(&self, phone: usize) -> Vec<usize> {
        self.world.model.seen.get(&phone).into_iter().flatten().map(|seen| seen.message).collect()
    }

    /// The device that was last given to this phone as this user.
    ///
    /// # Panics
    /// Where it never registered.
    pub fn dev(&self, phone: usize, uid: usize) -> Dev {
        let who = Identity { phone, uid };
        let mut devs = self.world.model.owner.iter().filter(|(_, owner)| **owner == who).map(|(dev, _)| *dev);
        devs.next_back().expect("the phone was registered")
    }

    /// What the writer was asked so far.
    pub fn asked(&self) -> impl Iterator<Item = &Request> {
        self.world.journal.iter().flat_map(|journal| &journal.asked).map(|(_, request)| request)
    }

    /// How far the writer was told that a device is proven.
    pub fn cursor(&self, dev: Dev) -> Position {
        let cursors = self.asked().filter_map(|request| match request {
            Request::Prove(proofs) => Some(&proofs.cursors),
            _ => None,
        });
        cursors.flatten().filter(|(of, _)| *of == dev).map(|(_, at)| *at).max().unwrap_or_default()
    }

    /// Whether the writer was told that this phone, as this user, has message `n`.
    pub fn is_proven(&self, phone: usize, uid: usize, n: usize) -> bool {
        let at = self.world.model.sent[n].at.expect("the message is stored");
        self.cursor(self.dev(phone, uid)) >= at
    }

    /// The model's promises were kept all along.
    ///
    /// # Panics
    /// Where one was broken.
    pub fn end(&self) {
        assert_eq!(self.world.fault, None);
    }
}

/// As the phone would read it: frames with their heads, bodies of answers behind their status.
fn text(down: &Down) -> String {
    match down {
        Down::Bytes(bytes, ..) | Down::ProbeBytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Down::Answer(response) => {
            let location = response.location.as_deref().unwrap_or_default();
            format!("{} {location}{}", response.status, String::from_utf8_lossy(&response.body))
        }
        Down::Ok => "ok".to_owned(),
        Down::Died => "died".to_owned(),
        Down::End => "end".to_owned(),
    }
}
