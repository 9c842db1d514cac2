//! Sinks as rows: read whole at the start, written where a merge changed them.

use std::sync::Arc;

use rusqlite::{Connection, params};
use tidings_model::{AppNo, EventId, Gap, Sink, SinkId, SinkNo, Sinks, Standing, Tracked};

use super::{put_meta, rows};
use crate::log::codec::{Bytes, Malformed, Put, put_conf, put_error, put_event, take_conf, take_error, take_event, take_sink_state};

/// `next`: numbers below it were given.
pub(super) fn read(conn: &Connection, next: u32) -> rusqlite::Result<Sinks> {
    let mut sinks = Sinks::new(next);
    let mut select = conn.prepare("SELECT s, id, a, conf, created, pos, n, state, more FROM sink")?;
    for tracked in select.query_map([], read_row)? {
        sinks.track(tracked?);
    }
    Ok(sinks)
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Tracked> {
    let conf = taken(row.get_ref(3)?.as_blob()?, take_conf)?;
    let sink = Sink {
        no: SinkNo(row.get(0)?),
        id: SinkId::trusted(row.get_ref(1)?.as_str()?),
        app: row.get::<_, Option<u32>>(2)?.map(AppNo),
        conf,
        created: rows::millis(row, 4)?,
    };
    let more = taken(row.get_ref(8)?.as_blob()?, take_more)?;
    let cursor = EventId { at: rows::position(row, 5)?, n: row.get(6)? };
    let state = taken(&[row.get(7)?], take_sink_state)?;
    Ok(Tracked { sink: Arc::new(sink), standing: Standing { cursor, state, ..more } })
}

fn taken<T>(bytes: &[u8], take: fn(&mut Bytes<'_>) -> Result<T, Malformed>) -> rusqlite::Result<T> {
    let mut left = Bytes::new(bytes);
    let value = take(&mut left).and_then(|value| left.end().map(|()| value));
    value.map_err(|Malformed(what)| rusqlite::Error::ToSqlConversionFailure(what.into()))
}

/// What of a standing has no column of its own.
fn put_more(bytes: &mut Vec<u8>, standing: &Standing) {
    bytes.option(standing.last_error.as_ref(), put_error);
    bytes.list(&standing.parked, |bytes, id| put_event(bytes, *id));
    bytes.option(standing.gap, |bytes, gap| {
        bytes.position(gap.at);
        put_event(bytes, gap.from);
        put_event(bytes, gap.to);
    });
}

fn take_more(bytes: &mut Bytes<'_>) -> Result<Standing, Malformed> {
    let last_error = bytes.option(take_error)?;
    let parked = bytes.list(take_event)?;
    let gap = bytes.option(|bytes| Ok(Gap { at: bytes.position()?, from: take_event(bytes)?, to: take_event(bytes)? }))?;
    Ok(Standing { last_error, parked, gap, ..Standing::new(tidings_model::Position::ZERO) })
}

/// Within the caller's transaction.
pub(super) fn write(conn: &Connection, before: &Sinks, now: &Sinks) -> rusqlite::Result<()> {
    if std::ptr::eq(before, now) {
        return Ok(());
    }
    for gone in before.iter().filter(|tracked| now.get(tracked.sink.no).is_none()) {
        conn.execute("DELETE FROM sink WHERE s = ?1", [gone.sink.no.0])?;
    }
    let changed = |tracked: &&Arc<Tracked>| before.get(tracked.sink.no).is_none_or(|old| !Arc::ptr_eq(old, tracked));
    for tracked in now.iter().filter(changed) {
        write_row(conn, tracked)?;
    }
    put_meta(conn, "next_sink", u64::from(now.next().0))
}

fn write_row(conn: &Connection, Tracked { sink, standing }: &Tracked) -> rusqlite::Result<()> {
    let (mut conf, mut more) = (Vec::new(), Vec::new());
    put_conf(&mut conf, &sink.conf);
    put_more(&mut more, standing);
    let (created, pos) = (sink.created.0 as i64, standing.cursor.at.raw() as i64);
    let app = sink.app.map(|app| app.0);
    let mut put = conn.prepare_cached("INSERT OR REPLACE INTO sink VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    put.execute(params![sink.no.0, sink.id.as_str(), app, conf, created, pos, standing.cursor.n, standing.state as u8, more]).map(drop)
}
