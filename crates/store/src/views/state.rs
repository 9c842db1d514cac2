//! `state.db`: the views in SQLite, merged behind the log in sorted transactions, each with its mark.
//!
//! Nothing here is acknowledged: losing the file, or its last transactions, costs a rebuild and nothing else.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tidings_model::{Batch, Millis, Position, RegNo};

use super::{Numbers, fold};
use crate::ReadError;
use crate::snapshot::Snapshots;

mod changes;
mod directory;
mod fates;
mod rows;
mod sinks;
mod subject;

use changes::Changes;
pub(crate) use sweep::Old;

const FORMAT: u64 = 4;

const SCHEMA: &str = "
CREATE TABLE meta(k TEXT PRIMARY KEY, v INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE app(a INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, disabled INTEGER NOT NULL, topics TEXT NOT NULL, created INTEGER);
CREATE TABLE apikey(id TEXT PRIMARY KEY, a INTEGER NOT NULL, name TEXT NOT NULL, scopes INTEGER NOT NULL, hashes BLOB NOT NULL, created INTEGER NOT NULL, until INTEGER) WITHOUT ROWID;
CREATE TABLE sink(s INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, a INTEGER, conf BLOB NOT NULL, created INTEGER NOT NULL, pos INTEGER NOT NULL, n INTEGER NOT NULL, state INTEGER NOT NULL, more BLOB NOT NULL);
CREATE TABLE population(a INTEGER PRIMARY KEY, devices INTEGER NOT NULL);
CREATE TABLE user(u INTEGER PRIMARY KEY, a INTEGER NOT NULL, uid TEXT, UNIQUE(a, uid));
CREATE TABLE reg(r INTEGER PRIMARY KEY, u INTEGER NOT NULL, token TEXT NOT NULL UNIQUE, did TEXT, born INTEGER NOT NULL, dead INTEGER NOT NULL, why INTEGER NOT NULL, made INTEGER NOT NULL);
CREATE INDEX reg_of_user ON reg(u);
CREATE TABLE device(d INTEGER PRIMARY KEY, r INTEGER NOT NULL, print INTEGER NOT NULL, addr BLOB NOT NULL, heir_of INTEGER, born INTEGER NOT NULL, dead INTEGER NOT NULL);
CREATE INDEX device_of_reg ON device(r);
CREATE TABLE cur(d INTEGER PRIMARY KEY, pos INTEGER NOT NULL, seen INTEGER NOT NULL, proven INTEGER NOT NULL);
CREATE TABLE wide(a INTEGER NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, len INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(a, pos)) WITHOUT ROWID;
CREATE INDEX wide_by_pos ON wide(pos);
CREATE TABLE inbox(d INTEGER NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, len INTEGER NOT NULL, gone INTEGER NOT NULL, fate INTEGER NOT NULL, PRIMARY KEY(d, pos)) WITHOUT ROWID;
CREATE INDEX inbox_due ON inbox(fate) WHERE fate > 0;
CREATE TABLE recalled(pos INTEGER PRIMARY KEY);
CREATE TABLE rcpt(d INTEGER NOT NULL, pos INTEGER NOT NULL, st INTEGER NOT NULL, proof INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(d, pos)) WITHOUT ROWID;
CREATE TABLE idem(bucket INTEGER NOT NULL, key BLOB NOT NULL, request INTEGER NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
CREATE TABLE latest(kind INTEGER NOT NULL, of INTEGER NOT NULL, key TEXT NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, PRIMARY KEY(kind, of, key)) WITHOUT ROWID;
CREATE INDEX latest_by_exp ON latest(exp);
CREATE TABLE online(r INTEGER PRIMARY KEY);
CREATE TABLE topic(t INTEGER PRIMARY KEY, a INTEGER NOT NULL, name TEXT NOT NULL, devices INTEGER NOT NULL, UNIQUE(a, name));
CREATE TABLE follow(u INTEGER NOT NULL, t INTEGER NOT NULL, PRIMARY KEY(u, t)) WITHOUT ROWID;
CREATE TABLE stay(r INTEGER NOT NULL, t INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(r, t, since)) WITHOUT ROWID;
CREATE TABLE post(t INTEGER NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, len INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(t, pos)) WITHOUT ROWID;
CREATE INDEX post_by_pos ON post(pos);";

/// Why a merge failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MergeError {
    /// No space; it is tried again.
    Full,
    /// A bug or a broken file: nothing may go on.
    Broken(String),
}

/// What views can be built on.
pub(crate) struct Ground {
    pub log_id: u64,
    /// The log's first record, and its last.
    pub first: u64,
    pub last: u64,
    pub snapshots: Snapshots,
}

impl Ground {
    /// Whether the log goes on from here without a hole.
    fn reaches(&self, mark: Position) -> bool {
        mark.record() + 1 >= self.first
    }
}

impl From<rusqlite::Error> for MergeError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<ReadError> for MergeError {
    fn from(error: ReadError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The one writing connection.
pub(crate) struct State {
    conn: Connection,
    mark: Position,
    numbers: Numbers,
    swept: sweep::Place,
}

mod sweep;

impl State {
    /// Opens the views of this log. Where they are missing, unreadable, of another format or older than the log, they
    /// begin anew: from the newest snapshot that can be used, or from nothing if the log is whole. None: from nowhere.
    pub(crate) fn open(path: &Path, ground: &Ground) -> Result<Option<Self>, MergeError> {
        let condemned = rebuild_marker(path).exists();
        let found = if condemned { Ok(None) } else { Self::open_as_is(path, ground.log_id) };
        match found {
            Ok(Some(state)) if ground.reaches(state.mark) => Ok(Some(state)),
            Err(MergeError::Full) => Err(MergeError::Full),
            Ok(_) | Err(MergeError::Broken(_)) => {
                if path.exists() {
                    tracing::warn!(path = %path.display(), "the views cannot be used as they are; they are rebuilt");
                    Self::condemn(path);
                }
                let Some(state) = Self::begin_anew(path, ground)? else { return Ok(None) };
                let _ = fs::remove_file(rebuild_marker(path));
                Ok(Some(state))
            }
        }
    }

    fn begin_anew(path: &Path, ground: &Ground) -> Result<Option<Self>, MergeError> {
        let usable = ground.snapshots.list().into_iter().filter(|found| found.log_id == ground.log_id && ground.reaches(found.mark));
        for snapshot in usable.filter(|found| found.mark <= Position::end_of(ground.last)) {
            let new = path.with_extension("new");
            let state = ground.snapshots.fetch(&snapshot, &new).and_then(|()| {
                // The copy has no journal: what lies beside the name is of the old one.
                remove_journal(path);
                Ok(fs::rename(&new, path)?)
            });
            let state = state.map_err(|error| MergeError::Broken(error.to_string())).and_then(|()| Self::open_as_is(path, ground.log_id));
            match state {
                Ok(Some(state)) => {
                    tracing::info!(mark = ?snapshot.mark, "the views begin from a snapshot");
                    return Ok(Some(state));
                }
                Ok(None) => tracing::warn!(mark = ?snapshot.mark, "a snapshot is of another format"),
                Err(MergeError::Full) => return Err(MergeError::Full),
                Err(MergeError::Broken(error)) => tracing::warn!(mark = ?snapshot.mark, %error, "a snapshot cannot be used"),
            }
        }
        if ground.first > 1 {
            return Ok(None);
        }
        remove(path);
        Self::create(path, ground.log_id).map(Some)
    }

    /// None: it is no file of this log, or of a format that this build cannot carry over.
    pub(crate) fn open_as_is(path: &Path, log_id: u64) -> Result<Option<Self>, MergeError> {
        if !path.exists() {
            return Ok(None);
        }
        let conn = connect(path)?;
        upgrade(&conn)?;
        let is_ours = meta(&conn, "format")? == Some(FORMAT) && meta(&conn, "schema")? == Some(schema());
        if !is_ours || meta(&conn, "log_id")? != Some(log_id) {
            return Ok(None);
        }
        let mark = Position::from_raw(meta(&conn, "mark")?.unwrap_or(0));
        let numbers = numbers(&conn)?;
        Ok(Some(Self { conn, mark, numbers, swept: sweep::Place::default() }))
    }

    fn create(path: &Path, log_id: u64) -> Result<Self, MergeError> {
        let conn = connect(path)?;
        conn.execute_batch(&format!("BEGIN;{SCHEMA}"))?;
        for (key, value) in [("format", FORMAT), ("schema", schema()), ("log_id", log_id), ("mark", 0)] {
            put_meta(&conn, key, value)?;
        }
        conn.execute_batch("COMMIT")?;
        Ok(Self { conn, mark: Position::ZERO, numbers: Numbers::default(), swept: sweep::Place::default() })
    }

    /// How far the views of a file that nobody has open have come.
    pub(crate) fn mark_of(path: &Path) -> rusqlite::Result<Position> {
        let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        meta(&conn, "mark").map(|mark| Position::from_raw(mark.unwrap_or(0)))
    }

    pub(crate) fn mark(&self) -> Position {
        self.mark
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Who was told to be online.
    pub(crate) fn online(&self) -> Result<Vec<RegNo>, MergeError> {
        let mut select = self.conn.prepare("SELECT r FROM online ORDER BY r")?;
        let rows = select.query_map([], |row| row.get(0).map(RegNo))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Applies a batch in one transaction with its mark; at or below the mark nothing happens.
    pub(crate) fn merge(&mut self, batch: &Batch) -> Result<(), MergeError> {
        if batch.upto <= self.mark {
            return Ok(());
        }
        let result = self.transact(batch);
        if result.is_err() && !self.conn.is_autocommit() {
            // The first error says what there is to say.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.numbers = result?;
        self.mark = batch.upto;
        Ok(())
    }

    fn transact(&self, batch: &Batch) -> Result<Numbers, MergeError> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut changes = Changes::new(&self.conn, self.numbers.clone());
        for entry in batch.entries.iter().filter(|entry| entry.at > self.mark) {
            fold(&mut changes, entry)?;
        }
        let numbers = changes.write()?;
        put_meta(&self.conn, "mark", batch.upto.raw())?;
        self.conn.execute_batch("COMMIT")?;
        Ok(numbers)
    }

    /// Removes some of what nobody asks for any more; such a row equals an absent one everywhere, so when is no matter.
    pub(crate) fn sweep(&mut self, old: &Old) -> Result<(), MergeError> {
        Ok(self.swept.step(&self.conn, old)?)
    }

    /// The next start rebuilds the file.
    pub(crate) fn condemn(path: &Path) {
        if let Err(error) = fs::write(rebuild_marker(path), b"") {
            tracing::error!(%error, "the views are broken and could not be marked so; delete state.db before the next start");
        }
    }

    pub(crate) fn close(self) -> Result<(), MergeError> {
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.conn.close().map_err(|(_, error)| error.into())
    }
}

/// Reads the views; one a thread.
pub(crate) struct StateReader {
    conn: Connection,
    /// Inside a transaction that `hold` began.
    held: Cell<bool>,
}

impl StateReader {
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let conn = Connection::open_with_flags(path, flags)?;
            conn.busy_timeout(std::time::Duration::from_secs(5))?;
            conn.set_prepared_statement_cache_capacity(32);
            conn.pragma_update(None, "cache_size", -16_384)?;
            steady_plans(&conn)?;
            Ok(conn)
        };
        open().map(|conn| Self { conn, held: Cell::new(false) }).map_err(crate::log::segment::io)
    }

    /// Reads see one moment from here on until `rest`, and take their locks once.
    pub(crate) fn hold(&self) -> Result<(), ReadError> {
        if !self.held.replace(true) {
            self.conn.execute_batch("BEGIN").map_err(crate::log::segment::io)?;
        }
        Ok(())
    }

    /// The oldest message that somebody may still be given at `now`.
    pub(crate) fn oldest_kept(&self, now: Millis) -> Result<Option<Position>, ReadError> {
        let time = i64::try_from(now.0).unwrap_or(i64::MAX);
        let oldest = |sql: &str| self.conn.query_row(sql, [time], |row| row.get::<_, Option<i64>>(0));
        let shelves = ["inbox", "wide", "post"].map(|table| oldest(&format!("SELECT min(pos) FROM {table} WHERE exp > ?1")));
        let found = shelves.into_iter().collect::<Result<Vec<_>, _>>().map_err(crate::log::segment::io)?;
        Ok(found.into_iter().flatten().min().map(|raw| Position::from_raw(raw as u64)))
    }

    pub(crate) fn rest(&self) {
        if self.held.replace(false) {
            // A read transaction has nothing to lose.
            let _ = self.conn.execute_batch("COMMIT");
        }
    }

    /// Reads of `read` see one moment of the views.
    pub(crate) fn steadily<T>(&self, read: impl FnOnce(&Self) -> Result<T, ReadError>) -> Result<T, ReadError> {
        self.hold()?;
        let result = read(self);
        self.rest();
        result
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.pragma_update(None, "page_size", 4096)?;
    conn.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "normal")?;
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 4000, |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -32_768)?;
    conn.set_prepared_statement_cache_capacity(64);
    steady_plans(&conn)?;
    Ok(conn)
}

/// Plans do not depend on bound values. Otherwise a statement that has a partial index in reach is compiled anew each
/// time a value is bound, which costs five times the read.
fn steady_plans(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn meta(conn: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    let mut select = conn.prepare_cached("SELECT v FROM meta WHERE k = ?1")?;
    select.query_row([key], |row| row.get::<_, i64>(0)).optional().map(|value| value.map(|value| value as u64))
}

fn put_meta(conn: &Connection, key: &str, value: u64) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached("INSERT INTO meta VALUES(?1, ?2) ON CONFLICT DO UPDATE SET v = excluded.v")?;
    put.execute(params![key, value as i64]).map(drop)
}

fn numbers(conn: &Connection) -> rusqlite::Result<Numbers> {
    let next = |key| Ok::<_, rusqlite::Error>(meta(conn, key)?.and_then(|value| u32::try_from(value).ok()).unwrap_or(0));
    let mut select = conn.prepare("SELECT a, devices FROM population")?;
    let devices = select.query_map([], |row| Ok((tidings_model::AppNo(row.get(0)?), row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Numbers {
        user: next("next_user")?,
        reg: next("next_reg")?,
        dev: next("next_dev")?,
        topic: next("next_topic")?,
        devices,
        directory: Arc::new(directory::read(conn)?),
        sinks: Arc::new(sinks::read(conn, next("next_sink")?)?),
    })
}

fn rebuild_marker(path: &Path) -> PathBuf {
    path.with_extension("rebuild")
}

/// What `schema` said of format 1.
const SCHEMA_1: u64 = 0x890b_f8b4;
/// Format 1 knew no collapse keys, so no message of it has been replaced; no erased users, and not when a registration was made; dead ones were not looked up.
const FROM_1: &str = "
CREATE TABLE user_2(u INTEGER PRIMARY KEY, a INTEGER NOT NULL, uid TEXT, UNIQUE(a, uid));
INSERT INTO user_2 SELECT u, a, uid FROM user;
DROP TABLE user;
ALTER TABLE user_2 RENAME TO user;
ALTER TABLE reg ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
DROP INDEX reg_of_user;
CREATE INDEX reg_of_user ON reg(u);
DROP INDEX device_of_reg;
CREATE INDEX device_of_reg ON device(r);
ALTER TABLE wide ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbox ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
CREATE TABLE latest(kind INTEGER NOT NULL, of INTEGER NOT NULL, key TEXT NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, PRIMARY KEY(kind, of, key)) WITHOUT ROWID;
CREATE INDEX latest_by_exp ON latest(exp);";

/// What `schema` said of format 2.
const SCHEMA_2: u64 = 0x9edd_6a70;
/// Format 2 knew one app, and no keys.
const FROM_2: &str = "
ALTER TABLE app RENAME TO population;
CREATE TABLE app(a INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, disabled INTEGER NOT NULL, topics TEXT NOT NULL, created INTEGER);
CREATE TABLE apikey(id TEXT PRIMARY KEY, a INTEGER NOT NULL, name TEXT NOT NULL, scopes INTEGER NOT NULL, hashes BLOB NOT NULL, created INTEGER NOT NULL, until INTEGER) WITHOUT ROWID;";

/// What `schema` said of format 3.
const SCHEMA_3: u64 = 0x97ff_6437;
/// Format 3 told no ends: what has not expired and still waits has yet to end, what a cursor has passed counts as proven. It knew
/// no sinks and no topics.
const FROM_3: &str = "
ALTER TABLE cur ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;
UPDATE cur SET proven = pos;
CREATE INDEX wide_by_pos ON wide(pos);
ALTER TABLE inbox ADD COLUMN fate INTEGER NOT NULL DEFAULT 0;
UPDATE inbox SET fate = CASE WHEN gone > 0 THEN 2 WHEN (SELECT dead FROM device WHERE device.d = inbox.d) > 0 THEN 5 ELSE exp + 10000 END
 WHERE pos > (SELECT pos FROM cur WHERE cur.d = inbox.d) AND NOT EXISTS(SELECT 1 FROM rcpt WHERE rcpt.d = inbox.d AND rcpt.pos = inbox.pos AND rcpt.st >= 2);
CREATE INDEX inbox_due ON inbox(fate) WHERE fate > 0;
CREATE TABLE recalled(pos INTEGER PRIMARY KEY);
CREATE TABLE sink(s INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, a INTEGER, conf BLOB NOT NULL, created INTEGER NOT NULL, pos INTEGER NOT NULL, n INTEGER NOT NULL, state INTEGER NOT NULL, more BLOB NOT NULL);
CREATE TABLE topic(t INTEGER PRIMARY KEY, a INTEGER NOT NULL, name TEXT NOT NULL, devices INTEGER NOT NULL, UNIQUE(a, name));
CREATE TABLE follow(u INTEGER NOT NULL, t INTEGER NOT NULL, PRIMARY KEY(u, t)) WITHOUT ROWID;
CREATE TABLE stay(r INTEGER NOT NULL, t INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(r, t, since)) WITHOUT ROWID;
CREATE TABLE post(t INTEGER NOT NULL, pos INTEGER NOT NULL, exp INTEGER NOT NULL, len INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY(t, pos)) WITHOUT ROWID;
CREATE INDEX post_by_pos ON post(pos);";

/// Views of an earlier format become those of this one: what they were made from may have been trimmed.
fn upgrade(conn: &Connection) -> rusqlite::Result<()> {
    let steps: &[&str] = match (meta(conn, "format")?, meta(conn, "schema")?) {
        (Some(1), Some(SCHEMA_1)) => &[FROM_1, FROM_2, FROM_3],
        (Some(2), Some(SCHEMA_2)) => &[FROM_2, FROM_3],
        (Some(3), Some(SCHEMA_3)) => &[FROM_3],
        _ => return Ok(()),
    };
    let tx = conn.unchecked_transaction()?;
    for step in steps {
        tx.execute_batch(step)?;
    }
    put_meta(&tx, "format", FORMAT)?;
    put_meta(&tx, "schema", schema())?;
    tx.commit()
}

/// Tables of another shape are another format, whoever forgot to say so.
fn schema() -> u64 {
    u64::from(crc32c::crc32c(SCHEMA.as_bytes()))
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    remove_journal(path);
}

fn remove_journal(path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(PathBuf::from(name));
    }
}
