//! Which GET is which: the numbers by which a polling answer is proven, repeated or refused. On polling only a number not
//! seen before proves: clients and proxies repeat GETs silently when a connection dies.

/// Stamps remembered of a session: a repeat that overtakes this many newer GETs would pass for a new one.
const STAMPS: usize = 16;

/// What a GET is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// A number not seen before: it proves the answer before it.
    Fresh,
    /// The number of the GET before, again.
    Repeat,
    /// A number from further back.
    Old,
    /// No number, and none to be had from this client: it proves nothing.
    Unnumbered,
    /// No number: send the client to this one.
    Redirect(u32),
}

/// The numbers seen in one polling session.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Hash of the handshake's `t`; a GET that repeats it has no number of its own.
    handshake: Option<u32>,
    stamps: [u32; STAMPS],
    stamps_seen: u32,
    /// Our own numbers: whether they are given, and the last one that came back.
    redirects: bool,
    redirected: bool,
    number: u32,
}

impl Ledger {
    pub(crate) fn new(handshake: Option<&str>) -> Self {
        Self { handshake: handshake.map(hash), stamps: [0; STAMPS], stamps_seen: 0, redirects: false, redirected: false, number: 0 }
    }

    pub(crate) fn is_stamped(&self) -> bool {
        self.handshake.is_some()
    }

    /// From now on a GET without a number is sent to one of ours.
    pub(crate) fn redirect(&mut self) {
        self.redirects = true;
    }

    /// `open`: the GET of the last number still waits for its answer.
    pub(crate) fn turn(&mut self, stamp: Option<&str>, number: Option<u32>, open: bool) -> Turn {
        if let Some(stamp) = stamp.map(hash).filter(|stamp| Some(*stamp) != self.handshake) {
            return self.stamp(stamp);
        }
        if !self.redirects {
            return Turn::Unnumbered;
        }
        match number {
            Some(n) if n == self.number + 1 => {
                self.number = n;
                Turn::Fresh
            }
            Some(n) if n == self.number => Turn::Repeat,
            Some(_) => Turn::Old,
            None => {
                self.redirected = true;
                Turn::Redirect(if open && self.number > 0 { self.number } else { self.number + 1 })
            }
        }
    }

    pub(crate) fn never_followed(&self) -> bool {
        self.redirected && self.number == 0
    }

    fn stamp(&mut self, stamp: u32) -> Turn {
        let seen = self.stamps_seen as usize;
        let kept = &self.stamps[..seen.min(STAMPS)];
        if seen > 0 && self.stamps[(seen - 1) % STAMPS] == stamp {
            return Turn::Repeat;
        }
        if kept.contains(&stamp) {
            return Turn::Old;
        }
        self.stamps[seen % STAMPS] = stamp;
        self.stamps_seen += 1;
        Turn::Fresh
    }
}

/// FNV-1a, folded: stamps are short and not secret, and a collision only costs a noop.
fn hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash >> 32 ^ hash) as u32
}
