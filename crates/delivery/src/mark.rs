//! The number that the engine carries for us: which registration of the socket, and how far in the log.

use tidings_model::Position;

const SHIFT: u32 = 54;

/// Times a socket has become somebody else's. A proof of an earlier epoch proves nothing about a later one: positions fall
/// when a socket changes hands (first live broadcasts, then a replay of older mail), marks must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Epoch(u16);

impl Epoch {
    /// None after the 1,023rd: the socket has to be closed.
    pub(crate) fn next(self) -> Option<Self> {
        (self.0 < 1023).then_some(Self(self.0 + 1))
    }

    pub(crate) fn mark(self, at: Position) -> u64 {
        u64::from(self.0) << SHIFT | at.raw()
    }

    /// What a mark says.
    pub(crate) fn of(mark: u64) -> (Self, Position) {
        (Self((mark >> SHIFT) as u16), Position::from_raw(mark & ((1 << SHIFT) - 1)))
    }
}
