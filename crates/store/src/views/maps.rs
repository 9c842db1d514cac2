//! The views as plain maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_model::{AppNo, Dev, Position, RegNo};

use super::{Base, Key, Letter, Numbers, Receipt, Row, Rows};
use crate::ReadError;

#[derive(Default)]
pub(crate) struct Maps {
    /// Everything at or below it is in here.
    pub mark: Position,
    /// Never walked: its order is chance.
    rows: HashMap<Key, Row>,
    pub receipts: BTreeMap<(Dev, Position), Receipt>,
    pub inbox: BTreeMap<(Dev, Position), Letter>,
    pub wide: BTreeMap<(AppNo, Position), Letter>,
    pub online: BTreeSet<RegNo>,
    pub numbers: Numbers,
}

impl Base for Maps {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        Ok(match key {
            Key::Receipt(dev, at) => self.receipts.get(&(*dev, *at)).map(|receipt| Row::Receipt(*receipt)),
            key => self.rows.get(key).cloned(),
        })
    }
}

impl Rows for Maps {
    fn get(&mut self, key: &Key) -> Result<Option<Row>, ReadError> {
        Base::get(self, key)
    }

    fn put(&mut self, key: Key, row: Row) {
        match (key, row) {
            (Key::Receipt(dev, at), Row::Receipt(receipt)) => {
                self.receipts.insert((dev, at), receipt);
            }
            (key, row) => {
                self.rows.insert(key, row);
            }
        }
    }

    fn numbers(&mut self) -> &mut Numbers {
        &mut self.numbers
    }

    fn wait(&mut self, dev: Dev, at: Position, letter: Letter) {
        self.inbox.insert((dev, at), letter);
    }

    fn broadcast(&mut self, app: AppNo, at: Position, letter: Letter) {
        self.wide.insert((app, at), letter);
    }

    fn supersede(&mut self, dev: Dev, at: Position, by: Position) {
        if let Some(letter) = self.inbox.get_mut(&(dev, at)) {
            letter.superseded_by = Some(by);
        }
    }

    fn supersede_broadcast(&mut self, app: AppNo, at: Position, by: Position) {
        if let Some(letter) = self.wide.get_mut(&(app, at)) {
            letter.superseded_by = Some(by);
        }
    }

    fn told(&mut self, reg: RegNo, online: bool) {
        if online {
            self.online.insert(reg);
        } else {
            self.online.remove(&reg);
        }
    }
}
