//! One user's timeline: the log read backwards for what concerns him, then forwards for what became of his messages.
//!
//! Nothing is kept for it. Both walks have a bound, so a page may be short, or leave a fate unknown, and still go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidings_model::{Batch, ClientEvent, Dev, Entry, EventId, Fact, Millis, Position, Published, RegNo, Reported, Targets, Uid, UserNo};

use super::mailbox::Bodies;
use super::{Device, Stays};
use crate::log::recent;
use crate::{Happened, Happening, Outcome, ReadError, Timeline, TimelineQuery, Whom};

mod fates;

/// Reads entries in (after, upto].
pub(crate) type Read<'a> = &'a dyn Fn(Position, Position) -> Result<Batch, ReadError>;

/// Whose timeline it is: his registrations and devices, the dead ones too.
pub(crate) struct Subject {
    pub user: UserNo,
    pub uid: Uid,
    pub regs: BTreeMap<RegNo, Whom>,
    pub devs: BTreeMap<Dev, Owned>,
    /// When each of them was in which topic.
    pub stays: BTreeMap<RegNo, Stays>,
    /// His first registration: before it nothing is his.
    pub born: Position,
}

/// A device of the subject.
pub(crate) struct Owned {
    pub device: Arc<Device>,
    pub cursor: Position,
}

pub(crate) struct Source<'a> {
    pub read: Read<'a>,
    pub published: Bodies<'a>,
    pub base: &'a dyn super::mailbox::Mail,
    /// The views have seen the log up to here.
    pub upto: Position,
    /// The oldest record kept.
    pub first: u64,
    pub now: Millis,
}

/// Records read at once on the way back.
const WINDOW: u64 = 64;
/// About the bytes that one call reads in each direction.
const SCAN_BYTES: usize = 16 << 20;

pub(crate) fn page(source: &Source<'_>, subject: &Subject, query: &TimelineQuery) -> Result<Timeline, ReadError> {
    let mut back = Back { source, subject, query, found: Vec::new(), bytes: 0 };
    let next = back.walk()?;
    let mut found = back.found;
    fates::settle(source, subject, &mut found)?;
    Ok(Timeline { happenings: found.into_iter().map(|found| found.happening).collect(), next })
}

/// A happening, and the message where it is one.
struct Found {
    happening: Happening,
    message: Option<(Position, Arc<Published>)>,
}

/// The walk back.
struct Back<'a> {
    source: &'a Source<'a>,
    subject: &'a Subject,
    query: &'a TimelineQuery,
    found: Vec<Found>,
    bytes: usize,
}

impl Back<'_> {
    /// The cursor to go on from.
    fn walk(&mut self) -> Result<Option<EventId>, ReadError> {
        let first = self.source.first.max(self.subject.born.record());
        let mut upto = self.query.before.map_or(self.source.upto, |before| before.at.min(self.source.upto));
        while upto.record() >= first {
            let low = upto.record().saturating_sub(WINDOW - 1).max(first);
            let before = self.bytes;
            let entries = self.window(Position::end_of(low - 1), upto)?;
            if self.bytes == before {
                // Numbers are left out where a backup was restored.
                match self.newest(first, low)? {
                    Some(newest) => upto = Position::end_of(newest),
                    None => return Ok(None),
                }
                continue;
            }
            for entry in entries.iter().rev() {
                if let Some(full) = self.look(entry)? {
                    return Ok(Some(full));
                }
            }
            upto = Position::end_of(low - 1);
            if self.bytes > SCAN_BYTES && low > first {
                return Ok(Some(EventId { at: Position::new(low, 0), n: 0 }));
            }
        }
        Ok(None)
    }

    /// The newest record in first..below: found by halves, as reading goes forwards only.
    fn newest(&self, first: u64, below: u64) -> Result<Option<u64>, ReadError> {
        let upto = Position::end_of(below.saturating_sub(1));
        let none_from = |record: u64| Ok::<_, ReadError>((self.source.read)(Position::end_of(record - 1), upto)?.entries.is_empty());
        let (mut low, mut high) = (first, below);
        while low < high {
            let middle = low + (high - low) / 2;
            if none_from(middle)? { high = middle } else { low = middle + 1 }
        }
        Ok((low > first).then(|| low - 1))
    }

    fn window(&mut self, mut after: Position, upto: Position) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        while after < upto {
            let batch = (self.source.read)(after, upto)?;
            self.bytes += batch.entries.iter().map(recent::weight).sum::<usize>();
            entries.extend(batch.entries.into_iter().filter(|entry| self.concerns(entry)));
            after = batch.upto;
        }
        Ok(entries)
    }

    /// Whether an entry may be worth keeping until its turn: cheap, and never wrongly no.
    fn concerns(&self, entry: &Entry) -> bool {
        entry.at >= self.subject.born && !matches!(&*entry.fact, Fact::Started(_) | Fact::Tick | Fact::Proven(_) | Fact::Ghost(_))
    }

    /// Takes what an entry tells, last item first. Some: the page is full, and this is where the next one begins.
    fn look(&mut self, entry: &Entry) -> Result<Option<EventId>, ReadError> {
        for (n, what, message) in self.told(entry)?.into_iter().rev() {
            let id = EventId { at: entry.at, n };
            if self.query.before.is_some_and(|before| id >= before) {
                continue;
            }
            if self.found.len() >= self.query.limit.max(1) {
                return Ok(self.found.last().map(|found| found.happening.id));
            }
            self.found.push(Found { happening: Happening { id, at: entry.time, what }, message });
        }
        Ok(None)
    }

    fn told(&self, entry: &Entry) -> Result<Vec<Told>, ReadError> {
        let whom = |reg: &RegNo| self.subject.regs.get(reg).cloned();
        Ok(match &*entry.fact {
            Fact::Registered(fact) if fact.user == self.subject.user => {
                let whom = Whom { token: fact.token.clone(), device_id: fact.device_id.clone() };
                vec![(0, Happened::Registered { whom, first: fact.first }, None)]
            }
            Fact::Unregistered(fact) => each(&fact.regs, |(reg, why)| Some(Happened::Unregistered { whom: whom(reg)?, why: *why })),
            Fact::Disconnected(fact) => each(&fact.regs, |reg| Some(Happened::Disconnected { whom: whom(reg)? })),
            Fact::Presence(fact) => {
                let mut told = each(&fact.on, |reg| Some(Happened::Online { whom: whom(reg)? }));
                let off = each(&fact.off, |(reg, _)| Some(Happened::Offline { whom: whom(reg)? }));
                told.extend(off.into_iter().map(|(n, what, message)| (n + number(fact.on.len()), what, message)));
                told
            }
            Fact::Overflowed(fact) => {
                let of = self.subject.devs.get(&fact.dev).and_then(|owned| whom(&owned.device.reg));
                of.map(|whom| (0, Happened::Overflowed { whom, messages: fact.count }, None)).into_iter().collect()
            }
            Fact::Reported(fact) => self.reported(fact)?.map(|what| (0, what, None)).into_iter().collect(),
            Fact::ClientEvent(fact) => whom(&fact.reg).map(|whom| (0, emitted(whom, fact), None)).into_iter().collect(),
            Fact::Published(message) => self.sent(entry.at, message).into_iter().collect(),
            _ => Vec::new(),
        })
    }

    fn reported(&self, fact: &Reported) -> Result<Option<Happened>, ReadError> {
        let Some(whom) = fact.reg.and_then(|reg| self.subject.regs.get(&reg)).cloned() else { return Ok(None) };
        let message = fact.message.map_or(Ok(None), |at| (self.source.published)(at))?.map(|message| message.id);
        Ok(Some(Happened::Reported { whom, message, inferred: fact.inferred, status: fact.status.clone() }))
    }

    /// The fates come later.
    fn sent(&self, at: Position, message: &Published) -> Option<Told> {
        let outcomes: Vec<Outcome> = self
            .subject
            .devs
            .iter()
            .filter(|(dev, owned)| self.subject.wants(message, at, **dev, owned))
            .filter_map(|(dev, owned)| {
                let (reg, whom) = (owned.device.reg, self.subject.regs.get(&owned.device.reg)?.clone());
                Some(Outcome { whom, reg, dev: *dev, fate: crate::Fate::Unknown })
            })
            .collect();
        let names_him = matches!(&message.to, tidings_model::Target::Uids(uids) if uids.contains(&self.subject.uid));
        if message.app != self.query.app || outcomes.is_empty() && !names_him {
            return None;
        }
        let what = Happened::Sent { message: message.id, to: message.to.clone(), expires: message.expires, outcomes };
        Some((0, what, Some((at, Arc::new(message.clone())))))
    }
}

fn emitted(whom: Whom, fact: &ClientEvent) -> Happened {
    Happened::Emitted { whom, event_name: fact.event_name.clone(), args: fact.args.clone() }
}

/// An item of a fact: its number, what it tells, and the message where it is one.
type Told = (u32, Happened, Option<(Position, Arc<Published>)>);

fn each<T>(items: &[T], told: impl Fn(&T) -> Option<Happened>) -> Vec<Told> {
    items.iter().enumerate().filter_map(|(n, item)| Some((number(n), told(item)?, None))).collect()
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Subject {
    /// Whether a message is for a device: it was there when the message was taken.
    fn wants(&self, message: &Published, at: Position, dev: Dev, owned: &Owned) -> bool {
        let was_there = owned.device.born < at && owned.device.dead.is_none_or(|dead| dead > at);
        match &message.targets {
            Targets::Devices(devs) => devs.binary_search(&dev).is_ok(),
            Targets::Everyone => was_there,
            Targets::Members(topic) => was_there && self.stays.get(&owned.device.reg).is_some_and(|stays| stays.covers(*topic, at)),
        }
    }
}
