//! Copies of `state.db` from which the views begin where they are lost: a snapshot and the log behind it are the views.
//!
//! One counts once its manifest has its name, which it gets after the copy was synced, opened and checked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use tidings_json::Json;
use tidings_model::{Millis, Position};

use crate::log::folder::sync_dir;

/// Where they lie in a data folder.
const FOLDER: &str = "snapshots";
/// The manifest's.
const FORMAT: u64 = 1;
/// The newest ones stay; the log is trimmed behind the older of them.
pub(crate) const KEPT: usize = 2;

/// Why a copy is none.
#[derive(Debug)]
pub(crate) enum CopyError {
    Io(io::Error),
    Sql(rusqlite::Error),
    /// What was copied is not what it should be.
    Damaged(String),
}

impl std::fmt::Display for CopyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Sql(error) => error.fmt(f),
            Self::Damaged(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for CopyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rusqlite::Error> for CopyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The log up to here is in it.
    pub mark: Position,
    /// Log time of its making.
    pub at: Millis,
    pub log_id: u64,
    pub sum: String,
}

/// A data folder's snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    dir: PathBuf,
}

impl Snapshots {
    pub(crate) fn of(data: &Path) -> Self {
        Self { dir: data.join(FOLDER) }
    }

    /// Newest first. What cannot be read as a manifest is none.
    pub(crate) fn list(&self) -> Vec<Snapshot> {
        let Ok(found) = fs::read_dir(&self.dir) else { return Vec::new() };
        let manifests = found.flatten().map(|found| found.path()).filter(|path| path.extension().is_some_and(|found| found == "json"));
        let mut all: Vec<_> = manifests.filter_map(|path| read_manifest(&fs::read_to_string(path).ok()?)).collect();
        all.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.mark));
        all
    }

    /// A new one of the views at `state`, which may be written meanwhile; older ones than the newest two go.
    pub(crate) fn make(&self, state: &Path, at: Millis) -> Result<Snapshot, CopyError> {
        fs::create_dir_all(&self.dir)?;
        self.clear_half_made();
        let new = self.dir.join("new");
        let (mark, log_id) = copy_views(state, &new)?;
        let snapshot = Snapshot { mark, at, log_id, sum: checksum(&new)? };
        // One of the same moment does not count while its file is changed.
        let _ = fs::remove_file(self.path(mark, "json"));
        fs::rename(&new, self.path(mark, "db"))?;
        let manifest = self.dir.join("manifest");
        write_synced(&manifest, &write_manifest(&snapshot))?;
        fs::rename(&manifest, self.path(mark, "json"))?;
        sync_dir(&self.dir)?;
        self.prune();
        Ok(snapshot)
    }

    /// Puts a copy of it at `to`, if it still is what it was.
    pub(crate) fn fetch(&self, snapshot: &Snapshot, to: &Path) -> Result<(), CopyError> {
        copy_checked(&self.path(snapshot.mark, "db"), to, &snapshot.sum)
    }

    fn path(&self, mark: Position, kind: &str) -> PathBuf {
        self.dir.join(format!("{:020}.{kind}", mark.raw()))
    }

    /// What a crash left of one that was being made.
    fn clear_half_made(&self) {
        for name in ["new", "new-journal", "new-wal", "new-shm", "manifest"] {
            let _ = fs::remove_file(self.dir.join(name));
        }
    }

    /// The manifest goes first: without it a copy does not count.
    fn prune(&self) {
        let kept: Vec<_> =
            self.list().into_iter().take(KEPT).flat_map(|kept| ["json", "db"].map(|kind| self.path(kept.mark, kind))).collect();
        let Ok(found) = fs::read_dir(&self.dir) else { return };
        let mut old: Vec<_> = found.flatten().map(|found| found.path()).filter(|path| !kept.contains(path)).collect();
        old.sort_by_key(|path| path.extension().is_none_or(|kind| kind != "json"));
        for path in old {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, file = %path.display(), "an old snapshot could not be removed");
            }
        }
    }
}

/// Copies the views as they are at one moment, synced and checked: their mark and their log's id.
pub(crate) fn copy_views(state: &Path, to: &Path) -> Result<(Position, u64), CopyError> {
    copy_database(state, to)?;
    let conn = open(to)?;
    let meta = |key: &str| conn.query_row("SELECT v FROM meta WHERE k = ?1", [key], |row| row.get::<_, i64>(0)).map(|value| value as u64);
    let found = (Position::from_raw(meta("mark")?), meta("log_id")?);
    Ok(found)
}

/// A database as it is at one moment, while others write it: synced, opened again and checked.
pub(crate) fn copy_database(from: &Path, to: &Path) -> Result<(), CopyError> {
    let _ = fs::remove_file(to);
    let name = to.to_str().ok_or_else(|| CopyError::Damaged(format!("{} is no name in UTF-8", to.display())))?;
    open(from)?.execute("VACUUM INTO ?1", [name])?;
    File::open(to)?.sync_all()?;
    let verdict: String = open(to)?.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(CopyError::Damaged(format!("the copy of {} is damaged: {verdict}", from.display())));
    }
    Ok(())
}

/// A file that others may be writing is only ever opened read-only.
fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(conn)
}

/// Copies a file that nobody writes; the copy, synced, must have this check sum.
pub(crate) fn copy_checked(from: &Path, to: &Path, sum: &str) -> Result<(), CopyError> {
    fs::copy(from, to)?;
    let found = checksum(to)?;
    if found != sum {
        let _ = fs::remove_file(to);
        return Err(CopyError::Damaged(format!("{} is damaged: its check sum is {found}, and was {sum}", from.display())));
    }
    Ok(File::open(to)?.sync_all()?)
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn checksum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut sum, mut buffer) = (Sha256::new(), vec![0; 256 << 10]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        sum.update(&buffer[..read]);
    }
}

pub(crate) fn write_synced(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)?;
    File::open(path)?.sync_all()
}

fn write_manifest(snapshot: &Snapshot) -> String {
    let Snapshot { mark, at, log_id, sum } = snapshot;
    // Numbers as text: readers of JSON round large ones.
    format!("{{\"format\":{FORMAT},\"mark\":\"{mark}\",\"at\":{},\"log_id\":\"{log_id}\",\"sha256\":\"{sum}\"}}\n", at.0)
}

fn read_manifest(text: &str) -> Option<Snapshot> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let string = |key| json.member(key).and_then(tidings_json::unescape);
    if json.member("format")?.parse() != Ok(FORMAT) {
        return None;
    }
    let mark = Position::from_raw(string("mark")?.parse().ok()?);
    let at = Millis(json.member("at")?.parse().ok()?);
    Some(Snapshot { mark, at, log_id: string("log_id")?.parse().ok()?, sum: string("sha256")?.into_owned() })
}

#[cfg(test)]
mod tests;
