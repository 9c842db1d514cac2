//! The data folder: who holds it, what format it has, and making safe what a crash left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::OpenError;

/// The newest format there is, and the only one.
const FORMAT: u64 = 1;
const KIND: &str = "tidings-data ";

/// The folder, held by an flock on `DIR/lock` until it is dropped.
pub(crate) struct Folder {
    pub dir: PathBuf,
    lock: File,
}

/// Names what was tried beside what went wrong.
pub(crate) fn doing(doing: &'static str) -> impl Fn(io::Error) -> OpenError {
    move |error| OpenError::Io { doing, what: error.to_string() }
}

impl Folder {
    /// Creates the folder where it is missing, takes its lock, checks its format mark.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(dir.join("log")).map_err(doing("creating the data folder"))?;
        let lock = take_lock(dir)?;
        check_format(dir)?;
        Ok(Self { dir: dir.to_owned(), lock })
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join("state.db")
    }

    /// Bytes that an ordinary user may still write here.
    pub(crate) fn free(dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    pub(crate) fn release(self) {
        // The name stays: unlinking it would let two processes hold two locks of one name.
        let _ = self.lock.set_len(0);
    }
}

fn take_lock(dir: &Path) -> Result<File, OpenError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join("lock"));
    let mut file = open.map_err(doing("opening the folder's lock"))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(OpenError::Locked { pid: read_pid(&file) });
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    // On a full disk the pid may not fit; the lock itself is held.
    if let Err(error) = write(&mut file) {
        tracing::warn!(%error, "our pid could not be written into the lock");
    }
    Ok(file)
}

pub(crate) fn check_format(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join("format");
    match fs::read_to_string(&path) {
        Ok(found) if number(&found) == Some(FORMAT) => Ok(()),
        Ok(found) => Err(OpenError::Format { found: found.trim().to_owned(), dir: dir.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => mark_format(dir),
        Err(error) => Err(doing("reading the format mark")(error)),
    }
}

/// The process that holds a data folder (0: it did not leave its number); None: nobody does.
pub fn holder(data: &Path) -> Option<u32> {
    let file = File::open(data.join("lock")).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => None,
        Err(_) => Some(read_pid(&file)),
    }
}

fn read_pid(mut lock: &File) -> u32 {
    let mut pid = String::new();
    let _ = lock.read_to_string(&mut pid);
    pid.trim().parse().unwrap_or(0)
}

fn number(mark: &str) -> Option<u64> {
    mark.strip_prefix(KIND)?.trim_end().parse().ok()
}

/// Whether a format mark is a later build's.
pub(crate) fn is_newer(mark: &str) -> bool {
    number(mark).is_some_and(|number| number > FORMAT)
}

fn mark_format(dir: &Path) -> Result<(), OpenError> {
    let used = fs::read_dir(dir.join("log")).map_err(doing("listing the log"))?.next().is_some() || dir.join("state.db").exists();
    if used {
        return Err(OpenError::Format { found: "no format mark".to_owned(), dir: dir.to_owned() });
    }
    write_format(dir).map_err(doing("writing the format mark"))
}

pub(crate) fn write_format(dir: &Path) -> io::Result<()> {
    let (path, new) = (dir.join("format"), dir.join("format.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{KIND}{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_dir(dir)
}

/// Makes names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The write-ahead log that belongs to the SQLite file `db`.
pub(crate) fn wal_of(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A `-wal` left behind is a crash's: what is in it may be in the page cache only, and a failed fsync may have marked it
/// clean there. It is written anew and synced before anything in it is believed.
pub(crate) fn rewrite_wal(db: &Path) -> Result<bool, OpenError> {
    let wal = wal_of(db);
    let size = match fs::metadata(&wal) {
        Ok(meta) if meta.len() > 0 => meta.len(),
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(doing("looking for a log left by a crash")(error)),
    };
    let dir = wal.parent().unwrap_or(Path::new("."));
    let free = Folder::free(dir).map_err(doing("asking for free space"))?;
    if free < size {
        return Err(OpenError::NoRoom { missing: size - free });
    }
    copy_over(&wal, dir).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => OpenError::NoRoom { missing: size },
        _ => doing("making a log left by a crash durable")(error),
    })?;
    Ok(true)
}

fn copy_over(wal: &Path, dir: &Path) -> io::Result<()> {
    let new = wal.with_extension("db-wal.new");
    let copy = || {
        let mut to = File::create(&new)?;
        io::copy(&mut File::open(wal)?, &mut to)?;
        to.sync_all()?;
        fs::rename(&new, wal)?;
        sync_dir(dir)
    };
    copy().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}
