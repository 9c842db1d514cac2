//! What a merge will write: folded first, then written once, sorted by table and key.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use tidings_model::{CollapseKey, Dev, Limits, Position, RegNo, TopicNo, UserNo};

use super::{directory, fates, put_meta, rows, sinks};
use crate::ReadError;
use crate::log::segment::io;
use crate::views::{
    Cursor, Device, Fate, Kept, Key, Latest, Letter, Loss, Numbers, Receipt, Reg, Row, Rows, Scope, Shelf, Stays, Topic, User,
};

/// What happens to letters of one device.
enum Turn {
    Lost { at: Position, by: Position, loss: Loss },
    LostAll { part: (Position, Position), loss: Loss },
    Settled(Position, Fate),
}

pub(super) struct Changes<'c> {
    conn: &'c Connection,
    rows: BTreeMap<Key, Row>,
    /// Cursors are raised without being read.
    raised: BTreeMap<Dev, Cursor>,
    inbox: BTreeMap<(Dev, Position), (Letter, Fate)>,
    wide: BTreeMap<(Shelf, Position), Letter>,
    /// What happened to letters that earlier merges have written, in this order.
    turns: Vec<(Dev, Turn)>,
    /// What took those for many away.
    gone_wide: BTreeMap<Position, Position>,
    told: BTreeMap<RegNo, bool>,
    before: Numbers,
    numbers: Numbers,
}

impl Rows for Changes<'_> {
    fn get(&mut self, key: &Key) -> Result<Option<Row>, ReadError> {
        let found = match self.rows.get(key) {
            Some(row) => Some(row.clone()),
            None => rows::get(self.conn, key).map_err(io)?,
        };
        let Key::Cursor(dev) = key else { return Ok(found) };
        Ok(match (found, self.raised.get(dev)) {
            (Some(Row::Cursor(cursor)), Some(raised)) => Some(Row::Cursor(cursor.higher(*raised))),
            (None, Some(raised)) => Some(Row::Cursor(*raised)),
            (found, _) => found,
        })
    }

    fn put(&mut self, key: Key, row: Row) {
        self.rows.insert(key, row);
    }

    fn numbers(&mut self) -> &mut Numbers {
        &mut self.numbers
    }

    fn raise(&mut self, dev: Dev, to: Cursor) -> Result<(), ReadError> {
        self.raised.entry(dev).and_modify(|cursor| *cursor = cursor.higher(to)).or_insert(to);
        Ok(())
    }

    fn wait(&mut self, dev: Dev, at: Position, letter: Letter) {
        self.inbox.insert((dev, at), (letter, Fate::of(letter.expires)));
    }

    fn post(&mut self, shelf: Shelf, at: Position, letter: Letter) {
        self.wide.insert((shelf, at), letter);
    }

    fn lose(&mut self, dev: Dev, at: Position, by: Position, loss: Loss) {
        match self.inbox.get_mut(&(dev, at)) {
            Some((letter, fate)) => {
                letter.gone_by = Some(by);
                fate.lose(letter.expires, loss);
            }
            None => self.turns.push((dev, Turn::Lost { at, by, loss })),
        }
    }

    fn lose_all(&mut self, dev: Dev, (after, upto): (Position, Position), loss: Loss) {
        for ((_, at), (letter, fate)) in self.inbox.range_mut((dev, after)..=(dev, upto)) {
            if *at > after {
                fate.lose(letter.expires, loss);
            }
        }
        self.turns.push((dev, Turn::LostAll { part: (after, upto), loss }));
    }

    fn withdraw(&mut self, at: Position, by: Position) {
        match self.wide.iter_mut().find(|((_, other), _)| *other == at) {
            Some((_, letter)) => letter.gone_by = Some(by),
            None => drop(self.gone_wide.insert(at, by)),
        }
    }

    fn settle(&mut self, dev: Dev, at: Position, settled: Fate) {
        match self.inbox.get_mut(&(dev, at)) {
            Some((_, fate)) => *fate = settled,
            None => self.turns.push((dev, Turn::Settled(at, settled))),
        }
    }

    fn told(&mut self, reg: RegNo, online: bool) {
        self.told.insert(reg, online);
    }
}

impl<'c> Changes<'c> {
    pub(super) fn new(conn: &'c Connection, numbers: Numbers) -> Self {
        Self {
            conn,
            rows: BTreeMap::new(),
            raised: BTreeMap::new(),
            inbox: BTreeMap::new(),
            wide: BTreeMap::new(),
            turns: Vec::new(),
            gone_wide: BTreeMap::new(),
            told: BTreeMap::new(),
            before: numbers.clone(),
            numbers,
        }
    }

    /// Within the caller's transaction. The numbers as they are now.
    pub(super) fn write(mut self) -> rusqlite::Result<Numbers> {
        let conn = self.conn;
        for (key, row) in &self.rows {
            put(conn, key, row)?;
        }
        for (dev, cursor) in &self.raised {
            let mut raise = conn.prepare_cached("INSERT INTO cur VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET pos = max(pos, excluded.pos), seen = max(seen, excluded.seen), proven = max(proven, excluded.proven)")?;
            raise.execute(params![dev.0, cursor.at.raw() as i64, cursor.seen.0 as i64, cursor.proven.raw() as i64])?;
        }
        for ((shelf, at), letter) in &self.wide {
            put_wide(conn, *shelf, *at, letter)?;
        }
        for (at, by) in &self.gone_wide {
            for sql in ["UPDATE wide SET gone = ?2 WHERE pos = ?1", "UPDATE post SET gone = ?2 WHERE pos = ?1"] {
                conn.prepare_cached(sql)?.execute(params![at.raw() as i64, by.raw() as i64])?;
            }
        }
        // A device's turns keep their order; before its new letters, which have had theirs.
        self.turns.sort_by_key(|(dev, _)| *dev);
        for (dev, turn) in &self.turns {
            take_turn(conn, *dev, turn)?;
        }
        for ((dev, at), (letter, fate)) in &self.inbox {
            put_letter(conn, (*dev, *at), letter, *fate)?;
        }
        for (reg, online) in &self.told {
            let sql = if *online { "INSERT INTO online VALUES(?1) ON CONFLICT DO NOTHING" } else { "DELETE FROM online WHERE r = ?1" };
            conn.prepare_cached(sql)?.execute([reg.0])?;
        }
        write_numbers(conn, &self.before, &self.numbers)?;
        directory::write(conn, &self.before.directory, &self.numbers.directory)?;
        sinks::write(conn, &self.before.sinks, &self.numbers.sinks)?;
        Ok(self.numbers)
    }
}

fn put(conn: &Connection, key: &Key, row: &Row) -> rusqlite::Result<()> {
    match (key, row) {
        (Key::User(user), Row::User(row)) => put_user(conn, user.0, row),
        (Key::Reg(reg), Row::Reg(row)) => put_reg(conn, *reg, row),
        (Key::Device(dev), Row::Device(row)) => put_device(conn, *dev, row),
        (Key::Cursor(dev), Row::Cursor(cursor)) => {
            let mut put = conn
                .prepare_cached("INSERT INTO cur VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET pos = excluded.pos, seen = excluded.seen, proven = excluded.proven")?;
            put.execute(params![dev.0, cursor.at.raw() as i64, cursor.seen.0 as i64, cursor.proven.raw() as i64]).map(drop)
        }
        (Key::Receipt(dev, at), Row::Receipt(receipt)) => put_receipt(conn, *dev, *at, receipt),
        (Key::Kept(key), Row::Kept(kept)) => put_kept(conn, key, kept),
        (Key::Latest(scope, key), Row::Latest(latest)) => put_latest(conn, *scope, key, *latest),
        (Key::Recalled(at), Row::Recalled) => {
            conn.prepare_cached("INSERT INTO recalled VALUES(?1) ON CONFLICT DO NOTHING")?.execute([at.raw() as i64]).map(drop)
        }
        (Key::Topic(topic), Row::Topic(row)) => put_topic(conn, *topic, row),
        (Key::Follows(user), Row::Follows(topics)) => put_follows(conn, *user, topics),
        (Key::Stays(reg), Row::Stays(stays)) => put_stays(conn, *reg, stays),
        // A uid, a token and a topic's name are columns of what they name.
        (Key::Uid(..) | Key::Token(_) | Key::TopicNo(..), _) => Ok(()),
        (key, row) => Err(rusqlite::Error::ToSqlConversionFailure(format!("{key:?} is no key of {row:?}").into())),
    }
}

fn put_wide(conn: &Connection, shelf: Shelf, at: Position, letter: &Letter) -> rusqlite::Result<()> {
    let (sql, of) = match shelf {
        Shelf::Wide(app) => ("INSERT INTO wide VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING", app.0),
        Shelf::Topic(topic) => ("INSERT INTO post VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING", topic.0),
        // A device's own letters have a fate, too.
        Shelf::Inbox(_) => return Ok(()),
    };
    let by = letter.gone_by.unwrap_or(Position::ZERO);
    conn.prepare_cached(sql)?.execute(params![of, at.raw() as i64, sql_time(letter.expires.0), letter.len, by.raw() as i64]).map(drop)
}

fn put_letter(conn: &Connection, (dev, at): (Dev, Position), letter: &Letter, fate: Fate) -> rusqlite::Result<()> {
    let by = letter.gone_by.unwrap_or(Position::ZERO);
    conn.prepare_cached("INSERT INTO inbox VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")?
        .execute(params![dev.0, at.raw() as i64, sql_time(letter.expires.0), letter.len, by.raw() as i64, fates::column(fate)])
        .map(drop)
}

fn take_turn(conn: &Connection, dev: Dev, turn: &Turn) -> rusqlite::Result<()> {
    let changed = match turn {
        Turn::Lost { at, by, loss } => conn
            .prepare_cached(
                "UPDATE inbox SET gone = ?3, fate = CASE WHEN fate >= 1000 AND exp > ?4 THEN ?5 ELSE fate END WHERE d = ?1 AND pos = ?2",
            )?
            .execute(params![dev.0, at.raw() as i64, by.raw() as i64, sql_time(loss.time.0), fates::column(Fate::Ending(loss.end))]),
        Turn::LostAll { part: (after, upto), loss } => conn
            .prepare_cached("UPDATE inbox SET fate = ?5 WHERE d = ?1 AND pos > ?2 AND pos <= ?3 AND fate >= 1000 AND exp > ?4")?
            .execute(params![dev.0, after.raw() as i64, upto.raw() as i64, sql_time(loss.time.0), fates::column(Fate::Ending(loss.end))]),
        Turn::Settled(at, fate) => conn.prepare_cached("UPDATE inbox SET fate = ?3 WHERE d = ?1 AND pos = ?2")?.execute(params![
            dev.0,
            at.raw() as i64,
            fates::column(*fate)
        ]),
    };
    changed.map(drop)
}

/// Log time that fits SQLite's integers.
fn sql_time(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

fn put_user(conn: &Connection, user: u32, row: &User) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO user VALUES(?1, ?2, ?3) ON CONFLICT(u) DO UPDATE SET uid = excluded.uid WHERE uid IS NOT excluded.uid",
    )?;
    put.execute(params![user, row.app.0, row.uid.as_ref().map(tidings_model::Uid::as_str)]).map(drop)
}

fn put_reg(conn: &Connection, no: RegNo, reg: &Reg) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO reg VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(r) DO UPDATE SET token = excluded.token, did = excluded.did, dead = excluded.dead, why = excluded.why",
    )?;
    let (dead, why) = reg.dead.map_or((0, 0), |(at, why)| (at.raw() as i64, why as u8));
    let device_id = reg.device_id.as_ref().map(tidings_model::DeviceId::as_str);
    put.execute(params![no.0, reg.user.0, reg.token.as_str(), device_id, reg.born.raw() as i64, dead, why, reg.made.0 as i64]).map(drop)
}

fn put_device(conn: &Connection, dev: Dev, device: &Device) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached(
        "INSERT INTO device VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(d) DO UPDATE SET r = excluded.r, print = excluded.print, addr = excluded.addr,
         heir_of = excluded.heir_of, born = excluded.born, dead = excluded.dead",
    )?;
    let dead = device.dead.map_or(0, |at| at.raw() as i64);
    let heir_of = device.heir_of.map(|dev| dev.0);
    put.execute(params![dev.0, device.reg.0, device.print.0 as i64, rows::addr_bytes(device.addr), heir_of, device.born.raw() as i64, dead])
        .map(drop)
}

fn put_receipt(conn: &Connection, dev: Dev, at: Position, receipt: &Receipt) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached("INSERT INTO rcpt VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET st = excluded.st, proof = excluded.proof, since = excluded.since")?;
    put.execute(params![dev.0, at.raw() as i64, receipt.state as u8, receipt.proof as u8, receipt.since.0 as i64]).map(drop)
}

fn put_kept(conn: &Connection, key: &[u8; 16], kept: &Kept) -> rusqlite::Result<()> {
    let mut put = conn.prepare_cached("INSERT INTO idem VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET request = excluded.request, pos = excluded.pos, exp = excluded.exp")?;
    let day = Limits::IDEMPOTENCY_S * 1000;
    let bucket = kept.until.0.saturating_sub(day) / day;
    put.execute(params![sql_time(bucket), key, kept.request as i64, kept.at.raw() as i64, sql_time(kept.until.0)]).map(drop)
}

fn put_latest(conn: &Connection, scope: Scope, key: &CollapseKey, latest: Latest) -> rusqlite::Result<()> {
    let mut put = conn
        .prepare_cached("INSERT INTO latest VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET pos = excluded.pos, exp = excluded.exp")?;
    let (kind, of) = rows::scope_columns(scope);
    put.execute(params![kind, of, key.as_str(), latest.at.raw() as i64, sql_time(latest.expires.0)]).map(drop)
}

fn put_topic(conn: &Connection, no: TopicNo, topic: &Topic) -> rusqlite::Result<()> {
    let mut put =
        conn.prepare_cached("INSERT INTO topic VALUES(?1, ?2, ?3, ?4) ON CONFLICT(t) DO UPDATE SET devices = excluded.devices")?;
    put.execute(params![no.0, topic.app.0, topic.name.as_str(), topic.devices]).map(drop)
}

fn put_follows(conn: &Connection, user: UserNo, topics: &[TopicNo]) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM follow WHERE u = ?1")?.execute([user.0])?;
    let mut put = conn.prepare_cached("INSERT INTO follow VALUES(?1, ?2)")?;
    topics.iter().try_for_each(|topic| put.execute([user.0, topic.0]).map(drop))
}

fn put_stays(conn: &Connection, reg: RegNo, stays: &Stays) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM stay WHERE r = ?1")?.execute([reg.0])?;
    let mut put = conn.prepare_cached("INSERT INTO stay VALUES(?1, ?2, ?3, ?4)")?;
    for stay in stays.all() {
        let until = stay.until.unwrap_or(Position::ZERO);
        put.execute(params![reg.0, stay.topic.0, stay.since.raw() as i64, until.raw() as i64])?;
    }
    Ok(())
}

fn write_numbers(conn: &Connection, before: &Numbers, now: &Numbers) -> rusqlite::Result<()> {
    let next = [
        ("next_user", before.user, now.user),
        ("next_reg", before.reg, now.reg),
        ("next_dev", before.dev, now.dev),
        ("next_topic", before.topic, now.topic),
    ];
    for (key, before, now) in next {
        if before != now {
            put_meta(conn, key, u64::from(now))?;
        }
    }
    for (app, devices) in now.devices.iter().filter(|(app, devices)| before.devices.get(app) != Some(devices)) {
        conn.prepare_cached("INSERT INTO population VALUES(?1, ?2) ON CONFLICT DO UPDATE SET devices = excluded.devices")?
            .execute(params![app.0, devices])?;
    }
    Ok(())
}
