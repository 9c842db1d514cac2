//! The views as plain maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_model::{Dev, Millis, Position, RegNo};

use super::{Base, Fate, Key, Letter, Loss, Numbers, Receipt, Row, Rows, Shelf};
use crate::ReadError;

#[derive(Default)]
pub(crate) struct Maps {
    /// Everything at or below it is in here.
    pub mark: Position,
    /// Never walked: its order is chance.
    rows: HashMap<Key, Row>,
    pub receipts: BTreeMap<(Dev, Position), Receipt>,
    pub inbox: BTreeMap<(Dev, Position), (Letter, Fate)>,
    /// The same by when an end is due: at once, or at its time.
    due: BTreeSet<(Millis, Dev, Position)>,
    /// Messages for many.
    pub wide: BTreeMap<(Shelf, Position), Letter>,
    pub online: BTreeSet<RegNo>,
    pub numbers: Numbers,
}

impl Base for Maps {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError> {
        Ok(match key {
            Key::Receipt(dev, at) => self.receipts.get(&(*dev, *at)).map(|receipt| Row::Receipt(*receipt)),
            Key::Fate(dev, at) => self.inbox.get(&(*dev, *at)).map(|(_, fate)| Row::Fate(*fate)),
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
        let fate = Fate::of(letter.expires);
        self.inbox.insert((dev, at), (letter, fate));
        self.due.extend(when(fate).map(|due| (due, dev, at)));
    }

    fn post(&mut self, shelf: Shelf, at: Position, letter: Letter) {
        self.wide.insert((shelf, at), letter);
    }

    fn lose(&mut self, dev: Dev, at: Position, by: Position, loss: Loss) {
        self.change(dev, at, |letter, fate| {
            letter.gone_by = Some(by);
            fate.lose(letter.expires, loss);
        });
    }

    fn lose_all(&mut self, dev: Dev, (after, upto): (Position, Position), loss: Loss) {
        let open: Vec<Position> = self.inbox.range((dev, after)..=(dev, upto)).map(|((_, at), _)| *at).filter(|at| *at > after).collect();
        for at in open {
            self.change(dev, at, |letter, fate| fate.lose(letter.expires, loss));
        }
    }

    fn withdraw(&mut self, at: Position, by: Position) {
        for (_, letter) in self.wide.iter_mut().filter(|((_, other), _)| *other == at) {
            letter.gone_by = Some(by);
        }
    }

    fn settle(&mut self, dev: Dev, at: Position, settled: Fate) {
        self.change(dev, at, |_, fate| *fate = settled);
    }

    fn told(&mut self, reg: RegNo, online: bool) {
        if online {
            self.online.insert(reg);
        } else {
            self.online.remove(&reg);
        }
    }
}

/// When something may be told of it.
fn when(fate: Fate) -> Option<Millis> {
    match fate {
        Fate::Open { due } => Some(due),
        Fate::Ending(_) => Some(Millis(0)),
        Fate::Ended(_) | Fate::Proven => None,
    }
}

impl Maps {
    fn change(&mut self, dev: Dev, at: Position, change: impl FnOnce(&mut Letter, &mut Fate)) {
        let Some((letter, fate)) = self.inbox.get_mut(&(dev, at)) else { return };
        let before = *fate;
        change(letter, fate);
        if before != *fate {
            let after = when(*fate);
            if let Some(due) = when(before) {
                self.due.remove(&(due, dev, at));
            }
            self.due.extend(after.map(|due| (due, dev, at)));
        }
    }

    /// At most `limit` messages whose end may be told at `now`, with their devices.
    pub(crate) fn due(&self, now: Millis, limit: usize) -> Vec<(Dev, Position)> {
        self.due.iter().take_while(|(due, ..)| *due <= now).map(|(_, dev, at)| (*dev, *at)).take(limit).collect()
    }
}
