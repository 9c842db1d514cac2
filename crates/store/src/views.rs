//! The views: registrations, devices, cursors, mailboxes, kept answers, as rows that facts change.
//!
//! Applying is dumb: it checks no limit, reads no clock, refuses nothing. One fold turns facts into rows; it runs over
//! the writer's layers, over maps and over `state.db`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use tidings_model::{
    AppNo, CollapseKey, Dev, DeviceId, Directory, End, Fact, Millis, Position, Print, Proof, Published, RegNo, Sinks, State, Targets,
    Token, TopicName, TopicNo, Uid, UserNo, Why,
};

use crate::ReadError;

pub(crate) mod events;
pub(crate) mod fold;
pub(crate) mod mailbox;
pub(crate) mod maps;
pub(crate) mod standing;
pub(crate) mod state;
pub(crate) mod timeline;
pub(crate) mod topics;
pub(crate) mod users;

pub(crate) use fold::{enter, fold, track};
pub(crate) use topics::{Stays, Topic};

/// What a row is found by; ordered by table, then key, as merges write them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Uid(AppNo, Uid),
    User(UserNo),
    Reg(RegNo),
    Token(Token),
    Device(Dev),
    Cursor(Dev),
    Receipt(Dev, Position),
    Kept([u8; 16]),
    Latest(Scope, CollapseKey),
    /// Of a direct message on a device.
    Fate(Dev, Position),
    /// Of any message.
    Recalled(Position),
    TopicNo(AppNo, TopicName),
    Topic(TopicNo),
    Follows(UserNo),
    Stays(RegNo),
}

/// Where rows of messages lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    /// Broadcasts of an app.
    Wide(AppNo),
    /// Messages to a topic.
    Topic(TopicNo),
    /// Direct messages to one device.
    Inbox(Dev),
}

impl Shelf {
    /// Where a message to many lies; None: in the mailbox of each device.
    pub(crate) fn of(message: &Published) -> Option<Self> {
        match message.targets {
            Targets::Devices(_) => None,
            Targets::Everyone => Some(Self::Wide(message.app)),
            Targets::Members(topic) => Some(Self::Topic(topic)),
        }
    }
}

/// Where one collapse key has one newest message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// Broadcasts of an app.
    App(AppNo),
    /// Direct messages to a registration.
    Reg(RegNo),
    /// Messages to a topic.
    Topic(TopicNo),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    Uid(UserNo),
    /// Nobody has this uid any more.
    Nobody,
    User(Arc<User>),
    Reg(Arc<Reg>),
    Token(RegNo),
    Device(Arc<Device>),
    Cursor(Cursor),
    Receipt(Receipt),
    Kept(Kept),
    Latest(Latest),
    Fate(Fate),
    Recalled,
    TopicNo(TopicNo),
    Topic(Arc<Topic>),
    /// The topics that a user is in with all that he has: sorted.
    Follows(Arc<[TopicNo]>),
    Stays(Stays),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub app: AppNo,
    /// None: erased.
    pub uid: Option<Uid>,
    /// The living ones, oldest first.
    pub regs: Vec<RegNo>,
}

/// What a token names. A dead one stays: its token is told from one that never was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reg {
    pub app: AppNo,
    pub user: UserNo,
    /// Empty where the user is erased.
    pub uid: Uid,
    pub token: Token,
    /// None: a legacy registration.
    pub device_id: Option<DeviceId>,
    pub born: Position,
    /// Log time of `born`; 0: not known, as the views are older than this column.
    pub made: Millis,
    pub dead: Option<(Position, Why)>,
    /// The living ones, oldest first.
    pub devs: Vec<Dev>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub reg: RegNo,
    pub print: Print,
    pub addr: IpAddr,
    pub heir_of: Option<Dev>,
    pub born: Position,
    pub dead: Option<Position>,
}

/// How far a device has had its mailbox, and when it was last heard of as far as facts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub at: Position,
    /// A proof moved it at least so far; what was cut from the mailbox lies between the two.
    pub proven: Position,
    pub seen: Millis,
}

impl Cursor {
    pub(crate) fn higher(self, other: Self) -> Self {
        Self { at: self.at.max(other.at), proven: self.proven.max(other.proven), seen: self.seen.max(other.seen) }
    }
}

/// What became of a direct message on a device that it was for. Kept as long as the events that tell of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its end may be told from this log time on: a proof in time still counts.
    Open {
        due: Millis,
    },
    /// It ends so, and nobody has been told.
    Ending(End),
    Ended(End),
    Proven,
}

/// So long after it expired a message ends.
pub(crate) const GRACE_S: u64 = 10;

impl Fate {
    pub(crate) const fn of(expires: Millis) -> Self {
        Self::Open { due: expires.after_s(GRACE_S) }
    }

    /// The end to tell at `now`, if there is one.
    pub(crate) fn due(self, now: Millis) -> Option<End> {
        match self {
            Self::Open { due } => (due <= now).then_some(End::Expired),
            Self::Ending(end) => Some(end),
            Self::Ended(_) | Self::Proven => None,
        }
    }

    /// Something other than time ends it; what has expired before, or has ended, stays so.
    pub(crate) fn lose(&mut self, expires: Millis, loss: Loss) {
        if matches!(self, Self::Open { .. }) && expires > loss.time {
            *self = Self::Ending(loss.end);
        }
    }
}

/// By what, and when, a message is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    pub end: End,
    pub time: Millis,
}

/// What is known of one message above a device's cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub state: State,
    pub proof: Proof,
    /// Log time of the proof.
    pub since: Millis,
}

/// The newest message with a collapse key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub at: Position,
    pub expires: Millis,
}

/// The answer kept for an idempotency key: it is all in the fact at `at`.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub request: u64,
    pub at: Position,
    pub until: Millis,
    /// None: it is read from the log.
    pub fact: Option<Arc<Fact>>,
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        (self.request, self.at, self.until) == (other.request, other.at, other.until)
    }
}

impl Eq for Kept {}

/// The next numbers to give, how many devices live in each app, and the apps, keys and sinks themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub user: u32,
    pub reg: u32,
    pub dev: u32,
    pub topic: u32,
    pub devices: BTreeMap<AppNo, u32>,
    /// Few rows that everybody asks for: kept whole.
    pub directory: Arc<Directory>,
    pub sinks: Arc<Sinks>,
}

/// Finding rows, wherever they are kept.
pub(crate) trait Base {
    fn get(&self, key: &Key) -> Result<Option<Row>, ReadError>;
}

/// Rows that a fold reads and changes.
pub(crate) trait Rows {
    fn get(&mut self, key: &Key) -> Result<Option<Row>, ReadError>;
    fn put(&mut self, key: Key, row: Row);
    fn numbers(&mut self) -> &mut Numbers;
    /// A cursor only rises.
    fn raise(&mut self, dev: Dev, to: Cursor) -> Result<(), ReadError> {
        let now = self.cursor(dev)?.unwrap_or(to);
        self.put(Key::Cursor(dev), Row::Cursor(now.higher(to)));
        Ok(())
    }
    /// A direct message waits for `dev`. What only mailboxes need is nothing to the writer, so these seven do nothing by default.
    fn wait(&mut self, dev: Dev, at: Position, letter: Letter) {
        let _ = (dev, at, letter);
    }
    /// A message for many waits there.
    fn post(&mut self, shelf: Shelf, at: Position, letter: Letter) {
        let _ = (shelf, at, letter);
    }
    /// A direct message no longer waits for `dev`: the fact at `by` took it away.
    fn lose(&mut self, dev: Dev, at: Position, by: Position, loss: Loss) {
        let _ = (dev, at, by, loss);
    }
    /// Whatever was open for `dev` in (after, upto] is lost.
    fn lose_all(&mut self, dev: Dev, part: (Position, Position), loss: Loss) {
        let _ = (dev, part, loss);
    }
    /// A message for many no longer waits for anybody: the fact at `by` took it away.
    fn withdraw(&mut self, at: Position, by: Position) {
        let _ = (at, by);
    }
    /// A direct message is proven, or its end is told.
    fn settle(&mut self, dev: Dev, at: Position, fate: Fate);
    /// What the business server has been told of a registration.
    fn told(&mut self, reg: RegNo, online: bool) {
        let _ = (reg, online);
    }

    fn user_no(&mut self, app: AppNo, uid: &Uid) -> Result<Option<UserNo>, ReadError> {
        Ok(self.get(&Key::Uid(app, uid.clone()))?.and_then(|row| if let Row::Uid(user) = row { Some(user) } else { None }))
    }
    fn user(&mut self, user: UserNo) -> Result<Option<Arc<User>>, ReadError> {
        Ok(self.get(&Key::User(user))?.and_then(|row| if let Row::User(user) = row { Some(user) } else { None }))
    }
    fn reg(&mut self, reg: RegNo) -> Result<Option<Arc<Reg>>, ReadError> {
        Ok(self.get(&Key::Reg(reg))?.and_then(|row| if let Row::Reg(reg) = row { Some(reg) } else { None }))
    }
    fn reg_no(&mut self, token: &Token) -> Result<Option<RegNo>, ReadError> {
        Ok(self.get(&Key::Token(token.clone()))?.and_then(|row| if let Row::Token(reg) = row { Some(reg) } else { None }))
    }
    fn device(&mut self, dev: Dev) -> Result<Option<Arc<Device>>, ReadError> {
        Ok(self.get(&Key::Device(dev))?.and_then(|row| if let Row::Device(device) = row { Some(device) } else { None }))
    }
    fn cursor(&mut self, dev: Dev) -> Result<Option<Cursor>, ReadError> {
        Ok(self.get(&Key::Cursor(dev))?.and_then(|row| if let Row::Cursor(cursor) = row { Some(cursor) } else { None }))
    }
    fn receipt(&mut self, dev: Dev, at: Position) -> Result<Option<Receipt>, ReadError> {
        Ok(self.get(&Key::Receipt(dev, at))?.and_then(|row| if let Row::Receipt(receipt) = row { Some(receipt) } else { None }))
    }
    fn kept(&mut self, key: [u8; 16]) -> Result<Option<Kept>, ReadError> {
        Ok(self.get(&Key::Kept(key))?.and_then(|row| if let Row::Kept(kept) = row { Some(kept) } else { None }))
    }
    fn fate(&mut self, dev: Dev, at: Position) -> Result<Option<Fate>, ReadError> {
        Ok(self.get(&Key::Fate(dev, at))?.and_then(|row| if let Row::Fate(fate) = row { Some(fate) } else { None }))
    }
    fn latest(&mut self, scope: Scope, key: &CollapseKey) -> Result<Option<Latest>, ReadError> {
        let found = self.get(&Key::Latest(scope, key.clone()))?;
        Ok(found.and_then(|row| if let Row::Latest(latest) = row { Some(latest) } else { None }))
    }
    fn topic_no(&mut self, app: AppNo, name: &TopicName) -> Result<Option<TopicNo>, ReadError> {
        Ok(self.get(&Key::TopicNo(app, name.clone()))?.and_then(|row| if let Row::TopicNo(topic) = row { Some(topic) } else { None }))
    }
    fn topic(&mut self, topic: TopicNo) -> Result<Option<Arc<Topic>>, ReadError> {
        Ok(self.get(&Key::Topic(topic))?.and_then(|row| if let Row::Topic(topic) = row { Some(topic) } else { None }))
    }
    fn follows(&mut self, user: UserNo) -> Result<Arc<[TopicNo]>, ReadError> {
        let found = self.get(&Key::Follows(user))?;
        Ok(found.and_then(|row| if let Row::Follows(topics) = row { Some(topics) } else { None }).unwrap_or_default())
    }
    fn stays(&mut self, reg: RegNo) -> Result<Stays, ReadError> {
        let found = self.get(&Key::Stays(reg))?;
        Ok(found.and_then(|row| if let Row::Stays(stays) = row { Some(stays) } else { None }).unwrap_or_default())
    }
}

/// What a mailbox knows of a message without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub expires: Millis,
    /// Bytes of its data or arguments.
    pub len: u32,
    /// It waits no more: the fact there, a newer message or a recall, took it away.
    pub gone_by: Option<Position>,
}
