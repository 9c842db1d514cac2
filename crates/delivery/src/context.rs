//! What a session is lent while it deals with one input.

use std::collections::VecDeque;

use tidings_engineio::{Action, Moment};
use tidings_json::Json;
use tidings_model::{ClientEvent, Dev, DirectProof, Directory, MessageId, Millis, Position};

use crate::config::Config;
use crate::output::{Heard, Output};
use crate::rate::Questions;
use crate::recalls::Recalls;
use crate::stream::Item;

pub(crate) struct Context<'c> {
    pub(crate) now: Moment,
    /// Log time.
    pub(crate) time: Millis,
    pub(crate) config: &'c Config,
    pub(crate) apps: &'c Directory,
    pub(crate) slot: u32,
    /// The last position that this worker has processed.
    pub(crate) processed: Position,
    /// Bytes that may still wait in memory on this worker.
    pub(crate) budget: &'c mut usize,
    pub(crate) recalls: &'c Recalls,
    pub(crate) questions: &'c mut Questions,
    pub(crate) dice: &'c mut Dice,
    pub(crate) out: &'c mut VecDeque<Output>,
    pub(crate) effects: &'c mut Vec<Effect>,
}

impl Context<'_> {
    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(Output::Do(self.slot, action));
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

/// What a session cannot do alone: the roster does it when the session has dealt with its input.
#[derive(Debug)]
pub(crate) enum Effect {
    /// The socket is in the app's namespace: it hears broadcasts.
    Joined,
    /// It left the namespace itself.
    Left,
    /// It wants to be somebody; the phase has the details.
    Register,
    /// Messages are given again: nobody knows whether they met a listener.
    Restarted,
    /// Proofs were counted.
    Proven,
    /// A proof of a registration that the socket served before.
    FormerProven(FormerProof),
    Report(Said),
    /// An event for the business server; and the ack that it asks for.
    Emit(ClientEvent, Option<u64>),
    /// An event beyond the contract that somebody wants to hear; and the ack that it asks for.
    Heard(Heard, Option<u64>),
    /// A page event from a device that may not send one, and nobody to tell.
    Ignored,
    /// It was told `_register_error`.
    RegisterRefused,
    /// The next window of mail.
    Read {
        after: Position,
        upto: Position,
    },
    /// An extra has answered its question.
    Adopt,
    Closed,
}

/// Proof for a device that this socket no longer serves.
#[derive(Debug)]
pub(crate) struct FormerProof {
    pub(crate) dev: Dev,
    pub(crate) upto: Position,
    pub(crate) direct: Vec<DirectProof>,
}

/// A report, and whether somebody waits for an ack.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Json,
    pub(crate) id: Option<MessageId>,
    pub(crate) inferred: Option<Position>,
    pub(crate) ack: Option<u64>,
}

/// Random enough for public ids: splitmix64.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// What a walk writes to a session.
pub(crate) struct Run<'r> {
    pub(crate) items: &'r [Item],
    /// All of them as one write.
    pub(crate) joined: &'r bytes::Bytes,
    pub(crate) last: Position,
}
