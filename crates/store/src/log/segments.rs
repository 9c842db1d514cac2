//! The log as SQLite segments: `log/NNNNNN.db`, one written, the others sealed.
//!
//! Compare-and-append in one transaction with a real fsync. An error is told by what it leaves certain; after one that
//! leaves nothing certain nothing more is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tidings_model::{Batch, MessageId, Millis, Position, Published};

use super::record::Header;
use super::segment::{self, Chunk, Mark, Segment};
use super::{AppendError, Bounds, Log, Record};
use crate::log::folder::sync_dir;
use crate::{OpenError, ReadError};

mod files;
mod search;

use files::{check_chain, make, open_segment, seal_file, settle_files};
use search::or_trimmed;

/// When the segment that is written is full, and when its `-wal` is worth a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub segment_bytes: u64,
    pub segment_ms: u64,
    pub wal_frames: u64,
}

impl Sizes {
    /// For a log that is only read.
    pub(crate) fn unbounded() -> Self {
        Self { segment_bytes: u64::MAX, segment_ms: u64::MAX, wal_frames: u64::MAX }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self { segment_bytes: 256 << 20, segment_ms: 6 * 3_600_000, wal_frames: 2000 }
    }
}

pub(crate) struct Segments {
    dir: PathBuf,
    sizes: Sizes,
    /// By number; the last one is written. Order of locks: `write`, then `all`.
    all: RwLock<Vec<Arc<Segment>>>,
    write: Mutex<Write>,
    last: AtomicU64,
    /// Frames appended since the last checkpoint, about.
    frames: AtomicU64,
    checkpointer: Mutex<Option<(u64, Connection)>>,
}

struct Write {
    conn: Option<Connection>,
    bytes: u64,
    since: Option<Millis>,
    /// A batch of unknown outcome lies behind the last commit; only this connection's next commit overwrites it.
    haunted: bool,
    /// Why nothing more may be written.
    broken: Option<String>,
}

/// A segment that nothing is written to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub first: u64,
    pub last: u64,
}

/// How many numbers a restore leaves out.
pub(crate) const JUMP: u64 = 1 << 32;

/// A segment's page: what one frame of the `-wal` holds.
const PAGE: u64 = 8192;

impl Segments {
    /// Opens the segments of `dir`, or makes the first one; what a crash left is made durable first.
    pub(crate) fn open(dir: &Path, log_id: u64, sizes: Sizes) -> Result<Self, OpenError> {
        let files = settle_files(dir)?;
        let mut all = Vec::new();
        for file in &files {
            all.push(open_segment(file)?);
        }
        if all.is_empty() {
            let mark = Mark { log_id, number: 1, after: 0 };
            all.push(make(dir, mark).map_err(|error| OpenError::Io { doing: "making the first segment", what: error.to_string() })?);
        }
        let last = check_chain(&mut all)?;
        let all: Vec<_> = all.into_iter().map(Arc::new).collect();
        let newest = all.last().expect("there is at least the one just made").clone();
        let write = open_write(&newest)?;
        let log = Self {
            dir: dir.to_owned(),
            sizes,
            all: RwLock::new(all),
            write: Mutex::new(write),
            last: AtomicU64::new(last),
            frames: AtomicU64::new(0),
            checkpointer: Mutex::new(None),
        };
        log.seal().map_err(|error| OpenError::Io { doing: "sealing a full segment", what: error.to_string() })?;
        Ok(log)
    }

    pub(crate) fn log_id(&self) -> u64 {
        self.segments().first().map_or(0, |segment| segment.mark.log_id)
    }

    /// The newest record's header.
    pub(crate) fn newest(&self) -> Result<Option<Header>, ReadError> {
        for segment in self.segments().iter().rev() {
            if let Some(last) = segment.last()? {
                return segment.header(last);
            }
        }
        Ok(None)
    }

    /// What a restore jumped over and no record stands behind yet: the last record before it. 0: nothing.
    pub(crate) fn jumped(&self) -> Result<u64, ReadError> {
        let newest = self.newest_segment();
        let is_fresh = newest.follows != newest.mark.after && newest.last()?.is_none();
        Ok(if is_fresh { newest.follows } else { 0 })
    }

    /// Begins a segment far ahead, so that no number given since the copy was made is ever given again. The last number now.
    pub(crate) fn jump(&self) -> Result<u64, OpenError> {
        let newest = self.newest_segment();
        let after = self.last.load(Ordering::Acquire) + JUMP;
        let mark = Mark { log_id: newest.mark.log_id, number: newest.mark.number + 1, after };
        make(&self.dir, mark).map_err(|error| OpenError::Io { doing: "making a segment", what: error.to_string() })?;
        Ok(after)
    }

    /// The number of the oldest record whose log time is not before `time`, or of the next one.
    pub(crate) fn since(&self, time: Millis) -> Result<u64, ReadError> {
        self.first_at(time, self.last.load(Ordering::Acquire))
    }

    /// Log time of the oldest record.
    pub(crate) fn oldest_time(&self) -> Result<Option<Millis>, ReadError> {
        let oldest = self.segments().first().expect("a log has a segment").clone();
        oldest.time(oldest.first())
    }

    /// Those that are written no more, oldest first.
    pub(crate) fn sealed(&self) -> Vec<Sealed> {
        self.segments().windows(2).map(|pair| Sealed { first: pair[0].first(), last: pair[1].follows }).collect()
    }

    /// Log time of a record; None: there is none of that number.
    pub(crate) fn time(&self, number: u64) -> Result<Option<Millis>, ReadError> {
        or_trimmed(self.holding(number).map_or(Ok(None), |segment| segment.time(number)))
    }

    /// Removes the segments that end at or before record `upto`, oldest first; never the one that is written. How many.
    pub(crate) fn trim(&self, upto: u64) -> io::Result<usize> {
        let gone: Vec<_> = {
            let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
            let goes = |pair: &[Arc<Segment>]| pair[1].follows <= upto;
            let count = all.windows(2).take_while(|pair| goes(pair)).count();
            all.drain(..count).collect()
        };
        for segment in &gone {
            segment.forsake();
            fs::remove_file(&segment.path)?;
        }
        if !gone.is_empty() {
            sync_dir(&self.dir)?;
        }
        Ok(gone.len())
    }

    /// The number that an append must expect.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    pub(crate) fn wants_checkpoint(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= self.sizes.wal_frames
    }

    /// Copies what the `-wal` holds into the segment, by one other connection, beside appends.
    pub(crate) fn checkpoint(&self) -> Result<(), AppendError> {
        let newest = self.newest_segment();
        let mut slot = lock(&self.checkpointer);
        if slot.as_ref().is_none_or(|(number, _)| *number != newest.mark.number) {
            *slot = None;
            *slot = Some((newest.mark.number, segment::open_to_write(&newest.path).map_err(unknown)?));
        }
        let Some((_, conn)) = slot.as_ref() else { return Ok(()) };
        self.frames.store(0, Ordering::Relaxed);
        let left: i64 = conn
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
            .map_err(unknown)?;
        self.frames.fetch_add(u64::try_from(left).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Makes full segments plain read-only files; one that is being read is left for the next time.
    pub(crate) fn seal(&self) -> Result<(), AppendError> {
        let all = self.segments();
        let Some((_, full)) = all.split_last() else { return Ok(()) };
        let is_open = |segment: &&Arc<Segment>| fs::metadata(&segment.path).is_ok_and(|meta| !meta.permissions().readonly());
        for segment in full.iter().rev().take_while(is_open) {
            segment.drain();
            seal_file(&segment.path)?;
        }
        Ok(())
    }

    /// Flushes everything into the segments and closes the files.
    pub(crate) fn close(&self) -> Result<(), AppendError> {
        let mut write = lock(&self.write);
        *lock(&self.checkpointer) = None;
        for segment in self.segments() {
            segment.drain();
        }
        let broken = write.broken.replace("the log is closed".to_owned());
        if let (Some(conn), None) = (write.conn.take(), broken) {
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(unknown)?;
            conn.close().map_err(|(_, error)| unknown(error))?;
        }
        Ok(())
    }

    /// Every check on every record, from the first on: the number of records.
    pub(crate) fn verify(&self) -> Result<u64, ReadError> {
        let bounds = self.bounds()?;
        let (mut after, upto) = (Position::end_of(bounds.first - 1), Position::end_of(bounds.last));
        let mut records = 0;
        while after < upto {
            let batch = self.read(after, upto, 1 << 20)?;
            records += batch.entries.iter().filter(|entry| entry.at.index() == 0).count() as u64;
            after = batch.upto;
        }
        Ok(records)
    }

    fn segments(&self) -> Vec<Arc<Segment>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newest_segment(&self) -> Arc<Segment> {
        self.segments().last().expect("a log has a segment").clone()
    }

    /// The segment that has, or would have, this record.
    fn holding(&self, number: u64) -> Option<Arc<Segment>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let index = all.partition_point(|segment| segment.mark.after < number);
        all.get(index.checked_sub(1)?).cloned()
    }

    /// A new segment takes over where the old one is full. Where none can be made the old one goes on.
    fn rotate(&self, write: &mut Write, now: Millis) {
        let old = write.since.is_some_and(|since| now.0.saturating_sub(since.0) >= self.sizes.segment_ms);
        if write.haunted || write.bytes < self.sizes.segment_bytes && !(old && write.bytes > 0) {
            return;
        }
        let newest = self.newest_segment();
        let mark = Mark { log_id: newest.mark.log_id, number: newest.mark.number + 1, after: self.last.load(Ordering::Acquire) };
        let made = make(&self.dir, mark).map_err(|error| error.to_string()).and_then(|segment| {
            let next = open_write(&segment).map_err(|error| error.to_string())?;
            Ok((Arc::new(segment), next))
        });
        match made {
            Ok((segment, next)) => {
                // The old one's frames are flushed when its last connection closes: here, or when it is sealed.
                *write = next;
                self.all.write().unwrap_or_else(PoisonError::into_inner).push(segment);
            }
            Err(error) => tracing::warn!(%error, "no new segment could be made; the full one goes on"),
        }
    }

    fn put(&self, write: &mut Write, expected_last: u64, records: &[Record]) -> Result<u64, AppendError> {
        let (after, conn) = match &write.conn {
            Some(conn) => (self.newest_segment().mark.after, conn),
            None => return Err(AppendError::Unknown { goes_on: false, what: "the log is closed".to_owned() }),
        };
        let result = transact(conn, after, expected_last, records);
        if result.is_err() && !conn.is_autocommit() {
            // What it says no longer matters: the outcome is already told by the first error.
            let _ = conn.execute_batch("ROLLBACK");
        }
        let bytes = result?;
        write.bytes += bytes as u64;
        write.since = write.since.or_else(|| records.first().map(|record| record.at));
        self.frames.fetch_add(bytes as u64 / PAGE + 4, Ordering::Relaxed);
        Ok(expected_last + records.len() as u64)
    }
}

impl Log for Segments {
    fn append(&self, expected_last: u64, records: &[Record]) -> Result<u64, AppendError> {
        let mut write = lock(&self.write);
        if let Some(what) = &write.broken {
            return Err(AppendError::Unknown { goes_on: false, what: what.clone() });
        }
        if let Some(first) = records.first() {
            self.rotate(&mut write, first.at);
        }
        let result = self.put(&mut write, expected_last, records);
        match &result {
            Ok(last) => {
                write.haunted = false;
                self.last.store(*last, Ordering::Release);
            }
            Err(error @ (AppendError::Fenced { .. } | AppendError::Unknown { goes_on: false, .. })) => {
                write.broken = Some(error.to_string())
            }
            Err(AppendError::Unknown { goes_on: true, .. }) => write.haunted = true,
            Err(AppendError::Full) => {}
        }
        result
    }

    fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError> {
        let last = self.last.load(Ordering::Acquire);
        let upto = upto.min(Position::end_of(last));
        // A position inside a record, or before it: the whole record is read and checked.
        let mut from = (if after.index() == u8::MAX { after.record() + 1 } else { after.record() }).max(1);
        let mut chunk = Chunk::default();
        while from <= upto.record() && chunk.bytes < bytes_max {
            let stretch = self.stretch(from)?;
            if stretch.from > upto.record() {
                break;
            }
            stretch.segment.read(stretch.from, stretch.end.min(upto.record()), bytes_max, &mut chunk)?;
            from = chunk.last.map_or(from, |last| last + 1);
        }
        let reached = chunk.last.map_or(upto.max(after), |last| Position::end_of(last).min(upto));
        chunk.entries.retain(|entry| entry.at > after && entry.at <= upto);
        Ok(Batch { entries: chunk.entries, upto: reached })
    }

    fn bounds(&self) -> Result<Bounds, ReadError> {
        Ok(Bounds { first: self.segments().first().map_or(1, |segment| segment.mark.after + 1), last: self.last.load(Ordering::Acquire) })
    }

    fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        let found = self.holding(at.record()).map_or(Ok(None), |segment| segment.published(at));
        or_trimmed(found)
    }

    fn find(&self, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        or_trimmed(self.search(id))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One transaction: is the last record the expected one, then all records or none. The bytes written.
fn transact(conn: &Connection, after: u64, expected_last: u64, records: &[Record]) -> Result<usize, AppendError> {
    conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(unknown)?;
    let last = segment::last(conn).map_err(unknown)?.unwrap_or(after);
    if last != expected_last {
        return Err(AppendError::Fenced { last });
    }
    let mut bytes = 0;
    for (number, record) in (expected_last + 1..).zip(records) {
        bytes += segment::insert(conn, number, record).map_err(unknown)?;
    }
    conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map_err(unknown)?;
    Ok(bytes)
}

/// What an error of SQLite leaves certain about a commit.
fn unknown(error: rusqlite::Error) -> AppendError {
    match error.sqlite_error().map(|error| error.extended_code) {
        // A frame could not be written: there is no commit frame, so it never comes back.
        Some(rusqlite::ffi::SQLITE_FULL) => AppendError::Full,
        // The wal-index had to grow after the fsync and could not: the batch is on disk, and no connection sees it.
        Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) => AppendError::Unknown { goes_on: true, what: error.to_string() },
        code => AppendError::Unknown { goes_on: false, what: format!("{error} (code {})", code.unwrap_or(0)) },
    }
}

fn open_write(segment: &Segment) -> Result<Write, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Io { doing: "opening the log to write", what: error.to_string() };
    let conn = segment::open_to_write(&segment.path).map_err(failed)?;
    // Closing is no checkpoint: after an error nothing more may be written, and a full segment is sealed elsewhere.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
    let since = segment.time(segment.mark.after + 1)?;
    let bytes = fs::metadata(&segment.path).map_or(0, |meta| meta.len());
    // A fresh segment has a few pages of schema, which count for nothing.
    Ok(Write { conn: Some(conn), bytes: if since.is_some() { bytes } else { 0 }, since, haunted: false, broken: None })
}

#[cfg(test)]
mod tests;
