//! One sink's course: what to read, what to carry, when to try again, what to make durable.
//!
//! Pure: it reads no clock and does no I/O. Whoever drives it asks `act` until there is nothing to do, does that, and says what
//! came of it. It holds the events of one batch and of the next one, however far the sink is behind.

use std::collections::VecDeque;
use std::sync::Arc;

use tidings_model::{Code, Event, EventId, Millis, SinkError, SinkMove, SinkNo, SinkState, Standing};
use tidings_store::EventPage;

use crate::Outcome;
use crate::event::object;

mod schedule;

use schedule::{Dice, Trouble, Verdict};
pub use schedule::{SCHEDULE_MS, SUSPICION_MS};

/// What a batch holds at the most: events, and bytes of their JSON (one event may be larger).
pub const BATCH_EVENTS: usize = 100;
pub const BATCH_BYTES: usize = 256 << 10;

/// What is appended in so short a time is read at once.
const BREATH_MS: u64 = 20;
/// A cursor moves over what its sink does not want, but not more often.
const PASSING_MS: u64 = 10_000;
/// A paused sink looks whether the log still has its cursor, when something was appended, but not more often.
const PROBE_MS: u64 = 600_000;
/// What the store could not do is asked again after this.
const STORE_RETRY_MS: u64 = 1000;

/// Two times: milliseconds that only ever go on, for waiting; log time, for telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub ms: u64,
    pub log: Millis,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Read events behind `after`; answered by [`Course::page`].
    Read {
        after: EventId,
        limit: usize,
    },
    /// Answered by [`Course::outcome`].
    Carry(Arc<[Event]>),
    /// Make this durable; answered by [`Course::moved`].
    Move(SinkMove),
    Tell(Alarm),
}

/// What somebody should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    Paused { why: Arc<str> },
    Parked { event: EventId, why: Arc<str> },
    Gap { from: EventId, to: EventId },
}

/// What the log gave.
#[derive(Clone, Debug)]
pub enum Read {
    Page(EventPage),
    /// It no longer goes back so far; the sink goes on from here.
    Expired {
        oldest: EventId,
    },
    Failed,
}

/// Since this process has driven it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that were taken.
    pub delivered: u64,
    /// Tries that were not taken.
    pub failed: u64,
    /// Events that were parked, and times that it fell behind the log.
    pub parked: u64,
    pub gaps: u64,
}

pub struct Course {
    sink: SinkNo,
    /// As it is durable.
    standing: Standing,
    dice: Dice,
    /// Read and not taken, with their sizes.
    queue: VecDeque<(Event, usize)>,
    reading: Reading,
    carrying: Carrying,
    moving: Option<Moving>,
    trouble: Trouble,
    /// How many are carried at once: half as many after each refusal, twice as many after each success.
    width: usize,
    /// Refused alone, once.
    suspect: Option<EventId>,
    /// When its cursor moved last, or, of a paused one, was looked for.
    moved_ms: Option<u64>,
    /// When the oldest event was made that is not taken.
    waits_since: Option<Millis>,
    alarms: VecDeque<Alarm>,
    counts: Counts,
    /// What is under way on behalf of an earlier one is of no interest any more.
    generation: u64,
    /// Its standing is not what it believed: the next one that it hears of is taken as it is.
    is_stale: bool,
    is_stopping: bool,
}

struct Reading {
    /// Everything up to here was read.
    at: EventId,
    /// When to read on; None: when something is appended.
    due: Option<u64>,
    under_way: bool,
    /// Facts passed since the cursor moved.
    scanned: u64,
}

enum Carrying {
    Ready,
    UnderWay {
        count: usize,
    },
    /// The same batch again, then.
    Until {
        due: u64,
        count: usize,
    },
}

struct Moving {
    ask: SinkMove,
    /// Events of the queue that are over with it.
    done: usize,
    /// None: it is under way.
    due: Option<u64>,
}

impl Course {
    /// `seed`: for the jitter.
    pub fn new(sink: SinkNo, standing: Standing, seed: u64, now: u64) -> Self {
        let reading = Reading { at: standing.cursor, due: Some(now), under_way: false, scanned: 0 };
        Self {
            sink,
            standing,
            dice: Dice::new(seed),
            queue: VecDeque::new(),
            reading,
            carrying: Carrying::Ready,
            moving: None,
            trouble: Trouble::default(),
            width: BATCH_EVENTS,
            suspect: None,
            moved_ms: None,
            waits_since: None,
            alarms: VecDeque::new(),
            counts: Counts::default(),
            generation: 0,
            is_stale: false,
            is_stopping: false,
        }
    }

    /// The next thing to do; asked again until there is none.
    pub fn act(&mut self, now: u64) -> Option<Act> {
        if let Some(alarm) = self.alarms.pop_front() {
            return Some(Act::Tell(alarm));
        }
        self.act_move(now).or_else(|| self.act_carry(now)).or_else(|| self.act_read(now))
    }

    /// When `act` has something to do although nothing has happened.
    pub fn wakes(&self) -> Option<u64> {
        let moving = self.moving.as_ref().and_then(|moving| moving.due);
        let carrying = if let Carrying::Until { due, .. } = self.carrying { Some(due) } else { None };
        let carrying = carrying.filter(|_| self.moving.is_none() && !self.is_stopping);
        let reading = self.reading.due.filter(|_| self.may_read());
        let passing = self.passes().then(|| self.moved_ms.map_or(0, |moved| moved + PASSING_MS));
        [moving, carrying, reading, passing].into_iter().flatten().min()
    }

    /// Whether it wants to hear when something is appended.
    pub fn wants_news(&self) -> bool {
        self.reading.due.is_none()
    }

    /// Something was appended.
    pub fn news(&mut self, now: u64) {
        if self.wants_news() {
            let probe = self.moved_ms.map_or(0, |moved| moved + PROBE_MS);
            let due = if self.is_paused() { probe } else { 0 };
            self.reading.due = Some(due.max(now + BREATH_MS));
        }
    }

    pub fn page(&mut self, now: u64, read: Read) {
        self.reading.under_way = false;
        match read {
            Read::Page(_) if self.is_paused() => self.moved_ms = Some(now),
            Read::Page(page) => {
                self.reading.at = page.next;
                self.reading.scanned += page.scanned;
                if page.more {
                    self.reading.due = Some(now);
                }
                self.queue.extend(page.events.into_iter().map(|event| {
                    let size = object(&event).len();
                    (event, size)
                }));
                self.look();
            }
            // What was read before is carried first.
            Read::Expired { oldest } if self.queue.is_empty() && self.moving.is_none() => {
                self.start_move(SinkMove { to: Some(oldest), gap: true, ..SinkMove::of(self.sink) }, 0, now);
            }
            Read::Expired { .. } | Read::Failed => self.reading.due = Some(now + STORE_RETRY_MS),
        }
    }

    pub fn outcome(&mut self, now: Moment, outcome: Outcome) {
        let Carrying::UnderWay { count } = std::mem::replace(&mut self.carrying, Carrying::Ready) else { return };
        match outcome {
            Outcome::Taken { upto } => {
                let taken = self.queue.iter().take(count).take_while(|(event, _)| event.id <= upto).count();
                if taken == 0 {
                    self.later(now, count, None, "it took none of what it was given".into());
                } else {
                    self.taken(now.ms, taken);
                }
            }
            Outcome::Refused { why } if count > 1 => {
                self.counts.failed += 1;
                self.width = count / 2;
                tracing::debug!(sink = self.sink.0, count, why, "a batch was refused; it is cut in two");
            }
            Outcome::Refused { why } => self.refused_alone(now, why.into()),
            Outcome::Later { after, why } => {
                let after = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
                self.later(now, count, after, why.into());
            }
        }
    }

    fn taken(&mut self, now: u64, taken: usize) {
        self.counts.delivered += taken as u64;
        self.width = (self.width * 2).min(BATCH_EVENTS);
        self.trouble = Trouble::default();
        self.suspect = None;
        let to = self.behind(taken);
        let last_error = self.standing.last_error.is_some().then_some(None);
        self.start_move(SinkMove { to: Some(to), last_error, ..SinkMove::of(self.sink) }, taken, now);
    }

    /// Where the cursor is when so many of the queue are over: with all of them, what was passed behind them is over, too.
    fn behind(&self, done: usize) -> EventId {
        if done == self.queue.len() { self.reading.at } else { self.queue[done - 1].0.id }
    }

    fn refused_alone(&mut self, now: Moment, why: Arc<str>) {
        self.counts.failed += 1;
        let event = self.queue[0].0.id;
        if self.suspect != Some(event) {
            self.suspect = Some(event);
            self.carrying = Carrying::Until { due: now.ms + self.dice.about(SUSPICION_MS), count: 1 };
            return;
        }
        self.suspect = None;
        let last_error = Some(Some(SinkError { at: now.log, why }));
        self.start_move(SinkMove { to: Some(event), park: Some(event), last_error, ..SinkMove::of(self.sink) }, 1, now.ms);
    }

    fn later(&mut self, now: Moment, count: usize, after: Option<u64>, why: Arc<str>) {
        self.counts.failed += 1;
        let last_error = Some(Some(SinkError { at: now.log, why }));
        match self.trouble.again(now.ms, after, &mut self.dice) {
            Verdict::GiveUp => {
                let state = Some(SinkState::Paused);
                self.start_move(SinkMove { state, last_error, ..SinkMove::of(self.sink) }, 0, now.ms);
            }
            Verdict::Wait { ms, is_news } => {
                self.carrying = Carrying::Until { due: now.ms + ms, count };
                if is_news {
                    self.start_move(SinkMove { last_error, ..SinkMove::of(self.sink) }, 0, now.ms);
                }
            }
        }
    }

    fn start_move(&mut self, ask: SinkMove, done: usize, now: u64) {
        let ask = SinkMove { expected: Some(self.standing.cursor), ..ask };
        self.moving = Some(Moving { ask, done, due: Some(now) });
    }

    /// What became of the move: how the sink stands by it, or why not. Then [`Course::stands`] says how it stands now.
    pub fn moved(&mut self, now: u64, result: Result<Standing, Code>) {
        let Some(mut moving) = self.moving.take() else { return };
        match result {
            Ok(standing) => self.settle(now, &moving, standing),
            // Somebody else has moved it, or it is gone.
            Err(Code::Conflict | Code::NotFound | Code::InvalidField) => self.is_stale = true,
            Err(_) => {
                moving.due = Some(now + STORE_RETRY_MS);
                self.moving = Some(moving);
            }
        }
    }

    fn settle(&mut self, now: u64, moving: &Moving, standing: Standing) {
        let ask = &moving.ask;
        let why = standing.last_error.as_ref().map_or_else(|| "it was asked to".into(), |error| error.why.clone());
        let has_moved = ask.to.is_none_or(|to| to == standing.cursor);
        if has_moved {
            self.queue.drain(..moving.done);
        }
        if ask.to.is_some() {
            self.moved_ms = Some(now);
            self.reading.scanned = 0;
        }
        if let Some(event) = ask.park.filter(|_| has_moved) {
            self.counts.parked += 1;
            self.alarms.push_back(Alarm::Parked { event, why: why.clone() });
        }
        let pauses = standing.state == SinkState::Paused && !self.is_paused();
        if let Some(gap) = standing.gap.filter(|_| ask.gap) {
            self.counts.gaps += 1;
            self.alarms.push_back(Alarm::Gap { from: gap.from, to: gap.to });
            self.reset(now, standing);
        } else {
            self.standing = standing;
        }
        if pauses {
            // An administrator who pauses it meanwhile knows.
            if ask.state.is_some() || ask.park.is_some() {
                self.alarms.push_back(Alarm::Paused { why });
            }
            self.rest();
        }
        self.look();
    }

    /// Nothing new is begun; what is under way may end.
    pub fn stop(&mut self) {
        self.is_stopping = true;
    }

    /// How the sink stands by what is durable; somebody else may have moved, paused or resumed it.
    pub fn stands(&mut self, now: u64, standing: &Standing) {
        if self.moving.is_some() || !self.is_stale && *standing == self.standing {
            return;
        }
        let is_stale = std::mem::take(&mut self.is_stale);
        let resumes = self.is_paused() && standing.state == SinkState::Active;
        // Whoever says that it is mended wants it tried.
        let is_mended = self.standing.last_error.is_some() && standing.last_error.is_none();
        if is_stale || standing.cursor != self.standing.cursor || resumes || is_mended {
            self.reset(now, standing.clone());
        }
        self.standing = standing.clone();
        if self.is_paused() {
            self.rest();
        }
    }

    /// What is asked of it has changed: what was read is read again, and tried at once.
    pub fn begin_anew(&mut self, now: u64) {
        if !self.is_paused() {
            let standing = self.standing.clone();
            self.reset(now, standing);
        }
    }

    fn reset(&mut self, now: u64, standing: Standing) {
        self.rest();
        self.reading = Reading { at: standing.cursor, due: Some(now), under_way: false, scanned: 0 };
        self.standing = standing;
        self.trouble = Trouble::default();
        self.suspect = None;
        self.width = BATCH_EVENTS;
    }

    /// Holds nothing, does nothing.
    fn rest(&mut self) {
        self.queue.clear();
        self.carrying = Carrying::Ready;
        self.moving = None;
        self.reading = Reading { at: self.standing.cursor, due: None, under_way: false, scanned: 0 };
        self.generation += 1;
    }

    fn look(&mut self) {
        if let Some((event, _)) = self.queue.front() {
            self.waits_since = Some(event.at);
        } else if !self.is_paused() {
            self.waits_since = None;
        }
    }

    fn act_move(&mut self, now: u64) -> Option<Act> {
        if self.passes() && self.moved_ms.is_none_or(|moved| now >= moved + PASSING_MS) {
            self.start_move(SinkMove { to: Some(self.reading.at), ..SinkMove::of(self.sink) }, 0, now);
        }
        let moving = self.moving.as_mut()?;
        moving.due.take_if(|due| *due <= now)?;
        Some(Act::Move(moving.ask.clone()))
    }

    /// It has passed something that it does not want, and nothing else is to be said.
    fn passes(&self) -> bool {
        let is_idle = self.queue.is_empty() && self.moving.is_none() && !self.reading.under_way && !self.is_stopping;
        is_idle && self.reading.scanned > 0 && !self.is_paused() && self.reading.at > self.standing.cursor
    }

    fn act_carry(&mut self, now: u64) -> Option<Act> {
        if self.moving.is_some() || self.is_stopping {
            return None;
        }
        let is_filled = self.queue.len() >= BATCH_EVENTS || !self.reading.under_way;
        let count = match self.carrying {
            Carrying::Ready if is_filled && !self.queue.is_empty() => self.fitting(),
            Carrying::Until { due, count } if due <= now => count,
            Carrying::Ready | Carrying::Until { .. } | Carrying::UnderWay { .. } => return None,
        };
        self.carrying = Carrying::UnderWay { count };
        Some(Act::Carry(self.queue.iter().take(count).map(|(event, _)| event.clone()).collect()))
    }

    /// How many of the queue make a batch.
    fn fitting(&self) -> usize {
        let mut bytes = 0;
        let fits = |(_, size): &&(Event, usize)| {
            bytes += size + 1;
            bytes <= BATCH_BYTES
        };
        self.queue.iter().take(self.width).take_while(fits).count().max(1)
    }

    fn act_read(&mut self, now: u64) -> Option<Act> {
        if !self.may_read() {
            return None;
        }
        self.reading.due.take_if(|due| *due <= now)?;
        self.reading.under_way = true;
        let limit = if self.is_paused() { 1 } else { BATCH_EVENTS };
        Some(Act::Read { after: self.reading.at, limit })
    }

    fn may_read(&self) -> bool {
        let has_room = match self.carrying {
            Carrying::Ready => self.queue.len() < BATCH_EVENTS,
            Carrying::UnderWay { count } => self.queue.len() == count,
            // While it is down, nothing is read for it.
            Carrying::Until { .. } => false,
        };
        has_room && !self.reading.under_way && !self.is_stopping
    }

    pub fn is_paused(&self) -> bool {
        self.standing.state == SinkState::Paused
    }

    /// A batch is under way; an answer to it is still welcome.
    pub fn is_carrying(&self) -> bool {
        matches!(self.carrying, Carrying::UnderWay { .. })
    }

    pub fn is_moving(&self) -> bool {
        self.moving.is_some()
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// When the oldest event was made that is known and not taken.
    pub fn waits_since(&self) -> Option<Millis> {
        self.waits_since
    }

    /// How far it has read, or passed what it does not want.
    pub fn seen(&self) -> EventId {
        if self.queue.is_empty() { self.reading.at.max(self.standing.cursor) } else { self.standing.cursor }
    }

    /// Events in memory.
    pub fn held(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests;
