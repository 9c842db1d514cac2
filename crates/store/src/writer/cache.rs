//! The settled layer, which is also a cache of what was looked up beneath: one owner, so it is never stale.
//!
//! An entry is dirty until the views have passed the batch that changed it; dirty ones stay, clean ones go when there are
//! too many (two generations: what was not used while one filled goes).

use std::collections::{HashMap, VecDeque};

use tidings_model::{Fact, Position};

use crate::views::{Kept, Key, Row};

#[derive(Default)]
pub(super) struct Cache {
    young: HashMap<Key, Held>,
    old: HashMap<Key, Held>,
    /// What each settled batch changed, oldest first.
    batches: VecDeque<(Position, Vec<Key>)>,
    dirty_entries: usize,
    dirty_bytes: usize,
}

struct Held {
    row: Row,
    /// The views lack it until their mark has reached this.
    dirty: Option<Position>,
}

/// Entries of one generation; about 200 bytes each. A cache of the busy ones, not a copy of everybody.
const GENERATION: usize = 20_000;

fn weight(row: &Row) -> usize {
    match row {
        Row::Kept(Kept { fact: Some(fact), .. }) => match &**fact {
            Fact::Published(message) => 600 + message.content.bytes(),
            _ => 200,
        },
        _ => 200,
    }
}

impl Cache {
    pub(super) fn get(&mut self, key: &Key) -> Option<Row> {
        if let Some(held) = self.young.get(key) {
            return Some(held.row.clone());
        }
        let held = self.old.remove(key)?;
        let row = held.row.clone();
        self.hold(key.clone(), held);
        Some(row)
    }

    /// A row as it is beneath.
    pub(super) fn learn(&mut self, key: Key, row: Row) {
        self.hold(key, Held { row, dirty: None });
    }

    pub(super) fn settle(&mut self, upto: Position, rows: HashMap<Key, Row>) {
        let keys = rows.keys().cloned().collect();
        for (key, row) in rows {
            let before = self.old.remove(&key).or_else(|| self.young.remove(&key));
            if let Some(held) = before.filter(|held| held.dirty.is_some()) {
                self.clean(&held.row);
            }
            self.dirty_entries += 1;
            self.dirty_bytes += weight(&row);
            self.hold(key, Held { row, dirty: Some(upto) });
        }
        self.batches.push_back((upto, keys));
    }

    pub(super) fn merged(&mut self, mark: Position) {
        while self.batches.front().is_some_and(|(upto, _)| *upto <= mark) {
            let keys = self.batches.pop_front().map_or(Vec::new(), |(_, keys)| keys);
            for key in keys {
                let Some(held) = self.young.get_mut(&key).or_else(|| self.old.get_mut(&key)) else { continue };
                if held.dirty.take_if(|upto| *upto <= mark).is_none() {
                    continue;
                }
                let row = held.row.clone();
                // The log has it: a clean entry need not hold the message.
                if let Row::Kept(kept) = &mut held.row {
                    kept.fact = None;
                }
                self.clean(&row);
            }
        }
    }

    fn clean(&mut self, row: &Row) {
        self.dirty_entries -= 1;
        self.dirty_bytes -= weight(row);
    }

    /// About how much waits for the views.
    pub(super) fn dirty_bytes(&self) -> usize {
        self.dirty_bytes
    }

    fn hold(&mut self, key: Key, held: Held) {
        if self.young.len() >= GENERATION.max(self.dirty_entries * 2) {
            let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.young.extend(old.into_iter().filter(|(_, held)| held.dirty.is_some()));
        }
        self.young.insert(key, held);
    }
}
