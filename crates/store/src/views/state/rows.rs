//! Reading rows of `state.db`.

use std::net::IpAddr;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use tidings_model::{
    AppNo, CollapseKey, Dev, DeviceId, Millis, Position, Print, RegNo, State, Token, TopicName, TopicNo, Uid, UserNo, Why,
};

use super::{StateReader, fates};
use crate::ReadError;
use crate::log::{codec, segment::io};
use crate::views::mailbox::{Mail, Order, Span};
use crate::views::topics::Stay;
use crate::views::{Base, Cursor, Device, Kept, Key, Latest, Letter, Receipt, Reg, Row, Scope, Shelf, Stays, Topic, User};

impl Base for StateReader {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        get(&self.conn, key).map_err(io)
    }
}

impl Mail for StateReader {
    fn letters(&self, span: Span, order: Order, limit: usize) -> Result<Vec<(Position, Letter)>, ReadError> {
        letters(&self.conn, span, order, limit).map_err(io)
    }

    fn had(&self, dev: Dev, after: Position, upto: Position) -> Result<Vec<Position>, ReadError> {
        had(&self.conn, dev, after, upto).map_err(io)
    }
}

type Found = rusqlite::Result<Option<Row>>;

pub(super) fn get(conn: &Connection, key: &Key) -> Found {
    match key {
        Key::Uid(app, uid) => {
            let mut select = conn.prepare_cached("SELECT u FROM user WHERE a = ?1 AND uid = ?2")?;
            select.query_row(params![app.0, uid.as_str()], |row| Ok(Row::Uid(UserNo(row.get(0)?)))).optional()
        }
        Key::User(user) => get_user(conn, *user),
        Key::Reg(reg) => get_reg(conn, *reg),
        Key::Token(token) => {
            let mut select = conn.prepare_cached("SELECT r FROM reg WHERE token = ?1")?;
            select.query_row([token.as_str()], |row| Ok(Row::Token(RegNo(row.get(0)?)))).optional()
        }
        Key::Device(dev) => get_device(conn, *dev),
        Key::Cursor(dev) => {
            let mut select = conn.prepare_cached("SELECT pos, seen, proven FROM cur WHERE d = ?1")?;
            let cursor = |row: &rusqlite::Row<'_>| Ok(Cursor { at: position(row, 0)?, seen: millis(row, 1)?, proven: position(row, 2)? });
            select.query_row([dev.0], |row| cursor(row).map(Row::Cursor)).optional()
        }
        Key::Receipt(dev, at) => get_receipt(conn, *dev, *at),
        Key::Kept(key) => get_kept(conn, key),
        Key::Latest(scope, key) => get_latest(conn, *scope, key),
        Key::Fate(dev, at) => {
            let mut select = conn.prepare_cached("SELECT fate FROM inbox WHERE d = ?1 AND pos = ?2")?;
            let column = select.query_row(params![dev.0, at.raw() as i64], |row| row.get(0)).optional()?;
            Ok(column.and_then(fates::fate).map(Row::Fate))
        }
        Key::Recalled(at) => {
            let mut select = conn.prepare_cached("SELECT 1 FROM recalled WHERE pos = ?1")?;
            select.query_row([at.raw() as i64], |_| Ok(Row::Recalled)).optional()
        }
        Key::TopicNo(app, name) => {
            let mut select = conn.prepare_cached("SELECT t FROM topic WHERE a = ?1 AND name = ?2")?;
            select.query_row(params![app.0, name.as_str()], |row| Ok(Row::TopicNo(TopicNo(row.get(0)?)))).optional()
        }
        Key::Topic(topic) => get_topic(conn, *topic),
        Key::Follows(user) => {
            let topics = numbers(conn.prepare_cached("SELECT t FROM follow WHERE u = ?1 ORDER BY t")?, user.0, TopicNo)?;
            Ok(Some(Row::Follows(topics.into())))
        }
        Key::Stays(reg) => get_stays(conn, *reg),
    }
}

pub(super) fn position(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Position> {
    Ok(Position::from_raw(row.get::<_, i64>(index)? as u64))
}

pub(super) fn millis(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Millis> {
    Ok(Millis(row.get::<_, i64>(index)? as u64))
}

fn get_user(conn: &Connection, user: UserNo) -> Found {
    let mut select = conn.prepare_cached("SELECT a, uid FROM user WHERE u = ?1")?;
    let found =
        select.query_row([user.0], |row| Ok((AppNo(row.get(0)?), row.get_ref(1)?.as_str_or_null()?.map(Uid::trusted)))).optional()?;
    let Some((app, uid)) = found else { return Ok(None) };
    let regs = numbers(conn.prepare_cached("SELECT r FROM reg WHERE u = ?1 AND dead = 0 ORDER BY r")?, user.0, RegNo)?;
    Ok(Some(Row::User(Arc::new(User { app, uid, regs }))))
}

fn numbers<T>(mut select: CachedStatement<'_>, of: u32, number: fn(u32) -> T) -> rusqlite::Result<Vec<T>> {
    select.query_map([of], |row| row.get(0).map(number))?.collect()
}

fn get_reg(conn: &Connection, no: RegNo) -> Found {
    let mut select = conn.prepare_cached("SELECT u, token, did, born, dead, why, a, uid, made FROM reg JOIN user USING(u) WHERE r = ?1")?;
    let found = select.query_row([no.0], |row| {
        let dead = position(row, 4)?;
        let why: u8 = row.get(5)?;
        let why = [Why::Asked, Why::Evicted, Why::Stale, Why::Revoked].into_iter().find(|known| *known as u8 == why).unwrap_or(Why::Asked);
        Ok(Reg {
            user: UserNo(row.get(0)?),
            token: Token::trusted(row.get_ref(1)?.as_str()?),
            device_id: row.get_ref(2)?.as_str_or_null()?.map(DeviceId::trusted),
            born: position(row, 3)?,
            dead: (dead > Position::ZERO).then_some((dead, why)),
            app: AppNo(row.get(6)?),
            uid: Uid::trusted(row.get_ref(7)?.as_str_or_null()?.unwrap_or_default()),
            made: millis(row, 8)?,
            devs: Vec::new(),
        })
    });
    let Some(mut reg) = found.optional()? else { return Ok(None) };
    reg.devs = numbers(conn.prepare_cached("SELECT d FROM device WHERE r = ?1 AND dead = 0 ORDER BY d")?, no.0, Dev)?;
    Ok(Some(Row::Reg(Arc::new(reg))))
}

fn get_device(conn: &Connection, dev: Dev) -> Found {
    let mut select = conn.prepare_cached("SELECT r, print, addr, heir_of, born, dead FROM device WHERE d = ?1")?;
    let row = select.query_row([dev.0], |row| {
        let dead = position(row, 5)?;
        Ok(Row::Device(Arc::new(Device {
            reg: RegNo(row.get(0)?),
            print: Print(row.get::<_, i64>(1)? as u64),
            addr: addr_of(row.get_ref(2)?.as_blob()?),
            heir_of: row.get::<_, Option<u32>>(3)?.map(Dev),
            born: position(row, 4)?,
            dead: (dead > Position::ZERO).then_some(dead),
        })))
    });
    row.optional()
}

fn get_topic(conn: &Connection, topic: TopicNo) -> Found {
    let mut select = conn.prepare_cached("SELECT a, name, devices FROM topic WHERE t = ?1")?;
    let row = select.query_row([topic.0], |row| {
        let (app, name) = (AppNo(row.get(0)?), TopicName::trusted(row.get_ref(1)?.as_str()?));
        Ok(Row::Topic(Arc::new(Topic { app, name, devices: row.get(2)? })))
    });
    row.optional()
}

/// None of them is an answer too, which need not be asked for again.
fn get_stays(conn: &Connection, reg: RegNo) -> Found {
    let mut select = conn.prepare_cached("SELECT t, since, until FROM stay WHERE r = ?1 ORDER BY t, since")?;
    let stays = select.query_map([reg.0], |row| {
        let until = Some(position(row, 2)?).filter(|until| *until > Position::ZERO);
        Ok(Stay { topic: TopicNo(row.get(0)?), since: position(row, 1)?, until })
    })?;
    Ok(Some(Row::Stays(Stays::new(stays.collect::<Result<_, _>>()?))))
}

/// Four bytes or sixteen.
pub(super) fn addr_bytes(addr: IpAddr) -> Vec<u8> {
    match addr {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn addr_of(bytes: &[u8]) -> IpAddr {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).unwrap_or(IpAddr::from([0, 0, 0, 0]))
}

fn get_receipt(conn: &Connection, dev: Dev, at: Position) -> Found {
    let mut select = conn.prepare_cached("SELECT st, proof, since FROM rcpt WHERE d = ?1 AND pos = ?2")?;
    let row = select.query_row(params![dev.0, at.raw() as i64], |row| {
        let (state, proof) = (codec::state(row.get(0)?), codec::proof(row.get(1)?));
        let since = millis(row, 2)?;
        Ok(state.zip(proof).map(|(state, proof)| Row::Receipt(Receipt { state, proof, since })))
    });
    row.optional().map(Option::flatten)
}

fn get_latest(conn: &Connection, scope: Scope, key: &CollapseKey) -> Found {
    let mut select = conn.prepare_cached("SELECT pos, exp FROM latest WHERE kind = ?1 AND of = ?2 AND key = ?3")?;
    let (kind, of) = scope_columns(scope);
    let row = select
        .query_row(params![kind, of, key.as_str()], |row| Ok(Row::Latest(Latest { at: position(row, 0)?, expires: millis(row, 1)? })));
    row.optional()
}

/// The columns `kind` and `of` of `latest`.
pub(super) fn scope_columns(scope: Scope) -> (u8, u32) {
    match scope {
        Scope::App(app) => (0, app.0),
        Scope::Reg(reg) => (1, reg.0),
        Scope::Topic(topic) => (2, topic.0),
    }
}

/// Keys lie in buckets of a day; one that is still kept is in the newest bucket or the one before.
fn get_kept(conn: &Connection, key: &[u8; 16]) -> Found {
    let newest = conn
        .prepare_cached("SELECT bucket FROM idem ORDER BY bucket DESC LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(newest) = newest else { return Ok(None) };
    let mut select = conn.prepare_cached("SELECT request, pos, exp FROM idem WHERE bucket = ?1 AND key = ?2")?;
    for bucket in [newest, newest - 1] {
        let row = select.query_row(params![bucket, key], |row| {
            Ok(Row::Kept(Kept { request: row.get::<_, i64>(0)? as u64, at: position(row, 1)?, until: millis(row, 2)?, fact: None }))
        });
        if let Some(row) = row.optional()? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn letters(conn: &Connection, span: Span, order: Order, limit: usize) -> rusqlite::Result<Vec<(Position, Letter)>> {
    let (sql, of) = match (span.shelf, order) {
        (Shelf::Inbox(dev), Order::Oldest) => {
            ("SELECT pos, exp, len, gone FROM inbox WHERE d = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos LIMIT ?4", dev.0)
        }
        (Shelf::Inbox(dev), Order::Newest) => {
            ("SELECT pos, exp, len, gone FROM inbox WHERE d = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos DESC LIMIT ?4", dev.0)
        }
        (Shelf::Wide(app), Order::Oldest) => {
            ("SELECT pos, exp, len, gone FROM wide WHERE a = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos LIMIT ?4", app.0)
        }
        (Shelf::Wide(app), Order::Newest) => {
            ("SELECT pos, exp, len, gone FROM wide WHERE a = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos DESC LIMIT ?4", app.0)
        }
        (Shelf::Topic(topic), Order::Oldest) => {
            ("SELECT pos, exp, len, gone FROM post WHERE t = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos LIMIT ?4", topic.0)
        }
        (Shelf::Topic(topic), Order::Newest) => {
            ("SELECT pos, exp, len, gone FROM post WHERE t = ?1 AND pos > ?2 AND pos <= ?3 ORDER BY pos DESC LIMIT ?4", topic.0)
        }
    };
    let mut select = conn.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = select.query_map(params![of, span.after.raw() as i64, sql_max(span.upto), limit], |row| {
        let gone_by = Some(position(row, 3)?).filter(|by| *by > Position::ZERO);
        Ok((position(row, 0)?, Letter { expires: millis(row, 1)?, len: row.get(2)?, gone_by }))
    })?;
    rows.collect()
}

/// No position that exists is above it.
fn sql_max(position: Position) -> i64 {
    i64::try_from(position.raw()).unwrap_or(i64::MAX)
}

fn had(conn: &Connection, dev: Dev, after: Position, upto: Position) -> rusqlite::Result<Vec<Position>> {
    let mut select = conn.prepare_cached("SELECT pos FROM rcpt WHERE d = ?1 AND pos > ?2 AND pos <= ?3 AND st >= ?4 ORDER BY pos")?;
    select.query_map(params![dev.0, after.raw() as i64, sql_max(upto), State::Reached as u8], |row| position(row, 0))?.collect()
}
