//! What must hold after every history, in terms of what phones saw and what backends were told.

use std::collections::{BTreeMap, BTreeSet};

use tidings_model::{Dev, End, Entry, Fact, Millis, Position, Reported, Targets};

/// A message as the backend knows it; its data is its number.
#[derive(Clone, Debug)]
pub struct Sent {
    /// None: everybody, or who is in `topic`.
    pub uid: Option<usize>,
    pub topic: Option<usize>,
    /// ttl 0: for who is there when it arrives.
    pub fleeting: bool,
    pub at: Option<Position>,
    pub expires: Millis,
    /// The backend was told that it is stored.
    pub acknowledged: bool,
    /// Where the log says that its backend took it back.
    pub recalled: Option<Position>,
}

/// One phone as one user: what is owed to it begins at `born`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    pub phone: usize,
    pub uid: usize,
}

/// What a phone's app saw: which message, over which of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub message: usize,
    pub connection: usize,
    /// Registrations that the connection had gone through by then.
    pub epoch: usize,
}

/// Where a repeat on one connection is better than a loss.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    /// The server has counted that it gave messages again: nobody knew whether they had met a listener.
    pub restarted: bool,
    /// A polling client without numbers: what it was sent before it registered may have been lost.
    pub unnumbered: bool,
    /// It waited for a GET; a message may expire there.
    pub on_its_way: bool,
}

/// ... so long.
const ON_ITS_WAY_MS: u64 = 120_000;

#[derive(Debug, Default)]
pub struct Model {
    pub sent: Vec<Sent>,
    pub born: BTreeMap<Identity, Position>,
    pub owner: BTreeMap<Dev, Identity>,
    /// By user and topic: where in the log he came in (true) or left.
    pub members: BTreeMap<(usize, usize), BTreeMap<Position, bool>>,
    /// By phone, in the order its handler ran.
    pub seen: BTreeMap<usize, Vec<Seen>>,
    /// Direct messages by device, with when nobody gets them any more; proven; ended.
    directs: BTreeMap<(Dev, Position), Millis>,
    proven: BTreeSet<(Dev, Position)>,
    ended: BTreeMap<(Dev, Position), End>,
}

impl Model {
    fn has_seen(&self, phone: usize) -> BTreeSet<usize> {
        self.seen.get(&phone).into_iter().flatten().map(|seen| seen.message).collect()
    }

    /// Whether a user was in a topic at this place in the log.
    fn was_in(&self, uid: usize, topic: usize, at: Position) -> bool {
        self.members.get(&(uid, topic)).and_then(|changes| changes.range(..at).next_back()).is_some_and(|(_, on)| *on)
    }

    fn is_for(&self, sent: &Sent, uid: usize) -> bool {
        match (sent.topic, sent.at) {
            (Some(topic), Some(at)) => self.was_in(uid, topic, at),
            (Some(_), None) => false,
            (None, _) => sent.uid.is_none_or(|other| other == uid),
        }
    }

    /// What the log tells of messages: an end at most once, and never behind a proof.
    pub fn hear(&mut self, entry: &Entry) -> Result<(), String> {
        match &*entry.fact {
            Fact::Published(message) => {
                if let Targets::Devices(devs) = &message.targets {
                    self.directs.extend(devs.iter().map(|dev| ((*dev, entry.at), message.expires)));
                }
            }
            Fact::Proven(proven) => self.proven.extend(proven.direct.iter().map(|direct| (direct.dev, direct.message))),
            Fact::Reported(Reported { dev: Some(dev), message: Some(message), state: Some(_), .. }) => {
                self.proven.insert((*dev, *message));
            }
            Fact::Recalled(recalled) => {
                let taken_back = self.sent.iter_mut().filter(|sent| sent.at == Some(recalled.message));
                taken_back.for_each(|sent| sent.recalled = Some(entry.at));
            }
            Fact::Ended(ended) => {
                for (message, dev, end) in &ended.direct {
                    let is_first = self.ended.insert((*dev, *message), *end).is_none();
                    if !is_first || self.proven.contains(&(*dev, *message)) {
                        return Err(format!("message {message:?} ends ({end:?}) for {dev:?} though it had ended or was proven"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How many direct messages have ended without a proof.
    pub fn ended(&self) -> usize {
        self.ended.len()
    }

    /// The log is told from its beginning.
    pub fn hear_anew(&mut self) {
        self.directs.clear();
        self.proven.clear();
        self.ended.clear();
    }

    /// Every direct message that nobody can get any more was proven, or has ended.
    pub fn every_message_ends(&self, now: Millis) -> Result<(), String> {
        let over = self.directs.iter().filter(|(_, expires)| expires.after_s(11) < now).map(|(key, _)| key);
        match over.clone().find(|key| !self.proven.contains(key) && !self.ended.contains_key(key)) {
            Some((dev, message)) => Err(format!("nobody was told what became of message {message:?} on {dev:?}")),
            None => Ok(()),
        }
    }

    /// Stored messages for `who` in (born, upto].
    fn owed(&self, who: Identity, upto: Position) -> impl Iterator<Item = (usize, &Sent)> {
        let born = self.born.get(&who).copied().unwrap_or(upto);
        let wanted =
            move |sent: &Sent| sent.recalled.is_none() && sent.at.is_some_and(|at| at > born && at <= upto) && self.is_for(sent, who.uid);
        self.sent.iter().enumerate().filter(move |(_, sent)| wanted(sent))
    }

    /// Nothing acknowledged is lost: in the end every phone has what was for it and had time enough.
    pub fn nothing_is_lost(&self, now: Millis, but: &[usize]) -> Result<(), String> {
        for who in self.born.keys().filter(|who| !but.contains(&who.phone)) {
            let seen = self.has_seen(who.phone);
            for (n, sent) in self.owed(*who, Position::from_raw(u64::MAX)) {
                if sent.acknowledged && sent.expires > now && !seen.contains(&n) {
                    return Err(format!("{who:?} never got message {n} ({sent:?})"));
                }
            }
        }
        Ok(())
    }

    /// No proof lies: what a cursor says a device has had is in its app's own record.
    pub fn proof_is_true(&self, dev: Dev, cursor: Position, now: Millis) -> Result<(), String> {
        let Some(who) = self.owner.get(&dev) else { return Ok(()) };
        let seen = self.has_seen(who.phone);
        match self.owed(*who, cursor).find(|(n, sent)| sent.expires > now && !seen.contains(n)) {
            Some((n, sent)) => Err(format!("{dev:?} of {who:?} is proven up to {cursor:?} without message {n} ({sent:?})")),
            None => Ok(()),
        }
    }

    /// Order per device, no repeat on one connection (but where the server was in doubt), nothing to the wrong socket.
    pub fn see(
        &mut self,
        phone: usize,
        uids: &[usize],
        seen: Seen,
        (written, known): (Millis, Position),
        doubt: Doubt,
    ) -> Result<(), String> {
        let sent = self.sent.get(seen.message).ok_or_else(|| format!("phone {phone} got message {} that nobody sent", seen.message))?;
        let is_for_all = (sent.uid, sent.topic) == (None, None);
        if !is_for_all && !uids.iter().any(|uid| self.is_for(sent, *uid)) {
            return Err(format!("phone {phone}, registered as {uids:?}, got message {} ({sent:?})", seen.message));
        }
        let slack_ms = if doubt.on_its_way || sent.fleeting { ON_ITS_WAY_MS } else { 0 };
        if written.0 > sent.expires.0.saturating_add(slack_ms) {
            return Err(format!("phone {phone} got message {} written at {written:?}, it expired at {:?}", seen.message, sent.expires));
        }
        if !doubt.on_its_way && sent.recalled.is_some_and(|at| at <= known) {
            return Err(format!("phone {phone} got message {}, written when its worker knew that it was taken back", seen.message));
        }
        let record = self.seen.entry(phone).or_default();
        let here = record.iter().filter(|earlier| earlier.connection == seen.connection);
        for earlier in here.filter(|earlier| !(doubt.restarted || doubt.unnumbered && earlier.epoch == 0)) {
            // Two users of one socket are in a topic each for himself.
            let as_another = sent.topic.is_some() && earlier.epoch != seen.epoch;
            if earlier.message == seen.message && !as_another {
                return Err(format!("phone {phone} got message {} twice on connection {}", seen.message, seen.connection));
            }
            let order = self.sent[earlier.message].at > self.sent[seen.message].at;
            if earlier.epoch == seen.epoch && order {
                return Err(format!("phone {phone} got message {} behind the later {}", seen.message, earlier.message));
            }
        }
        record.push(seen);
        Ok(())
    }
}
