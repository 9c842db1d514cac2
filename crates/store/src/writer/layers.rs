//! What is decided and not in the views yet: open over flying over settled over what is beneath.

use std::collections::HashMap;

use tidings_model::{Dev, Position};

use super::cache::Cache;
use crate::ReadError;
use crate::views::{Base, Fate, Key, Numbers, Row, Rows};

/// The newest batch that something was looked up in: an answer may not leave before it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rests {
    Settled,
    Flying,
    Open,
}

struct Layer {
    rows: HashMap<Key, Row>,
    numbers: Numbers,
}

pub(super) struct Layers<B> {
    open: Layer,
    flying: Option<Layer>,
    /// Durable: what the views have not seen yet, and what they gave back.
    settled: Cache,
    numbers: Numbers,
    beneath: B,
    pub rests: Rests,
}

impl<B: Base> Layers<B> {
    pub(super) fn new(beneath: B, numbers: Numbers) -> Self {
        let open = Layer { rows: HashMap::new(), numbers: numbers.clone() };
        Self { open, flying: None, settled: Cache::default(), numbers, beneath, rests: Rests::Settled }
    }

    pub(super) fn beneath(&self) -> &B {
        &self.beneath
    }

    pub(super) fn beneath_mut(&mut self) -> &mut B {
        &mut self.beneath
    }

    pub(super) fn into_beneath(self) -> B {
        self.beneath
    }

    /// The open layer is handed over; the next one lies on top of it.
    pub(super) fn fly(&mut self) {
        let next = Layer { rows: HashMap::new(), numbers: self.open.numbers.clone() };
        self.flying = Some(std::mem::replace(&mut self.open, next));
    }

    pub(super) fn settle(&mut self, upto: Position) {
        let Some(layer) = self.flying.take() else { return };
        self.numbers = layer.numbers;
        self.settled.settle(upto, layer.rows);
    }

    pub(super) fn drop_open(&mut self) {
        let numbers = self.flying.as_ref().map_or(&self.numbers, |layer| &layer.numbers).clone();
        self.open = Layer { rows: HashMap::new(), numbers };
    }

    /// The whole rollback: what lay above the settled layer is gone.
    pub(super) fn drop_flying(&mut self) {
        self.flying = None;
        self.drop_open();
    }

    pub(super) fn merged(&mut self, mark: Position) {
        self.settled.merged(mark);
    }

    /// About how much waits for the views, in bytes.
    pub(super) fn settled_bytes(&self) -> usize {
        self.settled.dirty_bytes()
    }
}

impl<B: Base> Rows for Layers<B> {
    fn get(&mut self, key: &Key) -> Result<Option<Row>, ReadError> {
        if let Some(row) = self.open.rows.get(key) {
            self.rests = Rests::Open;
            return Ok(Some(row.clone()));
        }
        if let Some(row) = self.flying.as_ref().and_then(|layer| layer.rows.get(key)) {
            self.rests = self.rests.max(Rests::Flying);
            return Ok(Some(row.clone()));
        }
        if let Some(row) = self.settled.get(key) {
            return Ok(Some(row));
        }
        let found = self.beneath.get(key)?;
        // What becomes of a message beneath may change without a word to the writer.
        if let Some(row) = found.as_ref().filter(|_| !matches!(key, Key::Fate(..))) {
            self.settled.learn(key.clone(), row.clone());
        }
        Ok(found)
    }

    fn put(&mut self, key: Key, row: Row) {
        self.open.rows.insert(key, row);
    }

    fn numbers(&mut self) -> &mut Numbers {
        &mut self.open.numbers
    }

    fn settle(&mut self, dev: Dev, at: Position, fate: Fate) {
        self.open.rows.insert(Key::Fate(dev, at), Row::Fate(fate));
    }
}
