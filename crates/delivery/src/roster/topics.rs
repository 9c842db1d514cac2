//! Who of this worker's registrations is in which topic, as of what it has processed; and a message's way to them.
//!
//! Only topics that somebody here is in are known. A message is walked as broadcasts are, but each registration hears it
//! under its own name.

use tidings_engineio::Moment;
use tidings_model::{Entry, Fact, Position, RegNo, Subscribed, Targets, TopicNo};

use super::Roster;
use super::facts::{SLICE, Walk};

/// A message to a topic on its way to the sockets of its members.
#[derive(Debug)]
pub(super) struct TopicWalk {
    entry: Entry,
    /// As they were when it began; who has come since reads it from the mailbox.
    sockets: Vec<(RegNo, u32)>,
    next: usize,
}

/// Which topic a fact is a message to.
pub(super) fn topic_of(entry: &Entry) -> Option<TopicNo> {
    match &*entry.fact {
        Fact::Published(message) => match message.targets {
            Targets::Members(topic) => Some(topic),
            Targets::Everyone | Targets::Devices(_) => None,
        },
        _ => None,
    }
}

impl Roster {
    /// False where nobody here is in it.
    pub(super) fn start_topic_walk(&mut self, entry: &Entry, topic: TopicNo) -> bool {
        self.processed = entry.at;
        let members = self.topics.get(&topic).into_iter().flatten();
        let sockets: Vec<(RegNo, u32)> = members
            .filter_map(|reg| self.homes.get(reg).map(|home| (reg, home)))
            .flat_map(|(reg, home)| home.slots.iter().map(|slot| (*reg, *slot)))
            .collect();
        if sockets.is_empty() {
            return false;
        }
        self.walk = Some(Walk::Topic(TopicWalk { entry: entry.clone(), sockets, next: 0 }));
        true
    }

    /// A slice of the walk; what is left of it.
    pub(super) fn step_topic(&mut self, now: Moment, mut walk: TopicWalk) -> Option<TopicWalk> {
        let until = (walk.next + SLICE).min(walk.sockets.len());
        if let (Fact::Published(message), Some(slice)) = (&*walk.entry.fact, walk.sockets.get(walk.next..until)) {
            self.carry(now, &walk.entry, message, slice);
        }
        walk.next = until;
        (walk.next < walk.sockets.len()).then_some(walk)
    }

    pub(super) fn subscribed(&mut self, at: Position, fact: &Subscribed) {
        for reg in &fact.regs {
            self.change_topic(*reg, fact.topic, fact.on);
            if !self.asking.is_empty() {
                // An answer that has not seen it may be on its way.
                self.passed.insert((*reg, fact.topic), (at, fact.on));
            }
        }
    }

    /// The first socket of a registration is here: what it is in, as the writer saw it at `at`, and what has changed since.
    pub(super) fn move_in(&mut self, reg: RegNo, at: Position, topics: &[TopicNo]) {
        for topic in topics {
            self.change_topic(reg, *topic, true);
        }
        let since: Vec<(TopicNo, bool)> = self
            .passed
            .range((reg, TopicNo(0))..=(reg, TopicNo(u32::MAX)))
            .filter(|(_, (changed, _))| *changed > at)
            .map(|((_, topic), (_, on))| (*topic, *on))
            .collect();
        for (topic, on) in since {
            self.change_topic(reg, topic, on);
        }
    }

    fn change_topic(&mut self, reg: RegNo, topic: TopicNo, on: bool) {
        let Some(home) = self.homes.get_mut(&reg) else { return };
        home.topics.retain(|other| *other != topic);
        if on {
            home.topics.push(topic);
            self.topics.entry(topic).or_default().insert(reg);
        } else {
            self.strike(reg, topic);
        }
    }

    fn strike(&mut self, reg: RegNo, topic: TopicNo) {
        if let Some(members) = self.topics.get_mut(&topic) {
            members.remove(&reg);
            if members.is_empty() {
                self.topics.remove(&topic);
            }
        }
    }

    /// The registration has ended, or its last socket is gone.
    pub(super) fn move_out(&mut self, reg: RegNo) {
        let topics = self.homes.get_mut(&reg).map(|home| std::mem::take(&mut home.topics)).unwrap_or_default();
        topics.into_iter().for_each(|topic| self.strike(reg, topic));
    }
}
