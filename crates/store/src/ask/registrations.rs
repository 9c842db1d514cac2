//! A user and his registrations as the views have them; who is connected only the writer knows.

use tidings_model::{AppNo, DeviceId, Millis, RegNo, Token, TopicName, Uid};

/// Which users of an app.
#[derive(Clone, Debug)]
pub struct UsersQuery {
    pub app: AppNo,
    pub uids: Vec<Uid>,
    pub depth: Depth,
}

/// Whether mailboxes are measured, which costs reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Skipped,
    Measured,
}

/// What a token names, or named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenNames {
    Nothing,
    /// The registration has ended.
    Ended,
    Living(Registration),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    pub reg: RegNo,
    pub uid: Uid,
    pub token: Token,
    pub device_id: Option<DeviceId>,
    /// None: not known, it is older than this is kept.
    pub made: Option<Millis>,
    /// Log time at which facts last heard of one of its devices.
    pub seen: Millis,
    pub mailbox: Mailbox,
    /// What it is in.
    pub topics: Vec<TopicName>,
}

/// What waits: unexpired, not proven, within the mailbox bound. Of several implicit devices, the one for which most waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mailbox {
    pub messages: u64,
    /// Of their data.
    pub bytes: u64,
}
