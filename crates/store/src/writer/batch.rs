//! Batches: what is being decided (open), what the log has in hand (flying), and the answers that wait for either.

use std::sync::Arc;

use tidings_model::{Answer, Batch, Code, Entry, Fact, Millis, Position, Presence, Refusal, RegNo, TopicNo};

use super::layers::Rests;
use super::presence::{Attachment, Ended};
use crate::log::{AppendError, Record};

/// A batch for the log.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub expected_last: u64,
    pub records: Arc<Vec<Record>>,
}

/// What became of a batch.
pub(crate) struct Landed<T> {
    /// What became durable; None: the append failed.
    pub batch: Option<Arc<Batch>>,
    /// In the order of deciding.
    pub answers: Vec<Ticketed<T>>,
}

/// An answer and what it goes back to.
type Ticketed<T> = (T, Answer);
/// A step to take back, and when it was done.
type Step = (u64, Undo);

/// How a decision that is dropped is taken back where it is not in a layer.
pub(super) enum Undo {
    Attached(Attachment),
    Told(Presence),
    Ended(Ended),
    Subscribed { regs: Vec<RegNo>, topic: TopicNo, on: bool },
}

pub(super) struct Batching<T> {
    epoch: u32,
    writer: u64,
    /// The last durable record.
    last: u64,
    open: Open<T>,
    flying: Option<Flying<T>>,
    ready: Vec<Ticketed<T>>,
    /// Counts decisions, so that they are taken back in reverse.
    step: u64,
}

struct Open<T> {
    records: Vec<Record>,
    entries: Vec<Entry>,
    /// About the size of the last record, and of all.
    record_bytes: usize,
    bytes: usize,
    answers: Vec<Ticketed<T>>,
    undo: Vec<Step>,
}

struct Flying<T> {
    batch: Batch,
    answers: Vec<Ticketed<T>>,
    undo: Vec<Step>,
}

/// A batch is full at either.
const BATCH_FACTS: usize = 1024;
const BATCH_BYTES: usize = 1 << 20;
/// A record is closed before it would be larger, unless one decision is.
const RECORD_BYTES: usize = 64 << 10;

impl<T> Open<T> {
    fn new() -> Self {
        Self { records: Vec::new(), entries: Vec::new(), record_bytes: 0, bytes: 0, answers: Vec::new(), undo: Vec::new() }
    }
}

impl<T> Batching<T> {
    pub(super) fn new(epoch: u32, writer: u64, last: u64) -> Self {
        Self { epoch, writer, last, open: Open::new(), flying: None, ready: Vec::new(), step: 0 }
    }

    /// The last record that is decided or durable before the open batch.
    fn before_open(&self) -> u64 {
        self.flying.as_ref().map_or(self.last, |flying| flying.batch.upto.record())
    }

    /// The newest record's number.
    fn newest(&self) -> u64 {
        self.before_open() + self.open.records.len() as u64
    }

    /// Makes room for `facts` facts of about `bytes` together in one record; the position of the first.
    pub(super) fn room(&mut self, now: Millis, facts: usize, bytes: usize) -> Position {
        let fits = self.open.records.last().is_some_and(|record| {
            record.at == now && record.facts.len() + facts <= Position::FACTS_MAX && self.open.record_bytes + bytes <= RECORD_BYTES
        });
        if !fits {
            let record = Record { epoch: self.epoch, writer: self.writer, prev: self.newest(), at: now, facts: Vec::new() };
            self.open.records.push(record);
            self.open.record_bytes = 0;
        }
        self.open.record_bytes += bytes;
        self.open.bytes += bytes;
        let index = self.open.records.last().map_or(0, |record| record.facts.len());
        Position::from_raw(self.newest() << 8 | index as u64)
    }

    pub(super) fn put(&mut self, now: Millis, fact: Fact, concerns: u64) -> Entry {
        if self.open.records.last().is_none_or(|record| record.facts.len() >= Position::FACTS_MAX) {
            self.room(now, 1, 0);
        }
        let number = self.newest();
        let record = self.open.records.last_mut().expect("room was made just now");
        let at = Position::from_raw(number << 8 | record.facts.len() as u64);
        let fact = Arc::new(fact);
        record.facts.push(fact.clone());
        let entry = Entry { at, time: record.at, fact, concerns };
        self.open.entries.push(entry.clone());
        entry
    }

    pub(super) fn answer(&mut self, rests: Rests, ticket: T, answer: Answer) {
        match (rests, &mut self.flying) {
            (Rests::Open, _) => self.open.answers.push((ticket, answer)),
            (Rests::Flying, Some(flying)) => flying.answers.push((ticket, answer)),
            (Rests::Flying | Rests::Settled, _) => self.ready.push((ticket, answer)),
        }
    }

    pub(super) fn undo(&mut self, undo: Undo, rests: Rests) {
        self.step += 1;
        match (rests, &mut self.flying) {
            (Rests::Open, _) => self.open.undo.push((self.step, undo)),
            (Rests::Flying, Some(flying)) => flying.undo.push((self.step, undo)),
            // What rests on nothing that may fail is not taken back.
            (Rests::Flying | Rests::Settled, _) => {}
        }
    }

    pub(super) fn hand_over(&mut self) -> Option<Flight> {
        if self.flying.is_some() || self.open.records.is_empty() {
            return None;
        }
        let open = std::mem::replace(&mut self.open, Open::new());
        let upto = Position::end_of(self.last + open.records.len() as u64);
        self.flying = Some(Flying { batch: Batch { entries: open.entries, upto }, answers: open.answers, undo: open.undo });
        Some(Flight { expected_last: self.last, records: Arc::new(open.records) })
    }

    pub(super) fn settle(&mut self, last: u64) -> Landed<T> {
        self.last = last;
        match self.flying.take() {
            Some(flying) => Landed { batch: Some(Arc::new(flying.batch)), answers: flying.answers },
            None => Landed { batch: None, answers: Vec::new() },
        }
    }

    /// Both batches are gone. What was handed over is told by what is certain; what never was: certainly not stored.
    pub(super) fn fail(&mut self, error: &AppendError) -> (Landed<T>, Vec<Undo>) {
        let refusal = match error {
            AppendError::Full => unstored(),
            AppendError::Fenced { .. } | AppendError::Unknown { .. } => {
                Refusal::new(Code::OutcomeUnknown, "it may be stored or not; ask again with the same key")
            }
        };
        let Flying { answers, undo, .. } = self.flying.take().unwrap_or(Flying {
            batch: Batch { entries: Vec::new(), upto: Position::ZERO },
            answers: Vec::new(),
            undo: Vec::new(),
        });
        let mut answers = refuse_all(answers, &refusal);
        let (dropped, later) = self.take_open();
        answers.extend(dropped);
        (Landed { batch: None, answers }, in_order(undo, later))
    }

    pub(super) fn drop_open(&mut self) -> (Vec<Ticketed<T>>, Vec<Undo>) {
        let (answers, undo) = self.take_open();
        (answers, in_order(undo, Vec::new()))
    }

    fn take_open(&mut self) -> (Vec<Ticketed<T>>, Vec<Step>) {
        let open = std::mem::replace(&mut self.open, Open::new());
        (refuse_all(open.answers, &unstored()), open.undo)
    }

    pub(super) fn ready(&mut self) -> Vec<Ticketed<T>> {
        std::mem::take(&mut self.ready)
    }

    /// Everything that a decision resting on this has seen.
    pub(super) fn end_of(&self, rests: Rests) -> Position {
        match rests {
            Rests::Settled => Position::end_of(self.last),
            Rests::Flying => Position::end_of(self.before_open()),
            Rests::Open => self.open.entries.last().map_or(Position::end_of(self.before_open()), |entry| entry.at),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open.entries.len() >= BATCH_FACTS || self.open.bytes >= BATCH_BYTES
    }

    pub(super) fn undurable(&self) -> u64 {
        let flying = self.flying.as_ref().map_or(0, |flying| flying.batch.entries.len());
        (flying + self.open.entries.len()) as u64
    }

    pub(super) fn is_flying(&self) -> bool {
        self.flying.is_some()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.records.is_empty()
    }
}

fn unstored() -> Refusal {
    Refusal::new(Code::StorageUnavailable, "the log takes nothing at present; nothing was stored")
}

/// Refusals stay what they were only where they promised nothing: one that rests on a dropped decision is no longer true.
fn refuse_all<T>(answers: Vec<Ticketed<T>>, refusal: &Refusal) -> Vec<Ticketed<T>> {
    answers.into_iter().map(|(ticket, _)| (ticket, Answer::Refused(refusal.clone()))).collect()
}

fn in_order(earlier: Vec<Step>, later: Vec<Step>) -> Vec<Undo> {
    let mut all = earlier;
    all.extend(later);
    all.sort_by_key(|(step, _)| *step);
    all.into_iter().map(|(_, undo)| undo).collect()
}
