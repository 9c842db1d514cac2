use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use tempfile::TempDir;
use tidings_json::Json;
use tidings_model::{
    Accepted, Answer, AppNo, Attached, Code, Content, Draft, EventType, Leave, MailboxQuery, Page, Print, Proofs, Register, Request,
    SocketId, Target, Uid,
};

use super::*;
use crate::{EventQuery, Health, Lane};

fn config(dir: &Path) -> Config {
    let limits = Limits { disk_reserve_bytes: 0, ..Limits::default() };
    Config { dir: dir.to_owned(), limits, workers: 2, build: "test".to_owned(), accept_clock: false }
}

fn open(dir: &Path) -> (Store, Owner) {
    Store::open(config(dir)).expect("it opens")
}

fn ask(store: &Store, request: Request) -> Answer {
    let (tell, told) = sync_channel(1);
    let reply = Box::new(move |answer| tell.send(answer).expect("somebody waits"));
    assert!(store.ask(Lane::Backends, request, reply).is_ok(), "the lane has room");
    told.recv().expect("every request is answered")
}

fn register(store: &Store, uid: &str, socket: u64) -> Attached {
    let request = Register {
        app: AppNo::DEFAULT,
        uid: Uid::trusted(uid),
        device_id: None,
        print: Print(1),
        addr: IpAddr::from([127, 0, 0, 1]),
        socket: SocketId(socket),
    };
    match ask(store, Request::Register(request)) {
        Answer::Attached(attached) => attached,
        other => panic!("{other:?}"),
    }
}

fn publish(store: &Store, to: Target) -> Accepted {
    let draft = Draft::new(AppNo::DEFAULT, to, Content::data(Json::string("hello")));
    match ask(store, Request::Publish(draft)) {
        Answer::Accepted(accepted) => accepted,
        other => panic!("{other:?}"),
    }
}

fn to_uid(uid: &str) -> Target {
    Target::Uids(vec![Uid::trusted(uid)])
}

fn mailbox(store: &Store, attached: &Attached) -> Page {
    let query = MailboxQuery {
        dev: attached.dev.expect("a ghost"),
        after: attached.cursor,
        upto: store.durable(),
        messages_max: 64,
        bytes_max: 1 << 20,
        first: true,
    };
    let (tell, told) = sync_channel(1);
    assert!(store.mailbox(query, Box::new(move |page| tell.send(page).expect("somebody waits"))).is_ok());
    told.recv().expect("every page is answered").expect("it can be read")
}

fn events(store: &Store, kind: EventType) -> usize {
    let query = EventQuery { app: AppNo::DEFAULT, after: None, types: Some(vec![kind]), limit: 1000 };
    store.events(&query).expect("the log can be read").events.len()
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let attached = register(&store, "42", 1);
    let sent = [publish(&store, to_uid("42")).at, publish(&store, Target::All).at];
    assert_eq!(mailbox(&store, &attached).messages.iter().map(|stored| stored.at).collect::<Vec<_>>(), sent);
    owner.close().expect("it closes");

    let (store, owner) = open(dir.path());
    let again = register(&store, "42", 2);
    assert_eq!((again.token.clone(), again.dev, again.cursor), (attached.token, attached.dev, attached.cursor));
    let page = mailbox(&store, &again);
    assert_eq!(page.messages.iter().map(|stored| stored.at).collect::<Vec<_>>(), sent);
    assert_eq!(*page.messages[0].message.content, Content::data(Json::string("hello")));
    ask(&store, Request::Prove(Proofs { cursors: vec![(again.dev.expect("a ghost"), sent[1])], direct: Vec::new() }));
    assert_eq!(register(&store, "42", 3).cursor, sent[1]);
    assert_eq!(events(&store, EventType::DeviceRegistered), 1);
    owner.close().expect("it closes");
}

#[test]
fn every_caller_is_answered_also_while_it_closes() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let (tell, told) = sync_channel(1000);
    let mut taken = 0;
    for n in 0..1000 {
        let tell = tell.clone();
        let draft = Draft::new(AppNo::DEFAULT, to_uid(&format!("{n}")), Content::data(Json::null()));
        taken += usize::from(
            store.ask(Lane::Backends, Request::Publish(draft), Box::new(move |_| tell.send(()).expect("somebody waits"))).is_ok(),
        );
    }
    owner.close().expect("it closes");
    drop(tell);
    assert_eq!(told.iter().count(), taken);
    assert!(
        store.ask(Lane::Devices, Request::Leave(Leave { reg: tidings_model::RegNo(0), socket: SocketId(0) }), Box::new(|_| ())).is_err()
    );
}

#[test]
fn a_second_process_is_told_who_holds_the_folder() {
    let dir = TempDir::new().expect("a folder");
    let (_store, owner) = open(dir.path());
    // A lock of flock belongs to the open file, so the same process is refused as well.
    match Store::open(config(dir.path())).map(|_| ()) {
        Err(error @ OpenError::Locked { pid }) => {
            assert_eq!(pid, std::process::id());
            assert!(error.to_string().contains(&format!("process {pid}")));
        }
        other => panic!("{other:?}"),
    }
    owner.close().expect("it closes");
    let (_store, owner) = open(dir.path());
    owner.close().expect("it closes");
}

#[test]
fn deleting_the_views_rebuilds_them() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let attached = register(&store, "42", 1);
    let sent = publish(&store, to_uid("42")).at;
    owner.close().expect("it closes");
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(file));
    }
    let (store, owner) = open(dir.path());
    let again = register(&store, "42", 2);
    assert_eq!((again.token.clone(), again.dev), (attached.token, attached.dev));
    assert_eq!(mailbox(&store, &again).messages[0].at, sent);
    owner.close().expect("it closes");
}

#[test]
fn views_that_are_no_database_are_rebuilt() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let attached = register(&store, "42", 1);
    owner.close().expect("it closes");
    std::fs::write(dir.path().join("state.db"), b"not a database, whatever it was before, and long enough to be looked at")
        .expect("written");
    let (store, owner) = open(dir.path());
    assert_eq!(register(&store, "42", 2).token, attached.token);
    owner.close().expect("it closes");
}

#[test]
fn views_that_have_seen_more_than_the_log_are_refused() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    register(&store, "42", 1);
    owner.close().expect("it closes");
    let state = rusqlite::Connection::open(dir.path().join("state.db")).expect("it opens");
    state.execute("UPDATE meta SET v = v + 256 WHERE k = 'mark'", []).expect("written");
    drop(state);
    match Store::open(config(dir.path())).map(|_| ()) {
        Err(error @ OpenError::Behind { .. }) => assert!(error.to_string().contains("acknowledged facts are missing")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_folder_of_another_format_is_refused() {
    let dir = TempDir::new().expect("a folder");
    open(dir.path()).1.close().expect("it closes");
    std::fs::write(dir.path().join("format"), "tidings-data 2\n").expect("written");
    match Store::open(config(dir.path())).map(|_| ()) {
        Err(OpenError::Format { found, .. }) => assert_eq!(found, "tidings-data 2"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_clock_far_ahead_is_refused_and_both_times_are_said() {
    let dir = TempDir::new().expect("a folder");
    open(dir.path()).1.close().expect("it closes");
    backdate(dir.path(), 401);
    match Store::open(config(dir.path())).map(|_| ()) {
        Err(error @ OpenError::ClockAhead { .. }) => assert_eq!(error.to_string().matches('T').count(), 2, "{error}"),
        other => panic!("{other:?}"),
    }
    let (_store, owner) = Store::open(Config { accept_clock: true, ..config(dir.path()) }).expect("accepted");
    owner.close().expect("it closes");
}

#[test]
fn a_clock_that_is_behind_goes_on_from_the_last_fact() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let before = store.now();
    owner.close().expect("it closes");
    backdate(dir.path(), -2);
    let (store, owner) = open(dir.path());
    // The last fact is a moment older than `before`.
    let two_days = 2 * 86_400_000;
    let ahead = store.now().0 - before.0;
    assert!(ahead.abs_diff(two_days) < 60_000, "{ahead}");
    let sent = publish(&store, Target::All);
    assert!(sent.id.time_ms() + 60_000 > before.0 + two_days);
    owner.close().expect("it closes");
}

/// Makes the log's only record older, as a clock that jumped would find it.
fn backdate(dir: &Path, days: i64) {
    use crate::log::record::Header;
    let conn = rusqlite::Connection::open(dir.join("log/000001.db")).expect("it opens");
    conn.execute("UPDATE rec SET at = at - ?1", [days * 86_400_000]).expect("written");
    let crc: u32 = conn.query_row("SELECT crc FROM fact", [], |row| row.get(0)).expect("one fact");
    let header = conn.query_row("SELECT n, prev, epoch, writer, at FROM rec", [], |row| {
        Ok(Header {
            number: row.get::<_, i64>(0)? as u64,
            prev: row.get::<_, i64>(1)? as u64,
            epoch: row.get(2)?,
            writer: row.get::<_, i64>(3)? as u64,
            at: Millis(row.get::<_, i64>(4)? as u64),
            count: 1,
        })
    });
    conn.execute("UPDATE rec SET crc = ?1", [header.expect("one record").crc([crc])]).expect("written");
}

#[test]
fn a_worker_gets_what_concerns_it_and_reads_the_rest() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let (tell, told) = sync_channel(100);
    for worker in 0..2 {
        let tell = tell.clone();
        store.follow(worker, Box::new(move |item| tell.send((worker, item.prev, item.batch.upto)).is_ok()));
    }
    let start = store.durable();
    let attached = register(&store, "42", 1);
    let home = tidings_model::worker_of(AppNo::DEFAULT, &Uid::trusted("42"), 2);
    // Presence may have become a record of its own in the same batch.
    let (worker, prev, upto) = told.recv().expect("an item");
    assert_eq!((worker, prev), (home, start));
    assert!(upto >= Position::end_of(attached.at.record()));
    assert_eq!(store.upto(home), upto);
    assert_eq!(store.upto(1 - home), start);
    let batch = store.read(start, store.durable(), 1 << 20).expect("it can be read");
    assert!(batch.entries.iter().any(|entry| entry.at == attached.at));
    let whole = store.read(Position::ZERO, store.durable(), 1 << 20).expect("also what is older than memory");
    assert!(matches!(&*whole.entries[0].fact, tidings_model::Fact::Started(_)));
    owner.close().expect("it closes");
}

#[test]
fn a_damaged_log_is_never_skipped() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    register(&store, "42", 1);
    publish(&store, to_uid("42"));
    owner.close().expect("it closes");
    let conn = rusqlite::Connection::open(dir.path().join("log/000001.db")).expect("it opens");
    conn.execute("UPDATE fact SET body = X'22' WHERE tag = 20", []).expect("written");
    drop(conn);
    std::fs::remove_file(dir.path().join("state.db")).expect("removed");
    match Store::open(config(dir.path())).map(|_| ()) {
        Err(OpenError::Corrupt { what, .. }) => assert_eq!(what, "a fact fails its check sum"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn below_the_reserve_it_is_read_only_and_known_devices_are_served() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let attached = register(&store, "42", 1);
    owner.close().expect("it closes");
    let limits = Limits { disk_reserve_bytes: u64::MAX / 2, ..Limits::default() };
    let (store, owner) = Store::open(Config { limits, ..config(dir.path()) }).expect("it opens");
    assert_eq!(register(&store, "42", 2).token, attached.token);
    let draft = Draft::new(AppNo::DEFAULT, Target::All, Content::data(Json::null()));
    match ask(&store, Request::Publish(draft)) {
        Answer::Refused(refusal) => assert_eq!(refusal.code, Code::StorageUnavailable),
        other => panic!("{other:?}"),
    }
    assert!(matches!(store.health(), Health::ReadOnly { .. }));
    owner.close().expect("it closes");
}

#[test]
fn a_date_is_written_as_people_read_it() {
    assert_eq!(date(Millis(0)), "1970-01-01T00:00:00Z");
    assert_eq!(date(Millis(1_709_210_096_000)), "2024-02-29T12:34:56Z");
    assert_eq!(date(Millis(4_102_444_799_999)), "2099-12-31T23:59:59Z");
}

/// Waits until so many reports were told of messages; the ender looks by itself.
fn reports(store: &Store, count: usize) {
    while events(store, EventType::MessageReported) < count {
        std::thread::yield_now();
    }
}

#[test]
fn what_was_due_to_end_when_the_process_ended_is_told_by_the_next_one() {
    let dir = TempDir::new().expect("a folder");
    let (store, owner) = open(dir.path());
    let attached = register(&store, "42", 1);
    ask(&store, Request::Leave(Leave { reg: attached.reg, socket: SocketId(1) }));
    let content = tidings_model::Content { collapse_key: Some(tidings_model::CollapseKey::trusted("k")), ..Content::data(Json::null()) };
    let keyed = Draft::new(AppNo::DEFAULT, to_uid("42"), content);
    for _ in 0..3 {
        assert!(matches!(ask(&store, Request::Publish(keyed.clone())), Answer::Accepted(_)));
    }
    owner.close().expect("it closes");
    let (store, owner) = open(dir.path());
    reports(&store, 2);
    // One more is told behind them, and those not again.
    ask(&store, Request::Publish(keyed));
    reports(&store, 3);
    assert_eq!(events(&store, EventType::MessageReported), 3);
    owner.close().expect("it closes");
}
