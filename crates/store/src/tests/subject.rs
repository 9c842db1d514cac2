//! The stores under test, each driven one request at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use tempfile::TempDir;
use tidings_model::{Answer, AppNo, Dev, Event, Fact, Leave, MailboxQuery, Millis, Page, Position, RegNo, Request, SocketId};

use super::{dump, limits};
use crate::log::Log;
use crate::log::folder::Folder;
use crate::log::segments::{Segments, Sizes};
use crate::memory::{MemLog, dice_of};
use crate::open::{Logs, OnDisk as Found, Outside, start};
use crate::shell::Source;
use crate::shell::ender::SLICE;
use crate::snapshot::Snapshots;
use crate::views::state::StateReader;
use crate::{Appended, Config, EventQuery, Fault, Lane, MemStore, Owner, Store};

pub(super) trait Subject {
    /// The answer, once nothing is under way any more.
    fn ask(&mut self, request: Request) -> Answer;
    fn advance(&mut self, ms: u64);
    fn fail_next(&mut self, fault: Fault);
    fn crash(&mut self);
    fn mailbox(&mut self, query: MailboxQuery) -> Page;
    /// What is due to end does.
    fn end_due(&mut self);
    /// The end of the log.
    fn end(&self) -> Position;
    fn facts(&self, after: Position) -> Vec<(Position, Millis, Fact)>;
    fn events(&self) -> Vec<Event>;
}

/// Changes nothing, and is answered.
fn nothing() -> Request {
    Request::Leave(Leave { reg: RegNo(u32::MAX), socket: SocketId(u64::MAX) })
}

const WORKERS: usize = 4;

fn every_event() -> EventQuery {
    EventQuery { app: AppNo::DEFAULT, after: None, types: None, limit: usize::MAX }
}

pub(super) struct InMemory {
    store: MemStore,
    now: u64,
}

impl InMemory {
    pub(super) fn new(seed: u64) -> Self {
        Self { store: MemStore::new(limits(), WORKERS, seed), now: 0 }
    }
}

impl Subject for InMemory {
    fn ask(&mut self, request: Request) -> Answer {
        self.store.ask(1, request);
        self.store.decide(Millis(self.now));
        self.store.timers(Millis(self.now));
        self.store.append(Fault::None);
        let (mut answers, _) = self.store.notify();
        // A store that has just become writable again tells at once what it could not.
        loop {
            self.store.timers(Millis(self.now));
            if self.store.append(Fault::None) == Appended::Nothing {
                break;
            }
            self.store.notify();
        }
        self.store.merge();
        assert_eq!(answers.len(), 1);
        answers.remove(0).1
    }

    fn advance(&mut self, ms: u64) {
        self.now += ms;
        self.ask(nothing());
    }

    fn fail_next(&mut self, fault: Fault) {
        self.store.fail_next(fault);
    }

    fn crash(&mut self) {
        self.store.crash();
    }

    fn mailbox(&mut self, query: MailboxQuery) -> Page {
        let page = self.store.mailbox(&query).expect("everything is merged");
        self.ask(nothing());
        page
    }

    fn end_due(&mut self) {
        self.store.end(Millis(self.now));
        self.ask(nothing());
    }

    fn end(&self) -> Position {
        self.store.durable()
    }

    fn facts(&self, after: Position) -> Vec<(Position, Millis, Fact)> {
        self.store.read(after, self.end()).entries.iter().map(|entry| (entry.at, entry.time, (*entry.fact).clone())).collect()
    }

    fn events(&self) -> Vec<Event> {
        self.store.events(&every_event()).events
    }
}

/// What the threads are put over.
pub(super) enum Under {
    /// Many small segments.
    Segments,
    /// A log that fails on demand.
    Memory,
}

pub(super) struct OnDisk {
    dir: TempDir,
    log: Option<Arc<MemLog>>,
    /// The log of the running store.
    running_on: Option<Arc<dyn Log>>,
    seed: u64,
    starts: u64,
    now: Arc<AtomicU64>,
    asked: u32,
    running: Option<(Store, Owner)>,
}

impl OnDisk {
    pub(super) fn new(seed: u64, under: Under) -> Self {
        let log = match under {
            Under::Segments => None,
            Under::Memory => Some(Arc::default()),
        };
        let dir = TempDir::new().expect("a folder");
        let mut new = Self { dir, log, running_on: None, seed, starts: 0, now: Arc::default(), asked: 0, running: None };
        new.start();
        new
    }

    fn start(&mut self) {
        self.starts += 1;
        let dir = self.dir.path().to_owned();
        let config = Config { dir: dir.clone(), limits: limits(), workers: WORKERS, build: "memory".to_owned(), accept_clock: true };
        let folder = Folder::take(&dir).expect("it is ours");
        let logs = self.logs(&folder.log());
        self.running_on = Some(logs.log.clone());
        let outside = Outside { time: Source::Manual(self.now.clone()), dice: dice_of(self.seed, self.starts) };
        self.running = Some(start(config, folder, logs, outside).expect("it starts"));
    }

    fn logs(&self, dir: &Path) -> Logs {
        match &self.log {
            Some(log) => {
                let newest = log.newest();
                let disk = Found { epoch: newest.map_or(0, |(epoch, _)| epoch), last: newest.map(|(_, at)| at), jumped: 0, log_id: 1 };
                Logs { log: log.clone(), segments: None, disk }
            }
            None => {
                let segments = Arc::new(Segments::open(dir, 1, Sizes { segment_bytes: 3_000, ..Sizes::default() }).expect("it opens"));
                let newest = segments.newest().expect("readable");
                let disk =
                    Found { epoch: newest.map_or(0, |header| header.epoch), last: newest.map(|header| header.at), jumped: 0, log_id: 1 };
                Logs { log: segments.clone(), segments: Some(segments), disk }
            }
        }
    }

    fn store(&self) -> &Store {
        &self.running.as_ref().expect("it runs").0
    }

    fn stop(&mut self) {
        let (_, owner) = self.running.take().expect("it runs");
        self.running_on = None;
        owner.close().expect("it closes");
    }

    /// Events go as far as the workers have been told, which is a moment behind the log.
    fn wait_told(&self) {
        while self.store().durable() < self.end() {
            std::thread::yield_now();
        }
    }

    /// In the middle of a history, while the views are written.
    fn take_snapshot(&self) {
        let now = Millis(self.now.load(Ordering::SeqCst));
        Snapshots::of(self.dir.path()).make(&self.dir.path().join("state.db"), now).expect("there is room");
    }

    /// The views as they grew, those of a snapshot and what came after it, and those rebuilt from the log alone are the same rows.
    pub(super) fn check_rebuild(&mut self) {
        self.stop();
        if let Some(log) = &self.log {
            log.forget_faults();
        }
        let state: PathBuf = self.dir.path().join("state.db");
        let now = self.now.load(Ordering::SeqCst);
        let grown = dump::dump(&state, now);
        let snapshots = self.dir.path().join("snapshots");
        assert!(snapshots.is_dir(), "there is a snapshot to begin from");
        for from in ["a snapshot", "nothing"] {
            for suffix in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", state.display()));
            }
            self.start();
            self.stop();
            // The start itself is one fact more, which changes no row.
            assert_eq!(grown, dump::dump(&state, now), "from {from}");
            let _ = std::fs::remove_dir_all(&snapshots);
        }
    }
}

impl Subject for OnDisk {
    fn ask(&mut self, request: Request) -> Answer {
        self.asked += 1;
        if self.asked == 100 {
            self.take_snapshot();
        }
        let (tell, told) = sync_channel(1);
        let reply = Box::new(move |answer| tell.send(answer).expect("somebody waits"));
        assert!(self.store().ask(Lane::Devices, request, reply).is_ok());
        let answer = told.recv().expect("every request is answered");
        // What the answer did not wait for, presence, is under way; a few fsyncs at most.
        while self.store().counters().undurable > 0 {
            std::thread::yield_now();
        }
        answer
    }

    fn advance(&mut self, ms: u64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.ask(nothing());
    }

    fn fail_next(&mut self, fault: Fault) {
        self.log.as_ref().expect("a log that fails on demand").fail_next(fault);
    }

    fn crash(&mut self) {
        self.stop();
        if let Some(log) = &self.log {
            log.crash();
        }
        self.start();
    }

    fn mailbox(&mut self, query: MailboxQuery) -> Page {
        let (tell, told) = sync_channel(1);
        assert!(self.store().mailbox(query, Box::new(move |page| tell.send(page).expect("somebody waits"))).is_ok());
        let page = told.recv().expect("every page is answered").expect("it can be read");
        self.ask(nothing());
        page
    }

    fn end_due(&mut self) {
        self.wait_told();
        // Whoever reads the views waits until they have followed.
        self.store().device_id(Dev(0)).expect("readable");
        let state = StateReader::open(&self.dir.path().join("state.db")).expect("it opens");
        let due = state.due(Millis(self.now.load(Ordering::SeqCst)), SLICE).expect("readable");
        self.ask(if due.is_empty() { nothing() } else { Request::End(due) });
    }

    fn end(&self) -> Position {
        let log = self.running_on.as_ref().expect("it runs");
        Position::end_of(log.bounds().expect("readable").last)
    }

    fn facts(&self, after: Position) -> Vec<(Position, Millis, Fact)> {
        let batch = self.store().read(after, self.end(), usize::MAX).expect("readable");
        batch.entries.iter().map(|entry| (entry.at, entry.time, (*entry.fact).clone())).collect()
    }

    fn events(&self) -> Vec<Event> {
        self.wait_told();
        self.store().events(&every_event()).expect("readable").events
    }
}
