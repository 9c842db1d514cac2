//! The writer: it alone decides what becomes a fact, looking at the views and at its own decisions that are not in them yet.
//!
//! Pure: no thread, no clock, no SQLite, no dice of its own. The shells around it (`threads`, `memory::store`) give it
//! requests and the time, carry its batches to a log, and tell it what became of them.

use tidings_model::{Answer, Code, Fact, Limits, Millis, Position, Refusal, RegNo, Request, Started};

use crate::ReadError;
use crate::log::AppendError;
use crate::views::Base;

mod administer;
mod batch;
mod cache;
pub(crate) mod clock;
mod collapse;
pub(crate) mod dice;
mod end;
mod feed;
mod ghosts;
mod layers;
mod presence;
mod prove;
mod publish;
mod recall;
mod register;
mod report;
mod sinks;
mod topics;
mod users;

pub(crate) use batch::{Flight, Landed};
pub(crate) use dice::Dice;
pub(crate) use feed::Feed;

use batch::{Batching, Undo};
use layers::{Layers, Rests};
use presence::Presence;

/// What deciding looks at beneath its own layers: the views, and the log behind them.
pub(crate) trait Beneath: Base {
    fn published(&self, at: Position) -> Result<Option<std::sync::Arc<tidings_model::Published>>, ReadError>;
    fn find(&self, id: tidings_model::MessageId) -> Result<Option<(Position, std::sync::Arc<tidings_model::Published>)>, ReadError>;
}

/// Whether facts are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// Since when, and when the last try was.
    ReadOnly {
        since: Millis,
        tried: Millis,
    },
}

/// What the writer is built from.
pub(crate) struct Setup {
    pub limits: Limits,
    pub workers: usize,
    pub dice: Dice,
    pub epoch: u32,
    pub writer: u64,
    /// The last durable record.
    pub last: u64,
    /// What a restore jumped over to it; 0: nothing.
    pub jumped: u64,
    /// Log time of that record.
    pub seen: Millis,
    pub numbers: crate::views::Numbers,
    /// Whom the business server was told to be online before the start.
    pub online: Vec<RegNo>,
}

/// `T`: what an answer goes back to.
pub(crate) struct Writer<B, T> {
    limits: Limits,
    workers: usize,
    dice: Dice,
    layers: Layers<B>,
    batching: Batching<T>,
    presence: Presence,
    gate: Gate,
    /// What flies was handed over to find out whether the log takes appends again.
    probing: bool,
    /// Log time of what is being decided.
    now: Millis,
    refused: u64,
    newcomers: register::Newcomers,
}

/// More than this much decided and not yet merged: publishes wait outside.
const SETTLED_BYTES: usize = 64 << 20;

/// A read-only store tries to append this often.
const RETRY_MS: u64 = 1000;

impl<B: Beneath, T> Writer<B, T> {
    /// The first thing it decides is `Started`.
    pub(crate) fn start(beneath: B, setup: Setup, build: &str, now: Millis) -> Result<Self, ReadError> {
        let Setup { limits, workers, dice, epoch, writer, last, jumped, seen, numbers, online } = setup;
        let mut new = Self {
            limits,
            workers,
            dice,
            layers: Layers::new(beneath, numbers),
            batching: Batching::new(epoch, writer, last),
            presence: Presence::new(online, seen, now),
            gate: Gate::Open,
            probing: false,
            now: now.max(seen),
            refused: 0,
            newcomers: register::Newcomers::default(),
        };
        new.put(Fact::Started(Started { epoch, writer, build: build.to_owned(), after: jumped }), 0)?;
        Ok(new)
    }

    /// Decides one request; its answer leaves with what it rests on. An error: what is beneath cannot be read, and nothing may go on.
    pub(crate) fn take(&mut self, now: Millis, ticket: T, request: &Request) -> Result<(), ReadError> {
        self.now = self.now.max(now);
        self.layers.rests = Rests::Settled;
        let decided = self.decide(request);
        let rests = self.layers.rests;
        match decided {
            Ok(answer) => {
                self.refused += u64::from(matches!(answer, Answer::Refused(_)));
                self.batching.answer(rests, ticket, answer);
                Ok(())
            }
            Err(error) => {
                let refusal = Refusal::new(Code::OutcomeUnknown, "the store cannot read what it has");
                self.batching.answer(Rests::Settled, ticket, Answer::Refused(refusal));
                Err(error)
            }
        }
    }

    fn decide(&mut self, request: &Request) -> Result<Answer, ReadError> {
        match request {
            Request::Register(register) => self.register(register),
            Request::Adopt(adopt) => self.adopt(adopt),
            Request::Leave(leave) => {
                self.presence.leave(leave.reg, leave.socket, self.now);
                Ok(Answer::Done)
            }
            Request::Prove(proofs) => self.prove(proofs),
            Request::Report(report) => self.report(report),
            Request::Emit(event) => self.emit(event),
            Request::Overflow(overflow) => self.overflow(overflow),
            Request::End(due) => self.end(due),
            Request::Publish(draft) => self.publish(draft),
            Request::Administer(ask) => self.administer(ask),
            Request::MoveSink(ask) => self.move_sink(ask),
            Request::Connected(regs) => self.connected(regs),
            Request::Disconnect(named) => self.disconnect(named),
            Request::Erase(named) => self.erase(named),
            Request::Recall(recall) => self.recall(recall),
            Request::Subscribe(ask) => self.subscribe(ask),
            Request::Count(draft) => self.count(draft),
        }
    }

    /// Presence that is due becomes facts; a read-only store tries again.
    pub(crate) fn timers(&mut self, now: Millis) -> Result<(), ReadError> {
        self.now = self.now.max(now);
        match &mut self.gate {
            Gate::Open => self.tell_presence(),
            Gate::ReadOnly { tried, .. } => {
                if self.now.0 >= tried.0 + RETRY_MS && self.batching.is_idle() {
                    *tried = self.now;
                    self.put(Fact::Tick, 0)?;
                }
                Ok(())
            }
        }
    }

    fn tell_presence(&mut self) -> Result<(), ReadError> {
        while let Some(told) = self.presence.due(self.now) {
            self.batching.room(self.now, 1, told.on.len() * 5 + told.off.len() * 12 + 16);
            self.put(Fact::Presence(told.clone()), 0)?;
            self.batching.undo(Undo::Told(told), Rests::Open);
        }
        Ok(())
    }

    /// When the next call of `timers` has something to do.
    pub(crate) fn next_timer(&self) -> Option<Millis> {
        match self.gate {
            Gate::Open => self.presence.next_due(),
            Gate::ReadOnly { tried, .. } => Some(Millis(tried.0 + RETRY_MS)),
        }
    }

    /// The batch that was being decided, if the one before it has landed.
    pub(crate) fn hand_over(&mut self) -> Option<Flight> {
        let flight = self.batching.hand_over()?;
        self.layers.fly();
        self.probing = self.gate != Gate::Open;
        Some(flight)
    }

    /// What became of the batch that was handed over.
    pub(crate) fn land(&mut self, result: Result<u64, AppendError>) -> Landed<T> {
        match result {
            Ok(last) => {
                let landed = self.batching.settle(last);
                self.layers.settle(Position::end_of(last));
                if self.probing {
                    self.gate = Gate::Open;
                }
                landed
            }
            Err(error) => self.drop_all(&error),
        }
    }

    /// Turns read-only by itself: what was being decided is dropped.
    pub(crate) fn close_gate(&mut self) -> Vec<(T, Answer)> {
        if self.gate == Gate::Open {
            self.gate = Gate::ReadOnly { since: self.now, tried: self.now };
        }
        let (dropped, undo) = self.batching.drop_open();
        self.layers.drop_open();
        self.roll_back(undo);
        dropped
    }

    fn drop_all(&mut self, error: &AppendError) -> Landed<T> {
        let (landed, undo) = self.batching.fail(error);
        self.layers.drop_flying();
        self.roll_back(undo);
        let since = if let Gate::ReadOnly { since, .. } = self.gate { since } else { self.now };
        self.gate = Gate::ReadOnly { since, tried: self.now };
        landed
    }

    /// Newest first.
    fn roll_back(&mut self, undo: Vec<Undo>) {
        for step in undo.into_iter().rev() {
            match step {
                Undo::Attached(attached) => self.presence.undo_attach(&attached, self.now),
                Undo::Told(told) => self.presence.undo_told(&told, self.now),
                Undo::Ended(ended) => self.presence.undo_end(ended, self.now),
                Undo::Subscribed { regs, topic, on } => self.presence.subscribe(&regs, topic, !on),
            }
        }
    }

    /// The views have everything at or below `mark`.
    pub(crate) fn merged(&mut self, mark: Position) {
        self.layers.merged(mark);
    }

    pub(crate) fn beneath(&self) -> &B {
        self.layers.beneath()
    }

    pub(crate) fn beneath_mut(&mut self) -> &mut B {
        self.layers.beneath_mut()
    }

    pub(crate) fn into_beneath(self) -> B {
        self.layers.into_beneath()
    }

    /// Answers that wait for nothing.
    pub(crate) fn ready(&mut self) -> Vec<(T, Answer)> {
        self.batching.ready()
    }

    /// The batch takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.batching.is_full()
    }

    pub(crate) fn is_flying(&self) -> bool {
        self.batching.is_flying()
    }

    pub(crate) fn has_open(&self) -> bool {
        !self.batching.is_idle()
    }

    /// Facts that are decided and not yet durable.
    pub(crate) fn undurable(&self) -> u64 {
        self.batching.undurable()
    }

    pub(crate) fn gate(&self) -> Gate {
        self.gate
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    pub(crate) fn sockets(&self) -> u64 {
        self.presence.sockets()
    }

    /// Room for `facts` facts of one decision, together in one record; the position of the first.
    fn room(&mut self, facts: usize, bytes: usize) -> Result<Position, Refusal> {
        match self.gate {
            Gate::Open => Ok(self.batching.room(self.now, facts, bytes)),
            Gate::ReadOnly { .. } => Err(Refusal::new(Code::StorageUnavailable, "the disk is full; nothing was stored")),
        }
    }

    /// Takes a fact into the open batch; what it changes is seen by whatever is decided next.
    fn put(&mut self, fact: Fact, concerns: u64) -> Result<Position, ReadError> {
        let entry = self.batching.put(self.now, fact, concerns);
        crate::views::fold(&mut self.layers, &entry)?;
        self.layers.rests = Rests::Open;
        Ok(entry.at)
    }

    /// Where an answer without a fact of its own has seen the log.
    fn seen(&self) -> Position {
        self.batching.end_of(self.layers.rests)
    }

    fn worker_bit(&self, app: tidings_model::AppNo, uid: &tidings_model::Uid) -> u64 {
        1 << tidings_model::worker_of(app, uid, self.workers)
    }
}
