//! Messages that were taken back a moment ago: a page of mail that was read before may still bring them.

use std::collections::VecDeque;

use tidings_model::Position;

/// So many are remembered: far more than are taken back while one page is under way. A page that is read later has none.
const KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Recalls(VecDeque<Position>);

impl Recalls {
    pub(crate) fn add(&mut self, message: Position) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(message);
    }

    pub(crate) fn has(&self, message: Position) -> bool {
        self.0.contains(&message)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        self.0.iter().copied()
    }
}
