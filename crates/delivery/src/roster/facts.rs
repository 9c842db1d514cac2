//! Following the log: who of this worker's sockets gets which fact, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tidings_engineio::{Goodbye, Moment};
use tidings_model::{AppNo, Batch, Dev, Directory, Entry, Fact, Position, Published, RegNo, Targets};

use super::Roster;
use super::topics::{TopicWalk, topic_of};
use crate::context::Run;
use crate::session::{Member, Session, broadcast_frame, namespace};
use crate::stream::Item;

/// So many sockets are walked before the worker looks at its other work.
pub(super) const SLICE: usize = 256;

/// How a registration's sockets end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The registration is over: `41` goes before the end.
    Final,
    /// A bare end: they may come back.
    Again,
}

/// Messages for many, on their way to one socket after another.
#[derive(Debug)]
pub(super) enum Walk {
    Members(MembersWalk),
    Topic(TopicWalk),
}

/// Broadcasts that reached the worker together, on their way through the members.
#[derive(Debug)]
pub(super) struct MembersWalk {
    app: AppNo,
    items: Vec<Item>,
    joined: Bytes,
    last: Position,
    next: usize,
    /// Who joined later has the walk's messages behind it.
    end: usize,
}

/// What waits for a walk to end: facts keep their order.
#[derive(Debug)]
pub(super) struct Backlog {
    batch: Arc<Batch>,
    next: usize,
}

impl Roster {
    /// Durable facts, in order. What is at or below `processed` was dealt with.
    pub fn facts(&mut self, now: Moment, batch: Arc<Batch>) {
        // Log time never runs behind what the log says.
        if let Some(last) = batch.entries.last() {
            self.clock = self.clock.max(last.time.0.saturating_sub(now.0));
        }
        self.backlog.push_back(Backlog { batch, next: 0 });
        while self.walk.is_none() && self.step_backlog(now) {}
    }

    /// Deals with everything that waits, without a pause for other work.
    pub fn finish(&mut self, now: Moment) {
        while self.step_walk(now) || self.step_backlog(now) {}
    }

    /// No fact up to here concerns this worker.
    pub fn advance(&mut self, upto: Position) {
        if self.backlog.is_empty() && self.walk.is_none() {
            self.processed = upto.max(self.processed);
        }
    }

    /// Whether a walk or facts behind it still have output to give.
    pub fn has_more(&self) -> bool {
        self.walk.is_some() || !self.backlog.is_empty()
    }

    /// Deals with the facts up to the next run of broadcasts. False where there was nothing to do.
    pub(super) fn step_backlog(&mut self, now: Moment) -> bool {
        if self.walk.is_some() {
            return false;
        }
        let Some(Backlog { batch, next }) = self.backlog.pop_front() else { return false };
        let mut at = next;
        while let Some(entry) = batch.entries.get(at) {
            if broadcast(entry).is_some() {
                let (run, end) = gather(&batch.entries, at);
                at = end;
                if self.start_walk(now, &run) {
                    self.backlog.push_front(Backlog { batch, next: at });
                    return true;
                }
                continue;
            }
            at += 1;
            if let Some(topic) = topic_of(entry).filter(|_| entry.at > self.processed) {
                if self.start_topic_walk(entry, topic) {
                    self.backlog.push_front(Backlog { batch, next: at });
                    return true;
                }
                continue;
            }
            if entry.at > self.processed {
                self.fact(now, entry);
                self.processed = entry.at;
            }
        }
        self.processed = batch.upto.max(self.processed);
        true
    }

    fn fact(&mut self, now: Moment, entry: &Entry) {
        match &*entry.fact {
            Fact::Published(message) => {
                if let Targets::Devices(devs) = &message.targets {
                    self.direct(now, entry, message, devs);
                }
            }
            Fact::AppPut(app) => self.app_put(now, app),
            Fact::AppGone(no) => self.app_gone(now, *no),
            Fact::Unregistered(ended) => ended.regs.iter().for_each(|(reg, _)| self.end(now, entry.at, *reg, Ending::Final)),
            Fact::Erased(erased) => erased.regs.iter().for_each(|reg| self.end(now, entry.at, *reg, Ending::Final)),
            Fact::Disconnected(closed) => closed.regs.iter().for_each(|reg| self.end(now, entry.at, *reg, Ending::Again)),
            Fact::Subscribed(fact) => self.subscribed(entry.at, fact),
            Fact::Recalled(recalled) => self.recall(now, recalled.message),
            Fact::Started(_)
            | Fact::Tick
            | Fact::KeyPut(_)
            | Fact::KeyGone(_)
            | Fact::Registered(_)
            | Fact::Presence(_)
            | Fact::Ghost(_)
            | Fact::Proven(_)
            | Fact::Reported(_)
            | Fact::Overflowed(_)
            | Fact::Ended(_)
            | Fact::ClientEvent(_)
            | Fact::SinkPut(_)
            | Fact::SinkGone(_)
            | Fact::SinkMoved(_) => {}
        }
    }

    /// A direct message: to the devices it names that are here, and to their registrations' extras.
    fn direct(&mut self, now: Moment, entry: &Entry, message: &Published, devs: &[Dev]) {
        let mut sockets: Vec<(RegNo, u32)> = Vec::new();
        for seat in devs.iter().filter_map(|dev| self.seats.get(dev)) {
            sockets.extend(seat.slot.map(|slot| (seat.reg, slot)));
            let extras = self.homes.get(&seat.reg).into_iter().flat_map(|home| &home.slots).copied();
            let is_extra = |slot: &u32| {
                self.sessions.get(*slot).and_then(|session| session.registered()).is_some_and(|registered| registered.dev.is_none())
            };
            sockets.extend(extras.filter(is_extra).map(|slot| (seat.reg, slot)));
        }
        sockets.sort_unstable();
        sockets.dedup();
        self.carry(now, entry, message, &sockets);
    }

    /// Offers a message to sockets, each in its registration's name; who is somebody else by now is left out.
    pub(super) fn carry(&mut self, now: Moment, entry: &Entry, message: &Published, sockets: &[(RegNo, u32)]) {
        // One encoding serves all sockets of a registration.
        let mut shared: Option<(RegNo, Item)> = None;
        for (reg, slot) in sockets.iter().copied() {
            let session = self.sessions.get(slot);
            let Some(session) = session.filter(|session| session.registered().is_some_and(|registered| registered.reg == reg)) else {
                continue;
            };
            let item = match shared.take() {
                Some((of, item)) if of == reg => item,
                _ => session.item(self.config.direct_event, entry.at, entry.time, message),
            };
            if self.is_live(&item, now) {
                let counter = if item.direct { &mut self.counters.directs_written } else { &mut self.counters.broadcasts_written };
                *counter += 1;
                self.with(now, slot, |session, cx| {
                    session.offer(cx, &item);
                    session.settle(cx);
                });
            }
            shared = Some((reg, item));
        }
    }

    /// Nobody here is given it any more: it leaves what waits in memory, and pages that are under way.
    fn recall(&mut self, now: Moment, message: Position) {
        self.recalls.add(message);
        let holds = |slot: &u32| self.sessions.get(*slot).is_some_and(Session::holds);
        let slots: Vec<u32> = self.sessions.slots().filter(holds).collect();
        for slot in slots {
            self.with(now, slot, |session, cx| {
                session.withdraw(message, cx.budget);
                session.settle(cx);
            });
        }
    }

    /// Not expired; a message with ttl 0 is for who is here when it arrives.
    fn is_live(&self, item: &Item, now: Moment) -> bool {
        item.expires <= item.time || !item.is_expired(self.time(now))
    }

    /// Closes a registration's sockets, those too whose answer is still on its way here.
    fn end(&mut self, now: Moment, at: Position, reg: RegNo, how: Ending) {
        if !self.asking.is_empty() {
            self.ended.insert(reg, (at, how));
        }
        self.end_registration(now, reg, how);
    }

    pub(super) fn end_registration(&mut self, now: Moment, reg: RegNo, how: Ending) {
        if how == Ending::Final {
            self.move_out(reg);
        }
        let slots = self.homes.get(&reg).map(|home| home.slots.clone()).unwrap_or_default();
        for slot in slots {
            self.end_socket(now, slot, how);
        }
    }

    fn end_socket(&mut self, now: Moment, slot: u32, how: Ending) {
        self.with(now, slot, |session, cx| {
            if how == Ending::Final {
                session.dismiss(cx);
            }
            session.close(cx, Goodbye::Fin);
        });
    }

    /// Starts to carry broadcasts to every member. False where all of it is old or expired.
    fn start_walk(&mut self, now: Moment, run: &[(&Entry, &Published)]) -> bool {
        let fresh: Vec<Item> = run
            .iter()
            .filter(|(entry, _)| entry.at > self.processed)
            .map(|(entry, message)| item(&self.apps, entry, message))
            .filter(|item| self.is_live(item, now))
            .collect();
        let last = run.last().map_or(Position::ZERO, |(entry, _)| entry.at);
        self.processed = last.max(self.processed);
        let Some(end) = fresh.last().map(|item| item.at) else { return false };
        let Some(app) = run.first().map(|(_, message)| message.app) else { return false };
        let joined = join(&fresh);
        let members = self.members.get(&app).map_or(0, Vec::len);
        self.walk = Some(Walk::Members(MembersWalk { app, items: fresh, joined, last: end, next: 0, end: members }));
        self.walking = Some(app);
        true
    }

    /// A slice of the walk. False where none is under way.
    pub(super) fn step_walk(&mut self, now: Moment) -> bool {
        match self.walk.take() {
            Some(Walk::Members(walk)) => self.step_members(now, walk),
            Some(Walk::Topic(walk)) => self.walk = self.step_topic(now, walk).map(Walk::Topic),
            None => return false,
        }
        true
    }

    fn step_members(&mut self, now: Moment, mut walk: MembersWalk) {
        let until = (walk.next + SLICE).min(walk.end);
        for place in walk.next..until {
            let slot = self.members.get(&walk.app).and_then(|members| members.get(place)).copied();
            let Some(slot) = slot.filter(|slot| *slot != u32::MAX) else { continue };
            self.counters.broadcasts_written += walk.items.len() as u64;
            // `with` must see that a walk is under way: places stay where they are.
            let run = Run { items: &walk.items, joined: &walk.joined, last: walk.last };
            self.with(now, slot, |session, cx| session.take_run(cx, &run));
        }
        walk.next = until;
        if walk.next < walk.end {
            self.walk = Some(Walk::Members(walk));
            return;
        }
        self.walking = None;
        self.fill_holes(walk.app);
    }

    fn fill_holes(&mut self, app: AppNo) {
        let Some(mut members) = self.members.remove(&app) else { return };
        members.retain(|slot| *slot != u32::MAX);
        for (place, slot) in members.iter().enumerate() {
            if let Some(session) = self.sessions.get_mut(*slot) {
                session.member = Member { app, place: place as u32 };
            }
        }
        self.members.insert(app, members);
    }
}

fn broadcast(entry: &Entry) -> Option<&Published> {
    match &*entry.fact {
        Fact::Published(message) if message.targets == Targets::Everyone => Some(message),
        _ => None,
    }
}

/// What changes who hears the broadcasts behind it, or ends one before it.
fn moves_sockets(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Published(_)
            | Fact::Recalled(_)
            | Fact::Unregistered(_)
            | Fact::Erased(_)
            | Fact::Disconnected(_)
            | Fact::Subscribed(_)
            | Fact::AppPut(_)
            | Fact::AppGone(_)
    )
}

/// The broadcasts of one app from `start` on that no other message stands between, and where they end.
fn gather(entries: &[Entry], start: usize) -> (Vec<(&Entry, &Published)>, usize) {
    let mut run = Vec::new();
    let mut at = start;
    while let Some(entry) = entries.get(at) {
        match broadcast(entry) {
            Some(message) if run.first().is_some_and(|(_, first): &(&Entry, &Published)| first.app != message.app) => break,
            Some(message) => run.push((entry, message)),
            None if moves_sockets(&entry.fact) => break,
            None => {}
        }
        at += 1;
    }
    (run, at)
}

fn item(apps: &Directory, entry: &Entry, message: &Published) -> Item {
    let namespace = apps.app(message.app).map_or_else(String::new, |app| namespace(&app.name));
    let frames = vec![broadcast_frame(&namespace, &message.content)];
    let replaces = Item::replaced(message);
    Item { at: entry.at, time: entry.time, expires: message.expires, direct: false, frames: frames.into(), replaces }
}

/// All of a run as one buffer: one send per socket.
fn join(items: &[Item]) -> Bytes {
    if let [item] = items
        && let [encoded] = &*item.frames
    {
        return encoded.raw().bytes().clone();
    }
    let mut bytes = BytesMut::with_capacity(items.iter().map(Item::bytes).sum());
    for encoded in items.iter().flat_map(|item| item.frames.iter()) {
        bytes.put_slice(encoded.raw().bytes());
    }
    bytes.freeze()
}

pub(super) type Backlogs = VecDeque<Backlog>;
