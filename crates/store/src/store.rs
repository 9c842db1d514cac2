//! The handle that doors and workers hold.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crossbeam_channel::{Sender, TrySendError};
use tidings_model::{
    AppNo, Batch, BroadcastQuery, Dev, DeviceId, Directory, EventId, FeedItem, MailboxQuery, MessageId, Millis, Position, Published,
    Request, Sinks, Token, TopicName,
};

use crate::shell::readers::Wanted;
use crate::shell::{Asker, Shared, lock};
use crate::views::state::StateReader;
use crate::views::{Base, Key, Row, events, standing, timeline, users};
use crate::{
    Depth, EventPage, EventQuery, EventsError, Lane, PageReply, ReadError, Registration, Reply, Standing, Timeline, TimelineQuery,
    TokenNames, UsersQuery,
};

/// Whether facts can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Open,
    /// What needs a fact is refused with `storage_unavailable`; it is tried again every second.
    ReadOnly {
        since: Millis,
    },
    /// The store stopped itself; the process must exit.
    Stopped(String),
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Successful appends, their records and facts.
    pub batches: u64,
    pub records: u64,
    pub facts: u64,
    pub failed_appends: u64,
    /// Transactions of the views, and the facts in them.
    pub merges: u64,
    pub merged_facts: u64,
    /// Requests answered with a refusal.
    pub refused: u64,
    /// Pages of mailboxes and broadcasts asked for.
    pub pages: u64,
    /// Registered sockets now.
    pub sockets: u64,
    /// Facts that are decided and not yet durable, now.
    pub undurable: u64,
    /// Snapshots made and checked, and those that failed.
    pub snapshots: u64,
    pub failed_snapshots: u64,
    /// Segments that the log was trimmed by.
    pub removed_segments: u64,
}

/// A handle; cloning is cheap.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub shared: Arc<Shared>,
    pub asker: Arc<Asker>,
    /// None: closed.
    pub pages: RwLock<Option<Sender<(Wanted, PageReply)>>>,
    /// Idle connections for what doors read.
    pub readers: Mutex<Vec<StateReader>>,
}

/// Bytes of the log that `events` reads at once.
const EVENTS_BYTES: usize = 256 << 10;
/// Idle connections that are kept.
const READERS_KEPT: usize = 4;

/// The last position before record `first`.
fn before(first: u64) -> Position {
    Position::end_of(first.saturating_sub(1))
}

/// Whether something behind the cursor is no longer told. Where the cursor's own record has left the log, some of its items may be.
fn is_older(cursor: Position, log_begins: u64, events_begin: u64) -> bool {
    let is_whole = log_begins <= 1;
    cursor.record() + 1 < events_begin || !is_whole && cursor < before(log_begins)
}

impl Store {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Each durable batch that concerns `worker` goes to `inbox` (true: taken; false: its inbox was full, and it will read the log).
    /// Called on the store's notifying thread, must not block. Once per worker, before doors open.
    pub fn follow(&self, worker: usize, inbox: Box<dyn Fn(FeedItem) -> bool + Send + Sync>) {
        let mut inboxes = self.inner.shared.inboxes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = inboxes.get_mut(worker) {
            *place = Some(inbox);
        }
    }

    /// The highest `upto` of any batch that concerned this worker; raised before the item is offered.
    pub fn upto(&self, worker: usize) -> Position {
        self.inner.shared.upto.get(worker).map_or(Position::ZERO, |upto| Position::from_raw(upto.load(Ordering::Acquire)))
    }

    /// Facts in (after, upto] in log order, at most about `bytes_max` of them (at least one record); `Batch::upto` says how far it got.
    /// Blocking; the last 16 MiB come from memory. Facts from the disk concern everybody who might care.
    pub fn read(&self, after: Position, upto: Position, bytes_max: usize) -> Result<Batch, ReadError> {
        self.inner.shared.read(after, upto, bytes_max)
    }

    /// Never blocks. Err: that lane (4,096) is full, or the store is closing. Each request that is taken is answered once.
    pub fn ask(&self, lane: Lane, request: Request, reply: Reply) -> Result<(), (Request, Reply)> {
        self.inner.asker.ask(lane, request, reply)
    }

    /// One page of a device's mailbox, once the views have seen `query.upto`. Err: the readers' queue (4,096) is full, or the store is closing.
    pub fn mailbox(&self, query: MailboxQuery, reply: PageReply) -> Result<(), PageReply> {
        self.page(Wanted::Mailbox(query), reply)
    }

    /// One page of an app's broadcasts, within the mailbox bound counted from the newest.
    pub fn broadcasts(&self, query: BroadcastQuery, reply: PageReply) -> Result<(), PageReply> {
        self.page(Wanted::Broadcasts(query), reply)
    }

    fn page(&self, wanted: Wanted, reply: PageReply) -> Result<(), PageReply> {
        let pages = self.inner.pages.read().unwrap_or_else(PoisonError::into_inner);
        match &*pages {
            Some(pages) => pages.try_send((wanted, reply)).map_err(|error| match error {
                TrySendError::Full((_, reply)) | TrySendError::Disconnected((_, reply)) => reply,
            }),
            None => Err(reply),
        }
    }

    /// The log seen as events, up to what is durable; blocks on the disk and until the views have followed.
    pub fn events(&self, query: &EventQuery) -> Result<EventPage, EventsError> {
        let shared = &self.inner.shared;
        let first = shared.log.bounds()?.first;
        let begin = first.max(shared.events_from.load(Ordering::Acquire));
        let expired = |first| EventsError::Expired { oldest: EventId { at: before(first), n: 0 } };
        if query.after.is_some_and(|after| is_older(after.at, first, begin)) {
            return Err(expired(begin));
        }
        let upto = self.told_upto(query)?;
        let directory = self.directory();
        let page = self.with_reader(|state| {
            let source = events::Source {
                base: state,
                directory: &directory,
                read: &|after, upto| shared.read(after, upto, EVENTS_BYTES),
                published: &|at| shared.published(at),
                oldest: before(first),
                begin: before(begin),
                upto,
            };
            events::page(&source, query)
        });
        match page {
            // Trimmed while it was read.
            Err(ReadError::Trimmed { first }) => Err(expired(first)),
            // What is durable beyond the views is not announced again.
            Ok(page) => Ok(EventPage { more: page.more || query.sink.is_some() && upto < shared.progress.durable(), ..page }),
            Err(error) => Err(error.into()),
        }
    }

    /// A sink that has much before it takes what the views have; everybody else waits until they have what is durable.
    fn told_upto(&self, query: &EventQuery) -> Result<Position, ReadError> {
        let progress = &self.inner.shared.progress;
        let (mark, durable) = (progress.mark(), progress.durable());
        let behind = query.after.map_or(Position::ZERO, |after| after.at);
        if query.sink.is_some() && behind.record() < mark.record() {
            return Ok(mark);
        }
        progress.wait_for(durable)?;
        Ok(durable)
    }

    /// The id that a device names itself by; None: an implicit one. Blocks until the views have followed.
    pub fn device_id(&self, dev: Dev) -> Result<Option<DeviceId>, ReadError> {
        self.steadily(|state| {
            let Some(Row::Device(device)) = state.get(&Key::Device(dev))? else { return Ok(None) };
            Ok(state.get(&Key::Reg(device.reg))?.and_then(|row| if let Row::Reg(reg) = row { reg.device_id.clone() } else { None }))
        })
    }

    /// Users with their living registrations, in the order of the query; None: nobody has registered as this uid.
    /// Blocks on the disk and until the views have followed.
    pub fn users(&self, query: &UsersQuery) -> Result<Vec<Option<Vec<Registration>>>, ReadError> {
        self.steadily(|state| users::users(state, query, self.measure(query.depth)))
    }

    /// What a token of `app` names. Blocks likewise.
    pub fn token(&self, app: AppNo, token: &Token) -> Result<TokenNames, ReadError> {
        self.steadily(|state| users::token(state, app, token, self.measure(Depth::Measured)))
    }

    /// Devices that are in a topic. Blocks likewise.
    pub fn devices_in(&self, app: AppNo, topic: &TopicName) -> Result<u32, ReadError> {
        self.steadily(|state| users::devices_in(state, app, topic))
    }

    /// A message of `app` by its id, as far as the log is kept. Blocks on the disk.
    pub fn find(&self, app: AppNo, id: MessageId) -> Result<Option<(Position, Arc<Published>)>, ReadError> {
        Ok(self.inner.shared.log.find(id)?.filter(|(_, message)| message.app == app))
    }

    /// How a message of `app` stands. Blocks on the disk and until the views have followed.
    pub fn standing(&self, app: AppNo, id: MessageId) -> Result<Option<Standing>, ReadError> {
        let Some((at, message)) = self.find(app, id)? else { return Ok(None) };
        let now = self.now();
        self.steadily(|state| standing::standing(state, at, message, now)).map(Some)
    }

    /// What happened to a user, newest first; None: nobody has registered as this uid. Blocks likewise, and reads up to about
    /// 16 MiB of the log each way.
    pub fn timeline(&self, query: &TimelineQuery) -> Result<Option<Timeline>, ReadError> {
        match self.timeline_once(query) {
            // The log was trimmed while it was read.
            Err(ReadError::Trimmed { .. }) => self.timeline_once(query),
            told => told,
        }
    }

    fn timeline_once(&self, query: &TimelineQuery) -> Result<Option<Timeline>, ReadError> {
        let shared = &self.inner.shared;
        let first = shared.log.bounds()?.first;
        let upto = shared.progress.durable();
        shared.progress.wait_for(upto)?;
        self.with_reader(|state| {
            let Some(subject) = state.steadily(|state| state.subject(query.app, &query.uid))? else { return Ok(None) };
            let source = timeline::Source {
                read: &|after, upto| shared.read(after, upto, EVENTS_BYTES),
                published: &|at| shared.published(at),
                base: state,
                upto,
                first,
                now: self.now(),
            };
            timeline::page(&source, &subject, query).map(Some)
        })
    }

    fn measure(&self, depth: Depth) -> users::Measure<'_> {
        users::Measure { limits: &self.inner.shared.limits, now: self.now(), depth }
    }

    /// Reads one moment of the views, one in which all that is durable is in them.
    fn steadily<T>(&self, read: impl FnOnce(&StateReader) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let progress = &self.inner.shared.progress;
        progress.wait_for(progress.durable())?;
        self.with_reader(|state| state.steadily(read))
    }

    fn with_reader<T>(&self, read: impl FnOnce(&StateReader) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let idle = lock(&self.inner.readers).pop();
        let state = match idle {
            Some(state) => state,
            None => StateReader::open(&self.inner.shared.state)?,
        };
        let result = read(&state)?;
        let mut readers = lock(&self.inner.readers);
        if readers.len() < READERS_KEPT {
            readers.push(state);
        }
        Ok(result)
    }

    /// Every app and every key, as far as facts are durable.
    pub fn directory(&self) -> Arc<Directory> {
        self.inner.shared.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every sink and how far it has come, as far as facts are durable.
    pub fn sinks(&self) -> Arc<Sinks> {
        self.inner.shared.sinks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Called with each durable batch, before its answers leave; must not block.
    pub fn on_append(&self, hook: Box<dyn Fn(&Batch) + Send + Sync>) {
        self.inner.shared.hooks.write().unwrap_or_else(PoisonError::into_inner).push(hook);
    }

    /// Log time now: what every expiry is measured by.
    pub fn now(&self) -> Millis {
        self.inner.shared.time.now()
    }

    /// Everything at or below it is durable and told to the workers' feed.
    pub fn durable(&self) -> Position {
        self.inner.shared.progress.durable()
    }

    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    pub fn counters(&self) -> Counters {
        let counts = &self.inner.shared.counts;
        Counters {
            batches: counts.batches.load(Ordering::Relaxed),
            records: counts.records.load(Ordering::Relaxed),
            facts: counts.facts.load(Ordering::Relaxed),
            failed_appends: counts.failed_appends.load(Ordering::Relaxed),
            merges: counts.merges.load(Ordering::Relaxed),
            merged_facts: counts.merged_facts.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            pages: counts.pages.load(Ordering::Relaxed),
            sockets: counts.sockets.load(Ordering::Relaxed),
            undurable: counts.undurable.load(Ordering::Acquire),
            snapshots: counts.snapshots.load(Ordering::Relaxed),
            failed_snapshots: counts.failed_snapshots.load(Ordering::Relaxed),
            removed_segments: counts.removed_segments.load(Ordering::Relaxed),
        }
    }
}
