//! The views as plain maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_model::{Dev, Position, RegNo};

use super::{Base, Key, Letter, Numbers, Receipt, Row, Rows, Shelf};
use crate::ReadError;

#[derive(Default)]
pub(crate) struct Maps {
    /// Everything at or below it is in here.
    pub mark: Position,
    /// Never walked: its order is chance.
    rows: HashMap<Key, Row>,
    pub receipts: BTreeMap<(Dev, Position), Receipt>,
    pub letters: BTreeMap<(Shelf, Position), Letter>,
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

    fn wait(&mut self, shelf: Shelf, at: Position, letter: Letter) {
        self.letters.insert((shelf, at), letter);
    }

    fn supersede(&mut self, shelf: Shelf, at: Position, by: Position) {
        if let Some(letter) = self.letters.get_mut(&(shelf, at)) {
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
