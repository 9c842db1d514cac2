//! Opening a data folder, and the owner of the store's threads.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use tidings_model::{Limits, Millis, Position};

use crate::log::folder::Folder;
use crate::log::segments::{Segments, Sizes};
use crate::log::{AppendError, Bounds, Log};
use crate::shell::archivist::{self, Archivist};
use crate::shell::writing::{Channels, Writing};
use crate::shell::{Asker, Disk, LANE, Shared, Source, Time, applier, committer, ender, keeper, notifier, readers, spawn};
use crate::snapshot::Snapshots;
use crate::store::Inner;
use crate::views::state::{Ground, MergeError, State, StateReader};
use crate::writer::{Dice, Feed, Setup, Writer};
use crate::{ReadError, Reply, Store};

/// What the store is built from.
#[derive(Clone, Debug)]
pub struct Config {
    pub dir: PathBuf,
    pub limits: Limits,
    /// Workers that follow the log; at most 64.
    pub workers: usize,
    /// Named in `Started`.
    pub build: String,
    /// Start although the clock is more than 400 days ahead of the last fact.
    pub accept_clock: bool,
}

/// Why a folder was not opened; each says what to do.
#[derive(Debug)]
pub enum OpenError {
    /// Another process holds the folder; 0: it did not leave its number.
    Locked {
        pid: u32,
    },
    /// The folder's format mark is not this build's.
    Format {
        found: String,
        dir: PathBuf,
    },
    Newer {
        at: Position,
        tag: u8,
        version: u8,
    },
    Corrupt {
        at: Position,
        what: String,
    },
    ClockAhead {
        last: Millis,
        now: Millis,
    },
    /// `state.db` has seen facts that the log does not have.
    Behind {
        mark: Position,
        last: Position,
    },
    /// The views are lost, and neither a snapshot nor the log, which begins with record `first`, can make them again.
    NoGround {
        first: u64,
    },
    /// Bytes that are missing on the disk, about.
    NoRoom {
        missing: u64,
    },
    Io {
        doing: &'static str,
        what: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { pid: 0 } => f.write_str("the data folder is in use by another process; stop it first"),
            Self::Locked { pid } => write!(f, "the data folder is in use by process {pid}; stop it first"),
            Self::Format { found, dir } if crate::log::folder::is_newer(found) => {
                write!(f, "{} was written by a later version ({found}); use that version, or a later one", dir.display())
            }
            Self::Format { found, dir } => {
                write!(f, "{} has another format ({found}); use the version that made it, or another --data folder", dir.display())
            }
            Self::Newer { at, tag, version } => ReadError::Newer { at: *at, tag: *tag, version: *version }.fmt(f),
            Self::Corrupt { at, what } => write!(f, "the log is damaged at {at:?}: {what}; restore a backup"),
            Self::ClockAhead { last, now } => write!(
                f,
                "the clock says {} and the last fact is of {}: more than 400 days; set the clock, or start with --accept-clock",
                date(*now),
                date(*last)
            ),
            Self::Behind { mark, last } => {
                write!(
                    f,
                    "state.db has seen the log up to {mark:?}, but the log ends at {last:?}: acknowledged facts are missing; restore the log folder from a backup"
                )
            }
            Self::NoGround { first } => write!(
                f,
                "state.db cannot be used, the log begins with record {first}, and no snapshot reaches it; restore a backup, or start the version that wrote it"
            ),
            Self::NoRoom { missing } => write!(f, "the disk is full: {missing} more bytes are needed to start; make room first"),
            Self::Io { doing, what } => write!(f, "{doing} failed: {what}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { at, what } => Self::Corrupt { at, what: what.to_owned() },
            ReadError::Newer { at, tag, version } => Self::Newer { at, tag, version },
            ReadError::Trimmed { .. } | ReadError::Stopped | ReadError::Io(_) => {
                Self::Io { doing: "reading the log", what: error.to_string() }
            }
        }
    }
}

impl From<MergeError> for OpenError {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::Full => Self::NoRoom { missing: ROOM },
            MergeError::Broken(what) => Self::Io { doing: "opening the views", what },
        }
    }
}

/// What a start needs at the least.
const ROOM: u64 = 64 << 10;

/// RFC 3339, to the second (days to a date: Howard Hinnant's `civil_from_days`).
fn date(time: Millis) -> String {
    let seconds = time.0 / 1000;
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Why the last facts may not have been flushed.
#[derive(Debug)]
pub struct CloseError(pub String);

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store did not close cleanly: {}", self.0)
    }
}

impl std::error::Error for CloseError {}

/// Owns the store's threads and the folder's lock.
pub struct Owner {
    inner: Arc<Inner>,
    /// None: closed.
    running: Option<Running>,
}

struct Running {
    folder: Folder,
    segments: Option<Arc<Segments>>,
    /// Dropped: the writer ends.
    until: Sender<()>,
    writing: Vec<JoinHandle<()>>,
    applier: JoinHandle<Option<State>>,
    /// Dropped: the keeper ends.
    keeping: Option<Sender<()>>,
    reading: Vec<JoinHandle<()>>,
}

impl Owner {
    /// Stops taking requests, answers and flushes what it has, checkpoints, unlocks.
    pub fn close(mut self) -> Result<(), CloseError> {
        self.finish()
    }

    /// Blocks until the store has stopped itself (Some: why; the process must exit 1) or was closed (None).
    pub fn wait_fatal(&self) -> Option<String> {
        self.watch().wait()
    }

    /// The same wait for another thread, which outlives the owner.
    pub fn watch(&self) -> FatalWatch {
        FatalWatch { inner: self.inner.clone() }
    }

    /// For tests of what the threads do.
    #[cfg(test)]
    pub(crate) fn parts(&self) -> (Arc<Shared>, Arc<Segments>) {
        let running = self.running.as_ref().expect("it runs");
        (self.inner.shared.clone(), running.segments.clone().expect("a log of segments"))
    }

    fn finish(&mut self) -> Result<(), CloseError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let Running { folder, segments, until, writing, applier, keeping, reading } = running;
        let shared = &self.inner.shared;
        self.inner.asker.shut();
        drop(self.inner.pages.write().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        drop(until);
        // The writer lets go of the channels of the two behind it.
        let mut panicked = join_all(writing);
        shared.progress.close();
        let state = applier.join().unwrap_or_else(|_| {
            panicked = true;
            None
        });
        drop(keeping);
        panicked |= join_all(reading);
        crate::shell::lock(&self.inner.readers).clear();
        let result = match shared.stopped() {
            Some(why) => Err(CloseError(why)),
            None if panicked => Err(CloseError("a thread panicked".to_owned())),
            None => flush(shared, segments, state),
        };
        shared.closed();
        folder.release();
        result
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::error!(%error, "while the store was dropped");
        }
    }
}

/// Waits for the store's end without owning it.
#[derive(Clone)]
pub struct FatalWatch {
    inner: Arc<Inner>,
}

impl FatalWatch {
    /// See [`Owner::wait_fatal`].
    pub fn wait(&self) -> Option<String> {
        self.inner.shared.wait_end()
    }
}

/// True: one of them panicked.
fn join_all(threads: Vec<JoinHandle<()>>) -> bool {
    let ends: Vec<_> = threads.into_iter().map(JoinHandle::join).collect();
    ends.iter().any(Result::is_err)
}

fn flush(shared: &Arc<Shared>, segments: Option<Arc<Segments>>, state: Option<State>) -> Result<(), CloseError> {
    if let Some(segments) = segments {
        let archivist = Archivist::new(shared.clone(), segments.clone());
        segments.close().map_err(|error| CloseError(error.to_string()))?;
        // The log comes first: if time runs out here, the views follow at the next start.
        match archivist {
            Ok(mut archivist) if state.is_some() => archivist.stop(shared.time.now()),
            _ => {}
        }
    }
    match state.map(State::close) {
        // Views that could not be flushed are behind, and follow at the next start.
        None | Some(Ok(()) | Err(MergeError::Full)) => Ok(()),
        Some(Err(MergeError::Broken(what))) => Err(CloseError(what)),
    }
}

impl Store {
    /// Opens or creates the folder: takes its lock, makes safe what a crash left, recovers, makes `Started` durable and starts the threads.
    pub fn open(config: Config) -> Result<(Self, Owner), OpenError> {
        Self::open_sized(config, Sizes::default())
    }

    pub(crate) fn open_sized(config: Config, sizes: Sizes) -> Result<(Self, Owner), OpenError> {
        assert!((1..=64).contains(&config.workers), "a fact names the workers that it concerns by one bit each");
        let folder = Folder::take(&config.dir)?;
        let segments = Arc::new(Segments::open(&folder.log(), draw(), sizes)?);
        let newest = segments.newest()?;
        let disk = OnDisk {
            epoch: newest.map_or(0, |header| header.epoch),
            last: newest.map(|header| header.at),
            jumped: segments.jumped()?,
            log_id: segments.log_id(),
        };
        let log = Logs { log: segments.clone(), segments: Some(segments), disk };
        start(config, folder, log, Outside { time: Source::system(), dice: Dice::buffered(fill) })
    }
}

/// What comes from outside of every process: the time and the dice.
pub(crate) struct Outside {
    pub time: Source,
    pub dice: Dice,
}

/// The log, also as what has files to be looked after.
pub(crate) struct Logs {
    pub log: Arc<dyn Log>,
    pub segments: Option<Arc<Segments>>,
    pub disk: OnDisk,
}

/// What the log said before the start.
pub(crate) struct OnDisk {
    pub epoch: u32,
    /// Log time of its last record.
    pub last: Option<Millis>,
    /// See [`Segments::jumped`].
    pub jumped: u64,
    pub log_id: u64,
}

pub(crate) fn start(config: Config, folder: Folder, logs: Logs, outside: Outside) -> Result<(Store, Owner), OpenError> {
    let Logs { log, segments, disk } = logs;
    let Outside { time, mut dice } = outside;
    let last = log.bounds()?.last;
    let end = Position::end_of(last);
    let state = follow_log(&folder, &*log, disk.log_id)?;
    let time = Time::start(time, disk.last, config.accept_clock)?;
    let now = time.now();
    let setup = Setup {
        limits: config.limits.clone(),
        workers: config.workers,
        writer: u64::from_le_bytes(dice.draw()) >> 1,
        dice,
        epoch: disk.epoch + 1,
        last,
        jumped: disk.jumped,
        seen: disk.last.unwrap_or(now),
        numbers: state.numbers().clone(),
        online: state.online()?,
    };
    let shared = Arc::new(Shared::new(config.limits, config.dir, folder.state(), log, time, end, config.workers));
    *shared.directory.write().unwrap_or_else(std::sync::PoisonError::into_inner) = state.numbers().directory.clone();
    let beneath = Disk { state: StateReader::open(&shared.state)?, shared: shared.clone() };
    let mut writer = Writer::start(beneath, setup, &config.build, now)?;
    let feed = append_started(&shared, &mut writer, config.workers)?;
    Threads { shared, folder, segments, state, feed }.run(writer)
}

/// Opens the views and lets them follow the log to its end.
fn follow_log(folder: &Folder, log: &dyn Log, log_id: u64) -> Result<State, OpenError> {
    let Bounds { first, last } = log.bounds()?;
    let ground = Ground { log_id, first, last, snapshots: Snapshots::of(&folder.dir) };
    let mut state = State::open(&folder.state(), &ground)?.ok_or(OpenError::NoGround { first })?;
    let end = Position::end_of(last);
    if state.mark() > end {
        return Err(OpenError::Behind { mark: state.mark(), last: end });
    }
    while state.mark() < end {
        let batch = log.read(state.mark(), end, 4 << 20)?;
        state.merge(&batch)?;
    }
    Ok(state)
}

/// `Started` is durable before a door opens.
fn append_started(shared: &Shared, writer: &mut Writer<Disk, Reply>, workers: usize) -> Result<Feed, OpenError> {
    let flight = writer.hand_over().expect("a writer that starts has decided `Started`");
    let appended = shared.log.append(flight.expected_last, &flight.records).map_err(|error| match error {
        AppendError::Full => OpenError::NoRoom { missing: ROOM },
        AppendError::Fenced { .. } | AppendError::Unknown { .. } => OpenError::Io { doing: "the first append", what: error.to_string() },
    });
    let last = appended?;
    let end = Position::end_of(last);
    if let Some(batch) = writer.land(Ok(last)).batch {
        shared.progress.appended(end, batch.entries.len() as u64);
        shared.recent.push(batch);
    }
    for upto in &shared.upto {
        upto.store(end.raw(), std::sync::atomic::Ordering::Release);
    }
    Ok(Feed::new(workers, end))
}

/// What the threads are made from.
struct Threads {
    shared: Arc<Shared>,
    folder: Folder,
    segments: Option<Arc<Segments>>,
    state: State,
    feed: Feed,
}

impl Threads {
    fn run(self, writer: Writer<Disk, Reply>) -> Result<(Store, Owner), OpenError> {
        let Self { shared, folder, segments, state, feed } = self;
        let (devices, from_devices) = bounded(LANE);
        let (backends, from_backends) = bounded(LANE);
        let asker = Arc::new(Asker::new([devices, backends]));
        let (until, ends) = bounded(0);
        let writing = start_writing(&shared, writer, feed, ([from_devices, from_backends], ends))?;
        let (pages, wanted) = bounded(readers::WAITING);
        let mut reading = start_reading(&shared, &asker, &wanted)?;
        let (keeping, keeper_until) = bounded(0);
        // Under a clock that a test moves, the test asks for the ends too.
        if shared.time.passes() {
            let (asker, shared_too, ender_until) = (asker.clone(), shared.clone(), keeper_until.clone());
            let state = StateReader::open(&shared.state)?;
            reading.push(spawn("ender", &shared, move || ender::run(&asker, &shared_too, &state, &ender_until))?);
        }
        if let Some(log) = segments.clone() {
            let shared_too = shared.clone();
            let archivist = Archivist::new(shared.clone(), log.clone())?;
            let archivist_until = keeper_until.clone();
            reading.push(spawn("keeper", &shared, move || keeper::run(&shared_too, &log, &keeper_until))?);
            reading.push(spawn("archivist", &shared, move || archivist::run(archivist, &archivist_until))?);
        }
        let applier_shared = shared.clone();
        let applier = spawn("applier", &shared, move || applier::run(&applier_shared, state))?;
        let inner = Arc::new(Inner { shared, asker, pages: RwLock::new(Some(pages)), readers: Mutex::default() });
        let running = Running { folder, segments, until, writing, applier, keeping: Some(keeping), reading };
        Ok((Store::new(inner.clone()), Owner { inner, running: Some(running) }))
    }
}

/// The lanes' other ends, and the end of all.
type Inlets = ([Receiver<crate::shell::Asked>; 2], Receiver<()>);

fn start_writing(shared: &Arc<Shared>, writer: Writer<Disk, Reply>, feed: Feed, inlets: Inlets) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let (lanes, until) = inlets;
    let (flights, to_append) = bounded(1);
    let (results, landed) = bounded(1);
    let (outgoing, to_tell) = bounded(64);
    let writing = Writing::new(shared.clone(), writer, Channels { lanes, flights, landed, outgoing, until });
    let (committing, telling) = (shared.clone(), shared.clone());
    Ok(vec![
        spawn("committer", shared, move || committer::run(&committing, &to_append, &results))?,
        spawn("notifier", shared, move || notifier::run(&telling, feed, &to_tell))?,
        spawn("writer", shared, move || writing.run())?,
    ])
}

fn start_reading(
    shared: &Arc<Shared>,
    asker: &Arc<Asker>,
    wanted: &Receiver<(readers::Wanted, crate::PageReply)>,
) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let mut threads = Vec::new();
    for _ in 0..readers::READERS {
        let state = StateReader::open(&shared.state)?;
        let (shared_too, asker, wanted) = (shared.clone(), asker.clone(), wanted.clone());
        threads.push(spawn("reader", shared, move || readers::run(&asker, &shared_too, &state, &wanted))?);
    }
    Ok(threads)
}

/// The system's random bits. Without them no token can be given, so nothing goes on.
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has random bits");
}

fn draw() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    // SQLite keeps it as a signed number; half the range is plenty.
    u64::from_le_bytes(bytes) >> 1
}

#[cfg(test)]
mod tests;
