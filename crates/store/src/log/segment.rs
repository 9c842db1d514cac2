//! One segment: an SQLite file of records and facts, and reading it with every check.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tidings_model::{Fact, MessageId, Millis, Position, Published};

use super::codec::{self, Encoded};
use super::record::Header;
use super::{Record, entry};
use crate::ReadError;

const FORMAT: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE seg(format INTEGER NOT NULL, log_id INTEGER NOT NULL, number INTEGER NOT NULL, after INTEGER NOT NULL);
CREATE TABLE rec(n INTEGER PRIMARY KEY, prev INTEGER NOT NULL, epoch INTEGER NOT NULL, writer INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE fact(pos INTEGER PRIMARY KEY, tag INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL);";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub log_id: u64,
    pub number: u64,
    /// The last record before it.
    pub after: u64,
}

/// A segment that can be read; connections are lent from a small pool.
pub(crate) struct Segment {
    pub mark: Mark,
    pub path: PathBuf,
    /// The last record that stands before it: `mark.after`, but where a restore jumped ahead.
    pub follows: u64,
    /// Its file is about to be removed, or is: the log begins behind it.
    gone: AtomicBool,
    pool: Mutex<Vec<Connection>>,
}

/// More idle connections than this are closed.
const POOL: usize = 4;

pub(crate) fn io(error: rusqlite::Error) -> ReadError {
    ReadError::Io(error.to_string())
}

/// Every connection that may write the log: the settings that durability rests on.
pub(crate) fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    conn.pragma_update(None, "page_size", 8192)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
    conn.set_prepared_statement_cache_capacity(16);
    Ok(conn)
}

/// Fills a new, empty file. It gets its real name only afterwards.
pub(crate) fn create(path: &Path, mark: Mark) -> rusqlite::Result<()> {
    let conn = open_to_write(path)?;
    conn.execute_batch(&format!("BEGIN;{SCHEMA}"))?;
    conn.execute("INSERT INTO seg VALUES(?1, ?2, ?3, ?4)", params![FORMAT, mark.log_id as i64, mark.number as i64, mark.after as i64])?;
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")?;
    conn.close().map_err(|(_, error)| error)
}

/// Puts a record in, within the caller's transaction. The bytes it took.
pub(crate) fn insert(conn: &Connection, number: u64, record: &Record) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    let mut sums = Vec::with_capacity(record.facts.len());
    let mut facts = conn.prepare_cached("INSERT INTO fact VALUES(?1, ?2, ?3, ?4, ?5)")?;
    for (index, fact) in record.facts.iter().enumerate() {
        let at = Position::from_raw(number << 8 | index as u64);
        let encoded = codec::encode(fact);
        let crc = encoded.crc(at);
        facts.execute(params![at.raw() as i64, encoded.tag, encoded.head, encoded.body, crc])?;
        bytes += encoded.len();
        sums.push(crc);
    }
    let header =
        Header { number, prev: record.prev, epoch: record.epoch, writer: record.writer, at: record.at, count: record.facts.len() as u32 };
    let mut rec = conn.prepare_cached("INSERT INTO rec VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    rec.execute(params![
        number as i64,
        header.prev as i64,
        header.epoch,
        header.writer as i64,
        header.at.0 as i64,
        header.count,
        header.crc(sums)
    ])?;
    Ok(bytes)
}

/// The last record's number; None: it has none.
pub(crate) fn last(conn: &Connection) -> rusqlite::Result<Option<u64>> {
    conn.prepare_cached("SELECT n FROM rec ORDER BY n DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()
        .map(|n| n.map(|n| n as u64))
}

impl Segment {
    pub(crate) fn new(path: PathBuf, mark: Mark) -> Self {
        Self { mark, path, follows: mark.after, gone: AtomicBool::new(false), pool: Mutex::new(Vec::new()) }
    }

    /// Its first record's number.
    pub(crate) fn first(&self) -> u64 {
        self.mark.after + 1
    }

    /// From here on whoever opens it is told that the log was trimmed.
    pub(crate) fn forsake(&self) {
        self.gone.store(true, Ordering::Release);
        self.drain();
    }

    /// Reads what a file says of itself. None: it is of another format.
    pub(crate) fn open(path: PathBuf) -> Result<Option<Self>, ReadError> {
        let conn = open_to_read(&path)?;
        let mark = conn
            .query_row("SELECT format, log_id, number, after FROM seg", [], |row| {
                let mark = Mark {
                    log_id: row.get::<_, i64>(1)? as u64,
                    number: row.get::<_, i64>(2)? as u64,
                    after: row.get::<_, i64>(3)? as u64,
                };
                Ok((row.get::<_, i64>(0)?, mark))
            })
            .map_err(io)?;
        Ok((mark.0 == FORMAT).then(|| Self::new(path, mark.1)))
    }

    /// Closes the connections that are idle.
    pub(crate) fn drain(&self) {
        self.pool().clear();
    }

    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let idle = self.pool().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => open_to_read(&self.path).map_err(|error| if self.is_gone() { self.trimmed() } else { error })?,
        };
        let result = read(&conn)?;
        let mut pool = self.pool();
        if pool.len() < POOL {
            pool.push(conn);
        }
        Ok(result)
    }

    pub(crate) fn last(&self) -> Result<Option<u64>, ReadError> {
        self.with(|conn| last(conn).map_err(io))
    }

    /// Log time of record `number`.
    pub(crate) fn time(&self, number: u64) -> Result<Option<Millis>, ReadError> {
        self.with(|conn| {
            let mut select = conn.prepare_cached("SELECT at FROM rec WHERE n = ?1").map_err(io)?;
            select.query_row([number as i64], |row| row.get::<_, i64>(0)).optional().map(|at| at.map(|at| Millis(at as u64))).map_err(io)
        })
    }

    pub(crate) fn header(&self, number: u64) -> Result<Option<Header>, ReadError> {
        self.with(|conn| header(conn, number).map(|found| found.map(|(header, _)| header)))
    }

    /// Adds whole records from `from` to `upto` to `out` until it holds `bytes_max`; every check is made on the way.
    pub(crate) fn read(&self, from: u64, upto: u64, bytes_max: usize, out: &mut Chunk) -> Result<(), ReadError> {
        self.with(|conn| {
            let mut number = from;
            while number <= upto && out.bytes < bytes_max {
                let missing = ReadError::Corrupt { at: Position::new(number, 0), what: "a record is missing" };
                let (header, crc) = header(conn, number)?.ok_or(missing)?;
                read_record(conn, &header, crc, out)?;
                number += 1;
            }
            Ok(())
        })
    }

    pub(crate) fn published(&self, at: Position) -> Result<Option<Arc<Published>>, ReadError> {
        self.with(|conn| {
            let mut select = conn.prepare_cached("SELECT tag, head, body, crc FROM fact WHERE pos = ?1").map_err(io)?;
            let mut rows = select.query([at.raw() as i64]).map_err(io)?;
            let Some(row) = rows.next().map_err(io)? else { return Ok(None) };
            let (encoded, crc) = row_of(row).map_err(io)?;
            match checked(at, &encoded, crc)? {
                Fact::Published(message) => Ok(Some(message)),
                _ => Ok(None),
            }
        })
    }

    /// The message `id` among the records from `from` on that have its time.
    pub(crate) fn find(&self, id: MessageId, from: u64, upto: u64) -> Result<Found, ReadError> {
        let mut chunk = Chunk::default();
        for number in from..=upto {
            if self.time(number)?.is_none_or(|at| at.0 != id.time_ms()) {
                return Ok(Found::Nowhere);
            }
            chunk.entries.clear();
            chunk.bytes = 0;
            self.read(number, number, usize::MAX, &mut chunk)?;
            let found = chunk.entries.iter().find_map(|entry| match &*entry.fact {
                Fact::Published(message) if message.id == id => Some((entry.at, message.clone())),
                _ => None,
            });
            if let Some((at, message)) = found {
                return Ok(Found::Here(at, message));
            }
        }
        Ok(Found::GoOn)
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn trimmed(&self) -> ReadError {
        ReadError::Trimmed { first: self.first() }
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a search through one segment ends with.
pub(crate) enum Found {
    Here(Position, Arc<Published>),
    Nowhere,
    /// Its last record still has the time: the next segment may have it.
    GoOn,
}

/// Entries read so far, of whole records.
#[derive(Default)]
pub(crate) struct Chunk {
    pub entries: Vec<tidings_model::Entry>,
    pub bytes: usize,
    /// The last record read.
    pub last: Option<u64>,
}

fn open_to_read(path: &Path) -> Result<Connection, ReadError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(io)?;
    conn.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(())).map_err(io)?;
    conn.busy_timeout(std::time::Duration::from_secs(5)).map_err(io)?;
    Ok(conn)
}

fn header(conn: &Connection, number: u64) -> Result<Option<(Header, u32)>, ReadError> {
    let mut select = conn.prepare_cached("SELECT prev, epoch, writer, at, count, crc FROM rec WHERE n = ?1").map_err(io)?;
    let row = select.query_row([number as i64], |row| {
        let (prev, writer, at) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(2)? as u64, Millis(row.get::<_, i64>(3)? as u64));
        Ok((Header { number, prev, epoch: row.get(1)?, writer, at, count: row.get(4)? }, row.get(5)?))
    });
    row.optional().map_err(io)
}

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Encoded, u32)> {
    Ok((Encoded { tag: row.get(0)?, head: row.get(1)?, body: row.get(2)? }, row.get(3)?))
}

fn checked(at: Position, encoded: &Encoded, crc: u32) -> Result<Fact, ReadError> {
    if encoded.crc(at) != crc {
        return Err(ReadError::Corrupt { at, what: "a fact fails its check sum" });
    }
    codec::decode(at, encoded.tag, &encoded.head, &encoded.body)
}

fn read_record(conn: &Connection, header: &Header, crc: u32, out: &mut Chunk) -> Result<(), ReadError> {
    let first = Position::new(header.number, 0);
    let corrupt = |what| ReadError::Corrupt { at: first, what };
    let mut select =
        conn.prepare_cached("SELECT tag, head, body, crc, pos FROM fact WHERE pos BETWEEN ?1 AND ?2 ORDER BY pos").map_err(io)?;
    let mut rows = select.query([first.raw() as i64, Position::end_of(header.number).raw() as i64]).map_err(io)?;
    let mut sums = Vec::with_capacity(header.count as usize & 0x1ff);
    while let Some(row) = rows.next().map_err(io)? {
        let at = Position::from_raw(row.get::<_, i64>(4).map_err(io)? as u64);
        if usize::from(at.index()) != sums.len() {
            return Err(corrupt("a fact is missing"));
        }
        let (encoded, sum) = row_of(row).map_err(io)?;
        out.bytes += encoded.len() + 64;
        out.entries.push(entry(at, header.at, Arc::new(checked(at, &encoded, sum)?)));
        sums.push(sum);
    }
    if sums.len() != header.count as usize {
        return Err(corrupt("a fact is missing"));
    }
    if header.prev != header.number - 1 {
        return Err(corrupt("it does not follow the record before it"));
    }
    if header.crc(sums) != crc {
        return Err(corrupt("a record fails its check sum"));
    }
    out.last = Some(header.number);
    Ok(())
}
