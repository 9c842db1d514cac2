//! What became of direct messages, as one column of the mailbox: what is due is found by it, oldest first.

use rusqlite::params;
use tidings_model::{Dev, End, Millis, Position};

use super::{StateReader, rows};
use crate::ReadError;
use crate::log::segment::io;
use crate::views::Fate;

/// Times begin here; below them stand ends that are to be told, below zero those that were.
const TIMES: i64 = 1000;

pub(super) fn column(fate: Fate) -> i64 {
    match fate {
        Fate::Open { due } => i64::try_from(due.0).unwrap_or(i64::MAX).max(TIMES),
        Fate::Ending(end) => end as i64,
        Fate::Proven => 0,
        Fate::Ended(end) => -(end as i64),
    }
}

/// None: no build has written this.
pub(super) fn fate(column: i64) -> Option<Fate> {
    let end = |number: i64| u8::try_from(number).ok().and_then(End::from_number);
    match column {
        0 => Some(Fate::Proven),
        TIMES.. => Some(Fate::Open { due: Millis(column as u64) }),
        1.. => end(column).map(Fate::Ending),
        ..0 => end(-column).map(Fate::Ended),
    }
}

impl StateReader {
    /// At most `limit` messages whose end may be told at `now`, with their devices.
    pub(crate) fn due(&self, now: Millis, limit: usize) -> Result<Vec<(Dev, Position)>, ReadError> {
        let due = || -> rusqlite::Result<Vec<(Dev, Position)>> {
            let sql = "SELECT d, pos FROM inbox WHERE fate > 0 AND fate <= ?1 ORDER BY fate LIMIT ?2";
            let mut select = self.conn.prepare_cached(sql)?;
            let (now, limit) = (i64::try_from(now.0).unwrap_or(i64::MAX).max(TIMES - 1), i64::try_from(limit).unwrap_or(i64::MAX));
            select.query_map(params![now, limit], |row| Ok((Dev(row.get(0)?), rows::position(row, 1)?)))?.collect()
        };
        due().map_err(io)
    }
}
