//! Sinks: who is told the events, as stored, and how far each has come.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{AppNo, EventId, EventType, Millis, NameError, Position};

/// A sink. Its number is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkNo(pub u32);

/// What a sink is named by outside: 1-40 of a-z A-Z 0-9 `_` `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkId(Arc<str>);

impl SinkId {
    /// The one sink that the configuration makes.
    pub const ICE: &'static str = "ice";

    pub fn parse(text: &str) -> Result<Self, NameError> {
        let ok = (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if ok { Ok(Self(text.into())) } else { Err(NameError("must be 1 to 40 of a-z, A-Z, 0-9, _ and -")) }
    }

    /// Takes an id that was checked before it was stored.
    pub fn trusted(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a webhook's bodies are signed with: the bytes themselves, for the signer needs them.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkSecret(Arc<[u8]>);

impl SinkSecret {
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Never shown in a log line.
impl fmt::Debug for SinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkSecret(..)")
    }
}

/// One consumer of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    pub no: SinkNo,
    pub id: SinkId,
    /// None: events of all apps.
    pub app: Option<AppNo>,
    pub conf: SinkConf,
    pub created: Millis,
}

impl Sink {
    /// Which events it is told; None: all. `sync.gap` is told whatever this says.
    pub fn types(&self) -> Option<&[EventType]> {
        match &self.conf {
            SinkConf::Webhook(webhook) => webhook.types.as_deref(),
            SinkConf::Ice => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkConf {
    Webhook(Webhook),
    /// Where it goes is in the configuration.
    Ice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// None: all.
    pub types: Option<Vec<EventType>>,
    /// One, or two while receivers change from the second to the first.
    pub secrets: Vec<SinkSecret>,
}

/// Whether a sink is carried to. The numbers are for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinkState {
    #[default]
    Active = 0,
    Paused = 1,
}

impl SinkState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Paused].into_iter().find(|state| state.as_str() == text)
    }
}

/// Why the last try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkError {
    pub at: Millis,
    pub why: Arc<str>,
}

/// Events that are no longer told: those behind `from`, up to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where the move stands: the event that tells of it.
    pub at: Position,
    pub from: EventId,
    pub to: EventId,
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// It has been told everything up to and including this.
    pub cursor: EventId,
    pub state: SinkState,
    /// None: the last try was taken.
    pub last_error: Option<SinkError>,
    /// Refused for good, oldest first; never beyond the cursor: who is set back meets them again.
    pub parked: Vec<EventId>,
    /// Not told yet.
    pub gap: Option<Gap>,
}

impl Standing {
    /// Of a sink made at `at`.
    pub fn new(at: Position) -> Self {
        let cursor = EventId { at, n: 0 };
        Self { cursor, state: SinkState::Active, last_error: None, parked: Vec::new(), gap: None }
    }

    /// What a move does that stands at `at`.
    pub fn apply(&mut self, at: Position, moved: &SinkMoved) {
        self.cursor = moved.to;
        self.state = moved.state;
        self.last_error.clone_from(&moved.last_error);
        self.parked.retain(|parked| *parked <= moved.to);
        self.parked.extend(moved.park);
        if let Some(from) = moved.gap {
            self.gap = Some(Gap { at, from, to: moved.to });
        }
        self.gap = self.gap.filter(|gap| self.cursor.at < gap.at);
    }
}

/// A sink is somewhere else now. Everything but the cursor is as it is from here on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkMoved {
    pub sink: SinkNo,
    pub to: EventId,
    pub state: SinkState,
    pub last_error: Option<SinkError>,
    /// This one was refused for good.
    pub park: Option<EventId>,
    /// What lies between this and `to` is no longer told: an event of its own says so, to this sink only.
    pub gap: Option<EventId>,
}

/// A sink and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    pub sink: Arc<Sink>,
    pub standing: Standing,
}

/// Every sink, at one moment of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sinks {
    all: BTreeMap<SinkNo, Arc<Tracked>>,
    next: u32,
}

impl Sinks {
    /// `next`: numbers below it were given.
    pub fn new(next: u32) -> Self {
        Self { all: BTreeMap::new(), next }
    }

    /// New or changed, by a fact at `at`.
    pub fn put(&mut self, at: Position, sink: Sink) {
        let standing = self.get(sink.no).map_or_else(|| Standing::new(at), |tracked| tracked.standing.clone());
        self.track(Tracked { sink: Arc::new(sink), standing });
    }

    pub fn track(&mut self, tracked: Tracked) {
        let no = tracked.sink.no;
        self.next = self.next.max(no.0.saturating_add(1));
        self.all.insert(no, Arc::new(tracked));
    }

    pub fn drop_sink(&mut self, no: SinkNo) {
        self.all.remove(&no);
    }

    /// An app's sinks end with it.
    pub fn drop_app(&mut self, app: AppNo) {
        self.all.retain(|_, tracked| tracked.sink.app != Some(app));
    }

    pub fn moved(&mut self, at: Position, moved: &SinkMoved) {
        if let Some(tracked) = self.all.get_mut(&moved.sink) {
            Arc::make_mut(tracked).standing.apply(at, moved);
        }
    }

    pub fn get(&self, no: SinkNo) -> Option<&Arc<Tracked>> {
        self.all.get(&no)
    }

    pub fn named(&self, id: &str) -> Option<&Arc<Tracked>> {
        self.all.values().find(|tracked| tracked.sink.id.as_str() == id)
    }

    /// In the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Tracked>> {
        self.all.values()
    }

    /// The number that the next one gets.
    pub fn next(&self) -> SinkNo {
        SinkNo(self.next)
    }
}

/// Answered by [`crate::Answer::Sink`]. It is told what happens from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSink {
    pub id: SinkId,
    pub app: Option<AppNo>,
    pub conf: SinkConf,
}

/// Of a webhook. None: as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkChange {
    pub no: SinkNo,
    pub url: Option<String>,
    pub types: Option<Option<Vec<EventType>>>,
    /// A new secret; the newest one until now goes on living beside it.
    pub rotate: Option<SinkSecret>,
    /// Every secret but the newest ends.
    pub retire: bool,
}

/// Moves a sink; answered by [`crate::Answer::Sink`]. None: as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkMove {
    pub sink: SinkNo,
    /// Refused as `conflict` where the cursor is another by now.
    pub expected: Option<EventId>,
    pub to: Option<EventId>,
    pub state: Option<SinkState>,
    pub last_error: Option<Option<SinkError>>,
    /// Refused for good: an event that `to` passes.
    pub park: Option<EventId>,
    /// What lies between is no longer told.
    pub gap: bool,
}

impl SinkMove {
    /// Changes nothing yet.
    pub const fn of(sink: SinkNo) -> Self {
        Self { sink, expected: None, to: None, state: None, last_error: None, park: None, gap: false }
    }
}
