//! Which implicit device of a legacy registration a socket is: one token may be a phone and a laptop at once.

use std::net::IpAddr;

use tidings_model::{Dev, Limits, Millis, Position, Print, SocketId};

/// A socket that ended less than this ago is the likeliest to be back.
pub(super) const RECENT_MS: u64 = 600_000;

/// One living ghost, as it is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ghost {
    pub dev: Dev,
    pub print: Print,
    pub addr: IpAddr,
    pub cursor: Position,
    pub seen: Millis,
    /// The socket that it serves, and its turn: lower ones came earlier.
    pub serving: Option<(SocketId, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// A free one comes back.
    Back(Dev),
    /// Half-open, or a second phone of the same model: the new socket takes it over.
    Over(Dev),
    /// None fits. Without an heir it starts at now; `ends` makes room for it.
    New { heir_of: Option<(Dev, Position)>, ends: Option<Dev> },
    /// Four, and all online.
    Extra,
}

/// Rules (a) to (d) of the design, in their order.
pub(super) fn choose(ghosts: &[Ghost], print: Print, addr: IpAddr, now: Millis) -> Choice {
    let same = |ghost: &&Ghost| ghost.print == print && ghost.addr == addr;
    if let Some(dev) = free_match(ghosts.iter().filter(same), now) {
        return Choice::Back(dev);
    }
    let online = ghosts.iter().filter(same).filter_map(|ghost| ghost.serving.map(|(_, turn)| (turn, ghost.dev)));
    // The one that has been online longest is the likeliest to be half-open.
    if let Some((_, dev)) = online.min() {
        return Choice::Over(dev);
    }
    one_more(ghosts)
}

/// The one seen last if its socket ended a moment ago, else the one that has had least.
fn free_match<'a>(same: impl Iterator<Item = &'a Ghost> + Clone, now: Millis) -> Option<Dev> {
    let free = same.filter(|ghost| ghost.serving.is_none());
    let last = free.clone().max_by_key(|ghost| (ghost.seen, std::cmp::Reverse(ghost.dev)))?;
    if now.0.saturating_sub(last.seen.0) < RECENT_MS {
        return Some(last.dev);
    }
    free.min_by_key(|ghost| (ghost.cursor, ghost.dev)).map(|ghost| ghost.dev)
}

/// A new ghost, in the place of the free one that was unseen longest where four exist.
pub(super) fn one_more(ghosts: &[Ghost]) -> Choice {
    let mut ends = None;
    if ghosts.len() >= Limits::GHOSTS {
        ends = ghosts.iter().filter(|ghost| ghost.serving.is_none()).min_by_key(|ghost| (ghost.seen, ghost.dev)).map(|ghost| ghost.dev);
        if ends.is_none() {
            return Choice::Extra;
        }
    }
    let others = ghosts.iter().filter(|ghost| Some(ghost.dev) != ends);
    if others.clone().any(|ghost| ghost.serving.is_some()) {
        return Choice::New { heir_of: None, ends };
    }
    let heir_of = others.min_by_key(|ghost| (ghost.cursor, ghost.dev)).map(|ghost| (ghost.dev, ghost.cursor));
    Choice::New { heir_of, ends }
}

#[cfg(test)]
mod tests;
