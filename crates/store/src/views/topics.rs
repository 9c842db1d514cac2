//! Who is in a topic, and since when: of each registration the parts of the log in which it is a member.
//!
//! A message to a topic is one row, whoever is in it; whom it is for is told by its position. docs/adr/0008 has why.

use std::sync::Arc;

use tidings_model::{AppNo, Position, TopicName, TopicNo};

/// A topic: made by its first subscriber, there for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub app: AppNo,
    pub name: TopicName,
    /// Living devices of the registrations that are in it now.
    pub devices: u32,
}

/// One registration in one topic: messages behind `since`, up to `until`, are for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stay {
    pub topic: TopicNo,
    pub since: Position,
    /// None: it is in it still.
    pub until: Option<Position>,
}

/// All stays of one registration, by topic, then oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stays(Arc<Vec<Stay>>);

impl Stays {
    /// `sorted`: by topic, then oldest first.
    pub(crate) fn new(sorted: Vec<Stay>) -> Self {
        Self(Arc::new(sorted))
    }

    pub(crate) fn all(&self) -> &[Stay] {
        &self.0
    }

    /// The topics that it is in now, sorted.
    pub(crate) fn now(&self) -> impl Iterator<Item = TopicNo> + '_ {
        self.0.iter().filter(|stay| stay.until.is_none()).map(|stay| stay.topic)
    }

    pub(crate) fn is_in(&self, topic: TopicNo) -> bool {
        self.now().any(|other| other == topic)
    }

    /// Whether a message to `topic` at `at` is for the registration.
    pub(crate) fn covers(&self, topic: TopicNo, at: Position) -> bool {
        self.0.iter().any(|stay| stay.topic == topic && stay.since < at && stay.until.is_none_or(|until| at <= until))
    }

    /// It comes in; nothing where it is in already.
    pub(crate) fn enter(&mut self, topic: TopicNo, at: Position) {
        if !self.is_in(topic) {
            let stays = Arc::make_mut(&mut self.0);
            stays.push(Stay { topic, since: at, until: None });
            stays.sort_unstable();
        }
    }

    pub(crate) fn leave(&mut self, topic: TopicNo, at: Position) {
        self.close(at, |stay| stay.topic == topic);
    }

    pub(crate) fn leave_all(&mut self, at: Position) {
        self.close(at, |_| true);
    }

    fn close(&mut self, at: Position, which: impl Fn(&Stay) -> bool) {
        for stay in Arc::make_mut(&mut self.0).iter_mut().filter(|stay| stay.until.is_none() && which(stay)) {
            stay.until = Some(at);
        }
    }

    /// Stays that are over.
    pub(crate) fn closed(&self) -> usize {
        self.0.iter().filter(|stay| stay.until.is_some()).count()
    }

    /// Those that ended at or before `upto` are wanted no more.
    pub(crate) fn forget(&mut self, upto: Position) {
        Arc::make_mut(&mut self.0).retain(|stay| stay.until.is_none_or(|until| until > upto));
    }
}
