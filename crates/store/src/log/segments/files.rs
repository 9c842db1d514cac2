//! The files of a log's folder: found, checked, made, sealed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use tidings_model::Position;

use super::{JUMP, unknown};
use crate::OpenError;
use crate::log::AppendError;
use crate::log::folder::{self, doing, sync_dir};
use crate::log::segment::{self, Mark, Segment};

/// The segment files in order; half-made ones are removed, `-wal` files left behind made durable.
pub(super) fn settle_files(dir: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut files = Vec::new();
    for found in fs::read_dir(dir).map_err(doing("listing the log"))? {
        let path = found.map_err(doing("listing the log"))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("db") => files.push(path),
            Some("new" | "new-wal" | "new-shm") => fs::remove_file(&path).map_err(doing("removing a half-made segment"))?,
            _ => {}
        }
    }
    files.sort();
    for file in &files {
        if folder::rewrite_wal(file)? {
            tracing::info!(file = %file.display(), "the log was not closed; what a crash left is made durable");
        }
    }
    Ok(files)
}

pub(super) fn open_segment(file: &Path) -> Result<Segment, OpenError> {
    let format = || OpenError::Format { found: format!("segment {}", file.display()), dir: file.to_owned() };
    Segment::open(file.to_owned())?.ok_or_else(format)
}

/// Each segment begins where the one before it ends, or just as far behind it as a restore jumps. The number that an append must expect.
pub(super) fn check_chain(all: &mut [Segment]) -> Result<u64, OpenError> {
    let mut last = all.first().map_or(0, |segment| segment.mark.after);
    let first = all.first().map(|segment| segment.mark);
    for segment in all {
        let follows = segment.mark.after == last || segment.mark.after == last + JUMP;
        if !follows || Some(segment.mark.log_id) != first.map(|mark| mark.log_id) {
            let what = format!("segment {} does not follow the one before it", segment.path.display());
            return Err(OpenError::Corrupt { at: Position::new(last + 1, 0), what });
        }
        segment.follows = last;
        last = segment.last()?.unwrap_or(segment.mark.after);
    }
    Ok(last)
}

/// A new segment under its real name, complete and durable.
pub(super) fn make(dir: &Path, mark: Mark) -> io::Result<Segment> {
    let path = dir.join(format!("{:06}.db", mark.number));
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let filled = segment::create(&new, mark).map_err(io::Error::other).and_then(|()| fs::File::open(&new)?.sync_all());
    let named = filled.and_then(|()| fs::rename(&new, &path)).and_then(|()| sync_dir(dir));
    if let Err(error) = named {
        for left in [new.clone(), folder::wal_of(&new), new.with_extension("new-shm")] {
            let _ = fs::remove_file(left);
        }
        return Err(error);
    }
    Ok(Segment::new(path, mark))
}

pub(super) fn seal_file(path: &Path) -> Result<(), AppendError> {
    let conn = segment::open_to_write(path).map_err(unknown)?;
    match conn.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get::<_, String>(0)) {
        Ok(mode) if mode == "delete" => {}
        Ok(_) => return Ok(()),
        Err(error) if error.sqlite_error_code().is_some_and(|code| matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
            return Ok(());
        }
        Err(error) => return Err(unknown(error)),
    }
    conn.close().map_err(|(_, error)| unknown(error))?;
    let read_only = fs::metadata(path).and_then(|meta| {
        let mut permissions = meta.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions)
    });
    // Only a sign for people: the file is complete.
    let _ = read_only.inspect_err(|error| tracing::warn!(%error, "a sealed segment could not be made read-only"));
    Ok(())
}
