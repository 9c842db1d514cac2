//! All that is one user's, the dead too: what a timeline is looked up by.

use std::collections::BTreeMap;

use rusqlite::params;
use tidings_model::{AppNo, Dev, DeviceId, Position, RegNo, Token, Uid, UserNo};

use super::StateReader;
use super::rows;
use crate::log::segment::io;
use crate::views::timeline::{Owned, Subject};
use crate::views::{Base, Key, Row};
use crate::{ReadError, Whom};

/// The newest registrations that are looked at; apps that make a new device id at each start leave many dead ones.
const REGS_MAX: u32 = 1000;

impl StateReader {
    /// None: nobody has registered as this uid.
    pub(crate) fn subject(&self, app: AppNo, uid: &Uid) -> Result<Option<Subject>, ReadError> {
        let Some(Row::Uid(user)) = self.get(&Key::Uid(app, uid.clone()))? else { return Ok(None) };
        let regs = self.regs_of(user).map_err(io)?;
        let mut devs = BTreeMap::new();
        for reg in regs.keys() {
            for dev in self.devs_of(*reg).map_err(io)? {
                let (Some(Row::Device(device)), Some(Row::Cursor(cursor))) = (self.get(&Key::Device(dev))?, self.get(&Key::Cursor(dev))?)
                else {
                    continue;
                };
                devs.insert(dev, Owned { device, cursor: cursor.at });
            }
        }
        let mut stays = BTreeMap::new();
        for reg in regs.keys() {
            if let Some(Row::Stays(found)) = self.get(&Key::Stays(*reg))? {
                stays.insert(*reg, found);
            }
        }
        let born = self.born(user).map_err(io)?;
        Ok(Some(Subject { user, uid: uid.clone(), regs, devs, stays, born }))
    }

    fn regs_of(&self, user: UserNo) -> rusqlite::Result<BTreeMap<RegNo, Whom>> {
        let mut select = self.conn.prepare_cached("SELECT r, token, did FROM reg WHERE u = ?1 ORDER BY r DESC LIMIT ?2")?;
        let rows = select.query_map(params![user.0, REGS_MAX], |row| {
            let device_id = row.get_ref(2)?.as_str_or_null()?.map(DeviceId::trusted);
            Ok((RegNo(row.get(0)?), Whom { token: Token::trusted(row.get_ref(1)?.as_str()?), device_id }))
        })?;
        rows.collect()
    }

    fn devs_of(&self, reg: RegNo) -> rusqlite::Result<Vec<Dev>> {
        let mut select = self.conn.prepare_cached("SELECT d FROM device WHERE r = ?1")?;
        select.query_map([reg.0], |row| row.get(0).map(Dev))?.collect()
    }

    fn born(&self, user: UserNo) -> rusqlite::Result<Position> {
        let mut select = self.conn.prepare_cached("SELECT born FROM reg WHERE u = ?1 ORDER BY r LIMIT 1")?;
        select.query_row([user.0], |row| rows::position(row, 0))
    }
}
