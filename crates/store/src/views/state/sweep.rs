//! Removing expired rows in key order, a little at a time.

use rusqlite::{Connection, params, params_from_iter};
use tidings_model::{Limits, Millis, Position};

/// Rows looked at in one step.
const STEP: usize = 5_000;

/// From when on things are old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Old {
    pub now: Millis,
    /// How long receipts are kept.
    pub receipts_s: u64,
    /// The record that events begin with.
    pub events_from: u64,
}

/// Where the next step begins.
#[derive(Default)]
pub(super) struct Place {
    inbox: (u32, i64),
    rcpt: (u32, i64),
    wide: (u32, i64),
    post: (u32, i64),
}

impl Place {
    pub(super) fn step(&mut self, conn: &Connection, old: &Old) -> rusqlite::Result<()> {
        let Old { now, receipts_s, events_from } = *old;
        let tx = conn.unchecked_transaction()?;
        let time = i64::try_from(now.0).unwrap_or(i64::MAX);
        // What became of a message is known as long as its events are told.
        let events = Position::new(events_from, 0).raw() as i64;
        sweep(
            &tx,
            &mut self.inbox,
            [
                "SELECT d, pos FROM inbox WHERE (d, pos) > (?1, ?2) ORDER BY d, pos LIMIT ?3",
                "DELETE FROM inbox WHERE (d, pos) > (?1, ?2) AND (d, pos) <= (?3, ?4) AND exp <= ?5 AND fate <= 0 AND pos < ?6",
            ],
            &[time, events],
        )?;
        tx.prepare_cached("DELETE FROM recalled WHERE pos < ?1")?.execute([events])?;
        sweep(
            &tx,
            &mut self.wide,
            [
                "SELECT a, pos FROM wide WHERE (a, pos) > (?1, ?2) ORDER BY a, pos LIMIT ?3",
                "DELETE FROM wide WHERE (a, pos) > (?1, ?2) AND (a, pos) <= (?3, ?4) AND exp <= ?5",
            ],
            &[time],
        )?;
        sweep(
            &tx,
            &mut self.post,
            [
                "SELECT t, pos FROM post WHERE (t, pos) > (?1, ?2) ORDER BY t, pos LIMIT ?3",
                "DELETE FROM post WHERE (t, pos) > (?1, ?2) AND (t, pos) <= (?3, ?4) AND exp <= ?5",
            ],
            &[time],
        )?;
        let unkept = i64::try_from(now.0.saturating_sub(receipts_s.saturating_mul(1000))).unwrap_or(i64::MAX);
        sweep(
            &tx,
            &mut self.rcpt,
            [
                "SELECT d, pos FROM rcpt WHERE (d, pos) > (?1, ?2) ORDER BY d, pos LIMIT ?3",
                "DELETE FROM rcpt WHERE (d, pos) > (?1, ?2) AND (d, pos) <= (?3, ?4) AND since <= ?5",
            ],
            &[unkept],
        )?;
        let bucket = i64::try_from(now.0 / (Limits::IDEMPOTENCY_S * 1000)).unwrap_or(i64::MAX) - 1;
        let mut kept = tx.prepare_cached(
            "DELETE FROM idem WHERE (bucket, key) IN (SELECT bucket, key FROM idem WHERE bucket < ?1 ORDER BY bucket, key LIMIT ?2)",
        )?;
        kept.execute(params![bucket, STEP as i64])?;
        drop(kept);
        let mut latest = tx.prepare_cached(
            "DELETE FROM latest WHERE (kind, of, key) IN (SELECT kind, of, key FROM latest WHERE exp <= ?1 ORDER BY exp LIMIT ?2)",
        )?;
        latest.execute(params![time, STEP as i64])?;
        drop(latest);
        tx.commit()
    }
}

/// One stretch of a table: where it ends, and what has expired in it.
fn sweep(conn: &Connection, place: &mut (u32, i64), [end, delete]: [&str; 2], bounds: &[i64]) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(end)?;
    let mut last = None;
    let mut count = 0;
    let mut rows = select.query(params![place.0, place.1, STEP as i64])?;
    while let Some(row) = rows.next()? {
        last = Some((row.get(0)?, row.get(1)?));
        count += 1;
    }
    let Some((of, at)): Option<(u32, i64)> = last else {
        *place = (0, 0);
        return Ok(());
    };
    let row: [i64; 4] = [i64::from(place.0), place.1, i64::from(of), at];
    conn.prepare_cached(delete)?.execute(params_from_iter(row.iter().chain(bounds)))?;
    *place = if count < STEP { (0, 0) } else { (of, at) };
    Ok(())
}
