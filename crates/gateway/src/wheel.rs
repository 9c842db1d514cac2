//! Deadlines of u32 keys: filing, moving and clearing one costs a few writes, whatever the number. No clock, no allocation
//! per deadline.
//!
//! One level of slots; a deadline beyond it waits in the farthest slot and is filed again from there. A key never comes early.

use tidings_engineio::Moment;

use crate::table::Table;

const SLOTS: usize = 4096;
/// Milliseconds a slot. The wheel turns in 33 s: longer than a ping interval.
const TICK: u64 = 8;
const NIL: u32 = u32::MAX;
/// The list that is being handed out.
const READY: u32 = SLOTS as u32;
/// In `prev`: the rest is a list's number, not a key. So keys stay below it.
const FIRST: u32 = 1 << 31;

#[derive(Clone, Copy, Debug)]
struct Entry {
    next: u32,
    /// NIL: not filed.
    prev: u32,
    due: Moment,
}

#[derive(Debug)]
pub(crate) struct Wheel {
    entries: Table<Entry>,
    heads: Box<[u32]>,
    occupied: Box<[u64]>,
    /// The first tick that was not handed out.
    at: u64,
}

impl Wheel {
    pub(crate) fn new(now: Moment) -> Self {
        Self {
            entries: Table::new(Entry { next: NIL, prev: NIL, due: Moment(0) }),
            heads: vec![NIL; SLOTS + 1].into(),
            occupied: vec![0; SLOTS / 64].into(),
            at: now.0 / TICK,
        }
    }

    /// One deadline a key: an earlier wish is replaced.
    pub(crate) fn set(&mut self, key: u32, due: Moment) {
        self.clear(key);
        self.entries.at(key).due = due;
        self.file(key, due);
    }

    /// Keeps the deadline that is filed if it is sooner.
    pub(crate) fn set_sooner(&mut self, key: u32, due: Moment) {
        let entry = self.entries.get(key);
        if entry.prev == NIL || due < entry.due {
            self.set(key, due);
        }
    }

    pub(crate) fn clear(&mut self, key: u32) {
        let entry = self.entries.get(key);
        if entry.prev == NIL {
            return;
        }
        self.entries.at(key).prev = NIL;
        if entry.next != NIL {
            self.entries.at(entry.next).prev = entry.prev;
        }
        if entry.prev & FIRST == 0 {
            self.entries.at(entry.prev).next = entry.next;
        } else {
            self.set_head(entry.prev & !FIRST, entry.next);
        }
    }

    /// A key that is due, which is then no longer filed.
    pub(crate) fn pop(&mut self, now: Moment) -> Option<u32> {
        loop {
            while let Some(key) = self.pop_ready() {
                let due = self.entries.get(key).due;
                if due <= now {
                    return Some(key);
                }
                self.file(key, due);
            }
            self.turn(now.0 / TICK)?;
        }
    }

    /// When `pop` may have something.
    pub(crate) fn next(&self) -> Option<Moment> {
        if self.heads[READY as usize] != NIL {
            return Some(Moment(0));
        }
        self.distance().map(|ticks| Moment((self.at + ticks) * TICK))
    }

    fn pop_ready(&mut self) -> Option<u32> {
        let key = self.heads[READY as usize];
        if key == NIL {
            return None;
        }
        self.clear(key);
        Some(key)
    }

    /// Makes the next occupied slot's list the ready one, if its tick is not after `limit`.
    fn turn(&mut self, limit: u64) -> Option<()> {
        let tick = self.distance().map(|ticks| self.at + ticks).filter(|tick| *tick <= limit);
        let Some(tick) = tick else {
            self.at = self.at.max(limit + 1);
            return None;
        };
        self.at = tick + 1;
        let slot = slot(tick);
        let key = self.heads[slot as usize];
        self.set_head(slot, NIL);
        self.set_head(READY, key);
        if key != NIL {
            self.entries.at(key).prev = FIRST | READY;
        }
        Some(())
    }

    fn file(&mut self, key: u32, due: Moment) {
        debug_assert!(key < FIRST, "keys stay below 2^31");
        let tick = due.0.div_ceil(TICK).clamp(self.at, self.at + SLOTS as u64 - 1);
        let slot = slot(tick);
        let next = self.heads[slot as usize];
        if next != NIL {
            self.entries.at(next).prev = key;
        }
        let entry = self.entries.at(key);
        entry.next = next;
        entry.prev = FIRST | slot;
        self.set_head(slot, key);
    }

    fn set_head(&mut self, slot: u32, key: u32) {
        self.heads[slot as usize] = key;
        if slot == READY {
            return;
        }
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if key == NIL {
            self.occupied[word] &= !bit;
        } else {
            self.occupied[word] |= bit;
        }
    }

    /// Ticks from `at` to the next occupied slot.
    fn distance(&self) -> Option<u64> {
        let start = slot(self.at) as usize;
        let words = self.occupied.len();
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            let bits = match step {
                0 => self.occupied[word] & (u64::MAX << (start % 64)),
                _ if step == words => self.occupied[word] & !(u64::MAX << (start % 64)),
                _ => self.occupied[word],
            };
            if bits != 0 {
                let found = word * 64 + bits.trailing_zeros() as usize;
                return Some(((found + SLOTS - start) % SLOTS) as u64);
            }
        }
        None
    }
}

fn slot(tick: u64) -> u32 {
    (tick % SLOTS as u64) as u32
}

#[cfg(test)]
mod tests;
