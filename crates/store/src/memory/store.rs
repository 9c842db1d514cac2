//! The whole store over memory: the same deciding, one explicit step at a time, for the simulator.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use tidings_model::{
    Answer, Batch, BroadcastQuery, FeedItem, Limits, MailboxQuery, MessageId, Millis, Overflowed, Page, Position, Published, Request,
};

use super::MemLog;
use crate::log::{AppendError, Log};
use crate::views::{self, Base, Key, Row, events, mailbox, maps::Maps};
use crate::writer::{Beneath, Dice, Feed, Landed, Setup, Writer};
use crate::{EventPage, EventQuery, ReadError};

/// What the next append meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Certainly not stored.
    Full,
    /// Reported as unknown; stored, unseen until a crash; overwritten by the next append.
    UnknownStored,
    /// Reported as unknown; not stored.
    UnknownLost,
}

/// What [`MemStore::append`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// There was nothing to append.
    Nothing,
    /// The batch before still waits for its `notify`.
    Busy,
    /// Durable up to here; nobody has been told yet.
    Durable(Position),
    /// What its callers are told comes with the next `notify`.
    Failed,
}

/// A ticket and its answer.
pub type Told = (u64, Answer);

/// The views and the log, as the writer sees them.
struct Memory {
    maps: Maps,
    log: Arc<MemLog>,
}

impl Base for Memory {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        Base::get(&self.maps, key)
    }
}

impl Beneath for Memory {
    fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        self.log.published(at)
    }

    fn find(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        self.log.find(id)
    }
}

/// The whole store in one thread. One seed and the same steps give the same history.
pub struct MemStore {
    limits: Limits,
    workers: usize,
    starts: u64,
    seed: u64,
    log: Arc<MemLog>,
    /// None only while it starts again. The ticket is None for what the store asks itself.
    writer: Option<Writer<Memory, Option<u64>>>,
    feed: Feed,
    waiting: VecDeque<(Option<u64>, Request)>,
    /// What reads found to be too much; the store asks itself to decide it.
    cuts: RefCell<Vec<Overflowed>>,
    /// An append whose outcome nobody has been told.
    appended: Option<Result<u64, AppendError>>,
    notified: Position,
    now: Millis,
}

/// The dice of the `starts`-th process of a history.
pub(crate) fn dice_of(seed: u64, starts: u64) -> Dice {
    // Not SplitMix's own step, or one history's dice would be another's, a little later.
    Dice::seeded(seed.rotate_left(32) ^ starts.wrapping_mul(0xd134_2543_de82_ef95))
}

/// Ends asked for at once.
const ENDS: usize = 1024;

/// Nothing in memory can fail to be read.
const READABLE: &str = "memory can be read";

impl MemStore {
    /// An empty store that has started. `workers`: at most 64.
    pub fn new(limits: Limits, workers: usize, seed: u64) -> Self {
        let log = Arc::new(MemLog::default());
        let feed = Feed::new(workers, Position::ZERO);
        let now = Millis(0);
        let mut new = Self {
            limits,
            workers,
            starts: 0,
            seed,
            log,
            writer: None,
            feed,
            waiting: VecDeque::new(),
            cuts: RefCell::default(),
            appended: None,
            notified: Position::ZERO,
            now,
        };
        new.start(Maps::default());
        new
    }

    fn start(&mut self, maps: Maps) {
        self.starts += 1;
        let mut dice = dice_of(self.seed, self.starts);
        let (epoch, seen) = self.log.newest().unwrap_or_default();
        let setup = Setup {
            jumped: 0,
            limits: self.limits.clone(),
            workers: self.workers,
            writer: u64::from_le_bytes(dice.draw()) >> 1,
            dice,
            epoch: epoch + 1,
            last: self.log.bounds().expect(READABLE).last,
            seen,
            numbers: maps.numbers.clone(),
            online: maps.online.iter().copied().collect(),
        };
        let memory = Memory { maps, log: self.log.clone() };
        self.writer = Some(Writer::start(memory, setup, "memory", self.now).expect(READABLE));
        self.append(Fault::None);
        self.notify();
        self.merge();
        self.feed = Feed::new(self.workers, self.notified);
    }

    fn writer(&mut self) -> &mut Writer<Memory, Option<u64>> {
        self.writer.as_mut().expect("the store is started")
    }

    fn maps(&self) -> &Maps {
        &self.writer.as_ref().expect("the store is started").beneath().maps
    }

    /// Queued until `decide`.
    pub fn ask(&mut self, ticket: u64, request: Request) {
        self.waiting.push_back((Some(ticket), request));
    }

    /// Takes what waits into the open batch. `now`: log time; it never goes back.
    pub fn decide(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let now = self.now;
        let cuts = self.cuts.take();
        self.waiting.extend(cuts.into_iter().map(|cut| (None, Request::Overflow(cut))));
        while !self.writer().is_full() {
            let Some((ticket, request)) = self.waiting.pop_front() else { break };
            self.writer().take(now, ticket, &request).expect(READABLE);
        }
    }

    /// What the views find due to end is asked of the writer, with the next `decide`. At most a slice at a time.
    pub fn end(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let due = self.maps().due(self.now, ENDS);
        if !due.is_empty() {
            self.waiting.push_back((None, Request::End(due)));
        }
    }

    /// Presence that is due becomes facts of the open batch; a read-only store tries again.
    pub fn timers(&mut self, now: Millis) {
        self.now = self.now.max(now);
        let now = self.now;
        self.writer().timers(now).expect(READABLE);
    }

    /// When `timers` has something to do; None: nothing is due.
    pub fn next_timer(&self) -> Option<Millis> {
        self.writer.as_ref().and_then(Writer::next_timer)
    }

    /// Appends the open batch, unless one still waits for its `notify`.
    pub fn append(&mut self, fault: Fault) -> Appended {
        if self.appended.is_some() {
            return Appended::Busy;
        }
        let Some(flight) = self.writer().hand_over() else { return Appended::Nothing };
        if fault != Fault::None {
            self.log.fail_next(fault);
        }
        let result = self.log.append(flight.expected_last, &flight.records);
        let told = result.as_ref().map_or(Appended::Failed, |last| Appended::Durable(Position::end_of(*last)));
        self.appended = Some(result);
        told
    }

    /// Feed items by worker first, then the answers that may leave.
    pub fn notify(&mut self) -> (Vec<Told>, Vec<(usize, FeedItem)>) {
        let mut answers = self.writer().ready();
        let mut items = Vec::new();
        if let Some(result) = self.appended.take() {
            let Landed { batch, answers: landed } = self.writer().land(result);
            if let Some(batch) = batch {
                self.notified = batch.upto;
                items = self.feed.items(&batch);
            }
            answers.extend(landed);
        }
        (answers.into_iter().filter_map(|(ticket, answer)| Some((ticket?, answer))).collect(), items)
    }

    /// Applies what is durable and notified to the views.
    pub fn merge(&mut self) {
        let (log, upto) = (self.log.clone(), self.notified);
        let maps = &mut self.writer().beneath_mut().maps;
        apply(maps, &log, upto);
        self.writer().merged(upto);
    }

    /// The process dies and starts again: layers, presence, tickets and what was not notified are gone; log and views stay.
    pub fn crash(&mut self) {
        self.log.crash();
        let mut maps = self.writer.take().expect("the store is started").into_beneath().maps;
        self.waiting.clear();
        self.cuts.take();
        self.appended = None;
        self.notified = Position::end_of(self.log.bounds().expect(READABLE).last);
        apply(&mut maps, &self.log, self.notified);
        self.start(maps);
    }

    /// Whether it refuses what needs a fact.
    pub fn is_read_only(&self) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.gate() != crate::writer::Gate::Open)
    }

    /// Everything at or below it is durable and notified.
    pub fn durable(&self) -> Position {
        self.notified
    }

    /// The next append that has something to store meets this.
    #[cfg(test)]
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.log.fail_next(fault);
    }

    /// Every app and every key, as the views have them.
    pub fn directory(&self) -> Arc<tidings_model::Directory> {
        self.maps().numbers.directory.clone()
    }

    /// Every sink, as the views have them.
    pub fn sinks(&self) -> Arc<tidings_model::Sinks> {
        self.maps().numbers.sinks.clone()
    }

    /// Entries in (after, upto].
    pub fn read(&self, after: Position, upto: Position) -> Batch {
        self.log.read(after, upto.min(self.notified), usize::MAX).expect(READABLE)
    }

    /// The `upto` of the last batch that concerned this worker.
    pub fn upto(&self, worker: usize) -> Position {
        self.feed.upto(worker)
    }

    /// None: the views have not seen `query.upto` yet.
    pub fn mailbox(&self, query: &MailboxQuery) -> Option<Page> {
        if self.maps().mark < query.upto {
            return None;
        }
        let bodies = |at| self.log.published(at);
        let paged = mailbox::mailbox(self.maps(), &bodies, query, &self.limits, self.now).expect(READABLE);
        self.cuts.borrow_mut().extend(paged.cut);
        Some(paged.page)
    }

    /// None: the views have not seen `query.upto` yet.
    pub fn broadcasts(&self, query: &BroadcastQuery) -> Option<Page> {
        if self.maps().mark < query.upto {
            return None;
        }
        let bodies = |at| self.log.published(at);
        Some(mailbox::broadcasts(self.maps(), &bodies, query, &self.limits, self.now).expect(READABLE))
    }

    /// Events up to what the views have seen.
    pub fn events(&self, query: &EventQuery) -> EventPage {
        let source = events::Source {
            oldest: Position::ZERO,
            begin: Position::ZERO,
            base: self.maps(),
            directory: &self.directory(),
            read: &|after, upto| self.log.read(after, upto, 256 << 10),
            published: &|at| self.log.published(at),
            upto: self.maps().mark,
        };
        events::page(&source, query).expect(READABLE)
    }
}

fn apply(maps: &mut Maps, log: &MemLog, upto: Position) {
    let batch = log.read(maps.mark, upto, usize::MAX).expect(READABLE);
    for entry in &batch.entries {
        views::fold(maps, entry).expect(READABLE);
    }
    maps.mark = maps.mark.max(upto);
}

#[cfg(test)]
mod sinks;
#[cfg(test)]
mod tenancy;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod topics;
