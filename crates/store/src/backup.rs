//! A backup: the views at one moment and the whole log up to a later one, in a folder that no server takes for its own.
//!
//! It is made beside a running server, by another process that only reads, or of a folder that nobody holds. The views
//! come first, so that the log always goes further than they do. The manifest comes last: without it there is no backup.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tidings_json::{Json, write_string};
use tidings_model::{Millis, Position};

use crate::log::folder::{self, Folder, sync_dir};
use crate::log::segment::Segment;
use crate::log::segments::{Segments, Sizes};
use crate::snapshot::{CopyError, checksum, copy_checked, copy_database, copy_views, write_synced};
use crate::views::state::State;
use crate::{OpenError, ReadError};

/// The one format there is.
const FORMAT: u64 = 1;
const MANIFEST: &str = "backup.json";
/// Of all manifests of ours, ever.
const KIND: &str = "tidings-backup";

/// Why there is no backup, or none that can be restored.
#[derive(Debug)]
pub enum BackupError {
    /// A backup goes into a folder of its own, and is restored into one.
    NotEmpty(PathBuf),
    NoData(PathBuf),
    NoBackup(PathBuf),
    /// Made by a later build.
    Newer {
        format: u64,
    },
    Open(OpenError),
    Copy {
        doing: String,
        what: String,
    },
}

impl fmt::Display for BackupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty(dir) => write!(f, "{} is not empty; name a folder that is empty or not there yet", dir.display()),
            Self::NoData(dir) => write!(f, "{} is no data folder of a server", dir.display()),
            Self::NoBackup(dir) => {
                write!(f, "{} is no backup: it has no {MANIFEST} that can be read, which is written last", dir.display())
            }
            Self::Newer { format } => {
                write!(
                    f,
                    "the backup has format {format}, and this build knows formats up to {FORMAT}; use the version that made it, or a later one"
                )
            }
            Self::Open(error) => error.fmt(f),
            Self::Copy { doing, what } => write!(f, "{doing} failed: {what}"),
        }
    }
}

impl std::error::Error for BackupError {}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<ReadError> for BackupError {
    fn from(error: ReadError) -> Self {
        Self::Open(error.into())
    }
}

fn copying<E: fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> BackupError {
    let doing = what.into();
    move |error| BackupError::Copy { doing, what: error.to_string() }
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Everything up to here is in it.
    pub last: u64,
    /// Log time of that record.
    pub at: Millis,
    /// A server was running on the folder.
    pub was_live: bool,
    pub bytes: u64,
}

/// A copied file, by its name within the folder.
struct Copied {
    name: String,
    bytes: u64,
    sum: String,
}

/// Copies the data folder `data` to `to`, which is made, or is empty. Everything that was answered before the call is in it.
pub fn backup(data: &Path, to: &Path) -> Result<Backup, BackupError> {
    if !data.join("log").is_dir() || !data.join("format").is_file() {
        return Err(BackupError::NoData(data.to_owned()));
    }
    folder::check_format(data)?;
    prepare(to)?;
    let held = hold(data)?;
    let made = copy_all(data, to);
    if let Some(folder) = held.held {
        folder.release();
    }
    let (files, last, at) = made?;
    finish(to, &files)?;
    Ok(Backup { last, at, was_live: held.was_live, bytes: files.iter().map(|file| file.bytes).sum() })
}

/// The folder's lock, where nobody else has it.
struct Held {
    held: Option<Folder>,
    was_live: bool,
}

fn hold(data: &Path) -> Result<Held, BackupError> {
    match Folder::take(data) {
        Ok(folder) => {
            // What a crash left is made durable before it is copied, as a start does.
            for file in segment_files(data)?.iter().chain([&folder.state()]) {
                folder::rewrite_wal(file)?;
            }
            Ok(Held { held: Some(folder), was_live: false })
        }
        Err(OpenError::Locked { .. }) => Ok(Held { held: None, was_live: true }),
        Err(error) => Err(error.into()),
    }
}

/// An empty folder, made where there is none.
fn prepare(to: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(copying(format!("making {}", to.display())))?;
    let mut found = fs::read_dir(to).map_err(copying(format!("listing {}", to.display())))?;
    match found.next() {
        Some(_) => Err(BackupError::NotEmpty(to.to_owned())),
        None => fs::create_dir(to.join("log")).map_err(copying("making the folder of the log")),
    }
}

fn copy_all(data: &Path, to: &Path) -> Result<(Vec<Copied>, u64, Millis), BackupError> {
    let state = data.join("state.db");
    if state.exists() {
        copy_views(&state, &to.join("state.db")).map_err(copying("copying the views"))?;
    }
    copy_log(data, to)?;
    let log = Segments::open(&to.join("log"), 0, Sizes::unbounded())?;
    log.verify()?;
    let (last, newest) = (log.last(), log.newest()?);
    log.close().map_err(copying("closing the copy of the log"))?;
    check_views(&to.join("state.db"), last)?;
    let mut files = Vec::new();
    for file in segment_files(to)?.into_iter().chain(Some(to.join("state.db")).filter(|file| file.exists())) {
        files.push(describe(to, &file).map_err(copying(format!("reading {}", file.display())))?);
    }
    Ok((files, last, newest.map_or(Millis(0), |header| header.at)))
}

/// Sealed segments first, then the one that is written; again from that one on if a new one was begun meanwhile.
fn copy_log(data: &Path, to: &Path) -> Result<(), BackupError> {
    let mut files = segment_files(data)?;
    let mut newest = files.pop().ok_or_else(|| BackupError::NoData(data.to_owned()))?;
    for sealed in files.iter().rev() {
        // Removed meanwhile, and all before it: nobody needs them any more.
        if !copy_segment(sealed, to)? {
            break;
        }
    }
    loop {
        let mut found = segment_files(data)?;
        found.retain(|file| *file >= newest);
        for file in found {
            copy_segment(&file, to)?;
            newest = file;
        }
        if segment_files(data)?.last() == Some(&newest) {
            return Ok(());
        }
    }
}

/// False: it is gone.
fn copy_segment(file: &Path, to: &Path) -> Result<bool, BackupError> {
    let target = to.join("log").join(file.file_name().unwrap_or_default());
    let copied = match fs::metadata(file) {
        Ok(meta) if meta.permissions().readonly() => {
            fs::copy(file, &target).and_then(|_| File::open(&target)?.sync_all()).map_err(CopyError::Io)
        }
        Ok(_) => copy_database(file, &target),
        Err(error) => Err(CopyError::Io(error)),
    };
    match copied {
        Ok(()) => Ok(true),
        Err(_) if !file.exists() => {
            let _ = fs::remove_file(&target);
            Ok(false)
        }
        Err(error) => Err(copying(format!("copying {}", file.display()))(error)),
    }
}

/// In order.
fn segment_files(data: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let found = fs::read_dir(data.join("log")).map_err(copying("listing the log"))?;
    let mut files: Vec<_> =
        found.flatten().map(|found| found.path()).filter(|path| path.extension().is_some_and(|kind| kind == "db")).collect();
    files.sort();
    Ok(files)
}

fn describe(dir: &Path, file: &Path) -> std::io::Result<Copied> {
    let name = file.strip_prefix(dir).unwrap_or(file).to_string_lossy().into_owned();
    Ok(Copied { name, bytes: fs::metadata(file)?.len(), sum: checksum(file)? })
}

fn finish(to: &Path, files: &[Copied]) -> Result<(), BackupError> {
    let mut text = format!("{{\"kind\":\"{KIND}\",\"format\":{FORMAT},\"build\":\"{}\",\"files\":[", env!("CARGO_PKG_VERSION"));
    for (index, Copied { name, bytes, sum }) in files.iter().enumerate() {
        text.push_str(if index == 0 { "\n{\"name\":" } else { ",\n{\"name\":" });
        write_string(&mut text, name);
        text.push_str(&format!(",\"bytes\":{bytes},\"sha256\":\"{sum}\"}}"));
    }
    text.push_str("\n]}\n");
    let write = || {
        sync_dir(&to.join("log"))?;
        let new = to.join("backup.new");
        write_synced(&new, &text)?;
        fs::rename(&new, to.join(MANIFEST))?;
        sync_dir(to)
    };
    write().map_err(copying("writing the manifest"))
}

/// Makes the data folder `data` from the backup at `from`; it must be empty or not there yet. What the backup holds.
///
/// The log goes on 2^32 numbers further on: whatever was told after the backup was made never means another fact.
pub fn restore(from: &Path, data: &Path) -> Result<Backup, BackupError> {
    let files = read_manifest(from)?;
    prepare(data)?;
    // Until everything is there no server starts on it.
    write_synced(&data.join("format"), "an unfinished restore\n").map_err(copying("writing the format mark"))?;
    for Copied { name, sum, .. } in &files {
        copy_checked(&from.join(name), &data.join(name), sum).map_err(copying(format!("copying {name}")))?;
    }
    let log = Segments::open(&data.join("log"), 0, Sizes::unbounded())?;
    log.verify()?;
    let (last, newest) = (log.last(), log.newest()?);
    check_views(&data.join("state.db"), last)?;
    log.jump()?;
    log.close().map_err(copying("closing the log"))?;
    let done = sync_dir(&data.join("log")).and_then(|()| folder::write_format(data));
    done.map_err(copying("writing the format mark"))?;
    Ok(Backup { last, at: newest.map_or(Millis(0), |header| header.at), was_live: false, bytes: files.iter().map(|file| file.bytes).sum() })
}

fn check_views(state: &Path, last: u64) -> Result<(), BackupError> {
    let mark = if state.exists() { State::mark_of(state).map_err(copying("reading the views"))? } else { Position::ZERO };
    let end = Position::end_of(last);
    if mark > end { Err(OpenError::Behind { mark, last: end }.into()) } else { Ok(()) }
}

fn read_manifest(from: &Path) -> Result<Vec<Copied>, BackupError> {
    let none = || BackupError::NoBackup(from.to_owned());
    let text = fs::read(from.join(MANIFEST)).map_err(|_| none())?;
    let json = Json::parse(&text).map_err(|_| none())?;
    let format = json.member("format").and_then(|format| format.parse().ok()).ok_or_else(none)?;
    if json.member("kind").and_then(tidings_json::unescape).as_deref() != Some(KIND) {
        return Err(none());
    }
    if format > FORMAT {
        return Err(BackupError::Newer { format });
    }
    let files = json.member("files").and_then(tidings_json::elements).ok_or_else(none)?;
    files.map(|file| read_file(file).ok_or_else(none)).collect()
}

/// A name that leads out of the folder is none.
fn read_file(raw: &str) -> Option<Copied> {
    let file = Json::trusted(raw);
    let name = tidings_json::unescape(file.member("name")?)?.into_owned();
    let is_ours = name == "state.db" || name.strip_prefix("log/").is_some_and(|name| !name.contains('/') && name.ends_with(".db"));
    let sum = tidings_json::unescape(file.member("sha256")?)?.into_owned();
    is_ours.then_some(Copied { name, bytes: file.member("bytes")?.parse().ok()?, sum })
}

/// Log time of the newest fact in a data folder that may be in use; None: there is none, or it cannot be read.
pub fn newest_time(data: &Path) -> Option<Millis> {
    let newest = segment_files(data).ok()?.pop()?;
    let segment = Segment::open(newest).ok()??;
    segment.time(segment.last().ok()??).ok()?
}

#[cfg(test)]
mod tests;
