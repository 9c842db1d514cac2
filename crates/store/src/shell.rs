//! The threads around the pure writer, and what they share.
//!
//! writer: decides. committer: appends. notifier: feed, then answers, in the order of the log. applier: merges the views.
//! readers: pages. ender: finds messages whose end is due. keeper: checkpoints and sealed segments. archivist: snapshots, and trimming. Every queue between them is bounded; every thread has an owner.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, TrySendError};
use tidings_model::{Answer, Batch, Directory, FeedItem, Limits, MessageId, Millis, Position, Published, Request};

use crate::log::Log;
use crate::log::recent::Recent;
use crate::views::state::StateReader;
use crate::views::{Base, Key, Row};
use crate::writer::{Beneath, Landed};
use crate::{Health, Lane, OpenError, ReadError, Reply};

pub(crate) mod applier;
pub(crate) mod archivist;
pub(crate) mod committer;
pub(crate) mod ender;
pub(crate) mod keeper;
pub(crate) mod notifier;
mod progress;
pub(crate) mod readers;
mod time;
pub(crate) mod writing;

pub(crate) use progress::Progress;
pub(crate) use time::{Source, Time};

/// What waits for the writer in one lane.
pub(crate) const LANE: usize = 4096;

/// A request and where its answer goes.
pub(crate) type Asked = (Request, Reply);

pub(crate) type Sink = Box<dyn Fn(FeedItem) -> bool + Send + Sync>;
pub(crate) type Hook = Box<dyn Fn(&Batch) + Send + Sync>;

/// What every thread and every handle may see.
pub(crate) struct Shared {
    pub limits: Limits,
    pub dir: PathBuf,
    pub state: PathBuf,
    pub log: Arc<dyn Log>,
    pub recent: Recent,
    pub time: Time,
    pub progress: Progress,
    pub counts: Counts,
    pub sinks: RwLock<Vec<Option<Sink>>>,
    pub hooks: RwLock<Vec<Hook>>,
    /// Apps and keys as far as facts are durable.
    pub directory: RwLock<Arc<Directory>>,
    /// By worker: the highest `upto` that concerned it.
    pub upto: Vec<AtomicU64>,
    /// Log time of the start.
    pub started: Millis,
    /// The record that events begin with, if the log goes back so far.
    pub events_from: AtomicU64,
    health: Mutex<Health>,
    ended: Mutex<Ended>,
    ending: Condvar,
}

/// How the store came to an end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Ended {
    #[default]
    Not,
    Closed,
    Fatal(String),
}

/// See [`crate::Counters`].
#[derive(Default)]
pub(crate) struct Counts {
    pub batches: AtomicU64,
    pub records: AtomicU64,
    pub facts: AtomicU64,
    pub merges: AtomicU64,
    pub merged_facts: AtomicU64,
    pub refused: AtomicU64,
    pub failed_appends: AtomicU64,
    pub pages: AtomicU64,
    pub sockets: AtomicU64,
    pub undurable: AtomicU64,
    pub snapshots: AtomicU64,
    pub failed_snapshots: AtomicU64,
    pub removed_segments: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

/// No holder of a lock of this crate leaves it half changed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(limits: Limits, dir: PathBuf, state: PathBuf, log: Arc<dyn Log>, time: Time, end: Position, workers: usize) -> Self {
        Self {
            started: time.now(),
            events_from: AtomicU64::new(0),
            limits,
            dir,
            state,
            log,
            recent: Recent::new(16 << 20, end),
            time,
            progress: Progress::new(end),
            counts: Counts::default(),
            sinks: RwLock::new((0..workers).map(|_| None).collect()),
            hooks: RwLock::default(),
            directory: RwLock::default(),
            upto: (0..workers).map(|_| AtomicU64::new(end.raw())).collect(),
            health: Mutex::new(Health::Open),
            ended: Mutex::default(),
            ending: Condvar::new(),
        }
    }

    /// A clock that is wrong at a start shall have destroyed nothing before somebody sees it.
    pub(crate) fn destroys_from(&self) -> Millis {
        self.started.after_s(600)
    }

    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    pub(crate) fn set_health(&self, health: Health) {
        let mut now = lock(&self.health);
        if !matches!(*now, Health::Stopped(_)) {
            *now = health;
        }
    }

    /// Something happened after which nothing may be written: the process must end.
    pub(crate) fn stop(&self, why: String) {
        tracing::error!(%why, "the store stops");
        self.set_health(Health::Stopped(why.clone()));
        self.end(Ended::Fatal(why));
        self.progress.stop();
    }

    pub(crate) fn closed(&self) {
        self.end(Ended::Closed);
    }

    fn end(&self, how: Ended) {
        let mut ended = lock(&self.ended);
        if *ended == Ended::Not {
            *ended = how;
        }
        self.ending.notify_all();
    }

    /// Blocks until the end; Some: the store stopped itself.
    pub(crate) fn wait_end(&self) -> Option<String> {
        let ended = self.ending.wait_while(lock(&self.ended), |ended| *ended == Ended::Not).unwrap_or_else(PoisonError::into_inner);
        match &*ended {
            Ended::Fatal(why) => Some(why.clone()),
            Ended::Closed | Ended::Not => None,
        }
    }

    pub(crate) fn stopped(&self) -> Option<String> {
        match &*lock(&self.ended) {
            Ended::Fatal(why) => Some(why.clone()),
            Ended::Closed | Ended::Not => None,
        }
    }

    /// Entries in (after, upto], from memory where it has them all.
    pub(crate) fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError> {
        match self.recent.read(after, upto, bytes_max) {
            Some(batch) => Ok(batch),
            None => self.log.read(after, upto, bytes_max),
        }
    }

    pub(crate) fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        match self.recent.published(at) {
            Some(message) => Ok(Some(message)),
            None => self.log.published(at),
        }
    }
}

/// The views on disk and the log, as the writer sees them.
pub(crate) struct Disk {
    pub state: StateReader,
    pub shared: Arc<Shared>,
}

impl Base for Disk {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        self.state.hold()?;
        self.state.get(key)
    }
}

impl Beneath for Disk {
    fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        self.shared.published(at)
    }

    fn find(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        self.shared.log.find(id)
    }
}

/// Starts a thread of the store; if it panics the store stops.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    shared: &Arc<Shared>,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, OpenError> {
    struct Guard(Arc<Shared>, String);
    impl Drop for Guard {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.stop(format!("thread {} panicked", self.1));
            }
        }
    }
    let guard = Guard(shared.clone(), name.to_owned());
    let body = move || {
        let _guard = guard;
        run()
    };
    thread::Builder::new()
        .name(format!("store-{name}"))
        .spawn(body)
        .map_err(|error| OpenError::Io { doing: "starting a thread", what: error.to_string() })
}

/// What the notifier passes on: a batch, then answers.
pub(crate) type Outgoing = Landed<Reply>;

pub(crate) fn answers_only(answers: Vec<(Reply, Answer)>) -> Outgoing {
    Landed { batch: None, answers }
}

/// The way in for requests.
pub(crate) struct Asker {
    lanes: [Sender<Asked>; 2],
    is_open: RwLock<bool>,
}

impl Asker {
    pub(crate) fn new(lanes: [Sender<Asked>; 2]) -> Self {
        Self { lanes, is_open: RwLock::new(true) }
    }

    pub(crate) fn ask(&self, lane: Lane, request: Request, reply: Reply) -> Result<(), (Request, Reply)> {
        // Held until it is in: what is let in is answered.
        let is_open = self.is_open.read().unwrap_or_else(PoisonError::into_inner);
        if !*is_open {
            return Err((request, reply));
        }
        let lane = match lane {
            Lane::Devices => &self.lanes[0],
            Lane::Backends => &self.lanes[1],
        };
        lane.try_send((request, reply)).map_err(TrySendError::into_inner)
    }

    /// Nothing more is let in.
    pub(crate) fn shut(&self) {
        *self.is_open.write().unwrap_or_else(PoisonError::into_inner) = false;
    }
}
