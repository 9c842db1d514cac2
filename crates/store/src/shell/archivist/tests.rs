use std::fs;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use tempfile::TempDir;
use tidings_json::Json;
use tidings_model::{
    Administer, Answer, AppNo, Attached, BroadcastQuery, Content, Draft, EventId, Lifetime, MailboxQuery, NewSink, Page, Position, Print,
    Register, Request, SinkConf, SinkId, SinkMove, SocketId, Subscribe, Subscribers, Target, TopicName, Uid, What,
};

use super::*;
use crate::log::segments::Sizes;
use crate::{Config, EventQuery, EventsError, Lane, OpenError, Owner, Store};

const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// A store of small segments, and an archivist of its own that is told the time.
struct Archive {
    dir: TempDir,
    store: Store,
    owner: Option<Owner>,
    archivist: Archivist,
    now: Millis,
}

fn message(to: Target, ttl_s: u32) -> Request {
    let data = Json::string(&"x".repeat(500));
    Request::Publish(Draft { lifetime: Lifetime::Ttl(ttl_s), ..Draft::new(AppNo::DEFAULT, to, Content::data(data)) })
}

impl Archive {
    fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        let (store, owner, archivist) = Self::open(dir.path()).expect("it opens");
        let now = store.now();
        Self { dir, store, owner: Some(owner), archivist, now }
    }

    fn open(dir: &Path) -> Result<(Store, Owner, Archivist), OpenError> {
        let limits = Limits { disk_reserve_bytes: 0, ..Limits::default() };
        let config = Config { dir: dir.to_owned(), limits, workers: 1, build: "test".to_owned(), accept_clock: false };
        let (store, owner) = Store::open_sized(config, Sizes { segment_bytes: 10_000, ..Sizes::default() })?;
        let (shared, log) = owner.parts();
        let archivist = Archivist::new(shared, log)?;
        Ok((store, owner, archivist))
    }

    fn close(&mut self) {
        self.owner.take().expect("it runs").close().expect("it closes");
    }

    fn reopen(&mut self) -> Result<(), OpenError> {
        let (store, owner, archivist) = Self::open(self.dir.path())?;
        (self.store, self.owner, self.archivist) = (store, Some(owner), archivist);
        Ok(())
    }

    fn ask(&self, request: Request) -> Answer {
        let (tell, told) = sync_channel(1);
        assert!(self.store.ask(Lane::Backends, request, Box::new(move |answer| tell.send(answer).expect("somebody waits"))).is_ok());
        told.recv().expect("every request is answered")
    }

    fn register(&self, uid: &str) -> Attached {
        let request = Register {
            app: AppNo::DEFAULT,
            uid: Uid::trusted(uid),
            device_id: None,
            print: Print(1),
            addr: [127, 0, 0, 1].into(),
            socket: SocketId(1),
        };
        match self.ask(Request::Register(request)) {
            Answer::Attached(attached) => attached,
            other => panic!("{other:?}"),
        }
    }

    fn publish(&self, to: Target, ttl_s: u32) -> Position {
        match self.ask(message(to, ttl_s)) {
            Answer::Accepted(accepted) => accepted.at,
            other => panic!("{other:?}"),
        }
    }

    /// Enough for a few segments.
    fn fill(&self) {
        for _ in 0..6 {
            let (tell, told) = sync_channel(10);
            for n in 0..10 {
                let tell = tell.clone();
                let request = message(Target::Uids(vec![Uid::trusted(&format!("nobody {n}"))]), 60);
                assert!(
                    self.store.ask(Lane::Backends, request, Box::new(move |answer| tell.send(answer).expect("somebody waits"))).is_ok()
                );
            }
            assert_eq!(told.iter().take(10).count(), 10, "every request is answered");
        }
        // A page waits until the views have followed.
        self.wide(Position::ZERO);
    }

    fn wide(&self, after: Position) -> Page {
        let query = BroadcastQuery { app: AppNo::DEFAULT, after, upto: self.store.durable(), messages_max: 10, bytes_max: 1 << 20 };
        let (tell, told) = sync_channel(1);
        assert!(self.store.broadcasts(query, Box::new(move |page| tell.send(page).expect("somebody waits"))).is_ok());
        told.recv().expect("every page is answered").expect("readable")
    }

    fn mail(&self, attached: &Attached) -> Page {
        let query = MailboxQuery {
            dev: attached.dev.expect("a device"),
            after: attached.cursor,
            upto: self.store.durable(),
            messages_max: 10,
            bytes_max: 1 << 20,
            first: true,
        };
        let (tell, told) = sync_channel(1);
        assert!(self.store.mailbox(query, Box::new(move |page| tell.send(page).expect("somebody waits"))).is_ok());
        told.recv().expect("every page is answered").expect("readable")
    }

    fn events(&self, after: Option<EventId>) -> Result<EventId, EventsError> {
        self.store.events(&EventQuery { app: Some(AppNo::DEFAULT), sink: None, after, types: None, limit: 10 }).map(|page| page.next)
    }

    /// Two snapshots a day apart, and all that is due `days` later.
    fn age(&mut self, days: u64) {
        for _ in 0..2 {
            self.publish(Target::Uids(vec![Uid::trusted("nobody")]), 60);
            self.wide(Position::ZERO);
            self.now = Millis(self.now.0 + DAY_MS);
            self.archivist.look(self.now);
        }
        self.now = Millis(self.now.0 + days * DAY_MS);
        for _ in 0..2 {
            self.now = Millis(self.now.0 + TRIM_MS);
            self.archivist.look(self.now);
        }
    }

    fn first(&self) -> u64 {
        self.archivist.log.sealed().first().map_or(u64::MAX, |segment| segment.first)
    }

    fn lose_state(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.dir.path().join(format!("state.db{suffix}")));
        }
    }
}

#[test]
fn the_log_is_trimmed_behind_two_snapshots_and_an_older_cursor_has_expired() {
    let mut archive = Archive::new();
    let attached = archive.register("42");
    let cursor = archive.events(None).expect("all of it");
    archive.fill();
    let before = archive.first();
    archive.age(8);
    assert!(archive.first() > before, "something went");
    let counters = archive.store.counters();
    assert!((counters.snapshots, counters.failed_snapshots) == (3, 0) && counters.removed_segments > 0, "{counters:?}");
    let Err(EventsError::Expired { oldest }) = archive.events(Some(cursor)) else { panic!("it is older than the log") };
    assert!(archive.events(Some(oldest)).is_ok(), "the oldest one that is named can be gone on from");
    assert!(archive.events(None).is_ok());
    // Nothing of it is needed for a start, nor for a registration that is older than the log.
    archive.close();
    archive.reopen().expect("it opens");
    assert_eq!(archive.register("42").token, attached.token);
    archive.close();
}

#[test]
fn a_sink_holds_nothing_back_and_jumps_to_where_the_log_begins_with_a_gap_of_its_own() {
    let mut archive = Archive::new();
    let new = NewSink { id: SinkId::trusted("ice"), app: None, conf: SinkConf::Ice };
    let Answer::Sink(made) = archive.ask(Request::Administer(Administer::CreateSink(new))) else { panic!("it is made") };
    archive.fill();
    archive.age(8);
    let (no, from) = (made.sink.no, made.standing.cursor);
    let query = |after| EventQuery { app: None, sink: Some(no), after: Some(after), types: None, limit: 100 };
    let Err(EventsError::Expired { oldest }) = archive.store.events(&query(from)) else { panic!("the log was trimmed") };
    let jump = SinkMove { expected: Some(from), to: Some(oldest), gap: true, ..SinkMove::of(no) };
    let Answer::Sink(moved) = archive.ask(Request::MoveSink(Box::new(jump))) else { panic!("it is moved") };
    let gap = moved.standing.gap.expect("it is owed");
    assert_eq!((gap.from, gap.to, moved.standing.cursor), (from, oldest, oldest));
    // It survives the process, and the views too, which are made anew from a snapshot.
    archive.close();
    archive.lose_state();
    archive.reopen().expect("it opens");
    assert_eq!(archive.store.sinks().get(no), Some(&moved));
    let (mut told, mut after) = (Vec::new(), oldest);
    loop {
        let page = archive.store.events(&query(after)).expect("the log goes back so far");
        told.extend(page.events.into_iter().filter(|event| matches!(event.what, What::Gap { .. })));
        if !page.more {
            break;
        }
        after = page.next;
    }
    assert_eq!(told.iter().map(|event| event.id).collect::<Vec<_>>(), [EventId { at: gap.at, n: 0 }], "told once, in its place");
    archive.close();
}

#[test]
fn views_that_are_lost_are_made_from_a_snapshot_and_the_trimmed_log() {
    let mut archive = Archive::new();
    let attached = archive.register("42");
    archive.fill();
    archive.age(8);
    let waiting = archive.publish(Target::Uids(vec![Uid::trusted("42")]), 3600);
    archive.close();
    for damage in [0, 1, 2] {
        archive.lose_state();
        // The newest snapshot is rotten, then the older one, too.
        for snapshot in archive.archivist.snapshots.list().iter().take(damage) {
            let path = archive.dir.path().join(format!("snapshots/{:020}.db", snapshot.mark.raw()));
            fs::write(path, "no database").expect("written");
        }
        let opened = archive.reopen();
        if damage == 2 {
            let error = opened.expect_err("nothing is invented");
            assert!(matches!(error, OpenError::NoGround { .. }), "{error}");
            break;
        }
        opened.expect("it opens");
        let again = archive.register("42");
        assert_eq!((&again.token, again.cursor), (&attached.token, attached.cursor));
        assert_eq!(archive.mail(&again).messages.iter().map(|stored| stored.at).collect::<Vec<_>>(), [waiting]);
        archive.close();
    }
}

#[test]
fn a_message_that_somebody_may_still_get_keeps_its_segment() {
    let mut archive = Archive::new();
    archive.fill();
    let attached = archive.register("42");
    let kept = archive.publish(Target::Uids(vec![Uid::trusted("42")]), 20 * 24 * 3600);
    archive.fill();
    let wide = archive.publish(Target::All, 25 * 24 * 3600);
    archive.fill();
    let topic = TopicName::trusted("news");
    let who = Subscribers::Uids(vec![Uid::trusted("42")]);
    archive.ask(Request::Subscribe(Subscribe { app: AppNo::DEFAULT, topic: topic.clone(), on: true, who }));
    let post = archive.publish(Target::Topic(topic), 27 * 24 * 3600);
    archive.fill();
    archive.age(8);
    assert!(archive.first() > 1 && archive.first() <= kept.record(), "what lies before it went");
    assert_eq!(archive.mail(&attached).messages.iter().map(|stored| stored.at).collect::<Vec<_>>(), [kept, wide, post]);
    archive.age(12);
    assert!(archive.first() > kept.record() && archive.first() <= wide.record(), "it went when it had expired");
    archive.age(0);
    assert!(archive.first() > wide.record() && archive.first() <= post.record(), "what is for a topic is kept like the others");
    archive.close();
}

#[test]
fn nothing_goes_without_two_snapshots_nor_in_the_first_ten_minutes() {
    let mut archive = Archive::new();
    archive.fill();
    let begin = archive.now;
    // A clock that is weeks ahead from the start on.
    archive.archivist.take_snapshot(begin).expect("made");
    archive.now = Millis(begin.0 + 60 * DAY_MS);
    for _ in 0..3 {
        archive.archivist.trim(archive.now).expect("looked");
    }
    assert_eq!(archive.first(), 1, "one snapshot is not enough");
    archive.archivist.shared.counts.merged_facts.fetch_add(SNAPSHOT_FACTS, Ordering::Relaxed);
    archive.fill();
    archive.archivist.look(begin);
    assert_eq!(archive.archivist.snapshots.list().len(), 2, "many facts are a reason for a snapshot");
    archive.archivist.look(Millis(begin.0 + 9 * MINUTE_MS));
    assert_eq!((archive.archivist.doomed, archive.first()), (0, 1));
    archive.close();
}

#[test]
fn only_two_snapshots_are_kept_and_a_stop_leaves_one_when_the_newest_is_old() {
    let mut archive = Archive::new();
    for _ in 0..4 {
        archive.fill();
        archive.now = Millis(archive.now.0 + DAY_MS);
        archive.archivist.look(archive.now);
    }
    let marks = |archive: &Archive| archive.archivist.snapshots.list().iter().map(|found| found.mark).collect::<Vec<_>>();
    assert_eq!(marks(&archive).len(), 2);
    assert_eq!(fs::read_dir(archive.dir.path().join("snapshots")).expect("listed").count(), 4, "two copies, two manifests");
    let before = marks(&archive);
    archive.archivist.stop(Millis(archive.now.0 + STOP_MS / 2));
    assert_eq!(marks(&archive), before, "the newest is young");
    archive.fill();
    archive.archivist.stop(Millis(archive.now.0 + 2 * STOP_MS));
    assert!(marks(&archive)[0] > before[0]);
    archive.close();
}

#[test]
fn events_end_where_they_are_said_to_although_the_log_goes_further_back() {
    let mut archive = Archive::new();
    archive.register("42");
    let cursor = archive.events(None).expect("all of it");
    archive.fill();
    archive.now = Millis(archive.now.0 + 7 * DAY_MS + TRIM_MS);
    archive.archivist.look(archive.now);
    assert_eq!(archive.first(), 1, "there is one snapshot, so nothing went");
    assert!(matches!(archive.events(Some(cursor)), Err(EventsError::Expired { .. })));
    let next = archive.events(None).expect("none are left");
    assert_eq!(archive.events(Some(next)), Ok(next), "its own cursor can be gone on from");
    archive.close();
}
